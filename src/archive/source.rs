//! The bytes of an archive: a file that is read piece by piece, or memory.
//!
//! A file may be truncated, or its disk may fail, while it is read. So it is not mapped, which would make that a
//! signal in the middle of hours of work: chunks are read at their places. Only for the moment in which an archive is
//! opened there is a map, whose pages read as zeros where they cannot be read.

use std::borrow::Cow;
#[cfg(feature = "fs")]
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;
#[cfg(feature = "fs")]
use std::path::PathBuf;

use crate::error::Place;
use crate::format::chunk::MAX_PREFIX;
use crate::format::{Chunk, ChunkPlace, SectionHeader, SectionType};
#[cfg(feature = "fs")]
use crate::sys::Map;
use crate::{Bound, Error, Limits, Result};
#[cfg(feature = "fs")]
use crate::{Container, Found};

/// Where an archive's bytes are.
#[derive(Debug)]
pub(crate) enum Source {
    /// A regular file, as long as it was when it was opened.
    #[cfg(feature = "fs")]
    File { file: File, path: PathBuf, len: u64 },
    /// All of it.
    Memory(Vec<u8>),
}

impl Source {
    /// Opens the file at `path`, or reads into memory what can only be read in order.
    #[cfg(feature = "fs")]
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::Foreign { expected: Container::Archive, found: Found::Directory });
        }
        if metadata.is_file() {
            return Ok(Source::File { file, path: path.into(), len: metadata.len() });
        }
        Self::read(file, path, limits)
    }

    /// An open regular file; `name` stands for it in errors.
    #[cfg(feature = "fs")]
    pub(crate) fn of(file: File, name: &Path) -> Result<Self> {
        let len = file.metadata().map_err(|error| Error::io(name, error))?.len();
        Ok(Source::File { file, path: name.into(), len })
    }

    /// Reads everything; `name` stands for the reader in errors.
    pub(crate) fn read(reader: impl Read, name: &Path, limits: &Limits) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut reader = reader.take(limits.memory.saturating_add(1));
        reader.read_to_end(&mut bytes).map_err(|error| Error::io(name, error))?;
        if bytes.len() as u64 > limits.memory {
            return Err(Error::Limit {
                what: "the archive, which is no regular file and has to be read into memory,".into(),
                limit: limits.memory,
                bound: Bound::Memory,
            });
        }
        Ok(Source::Memory(bytes))
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            #[cfg(feature = "fs")]
            Source::File { len, .. } => *len,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// All bytes at once, to be let go soon.
    pub(crate) fn whole(&self) -> Result<Whole<'_>> {
        match self {
            #[cfg(feature = "fs")]
            Source::File { file, path, .. } => {
                Ok(Whole::Mapped(Map::open(file).map_err(|error| Error::io(path, error))?))
            }
            Source::Memory(bytes) => Ok(Whole::Memory(bytes)),
        }
    }

    /// The `len` bytes at `offset`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where they are not there, or not any more; [`Error::Io`].
    pub(crate) fn read_at(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        let cut_short = || Error::corrupt("the archive ends early: it was cut short");
        // Nothing is allocated for bytes that cannot be there.
        if offset.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(cut_short());
        }
        match self {
            #[cfg(feature = "fs")]
            Source::File { file, path, .. } => {
                let len = usize::try_from(len).map_err(|_| cut_short())?;
                let mut bytes = vec![0; len];
                match read_exact_at(file, &mut bytes, offset) {
                    Ok(()) => Ok(Cow::Owned(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut_short()),
                    Err(error) => Err(Error::io(path, error)),
                }
            }
            // Both fit, for the end is within the bytes.
            Source::Memory(bytes) => Ok(Cow::Borrowed(&bytes[offset as usize..][..len as usize])),
        }
    }

    /// Reads the section of the chunk at `place`, holds it to its checksum, and the index to its word.
    pub(crate) fn chunk(&self, place: &ChunkPlace) -> Result<StoredChunk<'_>> {
        self.read_chunk(place).at(SectionType::CHUNK, place.section)
    }

    fn read_chunk(&self, place: &ChunkPlace) -> Result<StoredChunk<'_>> {
        let disagreement = || Error::corrupt("the index disagrees with the sections");
        let len = u64::from(place.payload_len);
        if len > u64::from(place.raw_len) + MAX_PREFIX {
            return Err(Error::corrupt("coded bytes outnumber raw bytes"));
        }
        let bytes = self.read_at(place.section, SectionHeader::LEN as u64 + len)?;
        let header = bytes.first_chunk().ok_or_else(disagreement)?;
        let header = SectionHeader::parse(header)?;
        if (header.kind, header.len) != (SectionType::CHUNK, place.payload_len) {
            return Err(disagreement());
        }
        let payload = &bytes[SectionHeader::LEN..];
        header.verify(payload)?;
        let Chunk { coding, raw_len, raw_crc, coded } = Chunk::parse(payload)?;
        if (coding, raw_len) != (place.coding, place.raw_len) {
            return Err(disagreement());
        }
        let coded_at = bytes.len() - coded.len();
        let coded = match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[coded_at..]),
            Cow::Owned(mut bytes) => {
                bytes.drain(..coded_at);
                Cow::Owned(bytes)
            }
        };
        Ok(StoredChunk { raw_crc, coded })
    }

    /// Reads all bytes in order.
    pub(crate) fn reader(&self) -> impl Read {
        InOrder { source: self, offset: 0 }
    }
}

/// What [`ChunkPlace`] does not say of a chunk.
#[derive(Debug)]
pub(crate) struct StoredChunk<'a> {
    /// CRC-32 of the raw bytes.
    pub(crate) raw_crc: u32,
    /// The coded bytes.
    pub(crate) coded: Cow<'a, [u8]>,
}

/// All bytes of an archive in one slice.
#[derive(Debug)]
pub(crate) enum Whole<'a> {
    #[cfg(feature = "fs")]
    Mapped(Map),
    Memory(&'a [u8]),
}

impl Deref for Whole<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            #[cfg(feature = "fs")]
            Whole::Mapped(map) => map,
            Whole::Memory(bytes) => bytes,
        }
    }
}

/// A source from its first byte on.
struct InOrder<'a> {
    source: &'a Source,
    offset: u64,
}

impl Read for InOrder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = match self.source {
            #[cfg(feature = "fs")]
            Source::File { file, .. } => read_some_at(file, buffer, self.offset)?,
            Source::Memory(bytes) => {
                (&bytes[(self.offset as usize).min(bytes.len())..]).read(buffer)?
            }
        };
        self.offset += got as u64;
        Ok(got)
    }
}

/// Reads some bytes at a place.
#[cfg(all(feature = "fs", unix))]
pub(super) fn read_some_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads some bytes at a place.
#[cfg(all(feature = "fs", windows))]
pub(super) fn read_some_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Writes all bytes at a place.
#[cfg(all(feature = "fs", unix))]
pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes all bytes at a place.
#[cfg(all(feature = "fs", windows))]
pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// Fills the buffer with the bytes at a place.
#[cfg(feature = "fs")]
pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_some_at(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(got) => {
                buffer = &mut buffer[got..];
                offset += got as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(all(test, feature = "fs"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0..200_000u32).map(|index| (index / 7) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let source = Source::open(&path, &Limits::default()).unwrap();
        assert_eq!(source.len(), 200_000);
        assert_eq!(*source.read_at(100, 70_000).unwrap(), bytes[100..70_100]);
        let mut reader = source.reader();
        let mut piece = [0; 1000];
        reader.read_exact(&mut piece).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(50_000).unwrap();
        assert_eq!(*source.read_at(0, 50_000).unwrap(), bytes[..50_000]);
        for (offset, len) in [(0, 50_001), (150_000, 10), (0, u64::MAX), (u64::MAX, 2)] {
            assert!(matches!(source.read_at(offset, len), Err(Error::Corrupt(_))), "{offset} {len}");
        }
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, bytes[1000..50_000]);
    }
}

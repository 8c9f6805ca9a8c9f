//! Reading an archive in order, from a pipe or to check every byte of one.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::chunk::{Chunk, MAX_PREFIX};
use super::header::{Footer, Header, MAGIC};
use super::layout::{Content, Layout, check_len};
use super::model_file;
use super::open;
use super::packed::table_limit;
use super::section::{SectionHeader, SectionType};
use crate::error::Place;
use crate::{Bound, Error, Limits, Result};

/// What follows an archive in a pipe is read up to here, to say how much it is: a pipe may never end.
const MOST_TRAILING: u64 = 1 << 30;

/// Reads sections in order and checks everything, to the last byte.
#[derive(Debug)]
pub struct StreamReader<R> {
    reader: R,
    name: PathBuf,
    limits: Limits,
    layout: Layout,
    payload: Vec<u8>,
    /// The file of a model of which only the beginning, in `payload`, has been read, and its place.
    file: Option<(SectionHeader, u64)>,
    /// The header of the next generation's first section, which has been read.
    first: Option<[u8; SectionHeader::LEN]>,
}

/// The next section of the pipe. Ancillary sections of unknown type are passed over.
#[derive(Debug)]
pub enum Event<'a> {
    /// The parameters of a generation are known now.
    Params,
    /// One more model is known now.
    Model,
    /// The file of the model of this number comes next; [`StreamReader::model_file`] reads it, the next event passes
    /// it over.
    ModelFile(u8),
    /// A chunk; its coded bytes are valid until the next call.
    Chunk(Chunk<'a>),
    /// A generation was whole, and another one begins, which may take away what was read before. It may not be whole.
    Generation,
    /// Entries whose content is complete, by their place in [`Layout::entries`].
    Entries(Range<usize>),
}

impl<R: Read> StreamReader<R> {
    /// Reads the header. `name` stands for the reader in errors.
    pub fn new(mut reader: R, name: &Path, limits: Limits) -> Result<Self> {
        let mut bytes = [0; Header::LEN];
        read_exact(&mut reader, &mut bytes, name).at("header", 0)?;
        let layout = Layout::new(Header::parse(&bytes).at("header", 0)?);
        Ok(StreamReader { reader, name: name.into(), limits, layout, payload: Vec::new(), file: None, first: None })
    }

    /// The layout as far as it is known.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The reader, which stands behind the last section that was read, or behind the archive.
    #[cfg_attr(not(feature = "fs"), allow(dead_code))]
    pub(crate) fn into_inner(self) -> R {
        self.reader
    }

    /// Takes out the layout as far as it is known.
    #[cfg(any(test, feature = "internals"))]
    pub fn into_layout(self) -> Layout {
        self.layout
    }

    /// The next section of interest; `None` once the whole archive has been read and everything
    /// in it agrees.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        if let Some((section, offset)) = self.file.take() {
            self.skip_payload(section).at(section.kind, offset)?;
        }
        loop {
            let offset = self.layout.offset();
            let section = match self.first.take() {
                Some(bytes) => SectionHeader::parse(&bytes),
                None => {
                    let mut bytes = [0; SectionHeader::LEN];
                    let read = read_exact(&mut self.reader, &mut bytes, &self.name);
                    read.and_then(|()| SectionHeader::parse(&bytes))
                }
            };
            let section = section.at("section header", offset)?;
            self.payload.clear();
            let read = match section.kind {
                SectionType::MODEL_FILE => {
                    self.file = Some((section, offset));
                    self.read_up_to(section.len.min(model_file::NUMBER as u32))
                }
                kind if kind.is_critical() => self.read_payload(section),
                _ => self.skip_payload(section),
            };
            read.at(section.kind, offset)?;
            let known = self.layout.entries().len();
            let (kind, len) = (section.kind, section.len);
            match kind {
                SectionType::INDEX => {
                    return Ok(self.finish(section)?.then_some(Event::Generation));
                }
                SectionType::CHUNK => {
                    let chunk = Chunk::parse(&self.payload).at(kind, offset)?;
                    let content = Content::Chunk(chunk.coding, chunk.raw_len);
                    self.layout.add(kind, len, content, &self.limits)?;
                    return Ok(Some(Event::Chunk(chunk)));
                }
                _ => self.layout.add(kind, len, Content::Payload(&self.payload), &self.limits)?,
            }
            match kind {
                SectionType::PARAMS => return Ok(Some(Event::Params)),
                SectionType::MODEL => return Ok(Some(Event::Model)),
                SectionType::MODEL_FILE => {
                    let number = model_file::number(&self.payload).at(kind, offset)?;
                    return Ok(Some(Event::ModelFile(number)));
                }
                SectionType::ENTRIES => {
                    return Ok(Some(Event::Entries(known..self.layout.entries().len())));
                }
                _ => {}
            }
        }
    }

    /// Reads a critical section's payload. Memory grows with what arrives, not with the promise.
    fn read_payload(&mut self, section: SectionHeader) -> Result<()> {
        check_len(section.kind, section.len)?;
        let (most, bound) = match section.kind {
            SectionType::CHUNK => (self.limits.chunk() + MAX_PREFIX, Bound::ChunkBytes),
            SectionType::REPEATS | SectionType::ENTRIES | SectionType::INDEX => {
                (table_limit(&self.limits) + 1, Bound::Memory)
            }
            _ => (u64::from(section.len), Bound::Memory),
        };
        if u64::from(section.len) > most {
            let what = section.kind.to_string();
            return Err(Error::Limit { what, limit: most, bound });
        }
        self.read_up_to(section.len)?;
        section.verify(&self.payload)
    }

    /// Reads a payload on, up to `len` bytes.
    fn read_up_to(&mut self, len: u32) -> Result<()> {
        let left = u64::from(len).saturating_sub(self.payload.len() as u64);
        let got = (&mut self.reader)
            .take(left)
            .read_to_end(&mut self.payload)
            .map_err(|error| Error::io(&self.name, error))?;
        if got as u64 == left { Ok(()) } else { Err(ends_early()) }
    }

    /// The file of a model, after its event, if taking it out needs `room` bytes of memory at most. Only its checksum
    /// is compared. `None` where no such file comes next.
    pub fn model_file(&mut self, room: u64) -> Result<Option<Cow<'_, [u8]>>> {
        let Some((section, offset)) = self.file.take() else { return Ok(None) };
        model_file::check_room(u64::from(section.len), room)?;
        let read = self.read_up_to(section.len).and_then(|()| section.verify(&self.payload));
        read.at(section.kind, offset)?;
        model_file::unpack(&self.payload, room).at(section.kind, offset).map(Some)
    }

    /// Reads over what of a payload has not been read.
    fn skip_payload(&mut self, section: SectionHeader) -> Result<()> {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.payload);
        let mut left = u64::from(section.len) - self.payload.len() as u64;
        self.payload.clear();
        let mut buffer = [0; 8192];
        while left > 0 {
            let piece = &mut buffer[..left.min(8192) as usize];
            read_exact(&mut self.reader, piece, &self.name)?;
            crc.update(piece);
            left -= piece.len() as u64;
        }
        if crc.finalize() != section.crc {
            return Err(Error::corrupt("checksum mismatch"));
        }
        Ok(())
    }

    /// After the index: it and the footer must fit what came before. Returns whether another generation follows.
    fn finish(&mut self, section: SectionHeader) -> Result<bool> {
        self.layout.check_index(&self.payload, &self.limits)?;
        self.layout.check_generation()?;
        let mut bytes = [0; Footer::LEN];
        let offset = self.layout.offset() + section.section_len();
        read_exact(&mut self.reader, &mut bytes, &self.name).at("footer", offset)?;
        let expected = Footer {
            index_offset: self.layout.offset(),
            index_len: u32::try_from(section.section_len()).unwrap_or(u32::MAX),
            incompat: self.layout.header().incompat,
        };
        if Footer::parse(&bytes).at("footer", offset)? != expected {
            return Err(Error::corrupt("it does not fit the archive").at("footer", offset));
        }
        let end = offset + Footer::LEN as u64;
        self.layout.end_generation(end);
        let mut first = [0; SectionHeader::LEN];
        let got = read_up_to(&mut self.reader, &mut first, &self.name)?;
        if got == first.len() && first.starts_with(&SectionType::PARAMS.0) {
            self.first = Some(first);
            self.layout.begin_generation(end);
            return Ok(true);
        }
        self.check_end(&first[..got], end)?;
        self.layout.gone_entries().map(|_| false)
    }

    /// Looks at what follows the archive, which ends at `end`, up from its first bytes. Of an update that was not
    /// finished takes note; anything else fails, and says how much there is.
    fn check_end(&mut self, first: &[u8], end: u64) -> Result<()> {
        let (mut bytes, mut buffer) = (first.len() as u64, vec![0; 1 << 16]);
        let mut is_unfinished = open::may_be_unfinished(first);
        while bytes > 0 && bytes < MOST_TRAILING {
            let got = read_some(&mut self.reader, &mut buffer, &self.name)?;
            if got == 0 {
                break;
            }
            // What is longer begins with a whole section header.
            is_unfinished = false;
            bytes += got as u64;
        }
        if bytes > 0 && !is_unfinished {
            return Err(Error::Trailing { end, bytes, is_archive: first.starts_with(&MAGIC) });
        }
        self.layout.unfinished = bytes;
        Ok(())
    }
}

fn ends_early() -> Error {
    Error::corrupt("the archive ends early: it was cut short")
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8], name: &Path) -> Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(|error| Error::io(name, error)),
        }
    }
}

/// Fills the buffer as far as there are bytes; returns how many there were.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8], name: &Path) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_some(reader, &mut buffer[filled..], name)? {
            0 => break,
            got => filled += got,
        }
    }
    Ok(filled)
}

fn read_exact(reader: &mut impl Read, buffer: &mut [u8], name: &Path) -> Result<()> {
    reader.read_exact(buffer).map_err(|error| Error::read_exact(name, error, ends_early))
}

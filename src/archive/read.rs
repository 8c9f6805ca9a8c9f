//! Reading archives at any place.

use std::fs::File;
use std::io::Write;
use std::ops::Deref;
use std::path::Path;

use super::decode::{self, Verifier, decode_files};
use super::extract::check_total;
use super::{Info, TestSummary, UnpackOptions, UnpackSummary, unpack};
use crate::format::{self, Entry, EntryKind, Layout, Params, StreamReader};
use crate::kernel::mmap::Map;
use crate::{EngineOptions, Error, Limits, Progress, Result};

/// An archive that can be read at any place: a mapped file, or bytes in memory.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("notes.llz"));
/// # std::fs::write(&notes, "To be, or not to be").unwrap();
/// # let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
/// # llz::pack_to_path(&[notes], &out, false, &options, &progress)?;
/// let archive = llz::Archive::open(&out, llz::Limits::default())?;
/// for entry in archive.entries() {
///     println!("{:>9} {}", entry.size(), entry.path);
/// }
/// let path = &archive.entries()[0].path;
/// let content = archive.read_file(path, &llz::EngineOptions::default(), &progress)?;
/// assert_eq!(content, b"To be, or not to be");
///
/// let into = dir.path().join("unpacked");
/// archive.unpack(&into, &llz::UnpackOptions::default(), &progress)?;
/// assert!(into.join(path).exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Archive {
    bytes: Bytes,
    layout: Layout,
    entries: Vec<Entry>,
    limits: Limits,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Map),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Gives back the memory of what has been gone through.
    fn release(&self, end: u64) {
        if let (Bytes::Mapped(map), Ok(end)) = (self, usize::try_from(end)) {
            map.release(end);
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl Archive {
    /// Opens the archive at `path` by its index: chunks are neither read nor decoded. Fails with
    /// [`Error::Corrupt`], [`Error::Unsupported`] or [`Error::Limit`] if it cannot be trusted.
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        Self::from(Bytes::Mapped(map(path)?), limits)
    }

    /// Opens an archive held in memory; otherwise like [`Archive::open`].
    pub fn from_bytes(bytes: Vec<u8>, limits: Limits) -> Result<Self> {
        Self::from(Bytes::Owned(bytes), limits)
    }

    fn from(bytes: Bytes, limits: Limits) -> Result<Self> {
        let layout = Layout::open(&bytes, &limits)?;
        Ok(Self::with(bytes, layout, limits))
    }

    fn with(bytes: Bytes, mut layout: Layout, limits: Limits) -> Self {
        let mut entries = layout.take_entries();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Archive { bytes, layout, entries, limits }
    }

    /// Opens what is left of a truncated or damaged archive: everything completed before the first
    /// damage. The second value is that damage; `None` if there is none.
    pub fn recover(path: &Path, limits: Limits) -> Result<(Self, Option<Error>)> {
        let map = map(path)?;
        let (layout, damage) = format::recover(&map, path, limits)?;
        Ok((Self::with(Bytes::Mapped(map), layout, limits), damage))
    }

    /// All entries, sorted bytewise by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `path`.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| (*entry.path).cmp(path));
        found.ok().map(|index| &self.entries[index])
    }

    /// What the archive says about itself; nothing is decoded for it.
    pub fn info(&self) -> Info {
        let header = self.layout.header();
        let mut info = Info {
            version: (header.major, header.minor),
            params: self.params(),
            model: self.layout.model().copied(),
            files: 0,
            dirs: 0,
            symlinks: 0,
            raw_bytes: 0,
            archive_bytes: self.bytes.len() as u64,
            chunks_by_codec: Default::default(),
        };
        for entry in &self.entries {
            match entry.kind {
                EntryKind::File { .. } => info.files += 1,
                EntryKind::Directory => info.dirs += 1,
                EntryKind::Symlink { .. } => info.symlinks += 1,
            }
            info.raw_bytes = info.raw_bytes.saturating_add(entry.size());
        }
        for chunk in self.layout.chunks() {
            let tally = info.chunks_by_codec.entry(chunk.codec.name()).or_default();
            tally.add(chunk.raw_len as usize, chunk.payload_len as usize);
        }
        info
    }

    fn params(&self) -> Params {
        self.layout.params().expect("a layout that has been read has parameters")
    }

    /// Decodes everything and checks every section, checksum and hash, writing nothing.
    pub fn test(&self, engine: &EngineOptions, progress: &Progress) -> Result<TestSummary> {
        let mut reader = StreamReader::new(&*self.bytes, Path::new("archive"), self.limits)?;
        while reader.next_event()?.is_some() {
            progress.check()?;
            self.bytes.release(reader.layout().offset());
        }
        let contents = Contents::of(self.entries.iter());
        check_total(contents.total, &self.limits)?;
        // Added, for this may follow packing.
        let todo: u64 = contents.distinct.iter().map(|entry| entry.size()).sum();
        progress.set_total(progress.total() + todo);
        for entry in &contents.empty {
            Verifier::new(entry).finish()?;
        }
        let mut verifier: Option<Verifier> = None;
        self.decode(&contents.distinct, engine, progress, |entry, bytes, is_last| {
            verifier.get_or_insert_with(|| Verifier::new(entry)).update(bytes);
            match verifier.take_if(|_| is_last) {
                Some(verifier) => verifier.finish(),
                None => Ok(()),
            }
        })?;
        Ok(TestSummary {
            entries: self.entries.len() as u64,
            chunks: self.layout.chunks().len() as u64,
            raw_bytes: contents.total,
        })
    }

    /// Writes one file's content to `out`, decoding only the chunks it lies in. Returns its length
    /// in bytes. The hash is compared at the end, when `out` has it all.
    pub fn copy_file(
        &self,
        path: &str,
        out: &mut dyn Write,
        engine: &EngineOptions,
        progress: &Progress,
    ) -> Result<u64> {
        let entry = self
            .entry(path)
            .filter(|entry| is_file(entry))
            .ok_or_else(|| Error::Usage(format!("the archive has no file {path:?}")))?;
        check_total(entry.size(), &self.limits)?;
        progress.set_total(entry.size());
        let mut verifier = Verifier::new(entry);
        let wanted: &[&Entry] = if entry.size() > 0 { &[entry] } else { &[] };
        self.decode(wanted, engine, progress, |_, bytes, _| {
            verifier.update(bytes);
            out.write_all(bytes).map_err(|error| Error::io("-", error))
        })?;
        verifier.finish()?;
        Ok(entry.size())
    }

    /// One file's content.
    pub fn read_file(
        &self,
        path: &str,
        engine: &EngineOptions,
        progress: &Progress,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy_file(path, &mut bytes, engine, progress)?;
        Ok(bytes)
    }

    /// Unpacks into the directory `dest`, which is made if it does not exist.
    ///
    /// Everything is checked first, then written and verified in a private directory beside, and
    /// moved into place at the very end. Each file is replaced atomically; on any error, and when
    /// [`Progress::stop`] is called, all that was moved is moved back, so that `dest` is as it was
    /// before, with the same files and not copies. This also holds for mount points inside `dest`.
    /// A process that is killed meanwhile cannot do that: then some files are new, each of them
    /// whole, and the replaced ones lie in a directory `.llz-*` in `dest`.
    pub fn unpack(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<UnpackSummary> {
        unpack::unpack_archive(self, dest, options, progress)
    }

    /// Hands on the bytes of distinct files piece by piece; see [`decode_files`].
    pub(crate) fn decode<'e>(
        &self,
        files: &[&'e Entry],
        engine: &EngineOptions,
        progress: &Progress,
        sink: impl FnMut(&'e Entry, &[u8], bool) -> Result<()>,
    ) -> Result<()> {
        let release = |end| self.bytes.release(end);
        decode_files(&self.bytes, &self.layout, files, engine, progress, sink, release)
    }

    /// Fails with [`Error::Model`] if the model for decoding these files is not here.
    pub(crate) fn check_model(&self, engine: &EngineOptions) -> Result<()> {
        decode::engine(&self.layout, engine).map(drop)
    }
}

fn map(path: &Path) -> Result<Map> {
    let failed = |error| Error::io(path, error);
    Map::open(&File::open(path).map_err(failed)?).map_err(failed)
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File { .. })
}

/// Files by what their content takes.
#[derive(Debug, Default)]
pub(crate) struct Contents<'e> {
    /// One file for each distinct content, in the order of the raw stream.
    pub(crate) distinct: Vec<&'e Entry>,
    /// Further files, each after the one whose content it shares.
    pub(crate) copies: Vec<(&'e Entry, &'e Entry)>,
    /// Files without any.
    pub(crate) empty: Vec<&'e Entry>,
    /// Bytes of all of them.
    pub(crate) total: u64,
}

impl<'e> Contents<'e> {
    pub(crate) fn of(entries: impl Iterator<Item = &'e Entry>) -> Self {
        let mut files: Vec<(u64, &Entry)> = Vec::new();
        let mut contents = Contents::default();
        for entry in entries {
            contents.total = contents.total.saturating_add(entry.size());
            match entry.kind {
                EntryKind::File { size: 0, .. } => contents.empty.push(entry),
                EntryKind::File { offset, .. } => files.push((offset, entry)),
                EntryKind::Directory | EntryKind::Symlink { .. } => {}
            }
        }
        files.sort_by_key(|&(offset, _)| offset);
        let mut last = None;
        for (offset, entry) in files {
            match last {
                Some((start, original)) if start == offset => {
                    contents.copies.push((original, entry));
                }
                _ => {
                    contents.distinct.push(entry);
                    last = Some((offset, entry));
                }
            }
        }
        contents
    }
}

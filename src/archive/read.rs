//! Reading archives at any place.

use std::io::{BufReader, Read, Write};
use std::path::Path;

use super::contents::Contents;
use super::decode::{self, Chunks, Piece, There, Verifier, check_total, decode_files};
use super::groups::{GroupVerifier, mismatch};
use super::source::Source;
use super::{Info, TestSummary, UsedModel};
use crate::format::{Entry, EntryKind, Header, Layout, MAGIC, Params, SectionType, StreamReader};
#[cfg(feature = "fs")]
use crate::format::RawRange;
use crate::codec::{DecodeOptions, ChunkCodecs, check_file};
use crate::error::Place;
use crate::{Error, Limits, Progress, Result};

/// An archive that can be read at any place: a file, or bytes in memory. A file that is cut short or fails meanwhile
/// is an error like any other.
///
#[cfg_attr(feature = "fs", doc = "```")]
#[cfg_attr(not(feature = "fs"), doc = "```ignore")]
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("notes.llz"));
/// # std::fs::write(&notes, "To be, or not to be").unwrap();
/// # let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
/// # llz::pack_to_path(&[notes], &out, false, &options, &progress)?;
/// let archive = llz::Archive::open(&out, llz::DecodeOptions::default())?;
/// for entry in archive.entries() {
///     println!("{:>9} {}", entry.size(), entry.path);
/// }
/// let path = &archive.entries()[0].path;
/// let content = archive.read_file(path, &progress)?;
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
    source: Source,
    layout: Layout,
    /// Sorted by path.
    entries: Vec<Entry>,
    /// Entries that a later generation has deleted or replaced.
    gone: Vec<Entry>,
    options: DecodeOptions,
    /// Each is prepared when its first chunk is decoded, and kept.
    codecs: ChunkCodecs,
}

impl Archive {
    /// Opens the archive at `path` by its index: chunks are neither read nor decoded. Fails with
    /// [`Error::Corrupt`], [`Error::Unsupported`] or [`Error::Limit`] if it cannot be trusted.
    ///
    /// What is no regular file, such as a FIFO or a device, is read into memory; see
    /// [`Archive::from_reader`].
    #[cfg(feature = "fs")]
    pub fn open(path: &Path, options: DecodeOptions) -> Result<Self> {
        Self::from_source(Source::open(path, &options.limits)?, options)
    }

    /// Reads an archive to its end, such as from a pipe, into memory; otherwise like
    /// [`Archive::open`]. It may take as much as [`Limits::memory`](crate::Limits::memory).
    pub fn from_reader(reader: impl Read, options: DecodeOptions) -> Result<Self> {
        Self::from_source(Source::read(reader, Path::new("-"), &options.limits)?, options)
    }

    /// Opens an archive held in memory; otherwise like [`Archive::open`].
    pub fn from_bytes(bytes: Vec<u8>, options: DecodeOptions) -> Result<Self> {
        Self::from_source(Source::Memory(bytes), options)
    }

    pub(super) fn from_source(source: Source, options: DecodeOptions) -> Result<Self> {
        let layout = Self::layout_of(&source, &options)?;
        Self::with(source, layout, options)
    }

    /// Reads everything but the chunks.
    pub(super) fn layout_of(source: &Source, options: &DecodeOptions) -> Result<Layout> {
        let whole = source.whole()?;
        check_kind(&whole)?;
        Layout::open(&whole, &options.limits)
    }

    pub(super) fn with(source: Source, mut layout: Layout, options: DecodeOptions) -> Result<Self> {
        let (mut entries, gone) = layout.take_entries()?;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let codecs = ChunkCodecs::new(options.clone());
        Ok(Archive { source, layout, entries, gone, options, codecs })
    }

    /// Opens what is left of a damaged archive, and says what is wrong with it; nothing is if it is
    /// whole. Damage in chunks costs the files that lie there, a lost index all that comes after the
    /// damage. [`Archive::salvage`] unpacks the rest, [`Archive::damaged_files`] names what is lost.
    #[cfg(feature = "fs")]
    pub fn recover(path: &Path, options: DecodeOptions) -> Result<(Self, Vec<Error>)> {
        Self::recovered(Source::open(path, &options.limits)?, options)
    }

    /// [`Archive::recover`] for an archive in a pipe, which is read into memory.
    pub fn recover_reader(
        reader: impl Read,
        options: DecodeOptions,
    ) -> Result<(Self, Vec<Error>)> {
        Self::recovered(Source::read(reader, Path::new("-"), &options.limits)?, options)
    }

    fn recovered(source: Source, options: DecodeOptions) -> Result<(Self, Vec<Error>)> {
        let (layout, damage) = {
            let whole = source.whole()?;
            check_kind(&whole)?;
            crate::format::recover(&whole, &options.limits)?
        };
        Ok((Self::with(source, layout, options)?, damage))
    }

    /// All entries, sorted bytewise by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many generations it has: it was made as one, and each update has added one.
    pub fn generations(&self) -> u64 {
        self.layout.generations()
    }

    /// Whether entries have been deleted or replaced.
    #[cfg(feature = "fs")]
    pub(super) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Its bytes.
    #[cfg(feature = "fs")]
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// What is known of it beside its entries.
    #[cfg(feature = "fs")]
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Bytes of an update that was not finished, at the end of the file. What they hold is not in the archive. Where a
    /// copy of an archive has been cut short, they are what is left of its last update.
    pub fn unfinished(&self) -> u64 {
        self.layout.unfinished()
    }

    /// The entry at `path`.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| (*entry.path).cmp(path));
        found.ok().map(|index| &self.entries[index])
    }

    /// The entries below `path`, sorted by path.
    #[cfg(feature = "fs")]
    pub(super) fn below(&self, path: &str) -> &[Entry] {
        let prefix = format!("{path}/");
        let start = self.entries.partition_point(|entry| entry.path < prefix);
        let len = self.entries[start..].partition_point(|entry| entry.path.starts_with(&prefix));
        &self.entries[start..start + len]
    }

    /// What the archive says about itself; nothing is decoded for it.
    pub fn info(&self) -> Info {
        let header = self.layout.header();
        let mut info = Info {
            version: (header.major, header.minor),
            generations: self.layout.generations(),
            gone: self.gone.len() as u64,
            params: self.params(),
            models: self.used_models(),
            files: 0,
            dirs: 0,
            symlinks: 0,
            raw_bytes: 0,
            archive_bytes: self.source.len(),
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
            let tally = info.chunks_by_codec.entry(chunk.coding.name()).or_default();
            tally.add(chunk.raw_len as usize, chunk.payload_len as usize);
        }
        info
    }

    fn used_models(&self) -> Vec<UsedModel> {
        let numbered = (0..).zip(self.layout.models());
        let used = numbered.filter_map(|(number, model)| {
            let is_embedded = self.layout.model_file_place(number).is_some();
            Some(UsedModel { number, model: model.clone()?, is_embedded })
        });
        used.collect()
    }

    pub(super) fn params(&self) -> Params {
        self.layout.params().expect("a layout that has been read has parameters")
    }

    /// Decodes everything and checks every section, checksum and hash, writing nothing.
    pub fn test(&self, progress: &Progress) -> Result<TestSummary> {
        let mut reader = StreamReader::new(
            BufReader::new(self.source.reader().take(self.layout.end())),
            Path::new("archive"),
            self.options.limits,
        )?;
        while reader.next_event()?.is_some() {
            progress.check()?;
        }
        for place in self.layout.model_files() {
            self.model_file(place.model)?;
        }
        // What is gone is tested as well: the small files of a table have one checksum together.
        let contents = Contents::of(self.entries.iter().chain(&self.gone));
        check_total(contents.total, self.limits())?;
        // Added, for this may follow packing.
        let todo: u64 = contents.distinct.iter().map(|entry| entry.size()).sum();
        progress.set_total(progress.total() + todo);
        for entry in &contents.empty {
            Verifier::new(entry).finish()?;
        }
        let mut verifier: Option<Verifier> = None;
        self.decode(&contents.distinct, progress, false, None, |entry, piece, is_last| {
            let (Piece::Bytes(bytes) | Piece::There(bytes)) = piece else { return Ok(()) };
            verifier.get_or_insert_with(|| Verifier::new(entry)).update(bytes);
            match verifier.take_if(|_| is_last) {
                Some(verifier) => verifier.finish(),
                None => Ok(()),
            }
        })?;
        Ok(TestSummary {
            entries: self.entries.len() as u64,
            chunks: self.chunk_count(),
            raw_bytes: self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size())),
        })
    }

    /// Writes one file's content to `out`, decoding only the chunks it lies in. Returns its length
    /// in bytes. The hash is compared at the end, when `out` has it all.
    pub fn copy_file(
        &self,
        path: &str,
        out: &mut dyn Write,
        progress: &Progress,
    ) -> Result<u64> {
        let entry = self
            .entry(path)
            .filter(|entry| is_file(entry))
            .ok_or_else(|| Error::Usage(format!("the archive has no file {path:?}")))?;
        check_total(entry.size(), self.limits())?;
        progress.set_total(entry.size());
        let mut verifier = Verifier::new(entry);
        let wanted: &[&Entry] = if entry.size() > 0 { &[entry] } else { &[] };
        self.decode(wanted, progress, false, None, |_, piece, _| {
            let (Piece::Bytes(bytes) | Piece::There(bytes)) = piece else { return Ok(()) };
            verifier.update(bytes);
            out.write_all(bytes).map_err(|error| Error::io("-", error))
        })?;
        verifier.finish()?;
        Ok(entry.size())
    }

    /// One file's content.
    pub fn read_file(&self, path: &str, progress: &Progress) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy_file(path, &mut bytes, progress)?;
        Ok(bytes)
    }

    /// Hands on the content of distinct files piece by piece; see [`decode_files`]. Without
    /// `keep_going` no piece is lost or in doubt, for damage ends the work. What is `there` is not decoded.
    pub(crate) fn decode<'e>(
        &'e self,
        files: &[&'e Entry],
        progress: &Progress,
        keep_going: bool,
        there: Option<&There<'_>>,
        mut sink: impl FnMut(&'e Entry, Piece<'_>, bool) -> Result<()>,
    ) -> Result<()> {
        let mut together = GroupVerifier::default();
        let sink = |entry: &'e Entry, piece: Piece<'_>, is_last| {
            let is_content = match piece {
                Piece::Bytes(bytes) | Piece::There(bytes) => {
                    together.update(entry, bytes);
                    true
                }
                Piece::Lost(_) | Piece::Doubt(_) => {
                    together.forget();
                    false
                }
            };
            sink(entry, piece, is_last)?;
            match (is_last && is_content).then(|| together.end(self.layout.groups(), entry)).flatten() {
                None => Ok(()),
                Some(files) if keep_going => sink(entry, Piece::Doubt(&files), true),
                Some(files) => Err(mismatch(&files)),
            }
        };
        let chunks = Chunks { there, ..self.chunks(keep_going) };
        decode_files(chunks, files, &self.codecs, progress, sink)
    }

    /// Fails with [`Error::Model`] if a model for decoding these files, in the order of the raw stream, is not here.
    #[cfg(feature = "fs")]
    pub(crate) fn check_models(&self, files: &[&Entry]) -> Result<()> {
        let mut runs = decode::runs(&self.layout, files).into_iter();
        runs.try_for_each(|run| self.chunks(false).prepare(&self.codecs, run))
    }

    fn chunks(&self, keep_going: bool) -> Chunks<'_> {
        Chunks { source: &self.source, layout: &self.layout, keep_going, there: None }
    }

    /// The file of the model of this number, where the archive has it; it is held to the SHA-256 that the archive names.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a file that is damaged or another; [`Error::Limit`] where it takes more memory than
    /// allowed.
    pub fn model_file(&self, number: u8) -> Result<Option<Vec<u8>>> {
        let model = self.layout.models().get(usize::from(number)).and_then(Option::as_ref);
        let place = self.layout.model_file_place(number);
        let (Some(model), Some(place)) = (model, place) else { return Ok(None) };
        let whole = self.source.whole()?;
        let file = self.layout.model_file(&whole, place, self.codecs.room())?;
        check_file(model, &file).at(SectionType::MODEL_FILE, place.section)?;
        Ok(Some(file.into_owned()))
    }

    /// How many chunks it has.
    pub(crate) fn chunk_count(&self) -> u64 {
        self.layout.chunks().len() as u64
    }

    /// How many chunks these files, in the order of the raw stream, lie in.
    #[cfg(feature = "fs")]
    pub(crate) fn chunks_of(&self, files: &[&Entry]) -> u64 {
        decode::count_needed(&self.layout, files)
    }

    /// The ranges of the raw stream that make a file's content, in order.
    #[cfg(feature = "fs")]
    pub(crate) fn raw_ranges(&self, file: &Entry) -> impl Iterator<Item = RawRange> + '_ {
        decode::span(file).into_iter().flat_map(|span| self.layout.raw_ranges(span))
    }

    /// The bounds it was opened under.
    pub(crate) fn limits(&self) -> &Limits {
        &self.options.limits
    }
}

/// Fails if something that is too short for an archive begins like something else, such as a short stream.
pub(super) fn check_kind(bytes: &[u8]) -> Result<()> {
    let mut header = [0; Header::LEN];
    let is_short = !bytes.is_empty() && bytes.len() < header.len();
    if !is_short || MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
        return Ok(());
    }
    header[..bytes.len()].copy_from_slice(bytes);
    match Header::parse(&header) {
        Err(error @ Error::Foreign { .. }) => Err(error),
        _ => Ok(()),
    }
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File { .. })
}

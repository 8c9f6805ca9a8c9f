//! Packing: one forward pass over the planned files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::plan::{Planned, plan};
use super::policy::{System, Tree};
use super::publish::{Sink, Target};
use super::walk::{Exclude, Found, FoundKind, Own, Walk, mtime, walk};
use super::{Archive, PackOptions, PackSummary};
use crate::codec::{CodecId, Engine};
use crate::format::{
    CODER_BINARY, Chunk, Entry, EntryKind, GROUPING_BY_KIND, MODEL_SECTION_LEN, Params,
    StreamReader, Writer,
};
use crate::model::installed;
use crate::{Error, Limits, Progress, Result};

/// Packs `paths`, and all that is below them, into `out` in one forward pass.
///
/// The same files with the same options give the same bytes on every machine. Memory is bounded by
/// one batch of chunks, whatever the input's size.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let notes = dir.path().join("notes.txt");
/// std::fs::write(&notes, "All happy families are alike. ".repeat(100)).unwrap();
/// let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
/// let mut archive = Vec::new();
/// let summary = llz::pack(&[notes], &mut archive, &options, &progress)?;
/// assert_eq!(summary.files, 1);
/// assert!(archive.len() < 400);
/// # Ok(())
/// # }
/// ```
pub fn pack(
    paths: &[PathBuf],
    out: &mut dyn Write,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    let own = Own::new(options.output.as_ref(), None);
    check_model(options, &own)?;
    let walk = walk(paths, &Exclude::new(&options.exclude)?, &own, progress)?;
    pack_found(walk, out, Path::new("-"), options, progress)
}

/// Packs `paths` into the file `out`, which appears only once it is complete, read back and synced
/// to disk. Without `force` an existing file is left alone, with it replaced at that last moment.
///
/// A symbolic link at `out` stays: the file that it leads to is made or replaced. A device, a FIFO
/// or an open descriptor (`/dev/fd/N`) is written through, as it comes and without `force`, except
/// for a block device; nothing can be read back there, so `verify` is refused.
///
/// An existing `out` is never packed into itself: naming it as an input, or as the model, is an
/// error before anything is written, and it is left out where it is found in a directory.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("notes.llz"));
/// # std::fs::write(&notes, "To be, or not to be").unwrap();
/// let options = llz::PackOptions { verify: true, ..Default::default() };
/// let progress = llz::Progress::default();
/// llz::pack_to_path(&[notes], &out, false, &options, &progress)?;
/// let archive = llz::Archive::open(&out, llz::Limits::default())?;
/// assert!(archive.entries()[0].path.ends_with("notes.txt"));
/// # Ok(())
/// # }
/// ```
pub fn pack_to_path(
    paths: &[PathBuf],
    out: &Path,
    force: bool,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    let target = Target::look(out)?;
    let own = Own::new(target.id(), target.place());
    own.check(paths)?;
    check_model(options, &own)?;
    target.check(force)?;
    if target.place().is_none() && options.verify {
        let name = out.display();
        return Err(Error::Usage(format!("--verify: {name} cannot be read back; name a file")));
    }
    // Walked before the new file exists, so that it cannot be found.
    let walk = walk(paths, &Exclude::new(&options.exclude)?, &own, progress)?;
    match target.open(force, progress)? {
        Sink::Through(file) => pack_found(walk, BufWriter::new(file), out, options, progress),
        Sink::New(mut new) => {
            let summary = pack_found(walk, new.writer(), out, options, progress)?;
            verify(new.path(), out, options, progress)?;
            new.publish()?;
            Ok(summary)
        }
    }
}

/// Fails if the model's file is the archive to be written.
fn check_model(options: &PackOptions, own: &Own<'_>) -> Result<()> {
    let Some(given) = &options.engine.model else { return Ok(()) };
    let named = given.to_str().and_then(|name| installed::by_name(name).ok().flatten());
    let paths: Vec<PathBuf> =
        named.map(|model| model.path).into_iter().chain([given.clone()]).collect();
    own.check(&paths)
}

/// Reads the archive at `temp` back: all sections and checksums always, all content if asked to.
fn verify(temp: &Path, name: &Path, options: &PackOptions, progress: &Progress) -> Result<()> {
    let limits = own_limits(options);
    let file = File::open(temp).map_err(|error| Error::io(name, error))?;
    let mut reader = StreamReader::new(BufReader::new(file), name, limits)?;
    while reader.next_event()?.is_some() {
        progress.check()?;
    }
    if options.verify {
        Archive::open(temp, limits)?.test(&options.engine, progress)?;
    }
    Ok(())
}

/// Limits for reading back what this program has just written: only memory counts.
fn own_limits(options: &PackOptions) -> Limits {
    Limits {
        total_bytes: u64::MAX,
        entries: u64::MAX,
        path_bytes: u64::MAX,
        path_depth: u64::MAX,
        ..options.engine.limits
    }
}

/// Packs what a walk has found.
pub(crate) fn pack_found<W: Write>(
    walk: Walk,
    out: W,
    name: &Path,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    let engine = Engine::for_packing(options.engine.clone())?;
    let limits = options.engine.limits;
    let chunk_size = options.chunk_size.unwrap_or(engine.default_chunk_size());
    let size = match u32::try_from(chunk_size) {
        Ok(size) if size > 0 && u64::from(size) <= limits.chunk_bytes => size,
        _ => {
            return Err(Error::Usage(format!(
                "chunk size {chunk_size} is not between 1 and {} bytes",
                limits.chunk_bytes.min(u64::from(u32::MAX))
            )));
        }
    };
    check_names(&walk.found)?;
    let plan = plan(&walk.found, u64::from(size), progress)?;
    progress.set_total(plan.raw_len());
    let params = Params {
        level: options.engine.level.get(),
        chunk_size: size,
        grouping: GROUPING_BY_KIND,
        coder: CODER_BINARY,
        mixer: engine.params(),
    };
    let batch = super::decode::batch_size(&engine, &limits, size);
    let packer = Packer {
        writer: Writer::new(out, name, params)?,
        engine,
        progress,
        chunk_size,
        batch,
        cuts: plan.cuts,
        chunk: Vec::new(),
        full: Vec::new(),
        position: 0,
        written: 0,
        waiting: VecDeque::new(),
        count: 0,
        summary: PackSummary {
            skipped: walk.skipped,
            left_out: walk.left_out,
            ..PackSummary::default()
        },
    };
    packer.run(&walk.found, &plan.files)
}

/// Refuses what unpacking would refuse: two entries of one name, entries below a file or link.
fn check_names(found: &[Found]) -> Result<()> {
    let limits = Limits { entries: u64::MAX, memory: u64::MAX, ..Limits::default() };
    let mut tree = Tree::new(System::HERE, false, limits);
    found.iter().try_for_each(|item| {
        tree.add(&entry(item, [0; 32], 0, 0)).map_err(|error| match error {
            Error::Unsafe { name, why } => Error::Usage(format!(
                "{} would be stored as {name:?}: {why}",
                item.source.display()
            )),
            other => other,
        })
    })
}

/// The entry for what was found; the last three arguments count for files only.
fn entry(found: &Found, sha256: [u8; 32], offset: u64, size: u64) -> Entry {
    let kind = match &found.kind {
        FoundKind::File { .. } => EntryKind::File { size, offset, sha256 },
        FoundKind::Directory => EntryKind::Directory,
        FoundKind::Symlink { target } => EntryKind::Symlink { target: target.clone() },
    };
    Entry { path: found.path.clone(), kind, mode: found.mode, mtime: found.mtime }
}

/// A file that has been read, for those that share its content.
#[derive(Clone, Copy)]
struct Done {
    /// Its number among all entries.
    number: u64,
    offset: u64,
    size: u64,
    sha256: [u8; 32],
}

struct Packer<'a, W> {
    writer: Writer<W>,
    engine: Engine,
    progress: &'a Progress,
    chunk_size: usize,
    batch: usize,
    /// Cuts to come; see [`Plan::cuts`](super::plan::Plan::cuts).
    cuts: VecDeque<(usize, u64)>,
    /// The chunk being filled.
    chunk: Vec<u8>,
    /// Chunks waiting to be coded together.
    full: Vec<Vec<u8>>,
    /// Bytes of the raw stream that have been read.
    position: u64,
    /// Bytes of the raw stream that have been written as chunks.
    written: u64,
    /// Entries whose last bytes, up to the given place, may not have been written yet.
    waiting: VecDeque<(u64, Entry, Option<u64>)>,
    /// Entries so far, waiting ones included.
    count: u64,
    summary: PackSummary,
}

impl<W: Write> Packer<'_, W> {
    fn run(mut self, found: &[Found], files: &[Planned]) -> Result<PackSummary> {
        for item in found {
            match item.kind {
                FoundKind::File { .. } => continue,
                FoundKind::Directory => self.summary.dirs += 1,
                FoundKind::Symlink { .. } => self.summary.symlinks += 1,
            }
            self.push(entry(item, [0; 32], 0, 0), None)?;
        }
        let mut done: Vec<Option<Done>> = Vec::with_capacity(files.len());
        for (place, planned) in files.iter().enumerate() {
            let item = &found[planned.found];
            let original = planned.copy.and_then(|(original, hash)| {
                done[original].filter(|done| done.sha256 == hash && done.size == planned.size)
            });
            done.push(match original {
                Some(original) => Some(self.add_copy(item, original)?),
                None => self.add_file(item, place, planned.size)?,
            });
            // The cut after this file, and whatever a file that has shrunk did not come to.
            while self.cuts.front().is_some_and(|&(at, _)| at <= place) {
                self.cuts.pop_front();
                self.cut()?;
            }
        }
        self.cut()?;
        self.flush()?;
        self.summary.archive_bytes = self.writer.finish()?;
        Ok(self.summary)
    }

    /// Adds a file that still has, as far as known, the content of one that is already in.
    fn add_copy(&mut self, item: &Found, original: Done) -> Result<Done> {
        let back = self.count - original.number;
        let copy = Done { number: self.count, ..original };
        let entry = entry(item, copy.sha256, copy.offset, copy.size);
        self.summary.files += 1;
        self.summary.raw_bytes += copy.size;
        self.push(entry, Some(back))?;
        Ok(copy)
    }

    /// Reads a file into chunks. A file that cannot be opened is left out; one that changes is
    /// stored as it was read, at most `size` bytes; both are reported in the summary.
    fn add_file(&mut self, item: &Found, place: usize, size: u64) -> Result<Option<Done>> {
        let failed = |error| Error::io(&item.source, error);
        let mut file = match File::open(&item.source) {
            Ok(file) => file,
            Err(error) => {
                self.summary.skipped.push((item.source.clone(), error.to_string()));
                return Ok(None);
            }
        };
        let (offset, mut read) = (self.position, 0);
        let mut hasher = Sha256::new();
        while read < size {
            self.progress.check()?;
            let until_cut = match self.cuts.front() {
                Some(&(at, after)) if at == place => after.saturating_sub(read),
                _ => u64::MAX,
            };
            if until_cut == 0 {
                self.cuts.pop_front();
            }
            if until_cut == 0 || self.chunk.len() == self.chunk_size {
                self.cut()?;
                continue;
            }
            let before = self.chunk.len();
            let room = (self.chunk_size - before) as u64;
            let want = room.min(until_cut).min(size - read);
            let got = (&mut file).take(want).read_to_end(&mut self.chunk).map_err(failed)? as u64;
            hasher.update(&self.chunk[before..]);
            read += got;
            self.position += got;
            if got < want {
                break;
            }
        }
        let now = file.metadata().map_err(failed)?;
        if read != size || now.len() != size || mtime(&now) != item.mtime {
            let why = "it changed while it was read".into();
            self.summary.skipped.push((item.source.clone(), why));
        }
        let sha256 = hasher.finalize().into();
        let done = Done { number: self.count, offset, size: read, sha256 };
        self.summary.files += 1;
        self.summary.raw_bytes += read;
        self.push(entry(item, sha256, offset, read), None)?;
        Ok(Some(done))
    }

    /// Queues an entry until all its content has been written.
    fn push(&mut self, entry: Entry, copy: Option<u64>) -> Result<()> {
        self.count += 1;
        self.waiting.push_back((self.position, entry, copy));
        self.write_entries()
    }

    fn write_entries(&mut self) -> Result<()> {
        while let Some((end, entry, copy)) = self.waiting.front() {
            if *end > self.written {
                break;
            }
            self.writer.entry(entry, *copy)?;
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Ends the chunk being filled.
    fn cut(&mut self) -> Result<()> {
        if !self.chunk.is_empty() {
            self.full.push(std::mem::take(&mut self.chunk));
        }
        if self.full.len() >= self.batch { self.flush() } else { Ok(()) }
    }

    /// Codes and writes the chunks that are waiting.
    fn flush(&mut self) -> Result<()> {
        let full = std::mem::take(&mut self.full);
        let raws: Vec<&[u8]> = full.iter().map(Vec::as_slice).collect();
        let coded = self.engine.encode(&raws, self.progress)?;
        // Naming the model takes some bytes, which a few short texts may not earn.
        let earned: usize = (full.iter().zip(&coded))
            .filter(|(_, coded)| coded.codec == CodecId::Neural)
            .map(|(raw, coded)| raw.len().saturating_sub(coded.bytes.len()))
            .sum();
        let neural_pays = self.writer.has_model() || earned > MODEL_SECTION_LEN;
        for (raw, coded) in full.iter().zip(coded) {
            let is_worth = coded.codec != CodecId::Neural || neural_pays;
            // Nothing expands, whatever a codec makes of it.
            let (codec, bytes) = if is_worth && coded.bytes.len() <= raw.len() {
                (coded.codec, &coded.bytes)
            } else {
                (CodecId::Stored, raw)
            };
            if codec == CodecId::Neural && !self.writer.has_model() {
                let model = self.engine.model_ref().ok_or_else(|| {
                    Error::Model("the engine used a model that it cannot name".into())
                })?;
                self.writer.model(&model)?;
            }
            let raw_len = raw.len() as u32; // at most chunk_size, which fits
            let raw_crc = crc32fast::hash(raw);
            self.writer.chunk(Chunk { codec, raw_len, raw_crc, coded: bytes })?;
            self.written += raw.len() as u64;
            let tally = self.summary.chunks_by_codec.entry(codec.name()).or_default();
            tally.add(raw.len(), bytes.len());
        }
        self.write_entries()
    }
}

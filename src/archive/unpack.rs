//! Unpacking, from an open archive or from a pipe.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::contents::Contents;
use super::destination::Destination;
use super::decode::{self, Piece, check_total};
use super::extract::{Extractor, Output};
use super::journal::Existing;
use super::policy::{System, Tree};
use super::read::Archive;
use super::resume::{Left, There};
use super::salvage::Losses;
use super::spool::Spool;
use super::staging::Staging;
use super::{UnpackOptions, UnpackSummary};
use crate::codec::{DecodeOptions, Engine, Job};
use crate::format::{Chunk, ChunkPlace, CodecId, Entry, EntryKind, Event, Layout, StreamReader};
use crate::{Error, Progress, Result};

/// What to unpack.
struct Selection<'a> {
    /// Wanted paths, without `./` and trailing `/`; empty means everything.
    wanted: Vec<&'a str>,
    /// Which of them have been met.
    met: Vec<bool>,
}

impl<'a> Selection<'a> {
    fn new(only: &'a [String]) -> Self {
        let wanted: Vec<_> =
            (only.iter()).map(|path| path.trim_end_matches('/').trim_start_matches("./")).collect();
        Selection { met: vec![false; wanted.len()], wanted }
    }

    /// Whether an entry at `path` is wanted.
    fn takes(&mut self, path: &str) -> bool {
        let mut takes = self.wanted.is_empty();
        for (wanted, met) in self.wanted.iter().zip(&mut self.met) {
            let rest = path.strip_prefix(wanted);
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                *met = true;
                takes = true;
            }
        }
        takes
    }

    /// Fails if something wanted is not there.
    fn check_met(&self) -> Result<()> {
        match self.met.iter().position(|met| !met) {
            Some(index) => {
                Err(Error::Usage(format!("the archive has no entry {:?}", self.wanted[index])))
            }
            None => Ok(()),
        }
    }
}

/// The first component of a path.
fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

impl Archive {
    /// Unpacks into the directory `dest`, which is made if it does not exist.
    ///
    /// Everything is checked first, then written and verified in a private directory beside, and
    /// moved into place at the very end. Each file is replaced atomically; on any error, and when
    /// [`Progress::stop`] is called, all that was moved is moved back, so that `dest` is as it was
    /// before, with the same files and not copies. This also holds for mount points inside `dest`.
    /// A process that is killed meanwhile cannot do that: then some files are new, each of them
    /// whole, and the replaced ones lie in a directory `.llz-*` in `dest`.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::InTheWay`] for what is there already, [`Error::Unsafe`] for names that must not
    /// be made, and those of reading and writing.
    pub fn unpack(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<UnpackSummary> {
        unpack_archive(self, dest, options, progress, &mut Losses::default())
    }
}

/// Unpacks an archive; `losses` says what to do about damage.
pub(super) fn unpack_archive(
    archive: &Archive,
    dest: &Path,
    options: &UnpackOptions,
    progress: &Progress,
    losses: &mut Losses,
) -> Result<UnpackSummary> {
    let limits = *archive.limits();
    // All entries are judged, wanted or not: an archive with one unsafe name is not to be trusted.
    let entries = archive.entries();
    let judge = |folding| {
        let mut tree = Tree::new(System::HERE, folding, limits);
        entries.iter().try_for_each(|entry| tree.add(entry))
    };
    judge(false)?;
    let mut selection = Selection::new(&options.only);
    let mut wanted: Vec<&Entry> =
        entries.iter().filter(|entry| selection.takes(&entry.path)).collect();
    selection.check_met()?;
    check_total(wanted.iter().fold(0, |sum, entry| sum.saturating_add(entry.size())), &limits)?;
    let destination = Destination::open(dest)?;
    let mut in_place = 0;
    if options.resume {
        let mut missing = Vec::with_capacity(wanted.len());
        for entry in wanted {
            if destination.holds(entry, progress)? { in_place += 1 } else { missing.push(entry) }
        }
        wanted = missing;
    }
    let existing = existing(options);
    match existing {
        Existing::Replace => destination.check_kinds(&wanted)?,
        Existing::Merge => destination.check_merge(&wanted)?,
        Existing::Refuse => {
            let mut last = "";
            for entry in &wanted {
                // Sorted, so one name's entries are nearly all together.
                if top(&entry.path) != last {
                    last = top(&entry.path);
                    destination.check_free(last)?;
                }
            }
        }
    }
    let contents = Contents::of(wanted.iter().copied());
    if !contents.distinct.is_empty() {
        archive.check_model()?;
    }

    let staging = match options.resume {
        true => Staging::resume(destination, |tree| {
            let is_there = |entry: &&Entry| tree.is_file(&entry.path);
            contents.distinct.iter().any(is_there)
        })?,
        false => Staging::create(destination)?,
    };
    if staging.folds_case()? {
        judge(true)?;
    }
    progress.set_total(contents.distinct.iter().map(|entry| entry.size()).sum());
    let left = match options.resume {
        true => Left::in_tree(staging.tree(), &wanted)?,
        false => Left::default(),
    };
    let there = There::new(staging.tree(), &left, &contents.distinct)?;
    let there = |place: &ChunkPlace, raw_crc| there.chunk(place, raw_crc);
    let there: Option<&decode::There<'_>> = options.resume.then_some(&there);
    let mut extractor = Extractor::new(staging, limits, progress);
    extractor.go_on(left);
    if !options.preserve_permissions {
        extractor.obey_umask()?;
    }
    wanted.iter().try_for_each(|entry| extractor.add(entry))?;
    for entry in &contents.empty {
        losses.tolerate(entry, extractor.copy_from(std::io::empty(), entry))?;
    }
    let mut output: Option<Output> = None;
    let keep_going = losses.keep_going;
    archive.decode(&contents.distinct, progress, keep_going, there, |entry, piece, is_last| {
        let (bytes, is_there) = match piece {
            Piece::Bytes(bytes) => (bytes, false),
            Piece::There(bytes) => (bytes, true),
            Piece::Lost(error) => {
                losses.note(entry, error);
                return output.take().map_or(Ok(()), |output| extractor.abandon(output));
            }
        };
        let mut current = match output.take() {
            Some(output) => output,
            None => extractor.begin(entry)?,
        };
        match is_there {
            true => extractor.pass(&mut current, bytes)?,
            false => extractor.write(&mut current, bytes)?,
        }
        if is_last {
            return losses.tolerate(entry, extractor.end(current));
        }
        output = Some(current);
        Ok(())
    })?;
    for (original, entry) in contents.copies {
        if !losses.inherit(original, entry) {
            extractor.copy_staged(original, entry)?;
        }
    }
    let summary = extractor.finish(existing, &options.sources)?;
    Ok(UnpackSummary { in_place, ..summary })
}

fn existing(options: &UnpackOptions) -> Existing {
    match (options.force, options.resume) {
        (true, _) => Existing::Replace,
        (false, true) => Existing::Merge,
        (false, false) => Existing::Refuse,
    }
}

/// Unpacks an archive that arrives in order, such as from a pipe, into the directory `dest`.
///
/// As [`Archive::unpack`], but entries become known only after their content: decoded chunks wait
/// in a spool file in the staging directory until then.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let notes = dir.path().join("notes.txt");
/// # std::fs::write(&notes, "To be, or not to be").unwrap();
/// # let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
/// # let mut archive = Vec::new();
/// # llz::pack(&[notes], &mut archive, &options, &progress)?;
/// let into = dir.path().join("unpacked");
/// let (decode, unpack) = (llz::DecodeOptions::default(), llz::UnpackOptions::default());
/// let summary = llz::unpack_reader(&mut archive.as_slice(), &into, &decode, &unpack, &progress)?;
/// assert_eq!(summary.raw_bytes, 19);
/// # Ok(())
/// # }
/// ```
pub fn unpack_reader(
    reader: &mut dyn Read,
    dest: &Path,
    decode: &DecodeOptions,
    options: &UnpackOptions,
    progress: &Progress,
) -> Result<UnpackSummary> {
    let limits = decode.limits;
    if options.resume {
        let why = "an archive in a pipe cannot be unpacked from where another run stopped";
        return Err(Error::Usage(why.into()));
    }
    let sections = StreamReader::new(reader, Path::new("-"), limits)?;
    let staging = Staging::create(Destination::open(dest)?)?;
    let mut pipe = Pipe {
        tree: Tree::new(System::HERE, staging.folds_case()?, limits),
        selection: Selection::new(&options.only),
        spool: Spool::new(staging.spool()?, limits),
        extractor: Extractor::new(staging, limits, progress),
        in_work: VecDeque::new(),
        ended: false,
        staged: HashMap::new(),
        options,
    };
    if !options.preserve_permissions {
        pipe.extractor.obey_umask()?;
    }
    let (sections, pipe) = (RefCell::new(sections), RefCell::new(pipe));
    while let Some(chunk) = first_chunk(&sections, &pipe)? {
        let engine = decode::engine(sections.borrow().layout(), decode)?;
        decode_run(chunk, &engine, &sections, &pipe, progress)?;
    }
    let pipe = pipe.into_inner();
    pipe.selection.check_met()?;
    pipe.extractor.finish(existing(options), &options.sources)
}

/// Goes on to the next chunk where none is in work. `None` at the archive's end.
fn first_chunk<R: Read>(
    sections: &RefCell<StreamReader<R>>,
    pipe: &RefCell<Pipe<'_>>,
) -> Result<Option<OwnedChunk>> {
    while !pipe.borrow().ended {
        let mut reader = sections.borrow_mut();
        match reader.next_event()? {
            None => return Ok(None),
            Some(Event::Params | Event::Model) => {}
            Some(Event::Chunk(chunk)) => return Ok(Some(chunk.into())),
            Some(Event::Entries(range)) => pipe.borrow_mut().entries(reader.layout(), range)?,
        }
    }
    Ok(None)
}

/// Decodes chunks, from `first` on, until another model is named or the archive ends.
fn decode_run<R: Read>(
    first: OwnedChunk,
    engine: &Engine,
    sections: &RefCell<StreamReader<R>>,
    pipe: &RefCell<Pipe<'_>>,
    progress: &Progress,
) -> Result<()> {
    let mut first = Some(first);
    let mut over = false;
    engine.decode(
        &mut || {
            while !over {
                let chunk = match first.take() {
                    Some(chunk) => chunk,
                    None => match sections.borrow_mut().next_event()? {
                        Some(Event::Chunk(chunk)) => chunk.into(),
                        Some(Event::Params) => continue,
                        Some(Event::Entries(range)) => {
                            pipe.borrow_mut().in_work.push_back(InWork::Entries(range));
                            continue;
                        }
                        // What was sent before the model was named does not need it.
                        Some(Event::Model) => {
                            over = true;
                            continue;
                        }
                        None => {
                            (over, pipe.borrow_mut().ended) = (true, true);
                            continue;
                        }
                    },
                };
                pipe.borrow_mut().in_work.push_back(InWork::Chunk { raw_crc: chunk.raw_crc });
                let coded = Cow::Owned(chunk.coded);
                return Ok(Some(Job { codec: chunk.codec, coded, raw_len: chunk.raw_len as usize }));
            }
            Ok(None)
        },
        &mut |raw| pipe.borrow_mut().decoded(sections.borrow().layout(), raw),
        progress,
    )?;
    pipe.borrow_mut().take_entries(sections.borrow().layout())
}

/// A chunk that outlives the section it was read from.
struct OwnedChunk {
    codec: CodecId,
    raw_len: u32,
    raw_crc: u32,
    coded: Vec<u8>,
}

impl From<Chunk<'_>> for OwnedChunk {
    fn from(chunk: Chunk<'_>) -> Self {
        let Chunk { codec, raw_len, raw_crc, coded } = chunk;
        OwnedChunk { codec, raw_len, raw_crc, coded: coded.to_vec() }
    }
}

/// Something that was read and waits for what was read before it.
enum InWork {
    Chunk { raw_crc: u32 },
    /// Entries, by their place in the layout; their content lies in chunks read before.
    Entries(Range<usize>),
}

/// What is known while an archive comes through a pipe.
struct Pipe<'a> {
    tree: Tree,
    selection: Selection<'a>,
    spool: Spool,
    extractor: Extractor<'a>,
    in_work: VecDeque<InWork>,
    /// Whether the archive has been read to its end.
    ended: bool,
    /// Files whose content may have left the spool: place in the raw stream to number of entry.
    staged: HashMap<u64, usize>,
    options: &'a UnpackOptions,
}

impl Pipe<'_> {
    /// Takes in the next decoded chunk, and the entries that follow it.
    fn decoded(&mut self, layout: &Layout, raw: Result<Vec<u8>>) -> Result<()> {
        self.take_entries(layout)?;
        if let Some(InWork::Chunk { raw_crc }) = self.in_work.pop_front() {
            self.spool.push(&decode::check(raw, raw_crc)?)?;
        }
        self.take_entries(layout)
    }

    /// Takes in the entries up to the next chunk.
    fn take_entries(&mut self, layout: &Layout) -> Result<()> {
        while let Some(InWork::Entries(range)) = self.in_work.front() {
            let range = range.clone();
            self.in_work.pop_front();
            self.entries(layout, range)?;
        }
        Ok(())
    }

    /// Takes in entries whose content is on the spool, or staged already.
    fn entries(&mut self, layout: &Layout, new: Range<usize>) -> Result<()> {
        let entries = layout.entries();
        for (index, entry) in entries.iter().enumerate().take(new.end).skip(new.start) {
            self.tree.add(entry)?;
            if !self.selection.takes(&entry.path) {
                continue;
            }
            if !self.options.force {
                self.extractor.staging().destination().check_free(top(&entry.path))?;
            }
            self.extractor.add(entry)?;
            let EntryKind::File { size, offset, .. } = entry.kind else { continue };
            if size == 0 {
                self.extractor.copy_from(std::io::empty(), entry)?;
            } else if self.spool.has(offset) {
                let content = self.spool.read_at(offset)?;
                self.extractor.copy_from(content, entry)?;
                self.staged.entry(offset).or_insert(index);
            } else if let Some(&original) = self.staged.get(&offset) {
                self.extractor.copy_staged(&entries[original], entry)?;
            } else {
                return Err(Error::corrupt("content that is gone already"));
            }
        }
        // Without a selection, all content of known entries is staged now, and can be had there.
        if self.selection.wanted.is_empty() {
            self.spool.forget(layout.owned())?;
        }
        Ok(())
    }
}

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
use super::groups::{GroupVerifier, mismatch};
use super::policy::{System, Tree};
use super::read::{Archive, check_kind};
use super::resume::{Left, There};
use super::salvage::Losses;
use super::place::Placement;
use super::select::Selection;
use super::spool::Spool;
use super::staging::Staging;
use super::{UnpackOptions, UnpackPlan, UnpackSummary};
use crate::codec::{DecodeOptions, ChunkCodecs, Job};
use crate::format::{
    Chunk, ChunkPlace, Coding, Entry, EntryKind, Event, Header, Layout, RawRange, SectionType,
    StreamReader,
};
use crate::error::Place;
use crate::{Error, Progress, Result};

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

    /// Finds out what [`Archive::unpack`] would do, as far as that is known without decoding anything. Nothing is
    /// written.
    ///
    /// # Errors
    /// As [`Archive::unpack`].
    pub fn plan_unpack(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<UnpackPlan> {
        judge(self, false)?;
        let (_, placed, placement) = place(self, dest, options, progress)?;
        check_total(Contents::of(placed.iter().map(|entry| &**entry)).total, self.limits())?;
        let entries: Vec<Entry> = placed.into_iter().map(Cow::into_owned).collect();
        let mut summary = UnpackSummary::default();
        for entry in &entries {
            match entry.kind {
                EntryKind::File { .. } => summary.files += 1,
                EntryKind::Directory => summary.dirs += 1,
                EntryKind::Symlink { .. } => summary.symlinks += 1,
            }
        }
        placement.finish(&mut summary);
        Ok(UnpackPlan { entries, summary })
    }
}

/// All entries are judged, wanted or not: an archive with one unsafe name is not to be trusted.
fn judge(archive: &Archive, folding: bool) -> Result<()> {
    let mut tree = Tree::new(System::HERE, folding, *archive.limits());
    archive.entries().iter().try_for_each(|entry| tree.add(entry))
}

/// The wanted entries that are not there yet, under the paths that they get in the destination.
fn place<'e>(
    archive: &'e Archive,
    dest: &Path,
    options: &UnpackOptions,
    progress: &Progress,
) -> Result<(Destination, Vec<Cow<'e, Entry>>, Placement)> {
    let wanted = archive.select(&options.only)?;
    let destination = Destination::open(dest)?;
    let mut placement = Placement::new(options, *archive.limits());
    placement.expect(wanted.iter().copied());
    let place = |entry| placement.place(&destination, entry, progress).transpose();
    let placed = wanted.into_iter().filter_map(place).collect::<Result<_>>()?;
    placement.check()?;
    Ok((destination, placed, placement))
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
    judge(archive, false)?;
    let (destination, placed, placement) = place(archive, dest, options, progress)?;
    let entries: Vec<&Entry> = placed.iter().map(|entry| &**entry).collect();
    let contents = Contents::of(entries.iter().copied());
    check_total(contents.total, &limits)?;
    archive.check_models(&contents.distinct)?;

    let staging = match options.resume {
        true => Staging::resume(destination, |tree| {
            let is_there = |entry: &&Entry| tree.is_file(&entry.path);
            contents.distinct.iter().any(is_there)
        })?,
        false => Staging::create(destination)?,
    };
    if staging.folds_case()? {
        judge(archive, true)?;
    }
    progress.set_total(contents.distinct.iter().map(|entry| entry.size()).sum());
    let left = match options.resume {
        true => Left::in_tree(staging.tree(), &entries)?,
        false => Left::default(),
    };
    let there = There::new(staging.tree(), &left, archive, &contents.distinct)?;
    let there = |place: &ChunkPlace, raw_crc| there.chunk(place, raw_crc);
    let there: Option<&decode::There<'_>> = options.resume.then_some(&there);
    let mut extractor = Extractor::new(staging, limits, progress);
    extractor.go_on(left);
    if !options.preserve_permissions {
        extractor.obey_umask()?;
    }
    entries.iter().try_for_each(|entry| extractor.add(entry))?;
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
            Piece::Doubt(files) => {
                losses.doubt(files);
                return Ok(());
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
    let mut summary = extractor.finish(options)?;
    placement.finish(&mut summary);
    Ok(summary)
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
    let mut begin = Vec::new();
    let read = (&mut *reader).take(Header::LEN as u64).read_to_end(&mut begin);
    read.map_err(|error| Error::io("-", error))?;
    check_kind(&begin)?;
    let sections = StreamReader::new(begin.as_slice().chain(reader), Path::new("-"), limits)?;
    let staging = Staging::create(Destination::open(dest)?)?;
    let mut pipe = Pipe {
        tree: Tree::new(System::HERE, staging.folds_case()?, limits),
        selection: Selection::new(&options.only)?,
        placement: Placement::new(options, limits),
        progress,
        spool: Spool::new(staging.spool()?, limits),
        extractor: Extractor::new(staging, limits, progress),
        in_work: VecDeque::new(),
        next: None,
        file: None,
        ended: false,
        owned: 0,
        staged: HashMap::new(),
    };
    if !options.preserve_permissions {
        pipe.extractor.obey_umask()?;
    }
    let (sections, pipe) = (RefCell::new(sections), RefCell::new(pipe));
    let codecs = first_codecs(&sections, decode)?;
    while let Some(chunk) = first_chunk(&codecs, &sections, &pipe)? {
        decode_run(chunk, &codecs, &sections, &pipe, progress)?;
    }
    let pipe = pipe.into_inner();
    pipe.selection.check_met()?;
    pipe.placement.check()?;
    let mut summary = pipe.extractor.finish(options)?;
    pipe.placement.finish(&mut summary);
    Ok(summary)
}

/// Reads the parameters and prepares for them.
fn first_codecs<R: Read>(
    sections: &RefCell<StreamReader<R>>,
    decode: &DecodeOptions,
) -> Result<ChunkCodecs> {
    let mut reader = sections.borrow_mut();
    while reader.layout().params().is_none() {
        reader.next_event()?;
    }
    let params = reader.layout().params().ok_or_else(|| Error::corrupt("no section PARM"))?;
    Ok(ChunkCodecs::new(decode.clone(), params.mixer))
}

/// Takes in the file of a model that comes next in the pipe, if the model is not here.
fn take_file<R: Read>(codecs: &ChunkCodecs, reader: &mut StreamReader<R>, number: u8) -> Result<()> {
    let model = reader.layout().models().get(usize::from(number)).cloned().flatten();
    let Some(model) = model else { return Ok(()) };
    let place = reader.layout().model_file_place(number).map_or(0, |place| place.section);
    if !codecs.can_run(&model)?
        && let Some(file) = reader.model_file(codecs.room())?
    {
        codecs.supply(&model, &file).at(SectionType::MODEL_FILE, place)?;
    }
    Ok(())
}

/// Goes on to the next chunk where none is in work. `None` at the archive's end.
fn first_chunk<R: Read>(
    codecs: &ChunkCodecs,
    sections: &RefCell<StreamReader<R>>,
    pipe: &RefCell<Pipe<'_>>,
) -> Result<Option<OwnedChunk>> {
    if let Some(chunk) = pipe.borrow_mut().next.take() {
        return Ok(Some(chunk));
    }
    if let Some(number) = pipe.borrow_mut().file.take() {
        take_file(codecs, &mut sections.borrow_mut(), number)?;
    }
    while !pipe.borrow().ended {
        let mut reader = sections.borrow_mut();
        match reader.next_event()? {
            None => return Ok(None),
            Some(Event::Params | Event::Model) => {}
            Some(Event::ModelFile(number)) => take_file(codecs, &mut reader, number)?,
            Some(Event::Chunk(chunk)) => return Ok(Some(chunk.into())),
            Some(Event::Entries(range)) => pipe.borrow_mut().entries(reader.layout(), range)?,
        }
    }
    Ok(None)
}

/// Decodes chunks, from `first` on, until one needs another model or the archive ends.
fn decode_run<R: Read>(
    first: OwnedChunk,
    codecs: &ChunkCodecs,
    sections: &RefCell<StreamReader<R>>,
    pipe: &RefCell<Pipe<'_>>,
    progress: &Progress,
) -> Result<()> {
    let run = first.coding;
    let model = sections.borrow().layout().model_of(run).cloned();
    let mut first = Some(first);
    let mut over = false;
    codecs.decode(
        model.as_ref(),
        &mut || {
            while !over {
                let chunk = match first.take() {
                    Some(chunk) => chunk,
                    None => match sections.borrow_mut().next_event()? {
                        Some(Event::Chunk(chunk)) => chunk.into(),
                        Some(Event::Params | Event::Model) => continue,
                        // Its memory is counted before the next run.
                        Some(Event::ModelFile(number)) => {
                            (over, pipe.borrow_mut().file) = (true, Some(number));
                            continue;
                        }
                        Some(Event::Entries(range)) => {
                            pipe.borrow_mut().in_work.push_back(InWork::Entries(range));
                            continue;
                        }
                        None => {
                            (over, pipe.borrow_mut().ended) = (true, true);
                            continue;
                        }
                    },
                };
                if !decode::fits_run(chunk.coding, run) {
                    (over, pipe.borrow_mut().next) = (true, Some(chunk));
                    continue;
                }
                pipe.borrow_mut().in_work.push_back(InWork::Chunk { raw_crc: chunk.raw_crc });
                let coded = Cow::Owned(chunk.coded);
                return Ok(Some(Job { coding: chunk.coding, coded, raw_len: chunk.raw_len as usize }));
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
    coding: Coding,
    raw_len: u32,
    raw_crc: u32,
    coded: Vec<u8>,
}

impl From<Chunk<'_>> for OwnedChunk {
    fn from(chunk: Chunk<'_>) -> Self {
        let Chunk { coding, raw_len, raw_crc, coded } = chunk;
        OwnedChunk { coding, raw_len, raw_crc, coded: coded.to_vec() }
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
    selection: Selection,
    placement: Placement,
    progress: &'a Progress,
    spool: Spool,
    extractor: Extractor<'a>,
    in_work: VecDeque<InWork>,
    /// A chunk that has been read and needs another model than those in work.
    next: Option<OwnedChunk>,
    /// The number of a model whose file comes next.
    file: Option<u8>,
    /// Whether the archive has been read to its end.
    ended: bool,
    /// Bytes of the content stream that belong to the entries taken in so far. The layout knows of more.
    owned: u64,
    /// Files whose content may have left the spool, by its place in the content stream.
    staged: HashMap<u64, Entry>,
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
        let mut together = GroupVerifier::default();
        let selection = &mut self.selection;
        let selected = entries.iter().take(new.end).skip(new.start);
        self.placement.expect(selected.filter(|entry| selection.takes(&entry.path)));
        for entry in entries.iter().take(new.end).skip(new.start) {
            self.tree.add(entry)?;
            if let EntryKind::File { size, offset, .. } = entry.kind {
                self.owned = self.owned.max(offset.saturating_add(size));
            }
            if !self.selection.takes(&entry.path) {
                continue;
            }
            let destination = self.extractor.staging().destination();
            let Some(placed) = self.placement.place(destination, entry, self.progress)? else { continue };
            let (stored, entry) = (entry, &*placed);
            self.extractor.add(entry)?;
            let EntryKind::File { size, offset, .. } = entry.kind else { continue };
            let end = offset.saturating_add(size);
            if size == 0 {
                self.extractor.copy_from(std::io::empty(), entry)?;
            } else if layout.raw_ranges(offset..end).all(|raw| self.spool.has(&raw.range())) {
                let content = self.spool.read(layout.raw_ranges(offset..end).map(RawRange::range));
                self.extractor.copy_from(together.watch(entry, content), entry)?;
                if let Some(files) = together.end(layout.groups(), stored) {
                    return Err(mismatch(&files));
                }
                self.staged.entry(offset).or_insert_with(|| entry.clone());
            } else if let Some(original) = self.staged.get(&offset) {
                self.extractor.copy_staged(original, entry)?;
            } else {
                return Err(Error::corrupt("content that is gone already"));
            }
        }
        // Without a selection, all content of known entries is staged now, and can be had there.
        if self.selection.is_all() && self.placement.takes_all() {
            self.spool.forget(layout.spent(self.owned))?;
        }
        Ok(())
    }
}

//! Unpacking an archive that arrives in order, such as from a pipe.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path;

use super::decode::{self, Run};
use super::destination::Destination;
use super::extract::Extractor;
use super::groups::{GroupVerifier, mismatch};
use super::place::Placement;
use super::policy::{System, Tree};
use super::read::{Archive, check_kind};
use super::select::Selection;
use super::source::Source;
use super::spool::Spool;
use super::staging::Staging;
use super::{UnpackOptions, UnpackSummary};
use crate::codec::{ChunkCodecs, DecodeOptions, Job};
use crate::error::Place;
use crate::format::{
    Chunk, CoderParams, Coding, Entry, EntryKind, Event, Header, Layout, RawRange, SectionType, StreamReader,
};
use crate::{Error, Progress, Result};

/// Unpacks an archive that arrives in order, such as from a pipe, into the directory `dest`.
///
/// As [`Archive::unpack`], but entries become known only after their content: decoded chunks wait
/// in a spool file in the staging directory until then. The archive itself is kept there as well: where it turns out to
/// have been updated, what came first may not be what it holds now, so it is unpacked once more from that file.
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
    let staging = Staging::create(Destination::open(dest)?, None)?;
    let keeping = Keeping { reader: begin.as_slice().chain(reader), kept: staging.file("archive")? };
    let sections = StreamReader::new(keeping, Path::new("-"), limits)?;
    let mut pipe = Pipe {
        tree: Tree::new(System::HERE, staging.folds_case()?, limits),
        selection: Selection::new(&options.only)?,
        placement: Placement::new(options, limits),
        progress,
        spool: Spool::new(staging.file("spool")?, limits),
        extractor: Extractor::new(staging, limits, progress),
        in_work: VecDeque::new(),
        next: None,
        file: None,
        ended: false,
        is_updated: false,
        owned: 0,
        staged: HashMap::new(),
    };
    if !options.preserve_permissions {
        pipe.extractor.obey_umask()?;
    }
    let (sections, pipe) = (RefCell::new(sections), RefCell::new(pipe));
    let codecs = ChunkCodecs::new(decode.clone());
    first_params(&sections)?;
    while let Some(chunk) = first_chunk(&codecs, &sections, &pipe)? {
        decode_run(chunk, &codecs, &sections, &pipe, progress)?;
    }
    let pipe = pipe.into_inner();
    if pipe.is_updated {
        // What is staged goes away.
        drop(pipe);
        return unpack_kept(sections.into_inner().into_inner(), dest, decode, options, progress);
    }
    pipe.selection.check_met()?;
    pipe.placement.check()?;
    let mut summary = pipe.extractor.finish(options)?;
    pipe.placement.finish(&mut summary);
    summary.unfinished_bytes = sections.borrow().layout().unfinished();
    Ok(summary)
}

/// A reader that keeps what it has read.
struct Keeping<R> {
    reader: R,
    kept: File,
}

impl<R: Read> Read for Keeping<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        self.kept.write_all(&buffer[..got])?;
        Ok(got)
    }
}

/// Reads an archive to its end, keeps it, and unpacks what is kept.
fn unpack_kept<R: Read>(
    mut keeping: Keeping<R>,
    dest: &Path,
    decode: &DecodeOptions,
    options: &UnpackOptions,
    progress: &Progress,
) -> Result<UnpackSummary> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress.check()?;
        match keeping.read(&mut buffer) {
            Ok(0) => break,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(Error::io("-", error)),
            Ok(_) | Err(_) => {}
        }
    }
    let source = Source::of(keeping.kept, Path::new("-"))?;
    Archive::from_source(source, decode.clone())?.unpack(dest, options, progress)
}

/// Reads up to the parameters.
fn first_params<R: Read>(sections: &RefCell<StreamReader<R>>) -> Result<()> {
    let mut reader = sections.borrow_mut();
    while reader.layout().params().is_none() {
        reader.next_event()?;
    }
    Ok(())
}

/// The parameters of the present generation.
fn mixer(layout: &Layout) -> Result<CoderParams> {
    let params = layout.params().ok_or_else(|| Error::corrupt("no section PARM"))?;
    Ok(params.mixer)
}

/// Takes in the file of a model that comes next in the pipe, if the model is not here.
fn take_file<R: Read>(codecs: &ChunkCodecs, reader: &mut StreamReader<R>, number: u8) -> Result<()> {
    let model = reader.layout().models().get(usize::from(number)).cloned().flatten();
    let Some(model) = model else { return Ok(()) };
    let place = reader.layout().model_file_place(number).map_or(0, |place| place.section);
    let mixer = mixer(reader.layout())?;
    if !codecs.can_run(mixer, &model)?
        && let Some(file) = reader.model_file(codecs.room())?
    {
        codecs.supply(mixer, &model, &file).at(SectionType::MODEL_FILE, place)?;
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
            Some(Event::Generation) => {
                let mut pipe = pipe.borrow_mut();
                (pipe.ended, pipe.is_updated) = (true, true);
            }
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
    let run = Run { mixer: mixer(sections.borrow().layout())?, coding: first.coding };
    let model = sections.borrow().layout().model_of(run.coding).cloned();
    let mut first = Some(first);
    let mut over = false;
    codecs.decode(
        run.mixer,
        model.as_ref(),
        &mut || {
            while !over {
                let chunk = match first.take() {
                    Some(chunk) => chunk,
                    None => match sections.borrow_mut().next_event()? {
                        Some(Event::Chunk(chunk)) => chunk.into(),
                        Some(Event::Params | Event::Model) => continue,
                        Some(Event::Generation) => {
                            let mut pipe = pipe.borrow_mut();
                            (over, pipe.ended, pipe.is_updated) = (true, true, true);
                            continue;
                        }
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
                if !run.takes(run.mixer, chunk.coding) {
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
    /// Whether the archive has been read to its end, or as far as is of use.
    ended: bool,
    /// Whether the archive has been updated: another generation begins.
    is_updated: bool,
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

//! The content of files, out of the chunks that they lie in.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::kept_chunks::KeptChunks;
use super::source::Source;
use crate::codec::{ChunkCodecs, Job};
use crate::format::{Check, ChunkPlace, CoderParams, Coding, Entry, EntryKind, Layout, SectionType, lower_half};
use crate::error::Place;
use crate::{Bound, Error, Limits, Progress, Result};

/// A part of a file's content.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Its next bytes.
    Bytes(&'a [u8]),
    /// Its next bytes, which were not decoded, for they were read from its file.
    There(&'a [u8]),
    /// It cannot be had, and why; nothing more comes of the file.
    Lost(&'a Error),
    /// After the file's last bytes, where damage does not end the work: the small files of a table, of which this was
    /// the last, do not have their SHA-256 together.
    Doubt(&'a [&'a Entry]),
}

/// An archive whose chunks are to be decoded.
#[derive(Clone, Copy)]
pub(crate) struct Chunks<'a> {
    pub(crate) source: &'a Source,
    pub(crate) layout: &'a Layout,
    /// Whether a damaged chunk costs only the files that lie in it. Otherwise it ends the work.
    pub(crate) keep_going: bool,
    /// Gives the bytes of chunks that need not be decoded, by place and checksum.
    pub(crate) there: Option<&'a There<'a>>,
}

impl Chunks<'_> {
    /// Makes the chunk codec for what is coded so. A model that the caller does not have may be in the archive.
    pub(crate) fn prepare(&self, codecs: &ChunkCodecs, run: Run) -> Result<()> {
        let Chunks { source, layout, .. } = self;
        let Run { mixer, coding } = run;
        let model = layout.model_of(coding);
        let place = coding.model().and_then(|number| layout.model_file_place(number));
        if let (Some(model), Some(place)) = (model, place)
            && !codecs.can_run(mixer, model)?
        {
            let whole = source.whole()?;
            let file = layout.model_file(&whole, place, codecs.room())?;
            codecs.supply(mixer, model, &file).at(SectionType::MODEL_FILE, place.section)?;
        }
        codecs.prepare(mixer, model)
    }
}

/// What chunks have in common that are decoded side by side: the mixer's parameters and the model, if any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) mixer: CoderParams,
    pub(crate) coding: Coding,
}

impl Run {
    /// That of one chunk.
    fn of(place: &ChunkPlace) -> Self {
        Run { mixer: place.mixer, coding: place.coding }
    }

    /// Whether a chunk can be decoded with those of this run: one that has no model, or the same.
    pub(crate) fn takes(self, mixer: CoderParams, coding: Coding) -> bool {
        mixer == self.mixer && (coding.model().is_none() || coding.model() == self.coding.model())
    }
}

/// Gives the bytes of a chunk with this checksum, if they are there already.
pub(crate) type There<'a> = dyn Fn(&ChunkPlace, u32) -> Option<Vec<u8>> + 'a;

/// What is known of a chunk that waits for those before it.
enum InWork {
    /// It is decoded, and has this checksum.
    Coded(u32),
    /// It is there, with this checksum. Its bytes are read again in its turn, for many may wait.
    There(u32),
    /// It cannot be decoded.
    Lost(Error),
}

/// Decodes the chunks that `files` lie in and hands on each file's content piece by piece; the flag marks a file's
/// last piece. The files must be in the order of the content stream, none of them empty, no two at one place.
pub(crate) fn decode_files<'e>(
    chunks: Chunks<'_>,
    files: &[&'e Entry],
    codecs: &ChunkCodecs,
    progress: &Progress,
    sink: impl FnMut(&'e Entry, Piece<'_>, bool) -> Result<()>,
) -> Result<()> {
    let Chunks { source, layout, keep_going, there } = chunks;
    let parts = parts(layout, files);
    let needed = needed(&parts);
    let delivery = Delivery::new(parts, keep_going, sink);
    if needed.is_empty() {
        return delivery.finish();
    }
    let mut next_chunk = needed.iter().copied().peekable();
    let in_work: RefCell<VecDeque<(usize, InWork)>> = RefCell::default();
    let delivery = RefCell::new(delivery);
    let place = |number: usize| &layout.chunks()[number];
    let deliver = |number: usize, raw: Result<Vec<u8>>, is_there| {
        let raw = raw.at("section CHNK", place(number).section);
        delivery.borrow_mut().chunk(number, raw, is_there)
    };
    // Some chunks are not decoded; they are delivered in their places between those that are.
    let deliver_ready = || {
        loop {
            let next = {
                let mut in_work = in_work.borrow_mut();
                let next = in_work.front();
                let is_ready = next.is_some_and(|(_, next)| !matches!(next, InWork::Coded(_)));
                if is_ready { in_work.pop_front() } else { None }
            };
            match next {
                Some((number, InWork::Lost(error))) => deliver(number, Err(error), false)?,
                Some((number, InWork::There(raw_crc))) => {
                    let changed = || Error::corrupt("what was unpacked before has changed");
                    let raw = there.and_then(|there| there(place(number), raw_crc));
                    deliver(number, raw.ok_or_else(changed), true)?;
                }
                Some((_, InWork::Coded(_))) | None => return Ok(()),
            }
        }
    };
    // Chunks of several models are decoded in runs, one model after the other: only one of them works at a time.
    let coding = |number: usize| place(number).coding;
    while let Some(run) = next_run(next_chunk.clone().map(place)) {
        chunks.prepare(codecs, run)?;
        let model = layout.model_of(run.coding);
        let mut jobs = || {
            let fits = |number: &usize| run.takes(place(*number).mixer, coding(*number));
            while let Some(number) = next_chunk.next_if(fits) {
                let chunk = match source.chunk(place(number)) {
                    Ok(chunk) => chunk,
                    Err(error) if keep_going => {
                        in_work.borrow_mut().push_back((number, InWork::Lost(error)));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                // A file that turns out to be lost goes away, and what chunks after it have there with it.
                let there = there.filter(|_| !keep_going || in_work.borrow().is_empty());
                if let Some(raw) = there.and_then(|there| there(place(number), chunk.raw_crc)) {
                    progress.check()?;
                    progress.add(raw.len() as u64);
                    deliver_ready()?;
                    if in_work.borrow().is_empty() {
                        deliver(number, Ok(raw), true)?;
                    } else {
                        in_work.borrow_mut().push_back((number, InWork::There(chunk.raw_crc)));
                    }
                    continue;
                }
                in_work.borrow_mut().push_back((number, InWork::Coded(chunk.raw_crc)));
                let raw_len = place(number).raw_len as usize;
                return Ok(Some(Job { coding: coding(number), coded: chunk.coded, raw_len }));
            }
            Ok(None)
        };
        let mut sink = |raw| {
            deliver_ready()?;
            let next = in_work.borrow_mut().pop_front();
            let Some((number, InWork::Coded(raw_crc))) = next else { return Ok(()) };
            deliver(number, check(raw, raw_crc), false)
        };
        codecs.decode(run.mixer, model, &mut jobs, &mut sink, progress)?;
        deliver_ready()?;
    }
    delivery.into_inner().finish()
}

/// The run of the next chunks: the first of them with a model says which one, if they come before another mixer's.
/// `None` where no chunk is left.
fn next_run<'a>(mut chunks: impl Iterator<Item = &'a ChunkPlace>) -> Option<Run> {
    let first = Run::of(chunks.next()?);
    let same_mixer = chunks.map(Run::of).take_while(|run| run.mixer == first.mixer);
    let with_model = |run: &Run| run.coding.model().is_some();
    Some(Some(first).into_iter().chain(same_mixer).find(with_model).unwrap_or(first))
}

/// The runs that the chunks are decoded in that `files` lie in: one of each kind.
#[cfg(feature = "fs")]
pub(crate) fn runs(layout: &Layout, files: &[&Entry]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for number in needed(&parts(layout, files)) {
        let run = Run::of(&layout.chunks()[number]);
        if runs.iter().all(|known| (known.mixer, known.coding.model()) != (run.mixer, run.coding.model())) {
            runs.push(run);
        }
    }
    runs
}

/// How many chunks `files`, in the order of the content stream, lie in.
#[cfg(feature = "fs")]
pub(crate) fn count_needed(layout: &Layout, files: &[&Entry]) -> u64 {
    needed(&parts(layout, files)).len() as u64
}

/// The chunks that these parts lie in.
fn needed(parts: &[Part<'_>]) -> BTreeSet<usize> {
    parts.iter().filter_map(|part| part.chunk).collect()
}

/// A part of a file's content that lies in one chunk.
#[derive(Debug)]
pub(super) struct Part<'e> {
    entry: &'e Entry,
    /// The chunk's number; `None` where a damaged archive has none.
    pub(super) chunk: Option<usize>,
    /// Its place in the chunk.
    pub(super) range: Range<usize>,
    /// Whether these bytes are in the chunk for other content.
    pub(super) is_repeat: bool,
    is_last: bool,
}

/// The parts of the files, in order.
pub(super) fn parts<'e>(layout: &Layout, files: &[&'e Entry]) -> Vec<Part<'e>> {
    let chunks = layout.chunks();
    let mut parts = Vec::new();
    for &entry in files {
        let Some(span) = span(entry) else { continue };
        for mut raw in layout.raw_ranges(span) {
            while raw.start < raw.end {
                let next = chunks.partition_point(|chunk| chunk.raw_start <= raw.start);
                let found = next.checked_sub(1).filter(|&number| raw.start < end_of(&chunks[number]));
                let (range, end) = match found {
                    Some(number) => {
                        let (start, end) = (chunks[number].raw_start, end_of(&chunks[number]).min(raw.end));
                        // Both lie within a chunk, whose length has 32 bits.
                        ((raw.start - start) as usize..(end - start) as usize, end)
                    }
                    None => (0..0, chunks.get(next).map_or(raw.end, |chunk| chunk.raw_start.min(raw.end))),
                };
                parts.push(Part { entry, chunk: found, range, is_repeat: raw.is_repeat, is_last: false });
                raw.start = end;
            }
        }
        if let Some(last) = parts.last_mut() {
            last.is_last = true;
        }
    }
    parts
}

/// Where a chunk ends in the raw stream.
pub(super) fn end_of(chunk: &ChunkPlace) -> u64 {
    chunk.raw_start + u64::from(chunk.raw_len)
}

/// Hands on the files' content, out of chunks that come in order.
struct Delivery<'e, S> {
    parts: Vec<Part<'e>>,
    /// The part that comes next.
    next: usize,
    /// Whether the file that it belongs to is lost.
    is_lost: bool,
    keep_going: bool,
    /// For each chunk that a part needs after a part of a later chunk: the last such part.
    last_use: HashMap<usize, usize>,
    /// Chunks that have come and will be needed again.
    kept: KeptChunks,
    /// Chunks that cannot be decoded, and why.
    lost: HashMap<usize, Error>,
    sink: S,
}

impl<'e, S: FnMut(&'e Entry, Piece<'_>, bool) -> Result<()>> Delivery<'e, S> {
    fn new(parts: Vec<Part<'e>>, keep_going: bool, sink: S) -> Self {
        let mut last_use = HashMap::new();
        let mut highest = None;
        for (number, part) in parts.iter().enumerate() {
            if part.chunk < highest
                && let Some(chunk) = part.chunk
            {
                last_use.insert(chunk, number);
            }
            highest = highest.max(part.chunk);
        }
        Delivery {
            parts,
            next: 0,
            is_lost: false,
            keep_going,
            last_use,
            kept: KeptChunks::default(),
            lost: HashMap::new(),
            sink,
        }
    }

    /// Takes in the next chunk, which may be one that is there already, and hands on what can be.
    fn chunk(&mut self, number: usize, raw: Result<Vec<u8>>, is_there: bool) -> Result<()> {
        let raw = match raw {
            Ok(raw) => raw,
            Err(error) if self.keep_going => {
                self.lost.insert(number, error);
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        while let Some(part) = self.parts.get(self.next).filter(|part| part.chunk <= Some(number)) {
            let (entry, is_last) = (part.entry, part.is_last);
            if !self.is_lost {
                let is_lost = part.chunk.is_none_or(|chunk| self.lost.contains_key(&chunk));
                if is_lost {
                    self.lose_next()?;
                } else if part.chunk == Some(number) {
                    let bytes = raw.get(part.range.clone()).ok_or_else(too_short)?;
                    // The bytes of a repeat were found elsewhere, in the file that has them first.
                    let piece = match is_there && !part.is_repeat {
                        true => Piece::There(bytes),
                        false => Piece::Bytes(bytes),
                    };
                    (self.sink)(entry, piece, is_last)?;
                } else if let Some(chunk) = part.chunk {
                    let bytes = self.kept.read(chunk, part.range.clone())?;
                    (self.sink)(entry, Piece::Bytes(&bytes), is_last)?;
                }
            }
            self.is_lost &= !is_last;
            self.next += 1;
        }
        if self.last_use.get(&number).is_some_and(|&last| last >= self.next) {
            self.kept.keep(number, &raw)?;
        }
        Ok(())
    }

    /// Tells that the file of the next part is lost.
    fn lose_next(&mut self) -> Result<()> {
        let Part { entry, chunk, .. } = self.parts[self.next];
        let error = match chunk.and_then(|chunk| self.lost.get(&chunk)) {
            Some(error) => error,
            None => &Error::corrupt("its content is not there"),
        };
        if !self.keep_going {
            return Err(Error::corrupt("its content is not there"));
        }
        self.is_lost = true;
        (self.sink)(entry, Piece::Lost(error), true)
    }

    /// After the last chunk: of a damaged archive there may be files that no chunk came for.
    fn finish(mut self) -> Result<()> {
        while let Some(part) = self.parts.get(self.next) {
            let is_last = part.is_last;
            if !self.is_lost {
                self.lose_next()?;
            }
            self.is_lost &= !is_last;
            self.next += 1;
        }
        Ok(())
    }
}

fn too_short() -> Error {
    Error::corrupt("a chunk is shorter than it must be")
}

/// Fails once more bytes come out than the limits allow.
pub(crate) fn check_total(bytes: u64, limits: &Limits) -> Result<()> {
    if bytes > limits.total_bytes {
        return Err(Error::Limit {
            what: "the unpacked size".into(),
            limit: limits.total_bytes,
            bound: Bound::TotalBytes,
        });
    }
    Ok(())
}

/// Holds a decoded chunk to its checksum.
pub(crate) fn check(raw: Result<Vec<u8>>, raw_crc: u32) -> Result<Vec<u8>> {
    let raw = raw?;
    if crc32fast::hash(&raw) != raw_crc {
        return Err(Error::corrupt("a chunk does not match its checksum"));
    }
    Ok(raw)
}

/// Where a file's bytes lie in the content stream.
pub(crate) fn span(entry: &Entry) -> Option<Range<u64>> {
    match entry.kind {
        EntryKind::File { size, offset, .. } => Some(offset..offset.checked_add(size)?),
        EntryKind::Directory | EntryKind::Symlink { .. } => None,
    }
}

/// Compares a file's content with its size and checksum as it comes out.
#[derive(Debug)]
pub(crate) struct Verifier<'e> {
    entry: &'e Entry,
    hasher: Hasher,
    len: u64,
}

#[derive(Debug)]
enum Hasher {
    None,
    Crc(crc32fast::Hasher),
    Sha256(Sha256),
}

impl<'e> Verifier<'e> {
    pub(crate) fn new(entry: &'e Entry) -> Self {
        let hasher = match entry.kind {
            EntryKind::File { check: Check::Crc(_), .. } => Hasher::Crc(crc32fast::Hasher::new()),
            EntryKind::File { check: Check::Sha256(_), .. } => Hasher::Sha256(Sha256::new()),
            _ => Hasher::None,
        };
        Verifier { entry, hasher, len: 0 }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::None => {}
            Hasher::Crc(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
        self.len += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> Result<()> {
        let EntryKind::File { size, .. } = self.entry.kind else { return Ok(()) };
        let found = match self.hasher {
            _ if self.len != size => {
                return Err(Error::corrupt(format!("{:?}: another length", self.entry.path)));
            }
            Hasher::None => Check::None,
            Hasher::Crc(hasher) => Check::Crc(lower_half(hasher.finalize())),
            Hasher::Sha256(hasher) => Check::Sha256(hasher.finalize().into()),
        };
        match &self.entry.kind {
            EntryKind::File { check, .. } if *check != found => {
                let what = if check.sha256().is_some() { "SHA-256" } else { "checksum" };
                Err(Error::corrupt(format!("{:?}: {what} mismatch", self.entry.path)))
            }
            _ => Ok(()),
        }
    }
}

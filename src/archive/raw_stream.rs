//! The raw stream: the content of all files one after the other, less its long repeats, read chunk by chunk as it is
//! asked for.
//!
//! Holes of sparse files are not read, where the system says where they are. Most of a long run of zeros is a repeat of
//! its beginning. Where no repeats are looked for, such runs become chunks of their own, which are coded at once. So
//! what is said of holes never shows in the archive.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use super::PackSummary;
use super::base::{Base, Original};
use super::packer::check_total;
use super::found::{Found, FoundKind, mtime};
use super::holes::{self, Stretch};
use super::plan::{Cut, Earlier, Plan};
use super::repeat_finder::{Part, RepeatFinder};
use crate::format::{Check, Entry, EntryKind, Repeat};
use crate::{Limits, Progress, Result};

/// An entry on its way into the archive.
pub(super) struct Waiting {
    /// Bytes of the raw stream that must be written before it.
    pub end: u64,
    /// Repeats that must be written before it, counted from the archive's beginning.
    pub repeats: u64,
    pub entry: Entry,
    /// How many entries back one with the same content is.
    pub copy: Option<u64>,
    /// SHA-256 of a file's content.
    pub sha256: [u8; 32],
}

/// What reading finds out, for whoever writes.
#[derive(Default)]
pub(super) struct Findings {
    /// Entries whose last bytes may not have been written yet, in archive order.
    pub waiting: VecDeque<Waiting>,
    /// Repeats that have not been written yet.
    pub repeats: VecDeque<Repeat>,
    /// How many have been.
    pub repeats_written: u64,
    pub summary: PackSummary,
}

/// The entry for what was found; the last three arguments count for files only.
pub(super) fn entry(found: &Found, check: Check, offset: u64, size: u64) -> Entry {
    let kind = match &found.kind {
        FoundKind::File { .. } => EntryKind::File { size, offset, check },
        FoundKind::Directory => EntryKind::Directory,
        FoundKind::Symlink { target } => EntryKind::Symlink { target: target.clone() },
    };
    Entry { path: found.path.clone(), kind, mode: found.mode, mtime: found.stored_mtime }
}

/// Bytes that are read at most of a file whose size the system gives as 0. The files of `/proc` and
/// the like that have an end are far shorter; what has none must stop somewhere.
const UNSIZED: u64 = 64 << 20;

/// Bytes that are read at once.
const PIECE: u64 = 1 << 20;

/// A file being read.
struct Open {
    file: File,
    /// Bytes to read at most: its size when it was planned, or [`UNSIZED`].
    size: u64,
    /// Whether the system says that it has no bytes. Then it may have some, as in `/proc`.
    is_unsized: bool,
    /// Whether it has holes.
    is_sparse: bool,
    read: u64,
    /// Where its content begins in the content stream.
    offset: u64,
    /// Where its first byte that repeats nothing lies in the raw stream.
    raw_offset: u64,
    /// Repeats before it, counted from the archive's beginning.
    repeats: u64,
    hasher: Sha256,
    crc: crc32fast::Hasher,
}

/// How content becomes chunks.
pub(super) struct Cutting {
    /// Most raw bytes of a chunk.
    pub chunk_size: usize,
    /// What takes out long repeats.
    pub finder: Option<RepeatFinder>,
    pub limits: Limits,
}

/// Reads files in the planned order and cuts their content into chunks.
pub(super) struct RawStream<'a> {
    found: &'a [Found],
    plan: Plan,
    findings: &'a RefCell<Findings>,
    progress: &'a Progress,
    chunk_size: usize,
    limits: Limits,
    /// The file to come next, by its place in the plan.
    place: usize,
    open: Option<Open>,
    done: Vec<Option<Original>>,
    /// The chunk being filled.
    chunk: Vec<u8>,
    /// Pieces of the last one that are still to be handed out.
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of content that repeat others, since the last cut.
    repeated: u64,
    finder: Option<RepeatFinder>,
    /// Bytes just read.
    piece: Vec<u8>,
    /// Bytes of the raw stream before the first planned file. The finder does not know of them.
    begin: u64,
    /// Bytes of the content stream so far.
    content: u64,
    /// Bytes of the raw stream so far.
    position: u64,
    /// Entries so far.
    count: u64,
}

impl<'a> RawStream<'a> {
    /// The stream of the planned files, behind what there is. Entries without content are handed over at once.
    pub fn new(
        found: &'a [Found],
        plan: Plan,
        base: &Base,
        Cutting { chunk_size, finder, limits }: Cutting,
        findings: &'a RefCell<Findings>,
        progress: &'a Progress,
    ) -> Self {
        let mut stream = RawStream {
            found,
            done: Vec::with_capacity(plan.files.len()),
            plan,
            findings,
            progress,
            chunk_size,
            limits,
            place: 0,
            open: None,
            chunk: Vec::new(),
            pieces: VecDeque::new(),
            repeated: 0,
            finder,
            piece: Vec::new(),
            begin: base.raw,
            content: base.content,
            position: base.raw,
            count: base.entries,
        };
        for item in found {
            let mut findings = findings.borrow_mut();
            match item.kind {
                FoundKind::File { .. } => continue,
                FoundKind::Directory => findings.summary.dirs += 1,
                FoundKind::Symlink { .. } => findings.summary.symlinks += 1,
            }
            drop(findings);
            stream.push(entry(item, Check::None, 0, 0), None, [0; 32]);
        }
        stream
    }

    /// The next chunk; `None` after the last.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Ok(Some(piece));
        }
        loop {
            self.progress.check()?;
            let cut = match self.open.take() {
                Some(open) => {
                    let item = self.item();
                    let cut = self.read_on(open);
                    // The system may have said that the file has no bytes.
                    let read = self.open.as_ref().map_or(0, |open| open.read);
                    let total = self.findings.borrow().summary.raw_bytes + read;
                    check_total(total, item, &self.limits)?;
                    cut
                }
                None if self.place < self.plan.files.len() => self.begin()?,
                None => return Ok(self.take_chunk()),
            };
            if cut && let Some(chunk) = self.take_chunk() {
                return Ok(Some(chunk));
            }
        }
    }

    fn take_chunk(&mut self) -> Option<Vec<u8>> {
        self.repeated = 0;
        if let Some(finder) = &mut self.finder {
            finder.begin_chunk();
        }
        if self.chunk.is_empty() {
            return None;
        }
        self.pieces = holes::split(std::mem::take(&mut self.chunk));
        self.pieces.pop_front()
    }

    /// The item that the file at the present place is.
    fn item(&self) -> &'a Found {
        &self.found[self.plan.files[self.place].found]
    }

    /// Begins the next file. Returns whether to cut, as the rest of these methods do.
    fn begin(&mut self) -> Result<bool> {
        let (item, planned) = (self.item(), &self.plan.files[self.place]);
        let original = planned.copy.and_then(|earlier| match earlier {
            Earlier::There(original) => Some(original),
            Earlier::Planned(original, hash) => {
                self.done[original].filter(|done| done.sha256 == hash && done.size == planned.size)
            }
        });
        if let Some(original) = original {
            let done = self.add_copy(item, original);
            return Ok(self.end_file(Some(done)));
        }
        let is_unsized = planned.size == 0;
        let size = if is_unsized { UNSIZED } else { planned.size };
        match item.open() {
            Ok(file) => {
                if let Some(finder) = &mut self.finder {
                    finder.begin_file();
                }
                self.open = Some(Open {
                    is_sparse: holes::has_some(&file),
                    file,
                    size,
                    is_unsized,
                    read: 0,
                    offset: self.content,
                    raw_offset: self.position,
                    repeats: self.repeats(),
                    hasher: Sha256::new(),
                    crc: crc32fast::Hasher::new(),
                });
                Ok(false)
            }
            Err(error) => {
                self.skip(item, error.to_string());
                Ok(self.end_file(None))
            }
        }
    }

    fn skip(&self, item: &Found, why: String) {
        self.findings.borrow_mut().summary.skipped.push((item.source.clone(), why));
    }

    /// Notes that a file is stored otherwise than it was found.
    fn changed(&self, item: &Found, why: String) {
        self.findings.borrow_mut().summary.changed.push((item.source.clone(), why));
    }

    /// Adds a file that still has, as far as known, the content of one that is already in.
    fn add_copy(&mut self, item: &Found, original: Original) -> Original {
        let back = self.count - original.number;
        let copy = Original { number: self.count, ..original };
        let entry = entry(item, copy.check, copy.offset, copy.size);
        let mut findings = self.findings.borrow_mut();
        findings.summary.files += 1;
        findings.summary.raw_bytes += copy.size;
        drop(findings);
        self.push(entry, Some(back), copy.sha256);
        copy
    }

    /// Reads the next piece of a file.
    fn read_on(&mut self, mut open: Open) -> bool {
        if open.read >= open.size {
            return self.finish(open);
        }
        let until_cut = match self.plan.cuts.front() {
            Some(cut) if cut.file == self.place => cut.after.saturating_sub(open.read),
            _ => u64::MAX,
        };
        let is_due = until_cut == 0 && self.plan.cuts.pop_front().is_some_and(|cut| self.is_due(cut));
        if is_due || self.chunk.len() == self.chunk_size {
            self.open = Some(open);
            return true;
        }
        if until_cut == 0 {
            return self.read_on(open);
        }
        let room = (self.chunk_size - self.chunk.len()) as u64;
        let mut want = room.min(until_cut).min(open.size - open.read).min(PIECE);
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        let stretch =
            if open.is_sparse { holes::stretch_at(&open.file, open.read) } else { Stretch::Unknown };
        let outcome = match stretch {
            Stretch::Hole { end } => {
                want = want.min(end - open.read);
                piece.resize(want as usize, 0);
                open.file.seek(SeekFrom::Start(open.read + want)).map(|_| want as usize)
            }
            Stretch::Data { end } => {
                want = want.min(end - open.read);
                (&mut open.file).take(want).read_to_end(&mut piece)
            }
            Stretch::Unknown => (&mut open.file).take(want).read_to_end(&mut piece),
        };
        let got = piece.len() as u64;
        open.hasher.update(&piece);
        open.crc.update(&piece);
        open.read += got;
        self.add(&piece, open.repeats);
        self.piece = piece;
        match outcome {
            Err(error) => self.give_up(open, &error),
            Ok(_) if got < want => self.finish(open),
            Ok(_) => {
                self.open = Some(open);
                false
            }
        }
    }

    /// Whether the stream is to be cut where that was planned. Much of what was planned for this chunk may repeat what
    /// is in others; then the next one is taken in, too, if it fits.
    fn is_due(&self, cut: Cut) -> bool {
        let len = self.chunk.len() as u64;
        let is_short = self.repeated * 4 > len;
        !(is_short && cut.alike.is_some_and(|next| len + next <= self.chunk_size as u64))
    }

    /// Adds the next piece of a file before which there were so many repeats.
    fn add(&mut self, piece: &[u8], repeats_before: u64) {
        let Some(finder) = &mut self.finder else {
            self.chunk.extend(piece);
            self.position += piece.len() as u64;
            self.content += piece.len() as u64;
            return;
        };
        let mut findings = self.findings.borrow_mut();
        for part in finder.split(piece) {
            match part {
                Part::Fresh(range) => {
                    self.position += range.len() as u64;
                    self.content += range.len() as u64;
                    self.chunk.extend(&piece[range]);
                }
                Part::Repeat { from, len } => {
                    let (place, from, len) = (self.position, self.begin + from, len as u64);
                    self.content += len;
                    self.repeated += len;
                    let is_own = findings.repeats_written + findings.repeats.len() as u64 > repeats_before;
                    match findings.repeats.back_mut().filter(|_| is_own) {
                        Some(last) if (last.place, last.from + last.len) == (place, from) => last.len += len,
                        _ => findings.repeats.push_back(Repeat { place, from, len }),
                    }
                }
            }
        }
    }

    /// How many repeats there are so far.
    fn repeats(&self) -> u64 {
        let findings = self.findings.borrow();
        findings.repeats_written + findings.repeats.len() as u64
    }

    /// Ends a file that cannot be read on. If all its bytes are still in the chunk being filled, it is left out.
    /// Otherwise it is kept as far as it was read, for its bytes must belong to an entry.
    fn give_up(&mut self, open: Open, error: &std::io::Error) -> bool {
        let item = self.item();
        let raw = usize::try_from(self.position - open.raw_offset);
        let in_chunk = raw.ok().and_then(|raw| self.chunk.len().checked_sub(raw));
        if let Some(before) = in_chunk {
            self.chunk.truncate(before);
            (self.content, self.position) = (open.offset, open.raw_offset);
            if let Some(finder) = &mut self.finder {
                finder.truncate(self.position - self.begin);
            }
            // Those of a file are written after it, so none of them has been.
            let mut findings = self.findings.borrow_mut();
            let kept = (open.repeats - findings.repeats_written) as usize;
            findings.repeats.truncate(kept);
            drop(findings);
            self.skip(item, error.to_string());
            return self.end_file(None);
        }
        self.changed(item, format!("only the first {} bytes could be read: {error}", open.read));
        let done = self.add_file(item, open);
        self.end_file(Some(done))
    }

    /// Ends a file that was read to its end. One that changed is stored as it was read, at most as long as it was
    /// planned.
    fn finish(&mut self, open: Open) -> bool {
        let item = self.item();
        // A file may well end before its size, as those of `/sys` do.
        let planned = if open.is_unsized { 0 } else { open.size };
        let is_same = open
            .file
            .metadata()
            .is_ok_and(|now| now.len() == planned && mtime(&now) == item.mtime);
        let grew_as_such_files_do = open.is_unsized && open.read > 0;
        if !is_same && !grew_as_such_files_do {
            self.changed(item, "it changed while it was read".into());
        } else if open.is_unsized && open.read == open.size {
            self.changed(item, format!("only the first {UNSIZED} bytes are stored"));
        }
        let done = self.add_file(item, open);
        self.end_file(Some(done))
    }

    fn add_file(&mut self, item: &Found, open: Open) -> Original {
        let (sha256, crc) = (open.hasher.finalize().into(), open.crc.finalize());
        let check = Check::of(open.read, crc, sha256);
        let done = Original { number: self.count, offset: open.offset, size: open.read, sha256, check };
        let mut findings = self.findings.borrow_mut();
        findings.summary.files += 1;
        findings.summary.raw_bytes += done.size;
        drop(findings);
        self.push(entry(item, check, done.offset, done.size), None, sha256);
        done
    }

    /// Goes on to the next file. Cuts after this one, and those that a file that has shrunk did not come to, are due.
    fn end_file(&mut self, done: Option<Original>) -> bool {
        self.done.push(done);
        let mut cut = false;
        while let Some(&due) = self.plan.cuts.front().filter(|cut| cut.file <= self.place) {
            self.plan.cuts.pop_front();
            cut |= self.is_due(due);
        }
        self.place += 1;
        cut
    }

    /// Queues an entry until all its content has been written.
    fn push(&mut self, entry: Entry, copy: Option<u64>, sha256: [u8; 32]) {
        self.count += 1;
        let waiting = Waiting { end: self.position, repeats: self.repeats(), entry, copy, sha256 };
        self.findings.borrow_mut().waiting.push_back(waiting);
    }
}

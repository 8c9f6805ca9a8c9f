//! The raw stream: the content of all files one after the other, read chunk by chunk as it is asked for.
//!
//! Holes of sparse files are not read, where the system says where they are. Long runs of zeros, holes or not, become
//! chunks of their own, which are coded at once: so what is said of holes never shows in the archive.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use super::PackSummary;
use super::holes::{self, Part};
use super::plan::Plan;
use super::walk::{Found, FoundKind, mtime};
use crate::format::{Entry, EntryKind};
use crate::{Progress, Result};

/// An entry on its way into the archive.
pub(super) struct Waiting {
    /// Bytes of the raw stream that must be written before it.
    pub end: u64,
    pub entry: Entry,
    /// How many entries back one with the same content is.
    pub copy: Option<u64>,
}

/// What reading finds out, for whoever writes.
#[derive(Default)]
pub(super) struct Findings {
    /// Entries whose last bytes may not have been written yet, in archive order.
    pub waiting: VecDeque<Waiting>,
    pub summary: PackSummary,
}

/// The entry for what was found; the last three arguments count for files only.
pub(super) fn entry(found: &Found, sha256: [u8; 32], offset: u64, size: u64) -> Entry {
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

/// Bytes that are read at most of a file whose size the system gives as 0. The files of `/proc` and
/// the like that have an end are far shorter; what has none must stop somewhere.
const UNSIZED: u64 = 64 << 20;

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
    /// Where its content begins in the raw stream.
    offset: u64,
    hasher: Sha256,
}

/// Reads files in the planned order and cuts their content into chunks.
pub(super) struct RawStream<'a> {
    found: &'a [Found],
    plan: Plan,
    findings: &'a RefCell<Findings>,
    progress: &'a Progress,
    chunk_size: usize,
    /// The file to come next, by its place in the plan.
    place: usize,
    open: Option<Open>,
    done: Vec<Option<Done>>,
    /// The chunk being filled.
    chunk: Vec<u8>,
    /// Pieces of the last one that are still to be handed out.
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the raw stream read so far.
    position: u64,
    /// Entries so far.
    count: u64,
}

impl<'a> RawStream<'a> {
    /// The stream of the planned files. Entries without content are handed over at once.
    pub fn new(
        found: &'a [Found],
        plan: Plan,
        chunk_size: usize,
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
            place: 0,
            open: None,
            chunk: Vec::new(),
            pieces: VecDeque::new(),
            position: 0,
            count: 0,
        };
        for item in found {
            let mut findings = findings.borrow_mut();
            match item.kind {
                FoundKind::File { .. } => continue,
                FoundKind::Directory => findings.summary.dirs += 1,
                FoundKind::Symlink { .. } => findings.summary.symlinks += 1,
            }
            drop(findings);
            stream.push(entry(item, [0; 32], 0, 0), None);
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
                Some(open) => self.read_on(open),
                None if self.place < self.plan.files.len() => self.begin()?,
                None => return Ok(self.take_chunk()),
            };
            if cut && let Some(chunk) = self.take_chunk() {
                return Ok(Some(chunk));
            }
        }
    }

    fn take_chunk(&mut self) -> Option<Vec<u8>> {
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
        let original = planned.copy.and_then(|(original, hash)| {
            self.done[original].filter(|done| done.sha256 == hash && done.size == planned.size)
        });
        if let Some(original) = original {
            let done = self.add_copy(item, original);
            return Ok(self.end_file(Some(done)));
        }
        let is_unsized = planned.size == 0;
        let size = if is_unsized { UNSIZED } else { planned.size };
        match File::open(&item.source) {
            Ok(file) => {
                let (offset, hasher) = (self.position, Sha256::new());
                let is_sparse = holes::has_some(&file);
                self.open =
                    Some(Open { file, size, is_unsized, is_sparse, read: 0, offset, hasher });
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
    fn add_copy(&mut self, item: &Found, original: Done) -> Done {
        let back = self.count - original.number;
        let copy = Done { number: self.count, ..original };
        let entry = entry(item, copy.sha256, copy.offset, copy.size);
        let mut findings = self.findings.borrow_mut();
        findings.summary.files += 1;
        findings.summary.raw_bytes += copy.size;
        drop(findings);
        self.push(entry, Some(back));
        copy
    }

    /// Reads the next piece of a file.
    fn read_on(&mut self, mut open: Open) -> bool {
        if open.read >= open.size {
            return self.finish(open);
        }
        let until_cut = match self.plan.cuts.front() {
            Some(&(at, after)) if at == self.place => after.saturating_sub(open.read),
            _ => u64::MAX,
        };
        if until_cut == 0 {
            self.plan.cuts.pop_front();
        }
        if until_cut == 0 || self.chunk.len() == self.chunk_size {
            self.open = Some(open);
            return true;
        }
        let before = self.chunk.len();
        let room = (self.chunk_size - before) as u64;
        let mut want = room.min(until_cut).min(open.size - open.read);
        let part = if open.is_sparse { holes::part_at(&open.file, open.read) } else { Part::Unknown };
        let outcome = match part {
            Part::Hole { end } => {
                want = want.min(end - open.read);
                // At most as long as a chunk.
                self.chunk.resize(before + want as usize, 0);
                open.file.seek(SeekFrom::Start(open.read + want)).map(|_| want as usize)
            }
            Part::Data { end } => {
                want = want.min(end - open.read);
                (&mut open.file).take(want).read_to_end(&mut self.chunk)
            }
            Part::Unknown => (&mut open.file).take(want).read_to_end(&mut self.chunk),
        };
        let got = (self.chunk.len() - before) as u64;
        open.hasher.update(&self.chunk[before..]);
        open.read += got;
        self.position += got;
        match outcome {
            Err(error) => self.give_up(open, &error),
            Ok(_) if got < want => self.finish(open),
            Ok(_) => {
                self.open = Some(open);
                false
            }
        }
    }

    /// Ends a file that cannot be read on. If all its bytes are still in the chunk being filled, it is left out.
    /// Otherwise it is kept as far as it was read, for its bytes must belong to an entry.
    fn give_up(&mut self, open: Open, error: &std::io::Error) -> bool {
        let item = self.item();
        let in_chunk = usize::try_from(open.read).ok().and_then(|n| self.chunk.len().checked_sub(n));
        if let Some(before) = in_chunk {
            self.chunk.truncate(before);
            self.position = open.offset;
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

    fn add_file(&mut self, item: &Found, open: Open) -> Done {
        let sha256 = open.hasher.finalize().into();
        let done = Done { number: self.count, offset: open.offset, size: open.read, sha256 };
        let mut findings = self.findings.borrow_mut();
        findings.summary.files += 1;
        findings.summary.raw_bytes += done.size;
        drop(findings);
        self.push(entry(item, sha256, done.offset, done.size), None);
        done
    }

    /// Goes on to the next file. Cuts after this one, and those that a file that has shrunk did not come to, are due.
    fn end_file(&mut self, done: Option<Done>) -> bool {
        self.done.push(done);
        let mut cut = false;
        while self.plan.cuts.front().is_some_and(|&(at, _)| at <= self.place) {
            self.plan.cuts.pop_front();
            cut = true;
        }
        self.place += 1;
        cut
    }

    /// Queues an entry until all its content has been written.
    fn push(&mut self, entry: Entry, copy: Option<u64>) {
        self.count += 1;
        let waiting = Waiting { end: self.position, entry, copy };
        self.findings.borrow_mut().waiting.push_back(waiting);
    }
}

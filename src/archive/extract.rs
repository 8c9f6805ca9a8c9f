//! Writing entries into the staging directory: each file verified, metadata as late as it must be.

use std::collections::HashSet;
use std::fs::{File, FileTimes};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use cap_std::fs::OpenOptions;

use super::{Existing, UnpackOptions, UnpackSummary};
use super::decode::{Verifier, check_total};
use super::journal::{Journal, with_lost};
use super::losses;
use super::metadata::{open_dir, set_mode, set_readonly, symlink, time, writable};
use super::publish::lacks;
use super::policy;
use super::resume::Left;
use super::staging::Staging;
use crate::format::{Entry, EntryKind};
use crate::{Error, Limits, Progress, Result};

/// Turns entries into files, directories and links below the staging directory.
#[derive(Debug)]
pub(crate) struct Extractor<'a> {
    staging: Staging,
    limits: Limits,
    progress: &'a Progress,
    /// Directories that exist in the staging directory.
    made: HashSet<String>,
    /// Made last, when nothing is written any more that could pass through them.
    links: Vec<Entry>,
    /// Their times and permissions are set last: they would hinder writing, or change by it.
    dirs: Vec<Entry>,
    /// Files their owner may not read; kept readable until the end for others that share their
    /// content.
    unreadable: Vec<Entry>,
    /// Files that an earlier run has left in the staging directory, until they are begun.
    left: HashSet<String>,
    /// Permission bits that may be set.
    allowed: u16,
    has_lost_names: bool,
    summary: UnpackSummary,
}

/// The least run of zeros that becomes a hole. Blocks of common file systems are 4 to 64 KiB long.
const HOLE: usize = 1 << 16;

/// Bytes that are looked at together for zeros.
const BLOCK: usize = 4 << 10;

/// A file being written.
#[derive(Debug)]
pub(crate) struct Output<'e> {
    entry: &'e Entry,
    /// `None` if the file system cannot hold its name: then it is checked only.
    file: Option<File>,
    /// Zeros at its end that are not written yet: there may be enough of them for a hole.
    zeros: u64,
    /// The length of the file where it was there already; some of its bytes may be the right ones.
    there: Option<u64>,
    verifier: Verifier<'e>,
}

impl Output<'_> {
    /// Writes bytes at `at`, up to where it is written. Content may come in small pieces, so zeros wait for more.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut from, mut done) = (0, 0);
        for block in bytes.chunks(BLOCK) {
            // Where there is something already, zeros are no hole.
            let may_be_hole = at + done as u64 >= self.there.unwrap_or(0);
            if may_be_hole && block.iter().all(|&byte| byte == 0) {
                self.put(&bytes[from..done])?;
                self.zeros += block.len() as u64;
                from = done + block.len();
            } else {
                self.end_zeros(at + done as u64)?;
            }
            done += block.len();
        }
        self.put(&bytes[from..])
    }

    /// Ends a run of zeros, if there is one, at `at`.
    fn end_zeros(&mut self, at: u64) -> io::Result<()> {
        let zeros = std::mem::take(&mut self.zeros);
        match &mut self.file {
            Some(file) if zeros >= HOLE as u64 => file.seek(SeekFrom::Start(at)).map(drop),
            // Fewer than a hole has.
            Some(_) => self.put(&vec![0; zeros as usize]),
            None => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }
}

impl<'a> Extractor<'a> {
    pub(crate) fn new(staging: Staging, limits: Limits, progress: &'a Progress) -> Self {
        Extractor {
            staging,
            limits,
            progress,
            made: HashSet::new(),
            links: Vec::new(),
            dirs: Vec::new(),
            unreadable: Vec::new(),
            left: HashSet::new(),
            allowed: 0o777,
            has_lost_names: false,
            summary: UnpackSummary::default(),
        }
    }

    /// Lets the umask count, as it does for any new file.
    pub(crate) fn obey_umask(&mut self) -> Result<()> {
        self.allowed = self.staging.usual_mode()?;
        Ok(())
    }

    /// Goes on with what an earlier run has left in the staging directory.
    pub(crate) fn go_on(&mut self, left: Left) {
        (self.left, self.made) = (left.files, left.dirs);
    }

    pub(crate) fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Takes an entry without content of its own: a directory or a link.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        self.progress.check()?;
        match entry.kind {
            EntryKind::Directory => {
                if self.make_dirs(&entry.path)? {
                    self.dirs.push(entry.clone());
                    self.summary.dirs += 1;
                } else {
                    self.lose("name", entry, &"this file system cannot hold it");
                }
            }
            EntryKind::Symlink { .. } => self.links.push(entry.clone()),
            EntryKind::File { .. } => {}
        }
        Ok(())
    }

    /// Begins a file. Its content goes to [`Extractor::write`], all of it.
    pub(crate) fn begin<'e>(&mut self, entry: &'e Entry) -> Result<Output<'e>> {
        self.progress.check()?;
        let is_there = self.left.remove(&entry.path);
        let file = if self.make_parents(&entry.path)? {
            let opened = match is_there {
                true => writable(self.staging.tree(), &entry.path),
                false => {
                    let mut options = OpenOptions::new();
                    options.write(true).create_new(true);
                    self.staging.tree().open_with(&entry.path, &options)
                }
            };
            match opened {
                Err(error) if cannot_hold(&error) => {
                    self.lose("name", entry, &error);
                    None
                }
                opened => Some(opened.map_err(|error| failed(entry, error))?.into_std()),
            }
        } else {
            self.lose("name", entry, &"a directory above it has a name that cannot be held here");
            None
        };
        if file.is_some() {
            self.summary.files += 1;
        }
        let there = match &file {
            Some(file) if is_there => {
                Some(file.metadata().map_err(|error| failed(entry, error))?.len())
            }
            Some(_) | None => None,
        };
        Ok(Output { entry, file, zeros: 0, there, verifier: Verifier::new(entry) })
    }

    /// Goes over the next bytes of a file, which were read from it. Should they not be there, they are written.
    pub(crate) fn pass(&mut self, output: &mut Output<'_>, bytes: &[u8]) -> Result<()> {
        if output.there.is_none() {
            return self.write(output, bytes);
        }
        self.summary.raw_bytes += bytes.len() as u64;
        self.summary.reused_bytes += bytes.len() as u64;
        check_total(self.summary.raw_bytes, &self.limits)?;
        let at = output.verifier.len();
        output.verifier.update(bytes);
        output.end_zeros(at).map_err(|error| failed(output.entry, error))?;
        let Some(file) = &mut output.file else { return Ok(()) };
        let mut pass = || {
            if has_next(file, bytes)? {
                return Ok(());
            }
            file.seek(SeekFrom::Start(at))?;
            file.write_all(bytes)
        };
        pass().map_err(|error| failed(output.entry, error))
    }

    /// Writes the next bytes of a file.
    pub(crate) fn write(&mut self, output: &mut Output<'_>, bytes: &[u8]) -> Result<()> {
        self.summary.raw_bytes += bytes.len() as u64;
        check_total(self.summary.raw_bytes, &self.limits)?;
        let at = output.verifier.len();
        output.verifier.update(bytes);
        output.write(at, bytes).map_err(|error| failed(output.entry, error))
    }

    /// Ends a file: its hash is compared and its metadata set.
    pub(crate) fn end(&mut self, mut output: Output<'_>) -> Result<()> {
        let len = output.verifier.len();
        let ends_in_hole = output.zeros >= HOLE as u64;
        output.end_zeros(len).map_err(|error| failed(output.entry, error))?;
        let Output { entry, file, there, verifier, .. } = output;
        if let Err(error) = verifier.finish() {
            self.forget(entry, file, len)?;
            return Err(error);
        }
        let Some(file) = file else { return Ok(()) };
        if ends_in_hole || there.is_some() {
            file.set_len(entry.size()).map_err(|error| failed(entry, error))?;
        }
        let mut mode = entry.mode & self.allowed;
        if cfg!(unix) && mode & 0o400 == 0 {
            self.unreadable.push(entry.clone());
            mode |= 0o400;
        }
        self.set_metadata(&file, mode, entry)
    }

    /// Sets permissions and times as far as the file system has them.
    fn set_metadata(&mut self, file: &File, mode: u16, entry: &Entry) -> Result<()> {
        let set = [
            ("permissions", set_mode(file, mode)),
            ("time", file.set_times(FileTimes::new().set_modified(time(entry.mtime)))),
            ("permissions", set_readonly(file, mode)),
        ];
        for (what, outcome) in set {
            match outcome {
                Err(error) if lacks(&error) => self.lose(what, entry, &error),
                other => other.map_err(|error| failed(entry, error))?,
            }
        }
        Ok(())
    }

    fn lose(&mut self, what: &'static str, entry: &Entry, why: &dyn ToString) {
        self.has_lost_names |= what == "name";
        losses::count(&mut self.summary.losses, what, Path::new(&entry.path), why);
    }

    /// Gives up a file of which not everything can be had: it goes away.
    pub(crate) fn abandon(&mut self, output: Output<'_>) -> Result<()> {
        let Output { entry, file, verifier, .. } = output;
        self.forget(entry, file, verifier.len())
    }

    /// Takes back a file, if there is one: the file system may not hold its name.
    fn forget(&mut self, entry: &Entry, file: Option<File>, written: u64) -> Result<()> {
        self.summary.raw_bytes -= written;
        let Some(file) = file else { return Ok(()) };
        drop(file);
        self.summary.files -= 1;
        self.staging.tree().remove_file(&entry.path).map_err(|error| failed(entry, error))
    }

    /// Writes a file whose content `reader` has.
    pub(crate) fn copy_from(&mut self, reader: impl Read, entry: &Entry) -> Result<()> {
        let mut output = self.begin(entry)?;
        let mut reader = reader.take(entry.size());
        let mut buffer = vec![0; 1 << 16];
        loop {
            self.progress.check()?;
            match reader.read(&mut buffer) {
                Ok(0) => return self.end(output),
                Ok(n) => self.write(&mut output, &buffer[..n])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(entry, error)),
            }
        }
    }

    /// Writes a file with the content of one that is already staged.
    pub(crate) fn copy_staged(&mut self, original: &Entry, entry: &Entry) -> Result<()> {
        let file = self.staging.tree().open(&original.path);
        if self.has_lost_names && file.is_err() {
            self.lose("content", entry, &"it was to be copied from a file that cannot be held here");
            return Ok(());
        }
        self.copy_from(file.map_err(|error| failed(original, error))?.into_std(), entry)
    }

    fn make_parents(&mut self, path: &str) -> Result<bool> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.make_dirs(parent),
            None => Ok(true),
        }
    }

    /// Makes a directory and its parents. Returns whether the file system can hold their names.
    fn make_dirs(&mut self, path: &str) -> Result<bool> {
        if self.made.contains(path) {
            return Ok(true);
        }
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let dir = &path[..end];
            if self.made.contains(dir) {
                continue;
            }
            match self.staging.tree().create_dir(dir) {
                Err(error) if cannot_hold(&error) => return Ok(false),
                made => made.map_err(|error| failed_at(dir, error))?,
            }
            self.made.insert(dir.into());
        }
        Ok(true)
    }

    /// Makes the links, moves everything into place and sets what is left of the metadata; on any
    /// error all of that is taken back.
    pub(crate) fn finish(mut self, options: &UnpackOptions) -> Result<UnpackSummary> {
        for link in std::mem::take(&mut self.links) {
            self.progress.check()?;
            if !self.make_parents(&link.path)? {
                self.lose("name", &link, &"this file system cannot hold it");
                continue;
            }
            if let EntryKind::Symlink { target } = &link.kind {
                match symlink(self.staging.tree(), target, &link.path) {
                    Ok(()) => self.summary.symlinks += 1,
                    Err(error) if lacks(&error) => self.lose("symbolic link", &link, &error),
                    Err(error) => return Err(failed(&link, error)),
                }
            }
        }
        self.progress.check()?;
        for entry in std::mem::take(&mut self.unreadable) {
            let file = self.staging.tree().open(&entry.path);
            let file = file.map_err(|error| failed(&entry, error))?.into_std();
            self.set_metadata(&file, entry.mode & self.allowed, &entry)?;
        }
        // Deepest first: a parent's permissions may close the way to its children.
        self.dirs.sort_by(|a, b| b.path.cmp(&a.path));
        if options.existing != Existing::Replace && !options.resume {
            // What is there keeps its permissions and times. It might be what a stopped run has made, however.
            let destination = self.staging.destination();
            self.dirs.retain(|entry| destination.look(&entry.path).is_none());
        }
        let mut journal = self.staging.journal(options.existing, &options.sources, self.progress)?;
        match self.put_in_place(&mut journal) {
            Ok(()) => {
                journal.done();
                self.staging.done();
                Ok(self.summary)
            }
            Err(error) => {
                let lost = journal.undo();
                drop(journal);
                if lost.is_empty() {
                    return Err(error);
                }
                Err(with_lost(&error, &lost, &self.staging.keep()))
            }
        }
    }

    fn put_in_place(&mut self, journal: &mut Journal<'_>) -> Result<()> {
        for entry in &self.dirs {
            let at = self.staging.destination().below_base(&entry.path);
            journal.check_owner(&at).map_err(|error| failed(entry, error))?;
        }
        let (root, at) = self.staging.commit(journal)?;
        for entry in std::mem::take(&mut self.dirs) {
            self.progress.check()?;
            journal.touch(&at.join(&entry.path)).map_err(|error| failed(&entry, error))?;
            if let Some(dir) = open_dir(&root, &entry).map_err(|error| failed(&entry, error))? {
                self.set_metadata(&dir, entry.mode & self.allowed, &entry)?;
            }
        }
        Ok(())
    }
}

/// Whether these are the next bytes of a file, which is read so far.
fn has_next(file: &mut File, bytes: &[u8]) -> io::Result<bool> {
    let mut buffer = vec![0; bytes.len().min(HOLE)];
    for piece in bytes.chunks(HOLE) {
        match file.read_exact(&mut buffer[..piece.len()]) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if buffer[..piece.len()] != *piece {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file system says that it cannot hold a name, such as one with a colon on FAT.
fn cannot_hold(error: &io::Error) -> bool {
    // EILSEQ, a character that its code page lacks, has no name in Rust.
    let sequence = if cfg!(target_os = "macos") { 92 } else { 84 };
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename)
        || cfg!(unix) && error.raw_os_error() == Some(sequence)
}

fn failed(entry: &Entry, error: io::Error) -> Error {
    failed_at(&entry.path, error)
}

/// In a directory made by no one else, a name that is taken was taken by another entry.
fn failed_at(path: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            policy::refuse(path, "its name is another entry's on this file system")
        }
        _ => Error::io(path, error),
    }
}

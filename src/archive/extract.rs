//! Writing entries into the staging directory: each file verified, metadata as late as it must be.

use std::collections::HashSet;
use std::fs::{File, FileTimes};
use std::io::{self, Read, Write};
use std::time::{Duration, SystemTime};

use cap_std::fs::{Dir, OpenOptions};

use super::UnpackSummary;
use super::decode::{Verifier, check_total};
use super::identity::FileId;
use super::journal::{Journal, with_lost};
use super::policy;
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
    summary: UnpackSummary,
}

/// A file being written.
#[derive(Debug)]
pub(crate) struct Output<'e> {
    entry: &'e Entry,
    file: File,
    verifier: Verifier<'e>,
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
            summary: UnpackSummary::default(),
        }
    }

    pub(crate) fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Takes an entry without content of its own: a directory or a link.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        self.progress.check()?;
        match entry.kind {
            EntryKind::Directory => {
                self.make_dirs(&entry.path)?;
                self.dirs.push(entry.clone());
                self.summary.dirs += 1;
            }
            EntryKind::Symlink { .. } => self.links.push(entry.clone()),
            EntryKind::File { .. } => {}
        }
        Ok(())
    }

    /// Begins a file. Its content goes to [`Extractor::write`], all of it.
    pub(crate) fn begin<'e>(&mut self, entry: &'e Entry) -> Result<Output<'e>> {
        self.progress.check()?;
        self.make_parents(&entry.path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let file = self.staging.tree().open_with(&entry.path, &options);
        let file = file.map_err(|error| failed(entry, error))?.into_std();
        self.summary.files += 1;
        Ok(Output { entry, file, verifier: Verifier::new(entry) })
    }

    /// Writes the next bytes of a file.
    pub(crate) fn write(&mut self, output: &mut Output<'_>, bytes: &[u8]) -> Result<()> {
        self.summary.raw_bytes += bytes.len() as u64;
        check_total(self.summary.raw_bytes, &self.limits)?;
        output.verifier.update(bytes);
        output.file.write_all(bytes).map_err(|error| failed(output.entry, error))
    }

    /// Ends a file: its hash is compared and its metadata set.
    pub(crate) fn end(&mut self, output: Output<'_>) -> Result<()> {
        let Output { entry, file, verifier } = output;
        let len = verifier.len();
        if let Err(error) = verifier.finish() {
            self.forget(entry, len)?;
            return Err(error);
        }
        let mut mode = entry.mode;
        if cfg!(unix) && mode & 0o400 == 0 {
            self.unreadable.push(entry.clone());
            mode |= 0o400;
        }
        set_metadata(&file, mode, entry.mtime).map_err(|error| failed(entry, error))
    }

    /// Gives up a file of which not everything can be had: it goes away.
    pub(crate) fn abandon(&mut self, output: Output<'_>) -> Result<()> {
        let Output { entry, file, verifier } = output;
        drop(file);
        self.forget(entry, verifier.len())
    }

    fn forget(&mut self, entry: &Entry, written: u64) -> Result<()> {
        self.summary.files -= 1;
        self.summary.raw_bytes -= written;
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
        self.copy_from(file.map_err(|error| failed(original, error))?.into_std(), entry)
    }

    fn make_parents(&mut self, path: &str) -> Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.make_dirs(parent),
            None => Ok(()),
        }
    }

    /// Makes a directory and its parents.
    fn make_dirs(&mut self, path: &str) -> Result<()> {
        if self.made.contains(path) {
            return Ok(());
        }
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let dir = &path[..end];
            if self.made.contains(dir) {
                continue;
            }
            self.staging.tree().create_dir(dir).map_err(|error| failed_at(dir, error))?;
            self.made.insert(dir.into());
        }
        Ok(())
    }

    /// Makes the links, moves everything into place and sets what is left of the metadata; on any
    /// error all of that is taken back.
    pub(crate) fn finish(mut self, force: bool, sources: &[FileId]) -> Result<UnpackSummary> {
        for link in std::mem::take(&mut self.links) {
            self.progress.check()?;
            self.make_parents(&link.path)?;
            if let EntryKind::Symlink { target } = &link.kind {
                symlink(self.staging.tree(), target, &link.path).map_err(|e| failed(&link, e))?;
            }
            self.summary.symlinks += 1;
        }
        self.progress.check()?;
        for entry in &self.unreadable {
            let file = self.staging.tree().open(&entry.path);
            file.and_then(|file| set_metadata(&file.into_std(), entry.mode, entry.mtime))
                .map_err(|error| failed(entry, error))?;
        }
        // Deepest first: a parent's permissions may close the way to its children.
        self.dirs.sort_by(|a, b| b.path.cmp(&a.path));
        let mut journal = self.staging.journal(force, sources, self.progress)?;
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

    fn put_in_place(&self, journal: &mut Journal<'_>) -> Result<()> {
        for entry in &self.dirs {
            let at = self.staging.destination().below_base(&entry.path);
            journal.check_owner(&at).map_err(|error| failed(entry, error))?;
        }
        let (root, at) = self.staging.commit(journal)?;
        for entry in &self.dirs {
            self.progress.check()?;
            let set = journal.touch(&at.join(&entry.path));
            set.and_then(|()| set_dir_metadata(&root, entry))
                .map_err(|error| failed(entry, error))?;
        }
        Ok(())
    }
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

fn set_metadata(file: &File, mode: u16, mtime: i64) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The parser lets nothing beyond 0o777 through; setuid must not come back by a mistake.
        let mode = u32::from(mode) & 0o777;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.set_times(FileTimes::new().set_modified(time(mtime)))?;
    #[cfg(not(unix))]
    if mode & 0o200 == 0 {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

/// Nanoseconds since 1970 as the system's time.
fn time(mtime: i64) -> SystemTime {
    let distance = Duration::from_nanos(mtime.unsigned_abs());
    let time = match mtime {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(unix)]
fn set_dir_metadata(root: &Dir, entry: &Entry) -> io::Result<()> {
    let opened = match root.open(&entry.path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            use cap_std::fs::PermissionsExt;
            // A directory of ours that was there and that we did not let ourselves read.
            root.set_permissions(&entry.path, cap_std::fs::Permissions::from_mode(0o700))?;
            root.open(&entry.path)
        }
        opened => opened,
    };
    set_metadata(&opened?.into_std(), entry.mode, entry.mtime)
}

/// Elsewhere directories keep the times and permissions they are made with.
#[cfg(not(unix))]
fn set_dir_metadata(_: &Dir, _: &Entry) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn symlink(tree: &Dir, target: &str, path: &str) -> io::Result<()> {
    tree.symlink(target, path)
}

#[cfg(windows)]
fn symlink(tree: &Dir, target: &str, path: &str) -> io::Result<()> {
    let beside = std::path::Path::new(path).parent().unwrap_or("".as_ref()).join(target);
    let target = target.replace('/', "\\");
    if tree.is_dir(beside) {
        tree.symlink_dir(target, path)
    } else {
        tree.symlink_file(target, path)
    }
}

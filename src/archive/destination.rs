//! The directory into which entries are unpacked, as it is before anything is moved there.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::decode::Verifier;
use super::journal;
use crate::format::{Entry, EntryKind};
use crate::{Error, Progress, Result};

/// Where unpacked entries go.
#[derive(Debug)]
pub(crate) struct Destination {
    /// As the caller named it, for errors.
    pub(super) path: PathBuf,
    /// The destination itself if it exists, else its parent.
    pub(super) place: Dir,
    /// The destination's name if it does not exist yet.
    pub(super) new: Option<OsString>,
}

impl Destination {
    /// Looks at `path` and writes nothing. It must be a directory, or not exist in one that does.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let open = |path: &Path| Dir::open_ambient_dir(path, ambient_authority()).map_err(failed);
        match path.metadata() {
            Ok(found) if found.is_dir() => {
                Ok(Destination { path: path.into(), place: open(path)?, new: None })
            }
            Ok(_) => {
                let why = "it is not a directory, into which to unpack".into();
                Err(Error::InTheWay { path: path.into(), why })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A dangling link is in the way too.
                if path.symlink_metadata().is_ok() {
                    return Err(Error::Exists(path.into()));
                }
                let name = path.file_name().ok_or_else(|| failed(error))?;
                let parent = match path.parent() {
                    Some(parent) if parent != Path::new("") => parent,
                    _ => Path::new("."),
                };
                Ok(Destination { path: path.into(), place: open(parent)?, new: Some(name.into()) })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Fails if something already has the name of this top-level item.
    pub(crate) fn check_free(&self, top: &str) -> Result<()> {
        if self.new.is_none() && self.place.symlink_metadata(top).is_ok() {
            return Err(Error::Exists(self.path.join(top)));
        }
        Ok(())
    }

    /// Where an entry's path lies, as the journal sees it.
    pub(crate) fn below_base(&self, path: &str) -> PathBuf {
        self.new.as_ref().map(PathBuf::from).unwrap_or_default().join(path)
    }

    /// Whether a file or link is there as the archive has it.
    pub(crate) fn holds(&self, entry: &Entry, progress: &Progress) -> Result<bool> {
        if self.new.is_some() {
            return Ok(false);
        }
        let Ok(there) = self.place.symlink_metadata(&entry.path) else { return Ok(false) };
        match &entry.kind {
            EntryKind::File { size, .. } if there.is_file() && there.len() == *size => {
                let Ok(mut file) = self.place.open(&entry.path) else { return Ok(false) };
                let mut verifier = Verifier::new(entry);
                let mut buffer = vec![0; 1 << 16];
                loop {
                    progress.check()?;
                    match file.read(&mut buffer) {
                        Ok(0) => return Ok(verifier.finish().is_ok()),
                        Ok(got) => verifier.update(&buffer[..got]),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(_) => return Ok(false),
                    }
                }
            }
            EntryKind::Symlink { target } if there.is_symlink() => {
                let leads = self.place.read_link_contents(&entry.path);
                Ok(leads.is_ok_and(|leads| leads == Path::new(target)))
            }
            EntryKind::File { .. } | EntryKind::Symlink { .. } | EntryKind::Directory => Ok(false),
        }
    }

    /// Fails if something is there that one of these entries could not be merged with.
    pub(crate) fn check_merge(&self, entries: &[&Entry]) -> Result<()> {
        if self.new.is_some() {
            return Ok(());
        }
        for entry in entries {
            let is_dir = matches!(entry.kind, EntryKind::Directory);
            match self.place.symlink_metadata(&entry.path) {
                Ok(there) if there.is_dir() && is_dir => {}
                Err(error) if error.kind() != io::ErrorKind::NotADirectory => {}
                Ok(_) | Err(_) => return Err(Error::Exists(self.path.join(&entry.path))),
            }
        }
        Ok(())
    }

    /// Fails if one of these entries cannot replace what is there: known before anything is decoded.
    pub(crate) fn check_kinds(&self, entries: &[&Entry]) -> Result<()> {
        if self.new.is_some() {
            return Ok(());
        }
        for entry in entries {
            let Ok(there) = self.place.symlink_metadata(&entry.path) else { continue };
            if there.is_dir() && !matches!(entry.kind, EntryKind::Directory) {
                return Err(journal::in_the_way(self.path.join(&entry.path)));
            }
        }
        Ok(())
    }

    pub(super) fn failed(&self, error: io::Error) -> Error {
        Error::io(&self.path, error)
    }
}

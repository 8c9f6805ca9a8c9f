//! A private directory beside the destination, in which everything is written and verified before
//! any of it is moved into place. It goes away with its owner, whatever happens.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder};

use crate::{Error, Result};

/// Where unpacked entries go.
#[derive(Debug)]
pub(crate) struct Destination {
    /// As the caller named it, for errors.
    path: PathBuf,
    /// The destination itself if it exists, else its parent.
    place: Dir,
    /// The destination's name if it does not exist yet.
    new: Option<OsString>,
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
            Ok(_) => Err(Error::Exists(path.into())),
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

    fn failed(&self, error: io::Error) -> Error {
        Error::io(&self.path, error)
    }
}

/// The staging directory: `tree` for what is to be moved into place, and room for a spool file.
#[derive(Debug)]
pub(crate) struct Staging {
    destination: Destination,
    name: String,
    /// `None` once dropped: Windows cannot remove a directory with open handles.
    open: Option<(Dir, Dir)>,
}

const TREE: &str = "tree";

impl Staging {
    /// Makes the directory: in the destination if that exists, else beside it, so that in both
    /// cases a rename will do.
    pub(crate) fn create(destination: Destination) -> Result<Self> {
        let (name, inner) = private_dir(&destination.place).map_err(|e| destination.failed(e))?;
        let mut staging = Staging { destination, name, open: None };
        let tree = inner.create_dir(TREE).and_then(|()| inner.open_dir(TREE));
        let tree = tree.map_err(|error| staging.destination.failed(error))?;
        staging.open = Some((inner, tree));
        Ok(staging)
    }

    /// Where entries are written.
    pub(crate) fn tree(&self) -> &Dir {
        &self.dirs().1
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    fn dirs(&self) -> &(Dir, Dir) {
        self.open.as_ref().expect("open until dropped")
    }

    /// A new file outside the tree, readable and writable.
    pub(crate) fn spool(&self) -> Result<std::fs::File> {
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        match self.dirs().0.open_with("spool", &options) {
            Ok(file) => Ok(file.into_std()),
            Err(error) => Err(self.destination.failed(error)),
        }
    }

    /// Whether names that differ only in case are one name here.
    pub(crate) fn folds_case(&self) -> Result<bool> {
        let inner = &self.dirs().0;
        inner.write("Case", b"").map_err(|error| self.destination.failed(error))?;
        Ok(inner.symlink_metadata("cASE").is_ok())
    }

    /// Moves everything into place and returns the destination, now a directory in any case.
    /// Without `force` nothing that exists is touched; with it, files are replaced and directories
    /// merged, but a directory is never replaced by anything else.
    pub(crate) fn commit(&self, force: bool) -> Result<Dir> {
        let Destination { path, place, new } = &self.destination;
        let (inner, tree) = self.dirs();
        match new {
            Some(name) => {
                if place.symlink_metadata(name).is_ok() {
                    return Err(Error::Exists(path.clone()));
                }
                inner.rename(TREE, place, name).map_err(|error| Error::io(path, error))?;
                place.open_dir(name).map_err(|error| Error::io(path, error))
            }
            None => {
                merge(tree, place, force, path)?;
                place.try_clone().map_err(|error| Error::io(path, error))
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.open = None;
        // Nothing more can be done about a failure here, and what led here is told already.
        let _ = self.destination.place.remove_dir_all(&self.name);
    }
}

/// Moves all items of `from` into `to`.
fn merge(from: &Dir, to: &Dir, force: bool, path: &Path) -> Result<()> {
    let failed = |path: &Path, error| Error::io(path, error);
    let mut names = Vec::new();
    for item in from.entries().map_err(|error| failed(path, error))? {
        names.push(item.map_err(|error| failed(path, error))?.file_name());
    }
    names.sort();
    for name in names {
        let at = path.join(&name);
        let staged = from.symlink_metadata(&name).map_err(|error| failed(&at, error))?;
        match to.symlink_metadata(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&at, error)),
            Ok(_) if !force => return Err(Error::Exists(at)),
            Ok(there) if there.is_dir() && staged.is_dir() => {
                let open = |dir: &Dir| dir.open_dir(&name).map_err(|error| failed(&at, error));
                merge(&open(from)?, &open(to)?, force, &at)?;
                continue;
            }
            Ok(there) if there.is_dir() => return Err(Error::Exists(at)),
            // A directory cannot be renamed over a file or link; a file can, atomically.
            Ok(_) if staged.is_dir() => to.remove_file(&name).map_err(|e| failed(&at, e))?,
            Ok(_) => {}
        }
        from.rename(&name, to, &name).map_err(|error| failed(&at, error))?;
    }
    Ok(())
}

/// A new directory in `place` that only its owner can enter.
fn private_dir(place: &Dir) -> io::Result<(String, Dir)> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use cap_std::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    loop {
        let name = format!(".llz-{:016x}", RandomState::new().build_hasher().finish());
        match place.create_dir_with(&name, &builder) {
            Ok(()) => return place.open_dir(&name).map(|dir| (name, dir)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

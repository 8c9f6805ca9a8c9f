//! A private directory beside the destination, in which everything is written and verified before
//! any of it is moved into place. It goes away with its owner, whatever happens.

use std::fs::{File, FileTimes};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, DirBuilder};

use super::destination::Destination;
use super::identity::FileId;
use super::journal::{self, Journal};
use super::leftovers;
use super::options::Existing;
use super::paths;
use crate::{Error, Progress, Result};

/// The staging directory: `tree` for what is to be moved into place, and room for a spool file.
#[derive(Debug)]
pub(crate) struct Staging {
    destination: Destination,
    name: String,
    is_kept: bool,
    /// The times of the directory it lies in, until entries are in place.
    times: Option<FileTimes>,
    /// `None` once dropped: Windows cannot remove a directory with open handles.
    open: Option<(Dir, Dir)>,
    /// Says that the directory is in use.
    lock: Option<File>,
    /// Whether it stays if the work does not come to its end, for another run to go on.
    stays: bool,
}

/// What is to be moved into place, in the staging directory.
pub(crate) const TREE: &str = "tree";
/// The same with the directories above it, where those are not there yet.
pub(crate) const ABOVE: &str = "above";
/// Says which archive the tree is unpacked from, by its [identity](super::resume::identity).
pub(crate) const IDENTITY: &str = "identity";

impl Staging {
    /// Makes the directory: in the destination if that exists, else beside it, so that in both
    /// cases a rename will do. Another run can go on in it only where `identity` says what is unpacked.
    pub(crate) fn create(destination: Destination, identity: Option<&[u8; 32]>) -> Result<Self> {
        // Looked at before anything is made in it.
        let times = journal::times(&destination.place, Path::new(".")).ok();
        leftovers::sweep(&destination.base);
        // Where the destination was not there yet, a run that was killed has left its directory beside it.
        leftovers::sweep(paths::parent(&destination.base));
        Self::fresh(destination, times, identity)
    }

    /// Goes on in the directory that another run has left of the archive with this identity, and otherwise begins anew.
    /// Unless the work comes to its end the directory stays. Nothing is swept: it may be what others want to go on
    /// with.
    pub(crate) fn resume(destination: Destination, identity: &[u8; 32]) -> Result<Self> {
        let times = journal::times(&destination.place, Path::new(".")).ok();
        let failed = |error| Error::io(&destination.path, error);
        for item in destination.place.entries().map_err(failed)? {
            let Ok(name) = item.map_err(failed)?.file_name().into_string() else { continue };
            if !leftovers::is_own(&name) {
                continue;
            }
            if let Some((open, lock)) = adopt(&destination.place, &name, identity) {
                let (open, lock) = (Some(open), Some(lock));
                return Ok(Staging { destination, name, is_kept: false, times, open, lock, stays: true });
            }
        }
        let mut staging = Self::fresh(destination, times, Some(identity))?;
        staging.stays = true;
        Ok(staging)
    }

    fn fresh(
        destination: Destination,
        times: Option<FileTimes>,
        identity: Option<&[u8; 32]>,
    ) -> Result<Self> {
        let private = private_dir(&destination.place).map_err(|e| destination.failed(e))?;
        let PrivateDir { name, dir: inner, lock } = private;
        let lock = Some(lock);
        let mut staging = Staging { destination, name, is_kept: false, times, open: None, lock, stays: false };
        let said = identity.map_or(Ok(()), |identity| inner.write(IDENTITY, identity));
        let tree = said.and_then(|()| inner.create_dir(TREE)).and_then(|()| inner.open_dir(TREE));
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
    pub(crate) fn file(&self, name: &str) -> Result<std::fs::File> {
        let mut options = cap_std::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        match self.dirs().0.open_with(name, &options) {
            Ok(file) => Ok(file.into_std()),
            Err(error) => Err(self.destination.failed(error)),
        }
    }

    /// A new file of this number outside the tree, and its path. Nothing is ever put in its place.
    pub(crate) fn numbered(&self, number: u64) -> Result<(std::fs::File, PathBuf)> {
        let name = format!("content-{number}");
        let place = self.destination.base.join(&self.name).join(&name);
        Ok((self.file(&name)?, place))
    }

    /// Permission bits that the umask leaves to anything new: those that the tree was made with.
    #[cfg(unix)]
    pub(crate) fn usual_mode(&self) -> Result<u16> {
        use cap_std::fs::MetadataExt;
        let tree = self.tree().dir_metadata().map_err(|error| self.destination.failed(error))?;
        Ok((tree.mode() & 0o777) as u16)
    }

    /// Elsewhere there is no umask.
    #[cfg(not(unix))]
    pub(crate) fn usual_mode(&self) -> Result<u16> {
        Ok(0o777)
    }

    /// Whether names that differ only in case are one name here.
    pub(crate) fn folds_case(&self) -> Result<bool> {
        let inner = &self.dirs().0;
        inner.write("Case", b"").map_err(|error| self.destination.failed(error))?;
        Ok(inner.symlink_metadata("cASE").is_ok())
    }

    /// A journal for moving what is staged into place, to be given to [`Staging::commit`].
    pub(crate) fn journal<'a>(
        &self,
        existing: Existing,
        sources: &'a [FileId],
        progress: &'a Progress,
    ) -> Result<Journal<'a>> {
        let clone = |dir: &Dir| dir.try_clone().map_err(|error| self.destination.failed(error));
        let (base, inner) = (clone(&self.destination.place)?, clone(&self.dirs().0)?);
        Ok(Journal::new(base, &self.name, inner, existing, sources, progress))
    }

    /// Moves everything into place and returns the destination, now a directory in any case, with
    /// its path below the journal's base. Directories are merged; without force no file that exists is
    /// touched, with it files are replaced, but a directory is never replaced by anything else. Nothing is moved if it is known beforehand that something cannot be.
    pub(crate) fn commit(&self, journal: &mut Journal<'_>) -> Result<(Dir, PathBuf)> {
        let Destination { path, place, new, .. } = &self.destination;
        let (inner, tree) = self.dirs();
        let failed = |error| Error::io(path, error);
        match new {
            Some(new) => {
                // Directories above the destination come with it, in one step.
                let top = new.iter().next().unwrap_or(new.as_os_str());
                if place.symlink_metadata(top).is_ok() {
                    return Err(Error::Exists(path.clone()));
                }
                let below = new.strip_prefix(top).unwrap_or(Path::new(""));
                let moved = if below == Path::new("") {
                    TREE.into()
                } else {
                    // A run that was undone may have left directories there.
                    let _ = inner.remove_dir_all(ABOVE);
                    let chain = Path::new(ABOVE).join(below);
                    inner.create_dir_all(chain.parent().unwrap_or(&chain)).map_err(failed)?;
                    inner.rename(TREE, inner, &chain).map_err(failed)?;
                    PathBuf::from(ABOVE)
                };
                inner.rename(moved, place, top).map_err(failed)?;
                journal.placed(Path::new(top), new);
                Ok((place.open_dir(new).map_err(failed)?, new.clone()))
            }
            None => {
                journal.check(tree, Path::new(""), path)?;
                journal.merge(tree, Path::new(""), path)?;
                Ok((place.try_clone().map_err(failed)?, PathBuf::new()))
            }
        }
    }

    /// Notes that all is in place, which is what the destination's times shall tell.
    pub(crate) fn done(&mut self) {
        (self.times, self.stays) = (None, false);
    }

    /// Leaves the staging directory where it is, with what could not be put back from it, and
    /// returns its path.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.is_kept = true;
        self.destination.base.join(&self.name)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let has_some = |(_, tree): &(Dir, Dir)| tree.entries().is_ok_and(|mut all| all.next().is_some());
        let stays = self.is_kept || self.stays && self.open.as_ref().is_some_and(has_some);
        (self.open, self.lock) = (None, None);
        if stays {
            return;
        }
        // Nothing more can be done about a failure here, and what led here is told already.
        let _ = leftovers::remove_private(&self.destination.place, Path::new(&self.name));
        if let Some(times) = self.times {
            journal::set_times(&self.destination.place, Path::new("."), times);
        }
    }
}

/// A directory that only its owner can enter, in use until its lock is closed.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    pub(crate) name: String,
    pub(crate) dir: Dir,
    pub(crate) lock: File,
}

/// A new private directory in `place`.
pub(crate) fn private_dir(place: &Dir) -> io::Result<PrivateDir> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use cap_std::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    loop {
        let name = leftovers::name();
        match place.create_dir_with(&name, &builder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        let locked = place.open_dir(&name).and_then(|dir| {
            let lock = dir.create(leftovers::LOCK)?.into_std();
            Ok((leftovers::hold(&lock), PrivateDir { name: name.clone(), dir, lock }))
        });
        match locked {
            Ok((true, private)) if place.symlink_metadata(&name).is_ok() => return Ok(private),
            // Another run has taken it for a leftover before it was held.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let _ = leftovers::remove_private(place, Path::new(&name));
                return Err(error);
            }
        }
    }
}

/// The private directory `name` and the tree in it, if it is ours, of the archive with this identity, nobody uses it and
/// it keeps no files of the user; with its lock.
fn adopt(place: &Dir, name: &str, identity: &[u8; 32]) -> Option<((Dir, Dir), File)> {
    let inner = place.open_dir(name).ok()?;
    if !leftovers::is_mine(&inner.try_clone().ok()?.into_std_file()) {
        return None;
    }
    let lock = inner.open(leftovers::LOCK).ok()?.into_std();
    if !leftovers::claim(&lock) {
        return None;
    }
    let mut said = Vec::new();
    inner.open(IDENTITY).ok()?.take(identity.len() as u64 + 1).read_to_end(&mut said).ok()?;
    if said != identity {
        return None;
    }
    let mut items = inner.entries().ok()?;
    if items.any(|item| item.is_ok_and(|item| item.file_name().to_str().is_none_or(leftovers::is_kept))) {
        return None;
    }
    let tree = inner.open_dir(TREE).ok()?;
    Some(((inner, tree), lock))
}

/// Copies what is staged as `name` in `from`, a directory with all that is in it.
pub(crate) fn copy_tree(from: &Dir, name: &Path, to: &Dir, copy: &Path) -> io::Result<()> {
    let staged = from.symlink_metadata(name)?;
    if staged.is_dir() {
        to.create_dir(copy)?;
        for item in from.read_dir(name)? {
            let item = item?.file_name();
            copy_tree(from, &name.join(&item), to, &copy.join(&item))?;
        }
        return Ok(());
    }
    if staged.is_symlink() {
        return copy_link(from, name, to, copy);
    }
    let mut options = cap_std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    let mut written = to.open_with(copy, &options)?;
    io::copy(&mut readable(from, name)?, &mut written)?;
    // The permissions were taken before `readable` may have changed them.
    written.set_permissions(staged.permissions())?;
    let modified = staged.modified()?.into_std();
    written.into_std().set_times(std::fs::FileTimes::new().set_modified(modified))
}

/// Opens a staged file, which is ours, even if its permissions do not let us.
fn readable(from: &Dir, name: &Path) -> io::Result<cap_std::fs::File> {
    match from.open(name) {
        #[cfg(unix)]
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            use cap_std::fs::PermissionsExt;
            from.set_permissions(name, cap_std::fs::Permissions::from_mode(0o600))?;
            from.open(name)
        }
        opened => opened,
    }
}

#[cfg(unix)]
fn copy_link(from: &Dir, name: &Path, to: &Dir, copy: &Path) -> io::Result<()> {
    to.symlink_contents(from.read_link_contents(name)?, copy)
}

#[cfg(not(unix))]
fn copy_link(_from: &Dir, _name: &Path, _to: &Dir, _copy: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "a symbolic link onto another volume"))
}


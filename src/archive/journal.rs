//! Moving staged entries into place, and back out again when anything fails.
//!
//! Each file is replaced atomically: its name shows the old file or the whole new one. All of them
//! together are not: whoever looks meanwhile sees some old and some new. If anything fails, or
//! Ctrl-C comes, every step is taken back in reverse order, so that what was there is there again,
//! the same files and not copies. A process that is killed (or a machine that fails) cannot do
//! that: some files are new then, each of them whole, and the old ones of those that were replaced
//! lie in a directory `.llz-*` in the destination, numbered.
//!
//! A rename does not reach across mount points. There, entries are copied into a private directory
//! on that mount first, and renamed from it.

use std::ffi::OsStr;
use std::fs::{File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, Permissions};

use super::identity::FileId;
use super::staging::{PrivateDir, TREE, copy_tree, private_dir};
use crate::{Error, Progress, Result};

/// A private directory on the file system to which it gives access by renaming.
#[derive(Debug)]
struct Place {
    /// Where it lies, below the journal's base.
    path: PathBuf,
    dir: Dir,
    /// Says that it is in use; the staging directory has its own.
    lock: Option<File>,
}

/// What happens to what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Nothing is touched.
    Refuse,
    /// Directories are merged; files and links stay.
    Merge,
    /// Directories are merged; files and links are replaced.
    Replace,
}

/// One thing that was done.
#[derive(Debug)]
enum Step {
    /// Something new got the name `at`; it was `staged` there in its place, if it was moved and not copied.
    Placed { at: PathBuf, place: usize, staged: Option<PathBuf> },
    /// Something at `at` was kept as `aside` in a place, and may have been replaced.
    Kept { at: PathBuf, aside: String, place: usize },
    /// A further place was made, the last of them.
    Near,
    /// A directory that was there may have got other permissions or times.
    Touched { at: PathBuf, permissions: Permissions, times: FileTimes },
}

/// What has been done below `base`.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    base: Dir,
    /// The first is the staging directory, the others are on other mounts.
    places: Vec<Place>,
    steps: Vec<Step>,
    numbers: u64,
    existing: Existing,
    /// Files that must not be replaced.
    #[cfg_attr(not(unix), allow(dead_code))]
    sources: &'a [FileId],
    progress: &'a Progress,
    /// As if the base were on another mount than the staging directory.
    #[cfg(test)]
    pub(crate) is_far: bool,
}

/// What happened while things were put back.
pub(crate) type Lost = Vec<(PathBuf, io::Error)>;

impl<'a> Journal<'a> {
    /// A journal for moving entries from the staging directory `inner`, which is `name` in `base`.
    pub(crate) fn new(
        base: Dir,
        name: &str,
        inner: Dir,
        existing: Existing,
        sources: &'a [FileId],
        progress: &'a Progress,
    ) -> Self {
        Journal {
            base,
            places: vec![Place { path: name.into(), dir: inner, lock: None }],
            steps: Vec::new(),
            numbers: 0,
            existing,
            sources,
            progress,
            #[cfg(test)]
            is_far: false,
        }
    }

    /// Fails if something below `at` is in the way of what is staged below `from`. Changes nothing.
    pub(crate) fn check(&self, from: &Dir, at: &Path, shown: &Path) -> Result<()> {
        let mut is_writable = false;
        for name in names(from).map_err(|error| Error::io(shown, error))? {
            self.progress.check()?;
            let (to, shown) = (at.join(&name), shown.join(&name));
            let failed = |error| Error::io(&shown, error);
            let staged = from.symlink_metadata(&name).map_err(failed)?;
            match self.base.symlink_metadata(&to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
                Ok(_) if self.existing == Existing::Refuse => return Err(Error::Exists(shown)),
                Ok(there) if there.is_dir() && staged.is_dir() => {
                    self.check(&from.open_dir(&name).map_err(failed)?, &to, &shown)?;
                    continue;
                }
                Ok(_) if self.existing == Existing::Merge => return Err(Error::Exists(shown)),
                Ok(there) if there.is_dir() => return Err(in_the_way(shown)),
                Ok(there) if self.is_source(&there) => {
                    let why = "it is the archive or model that is being read".into();
                    return Err(Error::InTheWay { path: shown, why });
                }
                Ok(_) => {}
            }
            if !is_writable {
                check_writable(&self.base, at)
                    .map_err(|error| Error::io(shown.parent().unwrap_or(&shown), error))?;
                is_writable = true;
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn is_source(&self, there: &cap_std::fs::Metadata) -> bool {
        use cap_std::fs::MetadataExt;
        self.sources.contains(&FileId::of_device_and_inode(there.dev(), there.ino()))
    }

    /// Elsewhere a file that is open cannot be replaced anyway.
    #[cfg(not(unix))]
    fn is_source(&self, _there: &cap_std::fs::Metadata) -> bool {
        false
    }

    /// Notes that the whole destination was put in its place.
    pub(crate) fn placed(&mut self, at: &OsStr) {
        self.steps.push(Step::Placed { at: at.into(), place: 0, staged: Some(TREE.into()) });
    }

    /// Fails if the directory at `at` is there and another user's, who alone may give it the
    /// archive's permissions and times. The staging directory shows who we are.
    #[cfg(unix)]
    pub(crate) fn check_owner(&self, at: &Path) -> io::Result<()> {
        use cap_std::fs::MetadataExt;
        let Ok(there) = self.base.symlink_metadata(at) else { return Ok(()) };
        let own = self.places[0].dir.dir_metadata()?.uid();
        if there.is_dir() && own != 0 && there.uid() != own {
            let why = "another user's directory: its permissions and times cannot be set";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(())
    }

    /// Elsewhere neither is set.
    #[cfg(not(unix))]
    pub(crate) fn check_owner(&self, _at: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Moves everything in `from` to below `at`.
    pub(crate) fn merge(&mut self, from: &Dir, at: &Path, shown: &Path) -> Result<()> {
        self.merge_on(from, at, shown, 0)
    }

    fn merge_on(&mut self, from: &Dir, at: &Path, shown: &Path, place: usize) -> Result<()> {
        self.touch(at).map_err(|error| Error::io(shown, error))?;
        let mut place = place;
        for name in names(from).map_err(|error| Error::io(shown, error))? {
            self.progress.check()?;
            let (to, shown) = (at.join(&name), shown.join(&name));
            let failed = |error| Error::io(&shown, error);
            let staged = from.symlink_metadata(&name).map_err(failed)?;
            let mut is_kept = false;
            match self.base.symlink_metadata(&to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
                // The check has passed, so it came after that.
                Ok(_) if self.existing == Existing::Refuse => return Err(Error::Exists(shown)),
                Ok(there) if there.is_dir() && staged.is_dir() => {
                    let from = from.open_dir(&name).map_err(failed)?;
                    self.merge_on(&from, &to, &shown, place)?;
                    continue;
                }
                Ok(_) if self.existing == Existing::Merge => return Err(Error::Exists(shown)),
                Ok(there) if there.is_dir() => return Err(in_the_way(shown)),
                Ok(_) => {
                    place = self.keep(&to, place, staged.is_dir()).map_err(failed)?;
                    is_kept = true;
                }
            }
            place = self.place(from, &name, &to, place).map_err(failed)?;
            // Putting a kept file back replaces a new file, but no directory.
            if !is_kept || staged.is_dir() {
                let staged = (place == 0).then(|| Path::new(TREE).join(&to));
                self.steps.push(Step::Placed { at: to, place, staged });
            }
        }
        Ok(())
    }

    /// Moves `name` of `from` to `to`, over a file that may be there. Returns the place that
    /// reaches there.
    fn place(&mut self, from: &Dir, name: &OsStr, to: &Path, place: usize) -> io::Result<usize> {
        if place == 0 {
            match self.rename_staged(from, name, to) {
                Err(error) if is_far(&error) => {}
                done => return done.map(|()| place),
            }
        }
        // A place that did for the parent may not do for a mount further in.
        let mut place = if place == 0 { self.near(to)? } else { place };
        for is_last in [false, true] {
            let copy = self.number();
            copy_tree(from, Path::new(name), &self.places[place].dir, Path::new(&copy))?;
            match self.places[place].dir.rename(&copy, &self.base, to) {
                Err(error) if is_far(&error) && !is_last => place = self.near(to)?,
                done => {
                    done?;
                    break;
                }
            }
        }
        Ok(place)
    }

    fn rename_staged(&self, from: &Dir, name: &OsStr, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        if self.is_far {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        from.rename(name, &self.base, to)
    }

    /// Keeps what is at `at`, by a second name if possible, so that it is there until it is
    /// replaced; by moving it where there are no hard links or a directory is to come. Returns the
    /// place where it is kept.
    fn keep(&mut self, at: &Path, place: usize, by_moving: bool) -> io::Result<usize> {
        let aside = self.number();
        let mut place = place;
        for is_last in [false, true] {
            let dir = &self.places[place].dir;
            let linked = !by_moving
                && !self.pretends_far(place)
                && self.base.hard_link(at, dir, &aside).is_ok();
            let kept = match linked {
                true => Ok(()),
                false if self.pretends_far(place) => Err(io::ErrorKind::CrossesDevices.into()),
                false => self.base.rename(at, dir, &aside),
            };
            match kept {
                Err(error) if is_far(&error) && !is_last => place = self.near(at)?,
                done => {
                    done?;
                    break;
                }
            }
        }
        self.steps.push(Step::Kept { at: at.into(), aside, place });
        Ok(place)
    }

    #[cfg(test)]
    fn pretends_far(&self, place: usize) -> bool {
        self.is_far && place == 0
    }

    #[cfg(not(test))]
    fn pretends_far(&self, _place: usize) -> bool {
        false
    }

    /// A new place in the directory of `path`.
    fn near(&mut self, path: &Path) -> io::Result<usize> {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        let PrivateDir { name, dir, lock } = private_dir(&self.base.open_dir(parent)?)?;
        self.places.push(Place { path: parent.join(name), dir, lock: Some(lock) });
        self.steps.push(Step::Near);
        Ok(self.places.len() - 1)
    }

    fn number(&mut self) -> String {
        self.numbers += 1;
        self.numbers.to_string()
    }

    /// Notes the permissions and times of the directory at `at`, which are about to change.
    pub(crate) fn touch(&mut self, at: &Path) -> io::Result<()> {
        let at = if at == Path::new("") { Path::new(".") } else { at };
        let times = times(&self.base, at)?;
        let permissions = self.base.metadata(at)?.permissions();
        self.steps.push(Step::Touched { at: at.into(), permissions, times });
        Ok(())
    }

    /// Ends well: what was replaced goes away.
    pub(crate) fn done(mut self) {
        self.steps.clear();
        self.sweep(1);
    }

    /// Takes everything back, the last step first. Returns what could not be.
    pub(crate) fn undo(&mut self) -> Lost {
        let mut lost = Lost::new();
        while let Some(step) = self.steps.pop() {
            let (at, undone) = match step {
                Step::Placed { at, place, staged } => {
                    let scrap = self.number();
                    let dir = &self.places[place].dir;
                    // Where it came from, so that another run can go on with it.
                    let returned = staged.is_some_and(|to| self.base.rename(&at, dir, to).is_ok());
                    let undone =
                        if returned { Ok(()) } else { self.base.rename(&at, dir, scrap) };
                    (at, undone)
                }
                // Where it still is under its own name too, a rename does nothing, and succeeds.
                Step::Kept { at, aside, place } => {
                    let undone = self.places[place].dir.rename(aside, &self.base, &at);
                    (at, undone)
                }
                // Nothing is in it any more, unless something was lost.
                Step::Near if lost.is_empty() => {
                    self.sweep(self.places.len() - 1);
                    continue;
                }
                Step::Near => continue,
                Step::Touched { at, permissions, times } => {
                    restore(&self.base, &at, permissions, times);
                    (at, Ok(()))
                }
            };
            if let Err(error) = undone {
                lost.push((at, error));
            }
        }
        lost
    }

    /// Takes away places on other mounts; the staging directory, the first, has its own owner.
    fn sweep(&mut self, first: usize) {
        for Place { path, dir, lock } in self.places.drain(first..) {
            drop((dir, lock));
            // What is left is named `.llz-*`, and what was asked for is done or undone.
            let _ = self.base.remove_dir_all(path);
        }
    }
}

/// A panic must not leave things half done either.
impl Drop for Journal<'_> {
    fn drop(&mut self) {
        self.undo();
    }
}

/// A directory is never replaced: all that is in it would go with it.
pub(crate) fn in_the_way(path: PathBuf) -> Error {
    let why = "a directory is here, and the archive has a file or link".into();
    Error::InTheWay { path, why }
}

/// Whether a rename or link failed because of a mount point between the two names.
fn is_far(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::CrossesDevices
}

/// The names in a directory, in order.
fn names(dir: &Dir) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for item in dir.entries()? {
        names.push(item?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Fails if the system says that no names can be made in the directory at `at`.
#[cfg(unix)]
fn check_writable(base: &Dir, at: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, accessat};
    let at = if at == Path::new("") { Path::new(".") } else { at };
    accessat(base, at, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
    Ok(())
}

/// Elsewhere it shows when it is tried.
#[cfg(not(unix))]
fn check_writable(_base: &Dir, _at: &Path) -> io::Result<()> {
    Ok(())
}

/// The times of the directory at `at`.
pub(crate) fn times(base: &Dir, at: &Path) -> io::Result<FileTimes> {
    let there = base.metadata(at)?;
    let mut times = FileTimes::new();
    if let Ok(modified) = there.modified() {
        times = times.set_modified(modified.into_std());
    }
    if let Ok(accessed) = there.accessed() {
        times = times.set_accessed(accessed.into_std());
    }
    Ok(times)
}

/// Gives a directory its times back, as far as that is allowed.
#[cfg(unix)]
pub(crate) fn set_times(base: &Dir, at: &Path, times: FileTimes) {
    if let Ok(directory) = base.open(at) {
        let _ = directory.into_std().set_times(times);
    }
}

/// Elsewhere a directory cannot be opened for that, and keeps what it has.
#[cfg(not(unix))]
pub(crate) fn set_times(_base: &Dir, _at: &Path, _times: FileTimes) {}

/// Gives a directory its permissions and times back. Where that is not allowed, neither was
/// changing the permissions; the times then tell that something was tried.
#[cfg(unix)]
fn restore(base: &Dir, at: &Path, permissions: Permissions, times: FileTimes) {
    if base.open(at).is_err() {
        use cap_std::fs::PermissionsExt;
        let _ = base.set_permissions(at, Permissions::from_mode(0o700));
    }
    set_times(base, at, times);
    let _ = base.set_permissions(at, permissions);
}

/// Elsewhere directories keep both.
#[cfg(not(unix))]
fn restore(_base: &Dir, _at: &Path, _permissions: Permissions, _times: FileTimes) {}

/// An error, and what could not be put back after it.
pub(crate) fn with_lost(error: &Error, lost: &Lost, kept: &Path) -> Error {
    let first = lost.first().map(|(at, why)| format!("{}: {why}", at.display()));
    let said = format!(
        "{error}; after that {} of the changes could not be taken back ({}); what was \
         replaced is in {}",
        lost.len(),
        first.unwrap_or_default(),
        kept.display()
    );
    Error::io(kept, io::Error::other(said))
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;

//! Moving staged entries into place, and back out again when anything fails.
//!
//! Each file is replaced atomically: its name shows the old file or the whole new one. All of them
//! together are not: a look meanwhile shows some old and some new. If anything fails, or
//! Ctrl-C comes, every step is taken back in reverse order, so that what was there is there again,
//! the same files and not copies. A process that is killed (or a machine that fails) cannot do
//! that: some files are new then, each of them whole, and the old ones of those that were replaced
//! lie in a directory `.llz-*` in the destination, numbered.
//!
//! A rename does not reach across mount points. There, entries are copied into a private directory
//! on that mount first, and renamed from it.

use std::fs::{File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, Permissions};

mod directory;
mod merge;

use super::identity::FileId;
use super::leftovers;
use super::options::Existing;
use super::paths;
use super::staging::{ABOVE, TREE};
use crate::{Error, Progress};
use directory::restore;
pub(crate) use directory::{set_times, times};
pub(crate) use merge::in_the_way;

/// A private directory on the file system to which it gives access by renaming.
#[derive(Debug)]
struct Place {
    /// Where it lies, below the journal's base.
    path: PathBuf,
    dir: Dir,
    /// Says that it is in use; the staging directory has its own.
    lock: Option<File>,
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

/// The steps that have been done below `base`.
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

/// The paths that could not be put back, with the reasons.
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

    /// Notes that the whole destination was put in its place at `new`, with the directories above it from `top` on.
    pub(crate) fn placed(&mut self, top: &Path, new: &Path) {
        let mut push = |at: &Path, staged: &str| {
            let (at, staged) = (at.into(), Some(staged.into()));
            self.steps.push(Step::Placed { at, place: 0, staged });
        };
        if top != new {
            push(top, ABOVE);
        }
        push(new, TREE);
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

    fn number(&mut self) -> String {
        self.numbers += 1;
        self.numbers.to_string()
    }

    /// Notes the permissions and times of the directory at `at`, which are about to change.
    pub(crate) fn touch(&mut self, at: &Path) -> io::Result<()> {
        let at = paths::directory(at);
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
            let _ = leftovers::remove_private(&self.base, &path);
        }
    }
}

/// A panic must not leave things half done either.
impl Drop for Journal<'_> {
    fn drop(&mut self) {
        self.undo();
    }
}

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
mod tests;

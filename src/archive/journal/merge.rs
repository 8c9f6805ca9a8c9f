//! Moving entries over what is there, and keeping what they replace.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

#[cfg(unix)]
use super::super::identity::FileId;
use super::super::paths;
use super::super::staging::{PrivateDir, TREE, copy_tree, private_dir};
use super::directory::{check_writable, names};
use super::{Journal, Place, Step};
use crate::{Error, Result};

impl Journal<'_> {
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
                Ok(there) if there.is_dir() && staged.is_dir() => {
                    self.check(&from.open_dir(&name).map_err(failed)?, &to, &shown)?;
                    continue;
                }
                Ok(_) if !self.existing.replaces() => return Err(Error::Exists(shown)),
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
                Ok(there) if there.is_dir() && staged.is_dir() => {
                    let from = from.open_dir(&name).map_err(failed)?;
                    self.merge_on(&from, &to, &shown, place)?;
                    continue;
                }
                // The check has passed, so it came after that.
                Ok(_) if !self.existing.replaces() => return Err(Error::Exists(shown)),
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
        let parent = paths::parent(path);
        let PrivateDir { name, dir, lock } = private_dir(&self.base.open_dir(parent)?)?;
        self.places.push(Place { path: parent.join(name), dir, lock: Some(lock) });
        self.steps.push(Step::Near);
        Ok(self.places.len() - 1)
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

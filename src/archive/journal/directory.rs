//! The properties of a directory that a journal reads and gives back: names, permissions, times.

use std::fs::FileTimes;
use std::io;
use std::path::Path;

use cap_std::fs::{Dir, Permissions};

#[cfg(unix)]
use super::super::paths;

/// The names in a directory, in order.
pub(super) fn names(dir: &Dir) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for item in dir.entries()? {
        names.push(item?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Fails if the system says that no names can be made in the directory at `at`.
#[cfg(unix)]
pub(super) fn check_writable(base: &Dir, at: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, accessat};
    accessat(base, paths::directory(at), Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
    Ok(())
}

/// Elsewhere it shows when it is tried.
#[cfg(not(unix))]
pub(super) fn check_writable(_base: &Dir, _at: &Path) -> io::Result<()> {
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
pub(super) fn restore(base: &Dir, at: &Path, permissions: Permissions, times: FileTimes) {
    if base.open(at).is_err() {
        use cap_std::fs::PermissionsExt;
        let _ = base.set_permissions(at, Permissions::from_mode(0o700));
    }
    set_times(base, at, times);
    let _ = base.set_permissions(at, permissions);
}

/// Elsewhere directories keep both.
#[cfg(not(unix))]
pub(super) fn restore(_base: &Dir, _at: &Path, _permissions: Permissions, _times: FileTimes) {}

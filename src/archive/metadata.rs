//! What a system has of permissions, times and links, as unpacking sets it.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use cap_std::fs::{Dir, OpenOptions};

use crate::format::Entry;

/// Opens a staged file, which is ours, to read and write it, even if its permissions do not let us.
pub(super) fn writable(tree: &Dir, path: &str) -> io::Result<cap_std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match tree.open_with(path, &options) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let mut permissions = tree.symlink_metadata(path)?.permissions();
            #[cfg(unix)]
            cap_std::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
            #[cfg(not(unix))]
            permissions.set_readonly(false);
            tree.set_permissions(path, permissions)?;
            tree.open_with(path, &options)
        }
        opened => opened,
    }
}

#[cfg(unix)]
pub(super) fn set_mode(file: &File, mode: u16) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // The parser lets nothing beyond 0o777 through; setuid must not come back by a mistake.
    let mode = u32::from(mode) & 0o777;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn set_mode(_file: &File, _mode: u16) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn set_readonly(_file: &File, _mode: u16) -> io::Result<()> {
    Ok(())
}

/// Comes last: the times of a file that may only be read cannot be set.
#[cfg(not(unix))]
pub(super) fn set_readonly(file: &File, mode: u16) -> io::Result<()> {
    if mode & 0o200 == 0 {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

/// Nanoseconds since 1970 as the system's time.
pub(super) fn time(mtime: i64) -> SystemTime {
    let distance = Duration::from_nanos(mtime.unsigned_abs());
    let time = match mtime {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(unix)]
pub(super) fn open_dir(root: &Dir, entry: &Entry) -> io::Result<Option<File>> {
    let opened = match root.open(&entry.path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            use cap_std::fs::PermissionsExt;
            // A directory of ours that was there and that we did not let ourselves read.
            root.set_permissions(&entry.path, cap_std::fs::Permissions::from_mode(0o700))?;
            root.open(&entry.path)
        }
        opened => opened,
    };
    Ok(Some(opened?.into_std()))
}

/// Elsewhere directories keep the times and permissions they are made with.
#[cfg(not(unix))]
pub(super) fn open_dir(_: &Dir, _: &Entry) -> io::Result<Option<File>> {
    Ok(None)
}

#[cfg(unix)]
pub(super) fn symlink(tree: &Dir, target: &str, path: &str) -> io::Result<()> {
    // Also where it leads out: what stays below the directory is the link itself.
    tree.symlink_contents(target, path)
}

#[cfg(windows)]
pub(super) fn symlink(tree: &Dir, target: &str, path: &str) -> io::Result<()> {
    let beside = std::path::Path::new(path).parent().unwrap_or("".as_ref()).join(target);
    let target = target.replace('/', "\\");
    if tree.is_dir(beside) {
        tree.symlink_dir(target, path)
    } else {
        tree.symlink_file(target, path)
    }
}

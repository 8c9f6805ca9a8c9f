//! The unfinished files that a killed run leaves behind. They are never packed, and the next run that
//! writes in the same directory removes them.
//!
//! Everything that is not finished is called `.llz-` and sixteen hexadecimal digits: an archive
//! beside its place, and the private directory into which entries are unpacked. Whoever made it
//! holds a lock on it as long as it lives, so what nobody holds was left behind. Locks may not
//! reach from one machine to another, so half of the digits stand for the machine, and only its own
//! leftovers are swept. On file systems without locks nothing is.

use std::fs::File;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::paths;

const PREFIX: &str = ".llz-";
const DIGITS: usize = 16;

/// Whether this is the name of something unfinished.
pub(crate) fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == DIGITS && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A new name for something unfinished.
pub(crate) fn name() -> String {
    format!("{PREFIX}{}{:08x}", machine(), RandomState::new().build_hasher().finish() as u32)
}

/// Eight digits that stand for this machine.
fn machine() -> String {
    let mut hasher = DefaultHasher::new();
    #[cfg(unix)]
    rustix::system::uname().nodename().hash(&mut hasher);
    // The system sets it, and the standard library has no other way to ask. It is the only variable that the library
    // reads.
    #[cfg(not(unix))]
    std::env::var_os("COMPUTERNAME").hash(&mut hasher);
    format!("{:08x}", hasher.finish() as u32)
}

/// Says that something unfinished is in use, until it is closed. Where there are no locks it is not
/// swept either.
pub(crate) fn hold(file: &File) {
    let _ = file.try_lock();
}

/// The archive that is being written, for a program that cannot end in good order.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Notes which archive is being written. Once it is in its place or gone, nothing has this name.
pub(crate) fn set_unfinished(path: &Path) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        *unfinished = Some(path.into());
    }
}

/// Removes the archive that [`pack_to_path`](crate::pack_to_path) is writing. For programs that are
/// out of memory and about to end without dropping anything; it waits for nothing.
#[doc(hidden)]
pub fn remove_unfinished() {
    if let Ok(unfinished) = UNFINISHED.try_lock()
        && let Some(path) = &*unfinished
    {
        let _ = std::fs::remove_file(path);
    }
}

/// Removes unfinished archives that runs on this machine have left behind in `directory`. Directories are left
/// alone: they may hold files of the user that were about to be replaced. A failure is not reported: the next
/// run tries again.
pub(crate) fn sweep(directory: &Path) {
    let Ok(items) = paths::directory(directory).read_dir() else { return };
    let own = format!("{PREFIX}{}", machine());
    for item in items.flatten() {
        let name = item.file_name();
        let Some(name) = name.to_str() else { continue };
        if !is_ours(name) || !name.starts_with(&own) {
            continue;
        }
        let path = item.path();
        let Ok(kind) = item.file_type() else { continue };
        if kind.is_file() && is_free(&path) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Whether nobody holds the file or directory at `path`. The lock ends with this function: a run that
/// makes something unfinished looks after locking it whether it still is there.
fn is_free(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_ours() {
        assert!(is_ours(&name()));
        for other in [".llz-backup", ".llz-", "llz-0123456789abcdef", ".llz-0123456789ABCDEF"] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_nobody_holds_is_swept_but_no_file_of_the_user() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (dead, live, tree, kept) = (name(), name(), name(), name());
        std::fs::write(at(&dead), "x").unwrap();
        let held = File::create(at(&live)).unwrap();
        hold(&held);
        std::fs::create_dir_all(at(&tree).join("tree/a")).unwrap();
        std::fs::create_dir_all(at(&kept).join("tree")).unwrap();
        std::fs::write(at(&kept).join("1"), "the user's").unwrap();
        std::fs::write(at(".llz-0000000000000000"), "another machine's").unwrap();
        sweep(dir.path());
        let there = |name: &str| at(name).exists();
        assert!(!there(&dead));
        assert!(there(&live) && there(&tree) && there(&kept) && there(".llz-0000000000000000"));
        drop(held);
        sweep(dir.path());
        assert!(!there(&live));
    }
}

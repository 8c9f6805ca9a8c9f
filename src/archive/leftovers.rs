//! The unfinished files that a killed run leaves behind. They are never packed, and the next run that
//! writes in the same directory removes them.
//!
//! Everything that is not finished is called `.llz-` and sixteen hexadecimal digits: an archive
//! beside its place, and the private directory into which entries are unpacked. Whoever made it
//! holds a lock on it as long as it lives, of a directory on the file [`LOCK`] in it, so what nobody
//! holds was left behind. Locks may not reach from one machine to another, so half of the digits
//! stand for the machine, and only its own leftovers are swept. On file systems without locks
//! nothing is.
//!
//! A private directory in which a run was about to replace files of the user may hold them, under
//! numbers. Such a directory is never removed.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

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

/// The file in a private directory that is locked while the directory is in use.
pub(crate) const LOCK: &str = "lock";

/// Says that something unfinished is in use, until `file` is closed. Returns `false` if somebody is
/// about to sweep it. Where there are no locks nothing is swept.
#[must_use]
pub(crate) fn hold(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Takes what nobody uses: `true` if `file` is locked now, until it is closed.
pub(crate) fn claim(file: &File) -> bool {
    file.try_lock().is_ok()
}

/// Whether a file or directory belongs to whoever runs this. What others have made is not gone on with: they could
/// still change it.
#[cfg(unix)]
pub(crate) fn is_mine(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|there| there.uid() == rustix::process::geteuid().as_raw())
}

/// Elsewhere nothing is known of owners.
#[cfg(not(unix))]
pub(crate) fn is_mine(_file: &File) -> bool {
    true
}

/// Whether this is the name of something unfinished of this machine.
pub(crate) fn is_own(name: &str) -> bool {
    is_ours(name) && name[PREFIX.len()..].starts_with(&machine())
}

/// Whether this is what a file of the user is called in a private directory until all is in place.
pub(crate) fn is_kept(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The files that are being written, for a program that cannot end in good order.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Notes that a file is being written. Once it is in its place or gone, nothing has this name.
pub(crate) fn add_unfinished(path: &Path) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        unfinished.push(path.into());
    }
}

/// The unfinished files of this machine in the directory of `path`, whether they are in use or not.
pub(crate) fn files_beside(path: &Path) -> Vec<PathBuf> {
    let Ok(items) = paths::parent(path).read_dir() else { return Vec::new() };
    let is_own = |name: &OsString| name.to_str().is_some_and(is_own);
    let items = items.flatten().filter(|item| is_own(&item.file_name()));
    let files = items.filter(|item| item.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|item| item.path()).collect()
}

/// Removes what [`pack_to_path`](crate::pack_to_path) is writing. For programs that are
/// out of memory and about to end without dropping anything; it waits for nothing.
#[doc(hidden)]
pub fn remove_unfinished() {
    if let Ok(unfinished) = UNFINISHED.try_lock()
    {
        for path in &*unfinished {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Removes what runs on this machine have left behind in `directory`. A failure is no one's business:
/// it is tried again by the next run.
pub(crate) fn sweep(directory: &Path) {
    let Ok(items) = paths::directory(directory).read_dir() else { return };
    for item in items.flatten() {
        if !item.file_name().to_str().is_some_and(is_own) {
            continue;
        }
        let Ok(kind) = item.file_type() else { continue };
        if kind.is_file() {
            sweep_file(&item.path());
        } else if kind.is_dir() {
            sweep_directory(&item.path());
        }
    }
}

/// The lock lasts until the file is gone, so that nobody begins to use it meanwhile.
fn sweep_file(path: &Path) {
    if let Ok(file) = File::open(path)
        && claim(&file)
    {
        let _ = std::fs::remove_file(path);
    }
}

fn sweep_directory(path: &Path) {
    let Ok(items) = path.read_dir() else { return };
    if items.flatten().any(|item| item.file_name().to_str().is_none_or(is_kept)) {
        return;
    }
    match File::open(path.join(LOCK)) {
        Ok(lock) if claim(&lock) => {
            let parent = Dir::open_ambient_dir(paths::parent(path), ambient_authority());
            if let (Ok(parent), Some(name)) = (parent, path.file_name()) {
                let _ = remove_private(&parent, Path::new(name));
            }
        }
        // Killed before there was a lock in it: then it is empty, and if it is not, it stays.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let _ = std::fs::remove_dir(path);
        }
        Ok(_) | Err(_) => {}
    }
}

/// Removes the private directory `name` of `place`. The lock goes last: a directory without one is not known to be
/// ours, so what a run that is killed meanwhile leaves could not be removed any more.
pub(crate) fn remove_private(place: &Dir, name: &Path) -> std::io::Result<()> {
    let dir = place.open_dir(name)?;
    for item in dir.entries()? {
        let item = item?;
        let name = item.file_name();
        if name == LOCK {
            continue;
        }
        match item.file_type()?.is_dir() {
            true => dir.remove_dir_all(name)?,
            false => dir.remove_file(name)?,
        }
    }
    match dir.remove_file(LOCK) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    drop(dir);
    place.remove_dir(name)
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
        let [dead, live, tree, empty, used, kept, odd] = std::array::from_fn(|_| name());
        std::fs::write(at(&dead), "x").unwrap();
        let held = File::create(at(&live)).unwrap();
        assert!(hold(&held));
        for directory in [&tree, &used, &kept] {
            std::fs::create_dir_all(at(directory).join("tree/a")).unwrap();
            std::fs::write(at(directory).join(LOCK), "").unwrap();
        }
        std::fs::create_dir(at(&empty)).unwrap();
        let lock = File::open(at(&used).join(LOCK)).unwrap();
        assert!(hold(&lock));
        std::fs::write(at(&kept).join("1"), "the user's").unwrap();
        std::fs::create_dir_all(at(&odd).join("without a lock")).unwrap();
        std::fs::write(at(".llz-0000000000000000"), "another machine's").unwrap();
        sweep(dir.path());
        let there = |name: &str| at(name).exists();
        assert!(!there(&dead) && !there(&tree) && !there(&empty));
        assert!(there(&live) && there(&used) && there(&kept) && there(&odd));
        assert!(there(".llz-0000000000000000"));
        drop((held, lock));
        sweep(dir.path());
        assert!(!there(&live) && !there(&used) && there(&kept));
    }

    /// Without its lock a directory that still holds something would stay for ever.
    #[cfg(unix)]
    #[test]
    fn the_lock_of_a_private_directory_goes_last() {
        let dir = tempfile::tempdir().unwrap();
        let private = dir.path().join("private");
        std::fs::create_dir(&private).unwrap();
        for number in 0..3000 {
            std::fs::write(private.join(format!("file {number}")), "").unwrap();
        }
        std::fs::write(private.join(LOCK), "").unwrap();
        let place = Dir::open_ambient_dir(dir.path(), ambient_authority()).unwrap();
        std::thread::scope(|scope| {
            let removal = scope.spawn(|| remove_private(&place, Path::new("private")));
            while private.join(LOCK).exists() {
                std::thread::yield_now();
            }
            let others = private.read_dir().map_or(0, |items| items.flatten().count());
            assert_eq!(others, 0, "the lock is gone already");
            removal.join().unwrap().unwrap();
        });
        assert!(!private.exists());
    }
}

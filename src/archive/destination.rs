//! The directory into which entries are unpacked, as it is before anything is moved there.

use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};

use super::decode::Verifier;
use super::found::nanoseconds;
use crate::format::{Check, Entry, EntryKind};
use crate::{Error, Progress, Result};

/// Where unpacked entries go.
#[derive(Debug)]
pub(crate) struct Destination {
    /// As the caller named it, for errors.
    pub(super) path: PathBuf,
    /// The destination itself if it exists, else the deepest directory above it that does.
    pub(super) place: Dir,
    /// The same as a path.
    pub(super) base: PathBuf,
    /// What there is to make below that, if anything.
    pub(super) new: Option<PathBuf>,
}

impl Destination {
    /// Looks at `path` and writes nothing. It must be a directory, or not exist; then those above it are made too.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut base = path;
        let mut new = PathBuf::new();
        loop {
            let failed = |error| Error::io(base, error);
            match base.metadata() {
                Ok(found) if found.is_dir() => {
                    let place = Dir::open_ambient_dir(base, ambient_authority()).map_err(failed)?;
                    let new = (new != Path::new("")).then_some(new);
                    return Ok(Destination { path: path.into(), place, base: base.into(), new });
                }
                Ok(_) => {
                    let why = "it is not a directory, into which to unpack".into();
                    return Err(Error::InTheWay { path: base.into(), why });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // A dangling link is in the way too.
                    if base.symlink_metadata().is_ok() {
                        return Err(Error::Exists(base.into()));
                    }
                    // `..` below what is not there leads nowhere.
                    let name = Path::new(base.file_name().ok_or_else(|| failed(error))?);
                    new = if new == Path::new("") { name.into() } else { name.join(new) };
                    base = match base.parent() {
                        Some(parent) if parent != Path::new("") => parent,
                        _ => Path::new("."),
                    };
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// What is at an entry's path. The directories above it must be real ones: links are followed there.
    pub(crate) fn look(&self, path: &str) -> Option<Metadata> {
        match self.new {
            Some(_) => None,
            None => self.place.symlink_metadata(path).ok(),
        }
    }

    /// An entry's path as the caller sees it.
    pub(crate) fn shown(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Where an entry's path lies, as the journal sees it.
    pub(crate) fn below_base(&self, path: &str) -> PathBuf {
        self.new.clone().unwrap_or_default().join(path)
    }

    /// Whether at `path`, whose directories must be real ones as for [`Destination::look`], a file or link is as this
    /// entry has it; if `exactly`, with its time and permissions, less what a umask may take.
    pub(crate) fn holds(
        &self,
        path: &str,
        entry: &Entry,
        exactly: bool,
        progress: &Progress,
    ) -> Result<bool> {
        let Some(there) = self.look(path) else { return Ok(false) };
        match &entry.kind {
            EntryKind::File { size, check, .. } if there.is_file() && there.len() == *size => {
                // The short checksum of a small file is no proof. With the time it is, for that was set by an earlier run.
                if (exactly || matches!(check, Check::Crc(_))) && !is_about(&there, entry.mtime)
                    || exactly && !has_mode(&there, entry.mode)
                {
                    return Ok(false);
                }
                let Ok(mut file) = self.place.open(path) else { return Ok(false) };
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
                let leads = self.place.read_link_contents(path);
                Ok(leads.is_ok_and(|leads| leads == Path::new(target)))
            }
            EntryKind::File { .. } | EntryKind::Symlink { .. } | EntryKind::Directory => Ok(false),
        }
    }

    pub(super) fn failed(&self, error: io::Error) -> Error {
        Error::io(&self.path, error)
    }
}

/// The seconds that 32 bits hold, as nanoseconds: from 1901 to 2038. A file system with such times keeps the nearest
/// instead of one beyond: ext4 one before, XFS without `bigtime` both (`timestamp_truncate` in Linux).
const SHORT_TIMES: RangeInclusive<i64> = i32::MIN as i64 * 1_000_000_000..=i32::MAX as i64 * 1_000_000_000;

/// Says whether something was modified at this time, as far as file systems keep times: to two seconds.
fn is_about(there: &Metadata, mtime: i64) -> bool {
    let nearest = mtime.clamp(*SHORT_TIMES.start(), *SHORT_TIMES.end());
    let is_about = |modified: i64| [mtime, nearest].iter().any(|time| modified.abs_diff(*time) <= 2_000_000_000);
    there.modified().is_ok_and(|time| is_about(nanoseconds(time.into_std())))
}

/// Whether something has these permissions, or those that a umask leaves of them, which takes none from the owner.
#[cfg(unix)]
fn has_mode(there: &Metadata, mode: u16) -> bool {
    use cap_std::fs::MetadataExt;
    let (there, mode) = (there.mode() & 0o777, u32::from(mode));
    there & !mode == 0 && there & 0o700 == mode & 0o700
}

/// Elsewhere there are no such permissions.
#[cfg(not(unix))]
fn has_mode(_there: &Metadata, _mode: u16) -> bool {
    true
}

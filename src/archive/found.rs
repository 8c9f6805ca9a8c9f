//! Something to be packed: what it is, its permissions and its time.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::options::{Input, Links, Times};
use super::policy::{self, System};
use super::walk::stored_path;
use crate::{Error, Result};

/// Something to be packed.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) source: PathBuf,
    /// Its path in the archive.
    pub(crate) path: String,
    pub(crate) kind: FoundKind,
    pub(crate) mode: u16,
    /// Nanoseconds since 1970.
    pub(crate) mtime: i64,
    /// The time that is stored.
    pub(crate) stored_mtime: i64,
    /// The file itself, if it is not found by its name.
    pub(crate) held: Option<Arc<File>>,
}

impl Found {
    /// Opens it at its beginning. What is held has one position for all who open it: they come one after the other.
    pub(crate) fn open(&self) -> io::Result<File> {
        let Some(held) = &self.held else { return File::open(&self.source) };
        let mut file = held.try_clone()?;
        file.rewind()?;
        Ok(file)
    }
}

#[derive(Debug)]
pub(crate) enum FoundKind {
    File { size: u64 },
    Directory,
    Symlink { target: String },
}

/// A file that was handed over, under the name it is to have.
pub(super) fn held(input: &Input, times: Times) -> Result<Found> {
    let path = stored_path(Path::new(&input.path)).unwrap_or_default();
    if let Err(error) = policy::check_path(&path, System::HERE) {
        let why = reason(error);
        return Err(Error::Usage(format!("nothing can be stored as {:?}: {why}", input.path)));
    }
    let source = PathBuf::from("-");
    let metadata = input.file.metadata().map_err(|error| Error::io(&source, error))?;
    Ok(Found {
        source,
        path,
        kind: FoundKind::File { size: metadata.len() },
        mode: 0o644,
        mtime: mtime(&metadata),
        stored_mtime: times.stored(mtime(&metadata)),
        held: Some(Arc::clone(&input.file)),
    })
}

/// Why the policy refuses something.
pub(super) fn reason(error: Error) -> String {
    match error {
        Error::Unsafe { why, .. } => why,
        other => other.to_string(),
    }
}

/// What is at `source`, or why it cannot be packed.
pub(super) fn describe(
    source: &Path,
    file_type: FileType,
    path: &str,
    links: Links,
) -> std::result::Result<(FoundKind, Metadata), String> {
    let metadata = match links {
        Links::Follow => source.metadata(),
        Links::Keep | Links::Skip => source.symlink_metadata(),
    };
    let metadata = metadata.map_err(|error| error.to_string())?;
    let kind = if file_type.is_dir() {
        FoundKind::Directory
    } else if file_type.is_file() {
        FoundKind::File { size: metadata.len() }
    } else if file_type.is_symlink() && links == Links::Skip {
        return Err("a symbolic link".into());
    } else if file_type.is_symlink() {
        let target = source.read_link().map_err(|error| error.to_string())?;
        let target = target.to_str().ok_or("a symbolic link whose target is not UTF-8")?;
        let target = if cfg!(windows) { target.replace('\\', "/") } else { target.into() };
        policy::check_target(path, &target).map_err(reason)?;
        FoundKind::Symlink { target }
    } else {
        return Err("a special file (device, pipe or socket)".into());
    };
    Ok((kind, metadata))
}

#[cfg(unix)]
pub(super) fn mode(metadata: &Metadata) -> u16 {
    use std::os::unix::fs::MetadataExt;
    // Everybody may write into a directory with the sticky bit, but not take away what others have
    // there. Without that bit, which is not stored, they may not write.
    let open = if metadata.is_dir() && metadata.mode() & 0o1000 != 0 { 0o022 } else { 0 };
    (metadata.mode() & 0o777 & !open) as u16
}

/// Permission bits that an archive does not hold.
#[cfg(unix)]
pub(super) fn dropped_bits(metadata: &Metadata) -> impl Iterator<Item = &'static str> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode();
    let bits = [(0o4000, "setuid bit"), (0o2000, "setgid bit"), (0o1000, "sticky bit")];
    bits.into_iter().filter(move |(bit, _)| mode & bit != 0).map(|(_, name)| name)
}

#[cfg(not(unix))]
pub(super) fn dropped_bits(_metadata: &Metadata) -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}

#[cfg(not(unix))]
pub(super) fn mode(metadata: &Metadata) -> u16 {
    match (metadata.is_dir(), metadata.permissions().readonly()) {
        (true, _) => 0o755,
        (false, false) => 0o644,
        (false, true) => 0o444,
    }
}

/// Nanoseconds since 1970, held within what an `i64` can say (the years 1677 to 2262).
pub(crate) fn mtime(metadata: &Metadata) -> i64 {
    exact_mtime(metadata).0
}

/// [`mtime`], and whether it is the true one.
pub(super) fn exact_mtime(metadata: &Metadata) -> (i64, bool) {
    metadata.modified().map_or((0, true), exact_nanoseconds)
}

/// A time as archives hold it.
pub(crate) fn nanoseconds(time: SystemTime) -> i64 {
    exact_nanoseconds(time).0
}

fn exact_nanoseconds(time: SystemTime) -> (i64, bool) {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).map_or((i64::MAX, false), |at| (at, true)),
        Err(before) => i64::try_from(before.duration().as_nanos())
            .map_or((i64::MIN, false), |nanos| (-nanos, true)),
    }
}

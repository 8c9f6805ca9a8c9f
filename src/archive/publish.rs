//! Where an archive is written to: a file that appears or is replaced at the last moment, or
//! something that can only be written through (a device, a FIFO, an open descriptor).
//!
//! A file is never put in place of a device, a FIFO or a symbolic link. A link keeps
//! its place, and the file that it leads to is replaced, or made.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::identity::FileId;
use super::leftovers;
use super::paths::parent;
use crate::{Error, Progress, Result};

/// Links that may follow each other, as Linux has it (MAXSYMLINKS).
const LINKS: u32 = 40;

/// How often a FIFO without a reader is looked at.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(20);

/// The thing that the output's name leads to. Looking at it opens and changes nothing.
#[derive(Debug)]
pub(crate) struct Target {
    /// As the caller named it, for errors.
    name: PathBuf,
    kind: Kind,
    /// The file that is there already.
    id: Option<FileId>,
}

#[derive(Debug)]
enum Kind {
    /// A file, at the place all links lead to; with what is known of the one that is there.
    File { path: PathBuf, old: Option<Metadata> },
    /// To be opened and written through; `overwrites` if that takes away what a device holds.
    Through { overwrites: bool },
}

impl Target {
    /// Finds out what `name` leads to.
    pub(crate) fn look(name: &Path) -> Result<Self> {
        let failed = |error| Error::io(name, error);
        let named = |what: &str| {
            Error::Usage(format!("{} is {what}: name the archive itself", name.display()))
        };
        let path = follow(name).map_err(failed)?;
        let there = match path.metadata() {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_descriptor(&path) => {
                if has_trailing_slash(name) || path.file_name().is_none() {
                    return Err(named("the name of a directory"));
                }
                // Told now, and not after hours of packing.
                parent(&path).metadata().map_err(|error| Error::io(parent(&path), error))?;
                let kind = Kind::File { path, old: None };
                return Ok(Target { name: name.into(), kind, id: None });
            }
            Err(error) => return Err(failed(error)),
        };
        if there.is_dir() {
            return Err(named("a directory"));
        }
        let id = FileId::of_path(&path).ok();
        let kind = if there.is_file() && !is_descriptor(&path) {
            Kind::File { path, old: Some(there) }
        } else {
            Kind::Through { overwrites: is_block_device(&there) }
        };
        Ok(Target { name: name.into(), kind, id })
    }

    /// The file that is there already.
    pub(crate) fn id(&self) -> Option<&FileId> {
        self.id.as_ref()
    }

    /// Where the archive will be, if it will be a file of its own.
    pub(crate) fn place(&self) -> Option<&Path> {
        match &self.kind {
            Kind::File { path, .. } => Some(path),
            Kind::Through { .. } => None,
        }
    }

    /// Fails if something would be lost that may not be without `force`.
    pub(crate) fn check(&self, force: bool) -> Result<()> {
        let loses = match &self.kind {
            Kind::File { old, .. } => old.is_some(),
            Kind::Through { overwrites } => *overwrites,
        };
        if loses && !force { Err(Error::Exists(self.name.clone())) } else { Ok(()) }
    }

    /// Begins to write.
    pub(crate) fn open(&self, force: bool, progress: &Progress) -> Result<Sink<'_>> {
        match &self.kind {
            Kind::File { path, old } => {
                let file = beside(path).map_err(|error| Error::io(&self.name, error))?;
                leftovers::add_unfinished(file.path());
                Ok(Sink::New(New { target: self, path, old: old.as_ref(), file, force }))
            }
            Kind::Through { .. } => {
                let file = open_through(&self.name, progress)?;
                if file.is_terminal() && !force {
                    return Err(Error::Usage(format!(
                        "an archive is no use on a terminal, which {} is",
                        self.name.display()
                    )));
                }
                Ok(Sink::Through(file))
            }
        }
    }
}

/// Something being written to.
pub(crate) enum Sink<'a> {
    /// A file without a name of its own yet.
    New(New<'a>),
    /// Bytes that are written to it cannot be taken back.
    Through(File),
}

/// A file that waits beside its place.
pub(crate) struct New<'a> {
    target: &'a Target,
    path: &'a Path,
    old: Option<&'a Metadata>,
    file: NamedTempFile,
    force: bool,
}

impl New<'_> {
    pub(crate) fn writer(&mut self) -> BufWriter<&mut File> {
        BufWriter::new(self.file.as_file_mut())
    }

    /// Where it can be read back.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts the file in its place, which shows the old one or the whole new one at any time.
    pub(crate) fn publish(self) -> Result<()> {
        let New { target, path, old, file, force } = self;
        let failed = |error| Error::io(&target.name, error);
        if let Some(old) = old {
            keep_access(file.as_file(), old).map_err(failed)?;
        }
        match file.as_file().sync_all() {
            // Some file systems, mostly in user space, have no way to be asked for that.
            Err(error) if lacks(&error) => {}
            synced => synced.map_err(failed)?,
        }
        if force {
            file.persist(path).map_err(|error| failed(error.error))?;
        } else if let Err(error) = file.persist_noclobber(path) {
            match (error.error.kind(), path.symlink_metadata()) {
                (io::ErrorKind::AlreadyExists, _) | (_, Ok(_)) => {
                    return Err(Error::Exists(target.name.clone()));
                }
                // A file system that can neither link nor rename with care, such as exFAT: what
                // appears between the look and the rename is lost there.
                (_, Err(_)) => {
                    error.file.persist(path).map_err(|error| failed(error.error))?;
                }
            }
        }
        sync_directory(parent(path));
        Ok(())
    }
}

/// A new unfinished file in the directory of `path`, in use until it is closed.
pub(crate) fn beside(path: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = try_beside(path)?;
        // Another run may have taken it for a leftover before it was held.
        if leftovers::hold(file.as_file()) && file.path().symlink_metadata().is_ok() {
            return Ok(file);
        }
    }
}

fn try_beside(path: &Path) -> io::Result<NamedTempFile> {
    let name = leftovers::name();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&name).rand_bytes(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Like any new file: the umask takes off what it takes off.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // Its errors name the temporary file, which means nothing to anyone; the system's is inside.
    builder.tempfile_in(parent(path)).map_err(|error| {
        let inner = error.get_ref().and_then(|error| error.source());
        let code = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
        code.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
    })
}

/// Opens what is written through. A regular file can only be here behind a descriptor; like tar,
/// begin it anew.
#[cfg(unix)]
fn open_through(name: &Path, progress: &Progress) -> Result<File> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

    use rustix::fs::{OFlags, fcntl_setfl};
    let failed = |error: io::Error| Error::io(name, error);
    let is_fifo = name.metadata().is_ok_and(|found| found.file_type().is_fifo());
    let mut options = OpenOptions::new();
    options.write(true).truncate(true);
    if !is_fifo {
        return options.open(name).map_err(failed);
    }
    // Opening waits until somebody reads, and could not be interrupted; so the waiting is done here.
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    loop {
        progress.check()?;
        match options.open(name) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                std::thread::sleep(PATIENCE);
            }
            Err(error) => return Err(failed(error)),
            Ok(file) => {
                fcntl_setfl(&file, OFlags::empty()).map_err(|error| failed(error.into()))?;
                return Ok(file);
            }
        }
    }
}

/// Opens what is written through.
#[cfg(not(unix))]
fn open_through(name: &Path, _progress: &Progress) -> Result<File> {
    let file = OpenOptions::new().write(true).truncate(true).open(name);
    file.map_err(|error| Error::io(name, error))
}

/// Gives a file the owner, as far as possible, and the permissions of the one it will replace:
/// what was private stays private.
fn keep_access(file: &File, old: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let new = file.metadata()?;
        let mut mode = old.mode() & 0o777;
        if (new.uid(), new.gid()) != (old.uid(), old.gid())
            && fchown(file, Some(old.uid()), Some(old.gid())).is_err()
        {
            // Another group gets no more than everybody has.
            mode &= !0o070 | (mode & 0o007) << 3;
        }
        if new.mode() & 0o777 != mode {
            match file.set_permissions(std::fs::Permissions::from_mode(mode)) {
                // The file is ours: only a file system without permissions says no, and there the
                // old file had none either.
                Err(error) if lacks(&error) => {}
                set => set?,
            }
        }
    }
    #[cfg(not(unix))]
    let _ = (file, old);
    Ok(())
}

/// Whether a file system says that it has no such thing.
pub(crate) fn lacks(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    // ENOTTY is what FUSE file systems answer now and then; Rust has no name for it.
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
        || error.raw_os_error() == Some(25)
}

/// Makes a rename in `directory` last. Not every system can; the rename itself has happened.
fn sync_directory(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

/// Where `path` leads through symbolic links that are its last component, be something there or
/// not. A link that stands for an open descriptor is not followed: what it shows is no place.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        match path.symlink_metadata() {
            Ok(found) if found.is_symlink() && !is_descriptor(&path) => {
                path = parent(&path).join(path.read_link()?);
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links, or links in a circle"))
}

/// Whether `path` is an open descriptor's: `/dev/fd/N`, `/proc/PID/fd/N`.
fn is_descriptor(path: &Path) -> bool {
    let Ok(directory) = parent(path).canonicalize() else { return false };
    directory == Path::new("/dev/fd")
        || (directory.starts_with("/proc") && directory.ends_with("fd"))
}

/// Whether `path` stands for this process's standard output: `/dev/stdout`, `/dev/fd/1` and links
/// to them.
pub fn is_standard_output(path: &Path) -> bool {
    let Ok(path) = follow(path) else { return false };
    let own = Path::new("/proc/self/fd").canonicalize();
    path.file_name() == Some("1".as_ref())
        && parent(&path).canonicalize().is_ok_and(|directory| {
            directory == Path::new("/dev/fd") || own.is_ok_and(|own| own == directory)
        })
}

fn has_trailing_slash(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.last().is_some_and(|&last| std::path::is_separator(last.into()))
}

#[cfg(unix)]
fn is_block_device(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_block_device(_metadata: &Metadata) -> bool {
    false
}

//! Which file a name or a stream leads to, whatever it is called: what is being written must never
//! be read as well, and must be recognised before it is opened for writing.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// The identity of a file, the same under all its names: device and inode.
#[cfg(unix)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// The identity of a file, the same under all its names: its open handle.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId(std::sync::Arc<same_file::Handle>);

impl FileId {
    /// The file that `path` leads to, through links; nothing is opened for writing.
    ///
    /// # Errors
    /// What the system says, such as that there is no such file.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        return path.metadata().map(|metadata| Self::of_metadata(&metadata));
        #[cfg(not(unix))]
        same_file::Handle::from_path(path).map(|handle| FileId(handle.into()))
    }

    /// The file that is open.
    pub(crate) fn of_file(file: &std::fs::File) -> io::Result<Self> {
        #[cfg(unix)]
        return file.metadata().map(|metadata| Self::of_metadata(&metadata));
        #[cfg(not(unix))]
        same_file::Handle::from_file(file.try_clone()?).map(|handle| FileId(handle.into()))
    }

    /// The file behind an open stream, such as standard output. `None` for pipes, terminals and
    /// whatever else may rightly be read and written at once.
    #[cfg(unix)]
    pub fn of_stream(stream: impl std::os::fd::AsFd) -> Option<Self> {
        use std::os::unix::fs::FileTypeExt;
        let file = std::fs::File::from(stream.as_fd().try_clone_to_owned().ok()?);
        let metadata = file.metadata().ok()?;
        let stays = metadata.is_file() || metadata.file_type().is_block_device();
        stays.then(|| Self::of_metadata(&metadata))
    }

    /// The file behind an open stream, such as standard output. `None` for pipes, terminals and
    /// whatever else may rightly be read and written at once.
    #[cfg(windows)]
    pub fn of_stream(stream: impl std::os::windows::io::AsHandle) -> Option<Self> {
        let file = std::fs::File::from(stream.as_handle().try_clone_to_owned().ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        same_file::Handle::from_file(file).ok().map(|handle| FileId(handle.into()))
    }

    #[cfg(unix)]
    pub(crate) fn of_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self::of_device_and_inode(metadata.dev(), metadata.ino())
    }

    #[cfg(unix)]
    pub(crate) fn of_device_and_inode(device: u64, inode: u64) -> Self {
        FileId { device, inode }
    }

    /// Whether the regular file at `path`, which is no link, is this one.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let there = path.symlink_metadata();
        there.is_ok_and(|there| there.is_file() && self.is(path, &there))
    }

    #[cfg(unix)]
    fn is(&self, _path: &Path, metadata: &Metadata) -> bool {
        *self == Self::of_metadata(metadata)
    }

    #[cfg(not(unix))]
    fn is(&self, path: &Path, _metadata: &Metadata) -> bool {
        Self::of_path(path).is_ok_and(|there| *self == there)
    }
}

//! What an archive knows about one file, directory or symbolic link.

/// One file, directory or symbolic link of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative path in UTF-8, components separated by `/`.
    pub path: String,
    /// What it is, with what only that kind has.
    pub kind: EntryKind,
    /// Permission bits, `0o000` to `0o777`. Links have none of their own: always `0o777`.
    pub mode: u16,
    /// Time of the last modification, in nanoseconds since 1970-01-01T00:00:00Z. Not kept for
    /// links: always 0.
    pub mtime: i64,
}

/// What a link's permission bits are given as.
pub(crate) const LINK_MODE: u16 = 0o777;

/// The kinds of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// Where its bytes begin in the archive's raw stream, all chunks' raw bytes in order.
        /// Files with the same content share one place.
        offset: u64,
        /// SHA-256 of its bytes.
        sha256: [u8; 32],
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points, as stored: relative, `/`-separated.
        target: String,
    },
}

impl Entry {
    /// Its length in bytes; 0 for anything but a file.
    pub fn size(&self) -> u64 {
        match self.kind {
            EntryKind::File { size, .. } => size,
            EntryKind::Directory | EntryKind::Symlink { .. } => 0,
        }
    }
}

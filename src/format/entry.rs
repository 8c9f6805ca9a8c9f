//! An entry is all that an archive knows about one file, directory or symbolic link.

/// One file, directory or symbolic link of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative path in UTF-8, components separated by `/`.
    pub path: String,
    /// Its kind, with all that only that kind has.
    pub kind: EntryKind,
    /// Permission bits, `0o000` to `0o777`. Links have none of their own: always `0o777`.
    pub mode: u16,
    /// Time of the last modification, in nanoseconds since 1970-01-01T00:00:00Z. Not kept for
    /// links: always 0.
    pub mtime: i64,
}

/// The permission bits that every link is given.
pub(crate) const LINK_MODE: u16 = 0o777;

/// The kinds of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// The place of its first byte in the archive's raw stream, all chunks' raw bytes in order.
        /// Files with the same content share one place.
        offset: u64,
        /// The checksum that its bytes are held to.
        check: Check,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// The path it points to, as stored: relative, `/`-separated.
        target: String,
    },
}

/// Files of fewer bytes are *small*: those of a table have one SHA-256 together, and each a short checksum of its own.
pub(crate) const SMALL: u64 = 4096;

/// The checksum that the content of one file is held to, beside the checksum of the chunk that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Nothing: the file is empty, or it was only found and not read.
    None,
    /// The lower half of the CRC-32 of its bytes. Files below 4,096 bytes have it; those of a table of entries have
    /// a SHA-256 together, which is compared when all of them are decoded.
    Crc(u16),
    /// The SHA-256 of its bytes.
    Sha256([u8; 32]),
}

impl Check {
    /// Chooses what an archive keeps of a file of this size with these checksums.
    #[cfg(feature = "encode")]
    pub(crate) fn of(size: u64, crc: u32, sha256: [u8; 32]) -> Self {
        match size {
            0 => Check::None,
            1..SMALL => Check::Crc(lower_half(crc)),
            SMALL.. => Check::Sha256(sha256),
        }
    }

    /// The SHA-256, where the file has one of its own.
    pub fn sha256(&self) -> Option<&[u8; 32]> {
        match self {
            Check::Sha256(sha256) => Some(sha256),
            Check::None | Check::Crc(_) => None,
        }
    }
}

/// Takes the half of a CRC-32 that guards a small file.
pub(crate) fn lower_half(crc: u32) -> u16 {
    (crc & 0xFFFF) as u16
}

impl Entry {
    /// Where its content begins in the content stream; for anything but a file nowhere, [`u64::MAX`].
    #[cfg_attr(not(feature = "fs"), allow(dead_code))]
    pub(crate) fn content_start(&self) -> u64 {
        match self.kind {
            EntryKind::File { offset, .. } => offset,
            EntryKind::Directory | EntryKind::Symlink { .. } => u64::MAX,
        }
    }

    /// Whether it is a small file with content, which has a SHA-256 together with others.
    pub(crate) fn is_small(&self) -> bool {
        matches!(self.kind, EntryKind::File { check: Check::Crc(_), .. })
    }

    /// Its length in bytes; 0 for anything but a file.
    pub fn size(&self) -> u64 {
        match self.kind {
            EntryKind::File { size, .. } => size,
            EntryKind::Directory | EntryKind::Symlink { .. } => 0,
        }
    }
}

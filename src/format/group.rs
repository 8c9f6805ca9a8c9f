//! The SHA-256 that the small files of one table of entries have together.
//!
//! It is taken over the SHA-256 of each, so that a writer need not keep their content until it knows where the table
//! ends.

use std::ops::Range;

use sha2::{Digest, Sha256};

/// The small files of one table that have content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The bytes of the content stream that the table's files have. Every small file in there belongs to the group.
    pub content: Range<u64>,
    /// The number of small files with content.
    pub files: u64,
    /// SHA-256 over the SHA-256 of each of them, in order.
    pub sha256: [u8; 32],
}

/// Makes that SHA-256, file by file.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupHasher {
    hasher: Sha256,
    files: u64,
}

impl GroupHasher {
    /// Takes in the SHA-256 of the next file.
    pub(crate) fn add(&mut self, sha256: &[u8; 32]) {
        self.hasher.update(sha256);
        self.files += 1;
    }

    /// The number of files that have been taken in.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    /// The SHA-256 of all that have been taken in.
    pub(crate) fn finish(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }
}

//! Read-only memory maps behind a safe face.

use std::fs::File;
use std::io;
use std::ops::Deref;

/// A whole file mapped read-only.
///
/// Someone else may still truncate or rewrite the file while it is mapped. A rewrite only makes
/// checksums fail; a truncation can end the process with a signal on some systems, as for every
/// program that maps files. Nothing read from the map is ever trusted without a check.
#[derive(Debug)]
pub struct Map(memmap2::Mmap);

impl Map {
    /// Maps `file` from its first to its last byte. An empty file gives an empty slice.
    pub fn open(file: &File) -> io::Result<Self> {
        // SAFETY: the map is read-only and private to this value, and it is only ever handed out
        // as `&[u8]`. The bytes may change underneath if another process writes the file; every
        // reader here copies what it checks before using it as a length or an offset, so a change
        // leads to a failed checksum and not to an out-of-bounds access.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Map(map))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

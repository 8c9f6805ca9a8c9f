//! Read-only memory maps with a safe interface.

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
        // as `&[u8]`. The bytes may change underneath if another process writes the file. Every
        // length read from the map is used through a bounds-checked slice; a change between check
        // and use gives other bytes, never an access outside.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Map(map))
    }

    /// Gives back the memory of the first `end` bytes. Call it for bytes that are not expected to be
    /// read again; if they are, the system reads them from the file again. So reading an archive of
    /// any size from front to back takes little memory. Does nothing on systems without `madvise`.
    pub fn release(&self, end: usize) {
        #[cfg(unix)]
        {
            let end = end.min(self.0.len());
            // SAFETY: the map is shared, read-only and backed by a file, so dropping its pages
            // loses nothing: the next access reads the same bytes from the file again.
            let _ = unsafe {
                self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, 0, end)
            };
        }
        #[cfg(not(unix))]
        let _ = end;
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn bytes_come_back_after_a_release() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..100_000u32).map(|index| (index / 7) as u8).collect();
        file.write_all(&bytes).unwrap();
        let map = Map::open(&file).unwrap();
        for end in [0, 1, 5000, bytes.len(), usize::MAX] {
            assert_eq!(&map[..], &bytes[..]);
            map.release(end);
        }
        assert_eq!(&map[..], &bytes[..]);
    }
}

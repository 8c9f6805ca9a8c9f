//! Hashed storage of bit histories: one 16-byte bucket per context and half byte.
//!
//! A bucket holds one check byte and the histories of the fifteen decisions within a half byte,
//! so a context costs one cache miss per half byte. Four neighbouring buckets share a cache line;
//! three of them are tried. Source: the hash table of lpaq1 (Mahoney, 2007).

use crate::kernel::prefetch;
use crate::sys::ZeroedPages;

use super::contexts::combine;

/// Histories of the decisions of one half byte; slot 0 is the check.
type Bucket = [u8; 16];

/// A hash table of buckets, on pages of its own: four buckets are one cache line, and large
/// pages, where the system has them, spare most address translations.
#[derive(Debug)]
pub struct Table {
    memory: ZeroedPages,
    mask: u32,
}

impl Table {
    /// A table of `1 << bits` bytes, at least 64.
    pub fn new(bits: u32) -> Self {
        let count = 1usize << (bits.max(6) - 4);
        Table { memory: ZeroedPages::new(count * 16), mask: (count - 1) as u32 }
    }

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        self.memory.bytes().len()
    }

    #[inline(always)]
    fn bucket(&self, index: u32) -> &Bucket {
        &self.memory.bytes().as_chunks().0[(index & self.mask) as usize]
    }

    #[inline(always)]
    fn bucket_mut(&mut self, index: u32) -> &mut Bucket {
        let index = (index & self.mask) as usize;
        &mut self.memory.bytes_mut().as_chunks_mut().0[index]
    }

    /// First candidate for a hash; the others are in its cache line.
    #[inline(always)]
    fn home(&self, hash: u32) -> u32 {
        hash.wrapping_mul(0x9e37_79b1) >> 3 & self.mask
    }

    /// Starts loading the cache line of a context that will be needed soon.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(self.bucket(self.home(hash)));
    }

    /// The bucket of a context, emptied if it belonged to another. The three candidates share a
    /// cache line; the one whose first decision was seen least gives way.
    #[inline]
    pub fn find(&mut self, hash: u32) -> u32 {
        let check = ((hash >> 24) as u8).max(1);
        let at = self.home(hash);
        let mut least = at;
        let mut fewest = u8::MAX;
        for candidate in [at, at ^ 1, at ^ 2] {
            let bucket = self.bucket(candidate);
            if bucket[0] == check {
                return candidate;
            }
            // Histories are numbered by rising total count, so a smaller state saw less.
            let seen = if bucket[0] == 0 { 0 } else { bucket[1].saturating_add(1) };
            if seen < fewest {
                (least, fewest) = (candidate, seen);
            }
        }
        let bucket = self.bucket_mut(least);
        *bucket = [0; 16];
        bucket[0] = check;
        least
    }

    /// The history in a slot (1 to 15) of a bucket.
    #[inline]
    pub fn get(&self, bucket: u32, slot: usize) -> u8 {
        self.bucket(bucket)[slot & 15]
    }

    /// Replaces a history.
    #[inline]
    pub fn set(&mut self, bucket: u32, slot: usize, state: u8) {
        self.bucket_mut(bucket)[slot & 15] = state;
    }
}

/// The half byte that a bit belongs to, 0 for the first and 16 to 31 for the second, and its place
/// among the fifteen decisions of that, 1 to 15.
#[inline(always)]
pub(super) fn nibble_and_slot(partial: u8) -> (u32, usize) {
    let known = partial.ilog2();
    match known {
        0..4 => (0, usize::from(partial)),
        4.. => {
            let low = known - 4;
            (u32::from(partial >> low), usize::from(partial) & ((1 << low) - 1) | 1 << low)
        }
    }
}

/// The hash of a context within one half byte: 0 for the first, 16 to 31 for the second.
#[inline(always)]
pub(super) fn half_hash(hash: u32, half: u32) -> u32 {
    combine(hash, half.wrapping_mul(0x3d4d_51cb))
}

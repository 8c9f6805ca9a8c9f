//! The match model: it predicts the byte that followed the last occurrence of the last bytes.

use super::contexts::combine;
use super::maps::{Cell, Rates, Stretch};

/// Least length of a match. Chosen by trial; docs/experiments/constants.md has its neighbours.
const MIN_LENGTH: usize = 6;
/// Match lengths are counted up to here, far above the last bucket's beginning; not measured.
const MAX_LENGTH: usize = 65_535;
/// Buckets of match length.
pub const BUCKETS: usize = 16;

/// The answer to a decision that the match predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// The expected answer.
    pub one: bool,
    /// Bucket of the match's length, 0 to 15.
    pub bucket: usize,
}

/// Follows the most recent match.
#[derive(Debug)]
pub struct MatchModel {
    /// Last position after each hash of the last [`MIN_LENGTH`] bytes; 0 = none.
    positions: Vec<u32>,
    /// Position of the byte the match expects next.
    at: usize,
    length: usize,
    /// Says whether a token ended after each byte.
    ends: Vec<bool>,
    /// The rate at which the expectation held, per length bucket and kind (bit, end).
    cells: [Cell; 2 * BUCKETS],
}

impl MatchModel {
    /// A match model with `1 << bits` remembered positions, for a chunk of about `len` bytes.
    pub fn new(bits: u32, len: usize) -> Self {
        let cells = std::array::from_fn(|i| Cell::new(49_152 + 900 * (i as u16 % 16), 8));
        let ends = Vec::with_capacity(len);
        MatchModel { positions: vec![0; 1 << bits], at: 0, length: 0, ends, cells }
    }

    /// Bytes that [`MatchModel::new`] takes.
    pub fn bytes_for(bits: u32, len: usize) -> usize {
        (size_of::<u32>() << bits) + len
    }

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        size_of_val(&self.positions[..]) + self.ends.capacity()
    }

    /// The adaptive part that a prior may set.
    pub fn cells_mut(&mut self) -> &mut [Cell] {
        &mut self.cells
    }

    /// The adaptive part, for a prior.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Follows the match to the last of `bytes`, which was just appended, or looks for a new one.
    pub fn push(&mut self, bytes: &[u8]) {
        self.ends.push(false);
        let n = bytes.len();
        if self.length > 0 && bytes[self.at] == bytes[n - 1] {
            self.at += 1;
            self.length = (self.length + 1).min(MAX_LENGTH);
        } else {
            self.length = 0;
        }
        if n < MIN_LENGTH {
            return;
        }
        let hash = bytes[n - MIN_LENGTH..].iter().fold(0, |h, &b| combine(h, u32::from(b) + 1));
        let mask = self.positions.len() - 1;
        let slot = &mut self.positions[hash as usize & mask];
        if self.length == 0 && *slot > 0 {
            let at = *slot as usize;
            let same = bytes[..at].iter().rev().zip(bytes.iter().rev());
            self.length = same.take(48).take_while(|(a, b)| a == b).count();
            if self.length < MIN_LENGTH {
                self.length = 0;
            }
            self.at = at;
        }
        *slot = n as u32;
    }

    /// Notes that a token ended after the last byte.
    pub fn end_token(&mut self) {
        if let Some(last) = self.ends.last_mut() {
            *last = true;
        }
    }

    /// The byte expected next, and the bucket of the match's length.
    #[inline]
    pub fn expect_byte(&self, bytes: &[u8]) -> Option<(u8, usize)> {
        (self.length > 0).then(|| (bytes[self.at], self.bucket()))
    }

    fn bucket(&self) -> usize {
        match self.length {
            0..16 => self.length / 2,
            16..32 => 8 + (self.length - 16) / 8,
            n => (10 + (n / 32).ilog2() as usize).min(BUCKETS - 1),
        }
    }

    /// The expected next bit, given the leading 1 and bits known of the byte, if the expected
    /// byte agrees with them.
    #[inline]
    pub fn expect_bit(&self, bytes: &[u8], partial: u8) -> Option<Expectation> {
        if self.length == 0 {
            return None;
        }
        let byte = u32::from(bytes[self.at]) | 256;
        let known = partial.ilog2();
        let agrees = byte >> (8 - known) == u32::from(partial);
        let one = byte >> (7 - known) & 1 == 1;
        agrees.then(|| Expectation { one, bucket: self.bucket() })
    }

    /// Says whether the token is expected to end here.
    #[inline]
    pub fn expect_end(&self) -> Option<Expectation> {
        if self.length == 0 {
            return None;
        }
        Some(Expectation { one: self.ends[self.at - 1], bucket: self.bucket() })
    }

    /// The log odds that an expectation holds.
    #[inline]
    pub fn confidence(&self, e: Expectation, kind: usize, stretch: &Stretch) -> f32 {
        stretch.get(self.cells[kind * BUCKETS + e.bucket].p12())
    }

    /// Learns whether the expectation held.
    #[inline]
    pub fn learn(&mut self, e: Expectation, kind: usize, one: bool, rates: &Rates) {
        self.cells[kind * BUCKETS + e.bucket].update(one == e.one, 400, rates);
    }
}

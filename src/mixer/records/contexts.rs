//! The contexts of records.

use super::numbers::{ABOVE, BEFORE, LONG, MEAN, Numbers, PLANE, SHORT};
use super::{Layout, Records};
use crate::mixer::contexts::{ContextState, combine, salted};

/// How many contexts there are.
pub const CONTEXTS: usize = 24;

impl Records {
    /// The hash of each context at the next byte.
    pub fn hash(&self, state: &ContextState, hashes: &mut [u32]) {
        let values = match &self.numbers {
            None => self.of_bytes(state),
            Some(numbers) => self.of_numbers(state, numbers),
        };
        let kind = self.kind() as u32;
        for (i, (hash, value)) in hashes.iter_mut().zip(values).enumerate() {
            *hash = combine(combine(salted(i as u32 + 32 * kind), value as u32), (value >> 32) as u32);
        }
    }

    /// The byte `back` before the next one; 0 before the segment.
    fn back(&self, state: &ContextState, back: usize) -> u64 {
        let bytes = state.bytes();
        let at = bytes.len().checked_sub(back).filter(|&at| at >= self.begin);
        at.map_or(0, |at| u64::from(bytes[at]))
    }

    /// Contexts in a segment of bytes.
    fn of_bytes(&self, state: &ContextState) -> [u64; CONTEXTS] {
        let Layout::Bytes { record, other } = self.layout else { return [0; CONTEXTS] };
        let r = if record > 0 { record as usize } else { 4 };
        let column = ((state.bytes().len() - self.begin) % r) as u64;
        let other = if other > 0 { other as usize } else { 2 * r };
        let last = state.last();
        let order = |n: u32| last & (u64::MAX >> (64 - 8 * n));
        let back = |n| self.back(state, n);
        let (above, two_above) = (back(r), back(2 * r));
        let gradient = above.wrapping_add(order(1)).wrapping_sub(back(r + 1)) & 255;
        let (next, left) = (back(r - 1), back(r + 1));
        let place = column << 32;
        [
            order(1),
            order(2),
            order(3),
            order(4),
            order(6),
            column << 8 | above,
            u64::from(state.word()) << 8 | order(1),
            last >> 8 & 0xff,
            last >> 8 & 0xffff,
            last & 0xff00ff,
            last >> 16 & 0xffff,
            last & 0xff0000ff,
            last >> 24 & 0xff | (last >> 56) << 8,
            place | above << 8 | two_above,
            above << 8 | order(1) | two_above << 16,
            place | above << 8 | order(1),
            place | order(1),
            place | order(2),
            back(other) << 8 | order(1),
            above << 16 | left << 8 | next | two_above << 24,
            u64::from(state.after_one()) << 8 | order(1),
            u64::from(state.after_two()) << 8 | order(1),
            state.expected_value(),
            place | gradient << 8 | above,
        ]
    }

    /// What a predictor expects of the next byte: 0 to 255, or more where the bytes before differ from it.
    pub fn expected_byte(&self, numbers: &Numbers, predictor: usize) -> u64 {
        let Layout::Numbers { width, .. } = self.layout else { return 0 };
        let left = 8 * (usize::from(width) - self.at - 1) as u32;
        let expected = numbers.expected(predictor) >> left;
        let (prefix, byte) = (expected >> 8, expected & 255);
        match prefix.cmp(&self.prefix) {
            std::cmp::Ordering::Equal => byte,
            std::cmp::Ordering::Less => 256,
            std::cmp::Ordering::Greater => 511,
        }
    }

    /// Contexts in a segment of numbers.
    fn of_numbers(&self, state: &ContextState, numbers: &Numbers) -> [u64; CONTEXTS] {
        let Layout::Numbers { width, channels, row, .. } = self.layout else { return [0; CONTEXTS] };
        let width = usize::from(width);
        let stride = width * channels as usize;
        let row = if row > 0 { width * row as usize } else { 2 * stride };
        let back = |n| self.back(state, n);
        let expect = |predictor| self.expected_byte(numbers, predictor);
        let last = state.last();
        let order = |n: u32| last & (u64::MAX >> (64 - 8 * n));
        let (long, short, mean) = (expect(LONG), expect(SHORT), expect(MEAN));
        let (before, above, plane) = (expect(BEFORE), expect(ABOVE), expect(PLANE));
        let place = (self.at as u64) << 56 | (numbers.channel() as u64) << 48;
        let spread = u64::from(numbers.spread());
        let (west, north) = (back(stride), back(row));
        let column = ((state.bytes().len() - self.begin) % row) as u64;
        let neighbour = back(width);
        [
            place | mean,
            place | long,
            place | long << 9 | short,
            place | plane,
            place | before,
            place | before << 9 | above,
            place | mean << 6 | spread,
            place | above << 9 | long,
            place | self.prefix,
            place | self.prefix << 8 | west,
            place | order(1),
            place ^ order(2),
            place ^ order(3),
            place ^ order(4),
            place ^ order(6),
            place | west,
            place | west << 8 | back(2 * stride),
            place | west << 8 | north,
            place | neighbour << 8 | west,
            place | plane << 9 | mean,
            place | column << 8,
            place ^ (column << 8 | west) << 8,
            state.expected_value(),
            place | (plane >> 2) << 27 | (above >> 2) << 18 | (before >> 2) << 9 | mean >> 2,
        ]
    }
}

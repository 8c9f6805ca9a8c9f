//! A binary arithmetic coder with carry, 32-bit range and 22-bit probabilities.
//!
//! Source: the range coder of G. N. N. Martin (1979) as used by LZMA, with finer probabilities:
//! most decisions are nearly certain.

use std::borrow::Cow;

/// Bits of a probability.
pub const PROBABILITY_BITS: u32 = 22;
/// Probability 1; valid probabilities are 1 to `ONE − 1`.
pub const ONE: u32 = 1 << PROBABILITY_BITS;
/// Least range: below it, a byte is shifted out.
const MIN_RANGE: u32 = 1 << 24;

/// The part of the range that belongs to a one.
#[inline(always)]
fn bound(range: u32, p: u32) -> u32 {
    ((u64::from(range) * u64::from(p)) >> PROBABILITY_BITS) as u32
}

/// Writes decisions.
#[derive(Debug)]
pub struct Encoder {
    low: u32,
    range: u32,
    bytes: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { low: 0, range: u32::MAX, bytes: Vec::new() }
    }
}

impl Encoder {
    /// Writes `bit`, whose probability of being one is `p`/[`ONE`], 0 < p < [`ONE`].
    #[inline]
    pub fn encode(&mut self, bit: bool, p: u32) {
        debug_assert!(0 < p && p < ONE);
        let bound = bound(self.range, p);
        if bit {
            self.range = bound;
        } else {
            self.range -= bound;
            self.add(bound);
        }
        while self.range < MIN_RANGE {
            self.bytes.push((self.low >> 24) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    #[inline]
    fn add(&mut self, amount: u32) {
        let (low, carry) = self.low.overflowing_add(amount);
        self.low = low;
        if carry {
            super::carry(&mut self.bytes);
        }
    }

    /// The shortest bytes that decode to what was written, given that the decoder reads zeros
    /// beyond the end.
    pub fn finish(mut self) -> Vec<u8> {
        for kept in 0..=4u32 {
            let below = u32::MAX.checked_shr(8 * kept).unwrap_or(0);
            // The least number at or above `low` whose lower bytes are zero.
            let end = (u64::from(self.low) + u64::from(below)) & !u64::from(below);
            let step = end - u64::from(self.low);
            if step < u64::from(self.range) {
                self.add(step as u32);
                let register = self.low.to_be_bytes();
                self.bytes.extend_from_slice(&register[..kept as usize]);
                break;
            }
        }
        super::without_zeros(self.bytes)
    }
}

/// Reads decisions.
#[derive(Debug)]
pub struct Decoder<'a> {
    code: u32,
    range: u32,
    bytes: Cow<'a, [u8]>,
    /// Bytes read so far.
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Starts reading what [`Encoder::finish`] returned.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        let mut decoder = Decoder { code: 0, range: u32::MAX, bytes: bytes.into(), at: 0 };
        for _ in 0..4 {
            decoder.code = (decoder.code << 8) | decoder.next();
        }
        decoder
    }

    #[inline]
    fn next(&mut self) -> u32 {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte.map_or(0, u32::from)
    }

    /// Reads a bit whose probability of being one is `p`/[`ONE`], 0 < p < [`ONE`].
    #[inline]
    pub fn decode(&mut self, p: u32) -> bool {
        debug_assert!(0 < p && p < ONE);
        let bound = bound(self.range, p);
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        while self.range < MIN_RANGE {
            self.code = (self.code << 8) | self.next();
            self.range <<= 8;
        }
        bit
    }

    /// Says whether every byte was read: a coded chunk has none to spare.
    pub fn is_finished(&self) -> bool {
        self.at == self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decisions_come_back(bits in prop::collection::vec((any::<bool>(), 1..ONE, 0u32..20), 0..4000)) {
            let skew = |p: u32, s: u32| (p >> s).max(1);
            let mut encoder = Encoder::default();
            for &(bit, p, s) in &bits { encoder.encode(bit, skew(p, s)); }
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes);
            for &(bit, p, s) in &bits { prop_assert_eq!(decoder.decode(skew(p, s)), bit); }
            prop_assert!(decoder.is_finished());
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..50), p in 1..ONE) {
            let mut decoder = Decoder::new(&bytes);
            for _ in 0..2000 { decoder.decode(p); }
        }
    }

    #[test]
    fn certain_decisions_cost_almost_nothing() {
        let mut encoder = Encoder::default();
        for _ in 0..100_000 {
            encoder.encode(true, ONE - 1);
        }
        assert!(encoder.finish().len() <= 1);
    }
}

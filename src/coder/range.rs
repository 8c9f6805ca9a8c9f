//! A range coder with carry for symbols whose frequencies have any total: arithmetic coding of whole tokens.
//!
//! Source: the range coder of G. N. N. Martin (1979), with 64 bits of range, so that totals of up to [`MAX_TOTAL`]
//! cost less than a thousandth of a bit per symbol.

/// Greatest total of frequencies: 2^17 tokens of 2^28 + 1, rounded up.
pub const MAX_TOTAL: u64 = 1 << 46;
/// Least range: below it, a byte is shifted out. A range is thus at least 1,024 times the greatest total.
const MIN_RANGE: u64 = 1 << 56;

/// A symbol's part of the range: the frequencies of all symbols before it, and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Sum of the frequencies before it.
    pub start: u64,
    /// Its own frequency, not 0.
    pub size: u64,
}

/// Writes symbols.
#[derive(Debug)]
pub struct Encoder {
    low: u64,
    range: u64,
    bytes: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { low: 0, range: u64::MAX, bytes: Vec::new() }
    }
}

impl Encoder {
    /// Writes a symbol. Its part must lie within `total`, which is at most [`MAX_TOTAL`].
    pub fn encode(&mut self, part: Part, total: u64) {
        debug_assert!(part.size > 0 && part.start + part.size <= total && total <= MAX_TOTAL);
        let step = self.range / total;
        self.add(step * part.start);
        self.range = step * part.size;
        while self.range < MIN_RANGE {
            self.bytes.push((self.low >> 56) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    fn add(&mut self, amount: u64) {
        let (low, carry) = self.low.overflowing_add(amount);
        self.low = low;
        if carry {
            super::carry(&mut self.bytes);
        }
    }

    /// The shortest bytes that decode to what was written, given that the decoder reads zeros beyond the end.
    pub fn finish(mut self) -> Vec<u8> {
        for kept in 0..=8u32 {
            let below = u64::MAX.checked_shr(8 * kept).unwrap_or(0);
            // The least number at or above `low` whose lower bytes are zero.
            let end = (u128::from(self.low) + u128::from(below)) & !u128::from(below);
            let step = end - u128::from(self.low);
            if step < u128::from(self.range) {
                self.add(step as u64);
                let register = self.low.to_be_bytes();
                self.bytes.extend_from_slice(&register[..kept as usize]);
                break;
            }
        }
        super::without_zeros(self.bytes)
    }
}

/// Reads symbols from bytes that come one after the other.
#[derive(Debug)]
pub struct Decoder<I> {
    code: u64,
    range: u64,
    bytes: I,
}

impl<I: Iterator<Item = u8>> Decoder<I> {
    /// Starts reading what [`Encoder::finish`] returned.
    pub fn new(bytes: impl IntoIterator<IntoIter = I>) -> Self {
        let mut decoder = Decoder { code: 0, range: u64::MAX, bytes: bytes.into_iter() };
        for _ in 0..8 {
            decoder.code = (decoder.code << 8) | decoder.next();
        }
        decoder
    }

    /// The next byte; zeros follow the last.
    fn next(&mut self) -> u64 {
        self.bytes.next().map_or(0, u64::from)
    }

    /// Reads a symbol. `part_at` gets a number below `total` and returns the part that it lies in, with its symbol.
    /// `None` where no encoder writes such bytes.
    pub fn decode<T>(&mut self, total: u64, part_at: impl FnOnce(u64) -> (Part, T)) -> Option<T> {
        let step = self.range / total;
        let place = self.code / step;
        (place < total).then(|| self.take(step, part_at(place)))
    }

    /// The same for bytes that no encoder has written: what no part has belongs to the last one.
    pub fn decode_any<T>(&mut self, total: u64, part_at: impl FnOnce(u64) -> (Part, T)) -> T {
        let step = self.range / total;
        self.code = self.code.min(step * total - 1);
        self.take(step, part_at(self.code / step))
    }

    fn take<T>(&mut self, step: u64, (part, symbol): (Part, T)) -> T {
        self.code -= step * part.start;
        self.range = step * part.size;
        while self.range < MIN_RANGE {
            self.code = (self.code << 8) | self.next();
            self.range <<= 8;
        }
        symbol
    }

    /// Says whether every byte was read: a coded chunk has none to spare.
    pub fn ends_here(mut self) -> bool {
        self.bytes.next().is_none()
    }

    /// The source of the bytes.
    pub fn source(&mut self) -> &mut I {
        &mut self.bytes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Frequencies of a few symbols, some of them far apart, and some symbols.
    pub fn any_symbols() -> impl Strategy<Value = (Vec<u64>, Vec<usize>)> {
        let frequency = (1u64..1 << 29, 0u32..29).prop_map(|(f, shift)| (f >> shift).max(1));
        let frequencies = prop::collection::vec(frequency, 1..200);
        (frequencies, prop::collection::vec(any::<prop::sample::Index>(), 0..400))
            .prop_map(|(f, picks)| (picks.iter().map(|pick| pick.index(f.len())).collect(), f))
            .prop_map(|(symbols, f)| (f, symbols))
    }

    /// The part of each symbol, and the total.
    pub fn parts(frequencies: &[u64]) -> (Vec<Part>, u64) {
        let mut total = 0;
        let mut part = |&size: &u64| {
            total += size;
            Part { start: total - size, size }
        };
        let parts = frequencies.iter().map(&mut part).collect();
        (parts, total)
    }

    /// The part that a number lies in, with its symbol.
    pub fn found(parts: &[Part], place: u64) -> (Part, usize) {
        let symbol = parts.partition_point(|part| part.start <= place) - 1;
        (parts[symbol], symbol)
    }

    proptest! {
        #[test]
        fn symbols_come_back((frequencies, symbols) in any_symbols()) {
            let (parts, total) = parts(&frequencies);
            let mut encoder = Encoder::default();
            for &symbol in &symbols { encoder.encode(parts[symbol], total); }
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(bytes);
            for &symbol in &symbols {
                prop_assert_eq!(decoder.decode(total, |place| found(&parts, place)), Some(symbol));
            }
            prop_assert!(decoder.ends_here());
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), (frequencies, _) in any_symbols()) {
            let (parts, total) = parts(&frequencies);
            let mut decoder = Decoder::new(bytes);
            for _ in 0..400 {
                if decoder.decode(total, |place| found(&parts, place)).is_none() { break }
            }
        }
    }

    #[test]
    fn the_greatest_total_does_not_overflow() {
        let mut encoder = Encoder::default();
        let last = Part { start: MAX_TOTAL - 1, size: 1 };
        for _ in 0..1000 {
            encoder.encode(last, MAX_TOTAL);
        }
        let bytes = encoder.finish();
        assert!((5750..=5760).contains(&bytes.len()), "{}", bytes.len());
        let mut decoder = Decoder::new(bytes);
        for _ in 0..1000 {
            assert_eq!(decoder.decode(MAX_TOTAL, |place| (last, place)), Some(MAX_TOTAL - 1));
        }
        assert!(decoder.ends_here());
    }
}

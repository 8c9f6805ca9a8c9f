//! An adaptive model of numbers that are mostly small, for rANS: the ranks of tokens by their probability.
//!
//! Numbers below [`DIRECT`] are symbols of their own. Rarer ones share an escape by their length in bits, as
//! in Elias's gamma code, and the bits below the highest have even chances. Each symbol has a count, which grows when
//! the symbol comes; all are halved at a bound, so that old numbers are forgotten. Source of the counts: Witten, Neal
//! and Cleary, "Arithmetic coding for data compression" (1987).

use super::range::Part;
use super::rans::{Decoder, Encoder, SLOTS, Scale};

/// Numbers that are symbols of their own.
const DIRECT: u32 = 238;
/// Escapes: numbers from [`DIRECT`] on have up to 18 bits when the first counts as 1.
const ESCAPES: u32 = 18;
const SYMBOLS: usize = (DIRECT + ESCAPES) as usize;
/// The count of symbol s begins as `1 + START / (s + 1)`, as in Zipf's law.
const START: u32 = 256;
/// A count grows by so much.
const STEP: u32 = 32;
/// The total of all counts at which they are halved.
const MOST: u32 = 1 << 15;

/// The expectation of the next number by those before it.
#[derive(Debug)]
pub struct Model {
    counts: [u32; SYMBOLS],
    total: u32,
}

impl Default for Model {
    fn default() -> Self {
        let counts = std::array::from_fn(|symbol| 1 + START / (symbol as u32 + 1));
        Model { counts, total: counts.iter().sum() }
    }
}

impl Model {
    /// Most symbols of rANS that a number takes.
    pub const PARTS: u64 = 2;

    /// Writes a number below 2^17.
    pub fn encode(&mut self, number: u32, encoder: &mut Encoder) {
        let (symbol, rest) = split(number);
        encoder.encode(self.slots(symbol));
        self.learn(symbol);
        if let Some((rest, bits)) = rest {
            encoder.encode(even(rest, bits));
        }
    }

    /// Reads a number, which may be any below 2^18. `None` where no encoder writes such bytes.
    pub fn decode(&mut self, decoder: &mut Decoder<'_>) -> Option<u32> {
        let symbol = decoder.decode(|slot| {
            let symbol = self.find(slot);
            (self.slots(symbol), symbol)
        })?;
        self.learn(symbol);
        if symbol < DIRECT {
            return Some(symbol);
        }
        let bits = symbol - DIRECT;
        let rest = match bits {
            0 => 0,
            _ => decoder.decode(|slot| {
                let rest = (slot >> (SLOTS.ilog2() - bits)) as u32;
                (even(rest, bits), rest)
            })?,
        };
        Some((1 << bits) + rest - 1 + DIRECT)
    }

    fn scale(&self) -> Scale {
        Scale::new(u64::from(self.total), SYMBOLS as u32)
    }

    fn slots(&self, symbol: u32) -> Part {
        let below: u32 = self.counts[..symbol as usize].iter().sum();
        let above = below + self.counts[symbol as usize];
        let start = self.scale().start(u64::from(below), symbol);
        Part { start, size: self.scale().start(u64::from(above), symbol + 1) - start }
    }

    /// The symbol that a slot belongs to.
    fn find(&self, slot: u64) -> u32 {
        let scale = self.scale();
        let mut below = 0;
        for (symbol, &count) in (0..).zip(&self.counts) {
            below += count;
            if slot < scale.start(u64::from(below), symbol + 1) {
                return symbol;
            }
        }
        SYMBOLS as u32 - 1
    }

    fn learn(&mut self, symbol: u32) {
        self.counts[symbol as usize] += STEP;
        self.total += STEP;
        if self.total > MOST {
            for count in &mut self.counts {
                *count -= *count / 2;
            }
            self.total = self.counts.iter().sum();
        }
    }
}

/// The symbol of a number, and for an escape with bits below its highest, these and how many they are.
fn split(number: u32) -> (u32, Option<(u32, u32)>) {
    if number < DIRECT {
        return (number, None);
    }
    let rest = number - DIRECT + 1;
    let bits = rest.ilog2();
    (DIRECT + bits, (bits > 0).then_some((rest - (1 << bits), bits)))
}

/// The slots of a number of so many bits with even chances.
fn even(number: u32, bits: u32) -> Part {
    let size = SLOTS >> bits;
    Part { start: u64::from(number) * size, size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec((0u32..1 << 17, 0u32..18), 0..3000)) {
            let numbers: Vec<u32> = numbers.iter().map(|(n, shift)| n >> shift).collect();
            let (mut encoder, mut model) = (Encoder::default(), Model::default());
            for &number in &numbers { model.encode(number, &mut encoder); }
            let bytes = encoder.finish();
            let (mut decoder, mut model) = (Decoder::new(&bytes).unwrap(), Model::default());
            for &number in &numbers { prop_assert_eq!(model.decode(&mut decoder), Some(number)); }
            prop_assert!(decoder.is_finished());
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 12..80)) {
            let bytes = [&[0x10; 12][..], &bytes].concat();
            let (Some(mut decoder), mut model) = (Decoder::new(&bytes), Model::default()) else { return Ok(()) };
            for _ in 0..400 {
                match model.decode(&mut decoder) {
                    Some(number) => prop_assert!(number < 1 << 19),
                    None => break,
                }
            }
        }
    }

    #[test]
    fn the_same_number_again_and_again_costs_little() {
        let (mut encoder, mut model) = (Encoder::default(), Model::default());
        for _ in 0..10_000 {
            model.encode(0, &mut encoder);
        }
        let len = encoder.finish().len();
        assert!(len < 250, "{len}");
    }
}

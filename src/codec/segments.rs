//! Where in a chunk numbers are, of which width, and how many channels they have.
//!
//! The chunk is taken in units. For each unit every shape of numbers has a price, the bits of the differences of
//! neighbours, and so have plain bytes, by their order-0 entropy. The cheapest row of shapes is found as by Viterbi
//! (1967), where each change of the shape costs something. Integer arithmetic alone, the same on every machine.

use super::content::{LOG2_BITS, log2};

/// A shape of numbers, before its sign and its rows are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes of a number.
    pub width: usize,
    /// Whether the least byte comes first.
    pub little: bool,
    /// Numbers from one to the next of its kind.
    pub channels: usize,
    /// Where in the chunk numbers begin, modulo their width.
    pub phase: usize,
}

/// Bytes of one shape; without a shape they are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub begin: usize,
    pub end: usize,
    pub shape: Option<Shape>,
}

/// Bytes of a unit.
const UNIT: usize = 1024;
/// Units that are looked at together to find which shapes there are at all, and of which the order-0 entropy is taken.
const BLOCK: usize = 16 * UNIT;
/// Bytes of a block that are looked at for every shape.
const LOOK: usize = 2048;
/// Most shapes of a chunk.
const SHAPES: usize = 6;
/// What a change of the shape costs, in bits: more than its description, so that a few units alone do not pay.
const CHANGE: u64 = 4096;

impl Shape {
    /// All shapes that are considered.
    fn all() -> impl Iterator<Item = Shape> {
        [1usize, 2, 3, 4, 8].into_iter().flat_map(|width| {
            let orders: &[bool] = if width == 1 { &[false] } else { &[true, false] };
            let channels = if width < 4 { 4 } else { 3 };
            orders.iter().flat_map(move |&little| {
                (0..width).flat_map(move |phase| {
                    (1..=channels).map(move |channels| Shape { width, little, channels, phase })
                })
            })
        })
    }

    /// The number at `at`.
    pub fn number(self, bytes: &[u8], at: usize) -> u64 {
        let bytes = &bytes[at..at + self.width];
        let join = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
    }

    /// The first place of a number at or behind `at`.
    pub fn align(self, at: usize) -> usize {
        at + (self.phase + self.width - at % self.width) % self.width
    }

    /// About how many bits the numbers in `begin..end` take where each is coded by its difference to the one before
    /// of its channel.
    fn price(self, raw: &[u8], begin: usize, end: usize) -> u64 {
        let back = self.width * self.channels;
        let mut at = self.align(begin.max(back + self.width));
        let (mut price, mut bytes) = (0, 0);
        let unused = 64 - 8 * self.width as u32;
        while at + self.width <= end {
            let off = self.number(raw, at).wrapping_sub(self.number(raw, at - back));
            // Differences go round at the end of the range, so a sign does no harm.
            let off = off.wrapping_shl(unused) as i64 >> unused;
            price += u64::from(MOST.min(off.unsigned_abs() + 1).ilog2() + 2) * 2 - u64::from(self.width > 1);
            bytes += self.width;
            at += self.width;
        }
        // The bytes before the first number cost as much as the others.
        if bytes == 0 { 8 * (end - begin) as u64 } else { price * (end - begin) as u64 / (2 * bytes as u64) }
    }
}

/// Greater differences do not count as more.
const MOST: u64 = 1 << 62;

/// The bits of each byte by the order-0 statistics of `block`.
fn lengths(block: &[u8]) -> [u64; 256] {
    let mut counts = [0u64; 256];
    block.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let total = log2(block.len() as u64);
    counts.map(|count| u64::from(total - log2(count.max(1))))
}

/// Divides a chunk.
pub(super) fn of(raw: &[u8]) -> Vec<Run> {
    let all = Run { begin: 0, end: raw.len(), shape: None };
    if raw.len() < 2 * UNIT {
        return vec![all];
    }
    let shapes = shapes(raw);
    if shapes.is_empty() {
        return vec![all];
    }
    let units = raw.len() / UNIT;
    let bounds = |unit: usize| {
        let end = if unit + 1 == units { raw.len() } else { (unit + 1) * UNIT };
        (unit * UNIT, end)
    };
    // For each unit and choice (0 is plain bytes): the least price up to there, and the choice before.
    let choices = shapes.len() + 1;
    let mut least = vec![0u64; choices];
    let mut before = Vec::with_capacity(units * choices);
    let mut bits = [0; 256];
    for unit in 0..units {
        let (begin, end) = bounds(unit);
        if begin % BLOCK == 0 {
            bits = lengths(&raw[begin..(begin + BLOCK).min(raw.len())]);
        }
        let plain = raw[begin..end].iter().map(|&byte| bits[usize::from(byte)]).sum::<u64>();
        let prices = [plain >> LOG2_BITS].into_iter().chain(shapes.iter().map(|s| s.price(raw, begin, end)));
        let best = (0..choices).min_by_key(|&choice| least[choice]).unwrap_or(0);
        let change = least[best] + CHANGE;
        for (choice, price) in prices.enumerate() {
            let stays = least[choice] <= change;
            before.push(if stays { choice } else { best });
            least[choice] = if stays { least[choice] } else { change } + price;
        }
    }
    let mut choice = (0..choices).min_by_key(|&choice| least[choice]).unwrap_or(0);
    let mut runs: Vec<Run> = Vec::new();
    for unit in (0..units).rev() {
        let (begin, end) = bounds(unit);
        let shape = choice.checked_sub(1).map(|index| shapes[index]);
        match runs.last_mut() {
            Some(run) if run.shape == shape => run.begin = begin,
            _ => runs.push(Run { begin, end, shape }),
        }
        choice = before[unit * choices + choice];
    }
    runs.reverse();
    runs
}

/// The shapes that are the cheapest of some block, those of most blocks first.
fn shapes(raw: &[u8]) -> Vec<Shape> {
    let mut found: Vec<(Shape, u32)> = Vec::new();
    for begin in (0..raw.len()).step_by(BLOCK) {
        let block = &raw[begin..(begin + BLOCK).min(raw.len())];
        if block.len() < UNIT {
            continue;
        }
        let bits = lengths(block);
        // The middle, because files begin with headers.
        let from = begin + block.len() / 2 - (block.len() / 2).min(LOOK / 2);
        let to = (from + LOOK).min(begin + block.len());
        let plain = raw[from..to].iter().map(|&byte| bits[usize::from(byte)]).sum::<u64>() >> LOG2_BITS;
        // Where numbers end with zeros, several phases are alike; files mostly begin with a number.
        let price = |shape: &Shape| shape.price(raw, from, to) * if shape.phase == 0 { 63 } else { 64 };
        let Some(best) = Shape::all().min_by_key(price).filter(|best| price(best) < plain * 64) else {
            continue;
        };
        match found.iter_mut().find(|(shape, _)| *shape == best) {
            Some((_, blocks)) => *blocks += 1,
            None => found.push((best, 1)),
        }
    }
    // A stable order for equal counts: that in which they were found.
    found.sort_by_key(|&(_, blocks)| std::cmp::Reverse(blocks));
    found.truncate(SHAPES);
    found.into_iter().map(|(shape, _)| shape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A wave of 16 bits with some noise, least byte first, in two channels.
    fn sound(numbers: usize) -> Vec<u8> {
        let mut x = 1u32;
        let mut wave = (0i32, 3000i32);
        (0..numbers)
            .flat_map(|i| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if i % 2 == 0 {
                    wave = (wave.0 + wave.1 / 32, wave.1 - wave.0 / 32);
                }
                let value = if i % 2 == 0 { wave.0 } else { wave.1 } + (x >> 26) as i32;
                (value as i16).to_le_bytes()
            })
            .collect()
    }

    #[test]
    fn sound_is_found_behind_a_header_and_before_text() {
        let text = include_bytes!("segments.rs");
        let raw = [b"RIFF and 3 b", &sound(20_000)[..], &text[..8000]].concat();
        let runs = of(&raw);
        assert_eq!(runs.len(), 2, "{runs:?}");
        let shape = Shape { width: 2, little: true, channels: 2, phase: 0 };
        assert_eq!(runs[0].shape, Some(shape));
        assert_eq!(runs[1].shape, None);
        assert!(runs[1].begin.abs_diff(40_012) <= 2 * UNIT, "{runs:?}");
    }

    #[test]
    fn text_and_few_bytes_have_no_numbers() {
        for raw in [&[][..], &[1, 2, 3], include_bytes!("segments.rs")] {
            assert_eq!(of(raw), [Run { begin: 0, end: raw.len(), shape: None }]);
        }
    }

    proptest! {
        /// Any bytes are covered, in order.
        #[test]
        fn runs_cover_any_bytes(
            part in proptest::collection::vec(any::<u8>(), 0..300),
            times in 0usize..200,
            wave in 0usize..4000,
        ) {
            let raw = [part.repeat(times), sound(wave), part].concat();
            let mut at = 0;
            for run in of(&raw) {
                prop_assert_eq!(run.begin, at);
                prop_assert!(run.end > run.begin || raw.is_empty());
                at = run.end;
            }
            prop_assert_eq!(at, raw.len());
        }
    }
}

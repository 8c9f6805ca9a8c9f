//! Numbers: several predictions of the next one, each with its spread, and the log odds of its bits.
//!
//! A number is coded from its most significant byte, as an unsigned integer whose order is that of the values. Each
//! predictor says where it expects the number; how far it was off lately is its spread. A logistic distribution there
//! gives the log odds of each bit, among the numbers that the bits before leave.

use super::layout::Sign;
use super::least_squares::{LeastSquares, MAX_TAPS};
use crate::kernel::double::rsqrt;
use crate::kernel::scalar::{clamp, exp, ln};
use std::sync::LazyLock;

/// How many predictors there are: two of least squares, three fixed ones, and the first corrected.
pub const PREDICTORS: usize = 6;
/// The predictor by least squares with the longer memory.
pub const LONG: usize = 0;
/// That with the shorter.
pub const SHORT: usize = 1;
/// The number before, of the same channel.
pub const BEFORE: usize = 2;
/// The number above; without rows, the line through the two numbers before.
pub const ABOVE: usize = 3;
/// The plane through three neighbours; without rows, the parabola through the three numbers before.
pub const PLANE: usize = 4;
/// The mean of both predictors by least squares.
pub const MEAN: usize = 5;

/// Numbers that the longer memory reaches back, about, and the shorter one. docs/experiments/constants.md has the sizes of
/// others.
const MEMORY: [f64; 2] = [1024.0, 32.0];
/// Numbers between two solutions of each: more often costs time and was not measured.
const PERIOD: [u32; 2] = [4, 2];
/// Neighbours of the shorter memory: as many as it can tell apart, about.
const FEW_TAPS: usize = 12;
/// Numbers over which errors are averaged. docs/experiments/constants.md has the sizes of others.
const AVERAGED: [f64; 2] = [8.0, 128.0];
/// The scale of a logistic distribution is its mean distance from the middle divided by 2 ln 2; this is half of that, for
/// the sum of both averages.
const SCALE: f64 = 0.36;
/// The least scale: a prediction is never surer than to a tenth of one.
const LEAST_SCALE: f64 = 0.1;
/// Errors before the first number. Of no weight: both averages soon forget it.
const FIRST_ERROR: f64 = 16.0;
/// Channels that are told apart; the others are as the last.
const MAX_CHANNELS: usize = 8;

/// The distribution of [`Numbers::log_odds`]: ln(1 + e⁻ˣ) for x = i/256.
static TAIL: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..4096).map(|i| ln(1.0 + exp(-(i as f32) * (1.0 / 256.0)))).collect());

/// What one channel has learned.
#[derive(Debug)]
struct Channel {
    long: LeastSquares,
    short: LeastSquares,
    /// Averages of the error of each predictor, over a few numbers and over many.
    errors: [[f64; 2]; PREDICTORS],
}

/// Predicts the numbers of one segment.
#[derive(Debug)]
pub struct Numbers {
    width: usize,
    channels: usize,
    row: usize,
    /// The middle of the range.
    centre: u64,
    /// Whether predictions are distances from the centre, not from the number before.
    is_centred: bool,
    /// Distances of the neighbours for least squares, in numbers.
    taps: Vec<usize>,
    learned: Vec<Channel>,
    channel: usize,
    base: u64,
    neighbours: [f64; MAX_TAPS],
    /// The predictions, as distances from the base.
    predictions: [f64; PREDICTORS],
    /// The reciprocals of the distributions' scales.
    sharpness: [f64; PREDICTORS],
    /// The bounds of what the bits known leave, and the distribution there.
    low: u64,
    high: u64,
    at_low: [f64; PREDICTORS],
    at_high: [f64; PREDICTORS],
}

/// a − b.
fn difference(a: u64, b: u64) -> f64 {
    if a >= b { (a - b) as f64 } else { -((b - a) as f64) }
}

impl Numbers {
    /// Numbers of `width` bytes, all of `channels` and `row` within the bounds of a layout.
    pub fn new(width: usize, sign: Sign, channels: usize, row: usize) -> Self {
        // Sounds swing around a centre; others drift.
        let is_centred = row == 0 && (sign == Sign::Signed || width == 1);
        let taps = taps(channels, row);
        let channel = || Channel {
            long: LeastSquares::new(taps.len(), MEMORY[0], PERIOD[0]),
            short: LeastSquares::new(taps.len().min(FEW_TAPS), MEMORY[1], PERIOD[1]),
            errors: [[FIRST_ERROR; 2]; PREDICTORS],
        };
        let learned = (0..channels.min(MAX_CHANNELS)).map(|_| channel()).collect();
        Numbers {
            width,
            channels,
            row,
            centre: 1 << (8 * width - 1),
            is_centred,
            taps,
            learned,
            channel: 0,
            base: 0,
            neighbours: [0.0; MAX_TAPS],
            predictions: [0.0; PREDICTORS],
            sharpness: [1.0; PREDICTORS],
            low: 0,
            high: 0,
            at_low: [0.0; PREDICTORS],
            at_high: [0.0; PREDICTORS],
        }
    }

    /// Most bytes that it takes.
    pub const MOST_BYTES: usize = size_of::<Numbers>()
        + MAX_CHANNELS * size_of::<Channel>()
        + MAX_TAPS * size_of::<usize>();

    /// The number that is `distance` before the next; before the first number the first, and before that the centre.
    fn number(&self, past: &[u8], distance: usize) -> u64 {
        let from = past.len().saturating_sub(distance * self.width);
        let bytes = past.get(from..from + self.width);
        bytes.map_or(self.centre, |bytes| bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// Learns the last number of `past`, the segment's bytes so far.
    pub fn learn(&mut self, past: &[u8]) {
        let value = difference(self.number(past, 1), self.base);
        let channel = &mut self.learned[self.channel];
        for (errors, prediction) in channel.errors.iter_mut().zip(&self.predictions) {
            let error = (value - prediction).abs();
            errors[0] += (error - errors[0]) * (1.0 / AVERAGED[0]);
            errors[1] += (error - errors[1]) * (1.0 / AVERAGED[1]);
        }
        channel.long.learn(&self.neighbours, value);
        channel.short.learn(&self.neighbours, value);
    }

    /// Predicts the number that follows `past`, the segment's bytes so far.
    pub fn predict(&mut self, past: &[u8]) {
        let index = past.len() / self.width;
        let in_row = if self.row > 0 { index % self.row } else { index };
        self.channel = (in_row % self.channels).min(self.learned.len() - 1);
        let c = self.channels;
        let before = self.number(past, c);
        self.base = if self.is_centred { self.centre } else { before };
        let base = self.base;
        let from_base = |distance| difference(self.number(past, distance), base);
        let w = difference(before, base);
        let (above, plane) = if self.row > 0 {
            let above = from_base(self.row);
            (above, (w + above) - from_base(self.row + c))
        } else {
            let (ww, www) = (from_base(2 * c), from_base(3 * c));
            ((w + w) - ww, ((w - ww) * 3.0) + www)
        };
        let mut neighbours = [0.0; MAX_TAPS];
        for (neighbour, &distance) in neighbours.iter_mut().zip(&self.taps) {
            *neighbour = from_base(distance);
        }
        self.neighbours = neighbours;
        let channel = &self.learned[self.channel];
        let bounded = |x: f64| {
            let (least, most) = (difference(0, base), difference(self.most(), base));
            if x < least { least } else if x > most { most } else { x }
        };
        let long = bounded(channel.long.predict(&self.neighbours));
        let short = bounded(channel.short.predict(&self.neighbours));
        self.predictions = [long, short, w, bounded(above), bounded(plane), (long + short) * 0.5];
        for (sharpness, errors) in self.sharpness.iter_mut().zip(&channel.errors) {
            let r = rsqrt((errors[0] + errors[1]) * SCALE + LEAST_SCALE);
            *sharpness = r * r;
        }
        (self.low, self.high) = (0, self.most());
        self.look(true, true);
    }

    fn most(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.width)
    }

    /// Evaluates the distributions at the bounds that changed.
    fn look(&mut self, low: bool, high: bool) {
        let tail = &*TAIL;
        // Half the distance from the middle, and the logarithm of what is beyond.
        let weigh = |x: f64| {
            let x = if x < 0.0 { -x } else { x };
            let place = (x * 256.0) as usize;
            x * 0.5 + tail.get(place).map_or(0.0, |&tail| f64::from(tail))
        };
        let (l, h) = (difference(self.low, self.base) - 0.5, difference(self.high, self.base) + 0.5);
        for i in 0..PREDICTORS {
            let (prediction, sharpness) = (self.predictions[i], self.sharpness[i]);
            if low {
                self.at_low[i] = weigh((l - prediction) * sharpness);
            }
            if high {
                self.at_high[i] = weigh((h - prediction) * sharpness);
            }
        }
    }

    /// Takes in the bits known: byte number `at` has those of `partial`, `prefix` are the bytes before it.
    pub fn narrow(&mut self, prefix: u64, at: usize, partial: u8) {
        let known = partial.ilog2();
        let left = 8 * (self.width - at) as u32 - known;
        let bits = u64::from(partial) ^ (1 << known);
        let low = (prefix << known | bits).checked_shl(left).unwrap_or(0);
        let high = low | (u64::MAX >> (64 - left));
        let changed = (low != self.low, high != self.high);
        (self.low, self.high) = (low, high);
        self.look(changed.0, changed.1);
    }

    /// The log odds that the next bit is a one, by each predictor.
    pub fn log_odds(&self, out: &mut [f32]) {
        for (out, (low, high)) in out.iter_mut().zip(self.at_low.iter().zip(&self.at_high)) {
            *out = clamp((low - high) as f32, -12.0, 12.0);
        }
    }

    /// The number of bits of the spread of the first predictor above the next bit, from 0 to 15; 8 where they
    /// are alike.
    pub fn level(&self) -> usize {
        let spread = self.learned[self.channel].errors[LONG];
        let bits = ((spread[0] + spread[1]) * 4.0 + 1.0) as u64;
        let left = (self.high - self.low).checked_ilog2().map_or(0, |log2| log2 + 1);
        (bits.ilog2() + 8).saturating_sub(left).min(15) as usize
    }

    /// The number that a predictor expects.
    pub fn expected(&self, predictor: usize) -> u64 {
        let off = self.predictions[predictor];
        let expected = if off < 0.0 {
            self.base.saturating_sub((0.5 - off) as u64)
        } else {
            self.base.saturating_add((off + 0.5) as u64)
        };
        expected.min(self.most())
    }

    /// The logarithm of twice the latest error of the first predictor, 0 to 63.
    pub fn spread(&self) -> u32 {
        let [error, _] = self.learned[self.channel].errors[LONG];
        (((error + error) + 1.0) as u64).ilog2()
    }

    /// The channel of the next number.
    pub fn channel(&self) -> usize {
        self.channel
    }
}

/// Distances of the neighbours from which a number is predicted, the nearest first.
fn taps(channels: usize, row: usize) -> Vec<usize> {
    let (c, r) = (channels, row);
    let mut taps = Vec::with_capacity(MAX_TAPS);
    if row == 0 {
        if c == 1 {
            taps.extend(1..=MAX_TAPS);
            return taps;
        }
        // Of other channels the last numbers: a third of all.
        let mut others = (1..).filter(|distance| distance % c != 0);
        for own in [1..=8, 9..=16] {
            taps.extend(own.map(|i| i * c));
            taps.extend(others.by_ref().take(4));
        }
    } else {
        let mut found = vec![c, r, r - c, r + c, 2 * c, 2 * r];
        if c > 1 {
            found.extend([1, c + 1, r + 1, 2, r + 2, c + 2, r + c + 1, r - c + 1]);
        }
        found.extend([r - 2 * c, r + 2 * c, 2 * r - c, 2 * r + c, 3 * c]);
        found.extend([3 * r, 2 * r - 2 * c, 2 * r + 2 * c, r - 3 * c, r + 3 * c]);
        taps.extend(found.into_iter().take(MAX_TAPS));
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of these bytes in the order of the chunk.
    fn each(width: usize, sign: Sign, channels: usize, row: usize, past: &[u8], mut look: impl FnMut(&mut Numbers, usize)) {
        let mut numbers = Numbers::new(width, sign, channels, row);
        for end in (0..past.len()).step_by(width) {
            if end > 0 {
                numbers.learn(&past[..end]);
            }
            numbers.predict(&past[..end]);
            look(&mut numbers, end);
        }
    }

    #[test]
    fn a_line_is_soon_expected_exactly() {
        let past: Vec<u8> = (0..400u16).flat_map(|i| (i * 37 + 5).to_be_bytes()).collect();
        each(2, Sign::Unsigned, 1, 0, &past, |numbers, at| {
            let next = u64::from(past[at]) << 8 | u64::from(past[at + 1]);
            assert!(at < 4 || numbers.expected(ABOVE) == next);
            assert!(at < 200 || numbers.expected(LONG).abs_diff(next) <= 9);
        });
    }

    /// The bits of numbers far from all predictions, and of the greatest and the least, have finite log odds.
    #[test]
    fn any_numbers_have_log_odds_in_bounds() {
        for width in 1..=8 {
            for (channels, row) in [(1, 0), (2, 0), (3, 16), (9, 40)] {
                let past: Vec<u8> = (0..width * 300usize).map(|i| if i / width % 7 < 3 { 255 } else { (i % 5 / 4) as u8 }).collect();
                each(width, Sign::Magnitude, channels, row, &past, |numbers, at| {
                    let mut prefix = 0;
                    for (i, &byte) in past[at..at + width].iter().enumerate() {
                        for known in 0..8 {
                            let partial = (256 | u32::from(byte)) >> (8 - known);
                            numbers.narrow(prefix, i, partial as u8);
                            let mut odds = [f32::NAN; PREDICTORS];
                            numbers.log_odds(&mut odds);
                            assert!(odds.iter().all(|x| x.abs() <= 12.0), "{odds:?}");
                            assert!(numbers.level() < 16);
                        }
                        prefix = prefix << 8 | u64::from(byte);
                    }
                });
            }
        }
    }

    #[test]
    fn neighbours_come_before() {
        for (channels, row) in [(1, 0), (2, 0), (5, 0), (1, 8), (3, 16), (16_384, 65_536)] {
            let taps = taps(channels, row);
            assert!(taps.len() <= MAX_TAPS && taps.iter().all(|&tap| tap > 0), "{channels} {row}");
        }
    }

    #[test]
    fn it_takes_the_bytes_that_are_counted_for_it() {
        for (channels, row) in [(1, 0), (2, 0), (9, 0), (3, 100)] {
            let numbers = Numbers::new(1, Sign::Unsigned, channels, row);
            let held = size_of::<Numbers>()
                + numbers.learned.capacity() * size_of::<Channel>()
                + numbers.taps.capacity() * size_of::<usize>();
            assert!(held <= Numbers::MOST_BYTES, "{held}");
        }
    }
}

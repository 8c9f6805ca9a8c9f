//! Probabilities that adapt: 22 bits of probability and a 10-bit count in one word.

use crate::kernel::scalar::{clamp, ln, sigmoid};

/// Adaptive probability of a one. Starts learning fast and slows to a limit.
#[derive(Debug, Clone, Copy)]
pub struct Cell(u32);

impl Cell {
    /// A probability of `p`/2¹⁶ that has seen `count` decisions.
    pub const fn new(p: u16, count: u32) -> Self {
        Cell((p as u32) << 16 | count)
    }

    /// The probability in 12 bits, 0 to 4095.
    #[inline(always)]
    pub fn p12(self) -> usize {
        (self.0 >> 20) as usize
    }

    /// The probability in 16 bits.
    #[inline(always)]
    pub fn p16(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The probability in full, 22 bits.
    #[inline(always)]
    pub fn p22(self) -> u32 {
        self.0 >> 10
    }

    #[cfg(any(test, feature = "internals"))]
    /// The number of decisions that it saw, up to its limit.
    pub fn count(self) -> u32 {
        self.0 & 1023
    }

    /// Moves towards `bit` by 1/(count + 1.5); the count stops at `limit` ≤ 1023.
    #[inline(always)]
    pub fn update(&mut self, bit: bool, limit: u32, rates: &Rates) {
        let count = self.0 & 1023;
        let p = (self.0 >> 10) as i32;
        let target = if bit { (1 << 22) - 1 } else { 0 };
        let step = (i64::from(target - p) * i64::from(rates.0[count as usize])) >> 16;
        let p = (p + step as i32) as u32;
        self.0 = p << 10 | if count < limit { count + 1 } else { count };
    }
}

/// 2¹⁶/(count + 1.5) for every count.
#[derive(Debug)]
pub struct Rates([u32; 1024]);

impl Rates {
    /// Builds the table.
    pub fn new() -> Self {
        Rates(std::array::from_fn(|n| (131_072 / (2 * n + 3)) as u32))
    }
}

/// The logistic function by table. It replaces about thirty dependent operations per decision.
#[derive(Debug)]
pub struct Squash([f32; SQUASH + 1]);

/// Steps of the table over [−14, 14].
const SQUASH: usize = 1024;

impl Squash {
    /// Builds the table: entry i is σ(i·28/1024 − 14).
    pub fn new() -> Self {
        Squash(std::array::from_fn(|i| sigmoid(i as f32 * (28.0 / SQUASH as f32) - 14.0)))
    }

    /// σ(x), interpolated; x clamped to [−13.99, 13.99].
    #[inline(always)]
    pub fn get(&self, x: f32) -> f32 {
        let place = (clamp(x, -13.99, 13.99) + 14.0) * (SQUASH as f32 / 28.0);
        let below = place as usize;
        let share = place - below as f32;
        let (a, b) = (self.0[below], self.0[below + 1]);
        a + (b - a) * share
    }
}

/// ln(p/(1−p)) of a 12-bit probability: entry i is for p = (i + ½)/4096.
#[derive(Debug)]
pub struct Stretch([f32; 4096]);

impl Stretch {
    /// Builds the table.
    pub fn new() -> Self {
        Stretch(std::array::from_fn(|i| ln((2 * i + 1) as f32) - ln((8191 - 2 * i) as f32)))
    }

    /// The entry for a 12-bit probability.
    #[inline(always)]
    pub fn get(&self, p12: usize) -> f32 {
        self.0[p12 & 4095]
    }
}

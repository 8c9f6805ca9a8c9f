//! Linear prediction of a number from its neighbours by least squares, with exponential forgetting.
//!
//! Source: the normal equations, solved by Cholesky's method. Wu, Barthel and Zhang (1998) predict pixels so, and
//! lossless coders of sound and pictures since.

use crate::kernel::double::rsqrt;

/// Most neighbours.
pub const MAX_TAPS: usize = 24;

/// A linear predictor that learns.
#[derive(Debug)]
pub struct LeastSquares {
    taps: usize,
    /// The share of what it knew that it keeps at each number.
    keep: f64,
    /// Numbers between two solutions.
    period: u32,
    until: u32,
    products: [[f64; MAX_TAPS]; MAX_TAPS],
    targets: [f64; MAX_TAPS],
    weights: [f64; MAX_TAPS],
}

impl LeastSquares {
    /// A predictor from the first `taps` neighbours that forgets what is more than about `memory` numbers ago, a power of
    /// two, and solves its equations at each `period` of them.
    pub fn new(taps: usize, memory: f64, period: u32) -> Self {
        LeastSquares {
            taps,
            keep: 1.0 - 1.0 / memory,
            period,
            until: period,
            products: [[0.0; MAX_TAPS]; MAX_TAPS],
            targets: [0.0; MAX_TAPS],
            weights: [0.0; MAX_TAPS],
        }
    }

    /// The prediction from these neighbours.
    pub fn predict(&self, neighbours: &[f64; MAX_TAPS]) -> f64 {
        let pairs = self.weights[..self.taps].iter().zip(neighbours);
        pairs.fold(0.0, |sum, (weight, neighbour)| sum + weight * neighbour)
    }

    /// Learns that `value` was among these neighbours.
    pub fn learn(&mut self, neighbours: &[f64; MAX_TAPS], value: f64) {
        let (n, keep) = (self.taps, self.keep);
        for (i, row) in self.products[..n].iter_mut().enumerate() {
            let x = neighbours[i];
            for (product, y) in row[..=i].iter_mut().zip(neighbours) {
                *product = *product * keep + x * y;
            }
            self.targets[i] = self.targets[i] * keep + x * value;
        }
        self.until -= 1;
        if self.until == 0 {
            self.until = self.period;
            self.solve();
        }
    }

    /// Solves the normal equations. Where they are singular, the weights stay.
    fn solve(&mut self) {
        let n = self.taps;
        let mut a = self.products;
        let mut y = self.targets;
        let mut inverse = [0.0; MAX_TAPS];
        for j in 0..n {
            // A ridge of a millionth keeps equal neighbours apart.
            let pivot = a[j][j] + (self.products[j][j] * RIDGE + 1.0);
            if !(pivot > 0.0 && pivot < f64::MAX) {
                return;
            }
            let r = rsqrt(pivot);
            inverse[j] = r;
            y[j] *= r;
            let mut column = [0.0; MAX_TAPS];
            for i in j + 1..n {
                a[i][j] *= r;
                column[i] = a[i][j];
                y[i] -= a[i][j] * y[j];
            }
            for i in j + 1..n {
                let x = column[i];
                for (a, c) in a[i][j + 1..=i].iter_mut().zip(&column[j + 1..=i]) {
                    *a -= x * c;
                }
            }
        }
        for j in (0..n).rev() {
            let w = y[j] * inverse[j];
            self.weights[j] = w;
            for i in 0..j {
                y[i] -= a[j][i] * w;
            }
        }
    }
}

/// What is added to each diagonal, as a share of it. 2⁻²⁰, a millionth.
const RIDGE: f64 = 1.0 / 1_048_576.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// A circle: each number is a fixed sum of the two before it.
    #[test]
    fn it_finds_the_rule_of_a_recurrence() {
        let mut predictor = LeastSquares::new(3, 1024.0, 1);
        let mut x = [0.0, 10_000.0, 7_000.0f64];
        for i in 0..300 {
            let mut neighbours = [0.0; MAX_TAPS];
            neighbours[..3].copy_from_slice(&x);
            let next = 1.75 * x[0] - x[1];
            let off = (predictor.predict(&neighbours) - next).abs();
            assert!(i < 20 || off < 20.0, "{off} at {i}");
            predictor.learn(&neighbours, next);
            x = [next, x[0], x[1]];
        }
    }

    #[test]
    fn equal_and_zero_neighbours_do_no_harm() {
        let mut predictor = LeastSquares::new(MAX_TAPS, 128.0, 1);
        for value in [0.0, 5.0, 1e19, -1e19] {
            for _ in 0..50 {
                let neighbours = [value; MAX_TAPS];
                assert!(predictor.predict(&neighbours).is_finite());
                predictor.learn(&neighbours, value);
            }
        }
    }
}

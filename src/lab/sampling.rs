//! The tokens that a generator may choose, and the order in which they share the range of its bits.
//!
//! The likeliest token has the lowest part of the range, so that zeros always choose it.

use crate::coder::range::Part;
use crate::error::{Error, Result};

use super::predictor::{Distribution, Predictor};

/// The freedom of a generator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The number that logits are divided by: below 1 what is likely becomes likelier.
    pub temperature: f32,
    /// Only so many tokens may be chosen, the likeliest; 0 is all.
    pub top_k: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { temperature: 1.0, top_k: 0 }
    }
}

impl Sampling {
    /// Sets up a predictor.
    pub(super) fn prepare(&self, predictor: &mut Predictor) -> Result<()> {
        predictor.set_temperature(self.temperature)
    }

    /// The tokens that may come next, the likeliest first, with the sums of their frequencies.
    pub(super) fn choices(&self, distribution: &mut Distribution<'_>) -> Choices {
        let frequencies = distribution.frequencies;
        let count = match self.top_k {
            0 => frequencies.each().len(),
            some => some,
        };
        let (mut tokens, mut sums) = (Vec::new(), vec![0]);
        for token in distribution.order.best(frequencies, count) {
            tokens.push(token);
            sums.push(sums[tokens.len() - 1] + u64::from(frequencies.each()[token as usize]));
        }
        Choices { tokens, sums }
    }
}

/// The tokens of one place.
pub(super) struct Choices {
    tokens: Vec<u32>,
    /// The sum of the frequencies before each, and of all.
    sums: Vec<u64>,
}

impl Choices {
    pub(super) fn total(&self) -> u64 {
        self.sums[self.tokens.len()]
    }

    fn part(&self, rank: usize) -> Part {
        Part { start: self.sums[rank], size: self.sums[rank + 1] - self.sums[rank] }
    }

    /// The part in which a place lies, and its token.
    pub(super) fn at(&self, place: u64) -> (Part, u32) {
        let rank = self.sums.partition_point(|&sum| sum <= place) - 1;
        (self.part(rank), self.tokens[rank])
    }

    /// The part of a token.
    pub(super) fn part_of(&self, token: u32) -> Result<Part> {
        let rank = self.tokens.iter().position(|&choice| choice == token);
        rank.map(|rank| self.part(rank)).ok_or_else(|| {
            let count = self.tokens.len();
            Error::Usage(format!("token {token} is not among the {count} that may be chosen there"))
        })
    }
}

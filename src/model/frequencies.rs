//! A model's expectation of the next token, as integer frequencies.

use crate::kernel::scalar::ln;
use crate::kernel::{Isa, vector};
use crate::vocab::Decision;

/// Integer frequencies of all tokens at one position, by rank.
///
/// A token's decisions ask for some forty sums over ranges of them, so sums are kept only up to
/// every eighth token; the rest is added when asked for.
#[derive(Debug)]
pub struct Frequencies {
    isa: Isa,
    each: Vec<u32>,
    sums: Vec<u64>,
}

impl Frequencies {
    /// Room for a vocabulary of so many tokens.
    pub fn new(tokens: usize, isa: Isa) -> Self {
        let sums = vec![0; tokens / vector::SPAN + 1];
        Frequencies { isa, each: vec![0; tokens], sums }
    }

    /// Takes in the logits of a position: one per token, by rank.
    pub fn take(&mut self, logits: &[f32]) {
        let (each, sums) = (&mut self.each, &mut self.sums);
        vector::frequencies(self.isa, logits, each, sums);
    }

    /// The sum over all tokens of a lower rank.
    #[inline]
    pub fn below(&self, rank: u32) -> u64 {
        let rank = rank as usize;
        let span = rank / vector::SPAN;
        let rest = &self.each[span * vector::SPAN..rank];
        self.sums[span] + rest.iter().map(|&f| u64::from(f)).sum::<u64>()
    }

    /// The log odds of a one at a decision.
    #[inline]
    pub fn log_odds(&self, decision: &Decision) -> f32 {
        let [lo, mid, hi] = [decision.lo, decision.mid, decision.hi].map(|rank| self.below(rank));
        let odds = ln((hi - mid) as f32) - ln((mid - lo) as f32);
        if decision.one_is_upper() { odds } else { -odds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logits_that_are_no_numbers_give_frequencies_all_the_same() {
        for isa in Isa::available() {
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let (each, sums) = (vec![0; 70], vec![0; 70 / vector::SPAN + 1]);
                let mut found = Frequencies { isa, each, sums };
                found.take(&[odd; 70]);
                assert_eq!(found.below(70), 70);
            }
        }
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_definition(
            logits in proptest::collection::vec(-30.0f32..30.0, 1..300),
        ) {
            let max = logits.iter().copied().fold(f32::MIN, f32::max);
            for isa in Isa::available() {
                let size = logits.len();
                let (each, sums) = (vec![0; size], vec![0; size / vector::SPAN + 1]);
                let mut found = Frequencies { isa, each, sums };
                found.take(&logits);
                let mut total = 0;
                for (rank, &l) in logits.iter().enumerate() {
                    prop_assert_eq!(found.below(rank as u32), total);
                    let x = (l - max) * std::f32::consts::LOG2_E;
                    total += 1 + (crate::kernel::scalar::exp2(x) * 268_435_456.0) as u64;
                }
                prop_assert_eq!(found.below(size as u32), total);
            }
        }
    }
}

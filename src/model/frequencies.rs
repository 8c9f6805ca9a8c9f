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

    /// The sum over all tokens.
    pub fn total(&self) -> u64 {
        self.below(self.each.len() as u32)
    }

    /// The frequency of each token, by number; none is 0.
    pub fn each(&self) -> &[u32] {
        &self.each
    }

    /// The last token for which `holds`, which gets the sum over all tokens before it and its number, and does not hold
    /// any more once it has not. It must hold for the first.
    pub fn last_where(&self, holds: impl Fn(u64, u32) -> bool) -> u32 {
        let (mut lo, mut hi) = (0, self.each.len().div_ceil(vector::SPAN));
        while hi - lo > 1 {
            let mid = lo.midpoint(hi);
            if holds(self.sums[mid], (mid * vector::SPAN) as u32) { lo = mid } else { hi = mid }
        }
        let (mut token, mut below) = ((lo * vector::SPAN) as u32, self.sums[lo]);
        let end = self.each.len().min((lo + 1) * vector::SPAN) as u32;
        while token + 1 < end && holds(below + u64::from(self.each[token as usize]), token + 1) {
            below += u64::from(self.each[token as usize]);
            token += 1;
        }
        token
    }

    /// The number of tokens that are likelier than this one. Of two with the same frequency, that with the lower number counts as
    /// likelier.
    pub fn probability_rank(&self, token: u32) -> u32 {
        let (before, from) = self.each.split_at(token as usize);
        let own = self.each[token as usize];
        let not_less = before.iter().map(|&f| u32::from(f >= own)).sum::<u32>();
        not_less + from.iter().map(|&f| u32::from(f > own)).sum::<u32>()
    }

    /// The log odds of a one at a decision.
    #[inline]
    pub fn log_odds(&self, decision: &Decision) -> f32 {
        let [lo, mid, hi] = [decision.lo, decision.mid, decision.hi].map(|rank| self.below(rank));
        let odds = ln((hi - mid) as f32) - ln((mid - lo) as f32);
        if decision.one_is_upper() { odds } else { -odds }
    }
}

/// Tokens in the order of their probability; keeps its memory for the next distribution.
#[derive(Debug, Default)]
pub struct ByProbability {
    /// Frequency, and the complement of the token's number below it, so that tokens rise in probability.
    keys: Vec<u64>,
}

impl ByProbability {
    fn take(&mut self, frequencies: &Frequencies) {
        self.keys.clear();
        let numbered = frequencies.each.iter().zip(0u32..);
        self.keys.extend(numbered.map(|(&f, token)| u64::from(f) << 32 | u64::from(!token)));
    }

    /// Takes in a distribution and sorts all of it.
    pub fn sort(&mut self, frequencies: &Frequencies) {
        self.take(frequencies);
        self.keys.sort_unstable();
    }

    /// The frequencies of the distribution that was sorted, the least first.
    pub fn rising(&self) -> impl Iterator<Item = u64> {
        self.keys.iter().map(|key| key >> 32)
    }

    /// The token of this rank in the distribution that was sorted; `None` beyond the vocabulary.
    pub fn token(&self, rank: u32) -> Option<u32> {
        let place = self.keys.len().checked_sub(1 + rank as usize)?;
        Some(!(self.keys[place] as u32))
    }

    /// Takes in a distribution and gives its `count` likeliest tokens, the likeliest first.
    pub fn best(&mut self, frequencies: &Frequencies, count: usize) -> impl Iterator<Item = u32> {
        self.take(frequencies);
        let rest = self.keys.len().saturating_sub(count);
        if rest > 0 && count > 0 {
            self.keys.select_nth_unstable(rest);
        }
        let best = &mut self.keys[rest..];
        best.sort_unstable();
        best.iter().rev().map(|&key| !(key as u32))
    }

    /// The token of this rank in a distribution, without sorting it.
    pub fn select(&mut self, frequencies: &Frequencies, rank: u32) -> Option<u32> {
        let place = frequencies.each.len().checked_sub(1 + rank as usize)?;
        self.take(frequencies);
        let (_, &mut key, _) = self.keys.select_nth_unstable(place);
        Some(!(key as u32))
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

        #[test]
        fn tokens_are_found_by_sum_and_by_rank(
            logits in proptest::collection::vec((-8i8..8).prop_map(f32::from), 1..300),
        ) {
            let isa = Isa::available()[0];
            let mut found = Frequencies::new(logits.len(), isa);
            found.take(&logits);
            let mut order: Vec<u32> = (0..logits.len() as u32).collect();
            order.sort_by_key(|&token| std::cmp::Reverse(found.each()[token as usize]));
            let (mut sorted, mut selected) = (ByProbability::default(), ByProbability::default());
            sorted.sort(&found);
            for (rank, &token) in (0..).zip(&order) {
                prop_assert_eq!(found.probability_rank(token), rank);
                prop_assert_eq!(sorted.token(rank), Some(token));
                prop_assert_eq!(selected.select(&found, rank), Some(token));
                for place in [found.below(token), found.below(token + 1) - 1] {
                    prop_assert_eq!(found.last_where(|below, _| below <= place), token);
                }
            }
            let beyond = logits.len() as u32;
            prop_assert_eq!(sorted.token(beyond), None);
            prop_assert_eq!(selected.select(&found, beyond), None);
            prop_assert_eq!(found.total(), found.below(beyond));
        }
    }
}

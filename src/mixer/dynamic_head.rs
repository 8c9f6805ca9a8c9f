//! Dynamic head: a correction of the model's log odds that is learned within the chunk.
//!
//! The model's weights stay as they are. Two linear functions of its hidden vector correct its log
//! odds at each decision of the vocabulary: one learns slowly, one fast, both by gradient descent on
//! the coded size.
//!
//! Source: dynamic evaluation (Mikolov et al. 2010; Krause et al. 2018), here of the output layer
//! alone, over binary decisions instead of tokens.

use crate::kernel::mixing::{MAX_SETS, dot_sets, train_sets};
use crate::kernel::scalar::recip;
use crate::kernel::{Isa, prefetch_all, vector};

use super::maps::Squash;

/// Linear functions per decision, each with a learning rate of its own.
pub const SPEEDS: usize = 2;
/// Most slots. In a larger vocabulary several decisions share one. It bounds the memory. The
/// vocabularies of the built-in models are smaller, so what more slots would save is not measured.
const MAX_SLOTS: usize = 8192;
/// Learning rate of each function, for a hidden vector of length 1. Chosen by trial;
/// docs/experiments/constants.md has half and twice of them.
const LEARNING_RATES: [f32; SPEEDS] = [0.5, 4.0];

/// The corrections of the model's log odds in one chunk.
#[derive(Debug)]
pub struct DynamicHead {
    isa: Isa,
    /// The model's hidden vector at the current token, of length 1.
    hidden: Vec<f32>,
    /// [`SPEEDS`] rows of the hidden vector's width for each slot.
    weights: Vec<f32>,
    /// The number of answers that each slot has learned.
    counts: Vec<u16>,
    /// The slot of the decision last corrected, and where its weights begin.
    slot: usize,
    at: [usize; SPEEDS],
    logit: f32,
    sums: [f32; MAX_SETS],
}

/// The number of slots for so many decisions.
fn slots(decisions: usize) -> usize {
    decisions.clamp(1, MAX_SLOTS)
}

impl DynamicHead {
    /// Corrections for `decisions` decisions by a hidden vector of `width`, a multiple of sixteen;
    /// all zero.
    pub fn new(isa: Isa, decisions: usize, width: usize) -> Self {
        let slots = slots(decisions);
        DynamicHead {
            isa,
            hidden: vec![0.0; width],
            weights: vec![0.0; slots * SPEEDS * width],
            counts: vec![0; slots],
            slot: 0,
            at: [0; SPEEDS],
            logit: 0.0,
            sums: [0.0; MAX_SETS],
        }
    }

    /// Bytes that [`DynamicHead::new`] takes.
    pub fn bytes_for(decisions: usize, width: usize) -> usize {
        let floats = (slots(decisions) * SPEEDS + 1) * width;
        floats * size_of::<f32>() + slots(decisions) * size_of::<u16>()
    }

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        size_of_val(&self.hidden[..]) + size_of_val(&self.weights[..]) + size_of_val(&self.counts[..])
    }

    /// Sets the model's hidden vector at a new token.
    pub fn begin_token(&mut self, hidden: &[f32]) {
        vector::unit(self.isa, hidden, &mut self.hidden);
    }

    /// The slot of a decision.
    #[inline]
    fn slot_of(&self, decision: usize) -> usize {
        decision % self.counts.len()
    }

    /// Starts loading the weights of a decision.
    #[inline]
    pub fn prefetch(&self, decision: usize) {
        let size = SPEEDS * self.hidden.len();
        prefetch_all(&self.weights[self.slot_of(decision) * size..][..size]);
    }

    /// The corrections of `logit` at a decision.
    #[inline]
    pub fn correct(&mut self, decision: usize, logit: f32) -> [f32; SPEEDS] {
        let width = self.hidden.len();
        self.slot = self.slot_of(decision);
        self.logit = logit;
        self.at = std::array::from_fn(|speed| (self.slot * SPEEDS + speed) * width);
        dot_sets(self.isa, &self.weights, &self.at, &self.hidden, &mut self.sums);
        [self.sums[0], self.sums[1]]
    }

    /// Learns the answer to the decision last corrected.
    #[inline]
    pub fn learn(&mut self, one: bool, squash: &Squash) {
        let target = if one { 1.0 } else { 0.0 };
        let count = &mut self.counts[self.slot];
        // The rate falls from 1.5 to 0.5 of its value with the number of answers. Chosen by trial;
        // docs/experiments/constants.md has half and twice of 64.
        let share = 0.5 + 64.0 * recip(64.0 + f32::from(*count));
        *count = count.saturating_add(1);
        let mut errors = [0.0; MAX_SETS];
        for (speed, error) in errors.iter_mut().enumerate().take(SPEEDS) {
            let p = squash.get(self.logit + self.sums[speed]);
            *error = (target - p) * (LEARNING_RATES[speed] * share);
        }
        train_sets(self.isa, &mut self.weights, &self.at, &self.hidden, &errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 64;

    /// Hidden vectors of which the first value says the answer, with the answers.
    fn lesson(n: usize) -> impl Iterator<Item = ([f32; WIDTH], bool)> {
        let mut seed = 1u32;
        (0..n).map(move |_| {
            let hidden = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
            });
            (hidden, hidden[0] > 0.0)
        })
    }

    #[test]
    fn answers_that_depend_on_the_hidden_vector_are_learned() {
        let squash = Squash::new();
        for isa in Isa::available() {
            let mut head = DynamicHead::new(isa, 10, WIDTH);
            let mut right = 0;
            for (i, (hidden, one)) in lesson(3000).enumerate() {
                head.begin_token(&hidden);
                let [slow, fast] = head.correct(7, 0.0);
                right += usize::from(i >= 2000 && (slow + fast > 0.0) == one);
                head.learn(one, &squash);
            }
            assert!(right > 850, "{isa:?}: {right} of 1000");
            // A decision without answers is not corrected.
            assert_eq!(head.correct(3, 1.0), [0.0; SPEEDS]);
        }
    }

    #[test]
    fn every_isa_learns_the_same_bits() {
        let squash = Squash::new();
        let learned = |isa| {
            let mut head = DynamicHead::new(isa, 3, WIDTH);
            for (i, (hidden, one)) in lesson(500).enumerate() {
                head.begin_token(&hidden);
                head.correct(i % 3, 0.5);
                head.learn(one, &squash);
            }
            head.weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>()
        };
        let portable = learned(Isa::portable());
        for isa in Isa::available() {
            assert!(learned(isa) == portable, "{isa:?}");
        }
    }

    #[test]
    fn a_hidden_vector_without_length_corrects_nothing() {
        let squash = Squash::new();
        let mut head = DynamicHead::new(Isa::portable(), 1, WIDTH);
        for odd in [0.0, f32::NAN, f32::INFINITY, 1e30] {
            head.begin_token(&[odd; WIDTH]);
            assert_eq!(head.correct(0, 2.0), [0.0; SPEEDS]);
            head.learn(true, &squash);
        }
    }
}

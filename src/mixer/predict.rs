//! From a decision to its probability: histories are looked up, inputs gathered and mixed.

use crate::coder::ONE;
use crate::kernel::mixing::{MAX_SETS, dot_sets, squash8};
use crate::kernel::scalar::clamp;
use crate::vocab::{Decision, DecisionKind};

use super::bypass::ConfidenceBypass;
use super::contexts::combine;
use super::dynamic_head::SPEEDS;
use super::profile::Selector;
use super::records::PREDICTORS;
use super::table::{half_hash, nibble_and_slot};
use super::{END, LAST_WIDTH, HASHED_BITS, KIND_BIT, KIND_END, Mixer, SHARED, Shared};

impl Mixer {
    /// The probability (of [`ONE`]) that the answer at `decision` is one. `logit` is the language
    /// model's log odds of a one, or 0 without a model.
    pub fn predict(&mut self, decision: &Decision, logit: f32) -> u32 {
        let shared = &*SHARED;
        let (bytes, depth) = (self.context_state.bytes(), decision.depth);
        let (node, expected) = match decision.kind {
            DecisionKind::Bit(partial) => {
                (usize::from(partial), self.match_model.expect_bit(bytes, partial))
            }
            DecisionKind::End => (END + usize::from(depth.min(15)), self.match_model.expect_end()),
        };
        self.expected = expected;
        if let Some(bypass) = &mut self.bypass
            && let Some(p) =
                bypass.predict(decision.kind, logit, expected, self.context_state.last_three())
        {
            return p;
        }
        self.rehash();
        match decision.kind {
            DecisionKind::Bit(partial) => self.find_bit_histories(partial),
            DecisionKind::End => self.find_end_histories(depth),
        }
        let order_2 = combine(self.hashes[1], node as u32) >> (32 - HASHED_BITS);
        if self.profile.apm_stages > 1 {
            self.apm_by_order.prefetch(order_2 as usize);
        }
        let seen_mask = self.gather_contexts(shared);
        self.gather_fixed(shared);
        if let (Some(records), DecisionKind::Bit(partial)) = (&mut self.records, decision.kind) {
            records.log_odds(partial, &mut self.inputs[self.profile.model_at()..][..PREDICTORS]);
        }
        if self.profile.without_model.is_some() {
            // `mid` identifies a decision: no two decisions divide the vocabulary at the same token.
            self.gather_model(decision.mid as usize, clamp(logit, -12.0, 12.0));
        }
        self.select(node, seen_mask);

        let sets = self.profile.sets.len();
        let mut sums = [0.0; MAX_SETS];
        dot_sets(self.isa, &self.weights, &self.at[..sets], &self.inputs, &mut sums);
        let x = if sets == 1 {
            // A single set needs no last layer.
            let x = clamp(sums[0], -14.0, 14.0);
            self.mixed = shared.squash.get(x);
            self.probabilities[0] = self.mixed;
            x
        } else {
            squash8(self.isa, &sums, &mut self.probabilities);
            for (output, sum) in self.outputs.iter_mut().zip(&sums[..sets]) {
                *output = clamp(*sum, -14.0, 14.0);
            }
            self.last_at = node * LAST_WIDTH;
            let mut last = [0.0; MAX_SETS];
            dot_sets(self.isa, &self.last_weights, &[self.last_at], &self.outputs, &mut last);
            let x = clamp(last[0], -14.0, 14.0);
            self.mixed = shared.squash.get(x);
            x
        };
        let p = match self.profile.apm_stages {
            0 => self.mixed,
            1 => (self.mixed + self.apm_by_node.refine(x, node)) * 0.5,
            _ => {
                let a = self.apm_by_node.refine(x, node);
                let b = self.apm_by_order.refine(x, order_2 as usize);
                ((self.mixed + self.mixed) + (a + b)) * 0.25
            }
        };
        ((p * ONE as f32) as u32).clamp(4, ONE - 4)
    }

    #[cfg(any(test, feature = "internals"))]
    /// For the decision last predicted: the network's log odds of a one before the APM stages, and
    /// their derivative by the model's corrected log odds. `None` where the decision bypassed the
    /// network. Training a model inside the mixer uses both (`train/mixed.py`).
    pub fn gradient(&self) -> Option<(f32, f32)> {
        if self.bypass.as_ref().is_some_and(ConfidenceBypass::is_bypassed) {
            return None;
        }
        let at = self.profile.model_at();
        let corrected = self.inputs[at];
        let inner = if corrected.abs() < 2.0 { 1.0 } else { 0.0 };
        let (mut x, mut by_model) = (0.0, 0.0);
        for (set, &from) in self.at[..self.profile.sets.len()].iter().enumerate() {
            let weight = self.last_weights[self.last_at + set];
            x += weight * self.outputs[set];
            by_model += weight * (self.weights[from + at] + inner * self.weights[from + at + 1]);
        }
        Some((x, by_model))
    }

    /// Inputs from the contexts: the log odds of each history's probability, then (in profiles with
    /// linear inputs) the distance of that probability from one half. Returns a mask of the contexts
    /// that have a history here.
    #[inline]
    fn gather_contexts(&mut self, shared: &Shared) -> u32 {
        let n = self.profile.contexts.len();
        let states = &mut self.states[..n];
        if !self.at_end {
            for (state, &bucket) in states.iter_mut().zip(&self.buckets) {
                *state = self.table.get(bucket, self.slot);
            }
        } else {
            for (state, &bucket) in states.iter_mut().zip(&self.buckets) {
                *state = self.end_histories[bucket as usize];
            }
        }
        // All states are loaded first, without a branch on any of them: many come from memory, and a
        // mispredicted branch would delay the loads after it.
        let (odds, linear) = self.inputs.split_at_mut(n);
        let cells = &self.cells[self.kind * n..][..n];
        let mut seen_mask = 0;
        for (i, (cells, &state)) in cells.iter().zip(&*states).enumerate() {
            let p = cells[usize::from(state)].p12();
            let seen = state != 0;
            odds[i] = if seen { shared.stretch.get(p) } else { 0.0 };
            if self.profile.linear_inputs {
                linear[i] = if seen { (p as f32 - 2047.5) * (1.0 / 1024.0) } else { 0.0 };
            }
            seen_mask |= u32::from(seen) << i;
        }
        seen_mask
    }

    /// Inputs from the match model, and the constant. The constant lets the network learn a bias; 0.4
    /// is between the usual sizes of the other inputs. docs/experiments/constants.md has half and twice.
    #[inline]
    fn gather_fixed(&mut self, shared: &Shared) {
        let (confidence, side) = self.expected.map_or((0.0, 0.0), |e| {
            let confidence = self.match_model.confidence(e, self.kind, &shared.stretch);
            if e.one { (confidence, 1.0) } else { (-confidence, -1.0) }
        });
        self.inputs[self.profile.fixed_at()..][..3].copy_from_slice(&[confidence, side, 0.4]);
    }

    /// Inputs from the model: its corrected log odds, in full and clipped, and the two corrections.
    /// The clipped input lets the network weigh small and large log odds differently; the clip at 2
    /// was chosen by trial, and docs/experiments/constants.md has half and twice.
    #[inline]
    fn gather_model(&mut self, decision: usize, logit: f32) {
        let wide = |x| clamp(x, -12.0, 12.0);
        let corrections = match &mut self.dynamic_head {
            Some(dynamic_head) => dynamic_head.correct(decision, logit).map(wide),
            None => [0.0; SPEEDS],
        };
        let [slow, fast] = corrections;
        let corrected = wide(logit + (slow + fast) * 0.5);
        let inputs = [corrected, clamp(corrected, -2.0, 2.0), slow, fast];
        self.inputs[self.profile.model_at()..][..4].copy_from_slice(&inputs);
    }

    /// Chooses the weight set of each selector.
    #[inline]
    fn select(&mut self, node: usize, seen_mask: u32) {
        let inputs = self.profile.inputs();
        let expected = self.expected.map_or(0, |e| 1 + usize::from(e.one) * 16 + e.bucket);
        let records = self.records.as_deref();
        let mut base = 0;
        for (at, selector) in self.at.iter_mut().zip(self.profile.sets) {
            let choice = match selector {
                Selector::Node => node,
                Selector::Match => expected.min(31) + 32 * self.kind,
                Selector::Last => usize::from(self.context_state.byte(1)) + 256 * self.kind,
                // The offset 60 has no meaning of its own; the shipped prior of profile 1 has its
                // weight sets there.
                Selector::Seen => {
                    60 + (seen_mask >> 2 & 7).count_ones() as usize + 128 * self.kind
                }
                Selector::Age => {
                    let position = self.context_state.bytes().len() as u32 + 1;
                    position.ilog2() as usize + 32 * self.kind
                }
                Selector::Known => {
                    ((seen_mask >> 1 & 63) << 1 | u32::from(expected > 0)) as usize
                        + 128 * self.kind
                }
                Selector::Bits => node + 256 * self.kind,
                Selector::Near => records.map_or(0, |records| records.near(&self.context_state)),
                Selector::Place => {
                    records.map_or(0, |records| records.place(&self.context_state, node as u8))
                }
                Selector::Level => records.map_or(0, |records| records.level(node as u8)),
            };
            *at = (base + choice) * inputs;
            base += selector.size();
        }
    }

    /// Finds every context's bucket of histories for a bit of the next byte.
    fn find_bit_histories(&mut self, partial: u8) {
        let (half, slot) = nibble_and_slot(partial);
        self.kind = self.records.as_ref().map_or(KIND_BIT, |records| records.kind());
        self.at_end = false;
        self.slot = slot;
        if half != self.half {
            self.half = half;
            let hashes = &self.hashes[..self.profile.contexts.len()];
            if half != 0 {
                for &hash in hashes {
                    self.table.prefetch(half_hash(hash, half));
                }
            }
            for (bucket, &hash) in self.buckets.iter_mut().zip(hashes) {
                *bucket = self.table.find(half_hash(hash, half));
            }
        }
    }

    /// Finds every context's history of the decision whether a token of this many bytes ends here.
    fn find_end_histories(&mut self, depth: u8) {
        self.kind = KIND_END;
        self.at_end = true;
        self.half = u32::MAX;
        let mask = self.end_histories.len() - 1;
        let hashes = &self.hashes[..self.profile.contexts.len()];
        for (bucket, &hash) in self.buckets.iter_mut().zip(hashes) {
            *bucket = (combine(hash, u32::from(depth) + 77) as usize & mask) as u32;
        }
    }
}

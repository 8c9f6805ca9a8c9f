//! From an answer to better predictions: everything that took part in the decision learns.

use crate::kernel::mixing::{MAX_SETS, train_sets};

use super::{CELL_LIMIT, LAST_RATE, Mixer, SHARED};

impl Mixer {
    /// Learns the answer to the decision last predicted.
    pub fn learn(&mut self, one: bool) {
        let shared = &*SHARED;
        if let Some(bypass) = &mut self.bypass
            && bypass.learn(one, &shared.rates)
        {
            return;
        }
        let (n, sets) = (self.profile.contexts.len(), self.profile.sets.len());
        let target = if one { 1.0 } else { 0.0 };
        let mut errors = [0.0; MAX_SETS];
        for (error, p) in errors.iter_mut().zip(&self.probabilities[..sets]) {
            *error = (target - p) * self.rate;
        }
        train_sets(self.isa, &mut self.weights, &self.at[..sets], &self.inputs, &errors);
        if sets > 1 {
            let error = [(target - self.mixed) * LAST_RATE; MAX_SETS];
            train_sets(self.isa, &mut self.last_weights, &[self.last_at], &self.outputs, &error);
        }
        self.apm_by_node.learn(one, &shared.rates);
        if self.profile.apm_stages > 1 {
            self.apm_by_order.learn(one, &shared.rates);
        }
        if let Some(dynamic_head) = &mut self.dynamic_head {
            dynamic_head.learn(one, &shared.squash);
        }
        if let Some(e) = self.expected {
            self.match_model.learn(e, self.kind, one, &shared.rates);
        }
        let cells = &mut self.cells[self.kind * n..][..n];
        for (i, cells) in cells.iter_mut().enumerate() {
            let state = self.states[i];
            cells[usize::from(state)].update(one, CELL_LIMIT, &shared.rates);
            let next = shared.histories.next(state, one);
            if self.at_end {
                self.end_histories[self.buckets[i] as usize] = next;
            } else {
                self.table.set(self.buckets[i], self.slot, next);
            }
        }
    }
}

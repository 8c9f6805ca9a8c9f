//! What a mixer knows before the first byte.

use super::{FINAL_WIDTH, Mixer};

/// The starting point of the adaptive parts.
#[derive(Debug, Clone)]
pub struct Prior {
    with_model: bool,
}

impl Prior {
    /// Plain starting values: trust the model if there is one, else the contexts alike.
    pub fn plain(with_model: bool) -> Self {
        Prior { with_model }
    }

    pub(super) fn apply(&self, mixer: &mut Mixer) {
        let n = mixer.profile.contexts.len();
        let sets = mixer.profile.sets.len();
        for set in mixer.weights.chunks_exact_mut(mixer.profile.inputs()) {
            if self.with_model {
                set[2 * n + 3] = 0.8;
                set[..n].fill(0.06);
            } else {
                set[..n].fill(0.3);
            }
            set[2 * n] = 0.25;
        }
        for set in mixer.last_weights.chunks_exact_mut(FINAL_WIDTH) {
            set[..sets].fill(1.0 / sets as f32);
        }
    }
}

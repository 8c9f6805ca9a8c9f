//! Dot products and updates of the mixing network.

use super::scalar::{clamp, exp, recip};
use super::{dispatched, dispatched_sixteen};

/// Most weight sets a network may have.
pub const MAX_SETS: usize = 8;

dispatched_sixteen! {
    /// For each set `s`, `out[s] = Σ_i w[at[s] + i] · x[i]`, over sixteen strided partial sums.
    /// Outputs beyond `at.len()` keep their values.
    pub fn dot_sets<S>(proof, w: &[f32], at: &[usize], x: &[f32], out: &mut [f32; MAX_SETS]) {
        for (out, &at) in out.iter_mut().zip(at) {
            let w = &w[at..at + x.len()];
            let mut sum = S::splat(proof, 0.0);
            for (w, x) in w.as_chunks::<16>().0.iter().zip(x.as_chunks::<16>().0) {
                sum = sum.plus(S::load(proof, w).times(S::load(proof, x)));
            }
            *out = sum.fold();
        }
    }
}

dispatched_sixteen! {
    /// For each set `s`, `w[at[s] + i] += error[s] · x[i]`.
    pub fn train_sets<S>(proof, w: &mut [f32], at: &[usize], x: &[f32], error: &[f32; MAX_SETS]) {
        for (&error, &at) in error.iter().zip(at) {
            let (w, error) = (&mut w[at..at + x.len()], S::splat(proof, error));
            for (w, x) in w.as_chunks_mut::<16>().0.iter_mut().zip(x.as_chunks::<16>().0) {
                S::load(proof, w).plus(error.times(S::load(proof, x))).store(w);
            }
        }
    }
}

dispatched! {
    /// Logistic function of eight values: `1/(1 + e⁻ˣ)`, x clamped to [−30, 30].
    pub fn squash8(x: &[f32; 8], y: &mut [f32; 8]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = recip(1.0 + exp(-clamp(*x, -30.0, 30.0)));
        }
    }
}

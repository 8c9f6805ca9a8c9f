//! The recurrent state of RWKV-7's time mix: one 64 × 64 matrix per head.
//!
//! Source: Peng et al., "RWKV-7 Goose with Expressive Dynamic State Evolution" (2025), eq. 17,
//! in the form of BlinkDL's reference: with value index i and key index j,
//! `sa_i = Σ_j S_ij a_j`, `S_ij = (S_ij w_j + sa_i b_j) + v_i k_j`, `y_i = Σ_j S_ij r_j`.

use super::dispatched;
use super::scalar::{flush, fold16};

/// Width of a head.
pub const HEAD: usize = 64;

/// The vectors of one head at one position, each of [`HEAD`] values.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Receptance: what is read.
    pub r: &'a [f32; HEAD],
    /// Decay, in (0, 1).
    pub w: &'a [f32; HEAD],
    /// Key: where the value is written.
    pub k: &'a [f32; HEAD],
    /// Value.
    pub v: &'a [f32; HEAD],
    /// Minus the normalised removal key.
    pub a: &'a [f32; HEAD],
    /// The removal key scaled by the in-context learning rate.
    pub b: &'a [f32; HEAD],
}

dispatched! {
    /// Advances `state` (row-major, row = value index) by one position and writes the head's
    /// output to `y`.
    pub fn step(state: &mut [f32; HEAD * HEAD], h: Head<'_>, y: &mut [f32; HEAD]) {
        for (i, row) in state.as_chunks_mut::<HEAD>().0.iter_mut().enumerate() {
            let mut sum = [0.0f32; 16];
            for c in 0..HEAD / 16 {
                for j in 0..16 {
                    sum[j] += row[c * 16 + j] * h.a[c * 16 + j];
                }
            }
            let sa = fold16(sum);
            let v = h.v[i];
            let mut sum = [0.0f32; 16];
            for c in 0..HEAD / 16 {
                for j in 0..16 {
                    let x = c * 16 + j;
                    let s = flush((row[x] * h.w[x] + sa * h.b[x]) + v * h.k[x]);
                    row[x] = s;
                    sum[j] += s * h.r[x];
                }
            }
            y[i] = fold16(sum);
        }
    }
}

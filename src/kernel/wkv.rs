//! The recurrent state of RWKV-7's time mix: one 64 × 64 matrix per head.
//!
//! Source: Peng et al., "RWKV-7 Goose with Expressive Dynamic State Evolution" (2025), eq. 17,
//! in the form of BlinkDL's reference: with value index i and key index j,
//! `sa_i = Σ_j S_ij a_j`, `S_ij = (S_ij w_j + sa_i b_j) + v_i k_j`, `y_i = Σ_j S_ij r_j`.

use super::dispatched_lanes;
use super::lanes::Lanes;

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

/// `(s·w + sa·b) + v·k`, flushed.
#[inline(always)]
fn decay_and_write<L: Lanes>(s: L, w: L, sa: L, b: L, v: L, k: L) -> L {
    s.times(w).plus(sa.times(b)).plus(v.times(k)).flushed()
}

dispatched_lanes! {
    /// Advances `state` (row-major, row = value index) by one position and writes the head's
    /// output to `y`.
    pub fn step<L>(state: &mut [f32; HEAD * HEAD], h: Head<'_>, y: &mut [f32; HEAD]) {
        let parts = |x: &'_ [f32; HEAD]| -> [L; 4] {
            let x = x.as_chunks::<16>().0;
            [L::load(&x[0]), L::load(&x[1]), L::load(&x[2]), L::load(&x[3])]
        };
        let a = parts(h.a);
        // Two rows at a time share the loads of the vectors.
        for (i, rows) in state.as_chunks_mut::<{ 2 * HEAD }>().0.iter_mut().enumerate() {
            let (upper, lower) = rows.split_at_mut(HEAD);
            let (upper, lower) =
                (upper.as_chunks_mut::<16>().0, lower.as_chunks_mut::<16>().0);
            let (mut sum_u, mut sum_l) = (L::splat(0.0), L::splat(0.0));
            for (c, a) in a.into_iter().enumerate() {
                sum_u = sum_u.plus(L::load(&upper[c]).times(a));
                sum_l = sum_l.plus(L::load(&lower[c]).times(a));
            }
            let (sa_u, sa_l) = (L::splat(sum_u.fold()), L::splat(sum_l.fold()));
            let (v_u, v_l) = (L::splat(h.v[2 * i]), L::splat(h.v[2 * i + 1]));
            let (mut sum_u, mut sum_l) = (L::splat(0.0), L::splat(0.0));
            for (c, (u, l)) in upper.iter_mut().zip(lower).enumerate() {
                let [w, b, k, r] =
                    [h.w, h.b, h.k, h.r].map(|x| L::load(&x.as_chunks::<16>().0[c]));
                let next_u = decay_and_write(L::load(u), w, sa_u, b, v_u, k);
                let next_l = decay_and_write(L::load(l), w, sa_l, b, v_l, k);
                next_u.store(u);
                next_l.store(l);
                sum_u = sum_u.plus(next_u.times(r));
                sum_l = sum_l.plus(next_l.times(r));
            }
            y[2 * i] = sum_u.fold();
            y[2 * i + 1] = sum_l.fold();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Path;
    use crate::kernel::scalar::{flush, fold16};
    use proptest::prelude::*;

    /// The definition, one number at a time.
    fn reference(state: &mut [f32; HEAD * HEAD], h: Head<'_>, y: &mut [f32; HEAD]) {
        for i in 0..HEAD {
            let row = &mut state[i * HEAD..][..HEAD];
            let mut sum = [0.0f32; 16];
            for j in 0..HEAD {
                sum[j % 16] += row[j] * h.a[j];
            }
            let sa = fold16(sum);
            let mut sum = [0.0f32; 16];
            for j in 0..HEAD {
                row[j] = flush((row[j] * h.w[j] + sa * h.b[j]) + h.v[i] * h.k[j]);
                sum[j % 16] += row[j] * h.r[j];
            }
            y[i] = fold16(sum);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_path_equals_the_definition(seed in any::<u64>(), exponent in -24i32..4) {
            let mut x = seed | 1;
            let mut next = || {
                x ^= x << 13; x ^= x >> 7; x ^= x << 17;
                ((x % 20_001) as f32 - 10_000.0) * 1e-4 * 10f32.powi(exponent)
            };
            let mut state = [0.0f32; HEAD * HEAD];
            state.iter_mut().for_each(|s| *s = next());
            let [r, w, k, v, a, b] = std::array::from_fn(|_| std::array::from_fn::<f32, HEAD, _>(|_| next()));
            let h = Head { r: &r, w: &w, k: &k, v: &v, a: &a, b: &b };
            let (mut want, mut want_y) = (state, [0.0; HEAD]);
            for _ in 0..3 { reference(&mut want, h, &mut want_y); }
            for path in Path::ALL.into_iter().filter(|p| p.available()) {
                let (mut got, mut y) = (state, [0.0; HEAD]);
                for _ in 0..3 { step(path, &mut got, h, &mut y); }
                prop_assert!(got.map(f32::to_bits) == want.map(f32::to_bits), "{:?}", path);
                prop_assert!(y.map(f32::to_bits) == want_y.map(f32::to_bits), "{:?}", path);
            }
        }
    }
}

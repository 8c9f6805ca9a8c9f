//! The recurrent state of RWKV-7's time mix: one 64 × 64 matrix per head.
//!
//! Source: Peng et al., "RWKV-7 Goose with Expressive Dynamic State Evolution" (2025), eq. 17,
//! in the form of BlinkDL's reference: with value index i and key index j,
//! `sa_i = Σ_j S_ij a_j`, `S_ij = (S_ij w_j + sa_i b_j) + v_i k_j`, `y_i = Σ_j S_ij r_j`.
//!
//! The state is kept by key index, so that the sums over j run down the columns, in order of j,
//! and no register is ever summed across.

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

/// Sixteens of value indices.
const PARTS: usize = HEAD / 16;

/// What the removal key finds in the state: `sa_i = Σ_j S_ij a_j`.
#[inline(always)]
fn found<L: Lanes>(state: &[f32; HEAD * HEAD], a: &[f32; HEAD]) -> [L; PARTS] {
    let mut sa = [L::splat(0.0); PARTS];
    for (row, &a) in state.as_chunks::<HEAD>().0.iter().zip(a) {
        let a = L::splat(a);
        for (sa, part) in sa.iter_mut().zip(row.as_chunks().0) {
            *sa = sa.plus(L::load(part).times(a));
        }
    }
    sa
}

/// Advances `N` sixteens of value indices, from `first` on, and reads them.
#[inline(always)]
fn advance<L: Lanes, const N: usize>(
    state: &mut [f32; HEAD * HEAD],
    h: Head<'_>,
    sa: &[L; PARTS],
    y: &mut [f32; HEAD],
    first: usize,
) {
    // Plain loops: closures here are not inlined into code of another instruction set.
    let mut v = [L::splat(0.0); N];
    for (c, v) in v.iter_mut().enumerate() {
        *v = L::load(&h.v.as_chunks().0[first + c]);
    }
    let mut sum = [L::splat(0.0); N];
    for (j, row) in state.as_chunks_mut::<HEAD>().0.iter_mut().enumerate() {
        let row = row.as_chunks_mut().0;
        let (w, b, k, r) = (L::splat(h.w[j]), L::splat(h.b[j]), L::splat(h.k[j]), L::splat(h.r[j]));
        for c in 0..N {
            let s = &mut row[first + c];
            let next =
                L::load(s).times(w).plus(sa[first + c].times(b)).plus(v[c].times(k)).flushed();
            next.store(s);
            sum[c] = sum[c].plus(next.times(r));
        }
    }
    for (c, sum) in sum.into_iter().enumerate() {
        sum.store(&mut y.as_chunks_mut().0[first + c]);
    }
}

dispatched_lanes! {
    /// Advances `state` (64 rows by key index of 64 values by value index) by one position and
    /// writes the head's output to `y`.
    pub fn step<L>(state: &mut [f32; HEAD * HEAD], h: Head<'_>, y: &mut [f32; HEAD]) {
        let sa = found::<L>(state, h.a);
        // As many at a time as the registers hold.
        if L::MANY {
            advance::<L, PARTS>(state, h, &sa, y, 0);
        } else {
            for first in (0..PARTS).step_by(2) {
                advance::<L, 2>(state, h, &sa, y, first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Path;
    use crate::kernel::scalar::flush;
    use proptest::prelude::*;

    /// The definition, one number at a time.
    fn reference(state: &mut [f32; HEAD * HEAD], h: Head<'_>, y: &mut [f32; HEAD]) {
        for i in 0..HEAD {
            let (mut sa, mut sum) = (0.0f32, 0.0f32);
            for j in 0..HEAD {
                sa += state[j * HEAD + i] * h.a[j];
            }
            for j in 0..HEAD {
                let s = &mut state[j * HEAD + i];
                *s = flush((*s * h.w[j] + sa * h.b[j]) + h.v[i] * h.k[j]);
                sum += *s * h.r[j];
            }
            y[i] = sum;
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

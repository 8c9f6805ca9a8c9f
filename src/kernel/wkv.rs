//! The recurrent state of RWKV-7's time mix: one 64 × 64 matrix per head.
//!
//! Source: Peng et al., "RWKV-7 Goose with Expressive Dynamic State Evolution" (2025), eq. 17,
//! in the form of BlinkDL's reference: with value index i and key index j,
//! `sa_i = Σ_j S_ij a_j`, `S_ij = (S_ij w_j + sa_i b_j) + v_i k_j`, `y_i = Σ_j S_ij r_j`.
//!
//! The state is stored by key index. So the sums over j run down the columns, in order of j, and
//! the values within one register are never added to each other.
//!
//! All elements of a column decay alike. Therefore the decay d_j is stored apart from the column:
//! S_ij = C_ij d_j. Each position scales its four vectors instead of the matrix, and the decays are
//! multiplied into the columns once in `FOLD_INTERVAL` positions.

// Several arrays are walked by one index; naming it keeps the formulas readable.
#![allow(clippy::needless_range_loop)]

use super::dispatched_sixteen;
use super::sixteen::Sixteen;
use super::scalar::recip;

/// Width of a head.
pub const HEAD: usize = 64;
/// Positions after which the decays are multiplied into the columns. A position's decay is above
/// exp(−e^(−1/2)) = 0.545 (`vector::decay`), so after 32 positions the inverse decay that scales the
/// vectors is below 0.545⁻³² < 2²⁹, far from the end of binary32's range.
const FOLD_INTERVAL: u32 = 32;

/// The state of one head. The alignment keeps each sixteen values of a column in one cache line.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub struct WkvState {
    /// C, 64 rows by key index of 64 values by value index.
    columns: [f32; HEAD * HEAD],
    /// d, by key index.
    decays: [f32; HEAD],
    /// Positions since the decays were last multiplied into the columns.
    since_fold: u32,
}

impl WkvState {
    /// The state at the start of a text: all zero.
    pub const EMPTY: WkvState =
        WkvState { columns: [0.0; HEAD * HEAD], decays: [1.0; HEAD], since_fold: 0 };
}

/// The vectors of one head at one position, each of [`HEAD`] values.
#[derive(Debug, Clone, Copy)]
pub struct HeadVectors<'a> {
    /// Receptance: the vector that the state is read with.
    pub r: &'a [f32; HEAD],
    /// Decay, in (0, 1).
    pub w: &'a [f32; HEAD],
    /// Key: the vector that the value is written with.
    pub k: &'a [f32; HEAD],
    /// Value.
    pub v: &'a [f32; HEAD],
    /// Minus the normalised removal key.
    pub a: &'a [f32; HEAD],
    /// The removal key scaled by the in-context learning rate.
    pub b: &'a [f32; HEAD],
}

/// Groups of sixteen value indices.
const PARTS: usize = HEAD / 16;

/// Multiplies the decays into the columns.
#[inline(always)]
fn fold_decays<S: Sixteen>(proof: S::Proof, state: &mut WkvState) {
    for (column, decay) in state.columns.as_chunks_mut::<HEAD>().0.iter_mut().zip(&state.decays) {
        let decay = S::splat(proof, *decay);
        for part in column.as_chunks_mut().0 {
            S::load(proof, part).times(decay).flushed().store(part);
        }
    }
    state.decays = [1.0; HEAD];
    state.since_fold = 0;
}

/// A position's vectors, scaled for C instead of S.
struct Scaled {
    a: [f32; HEAD],
    b: [f32; HEAD],
    k: [f32; HEAD],
    r: [f32; HEAD],
}

/// Multiplies one more position into the decays, and scales the vectors of that position.
#[inline(always)]
fn scale(decays: &mut [f32; HEAD], h: HeadVectors<'_>) -> Scaled {
    let mut s = Scaled { a: [0.0; HEAD], b: [0.0; HEAD], k: [0.0; HEAD], r: [0.0; HEAD] };
    for j in 0..HEAD {
        s.a[j] = h.a[j] * decays[j];
        decays[j] *= h.w[j];
        let inverse = recip(decays[j]);
        s.b[j] = h.b[j] * inverse;
        s.k[j] = h.k[j] * inverse;
        s.r[j] = h.r[j] * decays[j];
    }
    s
}

/// Reads the state with the scaled removal key: `sa_i = Σ_j C_ij a_j`.
#[inline(always)]
fn read_removal_key<S: Sixteen>(
    proof: S::Proof,
    columns: &[f32; HEAD * HEAD],
    a: &[f32; HEAD],
) -> [S; PARTS] {
    let mut sa = [S::splat(proof, 0.0); PARTS];
    for (column, &a) in columns.as_chunks::<HEAD>().0.iter().zip(a) {
        let a = S::splat(proof, a);
        for (sa, part) in sa.iter_mut().zip(column.as_chunks().0) {
            *sa = sa.plus(S::load(proof, part).times(a));
        }
    }
    sa
}

/// Updates `N` groups of sixteen value indices, from group `first` on, and reads their outputs.
#[inline(always)]
fn update_and_read<S: Sixteen, const N: usize>(
    proof: S::Proof,
    columns: &mut [f32; HEAD * HEAD],
    s: &Scaled,
    v: &[f32; HEAD],
    sa: &[S; PARTS],
    y: &mut [f32; HEAD],
    first: usize,
) {
    // Plain loops: closures here are not inlined into code of another instruction set.
    let mut value = [S::splat(proof, 0.0); N];
    for (c, value) in value.iter_mut().enumerate() {
        *value = S::load(proof, &v.as_chunks().0[first + c]);
    }
    let mut sum = [S::splat(proof, 0.0); N];
    for (j, column) in columns.as_chunks_mut::<HEAD>().0.iter_mut().enumerate() {
        let column = column.as_chunks_mut().0;
        let (b, k, r) = (S::splat(proof, s.b[j]), S::splat(proof, s.k[j]), S::splat(proof, s.r[j]));
        for c in 0..N {
            let part = &mut column[first + c];
            let next = S::load(proof, part).plus(sa[first + c].times(b)).plus(value[c].times(k));
            next.store(part);
            sum[c] = sum[c].plus(next.times(r));
        }
    }
    for (c, sum) in sum.into_iter().enumerate() {
        sum.store(&mut y.as_chunks_mut().0[first + c]);
    }
}

dispatched_sixteen! {
    /// Updates the state by one position and writes the head's output to `y`.
    pub fn step<S>(proof, state: &mut WkvState, h: HeadVectors<'_>, y: &mut [f32; HEAD]) {
        if state.since_fold == FOLD_INTERVAL {
            fold_decays::<S>(proof, state);
        }
        state.since_fold += 1;
        let scaled = scale(&mut state.decays, h);
        let columns = &mut state.columns;
        let sa = read_removal_key::<S>(proof, columns, &scaled.a);
        // As many groups at a time as the registers hold sums for.
        if S::MANY {
            update_and_read::<S, PARTS>(proof, columns, &scaled, h.v, &sa, y, 0);
        } else {
            for first in (0..PARTS).step_by(2) {
                update_and_read::<S, 2>(proof, columns, &scaled, h.v, &sa, y, first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Isa;
    use crate::kernel::scalar::flush;
    use proptest::prelude::*;

    /// The definition, one number at a time.
    fn reference(m: &mut WkvState, h: HeadVectors<'_>, y: &mut [f32; HEAD]) {
        if m.since_fold == FOLD_INTERVAL {
            for j in 0..HEAD {
                for i in 0..HEAD {
                    m.columns[j * HEAD + i] = flush(m.columns[j * HEAD + i] * m.decays[j]);
                }
            }
            (m.decays, m.since_fold) = ([1.0; HEAD], 0);
        }
        m.since_fold += 1;
        let before = m.decays;
        for j in 0..HEAD {
            m.decays[j] = before[j] * h.w[j];
        }
        let inverse = m.decays.map(recip);
        for i in 0..HEAD {
            let (mut sa, mut sum) = (0.0f32, 0.0f32);
            for j in 0..HEAD {
                sa += m.columns[j * HEAD + i] * (h.a[j] * before[j]);
            }
            for j in 0..HEAD {
                let c = &mut m.columns[j * HEAD + i];
                *c = (*c + sa * (h.b[j] * inverse[j])) + h.v[i] * (h.k[j] * inverse[j]);
                sum += *c * (h.r[j] * m.decays[j]);
            }
            y[i] = sum;
        }
    }

    /// Numbers up to `most` in magnitude.
    fn numbers(seed: u64, most: f32) -> impl FnMut() -> f32 {
        let mut x = seed | 1;
        move || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            ((x % 20_001) as f32 - 10_000.0) * 1e-4 * most
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(6)))]
        #[test]
        fn every_isa_equals_the_definition(seed in any::<u64>(), exponent in -24i32..4, since_fold in 0..=FOLD_INTERVAL) {
            let mut next = numbers(seed, 10f32.powi(exponent));
            let mut state = WkvState { since_fold, ..WkvState::EMPTY };
            state.columns.iter_mut().for_each(|c| *c = next());
            let [r, k, v, a, b] = std::array::from_fn(|_| std::array::from_fn::<f32, HEAD, _>(|_| next()));
            let w = std::array::from_fn(|j| 0.55 + 0.007 * j as f32);
            let h = HeadVectors { r: &r, w: &w, k: &k, v: &v, a: &a, b: &b };
            let (mut want, mut want_y) = (state.clone(), [0.0; HEAD]);
            for _ in 0..3 { reference(&mut want, h, &mut want_y); }
            for isa in Isa::available() {
                let (mut got, mut y) = (state.clone(), [0.0; HEAD]);
                for _ in 0..3 { step(isa, &mut got, h, &mut y); }
                prop_assert!(got.columns.map(f32::to_bits) == want.columns.map(f32::to_bits), "{:?}", isa);
                prop_assert!(got.decays.map(f32::to_bits) == want.decays.map(f32::to_bits), "{:?}", isa);
                prop_assert!(y.map(f32::to_bits) == want_y.map(f32::to_bits), "{:?}", isa);
            }
        }
    }

    /// Decays kept apart must not change what is computed: RWKV-7's recurrence in binary64.
    #[test]
    fn the_state_is_that_of_the_recurrence() {
        let mut next = numbers(3, 1.0);
        let (mut state, mut want_state) = (WkvState::EMPTY, [[0.0f64; HEAD]; HEAD]);
        for position in 0..100 {
            let [r, k, v] =
                std::array::from_fn(|_| std::array::from_fn::<f32, HEAD, _>(|_| next()));
            let w = std::array::from_fn(|_| 0.78 + 0.22 * next());
            let a: [f32; HEAD] = std::array::from_fn(|_| 0.2 * next());
            let b = a.map(|a| -0.5 * a);
            let mut y = [0.0; HEAD];
            step(
                Isa::detect(),
                &mut state,
                HeadVectors { r: &r, w: &w, k: &k, v: &v, a: &a, b: &b },
                &mut y,
            );
            for (i, row) in want_state.iter_mut().enumerate() {
                let sa: f64 = row.iter().zip(&a).map(|(s, &a)| s * f64::from(a)).sum();
                let mut want = 0.0;
                for j in 0..HEAD {
                    row[j] =
                        row[j] * f64::from(w[j]) + sa * f64::from(b[j]) + f64::from(v[i] * k[j]);
                    want += row[j] * f64::from(r[j]);
                }
                assert!((f64::from(y[i]) - want).abs() < 1e-3, "{position}: {} {want}", y[i]);
            }
        }
    }
}

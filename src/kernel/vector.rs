//! Whole-vector operations of the RWKV-7 forward pass.

// Several arrays are walked by one index; naming it keeps the formulas readable.
#![allow(clippy::needless_range_loop)]

use std::f32::consts::LOG2_E;

use super::sixteen::Sixteen;
use super::scalar::{exp2, logistic, rsqrt, tanh};
use super::{dispatched, dispatched_sixteen};

/// Σ x_j over sixteen strided partial sums. The length is a multiple of 16.
#[inline(always)]
fn sum<S: Sixteen>(proof: S::Proof, x: &[f32]) -> f32 {
    let mut s = S::splat(proof, 0.0);
    for c in x.as_chunks().0 {
        s = s.plus(S::load(proof, c));
    }
    s.fold()
}

/// Normalises `x` to mean 0 and variance 1 and writes it, scaled and shifted, to `y`.
#[inline(always)]
fn normalise<S: Sixteen>(
    proof: S::Proof,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    inverse_len: f32,
    y: &mut [f32],
) {
    let mean = S::splat(proof, sum::<S>(proof, x) * inverse_len);
    let mut s = S::splat(proof, 0.0);
    for (x, y) in x.as_chunks().0.iter().zip(y.as_chunks_mut().0) {
        let d = S::load(proof, x).minus(mean);
        d.store(y);
        s = s.plus(d.times(d));
    }
    let scale = rsqrt(s.fold() * inverse_len + epsilon);
    for ((y, w), b) in y.iter_mut().zip(weight).zip(bias) {
        *y = (*y * scale) * w + b;
    }
}

dispatched_sixteen! {
    /// Layer norm with epsilon 10⁻⁵; `inverse_len` is 1/len rounded to binary32.
    pub fn layer_norm<S>(proof, x: &[f32], weight: &[f32], bias: &[f32], inverse_len: f32, y: &mut [f32]) {
        normalise::<S>(proof, x, weight, bias, 1e-5, inverse_len, y);
    }
}

dispatched_sixteen! {
    /// `y = x/‖x‖`, or zero where ‖x‖² is not between 10⁻²⁴ and 10²⁴.
    pub fn unit<S>(proof, x: &[f32], y: &mut [f32]) {
        let mut s = S::splat(proof, 0.0);
        for x in x.as_chunks().0 {
            let x = S::load(proof, x);
            s = s.plus(x.times(x));
        }
        let total = s.fold();
        if total > 1e-24 && total < 1e24 {
            let scale = rsqrt(total);
            for (y, x) in y.iter_mut().zip(x) {
                *y = x * scale;
            }
        } else {
            y.fill(0.0);
        }
    }
}

/// Sixteen of a head's values.
#[inline(always)]
fn part(x: &[f32; 64], c: usize) -> &[f32; 16] {
    &x.as_chunks().0[c]
}

dispatched_sixteen! {
    /// Group norm over one head of 64 with epsilon 64·10⁻⁵, then the bonus term
    /// `(Σ r·k·r_k) · v`, then the gate.
    pub fn head_output<S>(proof, y: &mut [f32; 64], weight: &[f32; 64], bias: &[f32; 64],
        r: &[f32; 64], k: &[f32; 64], r_k: &[f32; 64], v: &[f32; 64], g: &[f32; 64],
    ) {
        let x = *y;
        normalise::<S>(proof, &x, weight, bias, 64e-5, 1.0 / 64.0, y);
        let mut s = S::splat(proof, 0.0);
        for c in 0..4 {
            let [r, k, r_k] = [part(r, c), part(k, c), part(r_k, c)];
            s = s.plus(S::load(proof, r).times(S::load(proof, k)).times(S::load(proof, r_k)));
        }
        let bonus = s.fold();
        for i in 0..64 {
            y[i] = (y[i] + bonus * v[i]) * g[i];
        }
    }
}

dispatched! {
    /// Token shift: `y = x + (previous − x) · mix`.
    pub fn shift(x: &[f32], previous: &[f32], mix: &[f32], y: &mut [f32]) {
        for (((y, x), p), m) in y.iter_mut().zip(x).zip(previous).zip(mix) {
            *y = x + (p - x) * m;
        }
    }
}

dispatched! {
    /// `x += y`.
    pub fn add(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}

dispatched! {
    /// `x = tanh x`.
    pub fn tanh_all(x: &mut [f32]) {
        for x in x {
            *x = tanh(*x);
        }
    }
}

dispatched! {
    /// `x = σ(x)`.
    pub fn sigmoid_all(x: &mut [f32]) {
        for x in x {
            *x = logistic(*x);
        }
    }
}

dispatched! {
    /// `x = max(x, 0)²`.
    pub fn relu_squared(x: &mut [f32]) {
        for x in x {
            let p = if *x > 0.0 { *x } else { 0.0 };
            *x = p * p;
        }
    }
}

dispatched! {
    /// Decay: `w = exp(−e^(−1/2) · σ(w0 + w))`. The factor is −e^(−1/2) · log₂ e.
    pub fn decay(w: &mut [f32], w0: &[f32]) {
        for (w, w0) in w.iter_mut().zip(w0) {
            *w = exp2(logistic(w0 + *w) * -0.875_038_8);
        }
    }
}

dispatched! {
    /// In-context learning rate: `a = σ(a0 + a)`.
    pub fn biased_sigmoid(a: &mut [f32], a0: &[f32]) {
        for (a, a0) in a.iter_mut().zip(a0) {
            *a = logistic(a0 + *a);
        }
    }
}

dispatched! {
    /// Value residual: `v += (first − v) · σ(v0 + mix)`.
    pub fn value_residual(v: &mut [f32], first: &[f32], mix: &[f32], v0: &[f32]) {
        for (((v, f), m), v0) in v.iter_mut().zip(first).zip(mix).zip(v0) {
            *v += (f - *v) * logistic(v0 + m);
        }
    }
}

dispatched_sixteen! {
    /// One head's keys. From key `k` and learning rate `a`: the removal key
    /// `kk = normalise(k · k_k)`, `minus = −kk`, `scaled = kk · a`, and `k = k · (1 + (a − 1) · k_a)`.
    pub fn keys<S>(proof, k: &mut [f32; 64], a: &[f32; 64], k_k: &[f32; 64], k_a: &[f32; 64],
        minus: &mut [f32; 64], scaled: &mut [f32; 64],
    ) {
        let mut s = S::splat(proof, 0.0);
        for c in 0..4 {
            let kk = S::load(proof, part(k, c)).times(S::load(proof, part(k_k, c)));
            kk.store(&mut minus.as_chunks_mut().0[c]);
            s = s.plus(kk.times(kk));
        }
        let total = s.fold();
        // torch divides by max(‖·‖, 1e-12).
        let scale = rsqrt(if total > 1e-24 { total } else { 1e-24 });
        for i in 0..64 {
            let kk = minus[i] * scale;
            minus[i] = -kk;
            scaled[i] = kk * a[i];
            k[i] *= 1.0 + (a[i] - 1.0) * k_a[i];
        }
    }
}

/// `1 + ⌊eˣ · 2²⁸⌋` for x ≤ 0.
///
/// # Safety
/// `x` must not be greater than 0; it may be NaN.
#[inline(always)]
unsafe fn frequency(x: f32) -> u32 {
    let x = x * LOG2_E;
    // A model of absurd weights may give a NaN. It gets the least frequency.
    let x = if x > -126.0 { x } else { -126.0 };
    // SAFETY: x is in [−126, 0], so `exp2` gives at most 1 and the product is in [0, 2²⁸], which
    // `i32` holds.
    1 + unsafe { (exp2(x) * 268_435_456.0).to_int_unchecked::<i32>() } as u32
}

/// Tokens between two stored sums of frequencies.
pub const SPAN: usize = 8;

dispatched_sixteen! {
    /// Logits to integer frequencies `f_i = 1 + ⌊exp(l_i − max l) · 2²⁸⌋` and the sums
    /// `sums[b] = Σ_{i<8b} f_i`, as many as there are whole spans and one more.
    pub fn frequencies<S>(proof, logits: &[f32], f: &mut [u32], sums: &mut [u64]) {
        let mut most = S::splat(proof, f32::MIN);
        let (chunks, rest) = logits.as_chunks::<16>();
        for c in chunks {
            most = S::load(proof, c).greater(most);
        }
        let mut max = most.greatest();
        for &l in rest {
            max = if l > max { l } else { max };
        }
        for (f, &l) in f.iter_mut().zip(logits) {
            // SAFETY: `max` is no NaN, and no number among the logits is greater.
            *f = unsafe { frequency(l - max) };
        }
        let mut total = 0u64;
        for (sum, f) in sums.iter_mut().zip(f.as_chunks::<SPAN>().0) {
            *sum = total;
            // Eight frequencies are less than 2³², so they may be added as they are.
            total += u64::from(f.iter().sum::<u32>());
        }
        if let Some(sum) = sums.get_mut(logits.len() / SPAN) {
            *sum = total;
        }
    }
}

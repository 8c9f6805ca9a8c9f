//! Elementary functions from `+ − ×`, comparisons and bit operations alone.
//!
//! No division, square root or libm: hardware and libraries round those differently. Each
//! function is branch-free so that loops over it vectorise. FORMAT.md repeats every constant.

use std::f32::consts::LOG2_E;

/// 1.5 · 2²³: adding and subtracting it rounds to the nearest integer, ties to even, for
/// magnitudes below 2²².
const ROUND: f32 = 12_582_912.0;

/// Rounds to the nearest integer, ties to even; |x| < 2²².
#[inline(always)]
pub fn round(x: f32) -> f32 {
    (x + ROUND) - ROUND
}

/// Rounds as [`round`] and returns the integer.
#[inline(always)]
pub fn round_to_i32(x: f32) -> i32 {
    ((x + ROUND).to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32)
}

/// The polynomial with these coefficients, that of the highest power first, by Horner's rule.
#[inline(always)]
fn horner<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut p = coefficients[0];
    for c in &coefficients[1..] {
        p = p * x + c;
    }
    p
}

/// eˣ for x clamped to [−87, 88]; relative error below 2⁻²².
///
/// Cephes' scheme: x = n·ln 2 + r with ln 2 in two parts, a polynomial of degree 6 in r by
/// Horner's rule, and n added to the exponent.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = clamp(x, -87.0, 88.0);
    let n = x * LOG2_E;
    let i = round_to_i32(n);
    let n = round(n);
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let p = horner(
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5],
        r,
    );
    let e = (p * (r * r) + r) + 1.0;
    e * f32::from_bits(((i + 127) << 23) as u32)
}

/// 2ˣ for −126 ≤ x ≤ 127; relative error below 2⁻²². The model's gates and the softmax use it: it is
/// less work than [`exp`], which must reduce its argument by ln 2 in two parts.
///
/// x = n + r with |r| ≤ ½; 2ʳ by the polynomial of degree 5 that has the least relative error
/// (9·10⁻⁸) among those that are 1 at 0, and n added to the exponent.
// Its linear coefficient is near ln 2, and not ln 2.
#[allow(clippy::approx_constant)]
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let n = x + ROUND;
    let r = x - (n - ROUND);
    let p =
        horner([1.326_472_7e-3, 9.671_513e-3, 5.550_733_6e-2, 2.402_224_2e-1, 6.931_47e-1, 1.0], r);
    // The low bits of `n` are its integer; all others, those of ROUND, are shifted out.
    f32::from_bits(p.to_bits().wrapping_add(n.to_bits() << 23))
}

/// 1/x for normal positive x: three Newton steps from a first guess by integer subtraction on the
/// bits. The constant is that of the classic reciprocal approximation; three steps reach a relative
/// error below 3·10⁻⁷ (tested below).
#[inline(always)]
pub fn recip(x: f32) -> f32 {
    let y = f32::from_bits(0x7ef3_11c3_u32.wrapping_sub(x.to_bits()));
    let y = y * (2.0 - x * y);
    let y = y * (2.0 - x * y);
    y * (2.0 - x * y)
}

/// 1/√x for normal positive x: three Newton steps from the well-known first guess 0x5f3759df −
/// bits/2 (Quake III Arena, 1999). The relative error is below 3·10⁻⁷ (tested below).
#[inline(always)]
pub fn rsqrt(x: f32) -> f32 {
    let h = 0.5 * x;
    let y = f32::from_bits(0x5f37_59df_u32.wrapping_sub(x.to_bits() >> 1));
    let y = y * (1.5 - h * (y * y));
    let y = y * (1.5 - h * (y * y));
    y * (1.5 - h * (y * y))
}

/// 1/(1 + e⁻ˣ), x clamped to [−30, 30].
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    recip(1.0 + exp(-clamp(x, -30.0, 30.0)))
}

/// [`sigmoid`] for the model, by [`exp2`].
#[inline(always)]
pub fn logistic(x: f32) -> f32 {
    recip(1.0 + exp2(clamp(x, -30.0, 30.0) * -LOG2_E))
}

/// tanh x = 1 − 2/(e²ˣ + 1), x clamped to [−15, 15].
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 * recip(exp2(clamp(x, -15.0, 15.0) * (2.0 * LOG2_E)) + 1.0)
}

/// ln x for normal positive x: exponent and mantissa apart, mantissa in [√½, √2), Cephes'
/// polynomial of degree 8.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // Subtracting the bits of √½ makes the exponent field roll over exactly there.
    let t = bits.wrapping_sub(0x3f35_04f3);
    let e = (t as i32) >> 23;
    let m = f32::from_bits((t & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let r = m - 1.0;
    let p = horner(
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
        r,
    );
    let z = r * r;
    let n = e as f32;
    let y = (p * r) * z;
    let y = y + n * -2.121_944_4e-4;
    let y = y - 0.5 * z;
    (r + y) + n * 0.693_359_4
}

/// x limited to [lo, hi].
#[inline(always)]
pub fn clamp(x: f32, lo: f32, hi: f32) -> f32 {
    let x = if x < lo { lo } else { x };
    if x > hi { hi } else { x }
}

/// Zero for magnitudes below 2⁻⁶⁰, so that no product of two stored values is denormal.
#[inline(always)]
pub fn flush(x: f32) -> f32 {
    if x.abs() < f32::from_bits((127 - 60) << 23) { 0.0 } else { x }
}

/// The greatest of sixteen partial maxima, none of them NaN. The result does not depend on the
/// order; this order compares whole registers.
#[inline(always)]
pub fn greatest(mut x: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            x[j] = if x[j + half] > x[j] { x[j + half] } else { x[j] };
        }
    }
    x[0]
}

/// Adds sixteen partial sums: 16 → 8 → 4 → 2 → 1, the upper half onto the lower.
#[inline(always)]
pub fn fold16(s: [f32; 16]) -> f32 {
    let mut a = [0.0f32; 8];
    for j in 0..8 {
        a[j] = s[j] + s[j + 8];
    }
    let mut b = [0.0f32; 4];
    for j in 0..4 {
        b[j] = a[j] + a[j + 4];
    }
    (b[0] + b[2]) + (b[1] + b[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(a: f32, b: f64) -> f64 {
        ((a as f64) - b).abs() / b.abs().max(1e-30)
    }

    #[test]
    fn the_greatest_is_found_wherever_it_stands() {
        for place in 0..16 {
            let x = std::array::from_fn(|j| if j == place { -1.0 } else { -2.0 - j as f32 });
            assert_eq!(greatest(x), -1.0);
        }
    }

    #[test]
    fn functions_are_accurate() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            assert!(relative(exp(x), (x as f64).exp()) < 3e-7, "exp {x}");
            assert!((sigmoid(x) as f64 - 1.0 / (1.0 + (-x as f64).exp())).abs() < 2e-7);
            assert!((logistic(x) as f64 - 1.0 / (1.0 + (-x as f64).exp())).abs() < 5e-7);
            assert!((tanh(x) as f64 - (x as f64).tanh()).abs() < 5e-7, "tanh {x}");
        }
        for i in -12_600..12_700 {
            let x = i as f32 / 100.0;
            assert!(relative(exp2(x), (x as f64).exp2()) < 2.4e-7, "exp2 {x}");
        }
        for i in 1..20_000 {
            let x = (i as f32) * (i as f32) * 0.37e-3;
            assert!(relative(recip(x), 1.0 / x as f64) < 3e-7, "recip {x}");
            assert!(relative(rsqrt(x), 1.0 / (x as f64).sqrt()) < 3e-7, "rsqrt {x}");
            assert!((ln(x) as f64 - (x as f64).ln()).abs() < 1e-6, "ln {x}: {}", ln(x));
        }
        assert!((ln(1.8e19) as f64 - 1.8e19f64.ln()).abs() < 1e-5);
    }

    #[test]
    fn rounding_is_to_even() {
        for (x, y) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (126.7, 127)] {
            assert_eq!(round_to_i32(x), y);
            assert_eq!(round(x) as i32, y);
        }
    }

    #[test]
    fn fold_order_is_fixed() {
        let s: [f32; 16] = std::array::from_fn(|j| (j as f32 + 1.0) * 1e7 + 0.1 * j as f32);
        let eight: Vec<f32> = (0..8).map(|j| s[j] + s[j + 8]).collect();
        let four: Vec<f32> = (0..4).map(|j| eight[j] + eight[j + 4]).collect();
        let two: Vec<f32> = (0..2).map(|j| four[j] + four[j + 2]).collect();
        assert_eq!(fold16(s).to_bits(), (two[0] + two[1]).to_bits());
    }
}

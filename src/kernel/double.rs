//! Arithmetic in binary64, from `+ − ×` and bit operations alone, for the numbers of codec records.

/// 1/√x for normal positive x: four Newton steps from the first guess 0x5FE6EB50C7B537A9 − bits/2 (Robertson, "A
/// brief history of InvSqrt", 2012), after which the relative error is below 10⁻¹⁵ (tested below).
#[inline]
pub fn rsqrt(x: f64) -> f64 {
    let h = 0.5 * x;
    let mut y = f64::from_bits(0x5fe6_eb50_c7b5_37a9_u64.wrapping_sub(x.to_bits() >> 1));
    for _ in 0..4 {
        y = y * (1.5 - h * (y * y));
    }
    y
}

#[cfg(test)]
mod tests {
    use super::rsqrt;

    #[test]
    fn it_is_accurate() {
        for i in 1..20_000 {
            let x = f64::from(i) * f64::from(i) * f64::from(i) * 0.37e-3;
            assert!((rsqrt(x) * x.sqrt() - 1.0).abs() < 1e-15, "{x}");
            assert!((rsqrt(1e60 / x) * (1e60 / x).sqrt() - 1.0).abs() < 1e-15, "{x}");
        }
    }
}

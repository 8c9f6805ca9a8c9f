//! Bits of information, the same on every machine: the system's logarithms differ in their last digits.

/// Bits after the point.
const POINT: u32 = 30;

/// The binary logarithm of `n`, which is not 0, rounded down to [`POINT`] bits after the point.
///
/// A number in [1, 2) is squared again and again: each time its square reaches 2, the next bit of its logarithm is 1.
fn log2(n: u64) -> u64 {
    let whole = n.ilog2();
    // 63 bits after the point, so that a square fits 128 bits.
    let mut x = n << (63 - whole);
    let mut result = u64::from(whole);
    for _ in 0..POINT {
        let square = (u128::from(x) * u128::from(x)) >> 63;
        let one = (square >> 64) as u32;
        x = (square >> one) as u64;
        result = result << 1 | u64::from(one);
    }
    result
}

/// The information in bits of something that comes `part` times out of `total`.
pub(super) fn bits(part: u64, total: u64) -> f64 {
    // Both are below 2^36 and their difference is exact.
    (log2(total) - log2(part)) as f64 / f64::from(1u32 << POINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_logarithm() {
        for (part, total) in [(1, 1), (1, 2), (3, 7), (1, 1 << 45), (268_435_457, 1 << 40), (9, 10)]
        {
            let right = (total as f64 / part as f64).log2();
            assert!((bits(part, total) - right).abs() < 3e-9, "{part}/{total}");
        }
    }
}

//! The int8 products of sixteen rows on x86-64.

use std::arch::x86_64::*;

use super::matrix::{QUAD, ROWS, Row, WIDTH};

/// Whether the slices are long enough for what the tiles read and write.
fn check(row: &Row<'_>, x: &[u8], cols: usize, scales: &[f32], y: &[f32], stride: usize) -> bool {
    let width = scales.len();
    (1..=WIDTH).contains(&width)
        && cols >= row.blocks.len() * QUAD
        && x.len() >= width * cols
        && y.len() >= (width - 1) * stride + ROWS
}

/// AVX2: `maddubs` multiplies unsigned activations by signed weights into pairs, `madd` by ones
/// widens the pairs to i32.
pub fn avx2(row: &Row<'_>, x: &[u8], cols: usize, scales: &[f32], y: &mut [f32], stride: usize) {
    assert!(check(row, x, cols, scales, y, stride));
    // SAFETY: only called on a path that was found available, and the lengths were checked.
    unsafe {
        match (row.narrow, scales.len()) {
            (true, 4) => avx2_tile::<4, true>(row, x, cols, scales, y, stride),
            (true, 3) => avx2_tile::<3, true>(row, x, cols, scales, y, stride),
            (true, 2) => avx2_tile::<2, true>(row, x, cols, scales, y, stride),
            (true, _) => avx2_tile::<1, true>(row, x, cols, scales, y, stride),
            (false, 4) => avx2_tile::<4, false>(row, x, cols, scales, y, stride),
            (false, 3) => avx2_tile::<3, false>(row, x, cols, scales, y, stride),
            (false, 2) => avx2_tile::<2, false>(row, x, cols, scales, y, stride),
            (false, _) => avx2_tile::<1, false>(row, x, cols, scales, y, stride),
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn avx2_tile<const N: usize, const NARROW: bool>(
    row: &Row<'_>,
    x: &[u8],
    cols: usize,
    scales: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    let ones = _mm256_set1_epi16(1);
    let flip = _mm256_set1_epi8(-128);
    let mut lo = [_mm256_setzero_si256(); N];
    let mut hi = [_mm256_setzero_si256(); N];
    // Σ w per row, only needed for wide weights.
    let mut weight = [_mm256_setzero_si256(); 2];
    for (q, block) in row.blocks.iter().enumerate() {
        // SAFETY: a block is 64 aligned bytes; the caller checked the activations' length.
        let (w0, w1, a) = unsafe {
            let w = block.0.as_ptr().cast::<__m256i>();
            let a: [__m256i; N] = std::array::from_fn(|i| {
                let at = x.as_ptr().add(i * cols + q * QUAD).cast::<i32>();
                _mm256_set1_epi32(at.read_unaligned())
            });
            (_mm256_load_si256(w), _mm256_load_si256(w.add(1)), a)
        };
        for i in 0..N {
            let (p0, p1) = if NARROW {
                (_mm256_maddubs_epi16(a[i], w0), _mm256_maddubs_epi16(a[i], w1))
            } else {
                // |x| ≤ 127 and |w| ≤ 127 cannot saturate; the sign of x moves to w.
                let signed = _mm256_xor_si256(a[i], flip);
                let size = _mm256_abs_epi8(signed);
                (
                    _mm256_maddubs_epi16(size, _mm256_sign_epi8(w0, signed)),
                    _mm256_maddubs_epi16(size, _mm256_sign_epi8(w1, signed)),
                )
            };
            lo[i] = _mm256_add_epi32(lo[i], _mm256_madd_epi16(p0, ones));
            hi[i] = _mm256_add_epi32(hi[i], _mm256_madd_epi16(p1, ones));
        }
        if !NARROW {
            for (sum, w) in weight.iter_mut().zip([w0, w1]) {
                let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), w);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    // SAFETY: `offsets` and `scales` hold sixteen values; the caller checked `y` and `scales`.
    unsafe {
        let offsets = row.offsets.as_ptr().cast::<__m256i>();
        let mut offset = [_mm256_loadu_si256(offsets), _mm256_loadu_si256(offsets.add(1))];
        if !NARROW {
            // These products are of signed activations: the offset is already out.
            for (offset, sum) in offset.iter_mut().zip(weight) {
                *offset = _mm256_sub_epi32(*offset, _mm256_slli_epi32::<7>(sum));
            }
        }
        let s = row.scales.as_ptr();
        let (s0, s1) = (_mm256_loadu_ps(s), _mm256_loadu_ps(s.add(8)));
        for i in 0..N {
            let scale = _mm256_set1_ps(scales[i]);
            let to = y.as_mut_ptr().add(i * stride);
            let v0 = _mm256_cvtepi32_ps(_mm256_sub_epi32(lo[i], offset[0]));
            let v1 = _mm256_cvtepi32_ps(_mm256_sub_epi32(hi[i], offset[1]));
            _mm256_storeu_ps(to, _mm256_mul_ps(v0, _mm256_mul_ps(scale, s0)));
            _mm256_storeu_ps(to.add(8), _mm256_mul_ps(v1, _mm256_mul_ps(scale, s1)));
        }
    }
}

/// AVX-512 VNNI: `dpbusd` does four products and the sum at once.
pub fn avx512(row: &Row<'_>, x: &[u8], cols: usize, scales: &[f32], y: &mut [f32], stride: usize) {
    assert!(check(row, x, cols, scales, y, stride));
    // SAFETY: as in `avx2`.
    unsafe {
        match scales.len() {
            4 => avx512_tile::<4>(row, x, cols, scales, y, stride),
            3 => avx512_tile::<3>(row, x, cols, scales, y, stride),
            2 => avx512_tile::<2>(row, x, cols, scales, y, stride),
            _ => avx512_tile::<1>(row, x, cols, scales, y, stride),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_tile<const N: usize>(
    row: &Row<'_>,
    x: &[u8],
    cols: usize,
    scales: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    // Two sums per vector, for even and odd blocks, hide the latency of the accumulation.
    let mut sum = [[_mm512_setzero_si512(); 2]; N];
    for (q, block) in row.blocks.iter().enumerate() {
        // SAFETY: a block is 64 aligned bytes; the caller checked the activations' length.
        unsafe {
            let w = _mm512_load_si512(block.0.as_ptr().cast());
            for (i, sum) in sum.iter_mut().enumerate() {
                let at = x.as_ptr().add(i * cols + q * QUAD).cast::<i32>();
                let a = _mm512_set1_epi32(at.read_unaligned());
                sum[q & 1] = _mm512_dpbusd_epi32(sum[q & 1], a, w);
            }
        }
    }
    // SAFETY: `offsets` and `scales` hold sixteen values; the caller checked `y` and `scales`.
    unsafe {
        let offset = _mm512_loadu_si512(row.offsets.as_ptr().cast());
        let s = _mm512_loadu_ps(row.scales.as_ptr());
        for (i, sum) in sum.iter().enumerate() {
            let total = _mm512_sub_epi32(_mm512_add_epi32(sum[0], sum[1]), offset);
            let scale = _mm512_mul_ps(_mm512_set1_ps(scales[i]), s);
            let to = y.as_mut_ptr().add(i * stride);
            _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(total), scale));
        }
    }
}

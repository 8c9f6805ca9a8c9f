//! The int8 products of sixteen rows on x86-64.

use std::arch::x86_64::*;

use super::matrix::{QUAD, ROWS, Row, Rows, WIDTH};

/// Whether the slices are long enough for what the tiles read and write.
fn check(rows: &Rows<'_>, x: &[u8], cols: usize, scales: &[f32], y: &[f32], stride: usize) -> bool {
    let (n, height) = (scales.len(), rows.scales.len());
    rows.offsets.len() == height
        && rows.blocks.len() * ROWS == height * rows.quads
        && cols >= rows.quads * QUAD
        && x.len() >= n * cols
        && (n == 0 || (stride >= height && y.len() >= (n - 1) * stride + height))
}

/// Runs a tile function over all blocks and vectors, [`WIDTH`] vectors at a time.
macro_rules! tiles {
    ($tile:ident $(, $flag:ident)?; $rows:ident, $x:ident, $cols:ident, $scales:ident, $y:ident, $stride:ident) => {
        for (at, row) in $rows.each() {
            for (group, scales) in $scales.chunks(WIDTH).enumerate() {
                let i = group * WIDTH;
                let (x, y) = (&$x[i * $cols..], &mut $y[i * $stride + at..]);
                match scales.len() {
                    4 => $tile::<4 $(, $flag)?>(&row, x, $cols, scales, y, $stride),
                    3 => $tile::<3 $(, $flag)?>(&row, x, $cols, scales, y, $stride),
                    2 => $tile::<2 $(, $flag)?>(&row, x, $cols, scales, y, $stride),
                    _ => $tile::<1 $(, $flag)?>(&row, x, $cols, scales, y, $stride),
                }
            }
        }
    };
}

/// AVX2: `maddubs` multiplies unsigned activations by signed weights into pairs, `madd` by ones
/// widens the pairs to i32.
pub fn avx2(rows: &Rows<'_>, x: &[u8], cols: usize, scales: &[f32], y: &mut [f32], stride: usize) {
    assert!(check(rows, x, cols, scales, y, stride));
    // SAFETY: only called on a path that was found available, and the lengths were checked.
    unsafe {
        if rows.narrow {
            avx2_rows::<true>(rows, x, cols, scales, y, stride);
        } else {
            avx2_rows::<false>(rows, x, cols, scales, y, stride);
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn avx2_rows<const NARROW: bool>(
    rows: &Rows<'_>,
    x: &[u8],
    cols: usize,
    scales: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    // SAFETY: the caller checked the lengths.
    unsafe { tiles!(avx2_tile, NARROW; rows, x, cols, scales, y, stride) }
}

#[inline]
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
    // Sums of the upper and the lower eight rows for each vector.
    let mut sums = [[_mm256_setzero_si256(); N]; 2];
    // SAFETY: the caller checked the activations' length.
    let quad = |q: usize, i: usize| unsafe {
        let at = x.as_ptr().add(i * cols + q * QUAD).cast::<i32>();
        _mm256_set1_epi32(at.read_unaligned())
    };
    let (twos, last) = row.blocks.as_chunks::<2>();
    for (half, [b0, b1]) in twos.iter().enumerate() {
        // One half after the other, so that sums and weights fit the sixteen registers.
        for (h, sums) in sums.iter_mut().enumerate() {
            // SAFETY: a block is 64 aligned bytes.
            let (w0, w1) = unsafe {
                let [w0, w1] = [b0, b1].map(|b| b.0.as_ptr().cast::<__m256i>().add(h));
                (_mm256_load_si256(w0), _mm256_load_si256(w1))
            };
            for (i, sum) in sums.iter_mut().enumerate() {
                let p = _mm256_maddubs_epi16(quad(2 * half, i), w0);
                let r = _mm256_maddubs_epi16(quad(2 * half + 1, i), w1);
                let four = if NARROW {
                    // Four products fit 16 bits: widen once for both blocks.
                    _mm256_madd_epi16(_mm256_add_epi16(p, r), ones)
                } else {
                    _mm256_add_epi32(_mm256_madd_epi16(p, ones), _mm256_madd_epi16(r, ones))
                };
                *sum = _mm256_add_epi32(*sum, four);
            }
        }
    }
    for block in last {
        for (h, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as above.
            let w = unsafe { _mm256_load_si256(block.0.as_ptr().cast::<__m256i>().add(h)) };
            for (i, sum) in sums.iter_mut().enumerate() {
                let p = _mm256_maddubs_epi16(quad(2 * twos.len(), i), w);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(p, ones));
            }
        }
    }
    // SAFETY: `offsets` and `scales` hold sixteen values; the caller checked `y` and `scales`.
    unsafe {
        let offsets = row.offsets.as_ptr().cast::<__m256i>();
        let (o0, o1) = (_mm256_loadu_si256(offsets), _mm256_loadu_si256(offsets.add(1)));
        let s = row.scales.as_ptr();
        let (s0, s1) = (_mm256_loadu_ps(s), _mm256_loadu_ps(s.add(8)));
        for i in 0..N {
            let scale = _mm256_set1_ps(scales[i]);
            let to = y.as_mut_ptr().add(i * stride);
            let v0 = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums[0][i], o0));
            let v1 = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums[1][i], o1));
            _mm256_storeu_ps(to, _mm256_mul_ps(v0, _mm256_mul_ps(scale, s0)));
            _mm256_storeu_ps(to.add(8), _mm256_mul_ps(v1, _mm256_mul_ps(scale, s1)));
        }
    }
}

/// AVX-512 VNNI: `dpbusd` does four products and the sum at once.
pub fn avx512(
    rows: &Rows<'_>,
    x: &[u8],
    cols: usize,
    scales: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    assert!(check(rows, x, cols, scales, y, stride));
    // SAFETY: as in `avx2`.
    unsafe { avx512_rows(rows, x, cols, scales, y, stride) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_rows(
    rows: &Rows<'_>,
    x: &[u8],
    cols: usize,
    scales: &[f32],
    y: &mut [f32],
    stride: usize,
) {
    // SAFETY: the caller checked the lengths.
    unsafe { tiles!(avx512_tile; rows, x, cols, scales, y, stride) }
}

#[inline]
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

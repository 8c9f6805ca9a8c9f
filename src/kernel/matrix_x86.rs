//! The int8 products of one block row on x86-64.

use std::arch::x86_64::*;

use super::matrix::{Block, QUAD, ROWS};

/// AVX2: `maddubs` multiplies unsigned activations by signed weights into pairs, `madd` by ones
/// widens the pairs to i32.
pub fn avx2(
    narrow: bool,
    blocks: &[Block],
    x: &[u8],
    stride: usize,
    width: usize,
    acc: &mut [[i32; ROWS]; 4],
) {
    assert!(width <= 4 && x.len() >= (width - 1) * stride + blocks.len() * QUAD);
    // SAFETY: only called on a path that was found available, and the assertion above covers
    // every activation read.
    unsafe {
        match (narrow, width) {
            (true, 4) => avx2_tile::<4, true>(blocks, x, stride, acc),
            (true, 3) => avx2_tile::<3, true>(blocks, x, stride, acc),
            (true, 2) => avx2_tile::<2, true>(blocks, x, stride, acc),
            (true, _) => avx2_tile::<1, true>(blocks, x, stride, acc),
            (false, 4) => avx2_tile::<4, false>(blocks, x, stride, acc),
            (false, 3) => avx2_tile::<3, false>(blocks, x, stride, acc),
            (false, 2) => avx2_tile::<2, false>(blocks, x, stride, acc),
            (false, _) => avx2_tile::<1, false>(blocks, x, stride, acc),
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn avx2_tile<const N: usize, const NARROW: bool>(
    blocks: &[Block],
    x: &[u8],
    stride: usize,
    acc: &mut [[i32; ROWS]; 4],
) {
    let ones = _mm256_set1_epi16(1);
    let flip = _mm256_set1_epi8(-128);
    let mut lo = [_mm256_setzero_si256(); N];
    let mut hi = [_mm256_setzero_si256(); N];
    for (q, block) in blocks.iter().enumerate() {
        // SAFETY: a block is 64 aligned bytes; the caller checked the activations' length.
        let (w0, w1, a) = unsafe {
            let w = block.0.as_ptr().cast::<__m256i>();
            let a: [__m256i; N] = std::array::from_fn(|i| {
                let at = x.as_ptr().add(i * stride + q * QUAD).cast::<i32>();
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
    }
    if !NARROW {
        // These products are of signed activations; put the offset in that the caller takes out.
        for block in blocks {
            // SAFETY: as above.
            let (w0, w1) = unsafe {
                let w = block.0.as_ptr().cast::<__m256i>();
                (_mm256_load_si256(w), _mm256_load_si256(w.add(1)))
            };
            let sum = |w| {
                let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), w);
                _mm256_slli_epi32::<7>(_mm256_madd_epi16(pairs, ones))
            };
            let (s0, s1) = (sum(w0), sum(w1));
            for i in 0..N {
                lo[i] = _mm256_add_epi32(lo[i], s0);
                hi[i] = _mm256_add_epi32(hi[i], s1);
            }
        }
    }
    for i in 0..N {
        // SAFETY: `acc[i]` holds sixteen i32.
        unsafe {
            let to = acc[i].as_mut_ptr().cast::<__m256i>();
            _mm256_storeu_si256(to, lo[i]);
            _mm256_storeu_si256(to.add(1), hi[i]);
        }
    }
}

/// AVX-512 VNNI: `dpbusd` does four products and the sum at once.
pub fn avx512(
    blocks: &[Block],
    x: &[u8],
    stride: usize,
    width: usize,
    acc: &mut [[i32; ROWS]; 4],
) {
    assert!(width <= 4 && x.len() >= (width - 1) * stride + blocks.len() * QUAD);
    // SAFETY: as in `avx2`.
    unsafe {
        match width {
            4 => avx512_tile::<4>(blocks, x, stride, acc),
            3 => avx512_tile::<3>(blocks, x, stride, acc),
            2 => avx512_tile::<2>(blocks, x, stride, acc),
            _ => avx512_tile::<1>(blocks, x, stride, acc),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_tile<const N: usize>(
    blocks: &[Block],
    x: &[u8],
    stride: usize,
    acc: &mut [[i32; ROWS]; 4],
) {
    // Two sums per vector, for even and odd blocks, hide the latency of the accumulation.
    let mut sum = [[_mm512_setzero_si512(); 2]; N];
    for (q, block) in blocks.iter().enumerate() {
        // SAFETY: a block is 64 aligned bytes; the caller checked the activations' length.
        unsafe {
            let w = _mm512_load_si512(block.0.as_ptr().cast());
            for (i, sum) in sum.iter_mut().enumerate() {
                let at = x.as_ptr().add(i * stride + q * QUAD).cast::<i32>();
                let a = _mm512_set1_epi32(at.read_unaligned());
                sum[q & 1] = _mm512_dpbusd_epi32(sum[q & 1], a, w);
            }
        }
    }
    for i in 0..N {
        // SAFETY: `acc[i]` holds sixteen i32.
        unsafe {
            let total = _mm512_add_epi32(sum[i][0], sum[i][1]);
            _mm512_storeu_si512(acc[i].as_mut_ptr().cast(), total);
        }
    }
}

//! The int8 products with sparse vectors on x86-64.

use std::arch::x86_64::*;

use super::matrix::{Block, ROWS};
use super::sparse::{Columns, NonZeroQuad, Sparse};

/// Runs a tile function over all blocks of rows, at each step for the first of these numbers of blocks that are left.
macro_rules! tiles {
    ($tile:ident: $($tall:literal)*; $columns:ident, $x:ident, $y:ident) => {
        let mut first = 0;
        while first < $columns.tall() {
            let (left, y) = ($columns.tall() - first, &mut $y[first * ROWS..]);
            $(if left >= $tall {
                $tile::<$tall>($columns, first, $x, y);
                first += $tall;
                continue;
            })*
        }
    };
}

/// The four values of an quad in every place of a register.
#[inline(always)]
fn splat(quad: &NonZeroQuad) -> i32 {
    i32::from_le_bytes(quad.values)
}

/// AVX2: `maddubs` multiplies and adds pairs, two of which fit 16 bits (4 · 63 · 127 < 2¹⁵); `madd`
/// by ones widens them to i32.
#[target_feature(enable = "avx2")]
pub fn avx2(columns: &Columns, x: &Sparse, y: &mut [f32]) {
    assert!(y.len() == columns.rows());
    tiles!(avx2_tile: 3 2 1; columns, x, y);
}

/// `y` begins with room for `B` blocks of rows, of which `first` is the first.
#[inline]
#[target_feature(enable = "avx2")]
fn avx2_tile<const B: usize>(columns: &Columns, first: usize, x: &Sparse, y: &mut [f32]) {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); 2]; B];
    let blocks = |quad: &NonZeroQuad| columns.blocks_of(quad)[first..][..B].as_ptr();
    // SAFETY: `blocks` checked that there are B; a block is 64 aligned bytes.
    let load = |block: *const Block, b: usize, half: usize| unsafe {
        _mm256_load_si256(block.add(b).cast::<__m256i>().add(half))
    };
    let (twos, last) = x.quads().as_chunks::<2>();
    for [e0, e1] in twos {
        let (x0, x1) = (_mm256_set1_epi32(splat(e0)), _mm256_set1_epi32(splat(e1)));
        let (b0, b1) = (blocks(e0), blocks(e1));
        for (b, sums) in sums.iter_mut().enumerate() {
            for (half, sum) in sums.iter_mut().enumerate() {
                let p = _mm256_maddubs_epi16(x0, load(b0, b, half));
                let r = _mm256_maddubs_epi16(x1, load(b1, b, half));
                let four = _mm256_madd_epi16(_mm256_add_epi16(p, r), ones);
                *sum = _mm256_add_epi32(*sum, four);
            }
        }
    }
    for quad in last {
        let (x, at) = (_mm256_set1_epi32(splat(quad)), blocks(quad));
        for (b, sums) in sums.iter_mut().enumerate() {
            for (half, sum) in sums.iter_mut().enumerate() {
                let p = _mm256_maddubs_epi16(x, load(at, b, half));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(p, ones));
            }
        }
    }
    let scale = _mm256_set1_ps(x.scale());
    for (b, (sums, y)) in sums.iter().zip(y.as_chunks_mut::<ROWS>().0).enumerate() {
        let scales = columns.scales_of(first + b);
        for (half, &sum) in sums.iter().enumerate() {
            // SAFETY: `scales` and `y` are arrays of sixteen values: two registers.
            unsafe {
                let scale = _mm256_mul_ps(scale, _mm256_loadu_ps(scales.as_ptr().add(8 * half)));
                let product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);
                _mm256_storeu_ps(y.as_mut_ptr().add(8 * half), product);
            }
        }
    }
}

/// AVX-512 VNNI: `dpbusd` does four products and the sum at once.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub fn avx512(columns: &Columns, x: &Sparse, y: &mut [f32]) {
    assert!(y.len() == columns.rows());
    tiles!(avx512_tile: 8 4 2 1; columns, x, y);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn avx512_tile<const B: usize>(columns: &Columns, first: usize, x: &Sparse, y: &mut [f32]) {
    // Two sums per block, for even and odd quads, hide the latency of the accumulation.
    let mut even = [_mm512_setzero_si512(); B];
    let mut odd = even;
    let add = |sums: &mut [__m512i; B], quad: &NonZeroQuad| {
        let values = _mm512_set1_epi32(splat(quad));
        for (sum, block) in sums.iter_mut().zip(&columns.blocks_of(quad)[first..][..B]) {
            // SAFETY: a block is 64 aligned bytes.
            let w = unsafe { _mm512_load_si512(block.0.as_ptr().cast()) };
            *sum = _mm512_dpbusd_epi32(*sum, values, w);
        }
    };
    let (twos, last) = x.quads().as_chunks::<2>();
    for [e0, e1] in twos {
        add(&mut even, e0);
        add(&mut odd, e1);
    }
    for quad in last {
        add(&mut even, quad);
    }
    let scale = _mm512_set1_ps(x.scale());
    for (b, y) in y.as_chunks_mut::<ROWS>().0.iter_mut().take(B).enumerate() {
        // SAFETY: the scales and `y` are arrays of sixteen values: one register.
        unsafe {
            let scale =
                _mm512_mul_ps(scale, _mm512_loadu_ps(columns.scales_of(first + b).as_ptr()));
            let total = _mm512_cvtepi32_ps(_mm512_add_epi32(even[b], odd[b]));
            _mm512_storeu_ps(y.as_mut_ptr(), _mm512_mul_ps(total, scale));
        }
    }
}

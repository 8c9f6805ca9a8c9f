//! The int8 products of sixteen rows on x86-64.

use std::arch::x86_64::*;

use super::matrix::{Block, QUAD, ROWS, Row, Rows, Vectors, WIDTH};

/// Says whether the slices are long enough for what the tiles read and write.
fn check(rows: &Rows<'_>, x: &Vectors<'_>, y: &[f32], stride: usize) -> bool {
    let (n, height) = (x.scales.len(), rows.scales.len());
    rows.offsets.len() == height
        && rows.blocks.len() * ROWS == height * rows.quads
        && x.cols >= rows.quads * QUAD
        && x.data.len() >= n * x.cols
        && (n == 0 || (stride >= height && y.len() >= (n - 1) * stride + height))
}

/// Runs a tile function for all vectors, [`WIDTH`] at a time, on rows whose outputs begin at `at`.
macro_rules! tiles {
    ($tile:ident, $flag:ident; $rows:expr, $at:ident, $x:ident, $y:ident, $stride:ident) => {
        for (group, x) in $x.groups().enumerate() {
            let y = &mut $y[group * WIDTH * $stride + $at..];
            match x.scales.len() {
                4 => $tile::<4, $flag>($rows, x, y, $stride),
                3 => $tile::<3, $flag>($rows, x, y, $stride),
                2 => $tile::<2, $flag>($rows, x, y, $stride),
                _ => $tile::<1, $flag>($rows, x, y, $stride),
            }
        }
    };
}

/// AVX2: `maddubs` multiplies unsigned activations by signed weights into pairs, `madd` by ones
/// widens the pairs to i32.
#[target_feature(enable = "avx2")]
pub fn avx2(rows: &Rows<'_>, x: Vectors<'_>, y: &mut [f32], stride: usize) {
    assert!(check(rows, &x, y, stride));
    // SAFETY: the lengths were checked.
    unsafe {
        if rows.narrow {
            avx2_rows::<true>(rows, x, y, stride);
        } else {
            avx2_rows::<false>(rows, x, y, stride);
        }
    }
}

/// All vectors for all block rows. `NARROW` is that of the matrix.
///
/// # Safety
/// The lengths must be those that [`check`] asks for.
#[target_feature(enable = "avx2")]
unsafe fn avx2_rows<const NARROW: bool>(
    rows: &Rows<'_>,
    x: Vectors<'_>,
    y: &mut [f32],
    stride: usize,
) {
    // SAFETY: the caller checked the lengths, and each block row is within them.
    unsafe {
        for (at, row) in rows.each() {
            tiles!(avx2_tile, NARROW; &row, at, x, y, stride);
        }
    }
}

/// One block row times `N` vectors; `y` begins with its outputs.
///
/// # Safety
/// Each of the `N` vectors must have [`QUAD`] bytes for each block of the row, and `y` room for
/// `(N − 1) · stride` values and [`ROWS`] more.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn avx2_tile<const N: usize, const NARROW: bool>(
    row: &Row<'_>,
    x: Vectors<'_>,
    y: &mut [f32],
    stride: usize,
) {
    let ones = _mm256_set1_epi16(1);
    // SAFETY: the caller checked the activations' length.
    let quad = |q: usize, i: usize| unsafe {
        let at = x.data.as_ptr().add(i * x.cols + q * QUAD).cast::<i32>();
        _mm256_set1_epi32(at.read_unaligned())
    };
    // SAFETY: a block is 64 aligned bytes.
    let halves = |block: &Block| unsafe {
        let at = block.0.as_ptr().cast::<__m256i>();
        [_mm256_load_si256(at), _mm256_load_si256(at.add(1))]
    };
    // Sums of the upper and the lower eight rows for each vector.
    let mut sums = [[_mm256_setzero_si256(); 2]; N];
    let (twos, last) = row.blocks.as_chunks::<2>();
    for (two, [b0, b1]) in twos.iter().enumerate() {
        let (w0, w1) = (halves(b0), halves(b1));
        for (i, sums) in sums.iter_mut().enumerate() {
            let (x0, x1) = (quad(2 * two, i), quad(2 * two + 1, i));
            for (half, sum) in sums.iter_mut().enumerate() {
                let p = _mm256_maddubs_epi16(x0, w0[half]);
                let r = _mm256_maddubs_epi16(x1, w1[half]);
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
        let w = halves(block);
        for (i, sums) in sums.iter_mut().enumerate() {
            let x = quad(2 * twos.len(), i);
            for (half, sum) in sums.iter_mut().enumerate() {
                let p = _mm256_maddubs_epi16(x, w[half]);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(p, ones));
            }
        }
    }
    // SAFETY: `offsets` and `scales` hold sixteen values; the caller checked `y`.
    unsafe {
        for half in 0..2 {
            let offsets = _mm256_loadu_si256(row.offsets.as_ptr().cast::<__m256i>().add(half));
            let scales = _mm256_loadu_ps(row.scales.as_ptr().add(8 * half));
            for (i, sums) in sums.iter().enumerate() {
                let total = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums[half], offsets));
                let scale = _mm256_mul_ps(_mm256_set1_ps(x.scales[i]), scales);
                let to = y.as_mut_ptr().add(i * stride + 8 * half);
                _mm256_storeu_ps(to, _mm256_mul_ps(total, scale));
            }
        }
    }
}

/// AVX-512 VNNI: `dpbusd` does four products and the sum at once.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub fn avx512(rows: &Rows<'_>, x: Vectors<'_>, y: &mut [f32], stride: usize) {
    assert!(check(rows, &x, y, stride));
    // SAFETY: the lengths were checked.
    unsafe { avx512_rows(rows, x, y, stride) }
}

/// All vectors for all block rows.
///
/// # Safety
/// The lengths must be those that [`check`] asks for.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_rows(rows: &Rows<'_>, x: Vectors<'_>, y: &mut [f32], stride: usize) {
    // SAFETY: the caller checked the lengths, and each block row is within them.
    unsafe {
        let mut each = rows.each();
        while let Some((at, row)) = each.next() {
            match each.next() {
                Some((_, below)) => avx512_some(&[row, below], at, x, y, stride),
                None => avx512_some(&[row], at, x, y, stride),
            }
        }
    }
}

/// All vectors for these block rows, whose outputs begin at `at`.
///
/// # Safety
/// The lengths must be those that [`check`] asks for, for a matrix that has these rows at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_some<const H: usize>(
    rows: &[Row<'_>; H],
    at: usize,
    x: Vectors<'_>,
    y: &mut [f32],
    stride: usize,
) {
    // SAFETY: as in `avx512_rows`.
    unsafe { tiles!(avx512_tile, H; rows, at, x, y, stride) }
}

/// `H` block rows times `N` vectors. Each load of a vector serves all the rows, and each load of a
/// row serves all the vectors.
///
/// # Safety
/// All rows must have the same number of blocks. Each of the `N` vectors must have [`QUAD`] bytes
/// for each of these, and `y` room for `(N − 1) · stride` values and `H` · [`ROWS`] more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512_tile<const N: usize, const H: usize>(
    rows: &[Row<'_>; H],
    x: Vectors<'_>,
    y: &mut [f32],
    stride: usize,
) {
    let quads = rows[0].blocks.len();
    // Separate sums of the even and of the odd quads hide the latency of the accumulation. They are
    // two variables, because an array indexed at run time would live in memory.
    let mut even = [[_mm512_setzero_si512(); H]; N];
    let mut odd = even;
    // SAFETY: a block is 64 aligned bytes, every row has `quads` of them; the caller checked the activations' length.
    let add = |sums: &mut [[__m512i; H]; N], q: usize| unsafe {
        let w: [__m512i; H] =
            std::array::from_fn(|h| _mm512_load_si512(rows[h].blocks.as_ptr().add(q).cast()));
        for (i, sums) in sums.iter_mut().enumerate() {
            let at = x.data.as_ptr().add(i * x.cols + q * QUAD).cast::<i32>();
            let a = _mm512_set1_epi32(at.read_unaligned());
            for (sum, &w) in sums.iter_mut().zip(&w) {
                *sum = _mm512_dpbusd_epi32(*sum, a, w);
            }
        }
    };
    for two in 0..quads / 2 {
        add(&mut even, 2 * two);
        add(&mut odd, 2 * two + 1);
    }
    if quads % 2 == 1 {
        add(&mut even, quads - 1);
    }
    // SAFETY: `offsets` and `scales` hold sixteen values; the caller checked `y`.
    unsafe {
        for (h, row) in rows.iter().enumerate() {
            let offset = _mm512_loadu_si512(row.offsets.as_ptr().cast());
            let s = _mm512_loadu_ps(row.scales.as_ptr());
            for i in 0..N {
                let total = _mm512_sub_epi32(_mm512_add_epi32(even[i][h], odd[i][h]), offset);
                let scale = _mm512_mul_ps(_mm512_set1_ps(x.scales[i]), s);
                let to = y.as_mut_ptr().add(i * stride + h * ROWS);
                _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(total), scale));
            }
        }
    }
}

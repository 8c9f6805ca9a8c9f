//! int8 matrix × vectors, exact in i32, scaled to binary32 at the end.
//!
//! A weight matrix is packed once into blocks of 16 rows × 4 columns (64 bytes): one AVX-512
//! register, two of AVX2, four of NEON. A block row is read once for several vectors, so that
//! lanes (or positions) in flight share the cost of loading weights.
//!
//! Vector elements have 7 bits and are stored unsigned, with 64 added, because `maddubs` and
//! `dpbusd` multiply unsigned by signed bytes. The constant `64·Σ w` of each row corrects the sum
//! `Σ (x+64)·w`. With 8 bits `maddubs` could saturate, and AVX2 would have to widen every product
//! on its own; the eighth bit is not worth that.

use std::ops::Range;

use super::isa::Products;
use super::scalar::{recip, round_to_i32};
use super::{Isa, dispatched_sixteen};

/// Rows of a block.
pub const ROWS: usize = 16;
/// Columns of a block.
pub const QUAD: usize = 4;
/// Most columns a matrix may have: 127 · 127 · 2¹⁵ stays inside i32.
pub const MAX_COLS: usize = 1 << 15;
/// The bias that is added to a quantised value to make it unsigned.
pub(super) const BIAS: i32 = 64;
/// The greatest weight of a narrow matrix. Four products of its weights and activations fit 16 bits
/// (4 · 127 · 63 < 2¹⁵), which halves the widening that AVX2 has to do.
const NARROW: i8 = 63;

/// Sixteen rows × four columns of weights, cache-line aligned.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Block(pub [i8; ROWS * QUAD]);

/// A packed int8 matrix with one scale per row.
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    narrow: bool,
    blocks: Vec<Block>,
    scales: Vec<f32>,
    offsets: Vec<i32>,
}

impl Matrix {
    /// Packs `rows × cols` row-major weights in [−127, 127] with `rows` scales. `order` gives the
    /// source row of each packed row, which lets a vocabulary be stored in byte order.
    ///
    /// # Panics
    /// If lengths disagree or `cols` exceeds [`MAX_COLS`]; loaders check first.
    pub fn pack(cols: usize, weights: &[i8], scales: &[f32], order: Option<&[u32]>) -> Self {
        let rows = scales.len();
        assert!(cols <= MAX_COLS && weights.len() == rows * cols);
        let (tall, quads) = (rows.div_ceil(ROWS), cols.div_ceil(QUAD));
        let source = |r: usize| order.map_or(r, |o| o[r] as usize);
        let mut blocks = vec![Block([0; ROWS * QUAD]); tall * quads];
        let mut offsets = vec![0i32; tall * ROWS];
        let mut packed_scales = vec![0f32; tall * ROWS];
        let mut widest = 0;
        for r in 0..rows {
            let row = &weights[source(r) * cols..][..cols];
            for (c, &w) in row.iter().enumerate() {
                blocks[(r / ROWS) * quads + c / QUAD].0[(r % ROWS) * QUAD + c % QUAD] = w;
                widest = widest.max(w.unsigned_abs());
            }
            offsets[r] = BIAS * row.iter().map(|&w| i32::from(w)).sum::<i32>();
            packed_scales[r] = scales[source(r)];
        }
        let narrow = widest <= NARROW as u8;
        Matrix { rows, cols, narrow, blocks, scales: packed_scales, offsets }
    }

    /// Number of outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes held in memory.
    pub fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>() + self.scales.len() * 8
    }

    /// Number of blocks of [`ROWS`] rows; the last one may be incomplete.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// The rows of these blocks.
    pub fn rows_of(&self, blocks: Range<usize>) -> Range<usize> {
        (blocks.start * ROWS).min(self.rows)..(blocks.end * ROWS).min(self.rows)
    }

    /// `y[i·stride + row] = Σ_col weight[row, col] · x[i, col]` for the first `n` vectors.
    ///
    /// # Panics
    /// If `x` or `y` is too short for `n` vectors.
    pub fn apply(&self, isa: Isa, x: &Quantised, n: usize, y: &mut [f32], stride: usize) {
        self.apply_blocks(isa, 0..self.blocks(), x, n, y, stride);
    }

    /// [`apply`](Self::apply) for the rows of some blocks alone; `y` begins with the first of them.
    ///
    /// # Panics
    /// If `x` or `y` is too short for `n` vectors, or there are no such blocks.
    pub fn apply_blocks(
        &self,
        isa: Isa,
        blocks: Range<usize>,
        x: &Quantised,
        n: usize,
        y: &mut [f32],
        stride: usize,
    ) {
        let height = self.rows_of(blocks.clone()).len();
        assert!(x.cols == self.cols.next_multiple_of(QUAD) && n <= x.scales.len());
        assert!(n == 0 || (stride >= height && y.len() >= (n - 1) * stride + height));
        let x = Vectors { data: &x.data[..n * x.cols], cols: x.cols, scales: &x.scales[..n] };
        // Complete blocks of rows write to `y` directly. The output of a last, incomplete block is
        // copied.
        let whole = blocks.start..blocks.start + height / ROWS;
        if n > 0 {
            self.some_rows(whole.clone()).apply(isa, x, y, stride);
        }
        if whole.len() * ROWS < height {
            let last = self.some_rows(whole.end..whole.end + 1);
            let mut part = [0.0; ROWS];
            for (i, (data, scale)) in x.each().enumerate() {
                let one = Vectors { data, cols: x.cols, scales: &[scale] };
                last.apply(isa, one, &mut part, ROWS);
                let to = &mut y[i * stride..][whole.len() * ROWS..height];
                to.copy_from_slice(&part[..height % ROWS]);
            }
        }
    }

    /// These blocks of rows.
    fn some_rows(&self, blocks: Range<usize>) -> Rows<'_> {
        let quads = self.cols.div_ceil(QUAD);
        let values = blocks.start * ROWS..blocks.end * ROWS;
        Rows {
            narrow: self.narrow,
            quads,
            blocks: &self.blocks[blocks.start * quads..blocks.end * quads],
            scales: &self.scales[values.clone()],
            offsets: &self.offsets[values],
        }
    }
}

/// Vectors that share one pass over a block row. The sixteen registers of AVX2 hold the sums of this
/// many.
pub(super) const WIDTH: usize = 4;

/// Quantised vectors as the kernels read them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vectors<'a> {
    /// Bytes of one vector after the other.
    pub data: &'a [u8],
    /// Bytes of one vector.
    pub cols: usize,
    pub scales: &'a [f32],
}

impl<'a> Vectors<'a> {
    /// The vectors one at a time, each with its scale.
    #[inline(always)]
    pub(super) fn each(self) -> impl Iterator<Item = (&'a [u8], f32)> {
        self.data.chunks_exact(self.cols).zip(self.scales.iter().copied())
    }

    /// The vectors [`WIDTH`] at a time; the last group may be smaller.
    #[inline(always)]
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub(super) fn groups(self) -> impl Iterator<Item = Self> {
        let cols = self.cols;
        let parts = self.data.chunks(WIDTH * cols).zip(self.scales.chunks(WIDTH));
        parts.map(move |(data, scales)| Vectors { data, cols, scales })
    }
}

/// Some blocks of sixteen rows of a matrix.
pub(super) struct Rows<'a> {
    /// Says whether four products fit 16 bits.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub narrow: bool,
    /// Blocks side by side in one row of them.
    pub quads: usize,
    pub blocks: &'a [Block],
    pub scales: &'a [f32],
    pub offsets: &'a [i32],
}

/// One block of sixteen rows.
pub(super) struct Row<'a> {
    pub blocks: &'a [Block],
    pub scales: &'a [f32; ROWS],
    pub offsets: &'a [i32; ROWS],
}

impl<'a> Rows<'a> {
    /// `y[i·stride + r] = (acc − offset[r]) as f32 · (scales[i] · scale[r])` for every vector i.
    fn apply(&self, isa: Isa, x: Vectors<'_>, y: &mut [f32], stride: usize) {
        match isa.products() {
            Products::Portable => portable(self, x, y, stride),
            // SAFETY: an `Isa` with these products is made only where the processor was found to
            // have the features that the function enables.
            #[cfg(target_arch = "aarch64")]
            Products::NeonDot => unsafe { super::matrix_neon::products(self, x, y, stride) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Products::Avx2 => unsafe { super::matrix_x86::avx2(self, x, y, stride) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Products::Avx512Vnni => unsafe { super::matrix_x86::avx512(self, x, y, stride) },
        }
    }

    /// The blocks one after the other, and where in an output each begins.
    #[inline(always)]
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, Row<'a>)> {
        let parts = self.blocks.chunks_exact(self.quads);
        let (scales, offsets) = (self.scales.as_chunks().0, self.offsets.as_chunks().0);
        parts
            .zip(scales)
            .zip(offsets)
            .enumerate()
            .map(|(b, ((blocks, scales), offsets))| (b * ROWS, Row { blocks, scales, offsets }))
    }
}

impl Row<'_> {
    /// The last step for one vector, from its exact sums.
    #[inline(always)]
    pub(super) fn finish(&self, acc: &[i32; ROWS], scale: f32, y: &mut [f32]) {
        for (r, y) in y[..ROWS].iter_mut().enumerate() {
            *y = ((acc[r] - self.offsets[r]) as f32) * (scale * self.scales[r]);
        }
    }
}

/// The reference: plain integer arithmetic.
fn portable(rows: &Rows<'_>, x: Vectors<'_>, y: &mut [f32], stride: usize) {
    for (at, row) in rows.each() {
        for (i, (x, scale)) in x.each().enumerate() {
            let mut acc = [0i32; ROWS];
            for (block, x) in row.blocks.iter().zip(x.as_chunks::<QUAD>().0) {
                for (acc, w) in acc.iter_mut().zip(block.0.as_chunks::<QUAD>().0) {
                    for (&x, &w) in x.iter().zip(w) {
                        *acc += i32::from(x) * i32::from(w);
                    }
                }
            }
            row.finish(&acc, scale, &mut y[i * stride + at..]);
        }
    }
}

/// Several vectors as int8 with one scale each, ready for [`Matrix::apply`].
#[derive(Debug, Clone)]
pub struct Quantised {
    cols: usize,
    data: Vec<u8>,
    scales: Vec<f32>,
}

impl Quantised {
    /// Room for `n` vectors of `cols` values.
    pub fn new(n: usize, cols: usize) -> Self {
        let cols = cols.next_multiple_of(QUAD);
        Quantised { cols, data: vec![BIAS as u8; n * cols], scales: vec![0.0; n] }
    }

    /// Bytes that [`Quantised::new`] takes.
    pub fn bytes_for(n: usize, cols: usize) -> usize {
        n * (cols.next_multiple_of(QUAD) + size_of::<f32>())
    }

    /// Bytes held in memory.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + size_of_val(&self.scales[..])
    }

    /// Changes the length of the vectors within the memory it has; contents are lost.
    ///
    /// # Panics
    /// If the vectors do not fit the memory given by [`Quantised::new`].
    pub fn resize(&mut self, cols: usize) {
        let cols = cols.next_multiple_of(QUAD);
        assert!(self.scales.len() * cols <= self.data.len());
        // Padding columns meet zero weights, so what they hold does not matter.
        self.cols = cols;
    }

    /// Copies the first `n` vectors of another.
    ///
    /// # Panics
    /// If they do not fit the memory given by [`Quantised::new`].
    pub fn copy_from(&mut self, other: &Quantised, n: usize) {
        self.resize(other.cols);
        let used = n * other.cols;
        self.data[..used].copy_from_slice(&other.data[..used]);
        self.scales[..n].copy_from_slice(&other.scales[..n]);
    }

    /// Quantises `x` into place `i`: `s = max|x| · (1/63)`, `q = round_half_even(x · recip(s))`.
    ///
    /// # Panics
    /// If there is no place `i` or `x` is longer than the vectors.
    pub fn set(&mut self, isa: Isa, i: usize, x: &[f32]) {
        self.scales[i] = quantise(isa, x, &mut self.data[i * self.cols..][..x.len()]);
    }
}

dispatched_sixteen! {
    /// Quantises a vector to bytes with 64 added and returns its scale.
    pub(super) fn quantise<S>(proof, x: &[f32], q: &mut [u8]) -> f32 {
        let mut most = S::splat(proof, 0.0);
        let (chunks, rest) = x.as_chunks::<16>();
        for c in chunks {
            most = S::load(proof, c).magnitude().greater(most);
        }
        let mut max = most.greatest();
        for x in rest {
            max = if x.abs() > max { x.abs() } else { max };
        }
        // A vector this small is quantised to zero. The bound keeps the scale's reciprocal finite.
        if max < 1e-30 {
            q.fill(BIAS as u8);
            return 0.0;
        }
        let scale = max * (1.0 / 63.0);
        let inverse = recip(scale);
        for (q, &x) in q.iter_mut().zip(x) {
            *q = (round_to_i32(x * inverse) + BIAS) as u8;
        }
        scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reference(cols: usize, w: &[i8], s: &[f32], q: &[i32], sx: f32) -> Vec<f32> {
        (0..s.len())
            .map(|r| {
                let acc: i32 = (0..cols).map(|c| q[c] * i32::from(w[r * cols + c])).sum();
                acc as f32 * (sx * s[r])
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_isa_equals_the_definition(
            rows in 1usize..70, cols in 1usize..200, n in 1usize..9, limit in prop_oneof![Just(63i8), Just(127)],
            seed in any::<u64>(), extreme in any::<bool>(),
        ) {
            let mut s = seed | 1;
            let mut next = || { s ^= s << 13; s ^= s >> 7; s ^= s << 17; s };
            let w: Vec<i8> = (0..rows * cols).map(|_| {
                let span = 2 * limit as i64 + 1;
                if extreme { if next() % 2 == 0 { limit } else { -limit } }
                else { ((next() % span as u64) as i64 - limit as i64) as i8 }
            }).collect();
            let scales: Vec<f32> = (0..rows).map(|_| (next() % 1000) as f32 * 1e-4 + 1e-5).collect();
            let xs: Vec<Vec<f32>> = (0..n).map(|_| (0..cols).map(|_| {
                let v = (next() % 20001) as f32 - 10000.0;
                if extreme { v.signum() * 3.0 } else { v * 1e-3 }
            }).collect()).collect();
            let m = Matrix::pack(cols, &w, &scales, None);
            for isa in Isa::available() {
                let mut q = Quantised::new(n, cols);
                for (i, x) in xs.iter().enumerate() { q.set(isa, i, x); }
                let mut y = vec![0.0; n * rows];
                // In two parts, the blocks before some place and those from it on.
                let cut = next() as usize % (m.blocks() + 1);
                let below = m.rows_of(cut..m.blocks()).start;
                m.apply_blocks(isa, 0..cut, &q, n, &mut y, rows);
                m.apply_blocks(isa, cut..m.blocks(), &q, n, &mut y[below..], rows);
                let mut whole = vec![0.0; n * rows];
                m.apply(isa, &q, n, &mut whole, rows);
                prop_assert_eq!(&y, &whole);
                for i in 0..n {
                    let ints: Vec<i32> = q.data[i * q.cols..][..cols].iter().map(|&b| i32::from(b) - BIAS).collect();
                    prop_assert!(ints.iter().all(|v| v.abs() <= 63));
                    let want = reference(cols, &w, &scales, &ints, q.scales[i]);
                    for r in 0..rows {
                        prop_assert_eq!(y[i * rows + r].to_bits(), want[r].to_bits(), "{:?} {} {}", isa, i, r);
                    }
                }
            }
        }
    }

    #[test]
    fn a_zero_vector_has_scale_zero() {
        let mut q = Quantised::new(1, 5);
        q.set(Isa::portable(), 0, &[0.0; 5]);
        assert_eq!(q.scales[0], 0.0);
    }
}

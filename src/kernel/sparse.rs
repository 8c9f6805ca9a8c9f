//! int8 matrix × vectors that are mostly zero and never negative, exact in i32.
//!
//! After squared ReLU and quantisation, 3 to 9 % of the channel mix's inner values are not zero, so
//! most terms of a dense product are zero. Here a vector is the list of its quads of columns that
//! are not all zero (about a fifth of all quads). A matrix is packed by quads of columns, so one
//! quad of the list uses one run of memory. Leaving out zeros does not change an exact sum: the
//! result is that of [`matrix`](super::matrix), to the bit.

use super::Isa;
use super::isa::Products;
use super::matrix::{BIAS, Block, MAX_COLS, QUAD, ROWS, quantise};

/// A packed int8 matrix with one scale per row.
#[derive(Debug, Clone)]
pub struct Columns {
    quads: usize,
    /// For each quad of columns, the blocks of all rows.
    blocks: Vec<Block>,
    scales: Vec<f32>,
}

impl Columns {
    /// Packs `rows × cols` row-major weights in [−127, 127] with `rows` scales.
    ///
    /// # Panics
    /// If lengths disagree, `rows` is no multiple of [`ROWS`] or `cols` exceeds [`MAX_COLS`];
    /// loaders check first.
    pub fn pack(cols: usize, weights: &[i8], scales: &[f32]) -> Self {
        let rows = scales.len();
        assert!(cols <= MAX_COLS && weights.len() == rows * cols && rows.is_multiple_of(ROWS));
        let (tall, quads) = (rows / ROWS, cols.div_ceil(QUAD));
        let mut blocks = vec![Block([0; ROWS * QUAD]); tall * quads];
        for (r, row) in weights.chunks_exact(cols).enumerate() {
            for (c, &w) in row.iter().enumerate() {
                let block = &mut blocks[c / QUAD * tall + r / ROWS];
                block.0[(r % ROWS) * QUAD + c % QUAD] = w;
            }
        }
        Columns { quads, blocks, scales: scales.to_vec() }
    }

    /// Number of outputs.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Number of inputs, rounded up to quads.
    pub fn cols(&self) -> usize {
        self.quads * QUAD
    }

    /// Bytes held in memory.
    pub fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>() + self.scales.len() * 4
    }

    /// `y[row] = Σ_col weight[row, col] · x[col]`.
    ///
    /// # Panics
    /// If `x` or `y` has another length.
    pub fn apply(&self, isa: Isa, x: &Sparse, y: &mut [f32]) {
        assert!(x.dense.len() == self.cols() && y.len() == self.rows());
        match isa.products() {
            Products::Portable => portable(self, x, y),
            // SAFETY: an `Isa` with these products is made only where the processor was found to
            // have the features that the function enables.
            #[cfg(target_arch = "aarch64")]
            Products::NeonDot => unsafe { super::sparse_neon::products(self, x, y) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Products::Avx2 => unsafe { super::sparse_x86::avx2(self, x, y) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Products::Avx512Vnni => unsafe { super::sparse_x86::avx512(self, x, y) },
        }
    }

    /// Blocks of one quad of columns.
    #[inline(always)]
    pub(super) fn tall(&self) -> usize {
        self.scales.len() / ROWS
    }

    /// The blocks of one quad of a vector.
    #[inline(always)]
    pub(super) fn blocks_of(&self, quad: &NonZeroQuad) -> &[Block] {
        &self.blocks[quad.index as usize * self.tall()..][..self.tall()]
    }

    /// The scales of a block's rows.
    #[inline(always)]
    pub(super) fn scales_of(&self, block: usize) -> &[f32; ROWS] {
        &self.scales.as_chunks().0[block]
    }
}

/// Four neighbouring values, at least one of them not zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct NonZeroQuad {
    /// Index of the quad of columns.
    pub index: u32,
    /// The values, 0 to 63 each.
    pub values: [u8; QUAD],
}

/// One vector as int8 with a scale, ready for [`Columns::apply`].
#[derive(Debug, Clone)]
pub struct Sparse {
    dense: Vec<u8>,
    quads: Vec<NonZeroQuad>,
    used: usize,
    scale: f32,
}

impl Sparse {
    /// Room for a vector of `cols` values.
    pub fn new(cols: usize) -> Self {
        let cols = cols.next_multiple_of(QUAD);
        let quads = vec![NonZeroQuad { index: 0, values: [0; QUAD] }; cols / QUAD];
        Sparse { dense: vec![BIAS as u8; cols], quads, used: 0, scale: 0.0 }
    }

    /// Bytes that [`Sparse::new`] takes.
    pub fn bytes_for(cols: usize) -> usize {
        let quads = cols.div_ceil(QUAD);
        quads * (QUAD + size_of::<NonZeroQuad>())
    }

    /// Bytes held in memory.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.dense.len() + size_of_val(&self.quads[..])
    }

    /// Quantises `x`, which is nowhere negative, by the rule of
    /// [`Quantised::set`](super::matrix::Quantised::set).
    ///
    /// # Panics
    /// If `x` is longer than the vector.
    pub fn set(&mut self, isa: Isa, x: &[f32]) {
        self.scale = quantise(isa, x, &mut self.dense[..x.len()]);
        self.dense[x.len()..].fill(BIAS as u8);
        self.used = 0;
        for (index, dense) in self.dense.as_chunks::<QUAD>().0.iter().enumerate() {
            // Every quad is written without a branch; the next one overwrites a quad of zeros.
            let values = dense.map(|b| b ^ BIAS as u8);
            self.quads[self.used] = NonZeroQuad { index: index as u32, values };
            self.used += usize::from(values != [0; QUAD]);
        }
    }

    /// The quads that are not all zero.
    #[inline(always)]
    pub(super) fn quads(&self) -> &[NonZeroQuad] {
        &self.quads[..self.used]
    }

    #[inline(always)]
    pub(super) fn scale(&self) -> f32 {
        self.scale
    }
}

/// The reference: plain integer arithmetic.
fn portable(columns: &Columns, x: &Sparse, y: &mut [f32]) {
    for (block, y) in y.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        let mut acc = [0i32; ROWS];
        for quad in x.quads() {
            let weights = &columns.blocks_of(quad)[block].0;
            for (acc, w) in acc.iter_mut().zip(weights.as_chunks::<QUAD>().0) {
                for (&x, &w) in quad.values.iter().zip(w) {
                    *acc += i32::from(x) * i32::from(w);
                }
            }
        }
        finish(&acc, x.scale(), columns.scales_of(block), y);
    }
}

/// The last step for one block of rows, from its exact sums.
#[inline(always)]
pub(super) fn finish(acc: &[i32; ROWS], scale: f32, scales: &[f32; ROWS], y: &mut [f32; ROWS]) {
    for (r, y) in y.iter_mut().enumerate() {
        *y = (acc[r] as f32) * (scale * scales[r]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::{Matrix, Quantised};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_isa_equals_the_dense_product(
            tall in 1usize..9, cols in 1usize..300, density in 0u64..101, extreme in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let mut s = seed | 1;
            let mut next = || { s ^= s << 13; s ^= s >> 7; s ^= s << 17; s };
            let rows = tall * ROWS;
            let w: Vec<i8> = (0..rows * cols)
                .map(|_| if extreme { 127 } else { ((next() % 255) as i64 - 127) as i8 })
                .collect();
            let scales: Vec<f32> = (0..rows).map(|_| (next() % 1000) as f32 * 1e-4).collect();
            let x: Vec<f32> = (0..cols)
                .map(|_| if next() % 100 >= density { 0.0 } else if extreme { 3.0 } else { (next() % 999) as f32 })
                .collect();
            let mut dense = Quantised::new(1, cols);
            dense.set(Isa::portable(), 0, &x);
            let mut want = vec![0.0; rows];
            Matrix::pack(cols, &w, &scales, None).apply(Isa::portable(), &dense, 1, &mut want, rows);
            let columns = Columns::pack(cols, &w, &scales);
            for isa in Isa::available() {
                let mut sparse = Sparse::new(cols);
                sparse.set(isa, &x);
                let mut got = vec![1.0; rows];
                columns.apply(isa, &sparse, &mut got);
                for (got, want) in got.iter().zip(&want) {
                    prop_assert_eq!(got.to_bits(), want.to_bits(), "{:?}", isa);
                }
            }
        }
    }
}

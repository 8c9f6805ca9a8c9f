//! The int8 products with sparse vectors on AArch64 with the dot-product extension.

use std::arch::aarch64::*;

use super::matrix::ROWS;
use super::matrix_neon::sdot;
use super::sparse::{Columns, Sparse, finish};

/// NEON: `sdot` does four signed products and the sum at once.
#[target_feature(enable = "neon,dotprod")]
pub fn products(columns: &Columns, x: &Sparse, y: &mut [f32]) {
    for (block, y) in y.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        let mut acc = [0i32; ROWS];
        sixteen(columns, block, x, &mut acc);
        finish(&acc, x.scale(), columns.scales_of(block), y);
    }
}

/// `acc[r] = Σ x · w[r]` for the rows of one block.
#[target_feature(enable = "neon,dotprod")]
fn sixteen(columns: &Columns, block: usize, x: &Sparse, acc: &mut [i32; ROWS]) {
    let mut sum = [vdupq_n_s32(0); 4];
    for quad in x.quads() {
        let values = vreinterpretq_s8_u32(vdupq_n_u32(u32::from_le_bytes(quad.values)));
        let weights = &columns.blocks_of(quad)[block].0;
        for (r, sum) in sum.iter_mut().enumerate() {
            // SAFETY: a block is 64 bytes.
            let w = unsafe { vld1q_s8(weights.as_ptr().add(r * 16)) };
            *sum = sdot(*sum, w, values);
        }
    }
    for (r, &sum) in sum.iter().enumerate() {
        // SAFETY: `acc` holds sixteen values.
        unsafe { vst1q_s32(acc.as_mut_ptr().add(r * 4), sum) };
    }
}

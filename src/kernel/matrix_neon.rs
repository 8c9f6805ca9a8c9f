//! The int8 products of sixteen rows on AArch64 with the dot-product extension.

use std::arch::aarch64::*;
use std::arch::asm;

use super::matrix::{Block, QUAD, ROWS, Rows, Vectors};

/// NEON: `sdot` does four signed products and the sum at once.
#[target_feature(enable = "neon,dotprod")]
pub fn products(rows: &Rows<'_>, x: Vectors<'_>, y: &mut [f32], stride: usize) {
    assert!(x.cols >= rows.quads * QUAD);
    for (at, row) in rows.each() {
        for (i, (x, scale)) in x.each().enumerate() {
            let mut acc = [0i32; ROWS];
            // SAFETY: the assertion above covers every activation that is read.
            unsafe { sixteen(row.blocks, x, &mut acc) }
            row.finish(&acc, scale, &mut y[i * stride + at..]);
        }
    }
}

/// `acc[r] = Σ (x + 64) · w[r]`. The activations, with 64 added, have 7 bits, so they are the same
/// as signed bytes.
///
/// # Safety
/// `x` must have [`QUAD`] bytes for each block.
#[target_feature(enable = "neon,dotprod")]
unsafe fn sixteen(blocks: &[Block], x: &[u8], acc: &mut [i32; ROWS]) {
    // SAFETY: a block is 64 bytes, `acc` sixteen i32, and the caller checked `x`.
    unsafe {
        let mut sum = [vdupq_n_s32(0); 4];
        for (q, block) in blocks.iter().enumerate() {
            let quad = x.as_ptr().add(q * QUAD).cast::<u32>().read_unaligned();
            let a = vreinterpretq_s8_u32(vdupq_n_u32(quad));
            for (r, sum) in sum.iter_mut().enumerate() {
                let w = vld1q_s8(block.0.as_ptr().add(r * 16));
                *sum = sdot(*sum, w, a);
            }
        }
        for r in 0..4 {
            vst1q_s32(acc.as_mut_ptr().add(r * 4), sum[r]);
        }
    }
}

/// `sum + Σ w·a` by fours; the intrinsic `vdotq_s32` is not stable on our oldest compiler.
#[inline]
#[target_feature(enable = "neon,dotprod")]
pub(super) fn sdot(mut sum: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    // SAFETY: `sdot` only touches the named registers.
    unsafe {
        asm!("sdot {s:v}.4s, {w:v}.16b, {a:v}.16b", s = inout(vreg) sum, w = in(vreg) w,
             a = in(vreg) a, options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

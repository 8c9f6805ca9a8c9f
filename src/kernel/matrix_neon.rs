//! The int8 products of sixteen rows on AArch64 with the dot-product extension.

use std::arch::aarch64::*;
use std::arch::asm;

use super::matrix::{Block, QUAD, ROWS, Row};

/// NEON: `sdot` does four signed products and the sum at once.
pub fn neon(row: &Row<'_>, x: &[u8], cols: usize, scales: &[f32], y: &mut [f32], stride: usize) {
    for (lane, (x, &scale)) in x.chunks_exact(cols).zip(scales).enumerate() {
        assert!(x.len() >= row.blocks.len() * QUAD);
        let mut acc = [0i32; ROWS];
        // SAFETY: only called on a path that was found available, and the assertion above covers
        // every activation read.
        unsafe { products(row.blocks, x, &mut acc) }
        row.finish(&acc, scale, &mut y[lane * stride..]);
    }
}

/// `acc[r] = Σ (x + 128) · w[r]`.
#[target_feature(enable = "neon,dotprod")]
unsafe fn products(blocks: &[Block], x: &[u8], acc: &mut [i32; ROWS]) {
    // SAFETY: a block is 64 bytes, `acc` sixteen i32, and the caller checked `x`.
    unsafe {
        let flip = vdupq_n_u8(0x80);
        let one = vdupq_n_s8(1);
        let mut sum = [vdupq_n_s32(0); 4];
        let mut weight = [vdupq_n_s32(0); 4];
        for (q, block) in blocks.iter().enumerate() {
            let quad = x.as_ptr().add(q * QUAD).cast::<u32>().read_unaligned();
            let a = vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u32(vdupq_n_u32(quad)), flip));
            for (r, (sum, weight)) in sum.iter_mut().zip(&mut weight).enumerate() {
                let w = vld1q_s8(block.0.as_ptr().add(r * 16));
                *sum = sdot(*sum, w, a);
                *weight = sdot(*weight, w, one);
            }
        }
        for r in 0..4 {
            // The products are of signed activations; put the offset in that `finish` takes out.
            let total = vaddq_s32(sum[r], vshlq_n_s32::<7>(weight[r]));
            vst1q_s32(acc.as_mut_ptr().add(r * 4), total);
        }
    }
}

/// `sum + Σ w·a` by fours; the intrinsic `vdotq_s32` is not stable on our oldest compiler.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut sum: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    // SAFETY: `sdot` only touches the named registers.
    unsafe {
        asm!("sdot {s:v}.4s, {w:v}.16b, {a:v}.16b", s = inout(vreg) sum, w = in(vreg) w,
             a = in(vreg) a, options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

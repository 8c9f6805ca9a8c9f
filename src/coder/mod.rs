//! Entropy coding: numbers and their probabilities ⇄ bits.
//!
//! [`binary`] writes decisions and is what archives use unless asked for another. The others write whole tokens by
//! integer frequencies: [`range`] (arithmetic coding), [`rans`] (asymmetric numeral systems) and [`huffman`]. [`rank`]
//! is an adaptive model of numbers that are mostly small. All know nothing of models and chunks.
#![forbid(unsafe_code)]

mod binary;
pub mod huffman;
pub mod range;
pub mod rank;
pub mod rans;

pub use binary::{Decoder, Encoder, ONE, PROBABILITY_BITS};

/// Adds one to the last byte written, for a low end that has passed 1. The carry stops at the first byte that is not 255;
/// low + range never passes 1, so there is one.
#[inline]
fn carry(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}

/// Takes off zeros at the end, which a decoder reads anyway.
fn without_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let kept = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(kept);
    bytes
}

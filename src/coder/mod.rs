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

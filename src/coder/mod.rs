//! Entropy coding.
#![forbid(unsafe_code)]

mod binary;

pub use binary::{Decoder, Encoder, ONE, PROBABILITY_BITS};

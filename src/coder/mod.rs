//! Entropy coding.

mod binary;

pub use binary::{Decoder, Encoder, ONE, PROBABILITY_BITS};

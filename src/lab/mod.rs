//! The laboratory: what the model expects, one token at a time, and what coders make of it.
//!
//! A [`Laboratory`] holds a model. [`Laboratory::ranks`] says of each token of some bytes how likely it was,
//! [`Laboratory::predictor`] gives whole distributions, [`Laboratory::coder`] has the coders of archives
//! for a text alone, and [`Laboratory::generate`] runs a decoder on bits that nobody encoded; [`Laboratory::steer`] is
//! its inverse. [`Laboratory::explain`] says where the bits of a text go. [`stages`] are the same as lines of JSON.
//!
//! ```
//! use llz::lab::Laboratory;
//!
//! fn main() -> llz::Result<()> {
//!     let lab = Laboratory::new(&llz::EncodeOptions::default())?;
//!     let mut bits = 0.0;
//!     for ranked in lab.ranks(b"The cat sat on the mat.")? {
//!         bits += ranked?.bits;
//!     }
//!     assert!(bits < 23.0 * 8.0 / 2.0, "half of a byte per byte is more than enough");
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

mod coding;
mod explain;
mod generate;
mod laboratory;
mod line;
mod logarithm;
mod predictor;
mod ranks;
mod record;
mod sampling;
pub mod stages;

#[cfg(test)]
mod tests;

pub use coding::{Decoding, TextCoder};
pub use explain::Explained;
pub use generate::{Bits, Generator};
pub use laboratory::Laboratory;
pub use predictor::{Candidate, Distribution, Predictor};
pub use ranks::{Ranked, Ranks};
pub use sampling::Sampling;

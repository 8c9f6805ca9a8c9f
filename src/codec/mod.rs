//! One chunk's bytes ⇄ coded bytes, behind one [`ChunkCodec`].
//!
//! A chunk is coded alone: nothing adaptive crosses its boundary, so chunks can be coded and decoded in any order
//! and in parallel, and the bytes never depend on how many were in work.
//!
//! [`chunk_codec`] is what a session prepares once. [`scheduler`] runs jobs on threads and within the memory limit, with
//! [`crew`] (threads) or [`inline`] (none). [`encode`] and [`decode`] are its two kinds of work. [`token_coder`] is
//! the seam for ways of coding a token, [`token_coders`] has all of them, and [`decisions`] is the one that archives use
//! unless asked for another; [`neural`] and [`lanes`] feed them with a model's predictions.
#![forbid(unsafe_code)]

mod arithmetic;
mod asymmetric;
pub mod binarise;
#[cfg(feature = "encode")]
pub(crate) mod content;
mod control;
#[cfg(feature = "threads")]
mod crew;
mod decisions;
mod decode;
#[cfg(feature = "encode")]
mod encode;
mod chunk_codec;
mod chunk_codecs;
mod inline;
mod isa;
#[cfg(feature = "encode")]
mod lags;
mod lanes;
#[cfg(feature = "encode")]
mod layouts;
mod level;
mod mix;
mod neural;
mod options;
mod ordered;
mod packed_ranks;
mod prefix;
mod ranks;
mod records;
mod scheduler;
#[cfg(feature = "encode")]
mod segments;
mod spelled;
mod token_coder;
mod token_coders;

#[cfg(all(test, feature = "encode"))]
mod coder_tests;
#[cfg(all(test, feature = "encode"))]
mod tests;

#[cfg(feature = "encode")]
pub use encode::{Coded, Remembered};
pub use chunk_codec::{ChunkCodec, Job};
pub use chunk_codecs::{ChunkCodecs, check_file};
pub use isa::instruction_sets;
#[cfg(feature = "lab")]
pub(crate) use mix::BYTES;
#[cfg(feature = "lab")]
pub(crate) use neural::first_token;
pub use options::{DecodeOptions, EncodeOptions, Level};
#[cfg(feature = "lab")]
pub(crate) use token_coder::{Prediction, TokenDecoder};
#[cfg(feature = "lab")]
pub(crate) use token_coders::TokenCoders;

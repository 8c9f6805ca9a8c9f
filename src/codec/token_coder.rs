//! The seam between the codec and the ways of coding a token.
//!
//! A coder sees each token's prediction and either writes the token or reads it. It knows neither archives nor
//! threads. Binary decisions through the mixer ([`decisions`](super::decisions)) are the default. Coders of whole
//! tokens take the same frequencies: [`arithmetic`](super::arithmetic), [`asymmetric`](super::asymmetric),
//! [`prefix`](super::prefix) and [`ranks`](super::ranks).

use std::borrow::Cow;

use crate::error::Result;
use crate::format::CoderId;
use crate::model::Frequencies;

/// The expectation that a model has of the next token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prediction<'a> {
    /// The hidden vector; empty where the engine gives none.
    pub hidden: &'a [f32],
    /// Integer frequencies of all tokens.
    pub frequencies: &'a Frequencies,
}

/// A way of coding the tokens of a chunk.
pub(crate) trait TokenCoder: Sync {
    /// Its number in archives.
    fn id(&self) -> CoderId;

    /// Bytes that one encoder or decoder for a chunk of `raw_len` bytes takes.
    fn bytes(&self, raw_len: usize) -> u64;

    /// An encoder for a chunk of `raw_len` bytes.
    #[cfg(feature = "encode")]
    fn encoder(&self, raw_len: usize) -> Box<dyn TokenEncoder + '_>;

    /// A decoder of `coded` for a chunk of `raw_len` bytes.
    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a>;
}

/// Writes the tokens of one chunk.
pub(crate) trait TokenEncoder {
    /// Writes the next token.
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32);

    /// The coded bytes.
    fn finish(self: Box<Self>) -> Vec<u8>;
}

/// Reads the tokens of one chunk.
pub(crate) trait TokenDecoder {
    /// Reads the next token.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) where the coded bytes cannot go on.
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32>;

    /// Raw bytes read so far.
    fn len(&self) -> usize;

    /// The raw bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) where coded bytes are left over.
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
}

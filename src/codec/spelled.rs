//! The bytes that tokens spell while a chunk is decoded token by token.

use crate::error::{Error, Result};
use crate::vocab::Vocabulary;

/// The bytes so far of a chunk of known length.
pub(super) struct Spelled<'a> {
    vocabulary: &'a Vocabulary,
    bytes: Vec<u8>,
    raw_len: usize,
}

impl<'a> Spelled<'a> {
    pub(super) fn new(vocabulary: &'a Vocabulary, raw_len: usize) -> Self {
        Spelled { vocabulary, bytes: Vec::new(), raw_len }
    }

    /// Appends a token of the vocabulary and returns it.
    pub(super) fn push(&mut self, token: u32) -> u32 {
        self.bytes.extend_from_slice(self.vocabulary.token(token));
        token
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes, if they are as many as they should be and `nothing_left` holds.
    pub(super) fn finish(self, nothing_left: bool) -> Result<Vec<u8>> {
        if self.bytes.len() != self.raw_len || !nothing_left {
            return Err(wrong());
        }
        Ok(self.bytes)
    }
}

/// The error for bytes that no encoder writes.
pub(super) fn wrong() -> Error {
    Error::corrupt("a neural chunk does not decode")
}

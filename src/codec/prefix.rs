//! `huffman`: one canonical Huffman code for each token.
//!
//! Making a code sorts the whole vocabulary, which takes about as long as the built-in model's step.

use std::borrow::Cow;

use crate::coder::huffman::{BitReader, BitWriter, Code};
use crate::error::Result;
use crate::format::CoderId;
use crate::model::{ByProbability, Frequencies};
use crate::vocab::Vocabulary;

use super::spelled::{Spelled, wrong};
use super::token_coder::{Prediction, TokenCoder, TokenDecoder, TokenEncoder};

/// The coder for the tokens of one vocabulary.
#[derive(Debug)]
pub(super) struct Prefix<'a> {
    pub vocabulary: &'a Vocabulary,
}

impl TokenCoder for Prefix<'_> {
    fn id(&self) -> CoderId {
        CoderId::Huffman
    }

    fn bytes(&self, raw_len: usize) -> u64 {
        // As `arith`, and what a code is made of.
        4 * raw_len as u64 + 16 * self.vocabulary.len() as u64
    }

    #[cfg(feature = "encode")]
    fn encoder(&self, _: usize) -> Box<dyn TokenEncoder + '_> {
        Box::new(Writer { codes: Codes::default(), bits: BitWriter::default() })
    }

    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a> {
        let spelled = Spelled::new(self.vocabulary, raw_len);
        Box::new(Reader { spelled, codes: Codes::default(), bits: BitReader::new(coded) })
    }
}

/// Makes codes; keeps the memory for the next.
#[derive(Default)]
struct Codes {
    order: ByProbability,
    weights: Vec<u64>,
}

impl Codes {
    /// The code of a distribution, for ranks by probability.
    fn make(&mut self, frequencies: &Frequencies) -> Code {
        self.order.sort(frequencies);
        self.weights.clear();
        self.weights.extend(self.order.rising());
        Code::new(&mut self.weights)
    }
}

struct Writer {
    codes: Codes,
    bits: BitWriter,
}

impl TokenEncoder for Writer {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        let code = self.codes.make(prediction.frequencies);
        let (word, length) = code.word(prediction.frequencies.probability_rank(token));
        self.bits.write(word, length);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.bits.finish()
    }
}

struct Reader<'a> {
    spelled: Spelled<'a>,
    codes: Codes,
    bits: BitReader<'a>,
}

impl TokenDecoder for Reader<'_> {
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        let code = self.codes.make(prediction.frequencies);
        let rank = code.read(&mut self.bits).ok_or_else(wrong)?;
        let token = self.codes.order.token(rank).ok_or_else(wrong)?;
        Ok(self.spelled.push(token))
    }

    fn len(&self) -> usize {
        self.spelled.len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        self.spelled.finish(self.bits.is_finished())
    }
}

//! `arith`: a range coder on the whole distribution of a token.

use std::borrow::Cow;

use crate::coder::range::{Decoder, Encoder, Part};
use crate::error::Result;
use crate::format::CoderId;
use crate::model::Frequencies;
use crate::vocab::Vocabulary;

use super::spelled::{Spelled, wrong};
use super::token_coder::{Prediction, TokenCoder, TokenDecoder, TokenEncoder};

/// The coder for the tokens of one vocabulary.
#[derive(Debug)]
pub(super) struct Arithmetic<'a> {
    pub vocabulary: &'a Vocabulary,
}

impl TokenCoder for Arithmetic<'_> {
    fn id(&self) -> CoderId {
        CoderId::Arith
    }

    fn bytes(&self, raw_len: usize) -> u64 {
        // Output that grows by doubling; data that the model expects least takes some twelve bits per byte.
        4 * raw_len as u64
    }

    #[cfg(feature = "encode")]
    fn encoder(&self, _: usize) -> Box<dyn TokenEncoder + '_> {
        Box::new(Writer { encoder: Encoder::default() })
    }

    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a> {
        let spelled = Spelled::new(self.vocabulary, raw_len);
        Box::new(Reader { spelled, decoder: Decoder::new(coded.into_owned()) })
    }
}

/// A token's part of all frequencies.
fn part(frequencies: &Frequencies, token: u32) -> Part {
    Part { start: frequencies.below(token), size: u64::from(frequencies.each()[token as usize]) }
}

struct Writer {
    encoder: Encoder,
}

impl TokenEncoder for Writer {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        let frequencies = prediction.frequencies;
        self.encoder.encode(part(frequencies, token), frequencies.total());
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.encoder.finish()
    }
}

struct Reader<'a> {
    spelled: Spelled<'a>,
    decoder: Decoder<std::vec::IntoIter<u8>>,
}

impl TokenDecoder for Reader<'_> {
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        let frequencies = prediction.frequencies;
        let read = self.decoder.decode(frequencies.total(), |place| {
            let token = frequencies.last_where(|below, _| below <= place);
            (part(frequencies, token), token)
        });
        read.map(|token| self.spelled.push(token)).ok_or_else(wrong)
    }

    fn len(&self) -> usize {
        self.spelled.len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let Reader { spelled, decoder } = *self;
        spelled.finish(decoder.ends_here())
    }
}

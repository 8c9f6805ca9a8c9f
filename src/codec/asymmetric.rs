//! `rans`: interleaved rANS on the whole distribution of a token.

use std::borrow::Cow;

use crate::coder::range::Part;
use crate::coder::rans::{Decoder, Encoder, Scale};
use crate::error::Result;
use crate::format::CoderId;
use crate::model::Frequencies;
use crate::vocab::Vocabulary;

use super::spelled::{Spelled, wrong};
use super::token_coder::{Prediction, TokenCoder, TokenDecoder, TokenEncoder};

/// The coder for the tokens of one vocabulary.
#[derive(Debug)]
pub(super) struct Asymmetric<'a> {
    pub vocabulary: &'a Vocabulary,
}

impl TokenCoder for Asymmetric<'_> {
    fn id(&self) -> CoderId {
        CoderId::Rans
    }

    fn bytes(&self, raw_len: usize) -> u64 {
        // A token is at least one byte; the symbols and the output grow by doubling.
        (2 * Encoder::SYMBOL_BYTES + 4) * raw_len as u64
    }

    #[cfg(feature = "encode")]
    fn encoder(&self, _: usize) -> Box<dyn TokenEncoder + '_> {
        Box::new(Writer { encoder: Encoder::default() })
    }

    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a> {
        let spelled = Spelled::new(self.vocabulary, raw_len);
        Box::new(Reader { spelled, decoder: Decoder::new(coded) })
    }
}

/// The scale of a distribution.
fn scale(frequencies: &Frequencies) -> Scale {
    Scale::new(frequencies.total(), frequencies.each().len() as u32)
}

/// The slots of a token.
fn slots(frequencies: &Frequencies, scale: Scale, token: u32) -> Part {
    let start = scale.start(frequencies.below(token), token);
    let end = scale.start(frequencies.below(token + 1), token + 1);
    Part { start, size: end - start }
}

struct Writer {
    encoder: Encoder,
}

impl TokenEncoder for Writer {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        let frequencies = prediction.frequencies;
        self.encoder.encode(slots(frequencies, scale(frequencies), token));
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.encoder.finish()
    }
}

struct Reader<'a> {
    spelled: Spelled<'a>,
    /// `None` where the coded bytes cannot even begin.
    decoder: Option<Decoder<'a>>,
}

impl TokenDecoder for Reader<'_> {
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        let frequencies = prediction.frequencies;
        let scale = scale(frequencies);
        let decoder = self.decoder.as_mut().ok_or_else(wrong)?;
        let read = decoder.decode(|slot| {
            let token = frequencies.last_where(|below, token| scale.start(below, token) <= slot);
            (slots(frequencies, scale, token), token)
        });
        read.map(|token| self.spelled.push(token)).ok_or_else(wrong)
    }

    fn len(&self) -> usize {
        self.spelled.len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let Reader { spelled, decoder } = *self;
        spelled.finish(decoder.is_some_and(|decoder| decoder.is_finished()))
    }
}

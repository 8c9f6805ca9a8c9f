//! Tokens as binary decisions, mixed with byte contexts and coded arithmetically: llz's own coder.

use std::borrow::Cow;

use crate::coder::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::format::CoderId;
use crate::kernel::Isa;
use crate::mixer::{Mixer, Prior, Profile};
use crate::vocab::{Decision, Vocabulary};

use super::binarise::code_token;
use super::token_coder::{Prediction, TokenCoder, TokenDecoder, TokenEncoder};

/// The coder for the tokens of one vocabulary.
#[derive(Debug)]
pub(super) struct Decisions<'a> {
    pub vocabulary: &'a Vocabulary,
    /// Values of the model's hidden vector.
    pub hidden_width: usize,
    pub isa: Isa,
    pub profile: &'static Profile,
    pub prior: &'a Prior,
    pub table_bits: u8,
}

impl Decisions<'_> {
    pub(super) fn mixer(&self, raw_len: usize) -> Mixer {
        Mixer::new(self.isa, self.profile, self.prior, raw_len, self.table_bits)
            .with_dynamic_head(self.vocabulary.len(), self.hidden_width)
    }
}

impl TokenCoder for Decisions<'_> {
    fn id(&self) -> CoderId {
        CoderId::Mix
    }

    fn bytes(&self, raw_len: usize) -> u64 {
        let head = (self.vocabulary.len(), self.hidden_width);
        Mixer::bytes_for(self.profile, raw_len, self.table_bits, Some(head))
    }

    #[cfg(feature = "encode")]
    fn encoder(&self, raw_len: usize) -> Box<dyn TokenEncoder + '_> {
        let (vocabulary, mixer) = (self.vocabulary, self.mixer(raw_len));
        Box::new(Writer { vocabulary, mixer, encoder: Encoder::default() })
    }

    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a> {
        let (vocabulary, mixer) = (self.vocabulary, self.mixer(raw_len));
        Box::new(Reader { vocabulary, mixer, decoder: Decoder::new(coded), raw_len })
    }
}

struct Writer<'a> {
    vocabulary: &'a Vocabulary,
    mixer: Mixer,
    encoder: Encoder,
}

impl TokenEncoder for Writer<'_> {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        self.mixer.begin_token(prediction.hidden);
        let logit = |decision: &Decision| prediction.frequencies.log_odds(decision);
        code_token(self.vocabulary, &mut self.mixer, logit, |decision, p, _| {
            let one = decision.answer(token);
            self.encoder.encode(one, p);
            one
        });
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.encoder.finish()
    }
}

struct Reader<'a> {
    vocabulary: &'a Vocabulary,
    mixer: Mixer,
    decoder: Decoder<'a>,
    raw_len: usize,
}

impl TokenDecoder for Reader<'_> {
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        self.mixer.begin_token(prediction.hidden);
        let logit = |decision: &Decision| prediction.frequencies.log_odds(decision);
        let decoder = &mut self.decoder;
        Ok(code_token(self.vocabulary, &mut self.mixer, logit, |_, p, _| decoder.decode(p)))
    }

    fn len(&self) -> usize {
        self.mixer.bytes().len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        if self.len() != self.raw_len || !self.decoder.is_finished() {
            return Err(Error::corrupt("a neural chunk does not decode"));
        }
        Ok(self.mixer.into_bytes())
    }
}

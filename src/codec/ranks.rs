//! `rank-zstd`, `rank-brotli` and `rank-ans`: the rank of each token by its probability, coded by something else.
//!
//! Source: C. S. K. Valmeekam et al., "LLMZip: Lossless Text Compression using Large Language Models"
//! (arXiv:2306.04050, 2023), for ranks and a general compressor.

use std::borrow::Cow;

use crate::coder::{rank, rans};
use crate::error::Result;
use crate::format::CoderId;
use crate::format::integer::{self, put_varint};
use crate::model::ByProbability;
use crate::vocab::Vocabulary;

use super::packed_ranks::Packer;
use super::spelled::{Spelled, wrong};
use super::token_coder::{Prediction, TokenCoder, TokenDecoder, TokenEncoder};

/// Bytes of the longest rank as a varint: no vocabulary has more than 2^17 tokens.
pub(super) const RANK_BYTES: usize = 3;

/// The coder of ranks by a general compressor.
#[derive(Debug)]
pub(super) struct PackedRanks<'a> {
    pub vocabulary: &'a Vocabulary,
    pub packer: Packer,
}

/// Bytes that selecting a token by its rank takes.
fn selection(vocabulary: &Vocabulary) -> u64 {
    (vocabulary.len() * size_of::<u64>()) as u64
}

impl TokenCoder for PackedRanks<'_> {
    fn id(&self) -> CoderId {
        self.packer.id()
    }

    fn bytes(&self, raw_len: usize) -> u64 {
        self.packer.bytes(raw_len) + selection(self.vocabulary)
    }

    #[cfg(feature = "encode")]
    fn encoder(&self, _: usize) -> Box<dyn TokenEncoder + '_> {
        Box::new(PackedWriter { packer: self.packer, ranks: Vec::new() })
    }

    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a> {
        let spelled = Spelled::new(self.vocabulary, raw_len);
        let ranks = self.packer.unpack(&coded, raw_len);
        Box::new(PackedReader { spelled, ranks, at: 0, order: ByProbability::default() })
    }
}

#[cfg(feature = "encode")]
struct PackedWriter {
    packer: Packer,
    ranks: Vec<u8>,
}

#[cfg(feature = "encode")]
impl TokenEncoder for PackedWriter {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        put_varint(&mut self.ranks, prediction.frequencies.probability_rank(token).into());
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.packer.pack(&self.ranks)
    }
}

struct PackedReader<'a> {
    spelled: Spelled<'a>,
    /// The varints; `None` where the coded bytes are none.
    ranks: Option<Vec<u8>>,
    at: usize,
    order: ByProbability,
}

impl TokenDecoder for PackedReader<'_> {
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        let ranks = self.ranks.as_ref().ok_or_else(wrong)?;
        let rank = integer::read_varint(RANK_BYTES as u32, || {
            let byte = *ranks.get(self.at).ok_or_else(wrong)?;
            self.at += 1;
            Ok(byte)
        })?;
        let token = self.order.select(prediction.frequencies, rank as u32).ok_or_else(wrong)?;
        Ok(self.spelled.push(token))
    }

    fn len(&self) -> usize {
        self.spelled.len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let all_read = self.ranks.is_some_and(|ranks| ranks.len() == self.at);
        self.spelled.finish(all_read)
    }
}

/// The coder of ranks by an adaptive model and rANS.
#[derive(Debug)]
pub(super) struct AdaptiveRanks<'a> {
    pub vocabulary: &'a Vocabulary,
}

impl TokenCoder for AdaptiveRanks<'_> {
    fn id(&self) -> CoderId {
        CoderId::RankAns
    }

    fn bytes(&self, raw_len: usize) -> u64 {
        // As `rans`, but a rank may take more than one symbol.
        (2 * rank::Model::PARTS * rans::Encoder::SYMBOL_BYTES + 4) * raw_len as u64
            + selection(self.vocabulary)
    }

    #[cfg(feature = "encode")]
    fn encoder(&self, _: usize) -> Box<dyn TokenEncoder + '_> {
        Box::new(AdaptiveWriter { model: rank::Model::default(), encoder: rans::Encoder::default() })
    }

    fn decoder<'a>(&'a self, coded: Cow<'a, [u8]>, raw_len: usize) -> Box<dyn TokenDecoder + 'a> {
        Box::new(AdaptiveReader {
            spelled: Spelled::new(self.vocabulary, raw_len),
            model: rank::Model::default(),
            decoder: rans::Decoder::new(coded),
            order: ByProbability::default(),
        })
    }
}

struct AdaptiveWriter {
    model: rank::Model,
    encoder: rans::Encoder,
}

impl TokenEncoder for AdaptiveWriter {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        self.model.encode(prediction.frequencies.probability_rank(token), &mut self.encoder);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.encoder.finish()
    }
}

struct AdaptiveReader<'a> {
    spelled: Spelled<'a>,
    model: rank::Model,
    /// `None` where the coded bytes cannot even begin.
    decoder: Option<rans::Decoder<'a>>,
    order: ByProbability,
}

impl TokenDecoder for AdaptiveReader<'_> {
    fn decode(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        let decoder = self.decoder.as_mut().ok_or_else(wrong)?;
        let rank = self.model.decode(decoder).ok_or_else(wrong)?;
        let token = self.order.select(prediction.frequencies, rank).ok_or_else(wrong)?;
        Ok(self.spelled.push(token))
    }

    fn len(&self) -> usize {
        self.spelled.len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let AdaptiveReader { spelled, decoder, .. } = *self;
        spelled.finish(decoder.is_some_and(|decoder| decoder.is_finished()))
    }
}

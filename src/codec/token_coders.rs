//! Every way of coding the tokens of one vocabulary, by number.

use crate::format::CoderId;

use super::arithmetic::Arithmetic;
use super::asymmetric::Asymmetric;
use super::decisions::Decisions;
use super::packed_ranks::Packer;
use super::prefix::Prefix;
use super::ranks::{AdaptiveRanks, PackedRanks};
use super::token_coder::TokenCoder;

/// The coders for one vocabulary.
#[derive(Debug)]
pub(crate) struct TokenCoders<'a> {
    decisions: Decisions<'a>,
    arithmetic: Arithmetic<'a>,
    asymmetric: Asymmetric<'a>,
    prefix: Prefix<'a>,
    zstd_ranks: PackedRanks<'a>,
    brotli_ranks: PackedRanks<'a>,
    adaptive_ranks: AdaptiveRanks<'a>,
}

impl<'a> TokenCoders<'a> {
    /// All coders for the vocabulary of `decisions`.
    pub(super) fn new(decisions: Decisions<'a>) -> Self {
        let vocabulary = decisions.vocabulary;
        TokenCoders {
            decisions,
            arithmetic: Arithmetic { vocabulary },
            asymmetric: Asymmetric { vocabulary },
            prefix: Prefix { vocabulary },
            zstd_ranks: PackedRanks { vocabulary, packer: Packer::Zstd },
            brotli_ranks: PackedRanks { vocabulary, packer: Packer::Brotli },
            adaptive_ranks: AdaptiveRanks { vocabulary },
        }
    }

    /// The mixer of the first coder, for a chunk of `raw_len` bytes.
    #[cfg(feature = "lab")]
    pub(crate) fn mixer(&self, raw_len: usize) -> crate::mixer::Mixer {
        self.decisions.mixer(raw_len)
    }

    /// The coder of this number.
    pub(crate) fn of(&self, id: CoderId) -> &dyn TokenCoder {
        match id {
            CoderId::Mix => &self.decisions,
            CoderId::Arith => &self.arithmetic,
            CoderId::Rans => &self.asymmetric,
            CoderId::Huffman => &self.prefix,
            CoderId::RankZstd => &self.zstd_ranks,
            CoderId::RankBrotli => &self.brotli_ranks,
            CoderId::RankAns => &self.adaptive_ranks,
        }
    }
}

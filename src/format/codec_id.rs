//! The numbers by which a container says how its chunks were coded.

/// The number of the way one chunk is coded; it is stored with the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CodecId {
    /// The raw bytes themselves.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
    /// Context mixing without a model.
    Mix = 2,
    /// Context mixing around the language model.
    Neural = 3,
    /// Context mixing by the layout of records and numbers.
    Records = 4,
}

impl CodecId {
    /// The codec with this number, if this version knows it.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(CodecId::Stored),
            1 => Some(CodecId::Zstd),
            2 => Some(CodecId::Mix),
            3 => Some(CodecId::Neural),
            4 => Some(CodecId::Records),
            _ => None,
        }
    }

    /// Its name as shown to people.
    pub fn name(self) -> &'static str {
        match self {
            CodecId::Stored => "stored",
            CodecId::Zstd => "zstd",
            CodecId::Mix => "mix",
            CodecId::Neural => "neural",
            CodecId::Records => "records",
        }
    }
}

/// The number of the entropy coder of a `mix`, `neural` or `records` chunk; it is stored with the chunk.
///
/// Chunks without a model have the first alone. The others are those of the literature: they code whole tokens by the
/// model's distribution and nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CoderId {
    /// `mix`: binary decisions, mixed with contexts and coded arithmetically.
    #[default]
    Mix = 1,
    /// `arith`: a range coder on the whole distribution.
    Arith = 2,
    /// `rans`: interleaved rANS on the whole distribution.
    Rans = 3,
    /// `huffman`: one canonical Huffman code per token.
    Huffman = 4,
    /// `rank-zstd`: the token's rank by probability, as a varint, then zstd.
    RankZstd = 5,
    /// `rank-brotli`: the same, then brotli.
    RankBrotli = 6,
    /// `rank-ans`: the same rank by an adaptive model and rANS.
    RankAns = 7,
}

impl CoderId {
    /// All coders, by number.
    pub const ALL: [CoderId; 7] = [
        CoderId::Mix,
        CoderId::Arith,
        CoderId::Rans,
        CoderId::Huffman,
        CoderId::RankZstd,
        CoderId::RankBrotli,
        CoderId::RankAns,
    ];

    /// The coder with this number, if this version knows it.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&coder| coder as u8 == byte)
    }

    /// The coder of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coder| coder.name() == name)
    }

    /// Its name as shown to people.
    pub fn name(self) -> &'static str {
        match self {
            CoderId::Mix => "mix",
            CoderId::Arith => "arith",
            CoderId::Rans => "rans",
            CoderId::Huffman => "huffman",
            CoderId::RankZstd => "rank-zstd",
            CoderId::RankBrotli => "rank-brotli",
            CoderId::RankAns => "rank-ans",
        }
    }
}

/// Parameters of the `mix` and `neural` codecs that a decoder must know; recorded once per archive
/// or stream. FORMAT.md lists the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoderParams {
    /// Mixer profile: which contexts, weight sets and APM stages, by number.
    pub mixer: u8,
    /// log2 of the bytes of the context table at the full chunk size.
    pub table_bits: u8,
}

impl CoderParams {
    /// Bytes it takes in a container.
    pub(crate) const LEN: usize = 2;

    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        [self.mixer, self.table_bits]
    }

    pub(crate) fn from_bytes([mixer, table_bits]: [u8; Self::LEN]) -> Self {
        CoderParams { mixer, table_bits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_itself() {
        let codecs = (0..=255).filter_map(|byte| Some((byte, CodecId::from_byte(byte)?)));
        assert!(codecs.clone().all(|(byte, codec)| codec as u8 == byte));
        assert_eq!(codecs.count(), 5);
        let coders = (0..=255).filter_map(|byte| Some((byte, CoderId::from_byte(byte)?)));
        assert!(coders.clone().all(|(byte, coder)| coder as u8 == byte));
        assert_eq!(coders.clone().count(), CoderId::ALL.len());
        assert!(coders.into_iter().all(|(_, coder)| CoderId::from_name(coder.name()) == Some(coder)));
    }
}

//! The way a chunk is coded: its codec, and the coder and the model that the codec needs.

use super::codec_id::{CodecId, CoderId};
use super::cursor::Cursor;
use super::integer::put_varint;
use crate::{Error, Result};

/// Most models of an archive. Their numbers are those below.
pub(crate) const MAX_MODELS: usize = 255;

/// Most bytes that it takes in a container.
pub(crate) const MAX_CODING: u64 = 1 + 1 + 2;

/// The way a chunk is coded, as containers write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The raw bytes themselves.
    Stored,
    /// One zstd frame.
    Zstd,
    /// Context mixing without a model.
    Mix {
        /// The coder that writes the decisions.
        coder: CoderId,
    },
    /// Context mixing by the layout of records and numbers.
    Records {
        /// What writes the decisions.
        coder: CoderId,
    },
    /// Context mixing around a language model.
    Neural {
        /// The coder that writes the tokens.
        coder: CoderId,
        /// The number of the model: how many sections `MODL` come before that which names it.
        model: u8,
    },
}

impl Coding {
    /// Its codec.
    pub fn codec(self) -> CodecId {
        match self {
            Coding::Stored => CodecId::Stored,
            Coding::Zstd => CodecId::Zstd,
            Coding::Mix { .. } => CodecId::Mix,
            Coding::Neural { .. } => CodecId::Neural,
            Coding::Records { .. } => CodecId::Records,
        }
    }

    /// The entropy coder, where there is one.
    pub fn coder(self) -> Option<CoderId> {
        match self {
            Coding::Stored | Coding::Zstd => None,
            Coding::Mix { coder } | Coding::Records { coder } | Coding::Neural { coder, .. } => {
                Some(coder)
            },
        }
    }

    /// What people call it: the codec, and the coder where that is not the codec's usual one.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Neural { coder: CoderId::Mix, .. } => CodecId::Neural.name(),
            Coding::Neural { coder, .. } => coder.name(),
            Coding::Stored | Coding::Zstd | Coding::Mix { .. } | Coding::Records { .. } => {
                self.codec().name()
            }
        }
    }

    /// The number of the model, where there is one.
    pub fn model(self) -> Option<u8> {
        match self {
            Coding::Neural { model, .. } => Some(model),
            Coding::Stored | Coding::Zstd | Coding::Mix { .. } | Coding::Records { .. } => None,
        }
    }

    /// The same with a model of this number, where there is one.
    #[cfg_attr(not(feature = "fs"), allow(dead_code))]
    pub(crate) fn with_model(self, model: u8) -> Self {
        match self {
            Coding::Neural { coder, .. } => Coding::Neural { coder, model },
            Coding::Stored | Coding::Zstd | Coding::Mix { .. } | Coding::Records { .. } => self,
        }
    }

    /// Appends codec, coder and model number.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.push(self.codec() as u8);
        out.extend(self.coder().map(|coder| coder as u8));
        if let Some(model) = self.model() {
            put_varint(out, u64::from(model));
        }
    }

    /// Reads the first of these bytes; `None` where they say nothing known.
    #[cfg(feature = "fs")]
    pub(crate) fn from_start(bytes: &[u8]) -> Option<Self> {
        Self::read(&mut Cursor::new(bytes, "how a chunk is coded")).ok()
    }

    /// Reads what [`Coding::write`] writes.
    pub(crate) fn read(cursor: &mut Cursor) -> Result<Self> {
        let codec = cursor.u8()?;
        match CodecId::from_byte(codec) {
            Some(CodecId::Stored) => Ok(Coding::Stored),
            Some(CodecId::Zstd) => Ok(Coding::Zstd),
            Some(CodecId::Mix) => Ok(Coding::Mix { coder: mix_coder(coder(cursor.u8()?)?)? }),
            Some(CodecId::Records) => {
                Ok(Coding::Records { coder: mix_coder(coder(cursor.u8()?)?)? })
            }
            Some(CodecId::Neural) => {
                let coder = coder(cursor.u8()?)?;
                let model = u8::try_from(cursor.varint()?).ok();
                let model = model.filter(|&model| usize::from(model) < MAX_MODELS);
                let model = model.ok_or_else(|| cursor.corrupt("a model number beyond any"))?;
                Ok(Coding::Neural { coder, model })
            }
            None => Err(Error::Unsupported(format!("chunk codec {codec}"))),
        }
    }
}

/// The coder of this number.
pub(crate) fn coder(number: u8) -> Result<CoderId> {
    CoderId::from_byte(number)
        .ok_or_else(|| Error::Unsupported(format!("entropy coder {number}")))
}

/// The coder of a chunk without a model, where only one is defined.
pub(crate) fn mix_coder(coder: CoderId) -> Result<CoderId> {
    match coder {
        CoderId::Mix => Ok(coder),
        _ => Err(Error::Unsupported(format!("coder {} without a model", coder.name()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Coding> {
        let mut cursor = Cursor::new(bytes, "test");
        let coding = Coding::read(&mut cursor)?;
        cursor.finish()?;
        Ok(coding)
    }

    #[test]
    fn every_coding_round_trips() {
        let neural = [0, 127, 128, 254].map(|model| Coding::Neural { coder: CoderId::Mix, model });
        let coders = CoderId::ALL.map(|coder| Coding::Neural { coder, model: 1 });
        let coder = CoderId::Mix;
        let others =
            [Coding::Stored, Coding::Zstd, Coding::Mix { coder }, Coding::Records { coder }];
        for coding in others.iter().chain(&neural).chain(&coders) {
            let mut bytes = Vec::new();
            coding.write(&mut bytes);
            assert!(bytes.len() as u64 <= MAX_CODING);
            assert_eq!(read(&bytes).unwrap(), *coding);
            assert!(matches!(read(&bytes[..bytes.len() - 1]), Err(Error::Corrupt(_))));
        }
    }

    #[test]
    fn what_is_not_known_is_unsupported() {
        for bytes in [&[9][..], &[2, 9], &[2, 2], &[3, 9, 0], &[4, 2]] {
            assert!(matches!(read(bytes), Err(Error::Unsupported(_))), "{bytes:?}");
        }
        assert!(matches!(read(&[3, 1, 0xff, 1]), Err(Error::Corrupt(_))));
    }
}

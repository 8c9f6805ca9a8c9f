//! `PARM` and `MODL`: what a decoder must know before the first chunk.

use super::codec_id::{CoderId, CoderParams};
use super::cursor::Cursor;
use super::integer::put_varint;
use super::model_ref::ModelRef;
use super::section::SectionHeader;
use crate::{Error, Result};

/// How an archive was made; its first section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Compression level, 1 to 9. Information only.
    pub level: u8,
    /// Greatest number of raw bytes in one chunk.
    pub chunk_size: u32,
    /// How files were grouped into the raw stream; 1 is by kind, language family and path. Information
    /// only.
    pub grouping: u8,
    /// Entropy coder of `mix` and `neural` chunks.
    pub coder: CoderId,
    /// Parameters of the mixer.
    pub mixer: CoderParams,
}

/// The number of grouping by kind, language family and path.
pub const GROUPING_BY_KIND: u8 = 1;

/// Bytes of a whole section `MODL`.
pub(crate) const MODEL_SECTION_LEN: usize = SectionHeader::LEN + ModelRef::LEN;

/// Longest payload of `PARM` or `MODL` a reader accepts, so that a pipe can be read safely.
pub(crate) const MAX_PARAMS: u32 = 256;

impl Params {
    pub(crate) fn to_payload(self) -> Vec<u8> {
        let mut out = vec![self.level];
        put_varint(&mut out, u64::from(self.chunk_size));
        out.extend([self.grouping, self.coder as u8]);
        out.extend(self.mixer.to_bytes());
        out
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(payload, "section PARM");
        let level = cursor.u8()?;
        let chunk_size = cursor.varint_u32()?;
        let (grouping, coder) = (cursor.u8()?, cursor.u8()?);
        let mixer = CoderParams::from_bytes(cursor.array()?);
        if chunk_size == 0 {
            return Err(cursor.corrupt("a chunk size of 0"));
        }
        cursor.finish()?;
        let coder = CoderId::from_byte(coder)
            .ok_or_else(|| Error::Unsupported(format!("entropy coder {coder}")))?;
        Ok(Params { level, chunk_size, grouping, coder, mixer })
    }
}

pub(crate) fn model_to_payload(model: &ModelRef) -> Vec<u8> {
    let mut out = Vec::with_capacity(ModelRef::LEN);
    model.write(&mut out);
    out
}

pub(crate) fn parse_model(payload: &[u8]) -> Result<ModelRef> {
    let mut cursor = Cursor::new(payload, "section MODL");
    let model = ModelRef::from_bytes(&cursor.array()?);
    cursor.finish()?;
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_round_trip() {
        let params = Params {
            level: 6,
            chunk_size: 1 << 20,
            grouping: GROUPING_BY_KIND,
            coder: CoderId::Binary,
            mixer: CoderParams { mixer: 1, table_bits: 22 },
        };
        assert_eq!(Params::parse(&params.to_payload()).unwrap(), params);
        let mut other = params.to_payload();
        let coder = other.len() - 3;
        other[coder] = 9;
        assert!(matches!(Params::parse(&other), Err(Error::Unsupported(_))));
        let model = ModelRef { sha256: [7; 32], tokenizer: [8; 8], profile: 1, fingerprint: 99 };
        assert_eq!(parse_model(&model_to_payload(&model)).unwrap(), model);
        let mut long = model_to_payload(&model);
        long.push(0);
        assert!(matches!(parse_model(&long), Err(Error::Corrupt(_))));
    }
}

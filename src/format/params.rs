//! `PARM`: what a decoder must know before the first chunk.

use super::codec_id::CoderParams;
use super::fields::{Fields, put_field};
use super::integer::put_varint;
use crate::limits::TOO_LONG;
use crate::{Error, Result};

/// The parameters an archive was made with; its first section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Greatest number of raw bytes in one chunk.
    pub chunk_size: u32,
    /// Raw bytes that a long repeat may reach back; 0 where there are none.
    pub reach: u64,
    /// Parameters of the mixer.
    pub mixer: CoderParams,
    /// Compression level, 1 to 9. Information only.
    pub level: Option<u8>,
    /// The way files were grouped into the raw stream; 1 is by kind, extension and path. Information
    /// only.
    pub grouping: Option<u8>,
}

/// The number of grouping by kind, language family and path.
pub const GROUPING_BY_KIND: u8 = 1;

/// Longest payload of `PARM`.
pub(crate) const MAX_PARAMS: u32 = 4 << 10;

const WHAT: &str = "section PARM";

// The numbers of its fields.
const CHUNK_SIZE: u64 = 0;
const LEVEL: u64 = 1;
const MIXER: u64 = 2;
const GROUPING: u64 = 3;
const REACH: u64 = 4;

impl Params {
    #[cfg_attr(not(feature = "encode"), allow(dead_code))]
    pub(crate) fn to_payload(self) -> Vec<u8> {
        let (mut out, mut chunk_size) = (Vec::new(), Vec::new());
        put_varint(&mut chunk_size, u64::from(self.chunk_size));
        put_field(&mut out, CHUNK_SIZE, &chunk_size);
        if let Some(level) = self.level {
            put_field(&mut out, LEVEL, &[level]);
        }
        put_field(&mut out, MIXER, &self.mixer.to_bytes());
        if let Some(grouping) = self.grouping {
            put_field(&mut out, GROUPING, &[grouping]);
        }
        if self.reach > 0 {
            let mut reach = Vec::new();
            put_varint(&mut reach, self.reach);
            put_field(&mut out, REACH, &reach);
        }
        out
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(payload, WHAT);
        let (mut chunk_size, mut mixer) = (None, None);
        let (mut level, mut grouping, mut reach) = (None, None, 0);
        while let Some((number, mut field)) = fields.next()? {
            match number {
                CHUNK_SIZE => chunk_size = Some(field.varint_u32()?),
                LEVEL => level = Some(field.u8()?),
                MIXER => mixer = Some(CoderParams::from_bytes(field.array()?)),
                REACH => reach = field.varint()?,
                GROUPING => grouping = Some(field.u8()?),
                _ => {
                    fields.pass_over(number)?;
                    continue;
                }
            }
            field.finish()?;
        }
        let chunk_size = fields.need(CHUNK_SIZE, chunk_size)?;
        if chunk_size == 0 || u64::from(chunk_size) >= TOO_LONG {
            return Err(Error::corrupt("a chunk size of 0 or beyond 2^32 - 257").within(WHAT));
        }
        let mixer = fields.need(MIXER, mixer)?;
        Ok(Params { chunk_size, reach, mixer, level, grouping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: Params = Params {
        chunk_size: 1 << 20,
        reach: 0,
        mixer: CoderParams { mixer: 1, table_bits: 22 },
        level: Some(6),
        grouping: Some(GROUPING_BY_KIND),
    };

    #[test]
    fn round_trips_with_and_without_information() {
        for params in [PARAMS, Params { level: None, grouping: None, ..PARAMS }, Params { reach: 1 << 27, ..PARAMS }] {
            assert_eq!(Params::parse(&params.to_payload()).unwrap(), params);
        }
    }

    #[test]
    fn a_field_that_is_missing_or_of_another_length_is_corrupt() {
        let payload = PARAMS.to_payload();
        let without_mixer = [&payload[..8], &payload[12..]].concat();
        assert!(matches!(Params::parse(&without_mixer), Err(Error::Corrupt(_))));
        for number in [CHUNK_SIZE, LEVEL, MIXER] {
            let mut long = Vec::new();
            put_field(&mut long, number, &[1; 9]);
            assert!(matches!(Params::parse(&long), Err(Error::Corrupt(_))), "{number}");
        }
    }

    #[test]
    fn places_in_a_chunk_fit_what_decoders_keep() {
        let sized = |chunk_size| Params::parse(&Params { chunk_size, ..PARAMS }.to_payload());
        assert_eq!(sized((TOO_LONG - 1) as u32).unwrap().chunk_size, u32::MAX - 256);
        for size in [0, TOO_LONG as u32, u32::MAX] {
            assert!(matches!(sized(size), Err(Error::Corrupt(_))), "{size}");
        }
    }

    #[test]
    fn unknown_fields_are_critical_or_not() {
        let mut payload = PARAMS.to_payload();
        put_field(&mut payload, 9, b"anything");
        assert_eq!(Params::parse(&payload).unwrap(), PARAMS);
        put_field(&mut payload, 10, b"");
        assert!(matches!(Params::parse(&payload), Err(Error::Unsupported(_))));
    }
}

//! A table that is zstd-compressed where that helps: one flag byte, then the table or its frame.

use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use super::zstd_frame::decompress;
use crate::{Bound, Error, Limits, Result};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Fixed, so that the same table always gives the same bytes.
#[cfg(feature = "encode")]
const ZSTD_LEVEL: i32 = 19;

/// The most bytes a table may unpack to: an eighth of the memory limit.
pub(crate) fn table_limit(limits: &Limits) -> u64 {
    limits.memory / 8
}

/// Wraps `table` as a payload.
#[cfg(feature = "encode")]
pub(crate) fn pack(table: &[u8]) -> Result<Vec<u8>> {
    let frame =
        zstd::bulk::compress(table, ZSTD_LEVEL).map_err(|error| Error::io("zstd", error))?;
    let mut out = Vec::with_capacity(table.len().min(frame.len()) + 11);
    out.push(ZSTD);
    put_varint(&mut out, table.len() as u64);
    if out.len() + frame.len() <= table.len() {
        out.extend(frame);
    } else {
        out.clear();
        out.push(PLAIN);
        out.extend(table);
    }
    Ok(out)
}

/// How many bytes [`unpack`] of this payload would make; `None` where it would fail before it makes any.
pub(crate) fn unpacked_len(payload: &[u8], limits: &Limits) -> Option<u64> {
    let mut cursor = Cursor::new(payload, "");
    let len = match cursor.u8().ok()? {
        PLAIN => cursor.len() as u64,
        ZSTD => cursor.varint().ok()?,
        _ => return None,
    };
    (len <= table_limit(limits)).then_some(len)
}

/// Unwraps a payload. The unpacked length is checked before memory is taken for it.
pub(crate) fn unpack(payload: &[u8], what: &'static str, limits: &Limits) -> Result<Vec<u8>> {
    let mut cursor = Cursor::new(payload, what);
    let (flag, limit) = (cursor.u8()?, table_limit(limits));
    let too_large =
        || Error::Limit { what: format!("{what}: its size"), limit, bound: Bound::Memory };
    match flag {
        PLAIN => {
            let table = cursor.take_rest();
            if table.len() as u64 > limit {
                return Err(too_large());
            }
            Ok(table.to_vec())
        }
        ZSTD => {
            let len = cursor.varint()?;
            if len > limit {
                return Err(too_large());
            }
            let frame = cursor.take_rest();
            let broken = || Error::corrupt("its zstd frame does not decode").within(what);
            let len = usize::try_from(len).map_err(|_| too_large())?;
            decompress(frame, len).ok_or_else(broken)
        }
        _ => Err(Error::Unsupported(format!("{what}: packing {flag}"))),
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_smaller_form_and_round_trips() {
        let limits = Limits::default();
        for (table, flag) in [(vec![], PLAIN), (b"abc".to_vec(), PLAIN), (vec![7; 900], ZSTD)] {
            let payload = pack(&table).unwrap();
            assert_eq!(payload[0], flag);
            assert_eq!(unpack(&payload, "test", &limits).unwrap(), table);
            assert_eq!(unpacked_len(&payload, &limits), Some(table.len() as u64));
        }
    }

    #[test]
    fn a_small_frame_cannot_ask_for_much() {
        let limits = Limits { memory: 8 * 1000, ..Limits::default() };
        let payload = pack(&[0; 1001]).unwrap();
        assert!(matches!(unpack(&payload, "test", &limits), Err(Error::Limit { .. })));
        // A lie about the length is corrupt in both directions.
        let frame = zstd::bulk::compress(&[0; 900], 1).unwrap();
        for lie in [899, 901] {
            let mut payload = vec![ZSTD];
            put_varint(&mut payload, lie);
            payload.extend(&frame);
            assert!(matches!(unpack(&payload, "test", &limits), Err(Error::Corrupt(_))));
        }
    }
}

//! Bytes that are zstd-compressed where that helps: one flag byte, then the bytes or their frame.

use std::borrow::Cow;

use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use super::zstd_frame::{decompress, working_bytes};
use crate::{Bound, Error, Limits, Result};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Libzstd's level for tables; fixed, so that the same table always gives the same bytes.
#[cfg(feature = "encode")]
pub(crate) const TABLE_LEVEL: i32 = 19;

/// The most bytes a table may unpack to: an eighth of the memory limit.
pub(crate) fn table_limit(limits: &Limits) -> u64 {
    limits.memory / 8
}

/// Wraps bytes as a payload.
#[cfg(feature = "encode")]
pub(crate) fn pack(table: &[u8], level: i32) -> Result<Vec<u8>> {
    let frame =
        zstd::bulk::compress(table, level).map_err(|error| Error::io("zstd", error))?;
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

/// Counts the bytes that [`unpack`] of this payload would make; `None` where it would fail before it makes any.
pub(crate) fn unpacked_len(payload: &[u8], limits: &Limits) -> Option<u64> {
    let mut cursor = Cursor::new(payload, "");
    let len = match cursor.u8().ok()? {
        PLAIN => cursor.len() as u64,
        ZSTD => cursor.varint().ok()?,
        _ => return None,
    };
    (len <= table_limit(limits)).then_some(len)
}

/// Unwraps a table, whose unpacked length is bounded by [`table_limit`].
pub(crate) fn unpack_table<'a>(
    payload: &'a [u8],
    what: &'static str,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let limit = table_limit(limits);
    unpack(payload, what, |len, _| {
        let what = format!("{what}: its size");
        if len > limit { Err(Error::Limit { what, limit, bound: Bound::Memory }) } else { Ok(()) }
    })
}

/// Unwraps a payload. `check` is asked about the unpacked length, and the bytes that unpacking takes besides, before
/// memory is taken for them.
pub(crate) fn unpack<'a>(
    payload: &'a [u8],
    what: &'static str,
    check: impl Fn(u64, u64) -> Result<()>,
) -> Result<Cow<'a, [u8]>> {
    let mut cursor = Cursor::new(payload, what);
    match cursor.u8()? {
        PLAIN => {
            let plain = cursor.take_rest();
            check(plain.len() as u64, 0)?;
            Ok(Cow::Borrowed(plain))
        }
        ZSTD => {
            let len = cursor.varint()?;
            // What no machine can address is beyond any bound.
            let whole = usize::try_from(len).unwrap_or(usize::MAX);
            check(len, working_bytes(whole))?;
            let broken = || Error::corrupt("its zstd frame does not decode").within(what);
            decompress(cursor.take_rest(), whole).map(Cow::Owned).ok_or_else(broken)
        }
        flag => Err(Error::Unsupported(format!("{what}: packing {flag}"))),
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_smaller_form_and_round_trips() {
        let limits = Limits::default();
        for (table, flag) in [(vec![], PLAIN), (b"abc".to_vec(), PLAIN), (vec![7; 900], ZSTD)] {
            let payload = pack(&table, TABLE_LEVEL).unwrap();
            assert_eq!(payload[0], flag);
            assert_eq!(unpack_table(&payload, "test", &limits).unwrap(), table);
            assert_eq!(unpacked_len(&payload, &limits), Some(table.len() as u64));
        }
    }

    #[test]
    fn a_small_frame_cannot_ask_for_much() {
        let limits = Limits { memory: 8 * 1000, ..Limits::default() };
        let payload = pack(&[0; 1001], TABLE_LEVEL).unwrap();
        assert!(matches!(unpack_table(&payload, "test", &limits), Err(Error::Limit { .. })));
        // A lie about the length is corrupt in both directions.
        let frame = zstd::bulk::compress(&[0; 900], 1).unwrap();
        for lie in [899, 901] {
            let mut payload = vec![ZSTD];
            put_varint(&mut payload, lie);
            payload.extend(&frame);
            assert!(matches!(unpack_table(&payload, "test", &limits), Err(Error::Corrupt(_))));
        }
    }
}

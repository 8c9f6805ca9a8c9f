//! `mfil`: the file of a model, for readers that do not have it.

use std::borrow::Cow;

use super::coding::MAX_MODELS;
use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use super::packed;
use crate::{Bound, Error, Result};

/// Bytes of a payload that suffice for the number of the model.
pub(crate) const NUMBER: usize = 2;

const WHAT: &str = "section mfil";

/// Libzstd's level. A higher one makes no less of weights.
#[cfg(feature = "encode")]
const ZSTD_LEVEL: i32 = 3;

#[cfg(feature = "encode")]
pub(crate) fn to_payload(model: u8, file: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    put_varint(&mut out, u64::from(model));
    out.extend(packed::pack(file, ZSTD_LEVEL)?);
    Ok(out)
}

/// The number of the model, out of a payload or its first [`NUMBER`] bytes.
pub(crate) fn number(payload: &[u8]) -> Result<u8> {
    read_number(&mut Cursor::new(payload, WHAT))
}

fn read_number(cursor: &mut Cursor) -> Result<u8> {
    let number = u8::try_from(cursor.varint()?).ok();
    let number = number.filter(|&number| usize::from(number) < MAX_MODELS);
    number.ok_or_else(|| cursor.corrupt("a model number beyond any"))
}

/// The file, where unpacking it takes `room` bytes at most, the payload counted.
pub(crate) fn unpack(payload: &[u8], room: u64) -> Result<Cow<'_, [u8]>> {
    let mut cursor = Cursor::new(payload, WHAT);
    read_number(&mut cursor)?;
    check_room(payload.len() as u64, room)?;
    packed::unpack(cursor.take_rest(), WHAT, |len, working| {
        check_room((payload.len() as u64).saturating_add(len).saturating_add(working), room)
    })
}

/// Fails where `bytes` of memory are too many.
pub(crate) fn check_room(bytes: u64, room: u64) -> Result<()> {
    if bytes > room {
        return Err(Error::Limit {
            what: format!("the {bytes} bytes of memory for taking a model out of the archive"),
            limit: room,
            bound: Bound::Memory,
        });
    }
    Ok(())
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    #[test]
    fn comes_back_within_its_room_only() {
        for (model, file) in [(0, b"weights".repeat(900)), (254, b"few".to_vec()), (128, vec![])] {
            let payload = to_payload(model, &file).unwrap();
            assert_eq!(number(&payload[..payload.len().min(NUMBER)]).unwrap(), model);
            assert_eq!(*unpack(&payload, 64 << 20).unwrap(), file);
            let refused = unpack(&payload, payload.len() as u64 - 1);
            assert!(matches!(refused, Err(Error::Limit { bound: Bound::Memory, .. })));
        }
        let payload = to_payload(0, &[7; 10_000]).unwrap();
        assert!(payload.len() < 100);
        assert!(matches!(unpack(&payload, 10_000), Err(Error::Limit { .. })));
        assert!(matches!(number(&[0xff, 1]), Err(Error::Corrupt(_))));
    }
}

//! The integers that containers are written in: LEB128 and zigzag.
//!
//! Archives read them from slices, streams from pipes. Both rest on [`read_varint`], so that there
//! is one definition of what is accepted.

use crate::{Error, Result};

/// Most bytes of an integer in an archive: any of 64 bits.
pub(crate) const ARCHIVE_BYTES: u32 = 10;
/// Most bytes of an integer in a stream: any below 2^63 (FORMAT.md, "Streams and messages").
pub(crate) const STREAM_BYTES: u32 = 9;

/// Reads an integer of at most `longest` bytes (10 at most) in its only valid form, the shortest.
/// `next` gives one byte after the other.
pub(crate) fn read_varint(longest: u32, mut next: impl FnMut() -> Result<u8>) -> Result<u64> {
    let mut value = 0u64;
    for at in 0..longest.min(ARCHIVE_BYTES) {
        let byte = next()?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if at == 9 && bits > 1 {
            break;
        }
        value |= bits << (7 * at);
        if byte < 0x80 {
            if byte == 0 && at > 0 {
                return Err(Error::corrupt("an integer that is not in its shortest form"));
            }
            return Ok(value);
        }
    }
    Err(Error::corrupt("an integer of too many bits"))
}

/// Appends `value` as LEB128.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` as a zigzag varint.
pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// The signed integer that a varint stands for.
pub(crate) fn from_zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads one integer and tells what is left.
    fn read(longest: u32, bytes: &[u8]) -> Option<(u64, &[u8])> {
        let mut rest = bytes;
        let value = read_varint(longest, || {
            let (&byte, tail) = rest.split_first().ok_or_else(|| Error::corrupt("too short"))?;
            rest = tail;
            Ok(byte)
        });
        Some((value.ok()?, rest))
    }

    proptest! {
        #[test]
        fn integers_round_trip(value in any::<u64>(), shift in 0u32..64, tail in any::<[u8; 2]>()) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            bytes.extend(tail);
            prop_assert_eq!(read(ARCHIVE_BYTES, &bytes), Some((value, &tail[..])));
            let below = (value < 1 << 63).then_some((value, &tail[..]));
            prop_assert_eq!(read(STREAM_BYTES, &bytes), below);
            let mut bytes = Vec::new();
            put_zigzag(&mut bytes, value as i64);
            prop_assert_eq!(from_zigzag(read(ARCHIVE_BYTES, &bytes).unwrap().0), value as i64);
        }

        #[test]
        fn every_accepted_integer_is_canonical(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80u8..], 0..12),
        ) {
            for longest in [ARCHIVE_BYTES, STREAM_BYTES] {
                if let Some((value, rest)) = read(longest, &bytes) {
                    let mut again = Vec::new();
                    put_varint(&mut again, value);
                    prop_assert_eq!(&bytes[..bytes.len() - rest.len()], &again[..]);
                }
            }
        }
    }

    #[test]
    fn long_forms_are_refused() {
        for longest in [ARCHIVE_BYTES, STREAM_BYTES] {
            for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff; 11], &[0x80; 10]] {
                assert_eq!(read(longest, bytes), None, "{bytes:x?}");
            }
        }
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(read(ARCHIVE_BYTES, &most), Some((u64::MAX, &[][..])));
        assert_eq!(read(STREAM_BYTES, &most), None);
        most[9] = 2;
        assert_eq!(read(ARCHIVE_BYTES, &most), None);
        let mut most = [0xff; 9];
        most[8] = 0x7f;
        assert_eq!(read(STREAM_BYTES, &most), Some(((1 << 63) - 1, &[][..])));
    }
}

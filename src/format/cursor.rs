//! A bounded cursor over bytes, and the integers the container is written in.
//!
//! Every read is checked against what is left; nothing here allocates or panics.

use crate::{Error, Result};

/// A reading position in a byte slice. `what` names the structure in error messages.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Cursor { rest: bytes, what }
    }

    /// Bytes not yet read.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// A [`Error::Corrupt`] about this structure.
    pub(crate) fn corrupt(&self, why: &str) -> Error {
        Error::Corrupt(format!("{}: {why}", self.what))
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, tail) =
            self.rest.split_at_checked(n).ok_or_else(|| self.corrupt("too short"))?;
        self.rest = tail;
        Ok(head)
    }

    /// All bytes not yet read.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) =
            self.rest.split_first_chunk().ok_or_else(|| self.corrupt("too short"))?;
        self.rest = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A LEB128 integer of at most 64 bits, in its only valid (shortest) form.
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.corrupt("an integer of more than 64 bits"));
            }
            value |= bits << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return Err(self.corrupt("an integer that is not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(self.corrupt("an integer of more than 64 bits"))
    }

    /// A varint that must fit a `u32`.
    pub(crate) fn varint_u32(&mut self) -> Result<u32> {
        u32::try_from(self.varint()?).map_err(|_| self.corrupt("an integer of more than 32 bits"))
    }

    /// A varint that counts items of at least `item` bytes each, all of them still to come: so it
    /// can be allocated for.
    pub(crate) fn count(&mut self, item: usize) -> Result<usize> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > self.len() / item {
            return Err(self.corrupt("a count larger than the data that follows"));
        }
        Ok(count)
    }

    /// A signed integer: zigzag in a varint.
    pub(crate) fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Fails unless everything has been read.
    pub(crate) fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt("bytes left over at its end")) }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_round_trip(values in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut bytes = Vec::new();
            for &value in &values {
                put_varint(&mut bytes, value);
                put_varint(&mut bytes, value >> 40);
                put_zigzag(&mut bytes, value as i64);
            }
            let mut cursor = Cursor::new(&bytes, "test");
            for &value in &values {
                prop_assert_eq!(cursor.varint().unwrap(), value);
                prop_assert_eq!(cursor.varint().unwrap(), value >> 40);
                prop_assert_eq!(cursor.zigzag().unwrap(), value as i64);
            }
            prop_assert!(cursor.finish().is_ok());
        }

        #[test]
        fn every_accepted_integer_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut cursor = Cursor::new(&bytes, "test");
            if let Ok(value) = cursor.varint() {
                let mut again = Vec::new();
                put_varint(&mut again, value);
                prop_assert_eq!(&bytes[..bytes.len() - cursor.len()], &again[..]);
            }
        }
    }

    #[test]
    fn long_forms_are_refused() {
        for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff; 11], &[0x80; 10]] {
            assert!(Cursor::new(bytes, "test").varint().is_err(), "{bytes:x?}");
        }
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Cursor::new(&most, "test").varint().unwrap(), u64::MAX);
        let more = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(Cursor::new(&more, "test").varint().is_err());
    }

    #[test]
    fn counts_are_bounded_by_what_follows() {
        assert_eq!(Cursor::new(&[2, 0, 0, 0, 0], "test").count(2).unwrap(), 2);
        assert!(Cursor::new(&[3, 0, 0, 0, 0], "test").count(2).is_err());
    }
}

//! A bounded cursor over bytes.
//!
//! Every read is checked against what is left; nothing here allocates or panics.

use super::integer;
use crate::{Error, Result};

/// A reading position in a byte slice. `what` names the part of the container in errors.
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
        Error::corrupt(why).within(self.what)
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
        let what = self.what;
        integer::read_varint(integer::ARCHIVE_BYTES, || self.u8())
            .map_err(|error| error.within(what))
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
        Ok(integer::from_zigzag(self.varint()?))
    }

    /// Fails unless everything has been read.
    pub(crate) fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt("bytes left over at its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn counts_are_bounded_by_what_follows() {
        assert_eq!(Cursor::new(&[2, 0, 0, 0, 0], "test").count(2).unwrap(), 2);
        assert!(Cursor::new(&[3, 0, 0, 0, 0], "test").count(2).is_err());
    }
}

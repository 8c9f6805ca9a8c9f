//! Lists of fields: what the sections `PARM` and `MODL` and the explicit preset of a stream consist of.
//!
//! A field is its number, its length and its bytes, so that a reader can pass over one that it does not know. As with
//! sections, the writer says whether it may: an even number is critical, an odd one ancillary.

use super::cursor::Cursor;
use super::integer::put_varint;
use crate::{Error, Result};

/// A reading position in a list of fields.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    cursor: Cursor<'a>,
    what: &'static str,
    /// The number of the field before.
    last: Option<u64>,
}

impl<'a> Fields<'a> {
    /// The fields in `payload`, which must be nothing else. `what` names it in errors.
    pub(crate) fn new(payload: &'a [u8], what: &'static str) -> Self {
        Fields { cursor: Cursor::new(payload, what), what, last: None }
    }

    /// The next field: its number, and its bytes, all of which the caller must read.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Cursor<'a>)>> {
        if self.cursor.len() == 0 {
            return Ok(None);
        }
        let number = self.cursor.varint()?;
        if self.last.is_some_and(|last| number <= last) {
            return Err(self.cursor.corrupt("fields that are not in ascending order"));
        }
        self.last = Some(number);
        let len = self.cursor.count(1)?;
        Ok(Some((number, Cursor::new(self.cursor.take(len)?, self.what))))
    }

    /// Passes over a field of unknown number if it allows that.
    pub(crate) fn pass_over(&self, number: u64) -> Result<()> {
        if number.is_multiple_of(2) {
            return Err(Error::Unsupported(format!("field {number} of {}", self.what)));
        }
        Ok(())
    }

    /// Takes the value of a field that must be there.
    pub(crate) fn need<T>(&self, number: u64, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.cursor.corrupt(&format!("field {number} is missing")))
    }
}

/// Appends a field. Fields must be appended in ascending order.
pub(crate) fn put_field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// Appends a byte string within a field: its length, then its bytes.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The numbers and bytes of all fields; unknown ones are passed over.
    fn read(payload: &[u8], known: &[u64]) -> Result<Vec<(u64, Vec<u8>)>> {
        let (mut fields, mut found) = (Fields::new(payload, "test"), Vec::new());
        while let Some((number, mut bytes)) = fields.next()? {
            if known.contains(&number) {
                found.push((number, bytes.take_rest().to_vec()));
            } else {
                fields.pass_over(number)?;
            }
        }
        Ok(found)
    }

    fn list(fields: &[(u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        fields.iter().for_each(|(number, bytes)| put_field(&mut out, *number, bytes));
        out
    }

    #[test]
    fn the_number_says_what_an_unknown_field_means() {
        let payload = list(&[(0, b"a"), (2, b""), (7, b"new"), (300, b"c")]);
        let known = [(0, b"a".to_vec()), (2, vec![]), (300, b"c".to_vec())];
        assert_eq!(read(&payload, &[0, 2, 300]).unwrap(), known);
        assert!(matches!(read(&payload, &[0, 2]), Err(Error::Unsupported(what)) if what.contains("300")));
        assert_eq!(read(&[], &[]).unwrap(), []);
    }

    #[test]
    fn order_and_lengths_are_held_to() {
        let long = [[4, 3].as_slice(), b"ab"].concat();
        for bad in [list(&[(2, b""), (2, b"")]), list(&[(4, b""), (2, b"")]), long, vec![2], vec![0x80, 0, 0]] {
            assert!(matches!(read(&bad, &[2, 4]), Err(Error::Corrupt(_))), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..99)) {
            let _ = read(&payload, &[0, 1, 2, 3]);
        }
    }
}

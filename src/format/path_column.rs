//! A column of paths: each says how many bytes it shares with the beginning of the one before it.

use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use crate::{Bound, Error, Limits, Result};

/// Reads the paths of one table.
#[derive(Debug, Default)]
pub(super) struct PathReader {
    path: Vec<u8>,
}

impl PathReader {
    /// The next path.
    pub(super) fn next(&mut self, cursor: &mut Cursor, limits: &Limits) -> Result<String> {
        let shared = cursor.varint()?;
        let shared = usize::try_from(shared).ok().filter(|&shared| shared <= self.path.len());
        self.path.truncate(shared.ok_or_else(|| cursor.corrupt("a path shares too much"))?);
        let own = cursor.count(1)?;
        check_path_len(self.path.len() + own, limits)?;
        self.path.extend(cursor.take(own)?);
        if self.path.is_empty() {
            return Err(cursor.corrupt("an empty path"));
        }
        utf8(&self.path)
    }
}

/// Writes the paths of one table.
#[cfg(feature = "encode")]
#[derive(Debug, Default)]
pub(super) struct PathWriter {
    last: String,
}

#[cfg(feature = "encode")]
impl PathWriter {
    /// Writes the next path.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, path: &str) {
        let (last, bytes) = (self.last.as_bytes(), path.as_bytes());
        let shared = last.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        put_varint(out, shared as u64);
        put_varint(out, (bytes.len() - shared) as u64);
        out.extend(&bytes[shared..]);
        path.clone_into(&mut self.last);
    }
}

/// Fails if a path or target is longer than the limits allow.
pub(super) fn check_path_len(len: usize, limits: &Limits) -> Result<()> {
    if len as u64 > limits.path_bytes {
        return Err(Error::Limit {
            what: "a path or link target of an entry".into(),
            limit: limits.path_bytes,
            bound: Bound::PathBytes,
        });
    }
    Ok(())
}

/// A path or target as text.
pub(super) fn utf8(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Error::corrupt("a name that is not UTF-8"))
}

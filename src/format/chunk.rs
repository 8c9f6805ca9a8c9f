//! `CHNK`: one coded chunk.

use super::coding::{Coding, MAX_CODING};
use super::cursor::Cursor;
use super::integer::put_varint;
use crate::Result;

/// Bytes that may come before a chunk's coded bytes: how it is coded, raw length, checksum.
pub(crate) const MAX_PREFIX: u64 = MAX_CODING + 5 + 4;

/// A chunk as it lies in its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Says how it was coded.
    pub coding: Coding,
    /// Its length before coding; never 0.
    pub raw_len: u32,
    /// CRC-32 of the raw bytes.
    pub raw_crc: u32,
    /// The coded bytes; never more than `raw_len`.
    pub coded: &'a [u8],
}

impl<'a> Chunk<'a> {
    pub(crate) fn to_payload(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.coded.len() + MAX_PREFIX as usize);
        self.coding.write(&mut out);
        put_varint(&mut out, u64::from(self.raw_len));
        out.extend(self.raw_crc.to_le_bytes());
        out.extend(self.coded);
        out
    }

    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor::new(payload, "section CHNK");
        let coding = Coding::read(&mut cursor)?;
        let raw_len = cursor.varint_u32()?;
        let raw_crc = cursor.u32()?;
        if raw_len == 0 {
            return Err(cursor.corrupt("an empty chunk"));
        }
        let coded = cursor.take_rest();
        if coded.len() as u64 > u64::from(raw_len) {
            return Err(cursor.corrupt("coded bytes outnumber raw bytes"));
        }
        Ok(Chunk { coding, raw_len, raw_crc, coded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn round_trips_and_refuses_growth() {
        let chunk = Chunk {
            coding: Coding::Zstd,
            raw_len: 300,
            raw_crc: crc32fast::hash(&[1; 300]),
            coded: b"some coded bytes",
        };
        let payload = chunk.to_payload();
        assert_eq!(Chunk::parse(&payload).unwrap(), chunk);

        for (raw_len, coded) in [(0, &b""[..]), (2, b"abc")] {
            let bad = Chunk { raw_len, coded, ..chunk }.to_payload();
            assert!(matches!(Chunk::parse(&bad), Err(Error::Corrupt(_))));
        }
        let mut newer = payload;
        newer[0] = 200;
        assert!(matches!(Chunk::parse(&newer), Err(Error::Unsupported(_))));
    }
}

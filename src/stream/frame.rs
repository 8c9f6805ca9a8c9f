//! One frame's head, and the small reads that every part of a stream is made of.

use std::io::Read;

use crate::error::{Error, Result};
use crate::format::coding;
use crate::format::integer::{self, put_varint};
use crate::format::{CodecId, CoderId, Coding};
use crate::limits::{Bound, Limits, TOO_LONG};

/// Bits of the head byte.
const CODEC: u8 = 0x0F;
const LAST: u8 = 0x10;
const REST: u8 = 0x20;
const CODER: u8 = 0x40;
const RESERVED: u8 = 0x80;

/// The coder of a frame that names none, and of every message.
pub(super) const IMPLIED: CoderId = CoderId::Mix;
/// Everything before a frame's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Says how the payload is coded.
    pub coding: Coding,
    /// No frame of this stream follows.
    pub last: bool,
    /// Bytes it decodes to.
    pub raw_len: usize,
    /// Bytes of payload; `None` when it runs to the end of the input.
    pub coded_len: Option<usize>,
    /// CRC-32 of the stream's raw bytes up to the end of this frame.
    pub crc: u32,
}

impl Head {
    /// Appends the head to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = if self.last { LAST } else { 0 };
        let rest = if self.coded_len.is_none() { REST } else { 0 };
        let named = self.coding.coder().filter(|&coder| coder != IMPLIED);
        let coder = if named.is_some() { CODER } else { 0 };
        out.push(self.coding.codec() as u8 | last | rest | coder);
        out.extend(named.map(|coder| coder as u8));
        self.write_rest(out);
    }

    /// Appends what follows the head byte.
    pub fn write_rest(&self, out: &mut Vec<u8>) {
        put_varint(out, self.raw_len as u64);
        if let Some(coded_len) = self.coded_len {
            put_varint(out, coded_len as u64);
        }
        out.extend_from_slice(&self.crc.to_le_bytes());
    }

    /// Reads and checks a head. `first` tells whether it is the first of its stream. Also returns
    /// how many bytes it took.
    pub fn read(input: &mut impl Read, first: bool, limits: &Limits) -> Result<(Self, u64)> {
        let [head] = read_exact(input)?;
        if head & RESERVED != 0 {
            return Err(Error::Unsupported(format!("frame flags {:#04x}", head & RESERVED)));
        }
        let codec = CodecId::from_byte(head & CODEC)
            .ok_or_else(|| Error::Unsupported(format!("codec {}", head & CODEC)))?;
        let (last, rest) = (head & LAST != 0, head & REST != 0);
        if rest && !last {
            return Err(Error::corrupt("a frame without a length is not the last one"));
        }
        let named = head & CODER != 0;
        let coder = if named { named_coder(codec, read_exact(input)?)? } else { IMPLIED };
        let lead = Lead { coding: coding_of(codec, coder), first, last, rest };
        let (head, size) = lead.read(input, limits)?;
        Ok((head, 1 + u64::from(named) + size))
    }

    /// Reads the payload, never more than `raw_len` bytes and never allocating ahead of the input.
    pub fn read_payload(&self, input: &mut impl Read) -> Result<Vec<u8>> {
        // Without a length, one byte more than allowed is asked for: its presence is the error.
        let most = self.coded_len.unwrap_or(self.raw_len.saturating_add(1));
        let mut payload = Vec::new();
        input
            .by_ref()
            .take(most as u64)
            .read_to_end(&mut payload)
            .map_err(|e| Error::io("-", e))?;
        let whole = match self.coded_len {
            Some(coded_len) => payload.len() == coded_len,
            None if self.coding == Coding::Stored => payload.len() == self.raw_len,
            None => payload.len() <= self.raw_len,
        };
        if whole { Ok(payload) } else { Err(cut_short()) }
    }
}

/// The part of a frame that is known before its lengths.
pub(super) struct Lead {
    pub coding: Coding,
    /// Says whether it is the first of its stream, and the last.
    pub first: bool,
    pub last: bool,
    /// Says whether it runs to the end of the input.
    pub rest: bool,
}

impl Lead {
    /// Reads and checks what follows. Also returns how many bytes it took.
    pub fn read(self, input: &mut impl Read, limits: &Limits) -> Result<(Head, u64)> {
        let Lead { coding, first, last, rest } = self;
        let (raw_len, raw_size) = read_varint(input)?;
        if raw_len >= TOO_LONG {
            return Err(Error::corrupt(format!("a frame of {raw_len} bytes: none is so long")));
        }
        if raw_len > limits.chunk_bytes {
            return Err(Error::Limit {
                what: format!("a frame of {raw_len} bytes"),
                limit: limits.chunk_bytes,
                bound: Bound::ChunkBytes,
            });
        }
        if raw_len == 0 && !(first && last && coding == Coding::Stored) {
            return Err(Error::corrupt("an empty frame inside a stream"));
        }
        let (coded_len, coded_size) = if rest {
            (None, 0)
        } else {
            let (coded_len, size) = read_varint(input)?;
            if coded_len > raw_len || (coding == Coding::Stored && coded_len != raw_len) {
                return Err(Error::corrupt("a frame's two lengths contradict each other"));
            }
            (Some(to_usize(coded_len)?), size)
        };
        let crc = u32::from_le_bytes(read_exact(input)?);
        let head = Head { coding, last, raw_len: to_usize(raw_len)?, coded_len, crc };
        Ok((head, raw_size + coded_size + 4))
    }
}

/// Says how a frame of this codec and coder is coded: by the stream's only model, where it needs one.
pub(super) fn coding_of(codec: CodecId, coder: CoderId) -> Coding {
    match codec {
        CodecId::Stored => Coding::Stored,
        CodecId::Zstd => Coding::Zstd,
        CodecId::Mix => Coding::Mix { coder },
        CodecId::Neural => Coding::Neural { coder, model: 0 },
        CodecId::Records => Coding::Records { coder },
    }
}

/// The coder that a frame names: one that is not implied, for a codec that has coders.
fn named_coder(codec: CodecId, [number]: [u8; 1]) -> Result<CoderId> {
    let coder = coding::coder(number)?;
    match (codec, coder) {
        (CodecId::Stored | CodecId::Zstd, _) | (_, IMPLIED) => {
            Err(Error::corrupt("a frame names a coder for nothing"))
        }
        (CodecId::Mix | CodecId::Records, coder) => coding::mix_coder(coder),
        (CodecId::Neural, coder) => Ok(coder),
    }
}

fn to_usize(length: u64) -> Result<usize> {
    usize::try_from(length).map_err(|_| Error::Limit {
        what: format!("a frame of {length} bytes"),
        limit: usize::MAX as u64,
        bound: Bound::ChunkBytes,
    })
}

fn cut_short() -> Error {
    Error::corrupt("the stream is cut short or has bytes after its end")
}

/// Fills `buffer`, or fails with [`Error::Corrupt`] when the input ends first.
pub(super) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    input.read_exact(buffer).map_err(|error| Error::read_exact("-", error, cut_short))
}

/// The next `N` bytes.
pub(super) fn read_exact<const N: usize>(input: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(input, &mut bytes)?;
    Ok(bytes)
}

/// Reads a varint. Also returns how many bytes it took.
pub(super) fn read_varint(input: &mut impl Read) -> Result<(u64, u64)> {
    let mut size = 0;
    let value = integer::read_varint(integer::STREAM_BYTES, || {
        let [byte] = read_exact(input)?;
        size += 1;
        Ok(byte)
    })?;
    Ok((value, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_round_trip() {
        for (last, coded_len) in [(false, Some(900)), (true, Some(900)), (true, None)] {
            let coding = coding_of(CodecId::Mix, IMPLIED);
            let head = Head { coding, last, raw_len: 3000, coded_len, crc: 0xDEAD };
            let mut bytes = Vec::new();
            head.write(&mut bytes);
            let (back, size) =
                Head::read(&mut bytes.as_slice(), false, &Limits::default()).unwrap();
            assert_eq!((back, size), (head, bytes.len() as u64));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let read = |bytes: &[u8], first| Head::read(&mut { bytes }, first, &Limits::default());
        let corrupt = |bytes: &[u8], first| {
            let error = read(bytes, first).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{bytes:?}: {error}");
        };
        corrupt(&[REST, 1, 0, 0, 0, 0], true); // no length, yet not the last
        corrupt(&[0, 0, 0, 0, 0, 0, 0], true); // empty, yet not the last
        corrupt(&[LAST, 0, 0, 0, 0, 0, 0], false); // empty, yet not alone
        corrupt(&[LAST | 1, 0, 0, 0, 0, 0, 0], true); // empty, yet coded
        corrupt(&[LAST, 5, 4, 0, 0, 0, 0], true); // stored in fewer bytes
        corrupt(&[LAST | 1, 5, 6, 0, 0, 0, 0], true); // expands
        corrupt(&[LAST, 5], true); // cut
        corrupt(&[CODER | 2, IMPLIED as u8, 1, 1], true); // names the coder that is implied
        corrupt(&[CODER | 1, IMPLIED as u8, 1, 1], true); // names a coder for zstd
        assert!(matches!(read(&[CODER | 2, 9, 1, 1], true), Err(Error::Unsupported(_))));
        assert!(matches!(read(&[0x80, 1, 1], true), Err(Error::Unsupported(_))));
        assert!(matches!(read(&[0x0F, 1, 1], true), Err(Error::Unsupported(_))));
        let huge = [LAST, 0xFF, 0xFD, 0xFF, 0xFF, 0x0F, 1]; // 2^32 - 257
        assert!(matches!(read(&huge, true), Err(Error::Limit { bound: Bound::ChunkBytes, .. })));
        corrupt(&[LAST, 0x80, 0xFE, 0xFF, 0xFF, 0x0F, 1], true); // 2^32 - 256
        let without = Limits { chunk_bytes: u64::MAX, ..Limits::default() };
        let read = |mut bytes: &[u8]| Head::read(&mut bytes, true, &without);
        assert!(matches!(read(&[LAST, 0x80, 0xFE, 0xFF, 0xFF, 0x0F, 1]), Err(Error::Corrupt(_))));
        let longest = [LAST | REST, 0xFF, 0xFD, 0xFF, 0xFF, 0x0F, 0, 0, 0, 0];
        assert_eq!(read(&longest).unwrap().0.raw_len, usize::try_from(TOO_LONG - 1).unwrap());
    }
}

//! The shortest form of a stream: one frame that ends the input, its codec and its profile in one
//! byte.
//!
//! The first byte is one that begins no UTF-8 text, no other stream and no archive.

use std::io::Read;

use super::frame::{Head, IMPLIED, Lead, coding_of};
use super::profile::{self, Profile};
use crate::error::Result;
use crate::format::{CodecId, Coding};
use crate::limits::Limits;

/// The first byte where the payload is stored.
const STORED: u8 = 0x83;
/// Any other first byte is this, with the codec in bits 4 to 6 and the profile in bits 0 to 3.
const CODED: u8 = 0x80;

/// The number of a profile that fits the first byte.
pub(super) struct Name(u8);

impl Name {
    /// The name of a profile; `None` where it has no number, or too high a one.
    pub fn of(profile: &Profile) -> Option<Self> {
        profile.id().filter(|&id| id < 16).map(Name)
    }

    /// The message with this payload.
    pub fn write(&self, raw: &[u8], coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut out = vec![match coding.codec() {
            CodecId::Stored => STORED,
            codec => CODED | (codec as u8) << 4 | self.0,
        }];
        let (raw_len, crc) = (raw.len(), crc32fast::hash(raw));
        Head { coding, last: true, raw_len, coded_len: None, crc }.write_rest(&mut out);
        out.extend_from_slice(coded);
        out
    }
}

/// Says whether a message may begin with this byte.
pub(super) fn is_first(byte: u8) -> bool {
    matches!(byte, STORED | 0x90..=0xCF)
}

/// Reads what follows the first byte, up to the payload. Also returns how many bytes that was.
///
/// # Errors
/// [`Error::Unsupported`](crate::Error::Unsupported) for an unknown profile, and as [`Head::read`].
pub(super) fn read(
    first: u8,
    input: &mut impl Read,
    limits: &Limits,
) -> Result<(Profile, Head, u64)> {
    let codec = CodecId::from_byte((first >> 4) & 7).unwrap_or(CodecId::Stored);
    let profile = profile::by_id(first & 15)?;
    let coding = coding_of(codec, IMPLIED);
    let (head, size) = Lead { coding, first: true, last: true, rest: true }.read(input, limits)?;
    Ok((profile, head, size))
}

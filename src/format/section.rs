//! Sections: what lies between header and footer, one after the other without gaps.

use std::fmt;

use super::cursor::Cursor;
use crate::{Error, Result};

/// Four ASCII letters that say what a section is. Upper-case first letter: critical, a reader that
/// does not know it must refuse the archive. Lower-case: ancillary, it may be skipped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SectionType(pub [u8; 4]);

impl SectionType {
    /// Parameters; always the first of a generation.
    pub const PARAMS: Self = SectionType(*b"PARM");
    /// A model that neural chunks need; before the first of them.
    pub const MODEL: Self = SectionType(*b"MODL");
    /// The file of a model that a section before it names; ancillary.
    pub const MODEL_FILE: Self = SectionType(*b"mfil");
    /// One coded chunk.
    pub const CHUNK: Self = SectionType(*b"CHNK");
    /// Long repeats in the content of the entries that follow.
    pub const REPEATS: Self = SectionType(*b"REPS");
    /// Entries whose content is complete.
    pub const ENTRIES: Self = SectionType(*b"ENTS");
    /// Paths of entries that an update has deleted or replaced.
    pub const GONE: Self = SectionType(*b"GONE");
    /// The index of the sections of a generation before it; always last.
    pub const INDEX: Self = SectionType(*b"INDX");

    /// Says whether a reader that does not know this type must refuse the archive.
    pub fn is_critical(self) -> bool {
        self.0[0].is_ascii_uppercase()
    }

    /// Says whether this version defines this type.
    pub fn is_known(self) -> bool {
        let kinds = [
            Self::PARAMS,
            Self::MODEL,
            Self::MODEL_FILE,
            Self::CHUNK,
            Self::REPEATS,
            Self::ENTRIES,
            Self::GONE,
            Self::INDEX,
        ];
        kinds.contains(&self)
    }

    /// Fails when the type is not four letters, or critical and unknown.
    pub(crate) fn check(self) -> Result<Self> {
        if !self.0.iter().all(u8::is_ascii_alphabetic) {
            return Err(Error::corrupt("a section type that is not four letters"));
        }
        if self.is_critical() && !self.is_known() {
            return Err(Error::Unsupported(format!("section type {self:?}")));
        }
        Ok(self)
    }
}

/// As errors name the section.
impl fmt::Display for SectionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {self:?}")
    }
}

impl fmt::Debug for SectionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// The sixteen bytes before a section's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionHeader {
    /// The type of the section.
    pub kind: SectionType,
    /// Bytes of its payload.
    pub len: u32,
    /// CRC-32 of its payload.
    pub crc: u32,
}

impl SectionHeader {
    /// Bytes of a section header.
    pub const LEN: usize = 16;

    /// The header for `payload`; fails when that is longer than a section can be.
    pub fn of(kind: SectionType, payload: &[u8]) -> Result<Self> {
        let len = u32::try_from(payload.len())
            .map_err(|_| Error::Unsupported(format!("a section {kind:?} of 4 GiB or more")))?;
        Ok(SectionHeader { kind, len, crc: crc32fast::hash(payload) })
    }

    /// Reads a section header and refuses an unknown critical type.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "section header");
        let kind = SectionType(cursor.array()?);
        let (len, crc) = (cursor.u32()?, cursor.u32()?);
        if cursor.u32()? != crc32fast::hash(&bytes[..12]) {
            return Err(cursor.corrupt("checksum mismatch"));
        }
        Ok(SectionHeader { kind: kind.check()?, len, crc })
    }

    /// The section header's bytes.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.kind.0);
        bytes[4..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..12]);
        bytes[12..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Bytes of the whole section, header and payload.
    pub fn section_len(self) -> u64 {
        Self::LEN as u64 + u64::from(self.len)
    }

    /// Fails unless `payload` has the checksum this header promises.
    pub fn verify(self, payload: &[u8]) -> Result<()> {
        if crc32fast::hash(payload) == self.crc {
            Ok(())
        } else {
            Err(Error::corrupt("checksum mismatch").within(self.kind))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips_and_every_flipped_bit_is_corrupt() {
        let header = SectionHeader::of(SectionType::CHUNK, b"payload").unwrap();
        assert_eq!(SectionHeader::parse(&header.to_bytes()).unwrap(), header);
        header.verify(b"payload").unwrap();
        assert!(header.verify(b"payloae").is_err());
        for bit in 0..16 * 8 {
            let mut bytes = header.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(SectionHeader::parse(&bytes), Err(Error::Corrupt(_))), "bit {bit}");
        }
    }

    #[test]
    fn unknown_types_are_critical_or_ancillary() {
        let parse = |kind| {
            SectionHeader::parse(&SectionHeader::of(SectionType(kind), b"").unwrap().to_bytes())
        };
        assert!(matches!(parse(*b"XTRA"), Err(Error::Unsupported(_))));
        assert!(parse(*b"xTRA").is_ok());
        assert!(matches!(parse(*b"a\0bc"), Err(Error::Corrupt(_))));
    }
}

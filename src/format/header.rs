//! The fixed-size ends of an archive: header and footer.

use super::cursor::Cursor;
use crate::error::{Container, Found};
use crate::{Error, Result};

/// The first eight bytes. The first is not ASCII, CR LF and LF break when a transfer "corrects"
/// line ends, and 1A stops a DOS `type`.
pub const MAGIC: [u8; 8] = *b"\x89LLZ\r\n\x1a\n";
/// The last eight bytes: the magic backwards.
pub const END_MAGIC: [u8; 8] = *b"\n\x1a\n\rZLL\x89";

/// The version this code writes: major (readers refuse a greater one).
pub const MAJOR: u8 = 1;
/// The version this code writes: minor (readers ignore it).
pub const MINOR: u8 = 0;

/// Incompatible feature bits this code knows: none yet. A reader refuses any other.
pub const KNOWN_INCOMPAT: u32 = 0;

/// The first 24 bytes of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Format version: a change that old readers cannot read.
    pub major: u8,
    /// Format version: a change that old readers can ignore.
    pub minor: u8,
    /// Features a reader must know.
    pub incompat: u32,
    /// Features a reader may ignore.
    pub compat: u32,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 24;

    /// The header this code writes.
    pub const CURRENT: Header = Header { major: MAJOR, minor: MINOR, incompat: 0, compat: 0 };

    /// Reads a header and refuses what this code cannot read.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "header");
        let magic: [u8; 8] = cursor.array()?;
        if magic != MAGIC {
            let found = match &magic {
                // CR LF or LF rewritten, or the top bit stripped.
                [0x89 | 0x09, b'L', b'L', b'Z', ..] => Found::TextModeDamage,
                // The magic of a stream (FORMAT.md, "Streams and messages").
                [0x8D, b'l', b'z', ..] => Found::Stream,
                _ => Found::Unknown,
            };
            return Err(Error::Foreign { expected: Container::Archive, found });
        }
        let (major, minor, reserved) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
        let (incompat, compat) = (cursor.u32()?, cursor.u32()?);
        if cursor.u32()? != crc32fast::hash(&bytes[..20]) {
            return Err(cursor.corrupt("checksum mismatch"));
        }
        // The checksum is right, so whatever is unknown now was meant.
        if major != MAJOR {
            return Err(Error::Unsupported(format!(
                "format version {major}.{minor} (this program reads version {MAJOR})"
            )));
        }
        if reserved != 0 {
            return Err(Error::Unsupported("reserved header field in use".into()));
        }
        let unknown = incompat & !KNOWN_INCOMPAT;
        if unknown != 0 {
            return Err(Error::Unsupported(format!("feature bits {unknown:#x}")));
        }
        Ok(Header { major, minor, incompat, compat })
    }

    /// The header's bytes.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = self.major;
        bytes[9] = self.minor;
        bytes[12..16].copy_from_slice(&self.incompat.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.compat.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// The last 28 bytes of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// The place of the index section, from the start of the archive.
    pub index_offset: u64,
    /// Bytes of the index section, its section header included.
    pub index_len: u32,
    /// The header's incompatible feature bits again.
    pub incompat: u32,
}

impl Footer {
    /// Bytes of a footer.
    pub const LEN: usize = 28;

    /// Reads a footer.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "footer");
        let footer = Footer {
            index_offset: cursor.u64()?,
            index_len: cursor.u32()?,
            incompat: cursor.u32()?,
        };
        let crc = cursor.u32()?;
        if cursor.array()? != END_MAGIC {
            return Err(cursor.corrupt(
                "the archive's end is missing: it was cut short, or something follows it",
            ));
        }
        if crc != crc32fast::hash(&bytes[..16]) {
            return Err(cursor.corrupt("checksum mismatch"));
        }
        Ok(footer)
    }

    /// The footer's bytes.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.index_offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.index_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.incompat.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..16]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        bytes[20..].copy_from_slice(&END_MAGIC);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one field changed and its checksum made right again.
    fn header_with(edit: impl FnOnce(&mut [u8; 24])) -> [u8; 24] {
        let mut bytes = Header::CURRENT.to_bytes();
        edit(&mut bytes);
        let crc = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn header_round_trips_and_tells_corrupt_from_unsupported() {
        assert_eq!(Header::parse(&Header::CURRENT.to_bytes()).unwrap(), Header::CURRENT);
        for edit in [8usize, 10, 11, 12, 15] {
            let bytes = header_with(|b| b[edit] ^= 0x40);
            assert!(matches!(Header::parse(&bytes), Err(Error::Unsupported(_))), "byte {edit}");
        }
        for edit in [9usize, 16, 19] {
            assert!(Header::parse(&header_with(|b| b[edit] ^= 0x40)).is_ok(), "byte {edit}");
        }
        for bit in 0..24 * 8 {
            let mut bytes = Header::CURRENT.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Header::parse(&bytes).unwrap_err();
            match bit {
                0..64 => assert!(matches!(error, Error::Foreign { .. }), "bit {bit}"),
                _ => assert!(matches!(error, Error::Corrupt(_)), "bit {bit}"),
            }
        }
    }

    #[test]
    fn footer_round_trips_and_every_flipped_bit_shows() {
        let footer = Footer { index_offset: 1 << 40, index_len: 77, incompat: 0 };
        assert_eq!(Footer::parse(&footer.to_bytes()).unwrap(), footer);
        for bit in 0..28 * 8 {
            let mut bytes = footer.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::parse(&bytes).is_err(), "bit {bit}");
        }
    }
}

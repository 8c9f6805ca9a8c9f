//! The short names of parameter sets: one byte instead of the 57 that spell them out.
//!
//! A number, once released, means the same parameters and the same model for ever. A new model or
//! mixer gets a new number; old numbers stay as long as this program can decode them.

use std::io::Read;

use super::MAGIC;
use super::frame::{fill, read_exact, read_varint};
#[cfg(feature = "encode")]
use crate::codec::ChunkCodec;
use crate::error::{Error, Result};
use crate::format::fields::{Fields, put_field};
use crate::format::integer::put_varint;
use crate::format::{CoderParams, ModelRef, NamedModel};
use crate::model::{NANO, SMALL};

/// All that a decoder must know before the first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Parameters of the mixer.
    pub params: CoderParams,
    /// The model of neural frames, where there are any.
    pub model: Option<NamedModel>,
}

/// Every built-in profile and its number. Number 0 is taken: it spells the profile out.
/// Messages have room for numbers up to 15.
pub const BUILT_IN: &[(u8, Profile)] = &[
    // Levels 6 to 9.
    (
        1,
        Profile {
            params: CoderParams { mixer: 3, table_bits: 24 },
            model: unnamed(SMALL.reference()),
        },
    ),
    // Levels 4 and 5.
    (
        2,
        Profile {
            params: CoderParams { mixer: 3, table_bits: 24 },
            model: unnamed(NANO.reference()),
        },
    ),
    // Level 1.
    (3, Profile { params: CoderParams { mixer: 2, table_bits: 24 }, model: None }),
    // Level 3.
    (4, Profile { params: CoderParams { mixer: 1, table_bits: 24 }, model: None }),
    // Level 2.
    (5, Profile { params: CoderParams { mixer: 5, table_bits: 24 }, model: None }),
];

/// The number that spells the profile out.
const EXPLICIT: u8 = 0;
/// Most bytes of an explicit block.
const MAX_BLOCK: u64 = 64 << 10;
// The numbers of its fields.
const MIXER: u64 = 0;
const MODEL: u64 = 2;

/// A stream does without its model's name: it is short.
const fn unnamed(reference: ModelRef) -> Option<NamedModel> {
    Some(NamedModel { name: None, reference })
}

/// The built-in profile of this number.
///
/// # Errors
/// [`Error::Unsupported`] if there is none.
pub(super) fn by_id(id: u8) -> Result<Profile> {
    let found = BUILT_IN.iter().find(|&&(known, _)| known == id);
    found.map(|(_, profile)| profile.clone()).ok_or_else(|| {
        Error::Unsupported(format!("built-in profile {id} is not known to this version"))
    })
}

impl Profile {
    /// The profile that `codec` codes with.
    #[cfg(feature = "encode")]
    pub(super) fn of(codec: &ChunkCodec) -> Self {
        let model = codec.named_model().and_then(|model| unnamed(model.reference));
        Profile { params: codec.params(), model }
    }

    /// Its number, if it is built in.
    pub fn id(&self) -> Option<u8> {
        BUILT_IN.iter().find(|(_, profile)| profile == self).map(|&(id, _)| id)
    }

    /// Appends the start of a stream: magic and profile, by number where it has one.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        if let Some(id) = self.id() {
            out.push(id);
            return;
        }
        let mut block = Vec::new();
        put_field(&mut block, MIXER, &self.params.to_bytes());
        if let Some(model) = &self.model {
            put_field(&mut block, MODEL, &model.to_payload());
        }
        out.push(EXPLICIT);
        put_varint(out, block.len() as u64);
        out.extend(block);
        let crc = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// Reads what follows the magic. Also returns how many bytes that was.
    pub(super) fn read(input: &mut impl Read) -> Result<(Self, u64)> {
        let [id] = read_exact(input)?;
        if id != EXPLICIT {
            return Ok((by_id(id)?, 1));
        }
        let (length, size) = read_varint(input)?;
        if length > MAX_BLOCK {
            return Err(Error::corrupt("parameters of a stream that are too long"));
        }
        let mut block = vec![0; length as usize];
        fill(input, &mut block)?;
        let mut start = [&MAGIC[..], &[EXPLICIT]].concat();
        put_varint(&mut start, length);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&start);
        hasher.update(&block);
        if u32::from_le_bytes(read_exact(input)?) != hasher.finalize() {
            return Err(Error::corrupt("the stream's parameters do not match their checksum"));
        }
        let profile = Self::from_block(&block)?;
        Ok((profile, 1 + size + length + 4))
    }

    /// The profile that a checked block spells out.
    fn from_block(block: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(block, "the stream's parameters");
        let (mut params, mut model) = (None, None);
        while let Some((number, mut field)) = fields.next()? {
            match number {
                MIXER => params = Some(CoderParams::from_bytes(field.array()?)),
                MODEL => model = Some(NamedModel::parse(field.take_rest())?),
                _ => {
                    fields.pass_over(number)?;
                    continue;
                }
            }
            field.finish()?;
        }
        Ok(Profile { params: fields.need(MIXER, params)?, model })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{ChunkCodec, EncodeOptions, Level};
    use crate::format::EngineRef;

    fn explicit() -> Profile {
        Profile {
            params: CoderParams { mixer: 77, table_bits: 18 },
            model: unnamed(ModelRef {
                sha256: [7; 32],
                tokenizer: *b"tokenize",
                engine: EngineRef::Portable { profile: 1, fingerprint: 0x0123_4567_89AB_CDEF },
            }),
        }
    }

    fn round_trip(profile: Profile) -> (Profile, Vec<u8>) {
        let mut bytes = Vec::new();
        profile.write(&mut bytes);
        let (back, length) = Profile::read(&mut &bytes[MAGIC.len()..]).unwrap();
        assert_eq!(length as usize, bytes.len() - MAGIC.len());
        (back, bytes)
    }

    #[test]
    fn numbers_are_unique_and_never_zero() {
        let mut ids: Vec<u8> = BUILT_IN.iter().map(|&(id, _)| id).collect();
        ids.dedup();
        assert!(ids.is_sorted() && ids.len() == BUILT_IN.len() && !ids.contains(&EXPLICIT));
        for (at, (_, profile)) in BUILT_IN.iter().enumerate() {
            assert!(BUILT_IN[..at].iter().all(|(_, earlier)| earlier != profile));
        }
    }

    #[test]
    fn every_level_has_a_number() {
        for level in 1..=9 {
            let level = Level::new(level).unwrap();
            let options = EncodeOptions { level, ..EncodeOptions::default() };
            let codec = ChunkCodec::for_encoding(&options).unwrap();
            let profile = Profile::of(&codec);
            assert!(profile.id().is_some(), "level {} needs {profile:#x?}", level.get());
        }
    }

    #[test]
    fn a_built_in_profile_costs_one_byte() {
        for (id, profile) in BUILT_IN {
            let (back, bytes) = round_trip(profile.clone());
            assert_eq!((&back, bytes[3], bytes.len()), (profile, *id, 4));
        }
    }

    #[test]
    fn an_explicit_profile_survives_and_is_guarded() {
        let (back, bytes) = round_trip(explicit());
        assert_eq!(back, explicit());
        assert_eq!(bytes.len(), 3 + 2 + 4 + 2 + (34 + 10 + 12) + 4);
        let without = Profile { model: None, ..explicit() };
        assert_eq!(round_trip(without.clone()).0, without);
        for bit in 4 * 8..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = Profile::read(&mut &damaged[MAGIC.len()..]).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "bit {bit}: {error}");
        }
    }

    #[test]
    fn unknown_numbers_and_fields_are_unsupported() {
        let error = Profile::read(&mut [255].as_slice()).unwrap_err();
        assert!(matches!(error, Error::Unsupported(what) if what.contains("255")));
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[0, 6, 0, 2, 1, 22, 4, 0]);
        bytes.extend_from_slice(&crc32fast::hash(&bytes.clone()).to_le_bytes());
        let error = Profile::read(&mut &bytes[MAGIC.len()..]).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
    }
}

//! `MODL`: the name of a model, as archives and streams write it.

use super::cursor::Cursor;
use super::fields::{Fields, put_field, put_text};
use super::integer::put_varint;
use super::section::SectionHeader;
use crate::{Error, Result};

/// The name of a model in a container: enough to find the very same one, and to refuse any other.
///
/// The container only carries it. The codec compares it with the model at hand: a neural chunk decodes only where
/// all of it agrees, because one rounding that differs makes everything after it noise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// SHA-256 of the model file.
    pub sha256: [u8; 32],
    /// First eight bytes of the SHA-256 of the vocabulary (FORMAT.md says over what).
    pub tokenizer: [u8; 8],
    /// The engine that computes the model.
    pub engine: EngineRef,
}

/// An engine computes a model; this is how containers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineRef {
    /// Arithmetic that every machine reproduces.
    Portable {
        /// Numeric profile: the number of the arithmetic (FORMAT.md).
        profile: u8,
        /// Engine fingerprint: what this arithmetic makes of a fixed token sequence.
        fingerprint: u64,
    },
    /// A device, whose arithmetic only the same device reproduces.
    Device(DeviceRef),
}

/// A device with what runs on it, as containers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRef {
    /// The device itself.
    pub adapter: String,
    /// Its driver, with the version.
    pub driver: String,
    /// The interface through which it is used.
    pub backend: String,
    /// Its schedule: every call takes one token of each of so many chunks.
    pub lanes: u32,
    /// A checksum of what it makes of a fixed token sequence.
    pub fingerprint: u64,
}

/// A model as a container names it, with what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedModel {
    /// The name it is called by, if the container says so. It is for people and proves nothing.
    pub name: Option<String>,
    /// The model itself.
    pub reference: ModelRef,
}

/// Longest payload of `MODL`.
pub(crate) const MAX_MODEL: u32 = 64 << 10;
/// Longest name.
const MAX_NAME: usize = 255;

const WHAT: &str = "section MODL";

// The numbers of its fields.
const SHA256: u64 = 0;
const NAME: u64 = 1;
const TOKENIZER: u64 = 2;
const ENGINE: u64 = 4;

// The kinds of engines.
const PORTABLE: u8 = 0;
const DEVICE: u8 = 1;

impl NamedModel {
    /// A model of this name, which is left out where no container can hold it.
    pub fn new(name: &str, reference: ModelRef) -> Self {
        let fits = (1..=MAX_NAME).contains(&name.len());
        NamedModel { name: fits.then(|| name.into()), reference }
    }

    pub(crate) fn to_payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_field(&mut out, SHA256, &self.reference.sha256);
        if let Some(name) = &self.name {
            put_field(&mut out, NAME, name.as_bytes());
        }
        put_field(&mut out, TOKENIZER, &self.reference.tokenizer);
        put_field(&mut out, ENGINE, &self.reference.engine.to_bytes());
        out
    }

    /// Bytes of a section `MODL` for it.
    #[cfg_attr(not(feature = "fs"), allow(dead_code))]
    pub(crate) fn section_len(&self) -> usize {
        SectionHeader::LEN + self.to_payload().len()
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(payload, WHAT);
        let (mut sha256, mut tokenizer, mut engine, mut name) = (None, None, None, None);
        while let Some((number, mut field)) = fields.next()? {
            match number {
                SHA256 => sha256 = Some(field.array()?),
                NAME => {
                    let bytes = field.take_rest();
                    name = Some(text(&field, bytes)?);
                }
                TOKENIZER => tokenizer = Some(field.array()?),
                ENGINE => engine = Some(EngineRef::parse(&mut field)?),
                _ => {
                    fields.pass_over(number)?;
                    continue;
                }
            }
            field.finish()?;
        }
        let reference = ModelRef {
            sha256: fields.need(SHA256, sha256)?,
            tokenizer: fields.need(TOKENIZER, tokenizer)?,
            engine: fields.need(ENGINE, engine)?,
        };
        Ok(NamedModel { name, reference })
    }
}

impl EngineRef {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let fingerprint = match self {
            EngineRef::Portable { profile, fingerprint } => {
                out.extend([PORTABLE, *profile]);
                fingerprint
            }
            EngineRef::Device(DeviceRef { adapter, driver, backend, lanes, fingerprint }) => {
                out.push(DEVICE);
                [adapter, driver, backend].into_iter().for_each(|name| put_text(&mut out, name));
                put_varint(&mut out, u64::from(*lanes));
                fingerprint
            }
        };
        out.extend(fingerprint.to_le_bytes());
        out
    }

    fn parse(field: &mut Cursor) -> Result<Self> {
        match field.u8()? {
            PORTABLE => {
                Ok(EngineRef::Portable { profile: field.u8()?, fingerprint: field.u64()? })
            }
            DEVICE => {
                let mut names = [const { String::new() }; 3];
                for name in &mut names {
                    let len = field.count(1)?;
                    let bytes = field.take(len)?;
                    *name = text(field, bytes)?;
                }
                let [adapter, driver, backend] = names;
                let (lanes, fingerprint) = (field.varint_u32()?, field.u64()?);
                if lanes == 0 {
                    return Err(field.corrupt("a schedule without lanes"));
                }
                Ok(EngineRef::Device(DeviceRef { adapter, driver, backend, lanes, fingerprint }))
            }
            kind => Err(Error::Unsupported(format!("a model's engine of kind {kind}"))),
        }
    }
}

/// The name that these bytes of a field are.
fn text(field: &Cursor, bytes: &[u8]) -> Result<String> {
    if !(1..=MAX_NAME).contains(&bytes.len()) {
        return Err(field.corrupt("a name that is empty or too long"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| field.corrupt("a name that is not UTF-8"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(engine: EngineRef) -> NamedModel {
        NamedModel::new("base", ModelRef { sha256: [7; 32], tokenizer: *b"tokenize", engine })
    }

    fn portable() -> NamedModel {
        model(EngineRef::Portable { profile: 3, fingerprint: 0x0123_4567_89AB_CDEF })
    }

    fn device() -> NamedModel {
        model(EngineRef::Device(DeviceRef {
            adapter: "Adapter 9".into(),
            driver: "driver 1.2".into(),
            backend: "backend".into(),
            lanes: 64,
            fingerprint: 99,
        }))
    }

    #[test]
    fn both_kinds_of_engines_round_trip() {
        for named in [portable(), device(), NamedModel { name: None, ..portable() }] {
            let payload = named.to_payload();
            assert_eq!(NamedModel::parse(&payload).unwrap(), named);
            for end in 0..payload.len() {
                assert!(matches!(NamedModel::parse(&payload[..end]), Err(Error::Corrupt(_))), "{end}");
            }
        }
    }

    #[test]
    fn names_that_no_container_holds_are_left_out() {
        let named = |name: &str| NamedModel::new(name, portable().reference).name;
        assert_eq!((named(""), named(&"n".repeat(256))), (None, None));
        assert_eq!(named("n"), Some("n".into()));
    }

    #[test]
    fn unknown_fields_and_engines_say_what_they_need() {
        let mut payload = portable().to_payload();
        put_field(&mut payload, 5, b"anything");
        assert_eq!(NamedModel::parse(&payload).unwrap(), portable());
        put_field(&mut payload, 6, b"");
        assert!(matches!(NamedModel::parse(&payload), Err(Error::Unsupported(_))));
        let mut payload = Vec::new();
        put_field(&mut payload, ENGINE, &[2]);
        assert!(matches!(NamedModel::parse(&payload), Err(Error::Unsupported(_))));
    }

    #[test]
    fn names_are_held_to_their_rules() {
        for bad in [&b""[..], b"\xff", &[b'n'; 256]] {
            let mut payload = Vec::new();
            put_field(&mut payload, NAME, bad);
            assert!(matches!(NamedModel::parse(&payload), Err(Error::Corrupt(_))), "{bad:?}");
        }
    }
}

//! One chunk's bytes ⇄ coded bytes, behind one [`Engine`].
//!
//! A chunk is coded alone: nothing adaptive crosses its boundary, so chunks can be coded and
//! decoded in any order and in parallel, and the bytes never depend on how many were in flight.
#![forbid(unsafe_code)]

mod choose;
mod engine;
pub(crate) mod frame;
mod isa;
mod mix;
mod neural;
pub mod spell;

use crate::error::{Error, Result};
use crate::limits::Limits;

pub use engine::Engine;

/// How one chunk is coded; stored with the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CodecId {
    /// The raw bytes themselves.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
    /// Context mixing without a model.
    Mix = 2,
    /// Context mixing around the language model.
    Neural = 3,
}

impl CodecId {
    /// The codec with this number, if this version knows it.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(CodecId::Stored),
            1 => Some(CodecId::Zstd),
            2 => Some(CodecId::Mix),
            3 => Some(CodecId::Neural),
            _ => None,
        }
    }

    /// Its name as shown to people.
    pub fn name(self) -> &'static str {
        match self {
            CodecId::Stored => "stored",
            CodecId::Zstd => "zstd",
            CodecId::Mix => "mix",
            CodecId::Neural => "neural",
        }
    }
}

/// Parameters of the `mix` and `neural` codecs that a decoder must know; recorded once per archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoderParams {
    /// Mixer profile: which contexts, weight sets and refinements, by number (FORMAT.md).
    pub mixer: u8,
    /// log2 of the bytes of the context table at the full chunk size.
    pub table_bits: u8,
}

/// What names a model in an archive: enough to find the very same one, and to refuse any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelRef {
    /// SHA-256 of the model file.
    pub sha256: [u8; 32],
    /// First eight bytes of the SHA-256 of the vocabulary (FORMAT.md says over what).
    pub tokenizer: [u8; 8],
    /// Numeric profile ([`crate::kernel::NUMERIC_PROFILE`]).
    pub profile: u8,
    /// Engine fingerprint: what this arithmetic makes of a fixed token sequence.
    pub fingerprint: u64,
}

/// A chunk after coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// How it was coded.
    pub codec: CodecId,
    /// The coded bytes.
    pub bytes: Vec<u8>,
}

/// A chunk to decode.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// How it was coded.
    pub codec: CodecId,
    /// The coded bytes.
    pub coded: &'a [u8],
    /// The length it must decode to; the caller has checked it against [`Limits::chunk_bytes`].
    pub raw_len: usize,
}

/// How hard to try, 1 (fast, no model) to 9 (best model).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// The default: the embedded model with full mixing.
    pub const DEFAULT: Level = Level(6);

    /// A level from 1 to 9.
    pub fn new(level: u8) -> Result<Self> {
        match level {
            1..=9 => Ok(Level(level)),
            _ => Err(Error::Usage(format!("level {level} is not between 1 and 9"))),
        }
    }

    /// Its number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// How an [`Engine`] is made.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Compression level; decoding ignores it.
    pub level: Level,
    /// Worker threads; 0 means one per available core. Never changes the output.
    pub threads: usize,
    /// A model to use instead of the built-in ones: a file, or the name of an installed one
    /// ([`installed`](crate::model::installed)). Reading an archive finds an installed model without it.
    pub model: Option<std::path::PathBuf>,
    /// Memory and chunk limits.
    pub limits: Limits,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions { level: Level::DEFAULT, threads: 0, model: None, limits: Limits::default() }
    }
}

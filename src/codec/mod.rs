//! One chunk's bytes ⇄ coded bytes, behind one [`Engine`].
//!
//! A chunk is coded alone: nothing adaptive crosses its boundary, so chunks can be coded and
//! decoded in any order and in parallel, and the bytes never depend on how many were in flight.

pub(crate) mod content;
mod engine;
mod mix;
mod neural;
pub mod spell;

use crate::error::{Error, Result};
use crate::format::CodecId;
use crate::limits::Limits;

pub use engine::Engine;

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

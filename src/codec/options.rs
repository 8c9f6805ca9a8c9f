//! The choices of callers for coding and for decoding.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::CoderId;
use crate::limits::Limits;
use crate::model::{Backend, BuiltInModels, Cpu, Loaded, ModelStore};

/// The effort of packing: 1 to 3 use contexts alone, more of them at each; 4 and 5 the built-in model `nano`, 6 to 9 `small`.
/// A higher level with the same model takes larger chunks, and level 9 tries every codec on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// The default: the model `small` and chunks of 1 MiB.
    pub const DEFAULT: Level = Level(6);

    /// A level from 1 to 9.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other number.
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

impl Default for Level {
    fn default() -> Self {
        Level::DEFAULT
    }
}

/// The options for coding.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    /// Compression level.
    pub level: Level,
    /// A model to use instead of the level's own.
    pub model: Option<Loaded>,
    /// The coder of tokens; all but the default need a model and are for comparison.
    pub coder: CoderId,
    /// Greatest number of raw bytes in one chunk; `None` is the level's own default.
    pub chunk_size: Option<usize>,
    /// Most worker threads; 0 means one per available core. The output never depends on it.
    pub threads: usize,
    /// Bounds; here on memory, and on the size of a chunk.
    pub limits: Limits,
    /// The name of the instruction set to use; `None` is the fastest of this machine. All give the same bits.
    pub instruction_set: Option<String>,
    /// The place where models run; by default the processor.
    pub backend: Arc<dyn Backend>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        EncodeOptions {
            level: Level::DEFAULT,
            model: None,
            coder: CoderId::Mix,
            chunk_size: None,
            threads: 0,
            limits: Limits::default(),
            instruction_set: None,
            backend: Arc::new(Cpu),
        }
    }
}

/// The options for decoding.
#[derive(Debug, Clone)]
pub struct DecodeOptions {
    /// The store that models come from; by default it has only those of this library.
    pub models: Arc<dyn ModelStore>,
    /// Most worker threads; 0 means one per available core.
    pub threads: usize,
    /// Bounds on what the data may make this program do.
    pub limits: Limits,
    /// The name of the instruction set to use; `None` is the fastest of this machine. All give the same bits.
    pub instruction_set: Option<String>,
    /// The place where models run; by default the processor.
    pub backend: Arc<dyn Backend>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        DecodeOptions {
            models: Arc::new(BuiltInModels),
            threads: 0,
            limits: Limits::default(),
            instruction_set: None,
            backend: Arc::new(Cpu),
        }
    }
}

impl DecodeOptions {
    /// The defaults under these limits.
    pub fn with_limits(limits: Limits) -> Self {
        DecodeOptions { limits, ..Self::default() }
    }
}

/// The threads to use: as many as asked for, or as this machine has cores.
pub(super) fn threads(asked: usize) -> usize {
    match asked {
        _ if cfg!(not(feature = "threads")) => 1,
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}

//! The settings under a level.

use crate::mixer::{self, Profile};
use crate::model::{NANO, SMALL};

use super::Level;

/// The meaning of a level.
pub(super) struct LevelSettings {
    pub profile: &'static Profile,
    /// The built-in model, where the level uses one.
    pub model: Option<&'static str>,
    /// Bytes of a chunk.
    pub chunk: usize,
    /// Says whether every codec is tried on every chunk, and not only those that a look at it suggests.
    pub exhaustive: bool,
}

impl LevelSettings {
    /// Levels 1 to 3 differ in their contexts. With a model, the lower level of a pair has the smaller chunks: more cores
    /// can work at them, and the higher one is smaller. docs/measurements.md has the size of some chunk sizes, and size and
    /// speed of every level.
    pub fn of(level: Level) -> Self {
        let (nano, small) = (Some(NANO.name), Some(SMALL.name));
        let (profile, model, chunk) = match level.get() {
            1 => (&mixer::FAST, None, 2 << 20),
            2 => (&mixer::MEDIUM, None, 4 << 20),
            3 => (&mixer::FULL, None, 8 << 20),
            4 => (&mixer::NEURAL, nano, 1 << 20),
            5 => (&mixer::NEURAL, nano, 8 << 20),
            6 => (&mixer::NEURAL, small, 1 << 20),
            7 => (&mixer::NEURAL, small, 2 << 20),
            8 => (&mixer::NEURAL, small, 8 << 20),
            _ => (&mixer::NEURAL, small, 16 << 20),
        };
        LevelSettings { profile, model, chunk, exhaustive: level.get() == 9 }
    }
}

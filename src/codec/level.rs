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
}

impl LevelSettings {
    /// Which level takes which model and chunk size was chosen, not measured level by level. docs/measurements.md has the
    /// size of some chunk sizes, and size and speed of every level.
    pub fn of(level: Level) -> Self {
        let (nano, small) = (Some(NANO.name), Some(SMALL.name));
        let (profile, model, chunk) = match level.get() {
            1 => (&mixer::FAST, None, 2 << 20),
            2 => (&mixer::FULL, None, 2 << 20),
            3 => (&mixer::FULL, None, 8 << 20),
            4 => (&mixer::NEURAL, nano, 2 << 20),
            5 => (&mixer::NEURAL, nano, 8 << 20),
            6 => (&mixer::NEURAL, small, 1 << 20),
            7 => (&mixer::NEURAL, small, 2 << 20),
            8 => (&mixer::NEURAL, small, 4 << 20),
            _ => (&mixer::NEURAL, small, 16 << 20),
        };
        LevelSettings { profile, model, chunk }
    }
}

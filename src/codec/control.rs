//! Work on a chunk counts its progress here, and is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::progress::Progress;

/// Passed down to whatever works on a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control<'a> {
    progress: &'a Progress,
    /// Set when the run has failed elsewhere, so that its results are not wanted any more.
    aborted: &'a AtomicBool,
    counts: bool,
}

impl<'a> Control<'a> {
    pub fn new(progress: &'a Progress, aborted: &'a AtomicBool) -> Self {
        Control { progress, aborted, counts: true }
    }

    /// The same without counting, for a second trial of the same bytes.
    pub fn uncounted(self) -> Self {
        Control { counts: false, ..self }
    }

    /// Fails when the work is to stop.
    pub fn check(&self) -> Result<()> {
        if self.aborted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        self.progress.check()
    }

    /// Counts finished raw bytes.
    pub fn add(&self, bytes: usize) {
        if self.counts {
            self.progress.add(bytes as u64);
        }
    }
}

//! The scheduler without threads: the caller's thread pulls a job, works on it, and delivers its result.

use std::cell::{Cell, RefCell};

use crate::error::{Error, Result};
use crate::progress::Progress;

use super::control::Control;
use super::scheduler::{Flow, Jobs, Work};

struct Inline<'f, 'a, W: Work> {
    flow: RefCell<Flow<'a, W>>,
    /// Jobs that were admitted and not taken yet, in reverse order.
    at_hand: RefCell<Vec<(usize, W::Job)>>,
    /// The first error of source or sink; no job is given out after it.
    error: Cell<Option<Error>>,
    progress: &'f Progress,
}

/// Runs everything on the calling thread.
pub(super) fn run<W: Work>(
    work: &W,
    flow: Flow<'_, W>,
    mut at_hand: Vec<(usize, W::Job)>,
    helpers: usize,
    progress: &Progress,
) -> Result<()> {
    at_hand.reverse();
    let inline = Inline {
        flow: RefCell::new(flow),
        at_hand: RefCell::new(at_hand),
        error: Cell::new(None),
        progress,
    };
    work.work(&inline, helpers)?;
    inline.error.take().map_or(Ok(()), Err)
}

impl<W: Work> Inline<'_, '_, W> {
    /// Refills what is at hand by one job.
    fn refill(&self) {
        let failed = self.error.take();
        let stop = failed.is_some();
        self.error.set(failed);
        let mut at_hand = self.at_hand.borrow_mut();
        if stop {
            at_hand.clear();
        } else if at_hand.is_empty() {
            match self.flow.borrow_mut().admit() {
                Ok(job) => at_hand.extend(job),
                Err(error) => self.error.set(Some(error)),
            }
        }
    }
}

impl<W: Work> Jobs<W::Job, W::Done> for Inline<'_, '_, W> {
    fn next(&self) -> Option<(usize, W::Job)> {
        self.refill();
        self.at_hand.borrow_mut().pop()
    }

    fn another(&self) -> Option<(usize, W::Job)> {
        self.refill();
        let mut at_hand = self.at_hand.borrow_mut();
        at_hand.pop_if(|(_, job)| W::has_lanes(job))
    }

    fn done(&self, number: usize, done: W::Done) {
        if let Err(error) = self.flow.borrow_mut().deliver(number, done) {
            self.error.set(Some(error));
        }
    }

    fn control(&self) -> Control<'_> {
        Control::new(self.progress, None)
    }
}

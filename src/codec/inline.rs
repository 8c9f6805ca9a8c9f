//! The scheduler without threads: the caller's thread pulls a job, works on it, and delivers its result.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Set with the error: what is in work in other lanes is not wanted any more.
    aborted: AtomicBool,
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
        aborted: AtomicBool::new(false),
        progress,
    };
    let worked = work.work(&inline, helpers);
    // An error of source or sink is what made the work stop.
    inline.error.take().map_or(worked, Err)
}

impl<W: Work> Inline<'_, '_, W> {
    /// Refills what is at hand by one job.
    fn refill(&self) {
        let mut at_hand = self.at_hand.borrow_mut();
        if self.aborted.load(Ordering::Relaxed) {
            at_hand.clear();
        } else if at_hand.is_empty() {
            match self.flow.borrow_mut().admit() {
                Ok(job) => at_hand.extend(job),
                Err(error) => self.fail(error),
            }
        }
    }

    /// Keeps the first error and ends the work.
    fn fail(&self, error: Error) {
        if !self.aborted.swap(true, Ordering::Relaxed) {
            self.error.set(Some(error));
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
        if self.aborted.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.flow.borrow_mut().deliver(number, done) {
            self.fail(error);
        }
    }

    fn control(&self) -> Control<'_> {
        Control::new(self.progress, &self.aborted)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::super::scheduler::Resources;
    use super::*;

    /// Two jobs at a time; a job is its number of steps.
    #[derive(Default)]
    struct Steps {
        made: AtomicU32,
    }

    impl Work for Steps {
        type Job = u32;
        type Done = ();

        fn job_bytes(&self, _: &u32) -> u64 {
            1
        }
        fn done_bytes(&self, (): &()) -> u64 {
            0
        }
        fn lanes(&self) -> usize {
            2
        }
        fn has_lanes(_: &u32) -> bool {
            true
        }
        fn work(&self, jobs: &dyn Jobs<u32, ()>, _: usize) -> Result<()> {
            let mut lanes: Vec<_> = jobs.next().into_iter().collect();
            lanes.extend(jobs.another());
            while !lanes.is_empty() {
                jobs.control().check()?;
                self.made.fetch_add(1, Ordering::Relaxed);
                lanes.iter_mut().for_each(|(_, left)| *left -= 1);
                lanes.extract_if(.., |(_, left)| *left == 0).for_each(|(number, _)| jobs.done(number, ()));
                lanes.extend(jobs.another());
            }
            Ok(())
        }
    }

    #[test]
    fn after_an_error_of_source_or_sink_the_other_lanes_stop() {
        let enough = || Error::Unsupported("enough".into());
        for fails in ["source", "sink"] {
            let (mut pulled, progress) = (0, Progress::default());
            let mut source = || {
                pulled += 1;
                match pulled {
                    1 => Ok(Some(3)),
                    2 => Ok(Some(1000)),
                    _ if fails == "source" => Err(enough()),
                    _ => Ok(None),
                }
            };
            let mut sink = |()| if fails == "sink" { Err(enough()) } else { Ok(()) };
            let resources = Resources { threads: 1, memory: 10, worker_bytes: 0, limit: 10 };
            let work = Steps::default();
            let mut flow = Flow::new(&work, &mut source, &mut sink, resources);
            let first = flow.admit_first(resources).unwrap().unwrap();
            let outcome = run(&work, flow, vec![first], 0, &progress);
            assert!(matches!(outcome, Err(Error::Unsupported(_))), "{fails}");
            assert_eq!(work.made.into_inner(), 3, "{fails}");
        }
    }
}

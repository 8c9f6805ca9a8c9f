//! Jobs in, results out in order, on several threads, within a bound of memory.
//!
//! Everything that codes chunks goes through [`run`]: archives, streams and single messages. The calling thread
//! pulls jobs from a source and hands results to a sink in the order of the jobs. Workers take jobs as soon as
//! they have room. Nothing waits for a whole batch. A job is admitted when its memory fits beside that of the jobs
//! in work and of the results that wait for their turn, so memory is counted in one place.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::limits::Bound;
use crate::progress::Progress;

use super::control::Control;
#[cfg(feature = "threads")]
use super::crew;

/// A kind of work on chunks.
pub(super) trait Work: Sync {
    /// One chunk to work on.
    type Job: Send;
    /// The result.
    type Done: Send;

    /// Bytes that a job takes from its admission until it is done.
    fn job_bytes(&self, job: &Self::Job) -> u64;

    /// Bytes that a result takes until it is delivered.
    fn done_bytes(&self, done: &Self::Done) -> u64;

    /// Most jobs that one worker has in work at the same time.
    fn lanes(&self) -> usize;

    /// Says whether a worker can have this job in work beside others. While it works on any other kind of job it takes
    /// no second one.
    fn has_lanes(job: &Self::Job) -> bool;

    /// Takes jobs until there are none. Each worker runs this once.
    ///
    /// # Errors
    /// An error that ends the whole run: an interrupt, or the failure of a device. The failure of one job belongs into its
    /// result.
    fn work(&self, jobs: &dyn Jobs<Self::Job, Self::Done>, helpers: usize) -> Result<()>;
}

/// A worker's view of the jobs.
pub(super) trait Jobs<J, D> {
    /// The next job and its number; waits for it. `None` when there are no more. For a worker without a job.
    fn next(&self) -> Option<(usize, J)>;

    /// One more job with lanes for a worker that has some in work, if one is at hand and no other worker has fewer.
    /// Does not wait.
    fn another(&self) -> Option<(usize, J)>;

    /// Delivers the result of a job.
    fn done(&self, number: usize, done: D);

    /// Counts progress and says when to stop.
    fn control(&self) -> Control<'_>;
}

/// The resources of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resources {
    /// Most worker threads, at least 1.
    pub threads: usize,
    /// Bytes for jobs, results and workers.
    pub memory: u64,
    /// Bytes that each worker takes beside its jobs.
    pub worker_bytes: u64,
    /// The limit to name where `memory` does not suffice for a single job.
    pub limit: u64,
}

/// Runs all jobs of `source` and hands their results to `sink`, in order.
///
/// # Errors
/// The first error of source, sink or a worker; [`Error::Limit`] where one job alone does not fit the memory;
/// [`Error::Interrupted`].
pub(super) fn run<W: Work>(
    work: &W,
    resources: Resources,
    source: &mut dyn FnMut() -> Result<Option<W::Job>>,
    sink: &mut dyn FnMut(W::Done) -> Result<()>,
    progress: &Progress,
) -> Result<()> {
    let mut flow = Flow::new(work, source, sink, resources);
    let Some(first) = flow.admit_first(resources)? else { return Ok(()) };
    let mut at_hand = vec![first];
    // All that is known before the workers start decides how many there are.
    while at_hand.len() < flow.most_in_work {
        match flow.admit()? {
            Some(job) => at_hand.push(job),
            None => break,
        }
    }
    let workers = flow.workers.min(at_hand.len());
    // Threads without a job of their own help with one, where no more jobs will come.
    let helpers = if flow.ended { resources.threads / workers - 1 } else { 0 };
    #[cfg(feature = "threads")]
    if at_hand.len() > 1 || !flow.ended {
        return crew::run(work, flow, at_hand, workers, helpers, progress);
    }
    super::inline::run(work, flow, at_hand, helpers, progress)
}

/// Admits jobs and delivers results: the side of a run that its caller's thread has.
pub(super) struct Flow<'a, W: Work> {
    work: &'a W,
    source: &'a mut dyn FnMut() -> Result<Option<W::Job>>,
    sink: &'a mut dyn FnMut(W::Done) -> Result<()>,
    /// Most workers that the memory allows.
    pub workers: usize,
    /// Most jobs that are admitted and not done.
    pub most_in_work: usize,
    /// Says whether the source has no more.
    pub ended: bool,
    /// Bytes for jobs and results.
    memory: u64,
    limit: u64,
    used: u64,
    /// A job that did not fit when it was pulled.
    held: Option<(W::Job, u64)>,
    /// Jobs admitted so far.
    admitted: usize,
    /// Results delivered so far.
    delivered: usize,
    /// Bytes of each job in work.
    in_work: BTreeMap<usize, u64>,
    /// Results that wait for earlier ones, with their bytes.
    waiting: BTreeMap<usize, (W::Done, u64)>,
}

impl<'a, W: Work> Flow<'a, W> {
    pub(super) fn new(
        work: &'a W,
        source: &'a mut dyn FnMut() -> Result<Option<W::Job>>,
        sink: &'a mut dyn FnMut(W::Done) -> Result<()>,
        resources: Resources,
    ) -> Self {
        Flow {
            work,
            source,
            sink,
            workers: 1,
            most_in_work: 1,
            ended: false,
            memory: 0,
            limit: resources.limit,
            used: 0,
            held: None,
            admitted: 0,
            delivered: 0,
            in_work: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Pulls the first job and divides the memory between workers and jobs by its size.
    pub(super) fn admit_first(&mut self, resources: Resources) -> Result<Option<(usize, W::Job)>> {
        let Some(job) = self.pull()? else { return Ok(None) };
        let bytes = self.work.job_bytes(&job);
        let each = resources.worker_bytes.saturating_add(bytes).max(1);
        let fit = usize::try_from(resources.memory / each).unwrap_or(usize::MAX);
        self.workers = fit.clamp(1, resources.threads.max(1));
        let for_workers = resources.worker_bytes.saturating_mul(self.workers as u64);
        self.memory = resources.memory.saturating_sub(for_workers);
        // A second job for each worker is at hand when its first is done.
        self.most_in_work = self.workers.saturating_mul(self.work.lanes().max(2));
        self.held = Some((job, bytes));
        self.admit()
    }

    fn pull(&mut self) -> Result<Option<W::Job>> {
        if self.ended {
            return Ok(None);
        }
        let job = (self.source)()?;
        self.ended = job.is_none();
        Ok(job)
    }

    /// The next job with its number, if there is one and its memory fits now.
    pub fn admit(&mut self) -> Result<Option<(usize, W::Job)>> {
        if self.in_work.len() >= self.most_in_work {
            return Ok(None);
        }
        let (job, bytes) = match self.held.take() {
            Some(held) => held,
            None => match self.pull()? {
                Some(job) => {
                    let bytes = self.work.job_bytes(&job);
                    (job, bytes)
                }
                None => return Ok(None),
            },
        };
        if self.used.saturating_add(bytes) > self.memory {
            if self.used == 0 {
                return Err(Error::Limit {
                    what: format!("the {bytes} bytes of memory that one chunk takes"),
                    limit: self.limit,
                    bound: Bound::Memory,
                });
            }
            self.held = Some((job, bytes));
            return Ok(None);
        }
        let number = self.admitted;
        self.admitted += 1;
        self.used += bytes;
        self.in_work.insert(number, bytes);
        Ok(Some((number, job)))
    }

    /// Takes in a result and delivers all that are next in order.
    pub fn deliver(&mut self, number: usize, done: W::Done) -> Result<()> {
        let bytes = self.work.done_bytes(&done);
        let freed = self.in_work.remove(&number).unwrap_or(0);
        self.used = self.used - freed + bytes;
        self.waiting.insert(number, (done, bytes));
        while let Some((done, bytes)) = self.waiting.remove(&self.delivered) {
            self.delivered += 1;
            self.used -= bytes;
            (self.sink)(done)?;
        }
        Ok(())
    }

    /// Says whether every job has been admitted and every result delivered.
    pub fn is_finished(&self) -> bool {
        self.ended && self.held.is_none() && self.delivered == self.admitted
    }
}

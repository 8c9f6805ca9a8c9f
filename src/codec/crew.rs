//! The scheduler's threads: workers that take jobs from a queue, and the caller's thread that fills it.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{Error, Result};
use crate::progress::Progress;

use super::control::Control;
use super::scheduler::{Flow, Jobs, Work};

/// A worker whose only job has no lanes: it takes no other beside it.
const BUSY: usize = usize::MAX;

struct Queue<'p, J, D> {
    state: Mutex<State<J, D>>,
    /// Signalled when there are jobs or no more will come.
    jobs_ready: Condvar,
    /// Signalled when there are results or a worker has ended.
    results_ready: Condvar,
    /// Jobs in the queue, to look at without the lock.
    queued: AtomicUsize,
    /// [`Work::has_lanes`].
    has_lanes: fn(&J) -> bool,
    /// Set when the run has failed.
    aborted: AtomicBool,
    progress: &'p Progress,
}

struct State<J, D> {
    jobs: VecDeque<(usize, J)>,
    results: Vec<(usize, D)>,
    /// Jobs that each worker has in work.
    in_work: Vec<usize>,
    /// No more jobs will come.
    closed: bool,
    /// The first failure of a worker.
    error: Option<Error>,
    /// Workers that have not ended.
    alive: usize,
}

impl<J, D> Queue<'_, J, D> {
    fn lock(&self) -> MutexGuard<'_, State<J, D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the workers end: after the jobs in the queue, or at once.
    fn close(&self, at_once: bool) {
        let mut state = self.lock();
        state.closed = true;
        if at_once {
            self.aborted.store(true, Ordering::Relaxed);
            state.jobs.clear();
            self.queued.store(0, Ordering::Relaxed);
        }
        self.jobs_ready.notify_all();
    }
}

/// Runs all jobs on `workers` threads.
pub(super) fn run<W: Work>(
    work: &W,
    mut flow: Flow<'_, W>,
    at_hand: Vec<(usize, W::Job)>,
    workers: usize,
    helpers: usize,
    progress: &Progress,
) -> Result<()> {
    let queue = Queue {
        queued: AtomicUsize::new(at_hand.len()),
        state: Mutex::new(State {
            jobs: at_hand.into(),
            results: Vec::new(),
            in_work: vec![0; workers],
            closed: false,
            error: None,
            alive: workers,
        }),
        jobs_ready: Condvar::new(),
        results_ready: Condvar::new(),
        has_lanes: W::has_lanes,
        aborted: AtomicBool::new(false),
        progress,
    };
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(workers);
        let mut outcome = Ok(());
        for number in 0..workers {
            let (queue, name) = (&queue, "llz worker".to_owned());
            let live = move || {
                let worker = Worker { queue, number };
                if let Err(error) = work.work(&worker, helpers) {
                    queue.lock().error.get_or_insert(error);
                }
            };
            match thread::Builder::new().name(name).spawn_scoped(scope, live) {
                Ok(thread) => threads.push(thread),
                // One worker suffices; the others are only missed.
                Err(error) => {
                    let mut state = queue.lock();
                    state.in_work[number] = BUSY;
                    state.alive -= 1;
                    if number == 0 {
                        outcome = Err(Error::io("-", error));
                        break;
                    }
                }
            }
        }
        let outcome = outcome.and_then(|()| coordinate(&queue, &mut flow));
        queue.close(outcome.is_err());
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
        outcome
    })
}

/// Fills the queue and delivers results until everything is done.
fn coordinate<W: Work>(
    queue: &Queue<'_, W::Job, W::Done>,
    flow: &mut Flow<'_, W>,
) -> Result<()> {
    loop {
        let results = std::mem::take(&mut queue.lock().results);
        let news = !results.is_empty();
        for (number, done) in results {
            flow.deliver(number, done)?;
        }
        if let Some(job) = flow.admit()? {
            let mut state = queue.lock();
            state.jobs.push_back(job);
            queue.queued.store(state.jobs.len(), Ordering::Relaxed);
            queue.jobs_ready.notify_one();
            continue;
        }
        if flow.is_finished() {
            return Ok(());
        }
        if news {
            continue;
        }
        let mut state = queue.lock();
        while state.results.is_empty() {
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            if state.alive == 0 {
                // Every worker has ended without a result: one of them panicked, which the caller passes on.
                return Err(Error::Interrupted);
            }
            state = queue.results_ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Worker<'q, 'p, J, D> {
    queue: &'q Queue<'p, J, D>,
    number: usize,
}

impl<J, D> Drop for Worker<'_, '_, J, D> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.alive -= 1;
        state.in_work[self.number] = BUSY;
        if thread::panicking() {
            state.error.get_or_insert(Error::Interrupted);
        }
        self.queue.results_ready.notify_one();
    }
}

impl<J, D> Jobs<J, D> for Worker<'_, '_, J, D> {
    fn next(&self) -> Option<(usize, J)> {
        let mut state = self.queue.lock();
        state.in_work[self.number] = 0;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                let lanes = (self.queue.has_lanes)(&job.1);
                state.in_work[self.number] = if lanes { 1 } else { BUSY };
                self.queue.queued.store(state.jobs.len(), Ordering::Relaxed);
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.queue.jobs_ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn another(&self) -> Option<(usize, J)> {
        if self.queue.queued.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = self.queue.lock();
        let mine = state.in_work[self.number];
        if state.in_work.iter().any(|&other| other < mine) {
            return None;
        }
        let at = state.jobs.iter().position(|(_, job)| (self.queue.has_lanes)(job))?;
        let job = state.jobs.remove(at);
        state.in_work[self.number] += 1;
        self.queue.queued.store(state.jobs.len(), Ordering::Relaxed);
        job
    }

    fn done(&self, number: usize, done: D) {
        let mut state = self.queue.lock();
        match &mut state.in_work[self.number] {
            busy @ &mut BUSY => *busy = 0,
            lanes => *lanes -= 1,
        }
        state.results.push((number, done));
        self.queue.results_ready.notify_one();
    }

    fn control(&self) -> Control<'_> {
        Control::new(self.queue.progress, &self.queue.aborted)
    }
}

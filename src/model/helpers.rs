//! The threads that help with the products of a forward pass; see [`team`](super::team).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::kernel::Isa;
use crate::kernel::matrix::Quantised;

use super::stage::{INPUTS, Product, Stage};
use super::team::make;
use super::weights::Model;

/// Most helpers. More would have little to do between two waits; their number was not measured.
pub(super) const MOST_HELPERS: usize = 3;
/// The rows are divided so: the leader's core also keeps the state and the mixer's tables, so it gets fewer.
/// Other divisions were not measured.
const LEADER_UNITS: usize = 2;
const HELPER_UNITS: usize = 3;
/// Polls before a waiting thread yields its core: some microseconds. Chosen, not measured, like the four that follow.
const SPINS: u32 = 2000;
/// A wait this long means that the helper is not running.
const PATIENCE: Duration = Duration::from_micros(500);
/// Stages that the leader then makes alone, at least and at most: those of some hundred and of some ten
/// thousand tokens.
const ALONE: (u64, u64) = (5_000, 320_000);
/// Polls after which a helper that still waits sleeps between one poll and the next: some milliseconds.
const IDLE: u32 = 10_000;
const SLEEP: Duration = Duration::from_millis(5);
/// The turn that ends the helpers.
const OVER: u64 = u64::MAX;

/// The stage that the helpers are to multiply.
#[derive(Debug)]
struct Task {
    stage: Stage,
    inputs: [Quantised; INPUTS],
    n: usize,
}

/// One helper's part of every stage. It is kept apart from the others' by two cache lines, which some processors
/// fetch together.
#[derive(Debug)]
#[repr(align(128))]
struct Part {
    /// The last turn in which anyone took this part: the helper, or the leader.
    taken: AtomicU64,
    /// The last turn for which the helper has finished `output`.
    done: AtomicU64,
    output: Mutex<Vec<f32>>,
}

impl Part {
    /// Takes the part for this turn. False if somebody else has taken it.
    fn take(&self, turn: u64) -> bool {
        self.taken.fetch_max(turn, Ordering::AcqRel) < turn
    }

    /// Waits until the helper is done; `false` if that took suspiciously long.
    fn is_done_in_time(&self, turn: u64) -> bool {
        let is_done = || self.done.load(Ordering::Acquire) == turn;
        for _ in 0..SPINS {
            if is_done() {
                return true;
            }
            std::hint::spin_loop();
        }
        let began = Instant::now();
        while !is_done() {
            thread::yield_now();
        }
        began.elapsed() < PATIENCE
    }
}

/// The memory that the leader and its helpers share.
#[derive(Debug)]
struct Shared {
    model: Arc<Model>,
    isa: Isa,
    /// Counts stages: a new number says that there is a new task.
    turn: AtomicU64,
    task: RwLock<Task>,
    parts: Vec<Part>,
}

impl Shared {
    /// Takes the part of helper `number` of each stage, unless the leader was faster, until all is over.
    fn help(&self, number: usize) {
        let part = &self.parts[number];
        let mut seen = 0;
        loop {
            let turn = wait(|| Some(self.turn.load(Ordering::Acquire)).filter(|&t| t != seen));
            if turn == OVER {
                return;
            }
            seen = turn;
            if !part.take(turn) {
                continue;
            }
            let _done = Done { part, turn };
            // The task stays as it is until this part is done.
            let task = self.task.read().unwrap_or_else(PoisonError::into_inner);
            let mut output = part.output.lock().unwrap_or_else(PoisonError::into_inner);
            self.make(&task, number, &mut output);
        }
    }

    /// The part of helper `number`, one product's rows after the other's.
    fn make(&self, task: &Task, number: usize, output: &mut Vec<f32>) {
        let mut at = 0;
        for product in self.part(task.stage, number + 1) {
            let (rows, start) = (product.rows().len(), at);
            at += task.n * rows;
            if output.len() < at {
                output.resize(at, 0.0);
            }
            product.make(self.isa, &task.inputs, task.n, &mut output[start..at], rows);
        }
    }

    /// Part 0 of a stage, which is the leader's, or that of helper `number − 1`.
    fn part(&self, stage: Stage, number: usize) -> impl Iterator<Item = Product<'_>> {
        let end = LEADER_UNITS + number * HELPER_UNITS;
        let start = if number == 0 { 0 } else { end - HELPER_UNITS };
        self.model.share(stage, start..end, LEADER_UNITS + self.parts.len() * HELPER_UNITS)
    }

    /// Sets a task and calls the helpers.
    fn announce(&self, turn: u64, stage: Stage, inputs: &[Quantised], n: usize) {
        let mut task = self.task.write().unwrap_or_else(PoisonError::into_inner);
        (task.stage, task.n) = (stage, n);
        for (to, from) in task.inputs.iter_mut().zip(inputs) {
            to.copy_from(from, n);
        }
        drop(task);
        self.turn.store(turn, Ordering::Release);
    }

    /// Makes a stage together with the helpers. Returns whether one of them held it up.
    fn multiply(
        &self,
        turn: u64,
        stage: Stage,
        inputs: &[Quantised],
        n: usize,
        outputs: &mut [&mut [f32]],
    ) -> bool {
        self.announce(turn, stage, inputs, n);
        for product in self.part(stage, 0) {
            make(self.isa, &product, inputs, n, outputs);
        }
        let mut held_up = false;
        for (number, part) in self.parts.iter().enumerate() {
            if part.take(turn) {
                for product in self.part(stage, number + 1) {
                    make(self.isa, &product, inputs, n, outputs);
                }
                continue;
            }
            held_up |= !part.is_done_in_time(turn);
            let output = part.output.lock().expect("a helper panicked");
            let mut output = output.as_slice();
            for product in self.part(stage, number + 1) {
                let rows = product.rows();
                for y in outputs[product.output].chunks_exact_mut(product.height()).take(n) {
                    let (part, rest) = output.split_at(rows.len());
                    y[rows.clone()].copy_from_slice(part);
                    output = rest;
                }
            }
        }
        held_up
    }
}

/// Marks a part as done even where its helper panics, so that the leader does not wait for ever.
struct Done<'a> {
    part: &'a Part,
    turn: u64,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.part.done.store(self.turn, Ordering::Release);
    }
}

/// Waits until there is an answer: it spins at first, then yields, then sleeps.
fn wait<T>(mut answer: impl FnMut() -> Option<T>) -> T {
    let mut polls = 0;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        polls = (polls + 1).min(IDLE);
        match polls {
            0..SPINS => std::hint::spin_loop(),
            SPINS..IDLE => thread::yield_now(),
            _ => thread::sleep(SLEEP),
        }
    }
}

/// The helpers of one forward pass. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Helpers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Stages made so far.
    turn: u64,
    pace: Pace,
}

impl Helpers {
    /// Starts up to `count` helpers for passes of up to `capacity` items.
    pub(super) fn start(model: &Arc<Model>, isa: Isa, capacity: usize, count: usize) -> Self {
        let width = model.shape().width;
        let part = || Part {
            taken: AtomicU64::new(0),
            done: AtomicU64::new(0),
            output: Mutex::default(),
        };
        let shared = Arc::new(Shared {
            model: Arc::clone(model),
            isa,
            turn: AtomicU64::new(0),
            task: RwLock::new(Task {
                stage: Stage::Unembed,
                inputs: std::array::from_fn(|_| Quantised::new(capacity, width)),
                n: 0,
            }),
            parts: (0..count.min(MOST_HELPERS)).map(|_| part()).collect(),
        });
        // Where the system gives no thread, the leader finds that part untaken.
        let threads = (0..shared.parts.len()).filter_map(|number| {
            let shared = Arc::clone(&shared);
            let helper = thread::Builder::new().name("llz helper".into());
            helper.spawn(move || shared.help(number)).ok()
        });
        let threads = threads.collect();
        Helpers { shared, threads, turn: 0, pace: Pace::new() }
    }

    /// Makes a stage with the helpers. False where the leader is to make it alone.
    pub(super) fn multiply(
        &mut self,
        stage: Stage,
        inputs: &[Quantised],
        n: usize,
        outputs: &mut [&mut [f32]],
    ) -> bool {
        self.turn += 1;
        if self.pace.is_alone(self.turn) {
            return false;
        }
        if self.shared.multiply(self.turn, stage, inputs, n, outputs) {
            self.pace.held_up(self.turn);
        }
        true
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.shared.turn.store(OVER, Ordering::Release);
        for thread in self.threads.drain(..) {
            // A helper's panic has been noticed by the leader, which needed its output.
            _ = thread.join();
        }
    }
}

/// Decides when to work without the helpers.
#[derive(Debug)]
struct Pace {
    /// The turn from which on they take part again; they do where this lies behind.
    alone_until: u64,
    /// The number of turns that the last stretch alone had.
    alone_for: u64,
    /// The turn and the time at which the present stretch began, alone or together.
    since: (u64, Instant),
    /// Turns per second of the last stretch together.
    together: f64,
}

impl Pace {
    fn new() -> Self {
        Pace { alone_until: 0, alone_for: 0, since: (0, Instant::now()), together: 0.0 }
    }

    /// Ends a stretch and returns its turns per second.
    fn turn_over(&mut self, turn: u64) -> f64 {
        let (first, began) = self.since;
        self.since = (turn, Instant::now());
        (turn - first) as f64 / began.elapsed().as_secs_f64().max(1e-9)
    }

    /// Says whether the leader is to make this turn alone.
    fn is_alone(&mut self, turn: u64) -> bool {
        if turn == self.alone_until {
            let (least, most) = ALONE;
            let alone = self.turn_over(turn);
            self.alone_for = if alone > self.together { self.alone_for * 4 } else { 0 };
            self.alone_for = self.alone_for.clamp(least, most);
        }
        turn < self.alone_until
    }

    /// Notes that a helper held up this turn.
    fn held_up(&mut self, turn: u64) {
        self.together = self.turn_over(turn);
        self.alone_for = self.alone_for.max(ALONE.0);
        self.alone_until = turn + self.alone_for;
    }
}

#[cfg(test)]
mod tests {
    use super::super::team::Team;
    use super::super::{NANO, Pass, State, built_in};
    use super::*;

    /// The bits of all logits of some tokens in three lanes of different lengths.
    fn logits(team: Team) -> Vec<u32> {
        let shape = team.model().shape();
        let mut pass = Pass::new(team, 3);
        let mut states = vec![State::new(&shape); 3];
        let mut bits = Vec::new();
        for i in 0..30u32 {
            let slots = &[2, 0, 1][..3 - i as usize / 10];
            let tokens: Vec<u32> =
                slots.iter().map(|&s| (i * 997 + s as u32 * 31) % 4096).collect();
            for (_, logits) in pass.run(&tokens, slots, &mut states).each() {
                bits.extend(logits.iter().map(|l| l.to_bits()));
            }
        }
        bits
    }

    #[test]
    fn a_team_of_any_size_gives_the_bits_of_one_thread() {
        let loaded = built_in(NANO.name).unwrap();
        let isa = Isa::detect();
        let alone = logits(Team::alone(loaded.model().clone(), isa));
        for helpers in 0..=MOST_HELPERS + 1 {
            let together = logits(Team::new(loaded.model().clone(), isa, 3, helpers));
            assert!(together == alone, "{helpers} helpers");
        }
    }

    #[test]
    fn helpers_that_hold_up_the_pass_are_done_without_for_longer_while_that_is_faster() {
        let (least, most) = ALONE;
        let mut pace = Pace::new();
        assert!(!pace.is_alone(1));
        let mut turn = 2;
        for turns in [least, least * 4, least * 16, most, most] {
            pace.held_up(turn);
            assert!(pace.is_alone(turn + 1) && pace.is_alone(turn + turns - 1));
            pace.together = 0.0;
            turn += turns;
            assert!(!pace.is_alone(turn) && !pace.is_alone(turn + 1));
        }
        // Where it was slower, the next time is short again.
        pace.held_up(turn);
        pace.together = f64::INFINITY;
        assert!(!pace.is_alone(turn + most));
        pace.held_up(turn + most + 1);
        assert!(pace.is_alone(turn + most + least) && !pace.is_alone(turn + most + 1 + least));
    }

    #[test]
    fn helpers_end_when_the_leader_panics() {
        let loaded = built_in(NANO.name).unwrap();
        let work = || {
            let _team = Team::new(loaded.model().clone(), Isa::detect(), 1, 2);
            panic!("as it should");
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
    }
}

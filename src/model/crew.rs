//! Several threads at one forward pass.
//!
//! A chunk on its own is decoded token by token, and most of that time goes into streaming the model's weights
//! from a cache that all cores share. A crew splits the rows of each product: every helper always has the same
//! rows, which then stay in its core's own cache. Rows are independent, so the bits are those of one
//! thread.
//!
//! Ten times per token or more the helpers wait for their next share, and the pass for the helpers, each time
//! for less than a thread takes to fall asleep and wake; so they wait spinning. Where other programs want the
//! cores, too, that must not cost more than it brings: whoever comes first takes a share, so that nobody waits for a
//! helper that the system has put aside before it began; when one was put aside in the middle, the lead goes on
//! alone for a while, and for longer if that proves faster; and helpers that find nothing to do sleep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::kernel::Isa;
use crate::kernel::matrix::Quantised;

use super::stage::{INPUTS, Product, Stage};
use super::weights::Model;

/// Helpers beyond this many find too little to do between two waits.
const MOST_HELPERS: usize = 3;
/// How the rows are shared out: the lead's core also keeps the state and the mixer's tables, so it gets less.
const LEAD_PARTS: usize = 2;
const HELPER_PARTS: usize = 3;
/// Looks at what is waited for before others are let on to the core.
const SPINS: u32 = 2000;
/// A wait this long means that the helper is not running.
const PATIENCE: Duration = Duration::from_micros(500);
/// Stages that the lead then makes alone, at least and at most: what some hundred tokens need, and some ten thousand.
const ALONE: (u64, u64) = (5_000, 320_000);
/// Looks after which a helper that still waits sleeps between one and the next: some milliseconds.
const IDLE: u32 = 10_000;
const SLEEP: Duration = Duration::from_millis(5);
/// The turn that sends the helpers home.
const OVER: u64 = u64::MAX;

/// What the helpers are to multiply.
#[derive(Debug)]
struct Board {
    stage: Stage,
    inputs: [Quantised; INPUTS],
    n: usize,
}

/// One helper's part of every stage. Kept apart from the others' by two cache lines, which some processors
/// fetch together.
#[derive(Debug)]
#[repr(align(128))]
struct Share {
    /// The last turn in which anyone took this share: the helper, or the pass itself.
    taken: AtomicU64,
    /// The last turn for which the helper has finished `output`.
    done: AtomicU64,
    output: Mutex<Vec<f32>>,
}

impl Share {
    /// Whether nobody had taken it in this turn; now the caller has.
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

/// Threads that wait to share the products of one pass.
#[derive(Debug)]
pub struct Crew<'m> {
    model: &'m Model,
    isa: Isa,
    /// Counts stages: a new number says that the board has news.
    turn: AtomicU64,
    board: RwLock<Board>,
    shares: Vec<Share>,
}

impl<'m> Crew<'m> {
    /// Calls `work` with the lead of a crew of up to `helpers` helpers, for passes of up to `capacity` items.
    /// Without helpers, or where the system gives no threads, the lead is alone.
    pub fn with<T>(
        model: &'m Model,
        isa: Isa,
        capacity: usize,
        helpers: usize,
        work: impl FnOnce(Lead<'m, '_>) -> T,
    ) -> T {
        if helpers == 0 {
            return work(Lead::alone(model, isa));
        }
        let width = model.shape().width;
        let share = || Share {
            taken: AtomicU64::new(0),
            done: AtomicU64::new(0),
            output: Mutex::default(),
        };
        let crew = Crew {
            model,
            isa,
            turn: AtomicU64::new(0),
            board: RwLock::new(Board {
                stage: Stage::Head,
                inputs: std::array::from_fn(|_| Quantised::new(capacity, width)),
                n: 0,
            }),
            shares: (0..helpers.min(MOST_HELPERS)).map(|_| share()).collect(),
        };
        thread::scope(|scope| {
            let lead = Lead { model, isa, crew: Some(&crew), turn: 0, pace: Pace::new() };
            for number in 0..crew.shares.len() {
                let (crew, helper) = (&crew, thread::Builder::new().name("llz crew".into()));
                // Without it, the lead finds its shares untaken.
                _ = helper.spawn_scoped(scope, move || crew.help(number));
            }
            work(lead)
        })
    }

    /// A helper's life: take the share of each stage, unless the pass was faster.
    fn help(&self, number: usize) {
        let share = &self.shares[number];
        let mut seen = 0;
        loop {
            let turn = wait(|| Some(self.turn.load(Ordering::Acquire)).filter(|&t| t != seen));
            if turn == OVER {
                return;
            }
            seen = turn;
            if !share.take(turn) {
                continue;
            }
            let _done = Done { share, turn };
            // The board stays as it is until this share is done.
            let board = self.board.read().unwrap_or_else(PoisonError::into_inner);
            let mut output = share.output.lock().unwrap_or_else(PoisonError::into_inner);
            self.make(&board, number, &mut output);
        }
    }

    /// Share `number` of what is on the board, one product's rows after the other's.
    fn make(&self, board: &Board, number: usize, output: &mut Vec<f32>) {
        let mut at = 0;
        for product in self.share(board.stage, number + 1) {
            let (rows, start) = (product.rows().len(), at);
            at += board.n * rows;
            if output.len() < at {
                output.resize(at, 0.0);
            }
            product.make(self.isa, &board.inputs, board.n, &mut output[start..at], rows);
        }
    }

    /// Share 0 of a stage, which is the lead's, or that of helper `number − 1`.
    fn share(&self, stage: Stage, number: usize) -> impl Iterator<Item = Product<'m>> {
        let end = LEAD_PARTS + number * HELPER_PARTS;
        let start = if number == 0 { 0 } else { end - HELPER_PARTS };
        self.model.share(stage, start..end, LEAD_PARTS + self.shares.len() * HELPER_PARTS)
    }

    /// Puts a stage on the board and calls the helpers.
    fn announce(&self, turn: u64, stage: Stage, inputs: &[Quantised], n: usize) {
        let mut board = self.board.write().unwrap_or_else(PoisonError::into_inner);
        (board.stage, board.n) = (stage, n);
        for (to, from) in board.inputs.iter_mut().zip(inputs) {
            to.copy_from(from, n);
        }
        drop(board);
        self.turn.store(turn, Ordering::Release);
    }
}

/// Says that a share is done, come what may: who waits for it must not wait for ever.
struct Done<'a> {
    share: &'a Share,
    turn: u64,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.share.done.store(self.turn, Ordering::Release);
    }
}

/// Waits until there is an answer: spinning at first, then letting others run, then asleep.
fn wait<T>(mut answer: impl FnMut() -> Option<T>) -> T {
    let mut looks = 0;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        looks = (looks + 1).min(IDLE);
        match looks {
            0..SPINS => std::hint::spin_loop(),
            SPINS..IDLE => thread::yield_now(),
            _ => thread::sleep(SLEEP),
        }
    }
}

/// The thread that a forward pass runs on: at the head of a crew, or alone.
#[derive(Debug)]
pub struct Lead<'m, 'c> {
    pub(super) model: &'m Model,
    pub(super) isa: Isa,
    crew: Option<&'c Crew<'m>>,
    /// Stages made so far.
    turn: u64,
    pace: Pace,
}

/// When to do without the helpers.
#[derive(Debug)]
struct Pace {
    /// The turn from which on they take part again; they do where this lies behind.
    alone_until: u64,
    /// How many turns the last stretch alone had.
    alone_for: u64,
    /// When the present stretch began, alone or together.
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

    /// Whether the lead is to make this turn alone.
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

impl<'m> Lead<'m, '_> {
    /// A thread without helpers.
    pub fn alone(model: &'m Model, isa: Isa) -> Self {
        Lead { model, isa, crew: None, turn: 0, pace: Pace::new() }
    }

    /// The model of the pass.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// The instruction set its kernels use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Makes all products of a stage: `outputs` in the stage's order, each the rows of one of `n` vectors after
    /// the other's.
    pub(super) fn multiply<const OUTPUTS: usize>(
        &mut self,
        stage: Stage,
        inputs: &[Quantised],
        n: usize,
        mut outputs: [&mut [f32]; OUTPUTS],
    ) {
        if let Some(crew) = self.crew {
            self.turn += 1;
            if !self.pace.is_alone(self.turn) {
                return self.multiply_with(crew, stage, inputs, n, &mut outputs);
            }
        }
        for product in self.model.share(stage, 0..1, 1) {
            self.make(&product, inputs, n, &mut outputs);
        }
    }

    fn multiply_with(
        &mut self,
        crew: &Crew<'m>,
        stage: Stage,
        inputs: &[Quantised],
        n: usize,
        outputs: &mut [&mut [f32]],
    ) {
        let turn = self.turn;
        crew.announce(turn, stage, inputs, n);
        for product in crew.share(stage, 0) {
            self.make(&product, inputs, n, outputs);
        }
        let mut held_up = false;
        for (number, share) in crew.shares.iter().enumerate() {
            if share.take(turn) {
                for product in crew.share(stage, number + 1) {
                    self.make(&product, inputs, n, outputs);
                }
                continue;
            }
            held_up |= !share.is_done_in_time(turn);
            let output = share.output.lock().expect("a helper panicked");
            let mut output = output.as_slice();
            for product in crew.share(stage, number + 1) {
                let rows = product.rows();
                for y in outputs[product.output].chunks_exact_mut(product.height()).take(n) {
                    let (part, rest) = output.split_at(rows.len());
                    y[rows.clone()].copy_from_slice(part);
                    output = rest;
                }
            }
        }
        if held_up {
            self.pace.held_up(turn);
        }
    }

    /// Makes a product, or some rows of it, here.
    fn make(
        &self,
        product: &Product<'_>,
        inputs: &[Quantised],
        n: usize,
        outputs: &mut [&mut [f32]],
    ) {
        let y = &mut outputs[product.output][product.rows().start..];
        product.make(self.isa, inputs, n, y, product.height());
    }
}

impl Drop for Lead<'_, '_> {
    fn drop(&mut self) {
        if let Some(crew) = self.crew {
            crew.turn.store(OVER, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NANO, Pass, State, built_in};
    use super::*;

    /// The bits of all logits of some tokens in three lanes of different lengths.
    fn logits(lead: Lead<'_, '_>) -> Vec<u32> {
        let shape = lead.model().shape();
        let mut pass = Pass::new(lead, 3);
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
    fn a_crew_of_any_size_gives_the_bits_of_one_thread() {
        let loaded = built_in(NANO.name).unwrap();
        let isa = Isa::detect();
        let alone = logits(Lead::alone(&loaded.0, isa));
        for helpers in 0..=MOST_HELPERS + 1 {
            let together = Crew::with(&loaded.0, isa, 3, helpers, logits);
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
    fn a_crew_goes_home_when_its_work_panics() {
        let loaded = built_in(NANO.name).unwrap();
        let work = || Crew::with(&loaded.0, Isa::detect(), 1, 2, |_lead| panic!("as it should"));
        assert!(std::panic::catch_unwind(work).is_err());
    }
}

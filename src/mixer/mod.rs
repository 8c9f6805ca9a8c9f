//! Online-adaptive statistics over bytes, mixed with the model's prediction.
//!
//! For each binary decision every context offers the probability its bit history suggests, the
//! match model what followed last time, and the language model its own probability, all as
//! log odds. Several weight sets, chosen by small contexts, add them up; a second layer adds the
//! sets' opinions; two refinements correct what is systematically off. Everything learns from
//! every answer and is reset at each chunk, to a prior learned offline where there is one.
//!
//! Source: the PAQ family (Mahoney 2002 ff.: logistic mixing, indirect contexts, APM).

mod contexts;
mod history;
mod maps;
mod matching;
pub mod prior;
mod profile;
mod refine;
mod table;

use std::sync::LazyLock;

use crate::coder::ONE;
use crate::kernel::blend::{MAX_SETS, dot_sets, squash8, train_sets};
use crate::kernel::scalar::{clamp, ln, sigmoid};
use crate::kernel::Path;
use crate::vocab::Question;

use contexts::{Past, combine};
use history::Histories;
use maps::{Cell, Rates, Stretch};
use matching::{Expectation, Match};
pub use prior::Prior;
pub use profile::{FAST, FULL, Profile, by_id};
use refine::Refinement;
use table::Table;

/// Tables that are the same for every mixer.
#[derive(Debug)]
struct Shared {
    histories: Histories,
    rates: Rates,
    stretch: Stretch,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| Shared {
    histories: Histories::new(),
    rates: Rates::new(),
    stretch: Stretch::new(),
});

/// Number of first-layer weight sets in use.
const SETS: usize = 5;
/// Contexts of each first-layer selector.
const SELECTORS: [usize; SETS] = [272, 64, 512, 256, 64];
/// Contexts of the final layer.
const FINAL: usize = 272;
/// Weights of a final set: one per first-layer set, padded.
const FINAL_WIDTH: usize = 16;
/// Inputs beside those of the contexts: model (2), match (2), bias.
const FIXED: usize = 5;
/// Contexts of the second refinement, as a power of two.
const HASHED_BITS: u32 = 12;

/// Predicts one chunk, decision by decision.
#[derive(Debug)]
pub struct Mixer {
    path: Path,
    profile: &'static Profile,
    past: Past,
    matching: Match,
    table: Table,
    ends: Vec<u8>,
    /// Hash of each context at the current byte.
    hashes: Vec<u32>,
    /// Bucket of each context for the half byte `half`, or index into `ends`.
    places: Vec<u32>,
    half: u32,
    /// Per context and kind: probability for each bit history.
    cells: Vec<Cell>,
    states: Vec<u8>,
    inputs: Vec<f32>,
    weights: Vec<f32>,
    last_weights: Vec<f32>,
    at: [usize; SETS],
    last_at: usize,
    outputs: [f32; FINAL_WIDTH],
    probabilities: [f32; MAX_SETS],
    mixed: f32,
    by_node: Refinement,
    by_order: Refinement,
    expected: Option<Expectation>,
    kind: usize,
    slot: usize,
    rate: f32,
}

impl Mixer {
    /// A mixer for a chunk of about `len` bytes with a context table of at most
    /// `1 << table_bits` bytes.
    pub fn new(
        path: Path,
        profile: &'static Profile,
        prior: &Prior,
        len: usize,
        table_bits: u8,
    ) -> Self {
        let bits = table_bits_for(len, table_bits);
        let n = profile.contexts.len();
        let mut past = Past::default();
        past.reserve(len);
        let mut mixer = Mixer {
            path,
            profile,
            past,
            matching: Match::new(bits.clamp(12, 22) - 4),
            table: Table::new(bits),
            ends: vec![0; 1 << (bits - 4)],
            hashes: vec![0; n],
            places: vec![0; n],
            half: u32::MAX,
            cells: vec![Cell::new(32_768, 0); n * 512],
            states: vec![0; n],
            inputs: vec![0.0; profile.inputs],
            weights: vec![0.0; SELECTORS.iter().sum::<usize>() * profile.inputs],
            last_weights: vec![0.0; FINAL * FINAL_WIDTH],
            at: [0; SETS],
            last_at: 0,
            outputs: [0.0; FINAL_WIDTH],
            probabilities: [0.0; MAX_SETS],
            mixed: 0.0,
            by_node: Refinement::new(FINAL, 255),
            by_order: Refinement::new(1 << HASHED_BITS, 255),
            expected: None,
            kind: 0,
            slot: 0,
            rate: profile.rate_first,
        };
        prior.apply(&mut mixer);
        mixer.rehash();
        mixer
    }

    /// Takes in a byte that is now known.
    pub fn push(&mut self, byte: u8) {
        self.past.push(byte);
        self.matching.push(self.past.bytes());
        let (rate, last) = (self.rate, self.profile.rate_last);
        // The rate falls by 1/1024 of its distance per byte.
        self.rate = rate + (last - rate) * (1.0 / 1024.0);
        self.rehash();
    }

    /// Notes that a token ended after the last byte.
    pub fn end_token(&mut self) {
        self.matching.end_token();
    }

    /// The bytes taken in so far.
    pub fn bytes(&self) -> &[u8] {
        self.past.bytes()
    }

    fn rehash(&mut self) {
        for (i, (hash, &context)) in self.hashes.iter_mut().zip(self.profile.contexts).enumerate() {
            *hash = self.past.hash(context, i as u32);
        }
        self.half = u32::MAX;
    }

    /// The probability (of [`ONE`]) that the answer to `question` is one. `depth` is the number
    /// of bytes of the token so far; `model` the masses the language model gives to one and zero.
    pub fn predict(&mut self, question: Question, depth: u8, model: Option<(u64, u64)>) -> u32 {
        let shared = &*SHARED;
        let n = self.hashes.len();
        match question {
            Question::Bit(partial) => self.seek_bit(partial),
            Question::End => self.seek_end(depth),
        }

        // Inputs: per context the stretched probability, then how far it is from even.
        let mut known = 0;
        for i in 0..n {
            let state = match self.kind {
                0 => self.table.get(self.places[i], self.slot),
                _ => self.ends[self.places[i] as usize],
            };
            self.states[i] = state;
            let p = self.cells[(2 * i + self.kind) * 256 + usize::from(state)].p12();
            let seen = state != 0;
            self.inputs[i] = if seen { shared.stretch.get(p) } else { 0.0 };
            self.inputs[n + i] = if seen { (p as f32 - 2047.5) * (1.0 / 1024.0) } else { 0.0 };
            known += usize::from(seen && (3..7).contains(&i));
        }
        let logit = model.map_or(0.0, |(one, zero)| ln(one as f32) - ln(zero as f32));
        let logit = clamp(logit, -12.0, 12.0);
        let fixed = &mut self.inputs[2 * n..2 * n + FIXED];
        fixed[0] = logit;
        fixed[1] = clamp(logit, -2.0, 2.0);
        (fixed[2], fixed[3]) = (0.0, 0.0);
        self.expected = match question {
            Question::Bit(partial) => self.matching.expect_bit(self.past.bytes(), partial),
            Question::End => self.matching.expect_end(),
        };
        if let Some(e) = self.expected {
            let trust = self.matching.trust(e, self.kind, &shared.stretch);
            fixed[2] = if e.one { trust } else { -trust };
            fixed[3] = if e.one { 1.0 } else { -1.0 };
        }
        fixed[4] = 0.4;

        // Weight sets: by node; by match; by last byte; by the model's certainty; by age.
        let node = match question {
            Question::Bit(partial) => usize::from(partial),
            Question::End => 256 + usize::from(depth.min(15)),
        };
        let expectation = self.expected.map_or(0, |e| 1 + usize::from(e.one) * 16 + e.bucket);
        let certainty = ((logit + 12.0) * (31.0 / 24.0)) as usize;
        let age = (self.past.bytes().len() + 1).ilog2().min(31) as usize;
        let choice = [
            node,
            expectation.min(31) + 32 * self.kind,
            usize::from(self.past.byte(1)) + 256 * self.kind,
            (certainty * 4 + known.min(3)) + 128 * self.kind,
            age + 32 * self.kind,
        ];
        let mut base = 0;
        for (s, choice) in choice.into_iter().enumerate() {
            self.at[s] = (base + choice) * self.profile.inputs;
            base += SELECTORS[s];
        }
        let mut sums = [0.0; MAX_SETS];
        dot_sets(self.path, &self.weights, &self.at, &self.inputs, &mut sums);
        squash8(self.path, &sums, &mut self.probabilities);
        for (output, sum) in self.outputs.iter_mut().zip(&sums[..SETS]) {
            *output = clamp(*sum, -14.0, 14.0);
        }
        self.last_at = node * FINAL_WIDTH;
        let mut last = [0.0; MAX_SETS];
        dot_sets(self.path, &self.last_weights, &[self.last_at], &self.outputs, &mut last);
        let x = clamp(last[0], -14.0, 14.0);
        self.mixed = sigmoid(x);

        let p = if self.profile.refine {
            let hash = combine(self.hashes[2.min(n - 1)], node as u32) >> (32 - HASHED_BITS);
            let a = self.by_node.refine(x, node);
            let b = self.by_order.refine(x, hash as usize);
            (self.mixed + self.mixed + a + b) * 0.25
        } else {
            self.mixed
        };
        let p = (p * ONE as f32) as u32;
        p.clamp(4, ONE - 4)
    }

    /// Learns the answer to the decision last predicted.
    pub fn update(&mut self, one: bool) {
        let shared = &*SHARED;
        let target = if one { 1.0 } else { 0.0 };
        let mut errors = [0.0; MAX_SETS];
        for (error, p) in errors.iter_mut().zip(&self.probabilities[..SETS]) {
            *error = (target - p) * self.rate;
        }
        train_sets(self.path, &mut self.weights, &self.at, &self.inputs, &errors);
        let error = [(target - self.mixed) * 0.002; MAX_SETS];
        train_sets(self.path, &mut self.last_weights, &[self.last_at], &self.outputs, &error);
        if self.profile.refine {
            self.by_node.update(one, &shared.rates);
            self.by_order.update(one, &shared.rates);
        }
        if let Some(e) = self.expected {
            self.matching.update(e, self.kind, one, &shared.rates);
        }
        for (i, &state) in self.states.iter().enumerate() {
            let cell = &mut self.cells[(2 * i + self.kind) * 256 + usize::from(state)];
            cell.update(one, 255, &shared.rates);
            let next = shared.histories.next(state, one);
            match self.kind {
                0 => self.table.set(self.places[i], self.slot, next),
                _ => self.ends[self.places[i] as usize] = next,
            }
        }
    }

    /// Finds every context's histories for a bit of the next byte.
    fn seek_bit(&mut self, partial: u8) {
        let known = partial.ilog2();
        let (half, slot) = match known {
            0..4 => (0, usize::from(partial)),
            _ => {
                let low = known - 4;
                (u32::from(partial >> low), usize::from(partial) & ((1 << low) - 1) | 1 << low)
            }
        };
        self.kind = 0;
        self.slot = slot;
        if half != self.half {
            self.half = half;
            let salt = half.wrapping_mul(0x3d4d_51cb);
            for (place, &hash) in self.places.iter_mut().zip(&self.hashes) {
                *place = self.table.find(combine(hash, salt));
            }
        }
    }

    /// Finds every context's history of whether a token of this depth ends here.
    fn seek_end(&mut self, depth: u8) {
        self.kind = 1;
        self.half = u32::MAX;
        let mask = self.ends.len() - 1;
        for (place, &hash) in self.places.iter_mut().zip(&self.hashes) {
            *place = (combine(hash, u32::from(depth) + 77) as usize & mask) as u32;
        }
    }
}

/// Size of the context table for a chunk: about 32 bytes per byte, within bounds.
fn table_bits_for(len: usize, most: u8) -> u32 {
    let wanted = (len.max(1) as u64 * 32).next_power_of_two().ilog2();
    wanted.clamp(16, u32::from(most.clamp(16, 28)))
}

//! Online-adaptive statistics over bytes, mixed with the model's prediction.
//!
//! For each binary decision every context offers the probability its bit history suggests, the
//! match model what followed last time, and the language model its own probability, all as log odds;
//! the model's are first corrected by what it got wrong before. Several weight sets, chosen by small
//! contexts, add them up; a second layer adds the sets' opinions; two refinements correct what is
//! systematically off. Decisions that the model is rightly sure of are spared all this; from every
//! other answer everything learns. All of it is reset at each chunk, to a prior learned offline
//! where there is one.
//!
//! Source: the PAQ family (Mahoney 2002 ff.: logistic mixing, indirect contexts, APM).
#![forbid(unsafe_code)]

mod contexts;
mod history;
mod maps;
mod matching;
pub mod prior;
mod profile;
mod readout;
mod refine;
mod sure;
mod table;

use std::sync::LazyLock;

use crate::coder::ONE;
use crate::kernel::Isa;
use crate::kernel::mixing::{MAX_SETS, dot_sets, squash8, train_sets};
use crate::kernel::scalar::clamp;
use crate::vocab::{Node, Question};

use contexts::{Past, combine};
use history::Histories;
use maps::{Cell, Rates, Squash, Stretch};
use matching::{Expectation, Match};
pub use prior::Prior;
pub use profile::{FAST, FULL, NEURAL, Profile, Selector, by_id};
use readout::{Readout, SPEEDS};
use refine::Refinement;
use sure::Sure;
use table::Table;

/// Tables that are the same for every mixer.
#[derive(Debug)]
struct Shared {
    histories: Histories,
    rates: Rates,
    stretch: Stretch,
    squash: Squash,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| Shared {
    histories: Histories::new(),
    rates: Rates::new(),
    stretch: Stretch::new(),
    squash: Squash::new(),
});

/// Most contexts of a profile.
pub const MAX_CONTEXTS: usize = 24;
/// The first decision about a token's end; below are the 256 nodes of a byte.
const END: usize = 256;
/// Contexts of the final layer: the nodes of a byte, and 16 depths at which a token may end.
const NODES: usize = END + 16;
/// Weights of a final set: one per first-layer set, padded.
const FINAL_WIDTH: usize = 16;
/// Where the counts of the contexts' probabilities stop.
const CELL_LIMIT: u32 = 400;
/// Learning rate of the final layer.
const LAST_RATE: f32 = 0.002;
/// Contexts of the second refinement, as a power of two.
const HASHED_BITS: u32 = 12;

/// Predicts one chunk, decision by decision.
#[derive(Debug)]
pub struct Mixer {
    isa: Isa,
    profile: &'static Profile,
    past: Past,
    matching: Match,
    table: Table,
    ends: Vec<u8>,
    /// Whether bytes were taken in since the contexts were hashed.
    stale: bool,
    /// Hash of each context at the current byte.
    hashes: [u32; MAX_CONTEXTS],
    /// Bucket of each context for the half byte `half`, or index into `ends`.
    places: [u32; MAX_CONTEXTS],
    states: [u8; MAX_CONTEXTS],
    half: u32,
    /// Per context and kind of decision: a probability for each bit history.
    cells: Vec<[Cell; 256]>,
    inputs: Vec<f32>,
    weights: Vec<f32>,
    last_weights: Vec<f32>,
    at: [usize; MAX_SETS],
    last_at: usize,
    outputs: [f32; FINAL_WIDTH],
    probabilities: [f32; MAX_SETS],
    mixed: f32,
    by_node: Refinement,
    by_order: Refinement,
    /// Corrects the model, where there is one.
    readout: Option<Readout>,
    /// Knows when to believe it.
    sure: Option<Sure>,
    expected: Option<Expectation>,
    kind: usize,
    slot: usize,
    rate: f32,
}

impl Mixer {
    /// A mixer for a chunk of about `len` bytes with a context table of at most
    /// `1 << table_bits` bytes.
    pub fn new(
        isa: Isa,
        profile: &'static Profile,
        prior: &Prior,
        len: usize,
        table_bits: u8,
    ) -> Self {
        let bits = table_bits_for(len, table_bits);
        let (n, sets) = (profile.contexts.len(), profile.sets);
        let weights: usize = sets.iter().map(|s| s.size()).sum();
        let mut past = Past::default();
        past.reserve(len);
        let mut mixer = Mixer {
            isa,
            profile,
            past,
            matching: Match::new(bits.clamp(12, 22) - 4),
            table: Table::new(bits),
            ends: vec![0; 1 << (bits - 4)],
            stale: true,
            hashes: [0; MAX_CONTEXTS],
            places: [0; MAX_CONTEXTS],
            states: [0; MAX_CONTEXTS],
            half: u32::MAX,
            cells: vec![[Cell::new(32_768, 0); 256]; n * 2],
            inputs: vec![0.0; profile.inputs()],
            weights: vec![0.0; weights * profile.inputs()],
            last_weights: vec![0.0; NODES * FINAL_WIDTH],
            at: [0; MAX_SETS],
            last_at: 0,
            outputs: [0.0; FINAL_WIDTH],
            probabilities: [0.0; MAX_SETS],
            mixed: 0.0,
            by_node: Refinement::new(NODES, 255),
            by_order: Refinement::new(usize::from(profile.refinements > 1) << HASHED_BITS, 255),
            readout: None,
            sure: profile.sure.then(Sure::new),
            expected: None,
            kind: 0,
            slot: 0,
            rate: profile.rate_first,
        };
        prior.apply(&mut mixer);
        mixer
    }

    /// About how many bytes a mixer for a chunk of `len` bytes takes, and with corrections of a
    /// model of `tokens` tokens and this width: the tables that matter, and the chunk.
    pub fn bytes_for(len: usize, table_bits: u8, readout: Option<(usize, usize)>) -> u64 {
        let table = 1u64 << table_bits_for(len, table_bits);
        let corrections = readout.map_or(0, |(tokens, width)| Readout::bytes(tokens, width));
        // The bytes and whether a token ended after each; one MiB for all the rest.
        table + table / 16 + corrections as u64 + 2 * len as u64 + (1 << 20)
    }

    /// This mixer with corrections of a model whose hidden vector has `width` values and whose
    /// vocabulary has `tokens` tokens.
    pub fn with_readout(mut self, tokens: usize, width: usize) -> Self {
        self.readout = Some(Readout::new(self.isa, tokens, width));
        self
    }

    /// Takes in a byte that is now known.
    pub fn push(&mut self, byte: u8) {
        self.past.push(byte);
        self.matching.push(self.past.bytes());
        self.past.expect(self.matching.expect_byte(self.past.bytes()));
        let (rate, last) = (self.rate, self.profile.rate_last);
        // The rate falls by 1/4096 of its distance per byte.
        self.rate = rate + (last - rate) * (1.0 / 4096.0);
        self.stale = true;
        if let Some(sure) = &self.sure {
            sure.prefetch(self.past.last_three());
        }
    }

    /// Notes that a token begins, and the model's hidden vector.
    pub fn begin_token(&mut self, hidden: &[f32]) {
        if let Some(readout) = &mut self.readout {
            readout.begin_token(hidden);
        }
        // A token's first decision is seldom sure.
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

    /// Hashes all contexts anew, if there are new bytes, and starts loading what they need.
    #[inline(always)]
    fn rehash(&mut self) {
        if !self.stale {
            return;
        }
        self.stale = false;
        for (i, &context) in self.profile.contexts.iter().enumerate() {
            let hash = self.past.hash(context, i as u32);
            self.hashes[i] = hash;
            self.table.prefetch(half_hash(hash, 0));
        }
        self.half = u32::MAX;
    }

    /// The probability (of [`ONE`]) that the answer at `decision` is one; `logit` is the log odds
    /// of a one by the language model, 0 without one.
    pub fn predict(&mut self, decision: &Node, logit: f32) -> u32 {
        let shared = &*SHARED;
        let (bytes, depth) = (self.past.bytes(), decision.depth);
        let (node, expected) = match decision.question {
            Question::Bit(partial) => {
                (usize::from(partial), self.matching.expect_bit(bytes, partial))
            }
            Question::End => (END + usize::from(depth.min(15)), self.matching.expect_end()),
        };
        self.expected = expected;
        if let Some(sure) = &mut self.sure
            && let Some(p) =
                sure.predict(decision.question, logit, expected, self.past.last_three())
        {
            return p;
        }
        self.rehash();
        match decision.question {
            Question::Bit(partial) => self.seek_bit(partial),
            Question::End => self.seek_end(depth),
        }
        let order_2 = combine(self.hashes[1], node as u32) >> (32 - HASHED_BITS);
        if self.profile.refinements > 1 {
            self.by_order.prefetch(order_2 as usize);
        }
        let known = self.gather_contexts(shared);
        self.gather_fixed(shared);
        if self.profile.alone.is_some() {
            // No two decisions of a vocabulary divide it at the same token.
            self.gather_model(decision.mid as usize, clamp(logit, -12.0, 12.0));
        }
        self.select(node, known);

        let sets = self.profile.sets.len();
        let mut sums = [0.0; MAX_SETS];
        dot_sets(self.isa, &self.weights, &self.at[..sets], &self.inputs, &mut sums);
        let x = if sets == 1 {
            // One set's opinion is the last word.
            let x = clamp(sums[0], -14.0, 14.0);
            self.mixed = shared.squash.get(x);
            self.probabilities[0] = self.mixed;
            x
        } else {
            squash8(self.isa, &sums, &mut self.probabilities);
            for (output, sum) in self.outputs.iter_mut().zip(&sums[..sets]) {
                *output = clamp(*sum, -14.0, 14.0);
            }
            self.last_at = node * FINAL_WIDTH;
            let mut last = [0.0; MAX_SETS];
            dot_sets(self.isa, &self.last_weights, &[self.last_at], &self.outputs, &mut last);
            let x = clamp(last[0], -14.0, 14.0);
            self.mixed = shared.squash.get(x);
            x
        };
        let p = match self.profile.refinements {
            0 => self.mixed,
            1 => (self.mixed + self.by_node.refine(x, node)) * 0.5,
            _ => {
                let a = self.by_node.refine(x, node);
                let b = self.by_order.refine(x, order_2 as usize);
                ((self.mixed + self.mixed) + (a + b)) * 0.25
            }
        };
        ((p * ONE as f32) as u32).clamp(4, ONE - 4)
    }

    /// What the network made of the decision last predicted, the model's corrected log odds being among its inputs: the log
    /// odds of a one before refinement, and their derivative by the model's. `None` where the decision was sure, so not
    /// mixed. For training models (`train/mixed.py`).
    pub fn pull(&self) -> Option<(f32, f32)> {
        if self.sure.as_ref().is_some_and(Sure::is_believed) {
            return None;
        }
        let at = self.profile.model_at();
        let corrected = self.inputs[at];
        let inner = if corrected.abs() < 2.0 { 1.0 } else { 0.0 };
        let (mut x, mut by_model) = (0.0, 0.0);
        for (set, &from) in self.at[..self.profile.sets.len()].iter().enumerate() {
            let weight = self.last_weights[self.last_at + set];
            x += weight * self.outputs[set];
            by_model += weight * (self.weights[from + at] + inner * self.weights[from + at + 1]);
        }
        Some((x, by_model))
    }

    /// Inputs from the contexts: the log odds that each history suggests, then (in some profiles)
    /// how far its probability is from even. Returns a mask of the contexts that were seen before.
    #[inline]
    fn gather_contexts(&mut self, shared: &Shared) -> u32 {
        let n = self.profile.contexts.len();
        let states = &mut self.states[..n];
        if self.kind == 0 {
            for (state, &place) in states.iter_mut().zip(&self.places) {
                *state = self.table.get(place, self.slot);
            }
        } else {
            for (state, &place) in states.iter_mut().zip(&self.places) {
                *state = self.ends[place as usize];
            }
        }
        // All states were asked for before anything is decided by one: much of this is on its way
        // from memory, and a wrong guess would hold up the loads behind it.
        let (odds, lean) = self.inputs.split_at_mut(n);
        let cells = &self.cells[self.kind * n..][..n];
        let mut known = 0;
        for (i, (cells, &state)) in cells.iter().zip(&*states).enumerate() {
            let p = cells[usize::from(state)].p12();
            let seen = state != 0;
            odds[i] = if seen { shared.stretch.get(p) } else { 0.0 };
            if self.profile.lean {
                lean[i] = if seen { (p as f32 - 2047.5) * (1.0 / 1024.0) } else { 0.0 };
            }
            known |= u32::from(seen) << i;
        }
        known
    }

    /// Inputs from the match, and the constant.
    #[inline]
    fn gather_fixed(&mut self, shared: &Shared) {
        let (trust, side) = self.expected.map_or((0.0, 0.0), |e| {
            let trust = self.matching.trust(e, self.kind, &shared.stretch);
            if e.one { (trust, 1.0) } else { (-trust, -1.0) }
        });
        self.inputs[self.profile.fixed_at()..][..3].copy_from_slice(&[trust, side, 0.4]);
    }

    /// Inputs from the model: its corrected log odds, in full and clipped, and the corrections.
    #[inline]
    fn gather_model(&mut self, decision: usize, logit: f32) {
        let wide = |x| clamp(x, -12.0, 12.0);
        let corrections = match &mut self.readout {
            Some(readout) => readout.correct(decision, logit).map(wide),
            None => [0.0; SPEEDS],
        };
        let [slow, fast] = corrections;
        let corrected = wide(logit + (slow + fast) * 0.5);
        let inputs = [corrected, clamp(corrected, -2.0, 2.0), slow, fast];
        self.inputs[self.profile.model_at()..][..4].copy_from_slice(&inputs);
    }

    /// Chooses the weight set of each selector.
    #[inline]
    fn select(&mut self, node: usize, known: u32) {
        let inputs = self.profile.inputs();
        let expected = self.expected.map_or(0, |e| 1 + usize::from(e.one) * 16 + e.bucket);
        let mut base = 0;
        for (at, selector) in self.at.iter_mut().zip(self.profile.sets) {
            let choice = match selector {
                Selector::Node => node,
                Selector::Match => expected.min(31) + 32 * self.kind,
                Selector::Last => usize::from(self.past.byte(1)) + 256 * self.kind,
                // From 60 on lie the sets that the prior of profile 3 was learned with.
                Selector::Seen => 60 + (known >> 2 & 7).count_ones() as usize + 128 * self.kind,
                Selector::Age => {
                    let position = self.past.bytes().len() as u32 + 1;
                    position.ilog2() as usize + 32 * self.kind
                }
                Selector::Known => {
                    ((known >> 1 & 63) << 1 | u32::from(expected > 0)) as usize + 128 * self.kind
                }
            };
            *at = (base + choice) * inputs;
            base += selector.size();
        }
    }

    /// Starts loading what the next decision will need.
    #[inline]
    pub fn expect(&self, decision: &Node) {
        if let Some(readout) = &self.readout {
            readout.prefetch(decision.mid as usize);
        }
    }

    /// Learns the answer to the decision last predicted.
    pub fn update(&mut self, one: bool) {
        let shared = &*SHARED;
        if let Some(sure) = &mut self.sure
            && sure.update(one, &shared.rates)
        {
            return;
        }
        let (n, sets) = (self.profile.contexts.len(), self.profile.sets.len());
        let target = if one { 1.0 } else { 0.0 };
        let mut errors = [0.0; MAX_SETS];
        for (error, p) in errors.iter_mut().zip(&self.probabilities[..sets]) {
            *error = (target - p) * self.rate;
        }
        train_sets(self.isa, &mut self.weights, &self.at[..sets], &self.inputs, &errors);
        if sets > 1 {
            let error = [(target - self.mixed) * LAST_RATE; MAX_SETS];
            train_sets(self.isa, &mut self.last_weights, &[self.last_at], &self.outputs, &error);
        }
        self.by_node.update(one, &shared.rates);
        if self.profile.refinements > 1 {
            self.by_order.update(one, &shared.rates);
        }
        if let Some(readout) = &mut self.readout {
            readout.update(one, &shared.squash);
        }
        if let Some(e) = self.expected {
            self.matching.update(e, self.kind, one, &shared.rates);
        }
        let cells = &mut self.cells[self.kind * n..][..n];
        for (i, cells) in cells.iter_mut().enumerate() {
            let state = self.states[i];
            cells[usize::from(state)].update(one, CELL_LIMIT, &shared.rates);
            let next = shared.histories.next(state, one);
            match self.kind {
                0 => self.table.set(self.places[i], self.slot, next),
                _ => self.ends[self.places[i] as usize] = next,
            }
        }
    }

    /// Finds every context's histories for a bit of the next byte.
    fn seek_bit(&mut self, partial: u8) {
        let (half, slot) = half_byte(partial);
        self.kind = 0;
        self.slot = slot;
        if half != self.half {
            self.half = half;
            let hashes = &self.hashes[..self.profile.contexts.len()];
            if half != 0 {
                for &hash in hashes {
                    self.table.prefetch(half_hash(hash, half));
                }
            }
            for (place, &hash) in self.places.iter_mut().zip(hashes) {
                *place = self.table.find(half_hash(hash, half));
            }
        }
    }

    /// Finds every context's history of whether a token of this depth ends here.
    fn seek_end(&mut self, depth: u8) {
        self.kind = 1;
        self.half = u32::MAX;
        let mask = self.ends.len() - 1;
        let hashes = &self.hashes[..self.profile.contexts.len()];
        for (place, &hash) in self.places.iter_mut().zip(hashes) {
            *place = (combine(hash, u32::from(depth) + 77) as usize & mask) as u32;
        }
    }
}

/// The half byte that a bit belongs to, 0 for the first and 16 to 31 for the second, and its place
/// among the fifteen decisions of that, 1 to 15.
#[inline(always)]
fn half_byte(partial: u8) -> (u32, usize) {
    let known = partial.ilog2();
    match known {
        0..4 => (0, usize::from(partial)),
        _ => {
            let low = known - 4;
            (u32::from(partial >> low), usize::from(partial) & ((1 << low) - 1) | 1 << low)
        }
    }
}

/// The hash of a context within one half byte: 0 for the first, 16 to 31 for the second.
#[inline(always)]
fn half_hash(hash: u32, half: u32) -> u32 {
    combine(hash, half.wrapping_mul(0x3d4d_51cb))
}

/// Size of the context table for a chunk: about 32 bytes per byte, within bounds.
fn table_bits_for(len: usize, most: u8) -> u32 {
    let wanted = (len.max(1) as u64 * 32).next_power_of_two().ilog2();
    wanted.clamp(16, u32::from(most.clamp(16, 28)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Vocabulary;

    #[test]
    fn the_pull_of_the_model_is_a_derivative() {
        let vocabulary = Vocabulary::of_bytes();
        let first = vocabulary.tree().node(0);
        // Two mixers that have seen the same are asked with slightly different log odds of the model.
        let said = |step: f32| {
            let mut mixer = Mixer::new(Isa::portable(), &NEURAL, &Prior::plain(&NEURAL), 100, 24);
            for i in 0..100 {
                mixer.predict(first, if i % 3 == 0 { 0.7 } else { -0.4 });
                mixer.update(i % 3 == 0);
            }
            mixer.predict(first, 0.7 + step);
            mixer.pull().unwrap()
        };
        let ((before, slope), (after, _)) = (said(0.0), said(0.01));
        assert!(slope > 0.1, "{slope}");
        assert!(((after - before) / 0.01 - slope).abs() < 0.01 * slope, "{before} {after} {slope}");
    }
}

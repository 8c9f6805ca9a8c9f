//! Context mixing: adaptive statistics over bytes, mixed with the language model's prediction.
//!
//! A binary decision is predicted in these steps.
//!
//! 1. If the language model is confident and was right at such decisions before, the decision
//!    bypasses all other steps ([`bypass`]).
//! 2. Each context gives the probability of its bit history ([`contexts`], [`table`], [`history`]).
//!    The match model gives the probability that the last occurrence repeats ([`match_model`]). The
//!    language model gives its own, corrected by a head that learns in the chunk
//!    ([`dynamic_head`]). All are inputs of a network, as log odds.
//! 3. The first layer of the network has several weight sets. Each selector chooses one, by a small
//!    context. A last layer mixes the outputs of the chosen sets.
//! 4. Up to two APM stages correct the result ([`apm`]).
//!
//! After the answer, everything that took part learns from it. Every chunk starts afresh, from a
//! prior that was learned offline ([`prior`]).
//!
//! Source: the PAQ family (Mahoney, 2002 and later): logistic mixing, indirect contexts, APM.
#![forbid(unsafe_code)]

mod apm;
mod bypass;
mod contexts;
mod dynamic_head;
mod history;
mod learn;
mod maps;
mod match_model;
mod predict;
pub mod prior;
mod profile;
pub mod records;
mod table;

use std::sync::LazyLock;

use crate::kernel::Isa;
use crate::kernel::mixing::MAX_SETS;
use crate::vocab::Decision;

use apm::Apm;
use bypass::ConfidenceBypass;
use contexts::ContextState;
use dynamic_head::DynamicHead;
use history::Histories;
use maps::{Cell, Rates, Squash, Stretch};
use match_model::{Expectation, MatchModel};
pub use prior::Prior;
pub use profile::{FAST, FULL, MEDIUM, NEURAL, Profile, RECORDS, Selector, by_id};
use records::{Records, Segment};
use table::{Table, half_hash};

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

/// The kind of a decision about a bit of a byte.
const KIND_BIT: usize = 0;
/// The kind of a decision whether a token ends.
const KIND_END: usize = 1;
/// Most contexts of a profile.
pub const MAX_CONTEXTS: usize = 24;
/// The first decision about a token's end; below are the 256 nodes of a byte.
const END: usize = 256;
/// Weight sets of the last layer: one per node of a byte, and one per depth at which a token may
/// end. Depths of 15 and more share one.
const NODES: usize = END + 16;
/// Weights of a last set: one per first-layer set, padded to a register.
const LAST_WIDTH: usize = 16;
/// The greatest count of a history's probability, so its slowest rate is 1/(400 + 1.5). Chosen by
/// measured coded size.
const CELL_LIMIT: u32 = 400;
/// Learning rate of the last layer. Chosen by trial; docs/experiments/constants.md has its neighbours.
const LAST_RATE: f32 = 0.002;
/// Contexts of the second APM stage, as a power of two. Chosen by trial;
/// docs/experiments/constants.md has its neighbours.
const HASHED_BITS: u32 = 12;

/// Predicts one chunk, decision by decision.
#[derive(Debug)]
pub struct Mixer {
    isa: Isa,
    profile: &'static Profile,
    context_state: ContextState,
    match_model: MatchModel,
    table: Table,
    /// Histories of the decisions whether a token ends.
    end_histories: Vec<u8>,
    /// Says whether a byte was pushed since the contexts were hashed.
    hashes_stale: bool,
    /// Hash of each context at the current byte.
    hashes: [u32; MAX_CONTEXTS],
    /// For each context, its bucket in `table` for the half byte `half`, or its index in
    /// `end_histories`.
    buckets: [u32; MAX_CONTEXTS],
    /// Each context's bit history at the decision last predicted.
    states: [u8; MAX_CONTEXTS],
    half: u32,
    /// Per context and kind of decision: a probability for each bit history.
    cells: Vec<[Cell; 256]>,
    inputs: Vec<f32>,
    weights: Vec<f32>,
    last_weights: Vec<f32>,
    at: [usize; MAX_SETS],
    last_at: usize,
    outputs: [f32; LAST_WIDTH],
    probabilities: [f32; MAX_SETS],
    mixed: f32,
    apm_by_node: Apm,
    apm_by_order: Apm,
    /// Corrects the language model, where there is one.
    dynamic_head: Option<DynamicHead>,
    /// Decides which decisions skip the network.
    bypass: Option<ConfidenceBypass>,
    /// Knows the records, where there are any.
    records: Option<Box<Records>>,
    expected: Option<Expectation>,
    /// The kind of the decision last predicted: [`KIND_BIT`] or [`KIND_END`]; in records, whose tokens are bytes,
    /// that of the segment.
    kind: usize,
    /// Whether the decision last predicted was about a token's end.
    at_end: bool,
    slot: usize,
    /// The present learning rate of the first layer.
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
        let n = profile.contexts.len();
        let mut context_state = ContextState::default();
        context_state.reserve(len);
        let mut mixer = Mixer {
            isa,
            profile,
            context_state,
            match_model: MatchModel::new(match_bits(bits), len),
            table: Table::new(bits),
            end_histories: vec![0; 1 << (bits - 4)],
            hashes_stale: true,
            hashes: [0; MAX_CONTEXTS],
            buckets: [0; MAX_CONTEXTS],
            states: [0; MAX_CONTEXTS],
            half: u32::MAX,
            cells: vec![[Cell::new(32_768, 0); 256]; n * 2],
            inputs: vec![0.0; profile.inputs()],
            weights: vec![0.0; profile.first_sets() * profile.inputs()],
            last_weights: vec![0.0; NODES * LAST_WIDTH],
            at: [0; MAX_SETS],
            last_at: 0,
            outputs: [0.0; LAST_WIDTH],
            probabilities: [0.0; MAX_SETS],
            mixed: 0.0,
            apm_by_node: Apm::new(NODES, 255),
            apm_by_order: Apm::new(profile.contexts_by_order(), 255),
            dynamic_head: None,
            bypass: profile.bypass.then(ConfidenceBypass::new),
            records: None,
            expected: None,
            kind: KIND_BIT,
            at_end: false,
            slot: 0,
            rate: profile.rate_first,
        };
        prior.apply(&mut mixer);
        mixer
    }

    /// Counts the bytes of memory that a mixer for a chunk of `len` bytes takes. `dynamic_head` is the
    /// vocabulary size and the width of the model that it corrects.
    pub fn bytes_for(
        profile: &Profile,
        len: usize,
        table_bits: u8,
        dynamic_head: Option<(usize, usize)>,
    ) -> u64 {
        let bits = table_bits_for(len, table_bits);
        let (n, inputs) = (profile.contexts.len(), profile.inputs());
        let weights = profile.first_sets() * inputs + NODES * LAST_WIDTH + inputs;
        let parts = [
            size_of::<Mixer>(),
            // Histories of bits and of ends.
            (1 << bits) + (1 << (bits - 4)),
            n * 2 * size_of::<[Cell; 256]>(),
            weights * size_of::<f32>(),
            ContextState::bytes_for(len),
            MatchModel::bytes_for(match_bits(bits), len),
            Apm::bytes_for(NODES) + Apm::bytes_for(profile.contexts_by_order()),
            if profile.bypass { ConfidenceBypass::BYTES } else { 0 },
            dynamic_head.map_or(0, |(tokens, width)| DynamicHead::bytes_for(tokens, width)),
        ];
        parts.into_iter().map(|bytes| bytes as u64).sum()
    }

    /// Bytes of memory that this mixer holds.
    #[cfg(test)]
    fn bytes_held(&self) -> usize {
        let apms = [&self.apm_by_node, &self.apm_by_order];
        let floats = [&self.inputs, &self.weights, &self.last_weights];
        size_of::<Mixer>()
            + self.table.bytes_held()
            + self.end_histories.capacity()
            + size_of_val(&self.cells[..])
            + floats.into_iter().map(|floats| size_of_val(&floats[..])).sum::<usize>()
            + self.context_state.bytes_held()
            + self.match_model.bytes_held()
            + apms.into_iter().map(|apm| size_of_val(apm.cells())).sum::<usize>()
            + self.bypass.as_ref().map_or(0, ConfidenceBypass::bytes_held)
            + self.dynamic_head.as_ref().map_or(0, DynamicHead::bytes_held)
    }

    /// This mixer with a dynamic head for a model whose hidden vector has `width` values and whose
    /// vocabulary has `tokens` tokens.
    pub fn with_dynamic_head(mut self, tokens: usize, width: usize) -> Self {
        self.dynamic_head = Some(DynamicHead::new(self.isa, tokens, width));
        self
    }

    /// This mixer for a chunk of these segments.
    pub fn with_segments(mut self, segments: Vec<Segment>) -> Self {
        self.records = Some(Box::new(Records::new(segments)));
        self
    }

    /// Appends a byte that is now known.
    pub fn push(&mut self, byte: u8) {
        self.context_state.push(byte);
        if let Some(records) = &mut self.records {
            records.push(self.context_state.bytes());
        }
        self.match_model.push(self.context_state.bytes());
        self.context_state.set_expected(self.match_model.expect_byte(self.context_state.bytes()));
        let (rate, last) = (self.rate, self.profile.rate_last);
        // Each byte takes the rate 1/4096 of the way to its last value. Chosen by measured coded
        // size.
        self.rate = rate + (last - rate) * (1.0 / 4096.0);
        self.hashes_stale = true;
        if let Some(bypass) = &self.bypass {
            bypass.prefetch(self.context_state.last_three());
        }
    }

    /// Notes that a token begins, and the model's hidden vector.
    pub fn begin_token(&mut self, hidden: &[f32]) {
        if let Some(dynamic_head) = &mut self.dynamic_head {
            dynamic_head.begin_token(hidden);
        }
        // The first decision of a token rarely bypasses the network, so its contexts are needed.
        self.rehash();
    }

    /// Notes that a token ended after the last byte.
    pub fn end_token(&mut self) {
        self.match_model.end_token();
    }

    /// The bytes pushed so far.
    pub fn bytes(&self) -> &[u8] {
        self.context_state.bytes()
    }

    /// The bytes taken in, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.context_state.into_bytes()
    }

    /// Hashes all contexts again if bytes were pushed, and starts loading their buckets.
    #[inline(always)]
    fn rehash(&mut self) {
        if !self.hashes_stale {
            return;
        }
        self.hashes_stale = false;
        if let Some(records) = &self.records {
            records.hash(&self.context_state, &mut self.hashes);
            for &hash in &self.hashes[..self.profile.contexts.len()] {
                self.table.prefetch(half_hash(hash, 0));
            }
        } else {
            for (i, &context) in self.profile.contexts.iter().enumerate() {
                let hash = self.context_state.hash(context, i as u32);
                self.hashes[i] = hash;
                self.table.prefetch(half_hash(hash, 0));
            }
        }
        self.half = u32::MAX;
    }

    /// Starts loading the weights that the next decision will need.
    #[inline]
    pub fn prefetch(&self, decision: &Decision) {
        if let Some(dynamic_head) = &self.dynamic_head {
            dynamic_head.prefetch(decision.mid as usize);
        }
    }
}

/// Places that the match model remembers beside a context table of this size, both as powers of two: one
/// for sixteen bytes of the table, up to 2¹⁸.
fn match_bits(table_bits: u32) -> u32 {
    table_bits.min(22) - 4
}

/// Size of the context table for a chunk, as a power of two: about 32 bytes per byte of the chunk,
/// within bounds. A trade of memory for size: docs/experiments/constants.md.
fn table_bits_for(len: usize, most: u8) -> u32 {
    let most = u32::from(most.clamp(16, 28));
    let wanted = (len.max(1) as u64).saturating_mul(32).min(1 << most);
    wanted.next_power_of_two().ilog2().max(16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Vocabulary;

    #[test]
    fn the_table_has_32_bytes_per_byte_within_bounds() {
        for (len, most, bits) in
            [(0, 24, 16), (2048, 24, 16), (2049, 24, 17), (1 << 19, 24, 24), (1 << 20, 24, 24)]
        {
            assert_eq!(table_bits_for(len, most), bits, "{len} bytes, 2^{most} at most");
        }
        assert_eq!(table_bits_for(usize::MAX, 28), 28);
        assert_eq!((table_bits_for(9999, 3), table_bits_for(usize::MAX, 99)), (16, 28));
    }

    #[test]
    fn a_mixer_takes_the_bytes_that_are_counted_for_it() {
        for (profile, len) in [(&NEURAL, 5000), (&FULL, 0), (&FAST, 100_000)] {
            let head = profile.without_model.is_some().then_some((9000, 64));
            let prior = Prior::plain(profile);
            let mut mixer = Mixer::new(Isa::portable(), profile, &prior, len, 20);
            if let Some((tokens, width)) = head {
                mixer = mixer.with_dynamic_head(tokens, width);
            }
            for i in 0..len {
                mixer.push((i / 7) as u8);
            }
            let counted = Mixer::bytes_for(profile, len, 20, head);
            assert_eq!(mixer.bytes_held() as u64, counted, "profile {}", profile.id);
        }
    }

    #[test]
    fn the_gradient_is_the_derivative_by_the_model() {
        let vocabulary = Vocabulary::of_bytes();
        let first = vocabulary.tree().decision(0);
        // Two mixers with equal pasts predict with slightly different log odds of the model.
        let said = |step: f32| {
            let mut mixer = Mixer::new(Isa::portable(), &NEURAL, &Prior::plain(&NEURAL), 100, 24);
            for i in 0..100 {
                mixer.predict(first, if i % 3 == 0 { 0.7 } else { -0.4 });
                mixer.learn(i % 3 == 0);
            }
            mixer.predict(first, 0.7 + step);
            mixer.gradient().unwrap()
        };
        let ((before, slope), (after, _)) = (said(0.0), said(0.01));
        assert!(slope > 0.1, "{slope}");
        assert!(((after - before) / 0.01 - slope).abs() < 0.01 * slope, "{before} {after} {slope}");
    }
}

//! The RWKV-7 forward pass over a batch of positions.
//!
//! A batch is either one position of each of several sequences (lanes in lockstep, for decoding)
//! or several positions of one sequence (time-parallel, for encoding): `slots` says which state
//! each item belongs to, and items of one state are taken in order. Matrix products are exact and
//! everything else is per item, so the two give the same bits.
//!
//! Source of the architecture: BlinkDL's RWKV-7 reference and Peng et al. (2025).

use std::sync::Arc;

use crate::kernel::matrix::{Matrix, Quantised};
use crate::kernel::sparse::Sparse;
use crate::kernel::wkv::{self, HEAD, HeadVectors, WkvState};
use crate::kernel::{Isa, vector};

use super::language_model::Outputs;
use super::stage::{INPUTS, PRODUCTS, Stage};
use super::state::State;
use super::team::Team;
use super::weights::{Layer, LowRank, Model, Norm, Shape, TimeMix};

/// The last step of a forward pass: from hidden vectors to logits.
#[derive(Debug)]
pub struct Unembedding {
    quantised: [Quantised; 1],
    logits: Vec<f32>,
}

impl Unembedding {
    /// Room for up to `capacity` items.
    pub fn new(model: &Model, capacity: usize) -> Self {
        let Shape { width, vocabulary, .. } = model.shape;
        let quantised = [Quantised::new(capacity, width)];
        Unembedding { quantised, logits: vec![0.0; capacity * vocabulary] }
    }

    /// Bytes that [`Unembedding::new`] takes.
    pub(super) fn bytes(model: &Model, capacity: usize) -> usize {
        let Shape { width, vocabulary, .. } = model.shape;
        Quantised::bytes_for(capacity, width) + size_of::<f32>() * capacity * vocabulary
    }

    /// Makes logits of the hidden vectors that [`TrunkPass::read`] gave.
    ///
    /// # Panics
    /// If there are more of them than the capacity.
    pub fn run<'a>(&'a mut self, team: &mut Team, hidden: &'a [f32]) -> Outputs<'a> {
        let Shape { width, vocabulary, .. } = team.model.shape;
        let n = hidden.len() / width;
        for (i, hidden) in hidden.chunks_exact(width).enumerate() {
            self.quantised[0].set(team.isa, i, hidden);
        }
        team.multiply(Stage::Unembed, &self.quantised, n, [&mut self.logits]);
        Outputs::new(hidden, &self.logits[..n * vocabulary], n)
    }
}

/// A whole forward pass over up to `capacity` items, with its working memory.
#[derive(Debug)]
pub struct Pass {
    trunk: TrunkPass,
    unembedding: Unembedding,
}

impl Pass {
    /// A forward pass on the thread of `team`, with its helpers if it has any.
    pub fn new(team: Team, capacity: usize) -> Self {
        let unembedding = Unembedding::new(&team.model, capacity);
        Pass { trunk: TrunkPass::new(team, capacity), unembedding }
    }

    /// Bytes that [`Pass::new`] takes.
    pub(super) fn bytes(model: &Model, capacity: usize) -> usize {
        TrunkPass::bytes(model, capacity) + Unembedding::bytes(model, capacity)
    }

    /// Reads `tokens[i]` (a rank) into `states[slots[i]]` for every `i`, in order, and predicts what follows each.
    ///
    /// # Panics
    /// If there are more items than the capacity, or a token or slot does not exist.
    pub fn run(&mut self, tokens: &[u32], slots: &[usize], states: &mut [State]) -> Outputs<'_> {
        self.trunk.read(tokens, slots, states);
        let TrunkPass { team, hidden, .. } = &mut self.trunk;
        let used = tokens.len() * team.model.shape.width;
        self.unembedding.run(team, &hidden[..used])
    }
}

/// A model and the working memory for all of a forward pass but its last product; allocated once.
#[derive(Debug)]
pub struct TrunkPass {
    team: Team,
    capacity: usize,
    /// Residual stream, items × width.
    x: Vec<f32>,
    /// Six vectors of items × width: r, w, k, v, a, g; `r` doubles as the mixes' output.
    r: Vec<f32>,
    w: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    a: Vec<f32>,
    g: Vec<f32>,
    first: Vec<f32>,
    normed: Vec<f32>,
    shifted: Vec<f32>,
    /// The low-rank pairs between their two matrices: decay, rate, gate, residual.
    low: [Vec<f32>; 4],
    inner: Vec<f32>,
    /// Quantised inputs: six of the width, one of the ranks, one of the inner width.
    wide: [Quantised; INPUTS],
    low_wide: Quantised,
    deep: Sparse,
    hidden: Vec<f32>,
}

impl TrunkPass {
    /// A pass on the thread of `team`, with its helpers if it has any.
    pub fn new(team: Team, capacity: usize) -> Self {
        let model = Arc::clone(&team.model);
        let Shape { width, inner, .. } = model.shape;
        let row = || vec![0.0; capacity * width];
        TrunkPass {
            team,
            capacity,
            x: row(),
            r: row(),
            w: row(),
            k: row(),
            v: row(),
            a: row(),
            g: row(),
            first: row(),
            normed: vec![0.0; width],
            shifted: vec![0.0; width],
            low: std::array::from_fn(|_| vec![0.0; capacity * model.max_rank()]),
            inner: vec![0.0; capacity * inner],
            wide: std::array::from_fn(|_| Quantised::new(capacity, width)),
            low_wide: Quantised::new(capacity, model.max_rank()),
            deep: Sparse::new(inner),
            hidden: vec![0.0; capacity * width],
        }
    }

    /// Bytes that [`TrunkPass::new`] takes.
    pub(super) fn bytes(model: &Model, capacity: usize) -> usize {
        let Shape { width, inner, .. } = model.shape;
        let rank = model.max_rank();
        // Nine rows, four ranks and the inner vector of each item, and two rows that all items share.
        let floats = capacity * (9 * width + 4 * rank + inner) + 2 * width;
        let quantised =
            INPUTS * Quantised::bytes_for(capacity, width) + Quantised::bytes_for(capacity, rank);
        size_of::<f32>() * floats + quantised + Sparse::bytes_for(inner)
    }

    /// Reads `tokens[i]` (a rank) into `states[slots[i]]` for every `i`, in order. Gives the hidden vectors, items ×
    /// width.
    ///
    /// # Panics
    /// If there are more items than the capacity, or a token or slot does not exist.
    pub fn read(&mut self, tokens: &[u32], slots: &[usize], states: &mut [State]) -> &[f32] {
        let model = Arc::clone(&self.team.model);
        let (isa, n) = (self.team.isa, tokens.len());
        assert!(n <= self.capacity && slots.len() == n);
        let width = model.shape.width;
        for (x, &token) in self.x.chunks_exact_mut(width).zip(tokens) {
            let row = &model.embedding.rows[token as usize * width..][..width];
            let scale = model.embedding.scales[token as usize];
            for (e, &q) in self.normed.iter_mut().zip(row) {
                *e = f32::from(q) * scale;
            }
            let Norm { weight, bias } = &model.input_norm;
            vector::layer_norm(isa, &self.normed, weight, bias, model.inverse_width, x);
        }
        for index in 0..model.layers.len() {
            self.time_mix(&model, index, slots, states);
            self.channel_mix(&model, index, slots, states);
        }
        let hidden = self.hidden.chunks_exact_mut(width);
        for (x, hidden) in self.x.chunks_exact(width).zip(hidden).take(n) {
            let Norm { weight, bias } = &model.output_norm;
            vector::layer_norm(isa, x, weight, bias, model.inverse_width, hidden);
        }
        &self.hidden[..n * width]
    }

    fn time_mix(
        &mut self,
        model: &Model,
        index: usize,
        slots: &[usize],
        states: &mut [State],
    ) {
        let Layer { time_norm: norm, time: mix, .. } = &model.layers[index];
        let isa = self.team.isa;
        let (n, width) = (slots.len(), model.shape.width);
        for (i, &slot) in slots.iter().enumerate() {
            let previous = &mut states[slot].time_shift[index * width..][..width];
            self.shift(i, norm, model.inverse_width, previous, &mix.mix);
        }
        let [decay, rate, gate, residual] = &mut self.low;
        let (r, k, v) = (&mut self.r, &mut self.k, &mut self.v);
        let outputs: [&mut [f32]; PRODUCTS] = [r, k, v, decay, rate, gate, residual];
        self.team.multiply(Stage::TimeIn(index), &self.wide, n, outputs);
        let used = n * width;

        let low_wide = &mut self.low_wide;
        expand(isa, &mix.decay, n, decay, low_wide, &mut self.w, vector::tanh_all);
        expand(isa, &mix.rate, n, rate, low_wide, &mut self.a, |_, _| {});
        expand(isa, &mix.gate, n, gate, low_wide, &mut self.g, vector::sigmoid_all);
        for w in self.w[..used].chunks_exact_mut(width) {
            vector::decay(isa, w, &mix.decay.bias);
        }
        for a in self.a[..used].chunks_exact_mut(width) {
            vector::biased_sigmoid(isa, a, &mix.rate.bias);
        }
        match &mix.residual {
            None => self.first[..used].copy_from_slice(&self.v[..used]),
            Some(pair) => {
                // `inner` is free until the channel mix.
                let mixed = &mut self.inner[..used];
                expand(isa, pair, n, residual, low_wide, mixed, |_, _| {});
                for ((v, first), mixed) in self.v[..used]
                    .chunks_exact_mut(width)
                    .zip(self.first.chunks_exact(width))
                    .zip(mixed.chunks_exact(width))
                {
                    vector::value_residual(isa, v, first, mixed, &pair.bias);
                }
            }
        }

        // Heads outside, so that the state of one stays close while it takes all positions.
        let heads = model.shape.heads();
        for h in 0..heads {
            let [k_k, k_a, r_k, weight, bias] =
                [&mix.k_k, &mix.k_a, &mix.r_k, &mix.norm.weight, &mix.norm.bias]
                    .map(|v| head(v, h * HEAD));
            for (i, &slot) in slots.iter().enumerate() {
                let at = i * width + h * HEAD;
                let (mut minus, mut scaled, mut y) = ([0.0; HEAD], [0.0; HEAD], [0.0; HEAD]);
                let k: &mut [f32; HEAD] = (&mut self.k[at..at + HEAD]).try_into().unwrap();
                vector::keys(isa, k, head(&self.a, at), k_k, k_a, &mut minus, &mut scaled);
                let (r, v, g) = (head(&self.r, at), head(&self.v, at), head(&self.g, at));
                let w = head(&self.w, at);
                let state = &mut states[slot].wkv[index * heads + h];
                wkv::step(isa, state, HeadVectors { r, w, k, v, a: &minus, b: &scaled }, &mut y);
                vector::head_output(isa, &mut y, weight, bias, r, k, r_k, v, g);
                // The output takes the place of the gate, which nothing needs any more.
                self.g[at..at + HEAD].copy_from_slice(&y);
            }
        }
        for (i, y) in self.g[..used].chunks_exact(width).enumerate() {
            self.wide[0].set(isa, i, y);
        }
        self.team.multiply(Stage::TimeOut(index), &self.wide[..1], n, [&mut self.r]);
        vector::add(isa, &mut self.x[..used], &self.r[..used]);
    }

    /// Normalises item `i` of the residual stream, which becomes `previous`, and quantises its
    /// blends with the `previous` there was, one by each of `mixes`.
    fn shift(
        &mut self,
        i: usize,
        norm: &Norm,
        inverse_width: f32,
        previous: &mut [f32],
        mixes: &[Vec<f32>],
    ) {
        let (isa, width) = (self.team.isa, previous.len());
        let x = &self.x[i * width..][..width];
        vector::layer_norm(isa, x, &norm.weight, &norm.bias, inverse_width, &mut self.normed);
        for (quantised, weight) in self.wide.iter_mut().zip(mixes) {
            vector::shift(isa, &self.normed, previous, weight, &mut self.shifted);
            quantised.set(isa, i, &self.shifted);
        }
        previous.copy_from_slice(&self.normed);
    }

    fn channel_mix(
        &mut self,
        model: &Model,
        index: usize,
        slots: &[usize],
        states: &mut [State],
    ) {
        let Layer { channel_norm: norm, channel: mix, .. } = &model.layers[index];
        let isa = self.team.isa;
        let (n, width) = (slots.len(), model.shape.width);
        for (i, &slot) in slots.iter().enumerate() {
            let previous = &mut states[slot].channel_shift[index * width..][..width];
            self.shift(i, norm, model.inverse_width, previous, std::slice::from_ref(&mix.mix));
        }
        let inner = model.shape.inner;
        self.team.multiply(Stage::ChannelIn(index), &self.wide[..1], n, [&mut self.inner]);
        let outputs = self.r.chunks_exact_mut(width);
        for (x, y) in self.inner.chunks_exact_mut(inner).zip(outputs).take(n) {
            vector::relu_squared(isa, x);
            self.deep.set(isa, x);
            mix.value.apply(isa, &self.deep, y);
        }
        vector::add(isa, &mut self.x[..n * width], &self.r[..n * width]);
    }
}

/// The second half of a low-rank pair: `y = up · f(low)`.
fn expand(
    isa: Isa,
    pair: &LowRank,
    n: usize,
    low: &mut [f32],
    quantised: &mut Quantised,
    y: &mut [f32],
    activate: impl Fn(Isa, &mut [f32]),
) {
    let rank = pair.down.rows();
    activate(isa, &mut low[..n * rank]);
    quantised.resize(rank);
    for (i, low) in low.chunks_exact(rank).take(n).enumerate() {
        quantised.set(isa, i, low);
    }
    pair.up.apply(isa, quantised, n, y, pair.up.rows());
}

/// The 64 values of one head that start at `at`.
#[inline(always)]
fn head(x: &[f32], at: usize) -> &[f32; HEAD] {
    x[at..at + HEAD].try_into().unwrap()
}

impl Model {
    /// The largest rank among the low-rank pairs.
    fn max_rank(&self) -> usize {
        let ranks = |m: &TimeMix| {
            let residual = m.residual.as_ref().map_or(0, |p| p.down.rows());
            let others = [&m.decay, &m.rate, &m.gate].map(|p| p.down.rows());
            others.into_iter().max().unwrap_or(0).max(residual)
        };
        self.layers.iter().map(|l| ranks(&l.time)).max().unwrap_or(0)
    }

    /// Bytes of one lane's state.
    pub fn state_bytes(&self) -> usize {
        let per_layer =
            2 * size_of::<f32>() * self.shape.width + self.shape.heads() * size_of::<WkvState>();
        self.shape.layers * per_layer
    }

    /// Multiply-adds of the matrices per token.
    pub fn multiply_adds(&self) -> usize {
        let size = |m: &Matrix| m.rows() * m.cols();
        let pair = |p: &LowRank| size(&p.down) + size(&p.up);
        let layers: usize = self
            .layers
            .iter()
            .map(|l| {
                let t = &l.time;
                let value = l.channel.value.rows() * l.channel.value.cols();
                let square: usize =
                    [&t.receptance, &t.key, &t.value, &t.output].map(size).into_iter().sum();
                let low: usize = [&t.decay, &t.rate, &t.gate].map(pair).into_iter().sum();
                let residual = t.residual.as_ref().map_or(0, pair);
                square + low + residual + size(&l.channel.key) + value
            })
            .sum();
        layers + size(&self.unembedding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BUILT_IN, built_in};
    use super::*;

    #[test]
    fn the_bytes_of_a_pass_are_those_of_its_vectors() {
        for (built, capacity) in BUILT_IN.iter().zip([1, 16]) {
            let model = Arc::clone(built_in(built.name).unwrap().model());
            let team = Team::alone(Arc::clone(&model), Isa::portable());
            let Pass { trunk: t, unembedding: u } = Pass::new(team, capacity);
            let rows = [&t.x, &t.r, &t.w, &t.k, &t.v, &t.a, &t.g, &t.first, &t.hidden];
            let others = [&t.normed, &t.shifted, &t.inner, &u.logits];
            let floats = rows.into_iter().chain(others).chain(&t.low).map(Vec::len).sum::<usize>();
            let quantised = t.wide.iter().chain([&t.low_wide]).chain(&u.quantised);
            let quantised = quantised.map(Quantised::bytes).sum::<usize>();
            let held = size_of::<f32>() * floats + quantised + t.deep.bytes();
            assert_eq!(Pass::bytes(&model, capacity), held, "{}", built.name);
        }
    }
}

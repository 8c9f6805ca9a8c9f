//! A stage holds the matrix products of a forward pass that can be made at the same time.

use std::ops::Range;

use crate::kernel::Isa;
use crate::kernel::matrix::{Matrix, Quantised};

use super::weights::Model;

/// Most vectors that the products of a stage choose their inputs from.
pub(super) const INPUTS: usize = 6;
/// Most products of a stage.
pub(super) const PRODUCTS: usize = 7;

/// A point of the forward pass where the inputs of several products are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first products of a layer's time mix, of its shifted inputs: r, k and v, and the first halves of the low-rank
    /// pairs (decay, rate, gate, residual).
    TimeIn(usize),
    /// The output of a layer's time mix.
    TimeOut(usize),
    /// The inner vector of a layer's channel mix.
    ChannelIn(usize),
    /// The logits.
    Unembed,
}

/// One product of a stage, or some rows of it.
#[derive(Debug)]
pub(super) struct Product<'m> {
    /// The number of the stage's output that it makes.
    pub output: usize,
    /// The number of the stage's input that it reads.
    input: usize,
    matrix: &'m Matrix,
    blocks: Range<usize>,
}

impl Product<'_> {
    /// The rows it gives.
    pub fn rows(&self) -> Range<usize> {
        self.matrix.rows_of(self.blocks.clone())
    }

    /// Rows of the whole output.
    pub fn height(&self) -> usize {
        self.matrix.rows()
    }

    /// Multiplies `n` vectors; the rows of one are `stride` apart from those of the next.
    pub fn make(&self, isa: Isa, inputs: &[Quantised], n: usize, y: &mut [f32], stride: usize) {
        self.matrix.apply_blocks(isa, self.blocks.clone(), &inputs[self.input], n, y, stride);
    }
}

impl Model {
    /// The matrices of a stage, in the order of its outputs, each with the place of its input.
    fn matrices(&self, stage: Stage) -> [Option<(&Matrix, usize)>; PRODUCTS] {
        let layer = |index: usize| &self.layers[index];
        let mut all = [None; PRODUCTS];
        match stage {
            Stage::TimeIn(index) => {
                let mix = &layer(index).time;
                // The inputs stand in the order r, w, k, v, a, g.
                all = [
                    Some((&mix.receptance, 0)),
                    Some((&mix.key, 2)),
                    Some((&mix.value, 3)),
                    Some((&mix.decay.down, 1)),
                    Some((&mix.rate.down, 4)),
                    Some((&mix.gate.down, 5)),
                    mix.residual.as_ref().map(|pair| (&pair.down, 3)),
                ];
            }
            Stage::TimeOut(index) => all[0] = Some((&layer(index).time.output, 0)),
            Stage::ChannelIn(index) => all[0] = Some((&layer(index).channel.key, 0)),
            Stage::Unembed => all[0] = Some((&self.unembedding, 0)),
        }
        all
    }

    /// Some of a stage's products: those parts of all their rows, of `parts` about equal ones.
    pub(super) fn share(
        &self,
        stage: Stage,
        share: Range<usize>,
        parts: usize,
    ) -> impl Iterator<Item = Product<'_>> {
        let matrices = self.matrices(stage);
        let all: usize = matrices.iter().flatten().map(|(matrix, _)| matrix.blocks()).sum();
        let (from, to) = (all * share.start / parts, all * share.end / parts);
        let mut before = 0;
        matrices.into_iter().enumerate().filter_map(move |(output, product)| {
            let (matrix, input) = product?;
            let (start, end) = (before, before + matrix.blocks());
            before = end;
            let blocks = from.clamp(start, end) - start..to.clamp(start, end) - start;
            (!blocks.is_empty()).then_some(Product { output, input, matrix, blocks })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NANO, built_in};
    use super::*;

    #[test]
    fn shares_are_all_rows_once_and_about_equal() {
        let loaded = built_in(NANO.name).unwrap();
        let model = loaded.model();
        let stages = [
            Stage::TimeIn(0),
            Stage::TimeIn(1),
            Stage::TimeOut(1),
            Stage::ChannelIn(0),
            Stage::Unembed,
        ];
        for (stage, parts) in
            stages.iter().flat_map(|&stage| (1..12).map(move |parts| (stage, parts)))
        {
            let mut next = [0; PRODUCTS];
            let mut sizes = Vec::new();
            for part in 0..parts {
                let mut size = 0;
                for product in model.share(stage, part..part + 1, parts) {
                    assert_eq!(product.rows().start, next[product.output], "{stage:?} in {parts}");
                    next[product.output] = product.rows().end;
                    size += product.blocks.len();
                }
                sizes.push(size);
            }
            for product in model.share(stage, 0..parts, parts) {
                assert_eq!(product.rows(), 0..product.height());
                assert_eq!(next[product.output], product.height());
            }
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{stage:?} in {parts}: {sizes:?}");
        }
    }
}

//! Several threads at one forward pass.
//!
//! A chunk on its own is decoded token by token. Most of that time is spent streaming the model's weights from a
//! cache that all cores share. A team splits the rows of each product: every helper always has the same rows,
//! which then stay in its core's own cache. Rows are independent, so the bits are those of one thread.
//!
//! Helpers wait for their next part ten times per token or more, each time for less than a thread takes to fall
//! asleep and wake. So they spin. This must cost little where other programs want the cores, too. Therefore
//! whoever comes first takes a part, and nobody waits for a helper that the system suspended before it began.
//! When a helper was suspended in the middle of a part, the leader works alone for a while, and for longer where
//! that proves faster. Helpers that find nothing to do sleep.

use std::sync::Arc;

use crate::kernel::Isa;
use crate::kernel::matrix::Quantised;

#[cfg(feature = "threads")]
use super::helpers::Helpers;
use super::stage::{Product, Stage};
use super::weights::Model;

/// The thread that a forward pass runs on, with its helpers if it has any.
#[derive(Debug)]
pub struct Team {
    pub(super) model: Arc<Model>,
    pub(super) isa: Isa,
    #[cfg(feature = "threads")]
    helpers: Option<Helpers>,
}

impl Team {
    /// A thread without helpers.
    pub fn alone(model: Arc<Model>, isa: Isa) -> Self {
        Team {
            model,
            isa,
            #[cfg(feature = "threads")]
            helpers: None,
        }
    }

    /// The calling thread with up to `helpers` helpers, for passes of up to `capacity` items. Where the system
    /// gives no threads, the caller works alone.
    pub fn new(model: Arc<Model>, isa: Isa, capacity: usize, helpers: usize) -> Self {
        #[cfg(feature = "threads")]
        if helpers > 0 {
            let helpers = Some(Helpers::start(&model, isa, capacity, helpers));
            return Team { model, isa, helpers };
        }
        let _ = (capacity, helpers);
        Self::alone(model, isa)
    }

    /// The model of the pass.
    #[cfg(any(test, feature = "internals"))]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Makes all products of a stage. `outputs` stand in the stage's order; each holds the rows of one of `n`
    /// vectors after the other's.
    pub(super) fn multiply<const OUTPUTS: usize>(
        &mut self,
        stage: Stage,
        inputs: &[Quantised],
        n: usize,
        mut outputs: [&mut [f32]; OUTPUTS],
    ) {
        #[cfg(feature = "threads")]
        if let Some(helpers) = &mut self.helpers
            && helpers.multiply(stage, inputs, n, &mut outputs)
        {
            return;
        }
        for product in self.model.share(stage, 0..1, 1) {
            make(self.isa, &product, inputs, n, &mut outputs);
        }
    }
}

/// Makes a product, or some rows of it, on this thread.
pub(super) fn make(
    isa: Isa,
    product: &Product<'_>,
    inputs: &[Quantised],
    n: usize,
    outputs: &mut [&mut [f32]],
) {
    let y = &mut outputs[product.output][product.rows().start..];
    product.make(isa, inputs, n, y, product.height());
}


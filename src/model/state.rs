//! The memory that a model has of one lane.

use crate::kernel::wkv::WkvState;

use super::weights::Shape;

/// The recurrent state of one sequence: constant size, whatever the length read so far.
#[derive(Debug, Clone)]
pub struct State {
    /// Per layer: the layer-normed input of the time mix at the previous position.
    pub(super) time_shift: Vec<f32>,
    /// Per layer: the layer-normed input of the channel mix at the previous position.
    pub(super) channel_shift: Vec<f32>,
    /// Per layer and head.
    pub(super) wkv: Vec<WkvState>,
}

impl State {
    /// The state before anything was read.
    pub fn new(shape: &Shape) -> Self {
        State {
            time_shift: vec![0.0; shape.layers * shape.width],
            channel_shift: vec![0.0; shape.layers * shape.width],
            wkv: vec![WkvState::EMPTY; shape.layers * shape.heads()],
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.time_shift.fill(0.0);
        self.channel_shift.fill(0.0);
        self.wkv.fill(WkvState::EMPTY);
    }
}

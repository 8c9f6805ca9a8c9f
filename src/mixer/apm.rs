//! Adaptive probability maps (APM): a correction of a final probability in a small context.
//!
//! A map holds, for each context, 33 probabilities at stretched values −8, −7.5, …, 8 and
//! interpolates between the two nearest. Source: the APM stage of PAQ (Mahoney, 2002 ff.).

use super::maps::{Cell, Rates};
use crate::kernel::prefetch_all;
use crate::kernel::scalar::{clamp, sigmoid};

/// Points of the map in each context.
const POINTS: usize = 33;

/// An adaptive probability map.
#[derive(Debug)]
pub struct Apm {
    cells: Vec<Cell>,
    limit: u32,
    used: usize,
}

impl Apm {
    /// A map with `contexts` contexts that starts as the identity. Its cells slow down to the rate
    /// 1/(limit + 1.5).
    pub fn new(contexts: usize, limit: u32) -> Self {
        let start: [Cell; POINTS] = std::array::from_fn(|i| {
            let p = sigmoid((i as f32 - 16.0) * 0.5) * 65_536.0;
            Cell::new(clamp(p, 0.0, 65_535.0) as u16, 6)
        });
        Apm { cells: start.repeat(contexts), limit, used: 0 }
    }

    /// Bytes that [`Apm::new`] takes.
    pub fn bytes_for(contexts: usize) -> usize {
        contexts * POINTS * size_of::<Cell>()
    }

    /// The refined probability of stretched probability `x` in a context.
    #[inline]
    pub fn refine(&mut self, x: f32, context: usize) -> f32 {
        let place = (clamp(x, -7.999, 7.999) + 8.0) * 2.0;
        let below = place as usize;
        let share = place - below as f32;
        let at = context * POINTS + below;
        // The nearer point learns.
        self.used = if share < 0.5 { at } else { at + 1 };
        let (a, b) = (f32::from(self.cells[at].p16()), f32::from(self.cells[at + 1].p16()));
        (a * (1.0 - share) + b * share + 0.5) * (1.0 / 65_536.0)
    }

    /// Starts loading the cells of a context.
    #[inline]
    pub fn prefetch(&self, context: usize) {
        prefetch_all(&self.cells[context * POINTS..][..POINTS]);
    }

    /// Learns the answer to the decision last refined.
    #[inline]
    pub fn learn(&mut self, one: bool, rates: &Rates) {
        self.cells[self.used].update(one, self.limit, rates);
    }

    /// The cells, for a prior.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cells, for a prior to set.
    pub fn cells_mut(&mut self) -> &mut [Cell] {
        &mut self.cells
    }
}

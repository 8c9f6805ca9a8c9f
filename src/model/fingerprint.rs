//! A hash of what this machine's arithmetic makes of a fixed token sequence.
//!
//! Stored in archives and checked before decoding, so that a machine that breaks the numeric
//! profile says so at once.

use std::sync::Arc;

use crate::kernel::Isa;

use super::forward::Pass;
use super::frequencies::Frequencies;
use super::state::State;
use super::team::Team;
use super::weights::Model;

/// Positions read.
const LENGTH: u32 = 16;

impl Model {
    /// FNV-1a (64 bits) over the cumulative frequencies, as little-endian u64, after each of
    /// sixteen tokens: position i reads the token of rank (i · 2,654,435,761 mod 2³²) mod V.
    pub fn fingerprint(self: &Arc<Self>, isa: Isa) -> u64 {
        let mut pass = Pass::new(Team::alone(Arc::clone(self), isa), 1);
        let mut states = [State::new(&self.shape)];
        let size = self.shape.vocabulary as u32;
        let mut frequencies = Frequencies::new(self.vocabulary.len(), isa);
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for i in 0..LENGTH {
            let token = i.wrapping_mul(2_654_435_761) % size;
            let outputs = pass.run(&[token], &[0], &mut states);
            for (_, logits) in outputs.each() {
                frequencies.take(logits);
            }
            for byte in (0..=size).flat_map(|rank| frequencies.below(rank).to_le_bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        hash
    }
}

//! Mixer profiles: which contexts, sets and rates, by the number recorded in archives.

use super::contexts::Context;

/// A fixed choice of everything the mixer does. Changing one changes coded bytes, so a profile
/// that shipped is never edited; a new one gets a new number.
#[derive(Debug)]
pub struct Profile {
    /// Its number in archives.
    pub id: u8,
    /// The byte contexts, hashed.
    pub contexts: &'static [Context],
    /// Inputs of the network: two per context, then the fixed ones, padded to 16.
    pub inputs: usize,
    /// Learning rate of the network at the start of a chunk.
    pub rate_first: f32,
    /// And the rate it falls to.
    pub rate_last: f32,
    /// Whether the final refinements are applied.
    pub refine: bool,
}

/// The full profile: default.
pub static FULL: Profile = Profile {
    id: 1,
    contexts: &[
        Context::Order(0),
        Context::Order(1),
        Context::Order(2),
        Context::Order(3),
        Context::Order(4),
        Context::Order(5),
        Context::Order(6),
        Context::Word,
        Context::WordPair,
        Context::Sparse(0b0110),
        Context::Sparse(0b1100),
        Context::Column,
        Context::Above,
        Context::Field,
        Context::Key,
        Context::Indent,
    ],
    inputs: 48,
    rate_first: 0.02,
    rate_last: 0.002,
    refine: true,
};

/// The fast profile: few contexts, for machines in a hurry.
pub static FAST: Profile = Profile {
    id: 2,
    contexts: &[
        Context::Order(1),
        Context::Order(2),
        Context::Order(3),
        Context::Order(4),
        Context::Order(6),
        Context::Word,
    ],
    inputs: 16,
    rate_first: 0.02,
    rate_last: 0.002,
    refine: true,
};

/// The profile with this number.
pub fn by_id(id: u8) -> Option<&'static Profile> {
    [&FULL, &FAST].into_iter().find(|p| p.id == id)
}

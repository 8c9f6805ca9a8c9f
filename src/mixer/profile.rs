//! Mixer profiles: which contexts, sets and rates, by the number recorded in archives.

use super::HASHED_BITS;
use super::contexts::Context;
use super::records::{CONTEXTS, PREDICTORS};

/// The small context that chooses a weight set of the first layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// The decision: the bits known of the byte, or that a token may end and its depth.
    Node,
    /// The match model's expectation and the length of its match.
    Match,
    /// The last byte.
    Last,
    /// The number of the third to fifth contexts that have a history.
    Seen,
    /// The logarithm of the position in the chunk.
    Age,
    /// The second to seventh contexts that have a history, and whether there is a match.
    Known,
    /// In records: the decision, and whether it is of a number.
    Bits,
    /// In records: the last byte, or the byte that a number is expected to have.
    Near,
    /// In records: where in its record or number the decision is.
    Place,
    /// In records: how the spread of predictions compares with the decision.
    Level,
}

impl Selector {
    /// The number of sets it chooses among.
    pub const fn size(self) -> usize {
        match self {
            Selector::Node => 272,
            Selector::Match => 64,
            Selector::Last => 512,
            Selector::Seen => 256,
            Selector::Age => 64,
            Selector::Known => 256,
            Selector::Bits | Selector::Near | Selector::Place => 512,
            Selector::Level => 32,
        }
    }
}

/// All choices of a mixer. A change changes coded bytes, so a profile that shipped is never edited; a
/// new one gets a new number.
///
/// Contexts, weight sets and learning rates of the shipped profiles were chosen by measured coded
/// size. `crates/tools/src/bin/train_prior` measures the cost of leaving one out.
#[derive(Debug)]
pub struct Profile {
    /// Its number in archives.
    pub id: u8,
    /// The byte contexts, hashed; at most [`super::MAX_CONTEXTS`].
    pub contexts: &'static [Context],
    /// Whether it is made for records: the contexts are those of [`super::records`], and each decision of a number
    /// has an input for each predictor.
    pub records: bool,
    /// The first layer's weight sets; at most [`crate::kernel::mixing::MAX_SETS`].
    pub sets: &'static [Selector],
    /// Says whether each context has a second input: the distance of its probability from one half.
    pub linear_inputs: bool,
    /// The number of APM stages that follow the network: 1 is the stage by decision, 2 adds the stage by the
    /// last two bytes. No shipped profile has 0; that is for measurements.
    pub apm_stages: usize,
    /// Says whether decisions of which the language model is confident may skip the network. Every shipped
    /// profile with a model has it; leaving it out is for measurements.
    pub bypass: bool,
    /// In a profile with a language model: the profile of chunks that are coded without the model.
    pub without_model: Option<&'static Profile>,
    /// Learning rate of the network at the start of a chunk.
    pub rate_first: f32,
    /// The learning rate that it falls to.
    pub rate_last: f32,
    /// The state that its mixers start from ([`super::Prior`]). With a language model it is empty, and
    /// the model file brings the prior.
    pub prior: &'static [u8],
}

impl Profile {
    /// Inputs of the network: one or two per context, two of the match, a constant, and four
    /// where there is a model; padded to a multiple of sixteen.
    pub const fn inputs(&self) -> usize {
        let model = if self.without_model.is_some() { 4 } else { 0 };
        let numbers = if self.records { PREDICTORS } else { 0 };
        (self.model_at() + model + numbers).next_multiple_of(16)
    }

    /// Weight sets of the first layer, those of all selectors together.
    pub fn first_sets(&self) -> usize {
        self.sets.iter().map(|selector| selector.size()).sum()
    }

    /// Contexts of the second APM stage; none without it.
    pub(super) fn contexts_by_order(&self) -> usize {
        if self.apm_stages > 1 { 1 << HASHED_BITS } else { 0 }
    }

    /// Index of the first input after those of the contexts.
    pub const fn fixed_at(&self) -> usize {
        self.contexts.len() * if self.linear_inputs { 2 } else { 1 }
    }

    /// Index of the first input of the model or of the predictors of numbers, where there are any.
    pub const fn model_at(&self) -> usize {
        self.fixed_at() + 3
    }
}

/// With a language model.
pub static NEURAL: Profile = Profile {
    id: 3,
    contexts: &[
        Context::Order(1),
        Context::Order(2),
        Context::Order(3),
        Context::Order(4),
        Context::Word,
        Context::Order(8),
        Context::Expected,
        Context::Order(0),
        Context::Column,
        Context::Above,
        Context::Field,
        Context::Key,
        Context::Indirect(1),
        Context::Indirect(2),
        Context::SkipWord,
    ],
    records: false,
    sets: &[Selector::Node, Selector::Match, Selector::Last, Selector::Known],
    linear_inputs: false,
    apm_stages: 2,
    bypass: true,
    without_model: Some(&FULL),
    rate_first: 0.015,
    rate_last: 0.006,
    prior: &[],
};

/// All contexts, without a language model.
pub static FULL: Profile = Profile {
    id: 1,
    contexts: &[
        Context::Order(1),
        Context::Order(2),
        Context::Order(3),
        Context::Order(4),
        Context::Order(6),
        Context::Word,
        Context::WordPair,
        Context::Order(0),
        Context::Order(8),
        Context::Column,
        Context::Above,
        Context::Field,
        Context::Key,
        Context::Indent,
        Context::Indirect(1),
        Context::Indirect(2),
        Context::SkipWord,
        Context::WordTriple,
        Context::Order(5),
        Context::Order(7),
    ],
    records: false,
    sets: &[
        Selector::Node,
        Selector::Match,
        Selector::Last,
        Selector::Seen,
        Selector::Age,
        Selector::Known,
    ],
    linear_inputs: true,
    apm_stages: 2,
    bypass: false,
    without_model: None,
    rate_first: 0.015,
    rate_last: 0.006,
    prior: include_bytes!("../../models/mix-1.prior"),
};

/// Few contexts, for speed.
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
    records: false,
    sets: &[Selector::Match],
    linear_inputs: true,
    apm_stages: 1,
    bypass: false,
    without_model: None,
    rate_first: 0.015,
    rate_last: 0.006,
    prior: include_bytes!("../../models/mix-2.prior"),
};

/// About half of the contexts and weight sets of [`FULL`], halfway between it and [`FAST`] in size and in time. Chosen
/// by what they look at, one of each kind; docs/experiments/priors.md has what all three cost.
pub static MEDIUM: Profile = Profile {
    id: 5,
    contexts: &[
        Context::Order(1),
        Context::Order(2),
        Context::Order(3),
        Context::Order(4),
        Context::Order(6),
        Context::Word,
        Context::Field,
        Context::Above,
        Context::Key,
        Context::SkipWord,
        Context::Indirect(1),
        Context::WordPair,
    ],
    records: false,
    sets: &[Selector::Match, Selector::Last, Selector::Known],
    linear_inputs: true,
    apm_stages: 2,
    bypass: false,
    without_model: None,
    rate_first: 0.015,
    rate_last: 0.006,
    prior: include_bytes!("../../models/mix-5.prior"),
};

/// For records of bytes and of numbers.
pub static RECORDS: Profile = Profile {
    id: 4,
    contexts: &[Context::Record; CONTEXTS],
    records: true,
    sets: &[
        Selector::Bits,
        Selector::Match,
        Selector::Near,
        Selector::Known,
        Selector::Place,
        Selector::Level,
    ],
    linear_inputs: true,
    apm_stages: 2,
    bypass: false,
    without_model: None,
    rate_first: 0.015,
    rate_last: 0.005,
    prior: include_bytes!("../../models/mix-4.prior"),
};

/// The profile with this number that a container may name.
pub fn by_id(id: u8) -> Option<&'static Profile> {
    [&NEURAL, &FULL, &FAST, &MEDIUM].into_iter().find(|p| p.id == id)
}

//! RWKV-7 language models: loading, quantisation, state and the forward pass.
#![forbid(unsafe_code)]

mod crew;
mod find;
mod fingerprint;
mod forward;
mod frequencies;
pub mod installed;
mod load;
mod registry;
mod stage;
mod state;
mod weights;

pub use crew::{Crew, Lead};
pub use find::{find, open};
pub use forward::{Outputs, Pass, Unembedding};
pub use frequencies::Frequencies;
pub use registry::{BUILT_IN, BuiltIn, Loaded, NANO, SMALL, built_in, hex, known};
pub use state::State;
pub use weights::{Model, Shape};

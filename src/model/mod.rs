//! RWKV-7 language models: loading, quantisation, state and the forward pass.

mod find;
mod fingerprint;
mod forward;
mod frequencies;
pub mod installed;
mod load;
mod registry;
mod state;
mod weights;

pub use find::{find, open};
pub use forward::{Outputs, Pass};
pub use frequencies::Frequencies;
pub use registry::{BUILT_IN, BuiltIn, Loaded, NANO, SMALL, built_in, hex, known};
pub use state::State;
pub use weights::{Model, Shape};

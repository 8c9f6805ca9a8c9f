//! RWKV-7 language models: loading, quantisation, state and the forward pass; and the seam behind which other
//! engines fit.
#![forbid(unsafe_code)]

mod backend;
mod fingerprint;
#[cfg(feature = "fs")]
mod folder;
mod forward;
mod frequencies;
#[cfg(feature = "threads")]
mod helpers;
mod language_model;
mod load;
mod loaded;
mod registry;
mod rwkv7;
mod stage;
mod state;
mod store;
mod team;
mod weights;

#[cfg(feature = "fs")]
pub use folder::{Installed, ModelFolder};
pub use backend::{Backend, Cpu};
pub use forward::Pass;
pub use frequencies::{ByProbability, Frequencies};
pub use language_model::{LanguageModel, Outputs, Schedule, Session, Trunk, Unembed};
pub use loaded::Loaded;
#[cfg(all(feature = "internals", feature = "encode"))]
pub use loaded::parts;
pub use registry::{BUILT_IN, BuiltIn, NANO, SMALL, built_in, hex, known};
pub use rwkv7::Rwkv7;
pub use state::State;
pub use store::{BuiltInModels, ModelStore};
pub use team::Team;
pub use weights::Model;

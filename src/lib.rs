//! llz predicts data with an RWKV language model and stores only the surprises.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod codec;
pub mod coder;
pub mod error;
#[allow(unsafe_code)]
pub mod kernel;
pub mod limits;
pub mod mixer;
pub mod model;
pub mod progress;
pub mod vocab;

pub use codec::{Engine, EngineOptions, Level};
pub use error::{Error, Result};
pub use limits::Limits;
pub use progress::Progress;

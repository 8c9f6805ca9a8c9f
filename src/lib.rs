//! llz predicts data with an RWKV language model and stores only the surprises.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod codec;
pub mod error;
pub mod limits;
pub mod progress;
pub mod stream;

pub use codec::{Engine, EngineOptions, Level};
pub use error::{Error, Result};
pub use limits::Limits;
pub use progress::Progress;
pub use stream::{decode, encode};

//! llz predicts data with an RWKV language model and stores only the surprises.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod archive;
pub mod codec;
pub mod coder;
pub mod error;
pub mod format;
#[allow(unsafe_code)]
pub mod kernel;
pub mod limits;
pub mod mixer;
pub mod model;
pub mod progress;
pub mod stream;
#[allow(unsafe_code)]
mod sys;
pub mod vocab;

pub use archive::{
    Archive, ChunkTally, FileId, Info, PackOptions, PackSummary, TestSummary, UnpackOptions,
    UnpackSummary, pack, pack_to_path, unpack_reader,
};
pub use codec::{Engine, EngineOptions, Level};
pub use error::{Container, Corruption, Error, Found, Result};
pub use format::{Entry, EntryKind};
pub use limits::{Bound, Limits};
pub use progress::Progress;
pub use stream::{decode, encode};

/// The examples of README.md, so that they are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

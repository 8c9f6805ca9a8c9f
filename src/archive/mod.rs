//! Directory trees ⇄ archives: walk, group, pack, and unpack under a safety policy.
#![forbid(unsafe_code)]

mod options;
mod pack;
mod read;
mod unpack;

pub use options::{
    ChunkTally, Info, PackOptions, PackSummary, TestSummary, UnpackOptions, UnpackSummary,
};
pub use pack::{pack, pack_to_path};
pub use read::Archive;
pub use unpack::unpack_reader;

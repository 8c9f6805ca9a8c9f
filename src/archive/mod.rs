//! Directory trees ⇄ archives: walk, group, pack, and unpack under a safety policy.
#![forbid(unsafe_code)]

mod classify;
mod contents;
mod decode;
mod extract;
mod identity;
mod journal;
mod leftovers;
mod losses;
mod options;
mod pack;
mod packer;
mod plan;
mod policy;
mod publish;
mod raw_stream;
mod read;
mod spool;
mod staging;
mod unpack;
mod walk;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

pub use identity::FileId;
pub use leftovers::remove_unfinished;
pub use losses::Loss;
pub use options::{
    ChunkTally, Info, Links, PackOptions, PackSummary, TestSummary, UnpackOptions, UnpackSummary,
};
pub use pack::{pack, pack_to_path};
pub use publish::is_standard_output;
pub use read::Archive;
pub use unpack::unpack_reader;

//! Directory trees ⇄ archives: walk, group, pack, and unpack under a safety policy.
//!
//! Without the feature `fs` there are only archives in memory: what is in them, their files' bytes, their checks.
#![forbid(unsafe_code)]

#[cfg(feature = "fs")]
mod classify;
mod contents;
mod decode;
#[cfg(feature = "fs")]
mod destination;
#[cfg(feature = "fs")]
mod extract;
#[cfg(feature = "fs")]
mod holes;
#[cfg(feature = "fs")]
mod identity;
#[cfg(feature = "fs")]
mod journal;
#[cfg(feature = "fs")]
mod leftovers;
#[cfg(feature = "fs")]
mod losses;
#[cfg(feature = "fs")]
mod metadata;
mod options;
#[cfg(feature = "fs")]
mod pack;
#[cfg(feature = "fs")]
mod packer;
#[cfg(feature = "fs")]
mod partial;
#[cfg(feature = "fs")]
mod plan;
#[cfg(feature = "fs")]
mod policy;
#[cfg(feature = "fs")]
mod publish;
#[cfg(feature = "fs")]
mod raw_stream;
mod read;
#[cfg(feature = "fs")]
mod resume;
#[cfg(feature = "fs")]
mod salvage;
mod source;
#[cfg(feature = "fs")]
mod spool;
#[cfg(feature = "fs")]
mod staging;
#[cfg(feature = "fs")]
mod unpack;
#[cfg(feature = "fs")]
mod walk;

#[cfg(all(test, feature = "fs"))]
mod hostile_tests;
#[cfg(all(test, feature = "fs"))]
mod tests;

#[cfg(feature = "fs")]
pub use identity::FileId;
#[cfg(feature = "fs")]
pub use leftovers::remove_unfinished;
#[cfg(feature = "fs")]
pub use losses::Loss;
pub use options::{ChunkTally, Info, Lost, TestSummary};
#[cfg(feature = "fs")]
pub use options::{Links, PackOptions, PackSummary, UnpackOptions, UnpackSummary};
#[cfg(feature = "fs")]
pub use pack::{pack, pack_to_path};
#[cfg(feature = "fs")]
pub use publish::is_standard_output;
pub use read::Archive;
#[cfg(feature = "fs")]
pub use unpack::unpack_reader;

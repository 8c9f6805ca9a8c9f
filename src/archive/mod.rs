//! Directory trees ⇄ archives: walk, group, pack, and unpack under a safety policy.
//!
//! Without the feature `fs` there are only archives in memory: what is in them, their files' bytes, their checks.
#![forbid(unsafe_code)]

#[cfg(feature = "fs")]
mod add;
#[cfg(feature = "fs")]
mod base;
#[cfg(feature = "fs")]
mod changes;
#[cfg(feature = "fs")]
mod classify;
#[cfg(feature = "fs")]
mod compact;
#[cfg(feature = "fs")]
mod compact_plan;
mod contents;
#[cfg(feature = "fs")]
mod copy;
mod decode;
mod groups;
#[cfg(feature = "fs")]
mod delete;
#[cfg(feature = "fs")]
mod destination;
#[cfg(feature = "fs")]
mod exclude;
#[cfg(feature = "fs")]
mod extract;
#[cfg(feature = "fs")]
mod found;
#[cfg(feature = "fs")]
mod glob;
#[cfg(feature = "fs")]
mod holes;
#[cfg(feature = "fs")]
mod identity;
#[cfg(feature = "fs")]
mod ignored;
#[cfg(feature = "fs")]
mod journal;
mod kept_chunks;
#[cfg(feature = "fs")]
mod leftovers;
#[cfg(feature = "fs")]
mod losses;
#[cfg(feature = "fs")]
mod metadata;
mod options;
#[cfg(feature = "fs")]
mod own;
#[cfg(feature = "fs")]
mod pack;
#[cfg(feature = "fs")]
mod packer;
#[cfg(feature = "fs")]
mod partial;
#[cfg(feature = "fs")]
mod paths;
#[cfg(feature = "fs")]
mod pipe;
#[cfg(feature = "fs")]
mod place;
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
mod recode;
#[cfg(feature = "fs")]
mod repeat_finder;
#[cfg(feature = "fs")]
mod resume;
#[cfg(feature = "fs")]
mod salvage;
mod source;
#[cfg(feature = "fs")]
mod select;
#[cfg(feature = "fs")]
mod spool;
#[cfg(feature = "fs")]
mod staging;
#[cfg(feature = "fs")]
mod unpack;
#[cfg(feature = "fs")]
mod updating;
#[cfg(feature = "fs")]
mod walk;

#[cfg(all(test, feature = "fs"))]
mod hostile_tests;
#[cfg(all(test, feature = "fs", unix))]
mod link_tests;
#[cfg(all(test, feature = "fs"))]
mod repeat_tests;
#[cfg(all(test, feature = "fs"))]
mod tests;
#[cfg(all(test, feature = "fs"))]
mod unfinished_tests;
#[cfg(all(test, feature = "fs"))]
mod update_tests;

#[cfg(feature = "fs")]
pub use add::add;
#[cfg(feature = "fs")]
pub use compact::compact;
#[cfg(feature = "fs")]
pub use delete::delete;
#[cfg(feature = "fs")]
pub use identity::FileId;
#[cfg(feature = "fs")]
pub use leftovers::remove_unfinished;
#[cfg(feature = "fs")]
pub use losses::Loss;
pub use options::{ChunkTally, Info, Lost, TestSummary, UsedModel};
#[cfg(feature = "fs")]
pub use options::{
    UpdateOptions, AddSummary, CompactSummary, DeleteSummary, Existing, Input, Links, PackOptions, PackSummary, Times, UnpackLinks, UnpackOptions, UnpackPlan,
    UnpackSummary,
};
#[cfg(feature = "fs")]
pub use pack::{pack, pack_to_path, plan_pack};
#[cfg(feature = "fs")]
pub use publish::is_standard_output;
pub use read::Archive;
#[cfg(feature = "fs")]
pub use pipe::unpack_reader;

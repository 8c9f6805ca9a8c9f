//! The container: bytes ⇄ header, sections, index and footer, as FORMAT.md describes them.
//!
//! This room knows neither models nor codecs nor the file system: it works on byte slices and on
//! [`std::io::Read`] and [`std::io::Write`], and uses no other room but the errors and limits. Every length is checked before anything is allocated,
//! and every failure is typed: [`Error::Corrupt`](crate::Error::Corrupt) when the bytes contradict
//! themselves, [`Error::Unsupported`](crate::Error::Unsupported) when they are whole but from a
//! newer writer, [`Error::Limit`](crate::Error::Limit) when they ask for too much.
//!
//! `Writer` (with the feature `encode`) writes one forward pass. There are three ways to read: [`Layout::open`] by footer and
//! index, [`StreamReader`] in order, and [`recover`] for what is left of a damaged archive. All
//! three share one set of rules, [`Layout`]'s.
#![forbid(unsafe_code)]

pub(crate) mod chunk;
mod codec_id;
pub(crate) mod coding;
pub(crate) mod cursor;
mod entry;
pub(crate) mod fields;
mod gone;
mod group;
mod header;
mod index;
pub(crate) mod integer;
mod layout;
mod model_file;
mod model_ref;
mod open;
mod packed;
mod params;
mod path_column;
mod recover;
mod repeats;
mod section;
mod stream;
mod table;
#[cfg(feature = "encode")]
mod table_builder;
mod times;
#[cfg(feature = "encode")]
mod write;
pub mod zstd_frame;

#[cfg(all(test, feature = "encode"))]
mod tests;

pub use chunk::Chunk;
pub use codec_id::{CodecId, CoderId, CoderParams};
pub use coding::Coding;
pub use entry::{Check, Entry, EntryKind};
pub(crate) use entry::lower_half;
pub use group::Group;
pub(crate) use group::GroupHasher;
pub use header::{END_MAGIC, Footer, Header, MAGIC};
pub use layout::{ChunkPlace, Layout, ModelFilePlace};
pub use model_ref::{DeviceRef, EngineRef, ModelRef, NamedModel};
pub use params::{GROUPING_BY_KIND, Params};
pub use section::{SectionHeader, SectionType};
pub use recover::recover;
pub use repeats::{RawRange, Repeat};
pub use stream::{Event, StreamReader};
#[cfg(feature = "encode")]
pub use write::Writer;
#[cfg(feature = "fs")]
pub(crate) use write::TABLE_ENTRIES;

//! The container: bytes ⇄ header, sections, index and footer, as FORMAT.md describes them.
//!
//! This room knows neither models nor the file system: it works on byte slices and on
//! [`std::io::Read`] and [`std::io::Write`]. Every length is checked before anything is allocated,
//! and every failure is typed: [`Error::Corrupt`](crate::Error::Corrupt) when the bytes contradict
//! themselves, [`Error::Unsupported`](crate::Error::Unsupported) when they are whole but from a
//! newer writer, [`Error::Limit`](crate::Error::Limit) when they ask for too much.
//!
//! [`Writer`] writes one forward pass. There are three ways to read: [`Layout::open`] by footer and
//! index, [`StreamReader`] in order, and [`recover`] for what is left of a damaged archive. All
//! three share one set of rules, [`Layout`]'s.
#![forbid(unsafe_code)]

mod chunk;
mod cursor;
mod entry;
mod header;
mod index;
mod layout;
mod packed;
mod params;
mod section;
mod stream;
mod table;
mod write;

#[cfg(test)]
mod tests;

pub use chunk::Chunk;
pub use entry::{Entry, EntryKind};
pub use header::{END_MAGIC, Footer, Header, MAGIC};
pub use layout::{ChunkPlace, Layout};
pub(crate) use params::MODEL_SECTION_LEN;
pub use params::{CODER_BINARY, GROUPING_BY_KIND, Params};
pub use section::{SectionHeader, SectionType};
pub use stream::{Event, StreamReader, recover};
pub use write::Writer;

//! The container: bytes ⇄ header, sections, index and footer, as FORMAT.md describes them.
//!
//! This room knows neither models nor the file system: it works on byte slices and on
//! [`std::io::Read`] and [`std::io::Write`]. Every length is checked before anything is allocated,
//! and every failure is typed: [`Error::Corrupt`](crate::Error::Corrupt) when the bytes contradict
//! themselves, [`Error::Unsupported`](crate::Error::Unsupported) when they are whole but from a
//! newer writer, [`Error::Limit`](crate::Error::Limit) when they ask for too much.
#![forbid(unsafe_code)]

pub mod entry;
pub mod params;

pub use entry::{Entry, EntryKind};
pub use params::Params;

//! Memory from the operating system: mapped files and zeroed pages.
//!
//! Apart from `kernel` and `process`, `unsafe` is allowed in this folder only.

#[cfg(feature = "fs")]
mod map;
mod pages;

#[cfg(feature = "fs")]
pub use map::Map;
pub use pages::ZeroedPages;

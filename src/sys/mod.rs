//! Memory from the operating system: mapped files and zeroed pages.
//!
//! Apart from `kernel`, `unsafe` is allowed in this folder only.

mod map;
mod pages;

pub use map::Map;
pub use pages::ZeroedPages;

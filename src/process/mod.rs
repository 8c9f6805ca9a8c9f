//! The beginning and the end of the program's process. The library has no part in it.
//!
//! Beside `kernel` and `sys`, `unsafe` is allowed in this folder.

pub mod child;
pub mod early;
pub mod memory;

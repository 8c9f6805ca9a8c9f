//! How the program's process begins and ends. The library has no part in it.
//!
//! Beside `kernel` and `sys`, `unsafe` is allowed in this folder.

pub mod early;
pub mod memory;

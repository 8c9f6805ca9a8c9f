//! The few places that need `unsafe`, each with its reason.

pub mod mmap;

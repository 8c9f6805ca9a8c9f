//! The arithmetic of numeric profile `q8f32-1`.
//!
//! There are two kinds of kernels.
//!
//! * The integer matrix products ([`matrix`], [`sparse`]) are written by hand for each instruction
//!   set, because compilers do not find `maddubs`, `dpbusd` or `sdot` by themselves. Their sums are
//!   exact, so all of them agree by construction.
//! * Everything in binary32 ([`scalar`], [`vector`], [`wkv`], [`mixing`]) is written **once**, in
//!   portable Rust with a fixed order of operations, and compiled once per instruction set by
//!   `dispatched!`. Rust neither contracts a multiply and an add into one rounding nor reassociates
//!   sums, so wider registers cannot change a bit.
//!
//! Every function here that can be called from elsewhere is safe: an [`Isa`] proves that the processor
//! has the instructions, and lengths are checked before any pointer is used.

#[cfg(test)]
mod agreement;
mod dispatch;
pub mod double;
#[cfg(target_arch = "aarch64")]
mod matrix_neon;
#[cfg(target_arch = "x86_64")]
mod matrix_x86;
#[cfg(target_arch = "aarch64")]
mod sparse_neon;
#[cfg(target_arch = "x86_64")]
mod sparse_x86;

mod isa;
pub mod matrix;
pub mod mixing;
mod prefetch;
pub mod scalar;
mod sixteen;
pub mod sparse;
pub mod vector;
pub mod wkv;

/// The number of this profile in archives.
pub const NUMERIC_PROFILE: u8 = 1;

use dispatch::{dispatched, dispatched_sixteen};
pub use isa::Isa;
pub use prefetch::{prefetch, prefetch_all};

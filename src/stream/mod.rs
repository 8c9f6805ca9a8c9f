//! Messages and pipes: bytes without names, framed in some seven bytes.
//!
//! An archive knows files; a *stream* is only bytes. [`encode`] and [`decode`] turn one message in
//! memory into one stream and back, [`Encoder::compress`] and [`Decoder::decompress`] do the same
//! between a reader and a writer in bounded memory, which is what `llz filter` runs.
//!
//! ```
//! let message = b"A message of a few hundred bytes, such as a log line or a chat turn.";
//! let coded = llz::encode(message);
//! assert_eq!(llz::decode(&coded)?, message);
//! # Ok::<(), llz::Error>(())
//! ```
//!
//! Chapter 13 of FORMAT.md defines the bytes. What [`encode`] cannot write as a message, because it is longer than a
//! frame or its model is not built in, it writes as a stream of which the last frame has REST.

#![forbid(unsafe_code)]

mod decoder;
#[cfg(feature = "encode")]
mod encoder;
mod frame;
mod message;
pub mod profile;

#[cfg(feature = "encode")]
use std::sync::OnceLock;

use crate::codec::DecodeOptions;
#[cfg(feature = "encode")]
use crate::codec::EncodeOptions;
use crate::error::Result;
use crate::limits::Limits;

pub use decoder::Decoder;
#[cfg(feature = "encode")]
pub use encoder::Encoder;

/// The first three bytes of every stream. No UTF-8 text starts with them, nor does an archive.
pub const MAGIC: [u8; 3] = [0x8D, 0x6C, 0x7A];

/// The most that [`decode`] unpacks into memory, in bytes.
pub const MESSAGE_LIMIT: u64 = 1 << 30;

/// The length of what went through a stream, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Bytes before coding.
    pub raw: u64,
    /// Bytes after coding, framing included.
    pub coded: u64,
}

/// Encodes one message at the default level with the built-in model.
///
/// The model is prepared once per process and shared by all calls. To choose a level, a model or
/// the number of threads, make an [`Encoder`].
///
/// # Panics
///
/// If the operating system refuses the memory or the threads that the coder needs.
/// [`Encoder::encode`] returns an error instead.
#[cfg(feature = "encode")]
pub fn encode(message: &[u8]) -> Vec<u8> {
    static SHARED: OnceLock<Encoder> = OnceLock::new();
    SHARED
        .get_or_init(|| Encoder::new(EncodeOptions::default()).expect("the built-in coder starts"))
        .encode(message)
        .expect("coding in memory does not fail")
}

/// Decodes what [`encode`] made (or any stream, however it was made) under the default [`Limits`]
/// and of 1 GiB for the message.
///
/// Each call prepares the coder anew. To decode many messages, or with other limits or models, keep a [`Decoder`].
///
/// # Errors
///
/// [`Error::Corrupt`](crate::Error::Corrupt) for damaged or foreign bytes,
/// [`Error::Unsupported`](crate::Error::Unsupported) for a stream from a newer version,
/// [`Error::Model`](crate::Error::Model) when it needs a model that is not built in, and
/// [`Error::Limit`](crate::Error::Limit).
pub fn decode(coded: &[u8]) -> Result<Vec<u8>> {
    let limits = Limits { total_bytes: MESSAGE_LIMIT, ..Limits::default() };
    Decoder::new(DecodeOptions::with_limits(limits)).decode(coded)
}

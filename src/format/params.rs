//! `PARM` and `MODL`: what a decoder must know before the first chunk.

use crate::codec::CoderParams;

/// How an archive was made; its first section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Compression level, 1 to 9. Information only.
    pub level: u8,
    /// Greatest number of raw bytes in one chunk.
    pub chunk_size: u32,
    /// How files were grouped into the raw stream. Information only.
    pub grouping: u8,
    /// Entropy coder of `mix` and `neural` chunks; 1 is the binary arithmetic coder.
    pub coder: u8,
    /// Parameters of the mixer.
    pub mixer: CoderParams,
}

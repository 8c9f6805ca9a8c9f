//! Safety limits: on by default, changed only by the caller.
#![forbid(unsafe_code)]

/// Bounds on what an archive may make this program do. Checked against what a header states, and
/// again on what is produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Total bytes of unpacked files.
    pub total_bytes: u64,
    /// Number of entries.
    pub entries: u64,
    /// Bytes of one chunk before coding.
    pub chunk_bytes: u64,
    /// Bytes of one path.
    pub path_bytes: u64,
    /// Components of one path, its own name included.
    pub path_depth: u64,
    /// Bytes of working memory. Coding and decoding take up fewer chunks side by side to fit; the lists
    /// of entries and of sections must fit as they are.
    pub memory: u64,
}

/// No chunk and no frame has so many raw bytes. The match model keeps places as 32 bits, and the last token of a damaged
/// one may be longer than what is left of it by up to 255 bytes.
pub(crate) const TOO_LONG: u64 = (1 << 32) - 256;

impl Limits {
    /// [`Limits::chunk_bytes`], but never more than any chunk may have.
    pub(crate) fn chunk(&self) -> u64 {
        self.chunk_bytes.min(TOO_LONG - 1)
    }
}

/// Names one of the [`Limits`], so that an error says which one to raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// [`Limits::total_bytes`]
    TotalBytes,
    /// [`Limits::entries`]
    Entries,
    /// [`Limits::chunk_bytes`]
    ChunkBytes,
    /// [`Limits::path_bytes`]
    PathBytes,
    /// [`Limits::path_depth`]
    PathDepth,
    /// [`Limits::memory`]
    Memory,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            total_bytes: 1 << 40,
            entries: 10_000_000,
            chunk_bytes: 64 << 20,
            path_bytes: 4096,
            path_depth: 256,
            memory: 512 << 20,
        }
    }
}

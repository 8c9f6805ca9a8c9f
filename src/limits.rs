//! Safety limits: on by default, changed only by the caller.
#![forbid(unsafe_code)]

/// Bounds on what an archive may make this program do. Counted on what is actually produced,
/// never on what a header promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Total bytes of unpacked files (`--limit-size`).
    pub total_bytes: u64,
    /// Number of entries (`--limit-entries`).
    pub entries: u64,
    /// Bytes of one chunk before coding (`--limit-chunk`).
    pub chunk_bytes: u64,
    /// Bytes of one path (`--limit-path`).
    pub path_bytes: u64,
    /// Components of one path (`--limit-depth`).
    pub path_depth: u64,
    /// Bytes of working memory for decoding: lanes are reduced to fit (`--limit-memory`).
    pub memory: u64,
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

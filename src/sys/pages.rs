//! Zeroed memory for large tables.

use memmap2::MmapMut;

/// Zeroed bytes, on pages of their own where the system gives them.
#[derive(Debug)]
pub enum ZeroedPages {
    /// Anonymous pages.
    Mapped(MmapMut),
    /// Ordinary memory, where mapping failed or would not pay.
    Plain(Vec<u8>),
}

/// Below this, ordinary memory will do.
const WORTHWHILE: usize = 1 << 20;

impl ZeroedPages {
    /// `len` zero bytes.
    pub fn new(len: usize) -> Self {
        if len >= WORTHWHILE
            && let Ok(map) = MmapMut::map_anon(len)
        {
            // A wish: without large pages the table is only slower.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return ZeroedPages::Mapped(map);
        }
        ZeroedPages::Plain(vec![0; len])
    }

    /// The bytes.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        match self {
            ZeroedPages::Mapped(map) => map,
            ZeroedPages::Plain(bytes) => bytes,
        }
    }

    /// The bytes, to change.
    #[inline(always)]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            ZeroedPages::Mapped(map) => map,
            ZeroedPages::Plain(bytes) => bytes,
        }
    }
}

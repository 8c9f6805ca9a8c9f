//! Zeroed memory for large tables.

#[cfg(feature = "fs")]
use memmap2::MmapMut;

/// Zeroed bytes, on pages of their own where the system gives them.
#[derive(Debug)]
pub enum ZeroedPages {
    /// Anonymous pages.
    #[cfg(feature = "fs")]
    Mapped(MmapMut),
    /// Ordinary memory: the table is small, or mapping failed, or this build maps nothing.
    Plain(Vec<u8>),
}

/// The least size in bytes that is mapped. Chosen without tuning: half a large page of x86-64, which
/// has 2 MiB.
#[cfg(feature = "fs")]
const WORTHWHILE: usize = 1 << 20;

impl ZeroedPages {
    /// `len` zero bytes.
    pub fn new(len: usize) -> Self {
        #[cfg(feature = "fs")]
        if len >= WORTHWHILE
            && let Ok(map) = MmapMut::map_anon(len)
        {
            // Advice only: without large pages the table is slower, not wrong.
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
            #[cfg(feature = "fs")]
            ZeroedPages::Mapped(map) => map,
            ZeroedPages::Plain(bytes) => bytes,
        }
    }

    /// The bytes, to change.
    #[inline(always)]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            #[cfg(feature = "fs")]
            ZeroedPages::Mapped(map) => map,
            ZeroedPages::Plain(bytes) => bytes,
        }
    }
}

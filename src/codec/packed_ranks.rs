//! A list of ranks as varints, packed by a general compressor.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use crate::format::integer::{self, put_varint};
use crate::format::{CoderId, zstd_frame};

use super::ranks::RANK_BYTES;
use super::spelled::wrong;

/// Bytes that a brotli decoder takes: the greatest window of RFC 7932, for a moment twice while its buffer grows, and
/// tables.
const BROTLI_BYTES: u64 = 2 * (1 << 24) + (1 << 20);

/// A general compressor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packer {
    Zstd,
    Brotli,
}

impl Packer {
    /// The coder that uses it.
    pub(super) fn id(self) -> CoderId {
        match self {
            Packer::Zstd => CoderId::RankZstd,
            Packer::Brotli => CoderId::RankBrotli,
        }
    }

    /// Bytes that packing or unpacking takes for a chunk of `raw_len` bytes, with the ranks themselves.
    pub(super) fn bytes(self, raw_len: usize) -> u64 {
        let ranks = RANK_BYTES.saturating_mul(raw_len);
        let (per_byte, fixed, most) = self.packing();
        let packing = (per_byte * ranks as u64).saturating_add(fixed).min(most);
        let unpacking = match self {
            Packer::Zstd => zstd_frame::working_bytes(ranks),
            Packer::Brotli => BROTLI_BYTES,
        };
        // The ranks grow by doubling.
        packing.max(unpacking).saturating_add(2 * ranks as u64)
    }

    /// Bytes of memory that packing takes: for each byte of ranks, beside them, and at most. Of 1,000 to 6,000,000 ranks
    /// zstd took up to 26 for each and 88 MB, brotli up to 68, 1.4 MB and 101 MB (resident memory). Brotli's tree of all
    /// places in its window doubles once more for longer lists.
    fn packing(self) -> (u64, u64, u64) {
        match self {
            Packer::Zstd => (32, 1 << 20, 96 << 20),
            Packer::Brotli => (72, 2 << 20, 192 << 20),
        }
    }

    /// The number of bytes, and they packed as well as the compressor can.
    #[cfg(feature = "encode")]
    pub(super) fn pack(self, ranks: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, ranks.len() as u64);
        match self {
            // It fails only where its memory does, and then the result is no chunk's smallest.
            Packer::Zstd => out.extend(zstd::bulk::compress(ranks, 19).unwrap_or_default()),
            Packer::Brotli => {
                // The least window that holds all, of those that RFC 7932 has: memory goes with it.
                let window = ranks.len().checked_ilog2().map_or(10, |log| (log + 1).clamp(10, 24));
                let params = brotli::enc::BrotliEncoderParams {
                    quality: 11,
                    lgwin: window as i32,
                    size_hint: ranks.len(),
                    ..Default::default()
                };
                // Memory to memory: nothing can fail.
                _ = brotli::BrotliCompress(&mut { ranks }, &mut out, &params);
            }
        }
        out
    }

    /// The bytes of a chunk of `raw_len` bytes that [`Packer::pack`] has packed; `None` where it makes no such thing.
    pub(super) fn unpack(self, coded: &[u8], raw_len: usize) -> Option<Vec<u8>> {
        let mut packed = coded;
        let len = integer::read_varint(integer::STREAM_BYTES, || {
            let (&byte, rest) = packed.split_first().ok_or_else(wrong)?;
            packed = rest;
            Ok(byte)
        });
        let len = usize::try_from(len.ok()?).ok()?;
        if len > RANK_BYTES.saturating_mul(raw_len) {
            return None;
        }
        match self {
            Packer::Zstd => zstd_frame::decompress(packed, len),
            Packer::Brotli => unpack_brotli(packed, len),
        }
    }
}

/// Bytes that are asked for at a time, so that memory grows with what comes out and not with what was promised.
const PIECE: usize = 64 << 10;

/// Decompresses a brotli stream of exactly `len` bytes that takes all of `packed`.
fn unpack_brotli(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let [bytes, words, codes] = [StandardAlloc::default(); 3];
    // Strict: no window beyond RFC 7932.
    let mut state = BrotliState::new_strict(bytes, words, codes);
    let (mut left, mut read, mut total) = (packed.len(), 0, 0);
    let mut out = Vec::new();
    loop {
        let written = out.len();
        // One byte more than there should be, so that a longer stream is noticed.
        out.resize(written + PIECE.min(len + 1 - written), 0);
        let (mut room, mut at) = (out.len() - written, written);
        let result = BrotliDecompressStream(
            &mut left, &mut read, packed, &mut room, &mut at, &mut out, &mut total, &mut state,
        );
        out.truncate(at);
        match result {
            BrotliResult::ResultSuccess => return (left == 0 && out.len() == len).then_some(out),
            BrotliResult::NeedsMoreOutput if out.len() <= len => {}
            _ => return None,
        }
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Packer; 2] = [Packer::Zstd, Packer::Brotli];

    #[test]
    fn one_whole_stream_of_that_length_will_do() {
        let ranks = [0, 0, 7, 0, 1, 0].repeat(30_000);
        for packer in BOTH {
            let packed = packer.pack(&ranks);
            let unpack = |packed: &[u8]| packer.unpack(packed, ranks.len());
            assert_eq!(unpack(&packed).as_ref(), Some(&ranks), "{packer:?}");
            assert_eq!(packer.unpack(&packed, ranks.len() / 3 - 1), None, "{packer:?}");
            assert_eq!(unpack(&[&packed[..], b"\0"].concat()), None, "{packer:?}");
            for end in 0..packed.len() {
                assert_eq!(unpack(&packed[..end]), None, "{packer:?}: {end} bytes");
            }
            for other in [ranks.len() - 1, ranks.len() + 1] {
                let mut wrong = Vec::new();
                put_varint(&mut wrong, other as u64);
                wrong.extend(&packed[3..]);
                assert_eq!(unpack(&wrong), None, "{packer:?}: {other}");
            }
            assert_eq!(unpack(&packer.pack(b"")), Some(Vec::new()), "{packer:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            ranks in prop::collection::vec(0u8..9, 0..900),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            for packer in BOTH {
                let mut packed = packer.pack(&ranks);
                for (at, byte) in &damage {
                    let at = at.index(packed.len());
                    packed[at] = *byte;
                }
                for bytes in [&bytes, &packed] {
                    if let Some(found) = packer.unpack(bytes, 1000) {
                        prop_assert!(found.len() <= 3000);
                    }
                }
            }
        }
    }
}

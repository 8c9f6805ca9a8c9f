//! One zstd frame, no more and no less.
//!
//! Frames are decoded by `ruzstd`, which is Rust throughout: a decoder needs no C compiler, and what strangers send
//! meets no C code. Coding uses libzstd.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window that libzstd accepts (`ZSTD_WINDOWLOG_MAX`). Memory follows the bytes that come out and not
/// the window, so this only makes every machine refuse the same frames.
const MAX_WINDOW: u64 = 1 << 31;
/// Most raw bytes of a block (RFC 8878, 3.1.1.2.4).
const MAX_BLOCK: usize = 128 << 10;
/// Bytes of the decoder's tables and of one block with its literals and sequences, rounded up.
const TABLES: u64 = 1 << 20;

/// Bits of the frame header descriptor, the byte after the magic number (RFC 8878, 3.1.1.1.1).
const RESERVED: u8 = 1 << 3;
const SINGLE_SEGMENT: u8 = 1 << 5;
const SIZE_FLAG: u8 = 3 << 6;

/// Decompresses a frame of exactly `len` raw bytes. `None` if `coded` is anything else: several frames, a skippable
/// frame, bytes after the frame, a dictionary, another length, a wrong checksum.
pub fn decompress(coded: &[u8], len: usize) -> Option<Vec<u8>> {
    let descriptor = *coded.get(4)?;
    if descriptor & RESERVED != 0 {
        return None;
    }
    let mut source = coded;
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_WINDOW);
    decoder.init(&mut source).ok()?;
    let states_size = descriptor & (SINGLE_SEGMENT | SIZE_FLAG) != 0;
    if states_size && decoder.content_size() != len as u64 {
        return None;
    }
    // A few coded bytes can claim any length, so memory is taken as bytes come out.
    let mut raw = Vec::new();
    while !decoder.is_finished() {
        decoder.decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1)).ok()?;
        if decoder.can_collect() > len - raw.len() {
            return None;
        }
        if decoder.is_finished() {
            raw.reserve_exact(len - raw.len());
        }
        decoder.collect_to_writer(&mut raw).ok()?;
    }
    let checksum = decoder.get_checksum_from_data();
    let fits = checksum.is_none() || checksum == decoder.get_calculated_checksum();
    (fits && source.is_empty() && raw.len() == len).then_some(raw)
}

/// Bytes that [`decompress`] takes beside its input and its result: a ring buffer that doubles as it grows.
pub fn working_bytes(len: usize) -> u64 {
    let ring = len.saturating_add(MAX_BLOCK).checked_next_power_of_two();
    // No memory has a ring of half of all addresses.
    let ring = ring.map_or(1 << 62, |ring| ring as u64);
    ring + ring / 2 + TABLES
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(raw: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(raw, 1).unwrap()
    }

    /// A frame that a stream of unknown length gives: with a window of its own, and with a checksum if asked for.
    fn streamed(raw: &[u8], level: i32, checksum: bool) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
        encoder.include_checksum(checksum).unwrap();
        std::io::Write::write_all(&mut encoder, raw).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn only_one_whole_frame_of_that_length_will_do() {
        let one = frame(&[7; 900]);
        assert_eq!(decompress(&one, 900).unwrap(), [7; 900]);
        assert!(decompress(&one, 899).is_none() && decompress(&one, 901).is_none());
        assert!(decompress(&[one.clone(), frame(b"")].concat(), 900).is_none());
        assert!(decompress(&[frame(&[7; 400]), frame(&[7; 500])].concat(), 900).is_none());
        assert!(decompress(&[one.as_slice(), b"\0"].concat(), 900).is_none());
        let skippable = [0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 9];
        assert!(decompress(&[one.as_slice(), &skippable].concat(), 900).is_none());
        assert!(decompress(&[&skippable, one.as_slice()].concat(), 900).is_none());
        assert!(decompress(&skippable, 0).is_none());
        assert!(decompress(b"", 0).is_none());
        assert_eq!(decompress(&frame(b""), 0).unwrap(), b"");
        let mut reserved = one.clone();
        reserved[4] |= RESERVED;
        assert!(decompress(&reserved, 900).is_none());
    }

    #[test]
    fn every_truncation_is_refused() {
        let raw = b"some words, some words again, and 0123456789".repeat(20);
        for coded in [frame(&raw), streamed(&raw, 19, true)] {
            assert!(decompress(&coded, raw.len()).is_some());
            for end in 0..coded.len() {
                assert!(decompress(&coded[..end], raw.len()).is_none(), "{end} bytes");
            }
        }
    }

    #[test]
    fn a_checksum_is_compared() {
        let mut coded = streamed(b"checked", 3, true);
        assert_eq!(decompress(&coded, 7).unwrap(), b"checked");
        *coded.last_mut().unwrap() ^= 1;
        assert!(decompress(&coded, 7).is_none());
    }

    /// Eight coded bytes that claim two gigabytes in one window, or one block of them after the other.
    #[test]
    fn a_claim_takes_no_memory() {
        let claim = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x02, 0x00, 0x10, 7];
        assert!(decompress(&claim, 1 << 30).is_none());
        assert!(decompress(&claim, 10).is_none());
    }

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let random = proptest::collection::vec(any::<u8>(), 0..3000);
        let skewed = proptest::collection::vec(0u8..7, 0..3000);
        let repeated = (proptest::collection::vec(any::<u8>(), 1..300), 1usize..2000)
            .prop_map(|(part, times)| part.repeat(times));
        prop_oneof![random, skewed, repeated]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn all_that_zstd_makes_decodes(
            raw in any_bytes(),
            level in prop_oneof![Just(1), Just(3), Just(19)],
            checksum in any::<bool>(),
        ) {
            let whole = zstd::bulk::compress(&raw, level).unwrap();
            prop_assert!(decompress(&whole, raw.len()).as_ref() == Some(&raw));
            prop_assert!(decompress(&streamed(&raw, level, checksum), raw.len()).as_ref() == Some(&raw));
        }

        #[test]
        fn damage_never_panics_and_never_changes_the_length(
            raw in any_bytes(),
            level in prop_oneof![Just(1), Just(19)],
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let mut coded = zstd::bulk::compress(&raw, level).unwrap();
            for (at, byte) in damage {
                let at = at.index(coded.len());
                coded[at] = byte;
            }
            if let Some(decoded) = decompress(&coded, raw.len()) {
                prop_assert_eq!(decoded.len(), raw.len());
            }
        }
    }
}

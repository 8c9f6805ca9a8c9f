//! Zstd frames: the decoder in Rust never panics, gives exactly as many bytes as were asked for, and decodes what
//! libzstd makes of any bytes. (A damaged frame may give other bytes than libzstd's; checksums find both.)
#![no_main]

use libfuzzer_sys::fuzz_target;
use llz::format::zstd_frame::decompress;

/// Most raw bytes that an input asks for.
const MOST: usize = 1 << 18;

fuzz_target!(|input: &[u8]| {
    // The length stands before the frame.
    let Some((len, frame)) = input.split_first_chunk::<3>() else { return };
    let len = u32::from_le_bytes([len[0], len[1], len[2], 0]) as usize % (MOST + 1);
    if let Some(raw) = decompress(frame, len) {
        assert_eq!(raw.len(), len);
    }
    for level in [1, 19] {
        let coded = zstd::bulk::compress(frame, level).expect("libzstd codes anything");
        assert!(decompress(&coded, frame.len()).is_some_and(|raw| raw == frame));
    }
});

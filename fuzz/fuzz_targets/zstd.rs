//! One zstd frame: the decoder in Rust never panics, and what it accepts, libzstd decodes to the same bytes.
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
        let theirs = zstd::bulk::decompress(frame, len).expect("libzstd accepts it, too");
        assert!(raw == theirs);
    }
});

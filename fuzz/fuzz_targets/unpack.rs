//! Whole archives: whatever the bytes, unpacking fails or stays within its destination, and
//! leaves nothing beside it.
#![no_main]

mod shape;

use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use llz::{Archive, DecodeOptions, Progress, UnpackOptions, unpack_reader};
use shape::{LIMITS, mend};

fuzz_target!(|input: &[u8]| {
    check(input);
    check(&mend(input));
});

fn check(bytes: &[u8]) {
    let decode = DecodeOptions { threads: 1, ..DecodeOptions::with_limits(LIMITS) };
    let Ok(archive) = Archive::from_bytes(bytes.to_vec(), decode.clone()) else { return };
    // Models are tested elsewhere, and large context tables only take time.
    let info = archive.info();
    if !info.models.is_empty() || info.params.mixer.table_bits > 18 {
        return;
    }
    let options = UnpackOptions::default();
    let progress = Progress::default();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [seek, pipe] = ["seek", "pipe"].map(|name| dir.path().join(name));

    let summary = archive.unpack(&seek, &options, &progress).ok();
    let unpacked = summary.is_some();
    let piped = unpack_reader(&mut &bytes[..], &pipe, &decode, &options, &progress).is_ok();
    assert_eq!((seek.exists(), pipe.exists()), (unpacked, piped));
    // A pipe's reader sees all sections, so it may refuse more, never less.
    assert!(unpacked || !piped);
    let left = fs::read_dir(dir.path()).expect("still there").count();
    assert_eq!(left, usize::from(unpacked) + usize::from(piped));
    if let Some(summary) = summary {
        for entry in archive.entries() {
            // Links that lead out are not made.
            let skipped = summary.skipped.iter().any(|(path, _)| path == Path::new(&entry.path));
            assert_eq!(skipped, seek.join(&entry.path).symlink_metadata().is_err());
        }
    }
}

//! Content that many vectors share.

use crate::sections::{Sections, file};

/// A text that is worth the model.
pub const TALE: &str = "It was the best of times, it was the worst of times, it was the age of wisdom, \
    it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity.\n";
/// The source of a program.
pub const CODE: &str =
    "/// Adds up.\npub fn sum(values: &[u64]) -> u64 {\n    values.iter().sum()\n}\n";
/// Records.
pub const TABLE: &str = "id,name,score\n1,Ada,97\n2,Brendan,88\n3,Chu,91\n4,Dolores,79\n";
/// The raw bytes of chunks that are made by hand.
pub const RAW: &[u8] = b"the raw bytes of a chunk";

/// One file in one stored chunk.
pub fn plain() -> Sections {
    Sections::new().chunk(RAW).entries(&[file("f", RAW)])
}

/// The same bytes after an edit.
pub fn with(mut bytes: Vec<u8>, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    edit(&mut bytes);
    bytes
}

/// Bytes without a pattern, always the same.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

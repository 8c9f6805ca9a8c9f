//! Long repeats, sound and hostile.

use crate::Result;
use crate::packed::packed;
use crate::samples::TALE;
use crate::sections::{Sections, file, varint};
use crate::vectors::{Expect, Vectors};

/// A section REPS of these repeats: skip, back, length. With 0 for back it is a gap.
pub fn repeats(repeats: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut out = vec![0];
    varint(&mut out, repeats.len() as u64);
    for column in [0, 1, 2] {
        for &(skip, back, len) in repeats {
            varint(&mut out, [skip, back, len][column]);
        }
    }
    out
}

/// Archives with repeats.
pub fn add_to(vectors: &mut Vectors) -> Result<()> {
    let version = |edit: &str| {
        let lines = (0..60).map(|line| format!("{line}: {}\n{TALE}", line * line * 7919 % 10_007));
        let text: String = lines.collect();
        text.replacen("41:", edit, 1).into_bytes()
    };
    let versions = packed(1, 6000, &[("a.txt", version("41:")), ("b.txt", version("forty-one:"))])?;
    let about = "two versions of a text in several chunks: the second repeats the first";
    vectors.add("good-repeats", Expect::Ok, about, versions);

    let raw = b"what repeats is not stored again";
    let content = |ranges: &[std::ops::Range<usize>]| {
        ranges.iter().flat_map(|range| &raw[range.clone()]).copied().collect::<Vec<u8>>()
    };
    // Two repeats at one place, and one that follows a file that is complete.
    let all = content(&[0..20, 5..15, 0..3, 20..32, 4..32]);
    let (one, two) = all.split_at(45);
    let sound = Sections::with_reach(28)
        .chunk(&raw[..18])
        .chunk(&raw[18..])
        .other(b"REPS", &repeats(&[(20, 15, 10), (0, 20, 3)]))
        .entries(&[file("one", one)])
        .other(b"REPS", &repeats(&[(12, 28, 28)]))
        .entries(&[file("two", two)]);
    let about = "repeats at one place, of two chunks, at the archive's end, in two sections";
    vectors.add("good-repeats-by-hand", Expect::Ok, about, sound.archive());

    let bad = |reach: u64, table: &[(u64, u64, u64)], len: usize| {
        Sections::with_reach(reach)
            .chunk(raw)
            .other(b"REPS", &repeats(table))
            .entries(&[file("f", &vec![0; len])])
            .archive()
    };
    vectors.bad("repeat-empty", "a repeat of length 0", bad(32, &[(20, 10, 0)], 32));
    vectors.bad(
        "repeat-forward",
        "a repeat that runs into its own place",
        bad(32, &[(20, 10, 11)], 43),
    );
    vectors.bad("repeat-before", "a repeat from before the beginning", bad(99, &[(20, 21, 5)], 37));
    vectors.bad("repeat-reach", "a repeat from beyond the reach", bad(9, &[(20, 10, 5)], 37));
    vectors.bad(
        "repeat-without-reach",
        "a repeat where PARM has no reach",
        bad(0, &[(20, 10, 5)], 37),
    );
    vectors.bad(
        "repeat-beyond",
        "a repeat at a place beyond the chunks",
        bad(32, &[(33, 10, 5)], 37),
    );
    let overflow = bad(u64::MAX, &[(u64::MAX, 1, 1), (1, 1, 1)], 37);
    vectors.bad("repeat-overflow", "places that add up beyond 64 bits", overflow);
    vectors.bad("repeat-short", "content that no file has", bad(32, &[(20, 10, 5)], 36));
    let late = Sections::with_reach(32)
        .chunk(raw)
        .entries(&[file("f", raw)])
        .other(b"REPS", &repeats(&[(20, 10, 5)]))
        .entries(&[file("g", &raw[..5])]);
    vectors.bad("repeat-late", "a repeat in content that a file has already", late.archive());
    Ok(())
}

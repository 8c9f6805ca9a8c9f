//! A level is never larger than the one below it.

use std::fs;

use super::{llz, scratch};

/// A text with a repeat that is far away, a table, and code, in one folder.
#[test]
fn no_level_is_larger_than_the_one_below() {
    let dir = scratch();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    fs::create_dir(dir.path().join("in")).unwrap();
    for name in ["README.md", "src/lib.rs", "src/codec/encode.rs", "docs/exit-codes.md"] {
        let to = dir.path().join("in").join(name.replace('/', "-"));
        fs::copy(format!("{root}{name}"), to).unwrap();
    }
    let rows =
        (0..400u32).map(|row| format!("{row},{},{:.2}\n", row * 7919 % 1009, f64::from(row) / 7.0));
    fs::write(dir.path().join("in/table.csv"), rows.collect::<String>()).unwrap();
    let sizes: Vec<u64> = (1..=9)
        .map(|level| {
            let out = format!("{level}.llz");
            llz(dir.path())
                .args(["pack", "-q", &format!("-{level}"), "-o", &out, "in"])
                .assert()
                .success();
            fs::metadata(dir.path().join(out)).unwrap().len()
        })
        .collect();
    // The chunk size itself, a varint, may take a byte more.
    assert!(sizes.is_sorted_by(|below, above| *above <= below + 1), "{sizes:?}");
}

//! A level is never larger than the one below it.

use std::fs;

use super::{llz, scratch};

/// Levels with the same model and contexts differ in their chunks.
#[test]
fn every_level_does_what_its_neighbour_does_not() {
    let dir = scratch();
    fs::write(dir.path().join("in"), "text").unwrap();
    let settings: Vec<String> = (1..=9)
        .map(|level| {
            let llz = |args: &[&str]| {
                llz(dir.path()).args(args).assert().success().get_output().stdout.clone()
            };
            llz(&["pack", "-q", "-f", &format!("-{level}"), "-o", "a.llz", "in"]);
            let info: serde_json::Value =
                serde_json::from_slice(&llz(&["info", "--json", "a.llz"])).unwrap();
            format!("{} {} {}", info["models"], info["mixer"], info["chunk_size"])
        })
        .collect();
    for pair in settings.windows(2) {
        assert_ne!(pair[0], pair[1], "{settings:?}");
    }
}

/// The contexts of records make less of such numbers than a model of language does.
#[test]
fn columns_of_numbers_are_not_larger_with_a_model() {
    let dir = scratch();
    let numbers = |modulus: u32, step: u32| -> String {
        (0..1500u32).map(|i| format!("{:05} {:03};", i * i % modulus, i * step % 1000)).collect()
    };
    let rising: String =
        (0..1500u32).map(|i| format!("{}\n", i * 37 + i * 7919 % 1009 % 30)).collect();
    for (name, raw) in [("squares", numbers(9973, 7)), ("rising", rising)] {
        fs::write(dir.path().join(name), &raw).unwrap();
        let size = |level: &str| {
            llz(dir.path())
                .args(["pack", "-q", "-f", level, "-o", "a.llz", name])
                .assert()
                .success();
            llz(dir.path()).args(["unpack", "-q", "-f", "-C", "out", "a.llz"]).assert().success();
            assert_eq!(fs::read_to_string(dir.path().join("out").join(name)).unwrap(), raw);
            fs::metadata(dir.path().join("a.llz")).unwrap().len()
        };
        let sizes = ["-3", "-6", "-9"].map(size);
        assert!(sizes.is_sorted_by(|below, above| *above <= below + 1), "{name}: {sizes:?}");
    }
}

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
    // More contexts, or another model: those are smaller however short the input is.
    for (below, above) in [(1, 2), (2, 3), (3, 4), (5, 6)] {
        assert!(sizes[above - 1] < sizes[below - 1], "{below} and {above}: {sizes:?}");
    }
}

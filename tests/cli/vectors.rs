//! The archives and streams in `spec/vectors/` that must be refused: each reason has its exit code.

use std::fs;
use std::path::Path;

use super::{llz, names, scratch};

#[test]
fn every_refusal_has_its_exit_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for line in readme.lines() {
        let Some((name, rest)) = line.strip_prefix("| `").and_then(|line| line.split_once("` | "))
        else {
            continue;
        };
        let outcome = rest.split(" | ").next().unwrap();
        let code = match outcome {
            "ok" => continue,
            "unsupported" => 3,
            "corrupt" => 5,
            "unsafe" => 7,
            "model" => 8,
            other => panic!("{name}: {other}"),
        };
        seen.insert(code);
        let dir = scratch();
        let (mut llz, vector) = (llz(dir.path()), folder.join(name));
        // A stream comes from a pipe, so that its name is not known.
        let (refused, name) = if name.ends_with(".llzs") {
            (llz.args(["filter", "-d"]).write_stdin(fs::read(vector).unwrap()), "llz")
        } else {
            (llz.arg("unpack").arg(vector), name)
        };
        let output = refused.assert().code(code).get_output().clone();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains('\x1b') && !stderr.contains("panicked"), "{name}: {stderr}");
        assert!(stderr.starts_with("llz: ") && stderr.contains(name), "{name}: {stderr}");
        assert_eq!(names(dir.path()), [""; 0], "{name} left something behind");
    }
    assert_eq!(Vec::from_iter(seen), [3, 5, 7, 8]);
}

//! Options that change how the work is done.

use super::{llz, sample_tree, scratch, write};

#[test]
fn the_level_is_recorded_and_the_last_one_counts() {
    let dir = scratch();
    write(dir.path().join("file"), "content\n");
    let level = |args: &[&str]| {
        llz(dir.path()).args(["pack", "-f", "file"]).args(args).assert().success();
        let ran = llz(dir.path()).args(["info", "--json", "file.llz"]).assert().success();
        let info: serde_json::Value = serde_json::from_slice(&ran.get_output().stdout).unwrap();
        info["level"].as_u64().unwrap()
    };
    assert_eq!(level(&[]), 6);
    assert_eq!(level(&["-1"]), 1);
    assert_eq!(level(&["-1", "--level", "3"]), 3);
    assert_eq!(level(&["--level=3", "-9"]), 9);
}

#[test]
fn the_chunk_size_is_recorded() {
    let dir = scratch();
    write(dir.path().join("file"), "content and more content\n".repeat(20_000));
    llz(dir.path()).args(["pack", "-1", "--chunk-size", "64k", "file"]).assert().success();
    let ran = llz(dir.path()).args(["info", "--json", "file.llz"]).assert().success();
    let info: serde_json::Value = serde_json::from_slice(&ran.get_output().stdout).unwrap();
    assert_eq!(info["chunk_size"], 65536);
    llz(dir.path()).args(["test", "file.llz"]).assert().success();
}

#[test]
fn verify_checks_the_finished_archive() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "--verify", "tree"]).assert().success();
    llz(dir.path()).args(["pack", "--verify", "tree", "-o", "-"]).assert().code(2);
}

#[test]
fn output_may_go_into_another_directory() {
    let dir = scratch();
    sample_tree(&dir.path().join("a/b/tree"));
    llz(dir.path()).args(["pack", "a/b/tree/"]).assert().success();
    assert!(dir.path().join("tree.llz").is_file());
    llz(dir.path()).args(["pack", "a/b/tree", "-o", "a/copy.llz"]).assert().success();
    assert!(dir.path().join("a/copy.llz").is_file());
}

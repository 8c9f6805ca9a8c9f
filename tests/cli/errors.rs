//! What can go wrong: every kind has its exit code, says which file, and leaves nothing behind.

use std::fs;
use std::path::Path;

use super::{llz, names, sample_tree, scratch, write};

/// Runs and expects an exit code; returns what was said.
#[track_caller]
fn fails(dir: &Path, args: &[&str], code: i32) -> String {
    let ran = llz(dir).args(args).assert().code(code);
    let stderr = String::from_utf8(ran.get_output().stderr.clone()).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// A directory with `tree` and `tree.llz`.
fn packed() -> tempfile::TempDir {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "-q", "tree"]).assert().success();
    dir
}

#[test]
fn missing_files_are_input_errors() {
    let dir = scratch();
    for args in [&["pack", "nowhere"][..], &["list", "nowhere"], &["unpack", "nowhere"]] {
        let stderr = fails(dir.path(), args, 1);
        assert!(stderr.contains("nowhere") && stderr.contains("hint: "), "{stderr}");
    }
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn senseless_command_lines_are_usage_errors() {
    let dir = packed();
    for args in [
        &["pack"][..],
        &["pack", "tree", "tree.llz"],
        &["pack", "--level", "10", "tree"],
        &["pack", "--chunk-size", "12x", "tree"],
        &["pack", "-o", "-", "--json", "tree"],
        &["unpack"],
        &["cat", "tree.llz"],
        &["explode", "tree.llz"],
        &["filter", "-d", "--chunk-size", "64k"],
    ] {
        fails(dir.path(), args, 2);
    }
}

#[test]
fn unknown_paths_inside_an_archive_are_named() {
    let dir = packed();
    for args in [&["cat", "tree.llz", "tree/nope"][..], &["unpack", "-C", "x", "tree.llz", "nope"]]
    {
        let stderr = String::from_utf8(
            llz(dir.path()).args(args).assert().failure().get_output().stderr.clone(),
        );
        assert!(stderr.unwrap().contains("nope"));
    }
    assert_eq!(names(dir.path()), ["tree", "tree.llz"]);
}

#[test]
fn foreign_files_are_not_archives() {
    let dir = scratch();
    write(dir.path().join("text"), "just text, and enough of it to hold a header\n".repeat(20));
    write(dir.path().join("empty"), "");
    for name in ["text", "empty"] {
        for verb in ["list", "info", "test", "unpack"] {
            let stderr = fails(dir.path(), &[verb, name], 5);
            assert!(stderr.contains(name), "{stderr}");
        }
    }
    write(dir.path().join("stream"), [&[0x8D, 0x6C, 0x7A][..], &[0; 60]].concat());
    assert!(fails(dir.path(), &["unpack", "stream"], 5).contains("llz filter -d"));
    assert_eq!(names(dir.path()), ["empty", "stream", "text"]);
}

#[test]
fn damaged_archives_are_corrupt_and_leave_nothing() {
    let dir = packed();
    let whole = fs::read(dir.path().join("tree.llz")).unwrap();
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 1;
    write(dir.path().join("flipped"), &flipped);
    write(dir.path().join("cut"), &whole[..whole.len() - 7]);
    let before = names(dir.path());
    for name in ["flipped", "cut"] {
        fails(dir.path(), &["test", name], 5);
        fails(dir.path(), &["unpack", name, "-C", "out"], 5);
    }
    let piped = llz(dir.path()).args(["unpack", "-", "-C", "out"]).write_stdin(flipped).assert();
    piped.code(5);
    let after: Vec<String> = names(dir.path()).into_iter().filter(|name| name != "out").collect();
    assert_eq!(after, before);
    assert!(!dir.path().join("out/tree").exists());
}

#[test]
fn limits_are_named_and_leave_nothing() {
    let dir = packed();
    for (option, value) in
        [("--limit-size", "1k"), ("--limit-entries", "3"), ("--limit-depth", "1")]
    {
        let stderr = fails(dir.path(), &["unpack", "tree.llz", "-C", "out", option, value], 6);
        assert!(stderr.contains(option), "{stderr}");
        assert!(!dir.path().join("out/tree").exists());
    }
}

#[test]
fn nothing_is_replaced_unasked() {
    let dir = packed();
    let before = fs::read(dir.path().join("tree.llz")).unwrap();
    write(dir.path().join("tree/new"), "new\n");
    let stderr = fails(dir.path(), &["pack", "tree"], 9);
    assert!(stderr.contains("tree.llz") && stderr.contains("force"), "{stderr}");
    assert!(fs::read(dir.path().join("tree.llz")).unwrap() == before);
    write(dir.path().join("tree/readme.txt"), "mine\n");
    fails(dir.path(), &["unpack", "tree.llz"], 9);
    assert_eq!(fs::read(dir.path().join("tree/readme.txt")).unwrap(), b"mine\n");
    llz(dir.path()).args(["unpack", "-f", "tree.llz"]).assert().success();
    assert!(fs::read(dir.path().join("tree/readme.txt")).unwrap().starts_with(b"Words"));
    llz(dir.path()).args(["pack", "-f", "tree"]).assert().success();
    assert_eq!(names(dir.path()), ["tree", "tree.llz"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_at_the_right_place() {
    let dir = packed();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for args in [
        &["pack", "tree", "-o", "-"][..],
        &["cat", "tree.llz", "tree/readme.txt"],
        &["list", "tree.llz"],
        &["info", "tree.llz"],
        &["filter"],
    ] {
        let program = assert_cmd::cargo::cargo_bin!("llz");
        let mut command = std::process::Command::new(program);
        let stdin = fs::File::open(dir.path().join("tree/readme.txt")).unwrap();
        let ran = command.current_dir(dir.path()).args(args).stdin(stdin).stdout(full()).output();
        let ran = ran.unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("No space left"), "{stderr}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let dir = packed();
    for args in [
        &["list", "tree.llz"][..],
        &["list", "--json", "tree.llz"],
        &["info", "tree.llz"],
        &["cat", "tree.llz", "tree/readme.txt"],
        &["man"],
        &["completions", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let program = assert_cmd::cargo::cargo_bin!("llz");
        let mut command = std::process::Command::new(program);
        let ran = command.current_dir(dir.path()).args(args).stdout(writer).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{args:?}");
        assert!(ran.stderr.is_empty(), "{args:?}");
    }
    // An archive that nobody received is one.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("llz"));
    let pack = command.current_dir(dir.path()).args(["pack", "tree", "-o", "-"]).stdout(writer);
    assert_eq!(pack.output().unwrap().status.code(), Some(1));
}

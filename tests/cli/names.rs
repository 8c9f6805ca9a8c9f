//! Names and kinds of files that are out of the ordinary.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::{llz, names, scratch, write};

#[test]
fn special_files_are_skipped_with_a_warning() {
    let dir = scratch();
    write(dir.path().join("tree/file"), "ordinary\n");
    let fifo = dir.path().join("tree/pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let packed = llz(dir.path()).args(["pack", "tree"]).assert().code(4);
    let stderr = String::from_utf8_lossy(&packed.get_output().stderr).into_owned();
    assert!(stderr.contains("skipped") && stderr.contains("tree/pipe"), "{stderr}");
    let json = llz(dir.path()).args(["pack", "-fq", "--json", "tree"]).assert().code(4);
    let summary: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(summary["skipped"].as_array().unwrap().len(), 1);
    assert_eq!(summary["files"], 1);
    assert!(json.get_output().stderr.is_empty());
    llz(dir.path()).args(["unpack", "tree.llz", "-C", "back"]).assert().success();
    assert_eq!(names(&dir.path().join("back/tree")), ["file"]);
}

#[test]
fn links_stay_links_and_are_not_followed() {
    let dir = scratch();
    write(dir.path().join("outside/secret"), "not to be packed\n");
    write(dir.path().join("tree/file"), "here\n");
    symlink("file", dir.path().join("tree/link")).unwrap();
    symlink(".", dir.path().join("tree/loop")).unwrap();
    llz(dir.path()).args(["pack", "tree"]).assert().success();
    llz(dir.path()).args(["unpack", "tree.llz", "-C", "back"]).assert().success();
    let back = dir.path().join("back/tree");
    assert_eq!(names(&back), ["file", "link", "loop"]);
    assert_eq!(fs::read_link(back.join("link")).unwrap(), std::path::Path::new("file"));
    let listed = llz(dir.path()).args(["list", "-v", "tree.llz"]).assert().success();
    let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(text.contains("tree/link -> file"), "{text}");
}

#[test]
fn names_that_steer_the_terminal_never_reach_it() {
    let dir = scratch();
    let evil = "\x1b[31mred\u{202e}txt.exe";
    // In an error message:
    let missing = llz(dir.path()).args(["pack", evil, "-o", "x.llz"]).assert().failure();
    let stderr = String::from_utf8(missing.get_output().stderr.clone()).unwrap();
    assert!(!stderr.contains('\x1b') && !stderr.contains('\u{202e}'), "{stderr:?}");
    assert!(stderr.contains("\\x1b[31mred\\u{202e}txt.exe"), "{stderr:?}");
    // In a list, where the archive takes such a name at all (it takes no control characters):
    let rtl = "tree/\u{202e}txt.exe";
    write(dir.path().join(rtl), "x");
    llz(dir.path()).args(["pack", "tree"]).assert().success();
    let listed = llz(dir.path()).args(["list", "tree.llz"]).assert().success();
    let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(text.contains("tree/\\u{202e}txt.exe"), "{text:?}");
    // JSON has the name as it is.
    let listed = llz(dir.path()).args(["list", "--json", "tree.llz"]).assert().success();
    let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    let paths: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|entry| entry["path"].as_str().unwrap().to_owned())
        .collect();
    assert!(paths.iter().any(|path| path == rtl), "{paths:?}");
}

#[test]
fn the_current_directory_can_be_packed_into_itself() {
    let dir = scratch();
    let inside = dir.path().join("inside");
    write(inside.join("file"), "content\n");
    for _ in 0..2 {
        // The second time the archive exists and must not be packed into itself.
        llz(&inside).args(["pack", "-f", "."]).assert().success();
        let listed = llz(&inside).args(["list", "inside.llz"]).assert().success();
        let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
        assert!(text.contains("file") && !text.contains(".llz"), "{text}");
    }
}

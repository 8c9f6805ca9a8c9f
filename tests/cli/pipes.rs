//! Archives that are no regular files, and bytes that follow an archive.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{assert_same, llz, sample_tree, scratch};

/// A directory with `tree` and `tree.llz`.
fn packed() -> tempfile::TempDir {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "-q", "tree"]).assert().success();
    dir
}

/// Runs the program as bash does, with process substitution and pipes; returns what it printed.
#[cfg(unix)]
#[track_caller]
fn shell(dir: &Path, script: &str) -> String {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(dir).stdin(Stdio::null());
    let ran = command.env("LLZ", assert_cmd::cargo::cargo_bin!("llz")).output().unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{script}: {stderr}");
    String::from_utf8(ran.stdout).unwrap()
}

#[cfg(unix)]
#[test]
fn every_verb_reads_an_archive_from_a_pipe() {
    let dir = packed();
    let from_file = |verb: &str| shell(dir.path(), &format!("$LLZ {verb}"));
    for (pipe, begin) in [
        ("<(cat tree.llz)", ""),
        ("/dev/stdin", "cat tree.llz | "),
        ("/dev/fd/0", "cat tree.llz | "),
        ("fifo", "rm -f fifo; mkfifo fifo; cat tree.llz > fifo & "),
    ] {
        let run = |verb: &str, rest: &str| {
            shell(dir.path(), &format!("{begin}$LLZ {verb} -q {pipe} {rest}"))
        };
        assert_eq!(run("list", ""), from_file("list tree.llz"), "{pipe}");
        assert!(run("info", "").contains("llz archive"), "{pipe}");
        run("test", "");
        let readme = run("cat", "tree/readme.txt");
        assert_eq!(readme, from_file("cat tree.llz tree/readme.txt"), "{pipe}");
        run("unpack", "-C out");
        assert_same(&dir.path().join("tree"), &dir.path().join("out/tree"));
        fs::remove_dir_all(dir.path().join("out")).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_that_exceeds_the_memory_says_so() {
    let dir = packed();
    let script = "cat tree.llz | $LLZ list --limit-memory 100 /dev/stdin 2>&1; test $? = 6";
    let said = shell(dir.path(), script);
    assert!(said.contains("--limit-memory"), "{said}");
}

#[test]
fn what_follows_an_archive_is_told_exactly() {
    let dir = packed();
    let archive = fs::read(dir.path().join("tree.llz")).unwrap();
    let end = format!("ends at byte {}", archive.len());
    for (more, parts) in [
        (b"\n".to_vec(), vec!["1 byte follows it"]),
        (vec![0; 300_000], vec!["300000 bytes follow it"]),
        (archive.clone(), vec!["bytes follow it", "another archive begins there"]),
    ] {
        let bytes = [&archive[..], &more].concat();
        fs::write(dir.path().join("more.llz"), &bytes).unwrap();
        for (verb, file) in
            [("list", "more.llz"), ("test", "more.llz"), ("unpack", "more.llz"), ("unpack", "-")]
        {
            let mut command = llz(dir.path());
            command.args([verb, file]).write_stdin(bytes.clone());
            if verb == "unpack" {
                command.args(["-C", "out"]);
            }
            let ran = command.assert().code(5);
            let said = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
            for part in parts.iter().copied().chain([&*end]) {
                assert!(said.contains(part), "{verb} {file}: {said}");
            }
        }
        assert!(!dir.path().join("out").exists());
    }
}

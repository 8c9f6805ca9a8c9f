//! Standard streams that are closed, full, or not what they claim: never a success that lost
//! something, never a panic, never a wrong exit code.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use super::{llz, names, sample_tree, scratch, sh, stderr};

fn packed() -> tempfile::TempDir {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "-1", "-q", "tree"]).assert().success();
    dir
}

#[track_caller]
fn runs(dir: &Path, line: &str, code: i32) -> String {
    let ran = sh(dir, line);
    let said = stderr(&ran);
    assert_eq!(ran.status.code(), Some(code), "{line}: {said}");
    assert!(!said.contains("panicked"), "{line}: {said}");
    said
}

/// Everything whose answer goes to standard output.
const ANSWERS: &[&str] = &[
    "llz --help",
    "llz --version",
    "llz pack --help",
    "llz model list --help",
    "llz completions bash",
    "llz man",
    "llz man pack",
    "llz list tree.llz",
    "llz list -v tree.llz",
    "llz list --json tree.llz",
    "llz info tree.llz",
    "llz info --json tree.llz",
    "llz test --json tree.llz",
    "llz cat tree.llz tree/readme.txt",
    "llz model list",
    "llz model list --json",
    "llz pack -1 -o - tree",
    "llz pack -1 -o /dev/stdout tree",
    "llz pack -1 -f --json tree",
    "llz unpack -f --json tree.llz",
    "llz filter -1 < tree/run.sh",
];

#[test]
fn an_output_that_is_closed_full_or_read_only_is_an_error() {
    let dir = packed();
    for answer in ANSWERS {
        let said = runs(dir.path(), &format!("{answer} >&-"), 1);
        assert!(said.contains("standard output: it is closed"), "{answer}: {said}");
        if cfg!(target_os = "linux") {
            let said = runs(dir.path(), &format!("{answer} > /dev/full"), 1);
            assert!(said.contains("No space left"), "{answer}: {said}");
        }
        let said = runs(dir.path(), &format!("{answer} 1< tree/readme.txt"), 1);
        assert!(said.contains("Bad file descriptor"), "{answer}: {said}");
    }
}

#[test]
fn an_output_that_is_thrown_away_on_purpose_is_no_error() {
    let dir = packed();
    for answer in ANSWERS {
        runs(dir.path(), &format!("{answer} > /dev/null"), 0);
        // As Python's DEVNULL and Node's 'ignore' open it.
        runs(dir.path(), &format!("{answer} 1<> /dev/null"), 0);
    }
}

#[test]
fn an_output_that_is_not_needed_may_be_closed() {
    let dir = packed();
    for line in
        ["llz pack -1f tree >&-", "llz test tree.llz >&-", "llz unpack tree.llz -C new >&- <&-"]
    {
        runs(dir.path(), line, 0);
    }
}

#[test]
fn the_exit_code_does_not_depend_on_standard_error() {
    let dir = packed();
    let mut cases = vec![
        ("llz pack -1fv tree", 0),
        ("llz test tree.llz", 0),
        ("llz unpack -f tree.llz", 0),
        ("llz unpack tree.llz", 9),
        ("llz list tree/readme.txt", 5),
        ("llz list nowhere", 1),
        ("llz pack --level 77 tree", 2),
        ("llz", 2),
        ("llz filter -v < tree/readme.txt > out", 0),
        ("mkfifo pipe; llz pack -1f tree pipe -o skipped.llz", 4),
    ];
    cases.extend(ANSWERS.iter().map(|answer| (*answer, 0)));
    for (line, code) in cases {
        let discard = if line.contains('>') { "" } else { "> /dev/null" };
        runs(dir.path(), &format!("{line} {discard} 2>&-"), code);
        if cfg!(target_os = "linux") {
            runs(dir.path(), &format!("{line} {discard} 2> /dev/full"), code);
        }
    }
}

#[test]
fn an_input_that_is_closed_or_no_file_is_an_error() {
    let dir = packed();
    let before = names(dir.path());
    for reader in [
        "llz filter",
        "llz filter -d",
        "llz unpack - -C new",
        "llz list -",
        "llz info -",
        "llz test -",
        "llz cat - tree/readme.txt",
        "llz pack --files-from - -o new.llz",
        "llz pack --files-from - -o - ",
        "llz pack tree --files-from - -o new.llz",
    ] {
        let said = runs(dir.path(), &format!("{reader} <&-"), 1);
        assert!(said.contains("standard input: it is closed"), "{reader}: {said}");
        let said = runs(dir.path(), &format!("{reader} < tree"), 1);
        assert!(said.contains("Is a directory"), "{reader}: {said}");
        // Open, but for writing only.
        let said = runs(dir.path(), &format!("{reader} 0>> tree/readme.txt"), 1);
        assert!(said.contains("Bad file descriptor"), "{reader}: {said}");
        let ran = sh(dir.path(), &format!("{reader} <&-"));
        assert!(ran.stdout.is_empty(), "{reader}");
    }
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_list_of_nothing_makes_no_archive() {
    let dir = packed();
    for list in ["/dev/null", "-", "blank"] {
        fs::write(dir.path().join("blank"), "\n\r\n\n").unwrap();
        let line = format!("llz pack --files-from {list} -o new.llz < /dev/null");
        assert!(runs(dir.path(), &line, 2).contains("names nothing"));
        assert!(!dir.path().join("new.llz").exists());
    }
    runs(dir.path(), "llz pack tree --files-from /dev/null -o new.llz", 0);
}

#[test]
fn whoever_leaves_early_is_met_with_silence() {
    let dir = packed();
    for answer in ["llz --help", "llz man pack", "llz completions zsh", "llz list tree.llz"] {
        let line = format!("{{ {answer}; echo $? > code; }} | true");
        let said = runs(dir.path(), &line, 0);
        assert_eq!(said, "", "{answer}");
        assert_eq!(fs::read_to_string(dir.path().join("code")).unwrap(), "0\n", "{answer}");
    }
}

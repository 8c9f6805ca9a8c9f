//! Symbolic links that lead out: always packed, made only if asked for, and never written through.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{llz, names, scratch, write};

/// What is said on standard error, and what is printed.
#[track_caller]
fn said(dir: &Path, args: &[&str], code: i32) -> (String, String) {
    let done = llz(dir).args(args).assert().code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&done.get_output().stderr), text(&done.get_output().stdout))
}

/// `t` with a file, a link that stays inside and two that lead out, packed as `t.llz`; `outside` holds a secret.
fn packed() -> tempfile::TempDir {
    let dir = scratch();
    write(dir.path().join("outside/secret"), "secret");
    write(dir.path().join("t/f"), "f");
    symlink("f", dir.path().join("t/in")).unwrap();
    symlink(dir.path().join("outside/secret"), dir.path().join("t/abs")).unwrap();
    symlink("../../outside", dir.path().join("t/out")).unwrap();
    let (text, _) = said(dir.path(), &["pack", "-1v", "t"], 0);
    assert!(text.contains("2 links lead out") && !text.contains("skipped"), "{text}");
    dir
}

#[test]
fn links_that_lead_out_are_left_out_and_named_once() {
    let dir = packed();
    let (_, listed) = said(dir.path(), &["list", "-v", "t.llz"], 0);
    assert!(listed.contains("t/abs -> /") && listed.contains("t/out -> ../../outside"), "{listed}");
    let archive = fs::read(dir.path().join("t.llz")).unwrap();
    for (source, to) in [("t.llz", "back"), ("-", "piped"), ("t.llz", "dry")] {
        let n = if to == "dry" { "-qn" } else { "-q" };
        let args = ["unpack", n, source, "-C", to];
        let done = llz(dir.path()).args(args).write_stdin(archive.clone()).assert().code(4);
        let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("skipped t/abs: a symbolic link to /"), "{text}");
        assert!(text.contains("skipped t/out: a symbolic link to ../../outside"), "{text}");
        if to == "dry" {
            assert_eq!(done.get_output().stdout, b"t/\nt/f\nt/in\n");
            assert!(!dir.path().join(to).exists());
        } else {
            assert_eq!(names(&dir.path().join(to).join("t")), ["f", "in"]);
        }
    }
    let (text, json) = said(dir.path(), &["unpack", "--json", "t.llz", "-C", "json"], 4);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["links"].as_u64(), json["skipped"][1]["path"].as_str()),
        (Some(1), Some("t/out"))
    );
    assert!(text.contains("--links=all"), "{text}");
    let (text, _) = said(dir.path(), &["unpack", "--links=skip", "t.llz", "-C", "none"], 4);
    assert_eq!(names(&dir.path().join("none/t")), ["f"]);
    assert!(
        text.contains("skipped t/in: a symbolic link\n") && !text.contains("--links"),
        "{text}"
    );
    // What nobody asked for is not missed.
    said(dir.path(), &["unpack", "t.llz", "t/f", "t/in", "-C", "some"], 0);
}

#[test]
fn links_that_lead_out_are_made_as_stored_if_asked_for() {
    let dir = packed();
    let (_, listed) = said(dir.path(), &["unpack", "-n", "--links=all", "t.llz", "-C", "back"], 0);
    assert_eq!(listed, "t/\nt/abs\nt/f\nt/in\nt/out\n");
    said(dir.path(), &["unpack", "--links=all", "t.llz", "-C", "back"], 0);
    for name in ["abs", "in", "out"] {
        let target = |tree: &str| fs::read_link(dir.path().join(tree).join(name)).unwrap();
        assert_eq!(target("t"), target("back/t"));
    }
}

/// A second archive has a file where the first has left a link, and a directory, or the same links again.
#[test]
fn nothing_is_written_through_a_link_that_is_there() {
    let dir = packed();
    write(dir.path().join("u/t/abs"), "new");
    write(dir.path().join("u/t/out/secret"), "new");
    said(dir.path(), &["pack", "-1q", "-C", "u", "t", "-o", "u.llz"], 0);
    let back = dir.path().join("back");
    let untouched = || {
        assert_eq!(names(&dir.path().join("outside")), ["secret"]);
        assert_eq!(fs::read(dir.path().join("outside/secret")).unwrap(), b"secret");
    };
    let anew = || {
        let _ = fs::remove_dir_all(&back);
        said(dir.path(), &["unpack", "--links=all", "t.llz", "-C", "back"], 0);
        assert!(back.join("t/abs").is_symlink() && back.join("t/out").is_symlink());
    };
    for archive in ["t.llz", "u.llz"] {
        for (option, code) in
            [("-q", 9), ("-f", 0), ("--keep-existing", 0), ("--keep-newer", 0), ("--rename", 0)]
        {
            anew();
            // A directory does not come in the place of a link that is to stay if it is older.
            let code = if (archive, option) == ("u.llz", "--keep-newer") { 9 } else { code };
            said(dir.path(), &["unpack", option, "--links=all", archive, "-C", "back"], code);
            untouched();
            let replaces = (archive, option) == ("u.llz", "-f");
            assert_eq!(back.join("t/abs").is_symlink(), !replaces, "{archive} {option}");
            assert_eq!(back.join("t/out").is_symlink(), !replaces, "{archive} {option}");
        }
    }
    anew();
    said(dir.path(), &["unpack", "-f", "u.llz", "-C", "back"], 0);
    untouched();
    assert_eq!(fs::read(back.join("t/out/secret")).unwrap(), b"new");
    // A link that is not made does not touch what has its name.
    anew();
    fs::remove_file(back.join("t/f")).unwrap();
    fs::remove_file(back.join("t/in")).unwrap();
    said(dir.path(), &["unpack", "t.llz", "-C", "back"], 4);
    untouched();
    let target: PathBuf = fs::read_link(back.join("t/out")).unwrap();
    assert_eq!(target, Path::new("../../outside"));
}

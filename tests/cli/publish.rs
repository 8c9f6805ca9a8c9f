//! Where an archive may go: links and devices keep their place and are written through.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::{llz, names, scratch, sh, stderr, write};

fn ready() -> tempfile::TempDir {
    let dir = scratch();
    write(dir.path().join("in"), "some text\n".repeat(50));
    dir
}

#[track_caller]
fn is_archive(dir: &Path, name: &str) {
    llz(dir).args(["test", name]).assert().success();
}

/// Runs a command line that must fail with a code and say something.
#[track_caller]
fn fails(dir: &Path, line: &str, code: i32, says: &str) {
    let before = names(dir);
    let ran = sh(dir, line);
    assert_eq!(ran.status.code(), Some(code), "{line}: {}", stderr(&ran));
    assert!(stderr(&ran).contains(says), "{line}: {}", stderr(&ran));
    assert!(!stderr(&ran).contains(".llz-"), "{line}: {}", stderr(&ran));
    assert_eq!(names(dir), before, "{line}");
}

#[test]
fn a_link_stays_and_its_file_is_replaced() {
    let dir = ready();
    let at = |name: &str| dir.path().join(name);
    write(at("far/old"), "old");
    fs::set_permissions(at("far/old"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("far/old", at("one")).unwrap();
    symlink(at("one"), at("two")).unwrap();
    fails(dir.path(), "llz pack -1 in -o two", 9, "two");
    assert_eq!(fs::read(at("far/old")).unwrap(), b"old");
    llz(dir.path()).args(["pack", "-1", "-f", "in", "-o", "two"]).assert().success();
    assert!(at("one").is_symlink() && at("two").is_symlink());
    is_archive(dir.path(), "far/old");
    assert_eq!(names(&at("far")), ["old"]);
    // What was private stays private.
    assert_eq!(fs::metadata(at("far/old")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_dangling_link_gets_its_file() {
    let dir = ready();
    fs::create_dir(dir.path().join("far")).unwrap();
    symlink("far/new", dir.path().join("link")).unwrap();
    llz(dir.path()).args(["pack", "-1", "in", "-o", "link"]).assert().success();
    assert!(dir.path().join("link").is_symlink());
    is_archive(dir.path(), "far/new");
    symlink("nowhere/new", dir.path().join("bad")).unwrap();
    fails(dir.path(), "llz pack -1 -f in -o bad", 1, "nowhere");
    symlink("round", dir.path().join("round")).unwrap();
    fails(dir.path(), "llz pack -1 -f in -o round", 1, "links");
    assert!(dir.path().join("round").is_symlink());
}

#[test]
fn a_fifo_is_written_through() {
    let dir = ready();
    let fifo = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    symlink("pipe", dir.path().join("link")).unwrap();
    for (force, out) in [("", "pipe"), ("-f", "link")] {
        let line = format!("cat pipe > got & llz pack {force} in -o {out} && wait");
        let ran = sh(dir.path(), &line);
        assert!(ran.status.success(), "{}", stderr(&ran));
        is_archive(dir.path(), "got");
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    }
    fails(dir.path(), "llz pack -1 --verify in -o pipe", 2, "read back");
    // Nobody reads, and whoever waits for that can be stopped.
    let line = "llz pack -1 in -o pipe & sleep 1; kill -INT $!; wait $!";
    let mut command = Command::new("bash");
    let program = assert_cmd::cargo::cargo_bin!("llz");
    let line = format!("set -m; {}", line.replace("llz", program.to_str().unwrap()));
    let ran = command.current_dir(dir.path()).args(["-c", &line]).output().unwrap();
    assert_eq!(ran.status.code(), Some(130), "{}", stderr(&ran));
}

#[test]
fn devices_are_written_through() {
    let dir = ready();
    for force in ["", "-f"] {
        let ran = sh(dir.path(), &format!("llz pack -1 {force} in -o /dev/null"));
        assert!(ran.status.success(), "{}", stderr(&ran));
    }
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    #[cfg(target_os = "linux")]
    {
        fails(dir.path(), "llz pack -1 -f in -o /dev/full", 1, "No space left");
        assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    }
    symlink("/dev/null", dir.path().join("null")).unwrap();
    assert!(sh(dir.path(), "llz pack -1 -f in -o null").status.success());
    assert!(dir.path().join("null").is_symlink());
}

#[test]
fn open_descriptors_are_written_through() {
    let dir = ready();
    llz(dir.path()).args(["pack", "-1", "in", "-o", "plain"]).assert().success();
    let plain = fs::read(dir.path().join("plain")).unwrap();
    let mut lines = vec![
        "llz pack -1 in -o /dev/stdout > got",
        "llz pack -1 in -o /dev/stdout | cat > got",
        "llz pack -1 in -o /dev/fd/1 > got",
        "llz pack -1 in -o /dev/fd/3 3> got",
        "llz pack -1 -f in -o /dev/fd/3 3> got",
        "{ llz pack -1 in -o /dev/fd/3 3>&1 >&2 | cat > got; }",
        "llz pack -1 -q in -o /dev/stderr 2> got",
    ];
    if cfg!(target_os = "linux") {
        lines.extend([
            "llz pack -1 in -o /proc/self/fd/1 > got",
            "llz pack -1 in -o /proc/self/fd/3 3> got",
            "ln -sf /proc/self/fd/1 out; llz pack -1 -f in -o out > got; test -h out",
        ]);
    }
    for line in lines {
        write(dir.path().join("got"), "");
        let ran = sh(dir.path(), line);
        assert!(ran.status.success(), "{line}: {}", stderr(&ran));
        assert!(fs::read(dir.path().join("got")).unwrap() == plain, "{line}");
    }
    // What else goes to the same output follows the archive and is not lost.
    let ran = sh(dir.path(), "{ llz pack -1 in -o /dev/stdout; echo more; } > got");
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert!(fs::read(dir.path().join("got")).unwrap() == [&plain[..], b"more\n"].concat());
    fails(dir.path(), "llz pack -1 in -o /dev/fd/9", 1, "/dev/fd/9: No such file");
    fails(dir.path(), "llz pack -1 --json in -o /dev/stdout | cat; exit 2", 2, "--json");
}

#[test]
fn a_directory_is_called_a_directory() {
    let dir = ready();
    fs::create_dir(dir.path().join("dir")).unwrap();
    symlink("dir", dir.path().join("link")).unwrap();
    for out in ["dir", "dir/", ".", "link", "link/"] {
        for force in ["", "-f"] {
            fails(dir.path(), &format!("llz pack -1 {force} in -o {out}"), 2, "a directory");
        }
    }
    fails(dir.path(), "llz pack -1 in -o new/", 2, "a directory");
    fails(dir.path(), "llz pack -1 in -o new/a.llz", 1, "new: No such file");
    fails(dir.path(), "llz pack -1 in -o in/a.llz", 1, "Not a directory");
    assert_eq!(names(&dir.path().join("dir")), [""; 0]);
}

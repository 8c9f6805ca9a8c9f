//! Ctrl-C: the work ends soon, says so by its exit code, and leaves nothing behind.
#![cfg(unix)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{llz, names, scratch, write};

/// Text that takes every level some seconds: it does not repeat.
pub fn long_text() -> String {
    let mut state = 1u64;
    let mut text = String::new();
    while text.len() < 4 << 20 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += &format!("{:x} measured {} of {}\n", state >> 40, state >> 55, state >> 60);
    }
    text
}

pub fn start(dir: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("llz"));
    command.current_dir(dir).args(args).stdin(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until there is something to clean up, then sends a signal; returns the exit code.
pub fn interrupt(mut child: Child, signal: &str, working: impl Fn() -> bool) -> Option<i32> {
    let began = Instant::now();
    while !working() {
        assert!(began.elapsed() < Duration::from_secs(60), "the work never began");
        assert!(child.try_wait().unwrap().is_none(), "the work was too short");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("still running a minute after {signal}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupted_pack_leaves_nothing() {
    let dir = scratch();
    write(dir.path().join("tree/text"), long_text());
    for signal in ["-INT", "-TERM", "-HUP"] {
        let child = start(dir.path(), &["pack", "tree"]);
        assert_eq!(interrupt(child, signal, || names(dir.path()).len() > 1), Some(130));
        assert_eq!(names(dir.path()), ["tree"]);
    }
}

/// A directory with an archive that takes a second to unpack, and `out`.
fn long_archive() -> tempfile::TempDir {
    archive_of(&long_text())
}

fn archive_of(text: &str) -> tempfile::TempDir {
    let dir = scratch();
    write(dir.path().join("text"), text);
    llz(dir.path()).args(["pack", "-1", "--chunk-size", "64k", "text"]).assert().success();
    std::fs::create_dir(dir.path().join("out")).unwrap();
    dir
}

#[test]
fn an_interrupted_unpack_leaves_nothing() {
    let dir = long_archive();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let child = start(dir.path(), &["unpack", "text.llz", "-C", "out"]);
        let began = || !names(&dir.path().join("out")).is_empty();
        assert_eq!(interrupt(child, signal, began), Some(130));
        assert_eq!(names(dir.path()), ["out", "text", "text.llz"]);
        assert_eq!(names(&dir.path().join("out")), [""; 0]);
    }
}

#[test]
fn what_a_killed_unpack_leaves_is_removed_by_the_next_run() {
    let dir = long_archive();
    let kill = |into: &str, at: &Path| {
        let child = start(dir.path(), &["unpack", "text.llz", "-C", into]);
        let tree = || {
            let private = names(at).into_iter().find(|name| name.starts_with(".llz-"));
            private.is_some_and(|name| at.join(name).join("tree/text").exists())
        };
        assert_eq!(interrupt(child, "-KILL", tree), None);
        assert_eq!(names(at).iter().filter(|name| name.starts_with(".llz-")).count(), 1);
    };
    // In a directory that is there, and beside one that is not.
    kill("out", &dir.path().join("out"));
    llz(dir.path()).args(["unpack", "-q", "text.llz", "-C", "out"]).assert().success();
    assert_eq!(names(&dir.path().join("out")), ["text"]);
    kill("new", dir.path());
    llz(dir.path()).args(["pack", "-q", "-1", "text.llz", "-o", "x.llz"]).assert().success();
    assert_eq!(names(dir.path()), ["out", "text", "text.llz", "x.llz"]);
}

#[test]
fn running_out_of_memory_or_of_file_size_leaves_nothing_for_long() {
    let dir = archive_of(&long_text()[..300_000]);
    let program = assert_cmd::cargo::cargo_bin!("llz").display().to_string();
    let mut failed = 0;
    for limit in ["-v 20000", "-v 40000", "-v 80000", "-v 160000", "-f 100"] {
        for verb in ["pack -q -1 text -o x.llz", "unpack -q text.llz -C out"] {
            let script = format!("ulimit -c 0; ulimit {limit}; exec '{program}' {verb}");
            let mut shell = Command::new("sh");
            let ran = shell.current_dir(dir.path()).args(["-c", &script]).output().unwrap();
            let code = ran.status.code();
            // A limit at which the loader cannot even start the program (127) says nothing about the program.
            assert!(matches!(code, Some(0 | 1 | 6 | 127)), "{limit} {verb}: {ran:?}");
            failed += usize::from(code == Some(1));
            std::fs::remove_file(dir.path().join("x.llz")).unwrap_or_default();
            std::fs::remove_file(dir.path().join("out/text")).unwrap_or_default();
            // A process that has no memory cannot take away directories; the next one does.
            llz(dir.path()).args(["unpack", "-q", "text.llz", "-C", "out"]).assert().success();
            assert_eq!(names(&dir.path().join("out")), ["text"], "{limit} {verb}");
            assert_eq!(names(dir.path()), ["out", "text", "text.llz"], "{limit} {verb}");
            std::fs::remove_file(dir.path().join("out/text")).unwrap();
        }
    }
    assert!(failed > 2, "no limit was too low");
}

#[test]
fn an_archive_that_is_cut_while_it_is_read_is_an_error() {
    let dir = long_archive();
    let archive = std::fs::read(dir.path().join("text.llz")).unwrap();
    for args in [&["unpack", "text.llz", "-C", "out"][..], &["cat", "text.llz", "text"]] {
        write(dir.path().join("text.llz"), &archive);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("llz"));
        command.current_dir(dir.path()).args(args).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        // Until the first chunk is decoded. What is read of `cat` comes slowly, so that it cannot run ahead.
        let began = Instant::now();
        if args[0] == "cat" {
            output.read_exact(&mut [0; 1]).unwrap();
        }
        while args[0] == "unpack" && names(&dir.path().join("out")).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "the work never began");
            std::thread::sleep(Duration::from_millis(1));
        }
        let archive = std::fs::File::options().write(true).open(dir.path().join("text.llz"));
        archive.unwrap().set_len(10_000).unwrap();
        std::io::copy(&mut output, &mut std::io::sink()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(5), "{args:?}: {said}");
        assert!(said.contains("cut short"), "{args:?}: {said}");
        assert_eq!(names(&dir.path().join("out")), [""; 0]);
    }
}

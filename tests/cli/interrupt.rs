//! Ctrl-C: the work ends soon, says so by its exit code, and leaves nothing behind.
#![cfg(unix)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{llz, names, scratch, write};

/// Text that takes every level some seconds: it does not repeat.
fn long_text() -> String {
    let mut state = 1u64;
    let mut text = String::new();
    while text.len() < 4 << 20 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text += &format!("{:x} measured {} of {}\n", state >> 40, state >> 55, state >> 60);
    }
    text
}

fn start(dir: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("llz"));
    command.current_dir(dir).args(args).stdin(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until there is something to clean up, then interrupts; returns the exit code.
fn interrupt(mut child: Child, working: impl Fn() -> bool) -> Option<i32> {
    let began = Instant::now();
    while !working() {
        assert!(began.elapsed() < Duration::from_secs(60), "the work never began");
        assert!(child.try_wait().unwrap().is_none(), "the work was too short");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("still running a minute after Ctrl-C");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupted_pack_leaves_nothing() {
    let dir = scratch();
    write(dir.path().join("tree/text"), long_text());
    let child = start(dir.path(), &["pack", "tree"]);
    assert_eq!(interrupt(child, || names(dir.path()).len() > 1), Some(130));
    assert_eq!(names(dir.path()), ["tree"]);
}

#[test]
fn an_interrupted_unpack_leaves_nothing() {
    let dir = scratch();
    write(dir.path().join("text"), long_text());
    llz(dir.path()).args(["pack", "-1", "text"]).assert().success();
    std::fs::create_dir(dir.path().join("out")).unwrap();
    let child = start(dir.path(), &["unpack", "text.llz", "-C", "out"]);
    let began = || !names(&dir.path().join("out")).is_empty() || names(dir.path()).len() > 3;
    assert_eq!(interrupt(child, began), Some(130));
    assert_eq!(names(dir.path()), ["out", "text", "text.llz"]);
    assert_eq!(names(&dir.path().join("out")), [""; 0]);
}

#[test]
fn an_archive_that_is_cut_while_it_is_read_is_an_error() {
    let dir = scratch();
    write(dir.path().join("text"), long_text());
    llz(dir.path()).args(["pack", "-1", "--chunk-size", "64k", "text"]).assert().success();
    std::fs::create_dir(dir.path().join("out")).unwrap();
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

//! `add`, `delete` and `compact`, as a user sees them.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::llz;

/// Writes a file that was last modified at this second.
fn write(dir: &Path, path: &str, content: &str, second: u64) {
    let place = dir.join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, content).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000 + second);
    File::options().write(true).open(place).unwrap().set_modified(time).unwrap();
}

fn run(dir: &Path, args: &[&str]) {
    llz(dir).args(args).assert().success();
}

fn listed(dir: &Path) -> String {
    let output = llz(dir).args(["list", "a.llz"]).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn cat(dir: &Path, path: &str) -> String {
    let output =
        llz(dir).args(["cat", "a.llz", path]).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn bytes(dir: &Path) -> Vec<u8> {
    fs::read(dir.join("a.llz")).unwrap()
}

fn stderr(assert: assert_cmd::assert::Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// A directory with an archive of some files.
fn packed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "d/a.txt", "the first", 1);
    write(dir.path(), "d/b.txt", "the second", 2);
    write(dir.path(), "d/e/c.txt", "the third", 3);
    run(dir.path(), &["pack", "-1", "d", "-o", "a.llz"]);
    dir
}

#[test]
fn what_was_added_later_counts() {
    let dir = packed();
    let dir = dir.path();
    let before = bytes(dir);
    write(dir, "d/a.txt", "the 1st", 9);
    write(dir, "d/new.txt", "new", 9);
    fs::remove_dir_all(dir.join("d/e")).unwrap();
    write(dir, "d/e", "a file now", 9);
    let said = stderr(llz(dir).args(["add", "a.llz", "d"]).assert().success());
    assert!(said.contains("3 files, 1 directory added, 1 was there already"), "{said}");
    assert!(bytes(dir).starts_with(&before), "nothing is written again");
    assert_eq!(listed(dir), "d/\nd/a.txt\nd/b.txt\nd/e\nd/new.txt\n");
    assert_eq!((cat(dir, "d/a.txt"), cat(dir, "d/e")), ("the 1st".into(), "a file now".into()));
    run(dir, &["unpack", "a.llz", "-C", "out"]);
    assert_eq!(fs::read_to_string(dir.join("out/d/a.txt")).unwrap(), "the 1st");
    assert!(dir.join("out/d/e").is_file());
    // Nothing has changed since, so nothing is added.
    let before = bytes(dir);
    run(dir, &["add", "a.llz", "d"]);
    assert_eq!(bytes(dir), before);
}

#[test]
fn content_decides_if_that_is_asked_for() {
    let dir = packed();
    let dir = dir.path();
    let before = bytes(dir);
    // The same size and time, but other content; and another time, but the same content.
    write(dir, "d/a.txt", "THE FIRST", 1);
    write(dir, "d/b.txt", "the second", 99);
    let json = |args: &[&str]| -> serde_json::Value {
        let output = llz(dir)
            .args(args)
            .args(["--json", "-q"])
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        serde_json::from_slice(&output).unwrap()
    };
    let added = json(&["add", "--checksum", "a.llz", "d/a.txt", "d/b.txt"]);
    assert_eq!((added["files"].as_u64(), added["unchanged"].as_u64()), (Some(1), Some(1)));
    assert_eq!(cat(dir, "d/a.txt"), "THE FIRST");
    fs::write(dir.join("a.llz"), before).unwrap();
    let added = json(&["add", "a.llz", "d/a.txt", "d/b.txt"]);
    assert_eq!((added["files"].as_u64(), added["unchanged"].as_u64()), (Some(1), Some(1)));
    assert_eq!(cat(dir, "d/a.txt"), "the first");
}

#[test]
fn what_is_deleted_is_gone_and_compacting_frees_its_room() {
    let dir = packed();
    let dir = dir.path();
    let noise: String =
        (0..20_000u64).map(|n| char::from(33 + (n * n * 7919 % 10_007 % 90) as u8)).collect();
    write(dir, "d/noise.txt", &noise, 5);
    run(dir, &["add", "a.llz", "d/noise.txt"]);
    let before = bytes(dir);
    run(dir, &["delete", "a.llz", "d/noise.txt", "d/e"]);
    assert!(bytes(dir).starts_with(&before), "nothing is written again");
    assert_eq!(listed(dir), "d/\nd/a.txt\nd/b.txt\n");
    let said = stderr(llz(dir).args(["delete", "a.llz", "d/e/c.txt"]).assert().code(2));
    assert!(said.contains("no entry \"d/e/c.txt\""), "{said}");
    run(dir, &["compact", "a.llz"]);
    assert!(bytes(dir).len() < 400, "{}", bytes(dir).len());
    assert_eq!(listed(dir), "d/\nd/a.txt\nd/b.txt\n");
    run(dir, &["test", "a.llz"]);
    let compacted = bytes(dir);
    run(dir, &["compact", "a.llz"]);
    assert_eq!(bytes(dir), compacted);
}

/// A few files that leave a large chunk would have to be coded without the others' company.
#[test]
fn compacting_never_makes_an_archive_larger() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = |number: u64| -> String {
        (0..40u64)
            .map(|line| format!("entry {number} of the list: {}\n", number * 31 + line * line))
            .collect()
    };
    (0..120).for_each(|number| write(dir, &format!("d/{number:03}.txt"), &text(number), number));
    run(dir, &["pack", "-4", "d", "-o", "a.llz"]);
    // Half of them come once more with another time.
    (0..60).for_each(|number| {
        write(dir, &format!("d/{:03}.txt", number * 2), &text(number * 2), 500 + number)
    });
    run(dir, &["add", "a.llz", "d"]);
    let before = bytes(dir).len();
    run(dir, &["compact", "a.llz"]);
    assert!(bytes(dir).len() <= before, "{} of {before}", bytes(dir).len());
    run(dir, &["unpack", "a.llz", "-C", "out"]);
    for number in 0..120 {
        let content = fs::read_to_string(dir.join(format!("out/d/{number:03}.txt"))).unwrap();
        assert_eq!(content, text(number));
    }
}

#[test]
fn an_update_that_was_not_finished_is_left_out_and_told() {
    let dir = packed();
    let dir = dir.path();
    let before = bytes(dir);
    write(dir, "d/new.txt", "new", 9);
    run(dir, &["add", "a.llz", "d"]);
    let cut = bytes(dir).len() - 5;
    fs::write(dir.join("a.llz"), &bytes(dir)[..cut]).unwrap();
    for args in [
        &["list", "a.llz"][..],
        &["test", "a.llz"],
        &["unpack", "a.llz", "-C", "o1"],
        &["info", "a.llz"],
    ] {
        let said = stderr(llz(dir).args(args).assert().code(4));
        assert!(said.contains("an update that was not finished"), "{said}");
    }
    let archive = fs::read(dir.join("a.llz")).unwrap();
    let said =
        stderr(llz(dir).args(["unpack", "-", "-C", "o2"]).write_stdin(archive).assert().code(4));
    assert!(said.contains("an update that was not finished"), "{said}");
    for tree in ["o1", "o2"] {
        assert!(
            dir.join(tree).join("d/a.txt").exists() && !dir.join(tree).join("d/new.txt").exists()
        );
    }
    let said = stderr(llz(dir).args(["add", "a.llz", "d"]).assert().success());
    assert!(said.contains("cut off"), "{said}");
    assert!(bytes(dir).starts_with(&before) && listed(dir).contains("d/new.txt"));
}

#[test]
fn two_runs_do_not_update_one_archive() {
    let dir = packed();
    let dir = dir.path();
    let held = File::options().read(true).write(true).open(dir.join("a.llz")).unwrap();
    held.try_lock().unwrap();
    for args in [&["add", "a.llz", "d"][..], &["delete", "a.llz", "d"], &["compact", "a.llz"]] {
        let said = stderr(llz(dir).args(args).assert().code(1));
        assert!(said.contains("is being updated by another run"), "{said}");
    }
    // Reading goes on.
    assert!(listed(dir).contains("d/a.txt"));
}

#[test]
fn the_archive_is_never_added_to_itself() {
    let dir = packed();
    let dir = dir.path();
    llz(dir).args(["add", "a.llz", "a.llz"]).assert().code(2);
    fs::hard_link(dir.join("a.llz"), dir.join("d/link.llz")).unwrap();
    let said = stderr(llz(dir).args(["add", "a.llz", "d"]).assert().success());
    assert!(said.contains("it is the archive itself"), "{said}");
    assert!(!listed(dir).contains("link.llz"));
    for args in
        [&["add", "nope.llz", "d"][..], &["delete", "nope.llz", "d"], &["compact", "nope.llz"]]
    {
        llz(dir).args(args).assert().code(1);
    }
    for args in [&["add", "d", "d"][..], &["compact", "d"]] {
        llz(dir).args(args).assert().code(5);
    }
    for args in [&["add", "-", "d"][..], &["delete", "-", "d"], &["compact", "-"]] {
        let said = stderr(llz(dir).args(args).assert().code(2));
        assert!(said.contains("no regular file"), "{said}");
    }
}

/// Nobody writes into it, and nothing waits for that.
#[cfg(unix)]
#[test]
fn a_fifo_is_no_archive_to_update() {
    let dir = packed();
    let dir = dir.path();
    assert!(std::process::Command::new("mkfifo").arg(dir.join("f")).status().unwrap().success());
    for args in [&["add", "f", "d"][..], &["delete", "f", "d"], &["compact", "f"]] {
        llz(dir).args(args).timeout(Duration::from_secs(30)).assert().code(2);
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_keeps_its_place() {
    use std::os::unix::fs::PermissionsExt;
    let dir = packed();
    let dir = dir.path();
    write(dir, "d/a.txt", "cannot be read", 9);
    write(dir, "d/b.txt", "can be read", 9);
    fs::set_permissions(dir.join("d/a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(dir.join("d/a.txt")).is_ok() {
        // Root reads everything. A link in a circle, followed, nobody does.
        fs::remove_file(dir.join("d/a.txt")).unwrap();
        std::os::unix::fs::symlink("a.txt", dir.join("d/a.txt")).unwrap();
    }
    let said = stderr(llz(dir).args(["add", "--links=follow", "a.llz", "d"]).assert().code(4));
    assert!(said.contains("a.txt"), "{said}");
    assert_eq!(
        (cat(dir, "d/a.txt"), cat(dir, "d/b.txt")),
        ("the first".into(), "can be read".into())
    );
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn an_add_that_cannot_be_written_changes_nothing() {
    let dir = packed();
    let dir = dir.path();
    let mut state = 1u64;
    let mut letter = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(33 + (state >> 33) as u8 % 90)
    };
    let noise: String = (0..200_000).map(&mut letter).collect();
    write(dir, "d/noise.txt", &noise, 5);
    let before = bytes(dir);
    let program = llz(dir).get_program().to_owned();
    let script = format!("ulimit -f 16; exec '{}' add -1 a.llz d", program.display());
    let output =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(dir).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(bytes(dir), before);
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|item| item.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.llz", "d"]);
}

#[test]
fn an_archive_keeps_its_level_and_model() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "d/a.txt", &"It was the best of times. ".repeat(40), 1);
    run(dir, &["pack", "-4", "d", "-o", "a.llz"]);
    write(dir, "d/b.txt", &"It was the worst of times. ".repeat(40), 2);
    run(dir, &["add", "a.llz", "d"]);
    let info =
        llz(dir).args(["info", "--json", "a.llz"]).assert().success().get_output().stdout.clone();
    let info: serde_json::Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["level"], 4, "{info}");
    assert_eq!(info["models"].as_array().map(Vec::len), Some(1), "{info}");
}

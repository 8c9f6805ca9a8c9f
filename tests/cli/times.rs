//! Times that do not depend on when files were written, and what tiny files cost.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{llz, scratch, stderr, write};

/// Writes a file with this time, in seconds and nanoseconds since 1970.
fn write_at(path: impl AsRef<Path>, content: &str, seconds: u64, nanoseconds: u32) {
    write(&path, content);
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// What `list --json` says of `path` in `archive`.
fn listed(dir: &Path, archive: &str, path: &str) -> Value {
    let ran = llz(dir).args(["list", "--json", archive]).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let mut entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.find(|entry| entry["path"] == path).unwrap()
}

#[test]
fn one_time_for_everything_makes_the_same_archive() {
    let dir = scratch();
    for (tree, seconds) in [("a", 1_700_000_000), ("b", 1_600_000_000)] {
        write_at(dir.path().join(tree).join("t/file"), "content", seconds, 7);
        let args = ["pack", "-q1", "-C", tree, "t", "--mtime", "2026-11-21T10:44:53Z", "-o"];
        let archive = format!("{tree}.llz");
        llz(dir.path()).args(args).arg(&archive).assert().success();
    }
    let [a, b] = ["a.llz", "b.llz"].map(|name| fs::read(dir.path().join(name)).unwrap());
    assert_eq!(a, b);
    for path in ["t", "t/file"] {
        assert_eq!(listed(dir.path(), "a.llz", path)["mtime"], "2026-11-21T10:44:53.000000000Z");
    }
    llz(dir.path()).args(["unpack", "-q", "a.llz", "-C", "out"]).assert().success();
    let time = fs::metadata(dir.path().join("out/t/file")).unwrap().modified().unwrap();
    assert_eq!(time, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_257_893));
}

#[test]
fn the_environment_bounds_times_and_the_option_goes_before_it() {
    let dir = scratch();
    write_at(dir.path().join("early"), "1", 1_000_000_000, 5);
    write_at(dir.path().join("late"), "2", 1_700_000_000, 5);
    let pack = |args: &[&str]| {
        let mut command = llz(dir.path());
        command
            .env("SOURCE_DATE_EPOCH", "1600000000")
            .args(["pack", "-q1", "early", "late"])
            .args(args);
        command.assert().success();
    };
    let time = |archive: &str, path: &str| listed(dir.path(), archive, path)["mtime_ns"].clone();
    pack(&["-o", "x.llz"]);
    assert_eq!(time("x.llz", "early"), 1_000_000_000_000_000_005u64);
    assert_eq!(time("x.llz", "late"), 1_600_000_000_000_000_000u64);
    pack(&["-o", "y.llz", "--mtime", "@1650000000"]);
    assert_eq!(time("y.llz", "early"), 1_650_000_000_000_000_000u64);
    assert_eq!(time("y.llz", "late"), 1_650_000_000_000_000_000u64);
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let dir = scratch();
    write(dir.path().join("f"), "content");
    for time in ["", "soon", "1.5", "9223372037", "-9223372037", "2026-02-30", "9999-01-01"] {
        let pack = ["pack", "-q1", "f", "-o", "x.llz"];
        llz(dir.path()).args(pack).args(["--mtime", time]).assert().code(2);
        if time != "2026-02-30" {
            let ran = llz(dir.path()).env("SOURCE_DATE_EPOCH", time).args(pack).assert().code(2);
            assert!(stderr(ran.get_output()).contains("SOURCE_DATE_EPOCH="), "{time:?}");
        }
    }
    assert!(!dir.path().join("x.llz").exists());
    // Before 1970 there are times, too.
    llz(dir.path()).args(["pack", "-q1", "f", "-o", "x.llz", "--mtime", "-1"]).assert().success();
    assert_eq!(listed(dir.path(), "x.llz", "f")["mtime_ns"], -1_000_000_000);
}

#[test]
fn tiny_files_cost_little_and_say_what_guards_them() {
    let dir = scratch();
    for index in 0..1000u64 {
        let content = format!("{:08x}", index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32);
        write(dir.path().join(format!("tiny/{index:04}")), content);
    }
    llz(dir.path()).args(["pack", "-q1", "--mtime", "0", "tiny"]).assert().success();
    // Eight hexadecimal digits are four bytes, and a name some bits.
    let size = fs::metadata(dir.path().join("tiny.llz")).unwrap().len();
    assert!(size < 1000 * (4 + 4), "{size}");
    let entry = listed(dir.path(), "tiny.llz", "tiny/0007");
    assert_eq!(entry["crc16"].as_str().unwrap().len(), 4);
    assert_eq!(entry["sha256"], Value::Null);
    llz(dir.path()).args(["test", "-q", "tiny.llz"]).assert().success();
    llz(dir.path()).args(["cat", "tiny.llz", "tiny/0000"]).assert().success().stdout("00000000");
}

/// Many file systems keep no time before 1901, and give files the nearest that they can instead.
#[test]
fn an_unpack_is_gone_on_with_where_times_cannot_be_kept() {
    let dir = scratch();
    write(dir.path().join("t/small"), "small");
    write(dir.path().join("t/large"), "large ".repeat(1000));
    llz(dir.path())
        .args(["pack", "-q1", "--mtime", "1850-01-01T00:00:00Z", "t"])
        .assert()
        .success();
    for options in [&[][..], &["--resume"], &["--resume", "-f"]] {
        llz(dir.path())
            .args(["unpack", "-q", "t.llz", "-C", "out"])
            .args(options)
            .assert()
            .success();
    }
}

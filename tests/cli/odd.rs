//! One odd thing costs itself only, and is named.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{llz, mode, names, scratch, write};

/// Runs `llz` and returns what it says on standard error.
#[track_caller]
fn said(dir: &Path, args: &[&str], code: i32) -> String {
    let done = llz(dir).args(args).assert().code(code);
    String::from_utf8(done.get_output().stderr.clone()).unwrap()
}

#[track_caller]
fn listed(dir: &Path, archive: &str) -> Vec<String> {
    let done = llz(dir).args(["list", archive]).assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    text.lines().map(|line| line.trim_end_matches('/').to_owned()).collect()
}

#[test]
fn odd_names_cost_themselves_and_are_all_told() {
    let dir = scratch();
    write(dir.path().join("t/keep"), "kept\n");
    for name in [&b"caf\xe9.jpg"[..], b"na\xefve.jpg", b"two\nlines", b"Icon\r", b"d\x1b/below"] {
        write(dir.path().join("t/photos").join(OsStr::from_bytes(name)), "x");
    }
    // Even when nothing else is said.
    let text = said(dir.path(), &["pack", "-q", "-1", "t", "-o", "x.llz"], 4);
    for name in ["caf\\xe9.jpg", "na\\xefve.jpg", "two\\x0alines", "Icon\\x0d", "d\\x1b"] {
        assert!(text.contains(&format!("skipped t/photos/{name}: ")), "{name}: {text}");
    }
    assert_eq!(text.lines().count(), 5, "{text}");
    assert_eq!(listed(dir.path(), "x.llz"), ["t", "t/keep", "t/photos"]);
}

#[test]
fn what_is_missing_is_named_and_the_rest_is_packed() {
    let dir = scratch();
    write(dir.path().join("a"), "a");
    let text = said(dir.path(), &["pack", "-1", "gone", "a", "gone2", "-o", "x.llz"], 4);
    assert!(text.contains("skipped gone: ") && text.contains("skipped gone2: "), "{text}");
    assert_eq!(listed(dir.path(), "x.llz"), ["a"]);
    said(dir.path(), &["pack", "-1", "gone", "gone2", "-o", "y.llz"], 1);
    assert_eq!(names(dir.path()), ["a", "x.llz"]);
}

#[test]
fn what_is_named_twice_is_stored_once() {
    let dir = scratch();
    write(dir.path().join("t/a"), "a");
    write(dir.path().join("t/b"), "b");
    said(dir.path(), &["pack", "-1", "t/a", "t", "./t/a", "t/", "t/b", "-o", "x.llz"], 0);
    assert_eq!(listed(dir.path(), "x.llz"), ["t", "t/a", "t/b"]);
    // Two different things of one name are a mistake.
    write(dir.path().join("sub/a"), "another");
    write(dir.path().join("a"), "one");
    llz(&dir.path().join("sub")).args(["pack", "-1", "a", "../a", "-o", "y.llz"]).assert().code(2);
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_the_kernel_are_read_to_their_end() {
    let dir = scratch();
    let code = llz(dir.path()).args(["pack", "-1", "/proc/version", "-o", "x.llz"]).assert();
    code.success();
    let shown = llz(dir.path()).args(["cat", "x.llz", "proc/version"]).assert().success();
    assert_eq!(shown.get_output().stdout, fs::read("/proc/version").unwrap());
}

#[test]
fn a_file_that_changes_is_stored_and_not_called_skipped() {
    let dir = scratch();
    let noise: String = (0u64..200_000).map(|n| format!("{}\n", n * 7919 % 1_000_003)).collect();
    write(dir.path().join("t/a.txt"), noise);
    let log = dir.path().join("t/z.txt");
    write(&log, "start\n".repeat(1000));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let packed = std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut log = fs::OpenOptions::new().append(true).open(&log).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                log.write_all(b"line\n").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        let args = ["pack", "-q", "-1", "-T1", "--chunk-size", "64k", "--json", "t", "-o", "x.llz"];
        let packed = llz(dir.path()).args(args).output().unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        packed
    });
    assert_eq!(packed.status.code(), Some(4));
    let summary: serde_json::Value = serde_json::from_slice(&packed.stdout).unwrap();
    assert_eq!(summary["changed"][0]["path"], "t/z.txt", "{summary}");
    assert_eq!(summary["skipped"].as_array().unwrap().len(), 0);
    assert_eq!(listed(dir.path(), "x.llz"), ["t", "t/a.txt", "t/z.txt"]);
}

#[test]
fn links_are_kept_skipped_or_followed() {
    let dir = scratch();
    write(dir.path().join("out"), "outside\n");
    write(dir.path().join("t/f"), "f\n");
    fs::create_dir(dir.path().join("t/sub")).unwrap();
    symlink("sub/../f", dir.path().join("t/inside")).unwrap();
    symlink("../out", dir.path().join("t/escape")).unwrap();
    symlink("../f", dir.path().join("t/sub/up")).unwrap();
    symlink("sub/up/../f", dir.path().join("t/through")).unwrap();
    let text = said(dir.path(), &["pack", "-1", "t", "-o", "x.llz"], 0);
    let all = ["t", "t/escape", "t/f", "t/inside", "t/sub", "t/sub/up", "t/through"];
    assert_eq!(listed(dir.path(), "x.llz"), all, "{text}");
    let target = |path: &str| fs::read_link(dir.path().join(path)).unwrap();
    let args = ["unpack", "--links=all", "x.llz", "-C", "back"];
    llz(dir.path()).args(args).assert().success();
    for name in ["t/inside", "t/escape", "t/sub/up", "t/through"] {
        assert_eq!(target(name), target(&format!("back/{name}")), "{name}");
    }
    assert_eq!(fs::read(dir.path().join("back/t/inside")).unwrap(), b"f\n");
    // What is above a directory of the archive is inside; what is above the target of a link may not be.
    said(dir.path(), &["unpack", "x.llz", "-C", "plain"], 4);
    let archive = fs::read(dir.path().join("x.llz")).unwrap();
    llz(dir.path()).args(["unpack", "-", "-C", "piped"]).write_stdin(archive).assert().code(4);
    for way in ["plain", "piped"] {
        let made = |name: &str| dir.path().join(way).join(name).symlink_metadata().is_ok();
        assert_eq!(fs::read(dir.path().join(way).join("t/inside")).unwrap(), b"f\n");
        assert!(made("t/sub/up") && made("t/escape") && !made("t/through"), "{way}");
    }

    said(dir.path(), &["pack", "-1", "--links=skip", "t", "-o", "y.llz"], 4);
    assert_eq!(listed(dir.path(), "y.llz"), ["t", "t/f", "t/sub"]);

    fs::remove_file(dir.path().join("t/through")).unwrap();
    said(dir.path(), &["pack", "-1", "--links=follow", "t", "-o", "z.llz"], 0);
    let shown = llz(dir.path()).args(["cat", "z.llz", "t/escape"]).assert().success();
    assert_eq!(shown.get_output().stdout, b"outside\n");
}

#[test]
fn the_umask_counts_unless_permissions_are_preserved() {
    let dir = scratch();
    write(dir.path().join("t/world"), "w");
    let chmod = |path: &str, bits| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(bits);
        fs::set_permissions(dir.path().join(path), permissions).unwrap();
    };
    chmod("t/world", 0o666);
    fs::create_dir(dir.path().join("t/shared")).unwrap();
    chmod("t/shared", 0o1777);
    let text = said(dir.path(), &["pack", "-1", "t", "-o", "x.llz"], 0);
    assert!(text.contains("dropped sticky bit of t/shared"), "{text}");
    let unpack = |into: &str, options: &str| {
        let program = assert_cmd::cargo::cargo_bin!("llz").display().to_string();
        let script = format!("umask 077; '{program}' unpack -q {options} x.llz -C {into}");
        let mut shell = std::process::Command::new("sh");
        assert!(shell.current_dir(dir.path()).args(["-c", &script]).status().unwrap().success());
        let mode = |name: &str| mode(&dir.path().join(into).join(name).metadata().unwrap());
        (mode("t/world"), mode("t/shared"))
    };
    assert_eq!(unpack("a", ""), (0o600, 0o700));
    assert_eq!(unpack("b", "--preserve-permissions"), (0o666, 0o755));
}

#[test]
fn zeros_come_back_as_holes() {
    use std::os::unix::fs::MetadataExt;
    let dir = scratch();
    let path = dir.path().join("sparse");
    write(&path, "begin");
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(3 << 20).unwrap();
    llz(dir.path()).args(["pack", "-1", "sparse"]).assert().success();
    llz(dir.path()).args(["unpack", "sparse.llz", "-C", "back"]).assert().success();
    let back = dir.path().join("back/sparse");
    assert_eq!(fs::read(&back).unwrap(), fs::read(&path).unwrap());
    assert!(back.metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn what_an_archive_does_not_hold_is_said() {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};
    let dir = scratch();
    for (name, mode) in [("set", 0o4755), ("group", 0o2755), ("plain", 0o644)] {
        write(dir.path().join("t").join(name), name);
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(dir.path().join("t").join(name), mode).unwrap();
    }
    // What is dropped is no reason for another exit code, for no archive has it.
    let text = said(dir.path(), &["pack", "-1", "t", "-o", "x.llz"], 0);
    assert!(text.contains("dropped setuid bit of t/set"), "{text}");
    assert!(text.contains("dropped setgid bit of t/group"), "{text}");
    // A time that an archive cannot hold is a warning, and the nearest one is stored.
    let plain = fs::File::options().write(true).open(dir.path().join("t/plain")).unwrap();
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000);
    if plain.set_modified(far).is_err() || plain.metadata().unwrap().modified().unwrap() != far {
        return; // a file system that cannot hold it either
    }
    let text = said(dir.path(), &["pack", "-q", "-1", "t", "-o", "y.llz"], 4);
    assert!(text.contains("time of t/plain") && text.contains("2262"), "{text}");
    llz(dir.path()).args(["unpack", "-q", "y.llz", "-C", "back"]).assert().success();
    let back = dir.path().join("back/t/plain").metadata().unwrap().modified().unwrap();
    assert_eq!(back, SystemTime::UNIX_EPOCH + Duration::from_nanos(i64::MAX as u64));
}

/// Holes are not coded by anything slow, and whether zeros are a hole or written out never shows in the archive.
#[test]
fn holes_cost_next_to_nothing() {
    use std::os::unix::fs::{FileExt, MetadataExt};
    let dir = scratch();
    let len = 96 << 20;
    let make = |name: &str| {
        let path = dir.path().join(name);
        write(&path, "");
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(len).unwrap();
        file.write_all_at("text in a hole\n".repeat(300).as_bytes(), 50 << 20).unwrap();
        let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        (path, file, modified)
    };
    let (_, file, modified) = make("sparse/disk");
    file.set_modified(modified).unwrap();
    let (path, file, modified) = make("dense/disk");
    for at in (0..len).step_by(1 << 20).filter(|at| !(49 << 20..52 << 20).contains(at)) {
        file.write_all_at(&vec![0; 1 << 20], at).unwrap();
    }
    file.set_modified(modified).unwrap();
    assert!(path.metadata().unwrap().blocks() * 512 > len / 2);
    for level in ["-1", "-6"] {
        let pack = |tree: &str| {
            let mut command = llz(&dir.path().join(tree));
            let args = ["pack", "-q", "-f", "--json", level, "disk", "-o", "../x.llz"];
            let done = command.args(args).assert().success().get_output().stdout.clone();
            let done: serde_json::Value = serde_json::from_slice(&done).unwrap();
            (done, fs::read(dir.path().join("x.llz")).unwrap())
        };
        let (done, sparse) = pack("sparse");
        let slow = ["mix", "neural"].map(|codec| done["chunks"][codec]["raw_bytes"].as_u64());
        assert!(slow.iter().flatten().sum::<u64>() < 512 << 10, "{done}");
        assert!(sparse == pack("dense").1, "{level}");
        llz(dir.path()).args(["unpack", "-q", "-f", "x.llz", "-C", "back"]).assert().success();
        let back = dir.path().join("back/disk");
        assert!(fs::read(&back).unwrap() == fs::read(&path).unwrap());
        assert!(back.metadata().unwrap().blocks() * 512 < 1 << 20);
    }
}

#[test]
fn leftovers_of_a_killed_run_are_swept_and_never_packed() {
    let dir = scratch();
    write(dir.path().join("t/a"), "a");
    // Names of this form are never packed, whoever made them.
    write(dir.path().join("t/.llz-00000000deadbeef"), "unfinished");
    write(dir.path().join("t/.llz-backup"), "the user's own");
    let noise: String = (0u64..400_000).map(|n| format!("{}\n", n * 7919 % 1_000_003)).collect();
    write(dir.path().join("long"), noise);
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("llz"));
    let mut child = command.current_dir(dir.path()).args(["pack", "-q", "long"]).spawn().unwrap();
    while !names(dir.path()).iter().any(|name| name.starts_with(".llz-")) {
        assert!(child.try_wait().unwrap().is_none(), "the work was too short");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(dir.path()).len(), 3);
    let text = said(dir.path(), &["pack", "-1", "t"], 0);
    assert!(text.contains("left out t/.llz-00000000deadbeef"), "{text}");
    assert_eq!(names(dir.path()), ["long", "t", "t.llz"]);
    assert_eq!(listed(dir.path(), "t.llz"), ["t", "t/.llz-backup", "t/a"]);
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_leaves_nothing() {
    let dir = scratch();
    let mut state = 1u64;
    let mut step = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u8
    };
    let noise: Vec<u8> = (0..400_000).map(&mut step).collect();
    write(dir.path().join("long"), noise);
    let program = assert_cmd::cargo::cargo_bin!("llz").display().to_string();
    let script = format!("ulimit -f 8; '{program}' pack -q -1 long");
    let mut shell = std::process::Command::new("sh");
    let ran = shell.current_dir(dir.path()).args(["-c", &script]).output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(names(dir.path()), ["long"]);
}

/// `find -print0` and lists of other systems say the same as one path per line.
#[test]
fn a_list_may_be_ended_by_nul_or_begin_with_a_byte_order_mark() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "a").unwrap();
    std::fs::write(dir.path().join("b c"), "b").unwrap();
    for (number, list) in ["a\0b c\0", "\u{feff}a\r\nb c\r\n", "a\nb c"].iter().enumerate() {
        std::fs::write(dir.path().join("list"), list).unwrap();
        let out = format!("{number}.llz");
        let run = |args: &[&str]| {
            let mut llz = std::process::Command::new(env!("CARGO_BIN_EXE_llz"));
            llz.current_dir(dir.path()).args(args).output().unwrap()
        };
        let packed = run(&["pack", "-q", "-1", "--files-from", "list", "-o", &out]);
        assert!(packed.status.success(), "{packed:?}");
        assert_eq!(run(&["list", &out]).stdout, b"a\nb c\n", "{list:?}");
    }
}

//! Runs that were stopped are gone on with.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::interrupt::{interrupt, long_text, start};
use super::{assert_same, llz, names, scratch, write};

/// A directory with `t`, which takes some seconds to unpack, `t.llz`, and `out`.
fn scene() -> tempfile::TempDir {
    let dir = scratch();
    let text = long_text();
    for (name, range) in [("a", 0..50_000), ("b/c", 50_000..150_000), ("long", 150_000..2_500_000)]
    {
        write(dir.path().join("t").join(name), &text[range]);
    }
    fs::copy(dir.path().join("t/a"), dir.path().join("t/copy")).unwrap();
    write(dir.path().join("t/empty"), "");
    std::os::unix::fs::symlink("a", dir.path().join("t/link")).unwrap();
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    fs::set_permissions(dir.path().join("t/a"), read_only).unwrap();
    llz(dir.path()).args(["pack", "-1", "--chunk-size", "64k", "t"]).assert().success();
    fs::create_dir(dir.path().join("out")).unwrap();
    dir
}

/// The tree in the private directory in `at`.
fn staged(at: &Path) -> Option<PathBuf> {
    let private = names(at).into_iter().find(|name| name.starts_with(".llz-"))?;
    Some(at.join(private).join("tree"))
}

/// Unpacks until the long file has `least` bytes, and stops that by a signal.
fn stop(dir: &Path, args: &[&str], at: &Path, signal: &str, least: u64) -> Option<i32> {
    let child = start(dir, args);
    interrupt(child, signal, || {
        let long = staged(at).and_then(|tree| tree.join("t/long").metadata().ok());
        long.is_some_and(|long| long.len() > least)
    })
}

fn go_on(dir: &Path, args: &[&str]) -> Value {
    let mut command = llz(dir);
    let ran =
        command.args(["unpack", "-q", "--json", "--resume", "t.llz", "-C"]).args(args).assert();
    serde_json::from_slice(&ran.success().get_output().stdout).unwrap()
}

#[test]
fn an_unpack_that_was_killed_is_gone_on_with() {
    let dir = scene();
    for (into, at) in [("out", dir.path().join("out")), ("new", dir.path().to_path_buf())] {
        assert_eq!(stop(dir.path(), &["unpack", "t.llz", "-C", into], &at, "-KILL", 500_000), None);
        let done = go_on(dir.path(), &[into]);
        assert!(done["reused_bytes"].as_u64().unwrap() > 500_000, "{done}");
        assert!(done["reused_bytes"].as_u64().unwrap() < 2_500_000, "{done}");
        assert_same(&dir.path().join("t"), &dir.path().join(into).join("t"));
        assert_eq!(names(&dir.path().join(into)), ["t"]);
        assert!(staged(&at).is_none());
    }
}

#[test]
fn what_was_left_is_checked() {
    let dir = scene();
    let out = dir.path().join("out");
    assert_eq!(stop(dir.path(), &["unpack", "t.llz", "-C", "out"], &out, "-KILL", 500_000), None);
    let tree = staged(&out).unwrap();
    // Damaged in the middle, too long, of another kind, and not the archive's at all.
    let mut long = fs::read(tree.join("t/long")).unwrap();
    long[300_000] ^= 1;
    long.resize(5_000_000, b'x');
    fs::write(tree.join("t/long"), long).unwrap();
    fs::remove_file(tree.join("t/empty")).unwrap();
    fs::create_dir(tree.join("t/empty")).unwrap();
    write(tree.join("t/b/strange/er"), "not the archive's");
    write(tree.join("u"), "not the archive's");
    let done = go_on(dir.path(), &["out"]);
    assert!(done["reused_bytes"].as_u64().unwrap() > 100_000, "{done}");
    assert_same(&dir.path().join("t"), &out.join("t"));
    assert_eq!(names(&out), ["t"]);
}

#[test]
fn a_run_that_goes_on_can_be_stopped_again() {
    let dir = scene();
    let out = dir.path().join("out");
    let args = ["unpack", "-q", "--resume", "t.llz", "-C", "out"];
    // Each run comes further than the one before.
    for (signal, least) in [("-INT", 400_000), ("-TERM", 700_000), ("-KILL", 1_000_000)] {
        let code = stop(dir.path(), &args, &out, signal, least);
        assert_eq!(code, (signal != "-KILL").then_some(130));
        let long = staged(&out).unwrap().join("t/long");
        assert!(long.metadata().unwrap().len() > least);
    }
    let done = go_on(dir.path(), &["out"]);
    assert!(done["reused_bytes"].as_u64().unwrap() > 1_000_000, "{done}");
    assert_same(&dir.path().join("t"), &out.join("t"));
    assert_eq!(names(&out), ["t"]);
}

#[test]
fn what_is_in_its_place_stays_and_what_differs_is_not_replaced() {
    let dir = scene();
    let out = dir.path().join("out");
    go_on(dir.path(), &["out"]);
    assert_same(&dir.path().join("t"), &out.join("t"));
    fs::remove_file(out.join("t/b/c")).unwrap();
    fs::remove_file(out.join("t/link")).unwrap();
    let done = go_on(dir.path(), &["out"]);
    assert_eq!((&done["files"], &done["links"]), (&1.into(), &1.into()), "{done}");
    assert_eq!(done["in_place"], 4);
    assert_same(&dir.path().join("t"), &out.join("t"));
    // Another file of the same name is the user's.
    fs::remove_file(out.join("t/b/c")).unwrap();
    write(out.join("t/empty"), "mine");
    let args = ["unpack", "-q", "--resume", "t.llz", "-C", "out"];
    llz(dir.path()).args(args).assert().code(9);
    assert_eq!(fs::read(out.join("t/empty")).unwrap(), b"mine");
    assert!(!out.join("t/b/c").exists() && names(&out) == ["t"]);
    llz(dir.path()).args(args).arg("-f").assert().success();
    assert_same(&dir.path().join("t"), &out.join("t"));
    // What comes through a pipe cannot be begun in the middle.
    let archive = fs::read(dir.path().join("t.llz")).unwrap();
    let mut piped = llz(dir.path());
    piped.args(["unpack", "--resume", "-", "-C", "x"]).write_stdin(archive).assert().code(2);
}

/// A directory with `t`, whose first bytes come first in the archive, too.
fn to_pack(bytes: usize) -> tempfile::TempDir {
    let dir = scratch();
    let text = long_text();
    for (number, part) in text.as_bytes()[..bytes].chunks(bytes / 8 + 1).enumerate() {
        write(dir.path().join(format!("t/{number}.txt")), part);
    }
    dir
}

/// Packs until `least` bytes are in a file that fits, and stops that by a signal.
fn stop_packing(dir: &Path, args: &[&str], signal: &str, least: u64, part: bool) -> Option<i32> {
    let child = start(dir, args);
    interrupt(child, signal, || {
        let is_fit = |name: &String| name.ends_with(".part") == part && *name != "t";
        let len = |name: String| dir.join(name).metadata().map_or(0, |there| there.len());
        // In plain runs the kept chunks are in one unfinished file, the archive in another.
        let kept = names(dir).into_iter().filter(is_fit).map(len).filter(|len| *len >= least);
        kept.count() >= if part { 1 } else { 2 }
    })
}

fn pack(dir: &Path, args: &[&str]) -> Value {
    let mut command = llz(dir);
    let ran = command.args(["pack", "-q", "--json"]).args(args).assert();
    serde_json::from_slice(&ran.success().get_output().stdout).unwrap()
}

/// The archive that an uninterrupted run makes.
fn uninterrupted(dir: &Path, args: &[&str]) -> Vec<u8> {
    pack(dir, &[args, &["-f", "-o", "whole.llz"]].concat());
    let archive = fs::read(dir.join("whole.llz")).unwrap();
    fs::remove_file(dir.join("whole.llz")).unwrap();
    archive
}

#[test]
fn a_pack_that_was_killed_is_gone_on_with() {
    let dir = to_pack(240_000);
    let how = ["-4", "--chunk-size", "20k", "t"];
    let whole = uninterrupted(dir.path(), &how);
    let plain = [&["pack"][..], &how].concat();
    assert_eq!(stop_packing(dir.path(), &plain, "-INT", 1, false), Some(130));
    assert_eq!(names(dir.path()), ["t"]);
    assert_eq!(stop_packing(dir.path(), &plain, "-KILL", 1, false), None);
    // What was done so far is there.
    let left = names(dir.path());
    assert_eq!(left.iter().filter(|name| name.starts_with(".llz-")).count(), 2, "{left:?}");
    let done = pack(dir.path(), &[&["--resume"][..], &how].concat());
    assert!(done["reused_bytes"].as_u64().unwrap() > 0, "{done}");
    assert!(fs::read(dir.path().join("t.llz")).unwrap() == whole);
    assert_eq!(names(dir.path()), ["t", "t.llz"]);
}

#[test]
fn a_pack_that_goes_on_can_be_stopped_again_and_files_may_change_meanwhile() {
    let dir = to_pack(1_600_000);
    let how = ["-1", "--chunk-size", "32k", "t"];
    let resumed = [&["pack", "--resume"][..], &how].concat();
    let part = dir.path().join("t.llz.part");
    let mut least = 0;
    for signal in ["-INT", "-KILL"] {
        least += 60_000;
        let code = stop_packing(dir.path(), &resumed, signal, least, true);
        assert_eq!(code, (signal == "-INT").then_some(130));
        assert!(part.metadata().unwrap().len() >= least);
    }
    // Some chunks are damaged, and one of the files is another one now.
    let mut kept = fs::read(&part).unwrap();
    kept[40_000] ^= 1;
    kept.extend(b"llzpart1 and no record");
    fs::write(&part, kept).unwrap();
    let mut text = fs::read(dir.path().join("t/0.txt")).unwrap();
    text[10..90].fill(b'x');
    write(dir.path().join("t/0.txt"), text);
    let whole = uninterrupted(dir.path(), &how);
    assert!(part.exists(), "another archive's chunks stay");
    let done = pack(dir.path(), &[&["--resume"][..], &how].concat());
    assert!(fs::read(dir.path().join("t.llz")).unwrap() == whole);
    let reused = done["reused_bytes"].as_u64().unwrap();
    assert!(100_000 < reused && reused < 1_500_000, "{done}");
    assert_eq!(names(dir.path()), ["t", "t.llz"]);
}

#[test]
fn kept_chunks_that_do_not_fit_are_not_used_and_never_packed() {
    let dir = to_pack(600_000);
    let how = ["-1", "--chunk-size", "16k", "t"];
    let resumed = [&["pack", "--resume"][..], &how].concat();
    stop_packing(dir.path(), &resumed, "-INT", 20_000, true);
    let part = fs::read(dir.path().join("t.llz.part")).unwrap();
    // Another level.
    let other = ["-2", "--chunk-size", "16k", "t"];
    let whole = uninterrupted(dir.path(), &other);
    let done = pack(dir.path(), &[&["--resume"][..], &other].concat());
    assert_eq!(done["reused_bytes"], 0);
    assert!(fs::read(dir.path().join("t.llz")).unwrap() == whole);
    // In a directory that is packed, by this run or another.
    fs::rename(dir.path().join("t.llz"), dir.path().join("old")).unwrap();
    write(dir.path().join("t.llz.part"), &part);
    write(dir.path().join("t/x.part"), &part);
    write(dir.path().join("t/y.part"), "the user's own");
    let said = llz(dir.path()).args(["pack", "-1", "t", "t.llz.part", "-o", "t.llz"]).assert();
    let said = String::from_utf8(said.success().get_output().stderr.clone()).unwrap();
    assert!(said.contains("left out t/x.part") && said.contains("left out t.llz.part"), "{said}");
    let listed = llz(dir.path()).args(["list", "-q", "t.llz"]).assert().success();
    let listed = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(listed.contains("y.part") && !listed.contains("x.part"), "{listed}");
    assert!(!listed.contains("llz.part"), "{listed}");
    // Without --resume it is removed when the archive is complete.
    assert_eq!(names(dir.path()), ["old", "t", "t.llz"]);
    // What the user has under that name stays.
    write(dir.path().join("t.llz.part"), "mine");
    llz(dir.path()).args(["pack", "-q", "-1", "-f", "t"]).assert().success();
    llz(dir.path()).args(["pack", "-q", "-1", "-f", "--resume", "t"]).assert().code(9);
    assert_eq!(fs::read(dir.path().join("t.llz.part")).unwrap(), b"mine");
    llz(dir.path()).args(["pack", "--resume", "t", "-o", "-"]).assert().code(2);
}

/// With `-f` everything is as the archive has it at the end, whatever was there.
#[test]
fn what_is_in_its_place_with_other_permissions_or_times_is_replaced() {
    let dir = scratch();
    let (bits, day) = (|bits| std::os::unix::fs::PermissionsExt::from_mode(bits), 86_400);
    let set = |name: &str, mode: u32, days: u64| {
        let path = dir.path().join(name);
        fs::set_permissions(&path, bits(mode)).unwrap();
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(days * day);
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    };
    let names = ["big", "small"];
    for (name, content) in names.iter().zip([&long_text()[..5000], "small\n"]) {
        for at in ["t", "out/t"] {
            write(dir.path().join(at).join(name), content);
        }
        set(&format!("t/{name}"), 0o600, 18_000);
    }
    set("out/t/big", 0o600, 19_000);
    set("out/t/small", 0o666, 18_000);
    llz(dir.path()).args(["pack", "-1", "t"]).assert().success();
    let args = ["unpack", "t.llz", "-C", "out", "--resume", "-f"];
    llz(dir.path()).args(args).assert().success();
    assert_same(&dir.path().join("t"), &dir.path().join("out/t"));
}

/// A run that is killed before its destination is there leaves its private directory beside it.
#[test]
fn what_was_left_beside_the_destination_is_swept() {
    let dir = scene();
    let found = |at: &Path| names(at).iter().any(|name| name.starts_with(".llz-"));
    let child = start(dir.path(), &["unpack", "-q", "t.llz", "-C", "new"]);
    interrupt(child, "-KILL", || found(dir.path()));
    assert!(found(dir.path()) && !dir.path().join("new").exists());
    fs::create_dir(dir.path().join("new")).unwrap();
    let args = ["unpack", "-q", "t.llz", "-C", "new", "t/a"];
    llz(dir.path()).args(args).assert().success();
    assert!(!found(dir.path()) && !found(&dir.path().join("new")));
}

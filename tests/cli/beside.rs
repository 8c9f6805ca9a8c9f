//! Unpacking beside what is there already, under other paths, or not at all.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{assert_same, llz, names, sample_tree, scratch, snapshot, write};

/// A directory with `tree.llz` of `tree/{a.txt,sub/b.txt,sub/c}`, which is gone, unless some of it is in `there`.
fn packed(there: &[&str]) -> tempfile::TempDir {
    let dir = scratch();
    for name in ["a.txt", "sub/b.txt", "sub/c"] {
        write(dir.path().join("tree").join(name), format!("archived {name}"));
    }
    llz(dir.path()).args(["pack", "-q", "-1", "tree"]).assert().success();
    fs::remove_dir_all(dir.path().join("tree")).unwrap();
    for name in there {
        write(dir.path().join("tree").join(name), "mine");
    }
    dir
}

/// Unpacks from a file and from a pipe, each into its own copy of what is there; returns what was said.
#[track_caller]
fn unpack(dir: &Path, args: &[&str], code: i32) -> String {
    let mut said = String::new();
    for into in ["file", "pipe"] {
        let into = dir.join(into);
        _ = fs::remove_dir_all(&into);
        fs::create_dir(&into).unwrap();
        if dir.join("tree").exists() {
            let mut copy = std::process::Command::new("cp");
            let copied = copy.current_dir(dir).args(["-a", "tree"]).arg(&into).status();
            assert!(copied.unwrap().success());
        }
        let mut command = llz(dir);
        command.args(["unpack", "-C"]).arg(&into);
        match into.ends_with("file") {
            true => command.arg("tree.llz"),
            false => command.arg("-").write_stdin(fs::read(dir.join("tree.llz")).unwrap()),
        };
        let ran = command.args(args).assert().code(code);
        said += &String::from_utf8_lossy(&ran.get_output().stderr);
    }
    assert_eq!(without_times(&dir.join("file")), without_times(&dir.join("pipe")));
    said
}

/// What is below a directory, but for the times of directories, in which something may have been made.
fn without_times(root: &Path) -> Vec<String> {
    let describe =
        |(name, what): (std::path::PathBuf, String)| match what.strip_prefix("directory ") {
            Some(mode) => format!("{} {}", name.display(), mode.split(' ').next().unwrap()),
            None => format!("{} {what}", name.display()),
        };
    snapshot(root).into_iter().map(describe).collect()
}

fn content(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join("file").join(name)).unwrap()
}

#[test]
fn one_file_is_restored_beside_others() {
    let dir = packed(&["a.txt", "sub/mine"]);
    unpack(dir.path(), &["tree/sub/b.txt"], 0);
    assert_eq!(names(&dir.path().join("file/tree/sub")), ["b.txt", "mine"]);
    assert_eq!(content(dir.path(), "tree/a.txt"), "mine");
    // Only files that are there already conflict, and then nothing is written.
    unpack(dir.path(), &["tree/sub"], 0);
    let said = unpack(dir.path(), &[], 9);
    assert!(said.contains("tree/a.txt already exists") && said.contains("--force"), "{said}");
    assert_same(&dir.path().join("tree"), &dir.path().join("file/tree"));
}

#[test]
fn a_directory_that_is_there_keeps_what_it_has() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = packed(&["mine"]);
    let at = dir.path().join("tree/sub");
    fs::create_dir(&at).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o711)).unwrap();
    unpack(dir.path(), &[], 0);
    let mode = |name: &str| super::mode(&dir.path().join(name).metadata().unwrap());
    assert_eq!(mode("file/tree/sub"), 0o711);
    unpack(dir.path(), &["-f"], 0);
    assert_ne!(mode("file/tree/sub"), 0o711);
    // A link to a directory is no directory: nothing is written through it.
    fs::remove_dir(&at).unwrap();
    fs::create_dir(dir.path().join("far")).unwrap();
    symlink("../../far", &at).unwrap();
    for (option, code) in [("-q", 9), ("--keep-existing", 0), ("--rename", 0), ("--keep-newer", 9)]
    {
        unpack(dir.path(), &[option], code);
        assert_eq!(names(&dir.path().join("far")), [""; 0], "{option}");
    }
}

#[test]
fn existing_files_are_kept() {
    let dir = packed(&["a.txt", "sub/c"]);
    let said = unpack(dir.path(), &["--keep-existing"], 0);
    assert!(said.contains("kept what is there in the place of 2 entries"), "{said}");
    assert_eq!(content(dir.path(), "tree/a.txt"), "mine");
    assert_eq!(content(dir.path(), "tree/sub/c"), "mine");
    assert_eq!(content(dir.path(), "tree/sub/b.txt"), "archived sub/b.txt");
    let said = unpack(dir.path(), &["--keep-existing", "-v"], 0);
    assert!(said.contains("kept what is there: tree/sub/c"), "{said}");
    // A file in the place of a directory keeps all of it out.
    let dir = packed(&["sub"]);
    unpack(dir.path(), &["--keep-existing"], 0);
    assert_eq!(names(&dir.path().join("file/tree")), ["a.txt", "sub"]);
}

#[test]
fn newer_files_are_kept() {
    let dir = packed(&["a.txt", "sub/b.txt", "sub/c"]);
    let touch = |name: &str, time: SystemTime| {
        let file =
            fs::File::options().write(true).open(dir.path().join("tree").join(name)).unwrap();
        file.set_modified(time).unwrap();
    };
    touch("a.txt", SystemTime::now() + Duration::from_secs(1000));
    touch("sub/b.txt", SystemTime::now() - Duration::from_secs(1000));
    // One that is as new is the same, for all that is known.
    let listed = llz(dir.path()).args(["list", "--json", "tree.llz", "tree/sub/c"]).assert();
    let entry: serde_json::Value = serde_json::from_slice(&listed.get_output().stdout).unwrap();
    touch(
        "sub/c",
        SystemTime::UNIX_EPOCH + Duration::from_nanos(entry["mtime_ns"].as_u64().unwrap()),
    );
    unpack(dir.path(), &["--keep-newer"], 0);
    assert_eq!(content(dir.path(), "tree/a.txt"), "mine");
    assert_eq!(content(dir.path(), "tree/sub/b.txt"), "archived sub/b.txt");
    assert_eq!(content(dir.path(), "tree/sub/c"), "mine");
    // A directory is never replaced, nor a file by a directory: neither is older.
    for there in ["sub", "a.txt/x"] {
        let dir = packed(&[there]);
        let said = unpack(dir.path(), &["--keep-newer"], 9);
        assert!(said.contains("is here, and the archive has a"), "{said}");
    }
}

#[test]
fn files_are_unpacked_beside_existing_ones() {
    let dir = packed(&["a.txt", "a (1).txt", "sub/c"]);
    let said = unpack(dir.path(), &["--rename"], 0);
    assert!(said.contains("tree/a.txt is there already: unpacked as tree/a (2).txt"), "{said}");
    assert_eq!(names(&dir.path().join("file/tree")), ["a (1).txt", "a (2).txt", "a.txt", "sub"]);
    assert_eq!(names(&dir.path().join("file/tree/sub")), ["b.txt", "c", "c (1)"]);
    assert_eq!(content(dir.path(), "tree/a.txt"), "mine");
    assert_eq!(content(dir.path(), "tree/a (2).txt"), "archived a.txt");
    // A file in the place of a directory, and a directory in that of a file.
    let dir = packed(&["sub", "a.txt/x"]);
    unpack(dir.path(), &["--rename"], 0);
    assert_eq!(names(&dir.path().join("file/tree")), ["a (1).txt", "a.txt", "sub", "sub (1)"]);
    assert_eq!(names(&dir.path().join("file/tree/sub (1)")), ["b.txt", "c"]);
}

#[test]
fn names_that_were_given_do_not_meet_those_of_the_archive() {
    let dir = scratch();
    for name in ["a", "a (1)", "b"] {
        write(dir.path().join("tree").join(name), format!("archived {name}"));
    }
    llz(dir.path()).args(["pack", "-q", "-1", "tree"]).assert().success();
    fs::remove_file(dir.path().join("tree/a (1)")).unwrap();
    unpack(dir.path(), &["--rename"], 0);
    let contents: Vec<String> = ["a", "a (1)", "a (2)", "a (1) (1)"]
        .iter()
        .filter_map(|name| fs::read_to_string(dir.path().join("file/tree").join(name)).ok())
        .collect();
    assert_eq!(contents.iter().filter(|content| *content == "archived a").count(), 2);
    assert_eq!(contents.iter().filter(|content| *content == "archived a (1)").count(), 1);
}

#[test]
fn leading_names_are_taken_off() {
    let dir = packed(&[]);
    unpack(dir.path(), &["--strip-components", "1"], 0);
    assert_eq!(names(&dir.path().join("file")), ["a.txt", "sub"]);
    let said = unpack(dir.path(), &["--strip-components", "2"], 4);
    assert_eq!(names(&dir.path().join("file")), ["b.txt", "c"]);
    assert!(said.contains("tree/a.txt"), "{said}");
    let said = unpack(dir.path(), &["--strip-components=3"], 2);
    assert!(said.contains("nothing is left"), "{said}");
    unpack(dir.path(), &["--strip-components=1", "tree/sub/b.txt"], 0);
    assert_eq!(names(&dir.path().join("file")), ["sub"]);
}

#[test]
fn paths_that_become_one_are_a_mistake() {
    let dir = scratch();
    for name in ["a/x", "b/x", "a/sub/1", "b/sub/2", "c/sub"] {
        write(dir.path().join(name), name);
    }
    let pack = |paths: &[&str]| {
        llz(dir.path()).args(["pack", "-1qf", "-o", "tree.llz"]).args(paths).assert().success();
    };
    pack(&["a/sub", "b/sub"]);
    unpack(dir.path(), &["--strip-components=1"], 0);
    assert_eq!(names(&dir.path().join("file/sub")), ["1", "2"]);
    for paths in [["a/x", "b/x"], ["a/sub", "c/sub"], ["c/sub", "a/sub/1"]] {
        pack(&paths);
        let said = unpack(dir.path(), &["--strip-components=1"], 2);
        assert!(said.contains("would be unpacked as"), "{said}");
        assert_eq!(names(&dir.path().join("file")), [""; 0]);
    }
}

#[test]
fn a_link_that_would_lead_out_is_left_out() {
    let dir = scratch();
    write(dir.path().join("tree/a"), "a");
    write(dir.path().join("tree/sub/b"), "b");
    std::os::unix::fs::symlink("../a", dir.path().join("tree/sub/up")).unwrap();
    llz(dir.path()).args(["pack", "-1q", "tree"]).assert().success();
    fs::remove_dir_all(dir.path().join("tree")).unwrap();
    unpack(dir.path(), &["--strip-components=1"], 0);
    assert_eq!(names(&dir.path().join("file/sub")), ["b", "up"]);
    let said = unpack(dir.path(), &["--strip-components=2"], 4);
    assert_eq!(names(&dir.path().join("file")), ["b"]);
    assert!(said.contains("skipped tree/sub/up: a symbolic link to ../a, "), "{said}");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let dir = packed(&["a.txt"]);
    let dry = |args: &[&str], code: i32| {
        let before = snapshot(dir.path());
        let archive = fs::read(dir.path().join("tree.llz")).unwrap();
        let ran = llz(dir.path()).args(args).write_stdin(archive).assert().code(code);
        assert_eq!(snapshot(dir.path()), before, "{args:?}");
        let out = String::from_utf8(ran.get_output().stdout.clone()).unwrap().replace('\n', " ");
        (out, String::from_utf8_lossy(&ran.get_output().stderr).into_owned())
    };
    let all = "tree/ tree/a.txt tree/sub/ tree/sub/b.txt tree/sub/c ";
    for archive in ["tree.llz", "-"] {
        assert_eq!(dry(&["unpack", archive, "-n", "-C", "new"], 0).0, all);
        assert_eq!(dry(&["unpack", archive, "--dry-run", "-f"], 0).0, all);
        let (out, said) = dry(&["unpack", archive, "-n", "--rename", "tree/a*"], 0);
        assert!(out == "tree/a (1).txt " && said.contains("unpacked as"), "{out} {said}");
        assert_eq!(dry(&["unpack", archive, "-n", "--keep-existing", "tree/a*"], 0).0, "");
        assert_eq!(
            dry(&["unpack", archive, "-n", "--strip-components=2", "tree/sub"], 0).0,
            "b.txt c "
        );
        dry(&["unpack", archive, "-n"], 9);
        dry(&["unpack", archive, "-n", "nope"], 2);
    }
    let (out, said) = dry(&["pack", "-n", "tree", "--exclude", "x"], 0);
    assert!(out == "tree/ tree/a.txt " && said.contains("nothing was written"), "{out} {said}");
    // No name for an archive is needed, and what is missing is told as ever.
    let (out, said) = dry(&["pack", "-n", "tree", "gone", "-", "--name", "in"], 4);
    assert!(out == "in tree/ tree/a.txt " && said.contains("skipped gone"), "{out} {said}");
    let (out, _) = dry(&["pack", "-n", "--json", "tree/a.txt"], 0);
    let entry: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((entry["path"].as_str(), entry["size"].as_u64()), (Some("tree/a.txt"), Some(4)));
    // The archive would not be in itself.
    assert_eq!(dry(&["pack", "-nf", ".", "-o", "tree.llz"], 0).0, "tree/ tree/a.txt ");
}

#[test]
fn a_whole_tree_comes_back_over_itself() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "-1q", "tree"]).assert().success();
    let before = snapshot(&dir.path().join("tree"));
    for option in ["-f", "--keep-existing", "--keep-newer"] {
        unpack(dir.path(), &[option], 0);
        assert_eq!(snapshot(&dir.path().join("file/tree")), before, "{option}");
    }
}

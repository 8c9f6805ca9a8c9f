//! `unpack -f` that fails leaves the destination as it was: the same files, modes and times.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use super::{llz, scratch, stderr, write};

/// A directory with `tree.llz` and a changed `dest/tree`, and the program as `./llz`, so that any
/// user can run it.
fn scene() -> tempfile::TempDir {
    let dir = scratch();
    for name in ["a/one", "b/two", "b/deep/three", "new/file", "y", "z/last"] {
        write(dir.path().join("tree").join(name), format!("new {name}\n"));
    }
    symlink("y", dir.path().join("tree/link")).unwrap();
    llz(dir.path()).args(["pack", "-1", "-q", "tree"]).assert().success();
    let dest = dir.path().join("dest/tree");
    for name in ["a/one", "b/two", "b/deep/three", "y", "z/last", "a/others"] {
        write(dest.join(name), format!("old {name}\n"));
    }
    symlink("a/others", dest.join("link")).unwrap();
    fs::set_permissions(dest.join("a"), fs::Permissions::from_mode(0o751)).unwrap();
    fs::copy(assert_cmd::cargo::cargo_bin!("llz"), dir.path().join("llz")).unwrap();
    dir
}

/// Shell functions: `state` prints all that counts about `dest`.
const STATE: &str = r#"
state() { find dest -printf '%p %y %m %i %T@ %s %l\n' | sort; find dest -type f -print0 | sort -z | xargs -0r cat; }
"#;

fn shell(dir: &Path, wrapper: &[&str], line: &str) -> Output {
    let script = format!("{STATE}\n{line}");
    let whole: Vec<&str> = wrapper.iter().copied().chain(["sh", "-c", &script]).collect();
    Command::new(whole[0]).args(&whole[1..]).current_dir(dir).output().unwrap()
}

/// Runs `unpack -f`, which must fail with a code; everything must be as before.
#[track_caller]
fn restored(dir: &Path, wrapper: &[&str], before: &str, code: i32, says: &str) {
    let line = format!(
        "{before}\nstate > before\n./llz unpack -f tree.llz -C dest; code=$?\nstate > after\n\
         cmp before after >&2 || {{ diff before after >&2; exit 99; }}; exit $code"
    );
    let ran = shell(dir, wrapper, &line);
    assert_eq!(ran.status.code(), Some(code), "{}", stderr(&ran));
    assert!(stderr(&ran).contains(says), "{}", stderr(&ran));
    let left = shell(dir, &[], "find . -name '.llz-*'");
    assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// Whether a command works here; says which test is skipped if it does not.
fn works(test: &str, wrapper: &[&str]) -> bool {
    let ran = Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    let works = ran.is_ok_and(|ran| ran.status.success());
    if !works {
        eprintln!("skipped {test}: {wrapper:?} does not work here");
    }
    works
}

/// A shell with mounts of its own.
fn mounts() -> &'static [&'static str] {
    if is_root() { &["unshare", "-m"] } else { &["unshare", "-r", "-m"] }
}

/// An ordinary user, whoever runs the tests.
fn user(dir: &Path) -> &'static [&'static str] {
    if !is_root() {
        return &["env"];
    }
    let chown = Command::new("chown").args(["-R", "-h", "65534:65534"]).arg(dir).status();
    assert!(chown.unwrap().success());
    &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
}

#[test]
fn a_directory_where_a_file_must_go() {
    for (name, below) in [("z/last", "x"), ("y", "x/y"), ("link", "x")] {
        let dir = scene();
        let at = dir.path().join("dest/tree").join(name);
        fs::remove_file(&at).unwrap();
        write(at.join(below), "precious");
        restored(dir.path(), &["env"], "", 9, "a directory is here");
        // From a pipe the conflict is known only later.
        let line = "state > before; ./llz unpack -f - -C dest < tree.llz; state > after; diff before after >&2";
        let ran = shell(dir.path(), &["env"], line);
        assert!(ran.status.success(), "{}", stderr(&ran));
        assert!(stderr(&ran).contains(name), "{}", stderr(&ran));
    }
}

#[test]
fn a_file_where_a_directory_must_go_is_replaced() {
    let dir = scene();
    let at = dir.path().join("dest/tree/z");
    fs::remove_dir_all(&at).unwrap();
    fs::write(&at, "a file").unwrap();
    let ran = shell(dir.path(), &["env"], "./llz unpack -f tree.llz -C dest");
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert_eq!(fs::read(at.join("last")).unwrap(), b"new z/last\n");
}

#[test]
fn a_directory_without_write_permission() {
    for closed in ["dest/tree/z", "dest/tree/b/deep", "dest/tree", "dest/tree/a"] {
        let dir = scene();
        let user = user(dir.path());
        if !works("a_directory_without_write_permission", user) {
            return;
        }
        restored(dir.path(), user, &format!("chmod a-w {closed}"), 1, "ermission denied");
        shell(dir.path(), &["env"], &format!("chmod u+w {closed}"));
    }
}

#[test]
fn another_users_directory() {
    let dir = scene();
    let user = user(dir.path());
    if !is_root() || !works("another_users_directory", user) {
        eprintln!("skipped another_users_directory: it takes root to make one");
        return;
    }
    let line = "chown 0:0 dest/tree/a; chmod 777 dest/tree/a";
    assert!(shell(dir.path(), &["env"], line).status.success());
    restored(dir.path(), user, "", 1, "another user");
}

#[test]
fn a_directory_that_may_not_be_read() {
    let dir = scene();
    let user = user(dir.path());
    if !works("a_directory_that_may_not_be_read", user) {
        return;
    }
    let line = "chmod 333 dest/tree/a && ./llz unpack -f tree.llz -C dest && ls dest/tree/a";
    let ran = shell(dir.path(), user, line);
    assert!(ran.status.success(), "{}", stderr(&ran));
}

#[test]
fn read_only_directories_of_the_archive_come_and_go_again() {
    let dir = scene();
    // The times of a read-only mount cannot be set, which shows at the very end, when the
    // read-only directories are in place; they can only be moved back once they are writable.
    let script = "mount -t tmpfs -o ro,mode=755 none dest/tree/0 && chown 65534 . && \
                  exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let wrapper = ["unshare", "-m", "sh", "-c", script, "sh"];
    for at in ["tree/0", "dest/tree/0"] {
        fs::create_dir(dir.path().join(at)).unwrap();
    }
    let user = user(dir.path());
    if !is_root() || !works("read_only_directories_of_the_archive_come_and_go_again", &wrapper) {
        eprintln!("skipped: it takes root to mount something for another user");
        return;
    }
    let line = "chmod a-w tree/new tree/b; ./llz pack -1qf tree && chmod -R u+w tree";
    assert!(shell(dir.path(), user, line).status.success());
    let script = script.replace("mode=755", "mode=755,uid=65534");
    let wrapper = ["unshare", "-m", "sh", "-c", &script, "sh"];
    restored(dir.path(), &wrapper, "", 1, "ead-only file system");
}

#[test]
fn a_mount_point_inside_is_no_obstacle() {
    if !works("a_mount_point_inside_is_no_obstacle", mounts()) {
        return;
    }
    for mount in ["-t tmpfs none dest/tree/b", "--bind dest/tree/b dest/tree/b"] {
        let dir = scene();
        let line = format!(
            "mount {mount} || exit 77; mkdir -p dest/tree/b; echo old > dest/tree/b/two
             ./llz unpack -f tree.llz -C dest || exit 1
             diff -r tree dest/tree | grep -v 'Only in dest/tree/a: others'; ls -A dest dest/tree/b"
        );
        let ran = shell(dir.path(), mounts(), &line);
        if ran.status.code() == Some(77) {
            eprintln!("skipped a_mount_point_inside_is_no_obstacle: mount does not work here");
            return;
        }
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(said, "dest:\ntree\n\ndest/tree/b:\ndeep\ntwo\n", "{}", stderr(&ran));
    }
}

#[test]
fn a_failure_beyond_a_mount_point_is_taken_back_on_both_sides() {
    if !works("a_failure_beyond_a_mount_point_is_taken_back_on_both_sides", mounts()) {
        return;
    }
    let tmpfs = "mount -t tmpfs none dest/tree/b && echo two > dest/tree/b/two";
    // A file that is a mount point cannot be replaced, which shows only when it is tried.
    let busy = "mount --bind dest/tree/a/others dest/tree/z/last";
    for before in [busy.to_owned(), format!("{tmpfs} && {busy}")] {
        let dir = scene();
        if !shell(dir.path(), mounts(), &before).status.success() {
            eprintln!("skipped: mount does not work here");
            return;
        }
        restored(dir.path(), mounts(), &before, 1, "z/last");
    }
    let dir = scene();
    let read_only = "mount -t tmpfs -o ro none dest/tree/z";
    restored(dir.path(), mounts(), read_only, 1, "ead-only file system");
    let dir = scene();
    let small = "mount -t tmpfs -o size=4k,nr_inodes=4 none dest/tree/b";
    restored(dir.path(), mounts(), small, 1, "No space left");
}

#[test]
fn a_new_destination_goes_away_again() {
    let dir = scene();
    let whole = fs::read(dir.path().join("tree.llz")).unwrap();
    write(dir.path().join("cut"), &whole[..whole.len() - 9]);
    for line in ["./llz unpack -f cut -C fresh", "./llz unpack -f - -C fresh < cut"] {
        assert_eq!(shell(dir.path(), &["env"], line).status.code(), Some(5));
        assert!(!dir.path().join("fresh").exists());
    }
}

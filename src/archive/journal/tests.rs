//! Steps forward and back, on one mount and as if on two.

use std::fs;
use std::path::Path;

use cap_std::ambient_authority;

use super::*;
use crate::Result;

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Names, contents and times below a directory.
fn snapshot(root: &Path) -> Vec<String> {
    let walk = walkdir::WalkDir::new(root).sort_by_file_name();
    walk.into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.path().symlink_metadata().unwrap();
            let content = match metadata.is_file() {
                true => fs::read_to_string(entry.path()).unwrap(),
                false => format!("{:?}", fs::read_link(entry.path()).ok()),
            };
            format!("{:?} {:?} {content}", entry.path(), metadata.modified().unwrap())
        })
        .collect()
}

/// A destination with a staging directory in it, as unpacking makes it.
fn scene() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    write(&at.join("t/a/old"), "old");
    write(&at.join("t/b"), "a file where a directory comes");
    write(&at.join("t/others"), "others");
    write(&at.join("t/z/in/the/way"), "of a file");
    fs::create_dir(at.join(".staging")).unwrap();
    dir
}

fn stage(at: &Path) {
    write(&at.join(".staging/tree/t/a/old"), "new");
    write(&at.join(".staging/tree/t/a/more"), "more");
    write(&at.join(".staging/tree/t/b/c/d"), "deep");
    write(&at.join(".staging/tree/t/e/f"), "fresh");
}

/// Merges; returns the result and what is there after it was ended well or taken back.
fn merge(at: &Path, is_far: bool) -> (Result<()>, Lost) {
    let open = |path: &Path| Dir::open_ambient_dir(path, ambient_authority()).unwrap();
    let progress = Progress::default();
    let inner = open(&at.join(".staging"));
    let tree = inner.open_dir("tree").unwrap();
    let mut journal = Journal::new(open(at), ".staging", inner, Existing::Replace, &[], &progress);
    journal.is_far = is_far;
    let merged = journal.merge(&tree, Path::new(""), at);
    let mut lost = Lost::new();
    match merged {
        Ok(()) => journal.done(),
        Err(_) => lost = journal.undo(),
    }
    fs::remove_dir_all(at.join(".staging")).unwrap();
    (merged, lost)
}

#[test]
fn everything_gets_to_its_place_on_either_side_of_a_mount_point() {
    for is_far in [false, true] {
        let dir = scene();
        stage(dir.path());
        let (merged, lost) = merge(dir.path(), is_far);
        assert!(merged.is_ok() && lost.is_empty(), "{merged:?}");
        let read = |name: &str| fs::read_to_string(dir.path().join("t").join(name)).unwrap();
        for (name, content) in [
            ("a/old", "new"),
            ("a/more", "more"),
            ("b/c/d", "deep"),
            ("e/f", "fresh"),
            ("others", "others"),
            ("z/in/the/way", "of a file"),
        ] {
            assert_eq!(read(name), content);
        }
        assert!(!snapshot(dir.path()).iter().any(|line| line.contains("/.llz-")), "no leftovers");
    }
}

#[test]
fn what_fails_in_the_middle_is_taken_back() {
    for is_far in [false, true] {
        let dir = scene();
        fs::remove_dir(dir.path().join(".staging")).unwrap();
        let before = snapshot(&dir.path().join("t"));
        stage(dir.path());
        // Comes last, when all else is in place.
        write(&dir.path().join(".staging/tree/t/z/in"), "a file");
        let (merged, lost) = merge(dir.path(), is_far);
        assert!(matches!(merged, Err(Error::InTheWay { .. })), "{merged:?}");
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(snapshot(&dir.path().join("t")), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_panic_takes_back_as_well() {
    let dir = scene();
    let before = snapshot(&dir.path().join("t"));
    stage(dir.path());
    let open = |path: &Path| Dir::open_ambient_dir(path, ambient_authority()).unwrap();
    let (progress, inner) = (Progress::default(), open(&dir.path().join(".staging")));
    let tree = inner.open_dir("tree").unwrap();
    let mut journal = Journal::new(open(dir.path()), ".staging", inner, Existing::Replace, &[], &progress);
    journal.merge(&tree, Path::new(""), dir.path()).unwrap();
    drop(journal);
    assert_eq!(snapshot(&dir.path().join("t")), before);
}

#[test]
fn a_destination_that_was_made_goes_back_with_what_is_above_it() {
    for deep in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        write(&at.join(".staging/tree/f"), "staged");
        let (top, new) = if deep { ("a", "a/b/c") } else { ("a", "a") };
        fs::create_dir_all(at.join(new).parent().unwrap()).unwrap();
        fs::rename(at.join(".staging/tree"), at.join(new)).unwrap();
        let open = |path: &Path| Dir::open_ambient_dir(path, ambient_authority()).unwrap();
        let (progress, inner) = (Progress::default(), open(&at.join(".staging")));
        let mut journal = Journal::new(open(at), ".staging", inner, Existing::Refuse, &[], &progress);
        journal.placed(Path::new(top), Path::new(new));
        assert!(journal.undo().is_empty());
        // Another run can go on with it, and finds nothing there that looks like a file of the user.
        assert_eq!(fs::read_to_string(at.join(".staging/tree/f")).unwrap(), "staged");
        assert!(!at.join("a").exists() && !at.join(".staging/1").exists());
    }
}

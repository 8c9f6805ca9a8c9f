//! Whole archives: packed, read and unpacked in every way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::{
    Archive, EngineOptions, Error, Limits, PackOptions, PackSummary, Progress, UnpackOptions, pack,
    pack_to_path, unpack_reader,
};

/// What is at and below `root`: content, kind, permissions and times, by path.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut snapshot = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry.unwrap();
        let metadata = entry.path().symlink_metadata().unwrap();
        let what = if metadata.is_symlink() {
            format!("link to {:?}", fs::read_link(entry.path()).unwrap())
        } else {
            let (mode, time) = (mode(&metadata), metadata.modified().unwrap());
            let content = if metadata.is_file() { fs::read(entry.path()).unwrap() } else { vec![] };
            let kind = if metadata.is_file() { "file" } else { "directory" };
            let (len, crc) = (content.len(), crc32fast::hash(&content));
            format!("{kind} {mode:o} {time:?}: {len} bytes, {crc:08x}")
        };
        snapshot.insert(entry.path().strip_prefix(root).unwrap().into(), what);
    }
    snapshot
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o7777
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> u32 {
    u32::from(metadata.permissions().readonly())
}

fn packed(root: &Path, chunk_size: usize) -> (Vec<u8>, PackSummary) {
    let options = PackOptions { chunk_size: Some(chunk_size), ..Default::default() };
    let mut archive = Vec::new();
    let summary =
        pack(&[root.to_path_buf()], &mut archive, &options, &Progress::default()).unwrap();
    (archive, summary)
}

/// The packed directory as it lies below `dest`: paths are stored from the root of the system.
fn inside(dest: &Path, root: &Path) -> PathBuf {
    dest.join(root.strip_prefix("/").unwrap())
}

/// A tree with a bit of everything.
fn build_tree(root: &Path) {
    let text = "It was the best of times, it was the worst of times. ".repeat(40);
    fs::create_dir_all(root.join("src/deep/er")).unwrap();
    fs::create_dir_all(root.join("empty dir")).unwrap();
    for (name, content) in [
        ("empty", &b""[..]),
        ("one", b"1"),
        ("src/lib.rs", b"fn main() {}"),
        ("src/deep/er/copy.txt", text.as_bytes()),
        ("src/tale.txt", text.as_bytes()),
        ("broken-utf8.txt", b"abc\xff\xfe\x80"),
        ("binary.bin", &[0, 1, 2, 3, 0, 255]),
        (".hidden", b"hidden"),
        ("na\u{ef}ve \u{65e5}\u{672c}", b"unicode"),
    ] {
        fs::write(root.join(name), content).unwrap();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        symlink("src/lib.rs", root.join("link")).unwrap();
        symlink("../../one", root.join("src/deep/up")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let mode = |name: &str, mode| {
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("one", 0o4755);
        mode("src/tale.txt", 0o000);
        mode("src/deep", 0o555);
        mode("empty dir", 0o700);
    }
}

#[test]
fn a_tree_comes_back_from_a_file_and_from_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("tree");
    build_tree(&root);
    let before = snapshot(&root);
    // setuid is the one thing that must not come back.
    let expected: BTreeMap<_, _> = before
        .iter()
        .map(|(path, what)| (path.clone(), what.replace("file 4755", "file 755")))
        .collect();
    for chunk_size in [50, 700, 1 << 20] {
        let (bytes, summary) = packed(&root, chunk_size);
        assert!(summary.skipped.is_empty(), "{:?}", summary.skipped);
        assert_eq!(summary.archive_bytes, bytes.len() as u64);
        let archive = Archive::from_bytes(bytes.clone(), Limits::default()).unwrap();
        let info = archive.info();
        assert_eq!((info.files, info.dirs, info.symlinks), (9, 5, 3));
        assert_eq!(info.raw_bytes, summary.raw_bytes);
        let engine = EngineOptions::default();
        let tested = archive.test(&engine, &Progress::default()).unwrap();
        assert_eq!(tested.raw_bytes, summary.raw_bytes);

        let options = UnpackOptions::default();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(format!("{name}{chunk_size}")));
        archive.unpack(&a, &options, &Progress::default()).unwrap();
        assert_eq!(snapshot(&inside(&a, &root)), expected);
        let unpacked = unpack_reader(&mut &bytes[..], &b, &options, &Progress::default()).unwrap();
        assert_eq!(snapshot(&inside(&b, &root)), expected);
        assert_eq!(unpacked.raw_bytes, summary.raw_bytes);
    }
    assert_eq!(snapshot(&root), before);
}

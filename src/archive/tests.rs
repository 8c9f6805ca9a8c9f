//! Whole archives: packed, read and unpacked in every way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::codec::Level;
use crate::{
    Archive, DecodeOptions, EncodeOptions, Error, PackOptions, PackSummary, Progress, Times, Result,
    Existing, UnpackOptions, UnpackSummary, pack, pack_to_path, unpack_reader,
};

/// The things at and below `root`: content, kind, permissions and times, by path.
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

/// A chunk codec without a model, for speed.
fn quick() -> EncodeOptions {
    EncodeOptions { level: Level::new(1).unwrap(), ..Default::default() }
}

fn packed(root: &Path, chunk_size: usize) -> (Vec<u8>, PackSummary) {
    packed_with(quick(), root, chunk_size)
}

fn packed_with(options: EncodeOptions, root: &Path, chunk_size: usize) -> (Vec<u8>, PackSummary) {
    let encode = EncodeOptions { chunk_size: Some(chunk_size), ..options };
    let options = PackOptions { encode, ..Default::default() };
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
    for (level, chunk_size) in [(1, 50), (1, 700), (1, 1 << 20), (6, 700)] {
        let options = EncodeOptions { level: Level::new(level).unwrap(), ..Default::default() };
        let (bytes, summary) = packed_with(options, &root, chunk_size);
        assert!(summary.skipped.is_empty(), "{:?}", summary.skipped);
        assert_eq!(summary.archive_bytes, bytes.len() as u64);
        let archive = Archive::from_bytes(bytes.clone(), DecodeOptions::default()).unwrap();
        let info = archive.info();
        assert_eq!((info.files, info.dirs, info.symlinks), (9, 5, 3));
        assert_eq!(info.raw_bytes, summary.raw_bytes);
        let tested = archive.test(&Progress::default()).unwrap();
        assert_eq!(tested.raw_bytes, summary.raw_bytes);

        let options = UnpackOptions::default();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(format!("{name}{level}-{chunk_size}")));
        archive.unpack(&a, &options, &Progress::default()).unwrap();
        assert_eq!(snapshot(&inside(&a, &root)), expected);
        let unpacked = unpack_reader(&mut &bytes[..], &b, &DecodeOptions::default(), &options, &Progress::default()).unwrap();
        assert_eq!(snapshot(&inside(&b, &root)), expected);
        assert_eq!(unpacked.raw_bytes, summary.raw_bytes);
    }
    assert_eq!(snapshot(&root), before);
}

/// Bytes without any pattern a coder could use.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e3779b97f4a7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// The bytes that an archive has beyond those of the files.
fn overhead(root: &Path) -> i64 {
    let (bytes, summary) = packed_with(EncodeOptions::default(), root, 1 << 20);
    bytes.len() as i64 - summary.raw_bytes as i64
}

#[test]
fn overhead_stays_within_200_bytes_and_60_per_file() {
    let dir = tempfile::Builder::new().prefix("n").tempdir().unwrap();
    for len in [0, 1, 4096] {
        let file = dir.path().join(format!("r{len}"));
        fs::write(&file, noise(1, len)).unwrap();
        let overhead = overhead(&file);
        eprintln!("one file of {len} bytes: {overhead} bytes");
        assert!(overhead <= 200 + 60, "{len}: {overhead}");
    }
    // Naming a model costs more than a short text can save.
    for len in [1, 3, 10, 40, 100, 200] {
        let file = dir.path().join("t.txt");
        fs::write(
            &file,
            &b"There is nothing like a text that cannot be guessed. ".repeat(4)[..len],
        )
        .unwrap();
        let overhead = overhead(&file);
        eprintln!("one text of {len} bytes: {overhead} bytes");
        assert!(overhead <= 200 + 60, "{len}: {overhead}");
    }
    let many = dir.path().join("many");
    fs::create_dir(&many).unwrap();
    for index in 0..1000 {
        fs::write(many.join(format!("{index}.dat")), noise(index, 50 + index as usize)).unwrap();
    }
    let overhead = overhead(&many);
    eprintln!("1,000 files: {overhead} bytes, {} per file", overhead as f64 / 1000.0);
    assert!(overhead <= 200 + 60 * 1001, "{overhead}");
}

#[test]
fn the_same_files_give_the_same_archive_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("tree");
    build_tree(&root);
    let pack_with = |threads, level| {
        let level = Level::new(level).unwrap();
        let chunk_size = Some(500);
        let encode = EncodeOptions { threads, level, chunk_size, ..Default::default() };
        let options = PackOptions { encode, ..Default::default() };
        let mut bytes = Vec::new();
        pack(std::slice::from_ref(&root), &mut bytes, &options, &Progress::default()).unwrap();
        bytes
    };
    assert_eq!(pack_with(1, 1), pack_with(2, 1));
    assert_eq!(pack_with(1, 6), pack_with(2, 6));
}

#[test]
fn equal_files_are_stored_once_and_come_back_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("t");
    fs::create_dir(&root).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(root.join(name), noise(7, 5000)).unwrap();
    }
    let (bytes, summary) = packed(&root, 1000);
    assert_eq!(summary.raw_bytes, 15000);
    assert!(bytes.len() < 5700, "{}", bytes.len());
    let archive = Archive::from_bytes(bytes.clone(), DecodeOptions::default()).unwrap();
    let path = archive.entries().last().unwrap().path.clone();
    let content =
        archive.read_file(&path, &Progress::default()).unwrap();
    assert_eq!(content, noise(7, 5000));
    // Only the copy, not the original; from an archive and from a pipe.
    let options = UnpackOptions { only: vec![path.clone()], ..Default::default() };
    let [x, y] = ["x", "y"].map(|name| dir.path().join(name));
    archive.unpack(&x, &options, &Progress::default()).unwrap();
    unpack_reader(&mut &bytes[..], &y, &DecodeOptions::default(), &options, &Progress::default()).unwrap();
    for dest in [x, y] {
        assert_eq!(fs::read(dest.join(&path)).unwrap(), noise(7, 5000));
        assert_eq!(fs::read_dir(inside(&dest, &root)).unwrap().count(), 1);
    }
}

/// Unpacks from memory, or as from a pipe.
fn unpack(bytes: &[u8], pipe: bool, dest: &Path, options: &UnpackOptions) -> Result<UnpackSummary> {
    let progress = Progress::default();
    if pipe {
        unpack_reader(&mut &bytes[..], dest, &DecodeOptions::default(), options, &progress)
    } else {
        Archive::from_bytes(bytes.to_vec(), DecodeOptions::default())?
            .unpack(dest, options, &progress)
    }
}

#[test]
fn selections_existing_files_and_force() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("t");
    build_tree(&root);
    let (bytes, _) = packed(&root, 1000);
    let prefix = root.strip_prefix("/").unwrap().to_str().unwrap();
    for pipe in [false, true] {
        let dest = dir.path().join(format!("dest{pipe}"));
        fs::create_dir(&dest).unwrap();
        let only = |paths: &[&str]| UnpackOptions {
            only: paths.iter().map(|path| format!("{prefix}/{path}")).collect(),
            ..Default::default()
        };
        let summary = unpack(&bytes, pipe, &dest, &only(&["src/", "one"])).unwrap();
        assert_eq!((summary.files, summary.dirs), (4, 3));
        let there = snapshot(&dest);
        // What exists is left alone, and so is everything else.
        for options in [only(&["one"]), UnpackOptions::default()] {
            assert!(matches!(unpack(&bytes, pipe, &dest, &options), Err(Error::Exists(_))));
        }
        assert!(matches!(unpack(&bytes, pipe, &dest, &only(&["no"])), Err(Error::Usage(_))));
        assert_eq!(snapshot(&dest), there);
        // With force, files are replaced, directories merged, and others' files kept.
        let at = inside(&dest, &root);
        fs::write(at.join("one"), "changed").unwrap();
        fs::write(at.join("other"), "kept").unwrap();
        let force = UnpackOptions { existing: Existing::Replace, ..Default::default() };
        unpack(&bytes, pipe, &dest, &force).unwrap();
        assert_eq!(fs::read(at.join("one")).unwrap(), b"1");
        assert_eq!(fs::read(at.join("other")).unwrap(), b"kept");
        // A directory is never replaced by a file, and that is said.
        fs::remove_file(at.join("one")).unwrap();
        fs::create_dir(at.join("one")).unwrap();
        assert!(matches!(unpack(&bytes, pipe, &dest, &force), Err(Error::InTheWay { .. })));
        // Neither is the destination itself.
        fs::write(dir.path().join("file"), "").unwrap();
        let file = dir.path().join("file");
        assert!(matches!(unpack(&bytes, pipe, &file, &force), Err(Error::InTheWay { .. })));
    }
}

#[cfg(unix)]
#[test]
fn force_does_not_follow_links_in_the_destination() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("t");
    fs::create_dir_all(root.join("d")).unwrap();
    fs::write(root.join("d/f"), "new").unwrap();
    let (bytes, _) = packed(&root, 1000);
    for pipe in [false, true] {
        let dest = dir.path().join(format!("dest{pipe}"));
        let outside = dir.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("f"), "old").unwrap();
        let at = inside(&dest, &root);
        fs::create_dir_all(&at).unwrap();
        std::os::unix::fs::symlink(&outside, at.join("d")).unwrap();
        let force = UnpackOptions { existing: Existing::Replace, ..Default::default() };
        unpack(&bytes, pipe, &dest, &force).unwrap();
        assert_eq!(fs::read(outside.join("f")).unwrap(), b"old");
        assert_eq!(fs::read(at.join("d/f")).unwrap(), b"new");
        assert!(at.join("d").symlink_metadata().unwrap().is_dir());
    }
}

#[test]
fn archives_appear_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("t");
    build_tree(&root);
    let out = root.join("out.llz");
    let options = PackOptions { encode: quick(), verify: true, ..Default::default() };
    let pack_it = |force, progress: &Progress| {
        pack_to_path(std::slice::from_ref(&root), &out, force, &options, progress)
    };
    let stopped = Progress::default();
    stopped.stop();
    let before = snapshot(&root);
    assert!(matches!(pack_it(false, &stopped), Err(Error::Interrupted)));
    assert_eq!(snapshot(&root).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    let first = pack_it(false, &Progress::default()).unwrap();
    assert!(matches!(pack_it(false, &Progress::default()), Err(Error::Exists(_))));
    // The archive lies in what it packs, and is not packed itself.
    let second = pack_it(true, &Progress::default()).unwrap();
    assert_eq!((first.files, first.raw_bytes), (second.files, second.raw_bytes));
    assert_eq!(
        fs::read_dir(&root).unwrap().count(),
        before.keys().filter(|p| p.parent() == Some(Path::new(""))).count() + 1
    );

    let archive = Archive::open(&out, DecodeOptions::default()).unwrap();
    let dest = dir.path().join("dest");
    let result = archive.unpack(&dest, &UnpackOptions::default(), &stopped);
    assert!(matches!(result, Err(Error::Interrupted)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // A file that is named twice is stored once.
    let twice = [root.join("one"), root.clone()];
    let summary =
        pack(&twice, &mut Vec::new(), &PackOptions::default(), &Progress::default()).unwrap();
    assert_eq!(summary.files, first.files + 1, "the archive itself is a file here");
}

#[cfg(unix)]
#[test]
fn files_that_change_or_vanish_are_reported() {
    use super::base::Base;
    use super::exclude::Exclude;
    use super::own::Own;
    use super::packer::Packing;
    use super::walk::{Wanted, walk};
    use crate::format::Writer;
    let dir = tempfile::tempdir().unwrap();
    for name in ["gone", "grown", "kept", "shrunk"] {
        fs::write(dir.path().join(name), noise(3, 3000)).unwrap();
    }
    let paths = [dir.path().to_path_buf()];
    let exclude = Exclude::new(&[]).unwrap();
    let own = &Own::default();
    let (links, directory) = (crate::Links::Keep, std::path::Path::new(""));
    let (listed, inputs) = (&[][..], &[][..]);
    let wanted = Wanted { directory, listed, inputs, exclude, ignore_files: false, links, times: Times::Keep, own };
    let walk = walk(&paths, wanted, &Progress::default()).unwrap();
    fs::remove_file(dir.path().join("gone")).unwrap();
    fs::write(dir.path().join("grown"), noise(4, 4000)).unwrap();
    fs::write(dir.path().join("shrunk"), noise(5, 10)).unwrap();
    let encode = EncodeOptions { chunk_size: Some(700), ..quick() };
    let options = PackOptions { encode, ..Default::default() };
    let mut bytes = Vec::new();
    let progress = Progress::default();
    let packing = Packing { options: &options, progress: &progress, partial: None, base: &Base::default() };
    let out = &mut bytes;
    let summary = packing.run(walk, |params| Writer::new(out, Path::new("-"), params)).unwrap();
    let told = (summary.skipped.len(), summary.changed.len());
    assert_eq!((summary.files, told), (3, (1, 2)));
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    archive.test(&progress).unwrap();
    let sizes: Vec<_> = archive.entries().iter().skip(1).map(|entry| entry.size()).collect();
    assert_eq!(sizes[sizes.len() - 3..], [3000, 3000, 10]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_trees_come_back(
        files in proptest::collection::btree_map(
            "[ab]/[a-d]{1,2}/[a-z]{1,3}(\\.(txt|rs|bin))?",
            (0usize..4000, any::<u64>(), any::<bool>()),
            0..25,
        ),
        chunk_size in 100usize..3000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("t");
        fs::create_dir(&root).unwrap();
        for (name, (len, seed, is_text)) in &files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut content = noise(*seed, *len);
            if *is_text {
                content.iter_mut().for_each(|byte| *byte = b'a' + *byte % 16);
            }
            fs::write(path, content).unwrap();
        }
        let (bytes, summary) = packed(&root, chunk_size);
        prop_assert_eq!(summary.files as usize, files.len());
        let before = snapshot(&root);
        for pipe in [false, true] {
            let dest = dir.path().join(format!("d{pipe}"));
            unpack(&bytes, pipe, &dest, &UnpackOptions::default()).unwrap();
            prop_assert_eq!(&snapshot(&inside(&dest, &root)), &before);
        }
    }
}

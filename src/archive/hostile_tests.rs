//! Archives that are damaged or meant to do harm: refused with a typed error, with nothing
//! written outside the destination and nothing left behind in it.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Bound;
use crate::codec::Level;
use crate::format::{
    Check, Chunk, CoderId, Coding, CoderParams, Entry, EntryKind, EngineRef, GROUPING_BY_KIND, ModelRef, NamedModel,
    Params, Writer, recover,
};
use crate::{
    Archive, DecodeOptions, EncodeOptions, Error, Limits, PackOptions, Progress, Result, UnpackOptions, pack,
    unpack_reader,
};

pub(super) fn file(path: &str, content: &[u8]) -> Entry {
    let size = content.len() as u64;
    let check = Check::of(size, crc32fast::hash(content), sha256(content));
    let kind = EntryKind::File { size, offset: 0, check };
    Entry { path: path.into(), kind, mode: 0o644, mtime: 1_000_000_000_000_000_000 }
}

fn sha256(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// A file with another checksum than its content has.
pub(super) fn wrong(mut entry: Entry) -> Entry {
    let EntryKind::File { check, .. } = &mut entry.kind else { unreachable!() };
    *check = match *check {
        Check::Sha256(mut sha256) => {
            sha256[0] ^= 1;
            Check::Sha256(sha256)
        }
        Check::Crc(crc) => Check::Crc(crc ^ 1),
        other => panic!("{other:?} cannot be wrong"),
    };
    entry
}

/// An archive of one stored chunk and these entries, whose small files each have this SHA-256 for the group.
pub(super) fn with_groups(raw: &[u8], entries: &[Entry], sha256: &[u8; 32]) -> Vec<u8> {
    build(raw, entries, |_| *sha256)
}

fn directory(path: &str) -> Entry {
    Entry { kind: EntryKind::Directory, mode: 0o755, ..file(path, b"") }
}

pub(super) fn link(path: &str, target: &str) -> Entry {
    Entry { kind: EntryKind::Symlink { target: target.into() }, ..file(path, b"") }
}

pub(super) const PARAMS: Params = Params {
    chunk_size: 1 << 20,
    reach: 1 << 20,
    mixer: CoderParams { mixer: crate::mixer::FAST.id, table_bits: 16 },
    level: Some(1),
    grouping: Some(GROUPING_BY_KIND),
};

/// An archive of one stored chunk and these entries.
pub(super) fn archive(raw: &[u8], entries: &[Entry]) -> Vec<u8> {
    build(raw, entries, sha256)
}

fn build(raw: &[u8], entries: &[Entry], sha256: impl Fn(&[u8]) -> [u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    if !raw.is_empty() {
        let chunk = Chunk {
            coding: Coding::Stored,
            raw_len: raw.len() as u32,
            raw_crc: crc32fast::hash(raw),
            coded: raw,
        };
        writer.chunk(chunk).unwrap();
    }
    let mut start = 0;
    for entry in entries {
        let end = start + entry.size() as usize;
        writer.entry(entry, None, &sha256(raw.get(start..end).unwrap_or_default())).unwrap();
        start = end;
    }
    writer.finish().unwrap();
    bytes
}

fn unpack(bytes: &[u8], pipe: bool, dest: &Path, limits: Limits) -> Result<()> {
    let (decode, options) = (DecodeOptions::with_limits(limits), UnpackOptions::default());
    let progress = Progress::default();
    if pipe {
        unpack_reader(&mut &bytes[..], dest, &decode, &options, &progress).map(drop)
    } else {
        let archive = Archive::from_bytes(bytes.to_vec(), decode)?;
        archive.unpack(dest, &options, &progress).map(drop)
    }
}

/// Unpacks in every way, into a directory that exists and one that does not, and makes sure that
/// each fails and leaves everything as it was.
pub(super) fn refusal(bytes: &[u8], limits: Limits) -> Vec<Error> {
    let dir = tempfile::tempdir().unwrap();
    let mut errors = Vec::new();
    for pipe in [false, true] {
        let dest = dir.path().join("dest");
        errors.push(unpack(bytes, pipe, &dest, limits).unwrap_err());
        assert!(!dest.exists());
        fs::create_dir(&dest).unwrap();
        errors.push(unpack(bytes, pipe, &dest, limits).unwrap_err());
        fs::remove_dir(&dest).expect("nothing was left in the destination");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was left beside it");
    }
    errors
}

#[test]
fn unsafe_entries_are_refused() {
    let cases = [
        vec![file("/etc/passwd", b"x")],
        vec![file("../x", b"x")],
        vec![file("a/../../x", b"x")],
        vec![file("a//b", b"x")],
        vec![file("./a", b"x")],
        vec![file("a/", b"x")],
        vec![file("a\0b", b"x")],
        vec![file("\x1b[2J", b"x")],
        vec![file("a", b"x"), directory("a")],
        vec![directory("a"), directory("a"), file("b", b"x")],
        vec![file("a", b"x"), directory("a/b")],
        vec![directory("a/b"), file("a", b"x")],
        vec![link("a", "b"), file("a/c", b"x")],
        vec![file("a/c", b"x"), link("a", "b")],
        vec![link("a", "/tmp/x"), file("a/b", b"x")],
        vec![file("a/b", b"x"), link("a", "/tmp/x")],
        vec![link("a", ".."), directory("a/b"), file("c", b"x")],
        vec![link("a", ""), file("b", b"x")],
        vec![link("a", "b\x1b"), file("b", b"x")],
    ];
    for entries in cases {
        for error in refusal(&archive(b"x", &entries), Limits::default()) {
            assert!(matches!(error, Error::Unsafe { .. }), "{entries:?}: {error}");
        }
    }
    #[cfg(windows)]
    for name in ["a:b", "aux", "com1.txt", "a\\b", "a."] {
        for error in refusal(&archive(b"x", &[file(name, b"x")]), Limits::default()) {
            assert!(matches!(error, Error::Unsafe { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn content_must_be_what_the_entries_say() {
    let good = file("a", b"content");
    unpack_well(&archive(b"content", std::slice::from_ref(&good)));
    let large = vec![b'x'; 5000];
    unpack_well(&archive(&large, &[file("a", &large)]));
    for bytes in [
        archive(b"content", &[wrong(file("a", b"content"))]),
        archive(&large, &[wrong(file("a", &large))]),
        // Each is what it should be by itself, but not all together.
        with_groups(b"content and more", &[file("a", b"content"), file("b", b" and more")], &[7; 32]),
        // Bytes without an owner, and an owner without bytes.
        archive(b"content and more", &[file("a", b"content")]),
        archive(b"cont", &[file("a", b"content")]),
        archive(b"", &[file("a", b"content")]),
    ] {
        for error in refusal(&bytes, Limits::default()) {
            assert!(matches!(error, Error::Corrupt(_)), "{error}");
        }
        let whole = Archive::from_bytes(bytes, DecodeOptions::default())
            .and_then(|archive| archive.test(&Progress::default()));
        assert!(matches!(whole, Err(Error::Corrupt(_))), "{whole:?}");
    }
}

fn unpack_well(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    for pipe in [false, true] {
        unpack(bytes, pipe, &dir.path().join(format!("{pipe}")), Limits::default()).unwrap();
    }
}

#[test]
fn limits_are_enforced() {
    let raw = vec![7; 1000];
    let entries = [directory("d"), file("d/e/f", &raw)];
    let bytes = archive(&raw, &entries);
    unpack_well(&bytes);
    let default = Limits::default();
    for (limits, wanted) in [
        (Limits { total_bytes: 999, ..default }, Bound::TotalBytes),
        (Limits { entries: 1, ..default }, Bound::Entries),
        (Limits { entries: 2, ..default }, Bound::Entries),
        (Limits { chunk_bytes: 999, ..default }, Bound::ChunkBytes),
        (Limits { path_bytes: 4, ..default }, Bound::PathBytes),
        (Limits { path_depth: 2, ..default }, Bound::PathDepth),
        (Limits { memory: 200, ..default }, Bound::Memory),
    ] {
        for error in refusal(&bytes, limits) {
            match error {
                Error::Limit { bound, .. } => assert_eq!(bound, wanted),
                other => panic!("{wanted:?}: {other}"),
            }
        }
    }
    // Copies take no room in the archive, but they do when unpacked.
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    let raw_crc = crc32fast::hash(&raw);
    writer.chunk(Chunk { coding: Coding::Stored, raw_len: 1000, raw_crc, coded: &raw }).unwrap();
    let sha256 = sha256(&raw);
    writer.entry(&file("0", &raw), None, &sha256).unwrap();
    for index in 1..1000 {
        writer.entry(&file(&index.to_string(), &raw), Some(1), &sha256).unwrap();
    }
    writer.finish().unwrap();
    let bomb = Limits { total_bytes: 999_999, ..default };
    for error in refusal(&bytes, bomb) {
        assert!(matches!(error, Error::Limit { bound: Bound::TotalBytes, .. }), "{error}");
    }
    unpack_well(&bytes);
}

#[test]
fn a_missing_model_is_named_before_anything_is_written() {
    let raw = b"coded with a model that nobody has";
    let engine = EngineRef::Portable { profile: crate::kernel::NUMERIC_PROFILE, fingerprint: 1 };
    let model = NamedModel::new("nobody's", ModelRef { sha256: [0xab; 32], tokenizer: [1; 8], engine });
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    writer.model(&model).unwrap();
    let raw_crc = crc32fast::hash(raw);
    let raw_len = raw.len() as u32;
    let coding = Coding::Neural { coder: CoderId::Mix, model: 0 };
    writer.chunk(Chunk { coding, raw_len, raw_crc, coded: b"?" }).unwrap();
    writer.entry(&file("a", raw), None, &sha256(raw)).unwrap();
    writer.finish().unwrap();
    let archive = Archive::from_bytes(bytes.clone(), DecodeOptions::default()).unwrap();
    let used = crate::UsedModel { number: 0, model, is_embedded: false };
    assert_eq!(archive.info().models, [used]);
    for error in refusal(&bytes, Limits::default()) {
        let needed = format!("\"nobody's\" with SHA-256 {}", "ab".repeat(32));
        assert!(matches!(&error, Error::Model(what) if what.contains(&needed)), "{error}");
    }
}

/// A small archive with everything in it, and its files.
fn specimen() -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("t");
    fs::create_dir(&root).unwrap();
    let text = "the quick brown fox, ".repeat(20).into_bytes();
    let files = [("a.txt", text.clone()), ("b.txt", text), ("c", vec![1, 2, 250])];
    for (name, content) in &files {
        fs::write(root.join(name), content).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("c", root.join("l")).unwrap();
    let (level, chunk_size) = (Level::new(1).unwrap(), Some(300));
    let encode = EncodeOptions { level, chunk_size, ..Default::default() };
    let options = PackOptions { encode, ..Default::default() };
    let mut bytes = Vec::new();
    pack(std::slice::from_ref(&root), &mut bytes, &options, &Progress::default()).unwrap();
    let prefix = root.strip_prefix("/").unwrap_or(&root).display().to_string();
    let stored = |(name, content)| (format!("{prefix}/{name}"), content);
    (bytes, files.into_iter().map(stored).collect())
}

const SMALL: Limits = Limits {
    total_bytes: 1 << 20,
    entries: 1000,
    chunk_bytes: 1 << 20,
    path_bytes: 1000,
    path_depth: 20,
    memory: 1 << 24,
};

fn assert_typed(error: &Error, what: &str) {
    let fits = matches!(
        error,
        Error::Corrupt(_)
            | Error::Foreign { .. }
            | Error::Trailing { .. }
            | Error::Unsupported(_)
            | Error::Limit { .. }
    );
    assert!(fits, "{what}: {error}");
}

/// A full test, and a recovery, notice any damage at all, if only as an update that was not finished.
fn check_noticed(bytes: &[u8], what: &str) {
    let opened = Archive::from_bytes(bytes.to_vec(), DecodeOptions::with_limits(SMALL));
    if opened.is_ok_and(|archive| archive.unfinished() > 0) {
        return;
    }
    let tested = Archive::from_bytes(bytes.to_vec(), DecodeOptions::with_limits(SMALL))
        .and_then(|archive| archive.test(&Progress::default()));
    assert_typed(&tested.expect_err(what), what);
    match recover(bytes, &SMALL) {
        Ok((_, damage)) => {
            assert!(!damage.is_empty(), "{what}");
            damage.iter().for_each(|damage| assert_typed(damage, what));
        }
        Err(error) => assert_typed(&error, what),
    }
}

/// Unpacking gives a typed error or the files as they were.
fn check_unpacked(bytes: &[u8], files: &[(String, Vec<u8>)], what: &str) {
    let dir = tempfile::tempdir().unwrap();
    for pipe in [false, true] {
        let dest = dir.path().join("dest");
        match unpack(bytes, pipe, &dest, SMALL) {
            Err(error) => {
                assert_typed(&error, what);
                assert!(!dest.exists(), "{what}");
            }
            Ok(()) => {
                for (path, content) in files {
                    assert_eq!(&fs::read(dest.join(path)).unwrap(), content, "{what}");
                }
                fs::remove_dir_all(&dest).unwrap();
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{what}");
    }
}

#[test]
fn every_truncation_shows() {
    let (bytes, files) = specimen();
    for len in 0..bytes.len() {
        let what = format!("cut to {len} bytes");
        check_noticed(&bytes[..len], &what);
        check_unpacked(&bytes[..len], &files, &what);
    }
    let more = [&bytes[..], b"\0"].concat();
    check_noticed(&more, "something follows");
    check_unpacked(&more, &files, "something follows");
}

#[test]
fn every_flipped_bit_shows() {
    let (bytes, files) = specimen();
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let what = format!("bit {bit} flipped");
        check_noticed(&bytes, &what);
        // Directories are slow: one bit of each byte.
        if bit % 8 == bit / 8 % 8 {
            check_unpacked(&bytes, &files, &what);
        }
    }
}

#[test]
fn a_truncated_archive_gives_back_what_was_complete() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    for index in 0..5000u32 {
        let raw = index.to_le_bytes();
        let (raw_len, raw_crc) = (4, crc32fast::hash(&raw));
        writer.chunk(Chunk { coding: Coding::Stored, raw_len, raw_crc, coded: &raw }).unwrap();
        writer.entry(&file(&format!("{index:04}"), &raw), None, &sha256(&raw)).unwrap();
    }
    writer.finish().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.llz");
    for (len, count) in
        [(bytes.len(), 5000), (bytes.len() - 20, 5000), (bytes.len() - 15_000, 4096)]
    {
        fs::write(&path, &bytes[..len]).unwrap();
        let (archive, damage) = Archive::recover(&path, DecodeOptions::default()).unwrap();
        assert_eq!((archive.entries().len(), damage.is_empty()), (count, len == bytes.len()));
        let dest = dir.path().join(format!("{len}"));
        archive.unpack(&dest, &UnpackOptions::default(), &Progress::default()).unwrap();
        assert_eq!(fs::read(dest.join("4095")).unwrap(), 4095u32.to_le_bytes());
        assert_eq!(fs::read_dir(dest).unwrap().count(), count);
    }
    // Damage in one chunk does not hide the other files while the index is whole.
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    let progress = Progress::default();
    let readable = |path: &str| archive.read_file(path, &progress).is_ok();
    let whole = archive.entries().iter().filter(|entry| readable(&entry.path)).count();
    assert_eq!(whole, 4999);
}

#[cfg(unix)]
#[test]
fn a_name_that_the_file_system_cannot_hold_costs_itself_only() {
    let (long, dir) = ("x".repeat(300), tempfile::tempdir().unwrap());
    let below = format!("{long}/below");
    let mut entries = vec![file("a", b"content"), directory("d"), file(&below, b"")];
    entries.push(file(&format!("y{long}"), b""));
    let bytes = archive(b"content", &entries);
    for (pipe, dest) in [(false, dir.path().join("one")), (true, dir.path().join("two"))] {
        unpack(&bytes, pipe, &dest, Limits::default()).unwrap();
        assert_eq!(fs::read(dest.join("a")).unwrap(), b"content");
        assert_eq!(fs::read_dir(&dest).unwrap().count(), 2);
    }
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    let (options, progress) = (UnpackOptions::default(), Progress::default());
    let summary = archive.unpack(&dir.path().join("three"), &options, &progress).unwrap();
    let losses: Vec<_> = summary.losses.iter().map(|loss| (loss.what, loss.count)).collect();
    assert_eq!((summary.files, losses), (1, vec![("name", 2)]));
}

/// A file whose name cannot be held is checked all the same, and there is nothing to take back.
#[cfg(unix)]
#[test]
fn a_wrong_hash_behind_a_name_that_cannot_be_held_is_corrupt() {
    let (long, dir) = ("x".repeat(300), tempfile::tempdir().unwrap());
    // Right lengths, so that only the checksum tells.
    let bad = wrong(file(&long, b"content"));
    let below = wrong(file(&format!("{long}x/below"), b"content"));
    for entry in [&bad, &below] {
        let bytes = archive(b"content", std::slice::from_ref(entry));
        for (pipe, dest) in [(false, dir.path().join("one")), (true, dir.path().join("two"))] {
            let error = unpack(&bytes, pipe, &dest, Limits::default()).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{pipe}: {error}");
            assert!(!dest.exists());
        }
    }
    let good = file("good", b"content");
    let bytes = archive(&b"content".repeat(3), &[bad, good, below]);
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    let (options, progress) = (UnpackOptions::default(), Progress::default());
    let (summary, lost) =
        archive.salvage(&dir.path().join("three"), &options, &progress).unwrap();
    assert_eq!((summary.files, summary.raw_bytes, lost.len()), (1, 7, 2));
}

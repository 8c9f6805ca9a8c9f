//! Archives with long repeats, read in every way.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{leftovers, resume, staging};
use crate::codec::Level;
use crate::format::Layout;
use crate::{
    Archive, DecodeOptions, EncodeOptions, Limits, PackOptions, Progress, UnpackOptions, pack, unpack_reader,
};

/// Words without long repeats of their own.
fn prose(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut text = Vec::new();
    while text.len() < len {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        text.extend(format!("{:x} ", state >> 40).as_bytes());
    }
    text.truncate(len);
    text
}

/// Packs files by number below one folder, in chunks of this size.
fn packed(root: &Path, files: &[Vec<u8>], chunk_size: usize) -> Vec<u8> {
    fs::create_dir(root).unwrap();
    for (number, content) in files.iter().enumerate() {
        fs::write(root.join(format!("{number:03}.txt")), content).unwrap();
    }
    let level = Level::new(1).unwrap();
    let encode = EncodeOptions { level, chunk_size: Some(chunk_size), ..Default::default() };
    let options = PackOptions { encode, directory: root.into(), ..Default::default() };
    let mut bytes = Vec::new();
    pack(&[".".into()], &mut bytes, &options, &Progress::default()).unwrap();
    bytes
}

fn path_of(number: usize) -> String {
    format!("{number:03}.txt")
}

fn raw_len(bytes: &[u8]) -> u64 {
    let layout = Layout::open(bytes, &Limits::default()).unwrap();
    layout.chunks().iter().map(|chunk| u64::from(chunk.raw_len)).sum()
}

/// Whether the archive gives these files from its index, one by one, and from a pipe.
fn gives(bytes: &[u8], files: &[Vec<u8>], scratch: &Path) {
    let archive = Archive::from_bytes(bytes.to_vec(), DecodeOptions::default()).unwrap();
    let progress = Progress::default();
    archive.test(&progress).unwrap();
    for (number, content) in files.iter().enumerate() {
        assert!(archive.read_file(&path_of(number), &progress).unwrap() == *content, "{number}");
    }
    let options = UnpackOptions::default();
    archive.unpack(&scratch.join("index"), &options, &progress).unwrap();
    unpack_reader(&mut &*bytes, &scratch.join("pipe"), &DecodeOptions::default(), &options, &progress).unwrap();
    for way in ["index", "pipe"] {
        for (number, content) in files.iter().enumerate() {
            assert!(fs::read(scratch.join(way).join(path_of(number))).unwrap() == *content, "{way}: {number}");
        }
    }
}

#[test]
fn a_second_version_is_stored_as_what_is_new_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = prose(1, 100_000);
    let second = [&first[..30_000], b"inserted", &first[30_000..70_000], &first[71_000..]].concat();
    let files = [first, second];
    let bytes = packed(&dir.path().join("in"), &files, 40_000);
    gives(&bytes, &files, dir.path());
    let new = raw_len(&bytes) - 100_000;
    assert!(new < 2000, "{new}");
}

#[test]
fn damage_costs_the_files_that_need_the_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let (first, other) = (prose(1, 20_000), prose(2, 20_000));
    let second = [&first[..10_000], &prose(3, 2000)].concat();
    let files = [first, other, second];
    let mut bytes = packed(&dir.path().join("in"), &files, 20_000);
    // The first chunk lies in the first file, and the third file repeats half of that.
    let layout = Layout::open(&bytes, &Limits::default()).unwrap();
    let chunk = layout.chunks()[0];
    assert!((1000..=20_000).contains(&chunk.raw_len), "{chunk:?}");
    bytes[chunk.section as usize + 100] ^= 1;
    let archive = dir.path().join("damaged.llz");
    fs::write(&archive, &bytes).unwrap();
    let (recovered, damage) = Archive::recover(&archive, DecodeOptions::default()).unwrap();
    assert_eq!(damage.len(), 1);
    let (summary, lost) =
        recovered.salvage(&dir.path().join("out"), &UnpackOptions::default(), &Progress::default()).unwrap();
    let lost: Vec<&str> = lost.iter().map(|lost| &*lost.path).collect();
    assert_eq!((summary.files, &lost[..]), (1, &["000.txt", "002.txt"][..]));
    assert!(fs::read(dir.path().join("out/001.txt")).unwrap() == files[1]);
}

#[test]
fn what_a_stopped_run_has_left_is_used_but_for_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let first = prose(1, 100_000);
    let second = [&first[..30_000], &prose(2, 30_000), &first[30_000..]].concat();
    let files = [first, second, prose(3, 50_000)];
    let bytes = packed(&dir.path().join("in"), &files, 20_000);
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    let out = dir.path().join("out");
    let left = out.join(leftovers::name());
    fs::create_dir_all(left.join("tree")).unwrap();
    fs::write(left.join(leftovers::LOCK), "").unwrap();
    fs::write(left.join(staging::IDENTITY), resume::identity(archive.entries())).unwrap();
    // What repeats the first file is damaged in the second, and the third was not begun.
    let mut hurt = files[1].clone();
    hurt[5000] ^= 1;
    hurt.truncate(100_000);
    fs::write(left.join("tree").join(path_of(0)), &files[0]).unwrap();
    fs::write(left.join("tree").join(path_of(1)), &hurt).unwrap();
    let options = UnpackOptions { resume: true, ..UnpackOptions::default() };
    let summary = archive.unpack(&out, &options, &Progress::default()).unwrap();
    for (number, content) in files.iter().enumerate() {
        assert!(fs::read(out.join(path_of(number))).unwrap() == *content, "{number}");
    }
    assert!((90_000..=130_000).contains(&summary.reused_bytes), "{summary:?}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3);
    // All of it is there now.
    let summary = archive.unpack(&out, &options, &Progress::default()).unwrap();
    assert_eq!((summary.files, summary.in_place), (0, 3));
}

#[test]
fn what_is_there_stays_and_what_differs_is_treated_as_without_resume() {
    let dir = tempfile::tempdir().unwrap();
    let files = [prose(1, 5000), prose(2, 5000)];
    let bytes = packed(&dir.path().join("in"), &files, 20_000);
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    let out = dir.path().join("a/b/c");
    let options = UnpackOptions { resume: true, ..UnpackOptions::default() };
    archive.unpack(&out, &options, &Progress::default()).unwrap();
    fs::write(out.join(path_of(1)), "mine").unwrap();
    let renamed = UnpackOptions { existing: crate::Existing::Rename, ..options };
    let summary = archive.unpack(&out, &renamed, &Progress::default()).unwrap();
    assert_eq!((summary.in_place, summary.files), (1, 1));
    assert!(fs::read(out.join("001 (1).txt")).unwrap() == files[1]);
    assert_eq!(fs::read(out.join(path_of(1))).unwrap(), b"mine");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Files made of pieces of the same texts come back, whatever the size of chunks.
    #[test]
    fn files_of_shared_pieces_come_back(
        pieces in proptest::collection::vec((0u64..4, 0usize..4000, 0usize..6000), 2..24),
        each in 1usize..6,
        chunk_size in 2000usize..40_000,
    ) {
        let piece = |&(seed, from, len): &(u64, usize, usize)| match seed {
            0 => vec![b'x'; len],
            _ => prose(seed, 10_000)[from..from + len].to_vec(),
        };
        let files: Vec<Vec<u8>> =
            pieces.chunks(each).map(|file| file.iter().flat_map(piece).collect()).collect();
        let dir = tempfile::tempdir().unwrap();
        let bytes = packed(&dir.path().join("in"), &files, chunk_size);
        gives(&bytes, &files, dir.path());
    }
}

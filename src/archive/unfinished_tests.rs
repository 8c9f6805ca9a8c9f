//! Archives with the names of unfinished work, and unfinished work of other archives.

use std::fs;
use std::path::Path;

use super::hostile_tests::{PARAMS, archive, file};
use super::{leftovers, resume, staging};
use crate::format::{Chunk, Coding, Entry, EntryKind, Writer};
use crate::{Archive, DecodeOptions, Progress, UnpackOptions, UnpackSummary, unpack_reader};

fn opened(bytes: &[u8]) -> Archive {
    Archive::from_bytes(bytes.to_vec(), DecodeOptions::default()).unwrap()
}

fn going_on(bytes: &[u8], dest: &Path) -> UnpackSummary {
    let options = UnpackOptions { resume: true, ..UnpackOptions::default() };
    opened(bytes).unpack(dest, &options, &Progress::default()).unwrap()
}

/// A later run would sweep them, or take them for what a stopped run has left.
#[test]
fn names_of_unfinished_work_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let private = leftovers::name();
    let content = b"content".repeat(1000);
    let entries = [
        file(&format!("{private}/tree/f"), &content),
        file(&format!("{private}/lock"), b""),
        Entry { kind: EntryKind::Directory, mode: 0o755, ..file("d/.llz-0123456789abcdef", b"") },
        file("z", &content),
    ];
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    let (raw_len, raw_crc) = (content.len() as u32, crc32fast::hash(&content));
    writer.chunk(Chunk { coding: Coding::Stored, raw_len, raw_crc, coded: &content }).unwrap();
    for (entry, copy) in entries.iter().zip([None, None, None, Some(3)]) {
        writer.entry(entry, copy, &[0; 32]).unwrap();
    }
    writer.finish().unwrap();
    for pipe in [false, true] {
        let dest = dir.path().join(format!("pipe {pipe}"));
        let (options, progress) = (UnpackOptions::default(), Progress::default());
        let summary = match pipe {
            true => {
                let decode = DecodeOptions::default();
                unpack_reader(&mut &bytes[..], &dest, &decode, &options, &progress).unwrap()
            }
            false => opened(&bytes).unpack(&dest, &options, &progress).unwrap(),
        };
        assert_eq!((summary.losses[0].what, summary.losses[0].count), ("name", 3));
        // It has the content of one that is left out.
        assert!(fs::read(dest.join("z")).unwrap() == content);
        assert_eq!(fs::read_dir(&dest).unwrap().count(), 1);
    }
}

/// What the run of another archive has left is neither used nor taken away, even where paths are the same.
#[test]
fn only_what_a_run_of_the_same_archive_has_left_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let content = "content ".repeat(1000).into_bytes();
    let [bytes, other] = [&content[..], &content[1..]].map(|content| archive(content, &[file("f", content)]));
    let left = dir.path().join(leftovers::name());
    let leave = |said: Option<&[u8]>| {
        fs::create_dir_all(left.join("tree")).unwrap();
        fs::write(left.join(leftovers::LOCK), "").unwrap();
        fs::write(left.join("tree/f"), &content).unwrap();
        let _ = fs::remove_file(left.join(staging::IDENTITY));
        if let Some(said) = said {
            fs::write(left.join(staging::IDENTITY), said).unwrap();
        }
    };
    let identity = |bytes: &[u8]| resume::identity(opened(bytes).entries());
    let (own, others) = (identity(&bytes), identity(&other));
    assert_ne!(own, others);
    let longer = [&own[..], b"x"].concat();
    for said in [None, Some(&others[..]), Some(&longer), Some(&own[..5])] {
        leave(said);
        assert_eq!(going_on(&bytes, dir.path()).reused_bytes, 0);
        assert!(left.join("tree/f").exists());
        fs::remove_file(dir.path().join("f")).unwrap();
    }
    leave(Some(&own));
    assert_eq!(going_on(&bytes, dir.path()).reused_bytes, content.len() as u64);
    assert!(!left.exists());
}

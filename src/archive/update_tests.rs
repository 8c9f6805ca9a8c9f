//! Updated archives that are cut short or damaged: the old state shows where the new one was never complete, and never
//! otherwise.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::hostile_tests::{PARAMS, file};
use crate::format::{Chunk, Coding, Entry, Layout, Writer, recover};
use crate::{
    Archive, DecodeOptions, Error, Limits, Progress, Result, UnpackOptions, unpack_reader,
};

/// Writes these files, each in a chunk of its own, and takes away these paths.
fn write(mut writer: Writer<&mut Vec<u8>>, files: &[(&str, &[u8])], gone: &[&str]) {
    for (path, raw) in files {
        let (raw_len, raw_crc) = (raw.len() as u32, crc32fast::hash(raw));
        writer.chunk(Chunk { coding: Coding::Stored, raw_len, raw_crc, coded: raw }).unwrap();
        let entry: Entry = file(path, raw);
        writer.entry(&entry, None, &Sha256::digest(raw).into()).unwrap();
    }
    writer.gone(gone.iter().copied()).unwrap();
    writer.finish().unwrap();
}

/// Appends a generation.
fn append(bytes: &mut Vec<u8>, files: &[(&str, &[u8])], gone: &[&str]) {
    let layout = Layout::open(bytes, &Limits::default()).unwrap();
    let mut more = Vec::new();
    write(Writer::append(&mut more, Path::new("-"), &layout, PARAMS).unwrap(), files, gone);
    bytes.extend(more);
}

/// An archive, and where each of its three generations ends.
fn specimen() -> (Vec<u8>, [usize; 3]) {
    let mut bytes = Vec::new();
    let first = [("a", b"old a".as_slice()), ("b", b"old b"), ("c", b"the same")];
    write(Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap(), &first, &[]);
    let one = bytes.len();
    append(&mut bytes, &[("a", b"new a"), ("d", b"more")], &["a", "b"]);
    let two = bytes.len();
    append(&mut bytes, &[("b", b"newest b")], &["d"]);
    let ends = [one, two, bytes.len()];
    (bytes, ends)
}

type Files = Vec<(String, Vec<u8>)>;

fn files(list: &[(&str, &[u8])]) -> Files {
    list.iter().map(|(path, content)| (path.to_string(), content.to_vec())).collect()
}

/// What the generations hold.
fn states() -> [Files; 3] {
    [
        files(&[("a", b"old a"), ("b", b"old b"), ("c", b"the same")]),
        files(&[("a", b"new a"), ("c", b"the same"), ("d", b"more")]),
        files(&[("a", b"new a"), ("b", b"newest b"), ("c", b"the same")]),
    ]
}

fn by_index(bytes: &[u8]) -> Result<(Files, u64)> {
    let archive = Archive::from_bytes(bytes.to_vec(), DecodeOptions::default())?;
    let progress = Progress::default();
    archive.test(&progress)?;
    let read = |entry: &Entry| Ok((entry.path.clone(), archive.read_file(&entry.path, &progress)?));
    let files: Result<Files> = archive.entries().iter().map(read).collect();
    Ok((files?, archive.unfinished()))
}

fn by_pipe(bytes: &[u8]) -> Result<Files> {
    let dir = tempfile::tempdir().unwrap();
    let (decode, options) = (DecodeOptions::default(), UnpackOptions::default());
    unpack_reader(&mut &*bytes, &dir.path().join("to"), &decode, &options, &Progress::default())?;
    let mut files: Files = (fs::read_dir(dir.path().join("to")).unwrap())
        .map(|item| {
            let item = item.unwrap();
            (item.file_name().into_string().unwrap(), fs::read(item.path()).unwrap())
        })
        .collect();
    files.sort();
    Ok(files)
}

#[test]
fn the_latest_shows() {
    let (bytes, ends) = specimen();
    for (end, state) in ends.into_iter().zip(states()) {
        assert_eq!(by_index(&bytes[..end]).unwrap(), (state.clone(), 0));
        assert_eq!(by_pipe(&bytes[..end]).unwrap(), state);
        let (mut layout, damage) = recover(&bytes[..end], &Limits::default()).unwrap();
        assert!(damage.is_empty());
        assert_eq!(layout.take_entries().unwrap().0.len(), state.len());
    }
}

#[test]
fn an_update_that_was_not_finished_does_not_count() {
    let (bytes, [one, two, three]) = specimen();
    let [first, second, _] = states();
    for (from, to, state) in [(one, two, first), (two, three, second)] {
        for end in from + 1..to {
            let unfinished = (end - from) as u64;
            assert_eq!(by_index(&bytes[..end]).unwrap(), (state.clone(), unfinished), "{end}");
            assert_eq!(by_pipe(&bytes[..end]).unwrap(), state, "{end}");
        }
        // Bytes that have not come to the disk.
        for zeros in [1, 15, 16, 17, 4096] {
            let padded = [&bytes[..from], &vec![0; zeros]].concat();
            match zeros <= 16 {
                true => {
                    assert_eq!(by_index(&padded).unwrap(), (state.clone(), zeros as u64));
                    assert_eq!(by_pipe(&padded).unwrap(), state);
                }
                false => {
                    assert!(matches!(by_index(&padded), Err(Error::Trailing { .. })));
                    assert!(matches!(by_pipe(&padded), Err(Error::Trailing { .. })));
                }
            }
            let bytes = [&bytes[..from], &specimen().0[from..to - 40], &vec![0; zeros]].concat();
            assert_eq!(by_index(&bytes).unwrap().0, state);
        }
    }
}

/// The old state never comes back because of a damaged byte.
#[test]
fn every_flipped_bit_of_an_updated_archive_shows() {
    let (bytes, _) = specimen();
    let latest = &states()[2];
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = by_index(&bytes).expect_err("a flipped bit shows");
        assert!(!matches!(error, Error::Io { .. }), "{bit}: {error}");
        if bit % 8 == bit / 8 % 8 {
            match by_pipe(&bytes) {
                Ok(files) => assert_eq!(files, *latest, "{bit}"),
                Err(error) => assert!(!matches!(error, Error::Io { .. }), "{bit}: {error}"),
            }
            if let Ok((mut layout, damage)) = recover(&bytes, &Limits::default()) {
                assert!(!damage.is_empty(), "{bit}");
                let entries = layout.take_entries().unwrap().0;
                let mut paths: Vec<&str> = entries.iter().map(|entry| &*entry.path).collect();
                paths.sort();
                assert!(paths.is_sorted_by(|a, b| a < b), "{bit}: one entry for each path: {paths:?}");
                let told = damage.iter().any(|damage| damage.to_string().contains("may be here again"));
                let old = |path: &str, size: u64| {
                    entries.iter().any(|entry| entry.path == path && entry.size() == size)
                };
                // Deleted, and replaced by something longer.
                assert!(told || !old("d", 4) && !old("b", 5), "{bit}: {damage:?}");
            }
        }
    }
}

#[test]
fn what_follows_and_is_no_update_is_told() {
    let (bytes, [one, two, _]) = specimen();
    let twice = [&bytes[..one], &bytes[..one]].concat();
    let garbage = [&bytes[..two], b"PARK"].concat();
    for (bytes, end) in [(twice, one), (garbage, two)] {
        for error in [by_index(&bytes).unwrap_err(), by_pipe(&bytes).unwrap_err()] {
            assert!(matches!(error, Error::Trailing { end: found, .. } if found == end as u64), "{error}");
        }
    }
}

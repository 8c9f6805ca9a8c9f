//! Records are found whatever is damaged around them, and never believed.

use super::*;
use crate::codec::EncodeOptions;

fn codec() -> ChunkCodec {
    let level = Level::new(2).unwrap();
    ChunkCodec::for_encoding(&EncodeOptions { level, ..EncodeOptions::default() }).unwrap()
}

fn chunk(number: u8) -> Vec<u8> {
    format!("chunk {number} of some text; ").repeat(40).into_bytes()
}

/// Records of five chunks beside `place`.
fn written(place: &Path, way: &Way, codec: &ChunkCodec) -> Vec<u8> {
    let partial = Partial::resume(place).unwrap();
    for number in 0..5 {
        partial.push(way, &codec.encode_one(&chunk(number)).unwrap());
    }
    drop(partial);
    std::fs::read(beside(place)).unwrap()
}

/// Which of the five are found, each with the bytes that coding gives.
fn found(place: &Path, way: &Way, codec: &ChunkCodec) -> Vec<u8> {
    let partial = Partial::resume(place).unwrap();
    let is_found = |number: &u8| {
        let raw = chunk(*number);
        let found = partial.earlier().find(way, &raw);
        let coded = codec.encode_one(&raw).unwrap();
        found.is_some_and(|found| {
            assert_eq!((found.0, &found.1[..]), (coded.coding, coded.bytes()));
            true
        })
    };
    (0..5).filter(is_found).collect()
}

#[test]
fn what_is_damaged_is_not_found_and_the_rest_is() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("a.llz");
    let codec = codec();
    let way = Way::new(&codec, Level::new(2).unwrap());
    let bytes = written(&place, &way, &codec);
    assert_eq!(found(&place, &way, &codec), [0, 1, 2, 3, 4]);
    let third = HEADER as u64 * 2;
    for (damage, at) in [("magic", 0), ("key", 10), ("codec", 40), ("length", 46), ("coded", 60)] {
        let starts: Vec<usize> =
            (0..bytes.len()).filter(|&at| bytes[at..].starts_with(MAGIC)).collect();
        assert_eq!(starts.len(), 5);
        for hurt in 1..5 {
            let mut copy = bytes.clone();
            copy[starts[hurt] + at] ^= 1;
            std::fs::write(beside(&place), &copy).unwrap();
            let mut others = vec![0, 1, 2, 3, 4];
            others.remove(hurt);
            assert_eq!(found(&place, &way, &codec), others, "{damage}");
        }
    }
    for len in [bytes.len() - 1, bytes.len() - SUM - 1, third as usize] {
        std::fs::write(beside(&place), &bytes[..len]).unwrap();
        assert!(found(&place, &way, &codec).len() < 5);
        // What was cut off is written again, behind what is whole.
        assert_eq!(written(&place, &way, &codec), bytes);
    }
}

#[test]
fn another_way_of_coding_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("a.llz");
    let codec = codec();
    let way = Way::new(&codec, Level::new(2).unwrap());
    written(&place, &way, &codec);
    let other = Way::new(&codec, Level::new(3).unwrap());
    assert_eq!(found(&place, &other, &codec), [0; 0]);
}

#[test]
fn a_file_of_the_user_is_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("a.llz");
    std::fs::write(beside(&place), "mine").unwrap();
    assert!(matches!(Partial::resume(&place), Err(Error::InTheWay { .. })));
    remove(&place);
    assert_eq!(std::fs::read(beside(&place)).unwrap(), b"mine");
    assert!(!is_kept(&beside(&place)));
    std::fs::remove_file(beside(&place)).unwrap();
    let first = Partial::resume(&place).unwrap();
    assert!(matches!(Partial::resume(&place), Err(Error::InTheWay { .. })));
    drop(first);
    assert!(!beside(&place).exists(), "nothing was kept");
}

/// A run that is killed before it writes anything leaves an empty file.
#[test]
fn an_empty_file_is_gone_on_with_and_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("a.llz");
    let codec = codec();
    let way = Way::new(&codec, Level::new(2).unwrap());
    std::fs::write(beside(&place), "").unwrap();
    assert!(!written(&place, &way, &codec).is_empty());
    std::fs::write(beside(&place), "").unwrap();
    remove(&place);
    assert!(!beside(&place).exists());
}

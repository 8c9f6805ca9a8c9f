//! Whole archives in memory: what a writer writes, every reader reads; and no bytes at all make a
//! reader panic.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{Bound, Error, Limits, Result};

const PARAMS: Params = Params {
    chunk_size: 1000,
    reach: 1 << 20,
    mixer: CoderParams { mixer: 1, table_bits: 22 },
    level: Some(6),
    grouping: Some(GROUPING_BY_KIND),
};

fn entry(path: String, size: u64, offset: u64) -> Entry {
    let kind = EntryKind::File { size, offset, check: Check::of(size, 9, [9; 32]) };
    Entry { path, kind, mode: 0o644, mtime: 5 }
}

/// An archive with a file per length; chunk and file borders are the same.
fn archive(lens: &[u16]) -> (Vec<u8>, Vec<Entry>) {
    let (mut bytes, mut entries, mut offset) = (Vec::new(), Vec::new(), 0);
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    let engine = EngineRef::Portable { profile: 1, fingerprint: 3 };
    let reference = ModelRef { sha256: [1; 32], tokenizer: [2; 8], engine };
    let model = NamedModel::new("some", reference);
    let mut models = 0;
    for (index, len) in lens.iter().enumerate() {
        let raw = vec![index as u8; usize::from(*len % 1000)];
        if !raw.is_empty() {
            let coder = CoderId::Mix;
            let coding = match index {
                3 | 5 => Coding::Neural { coder, model: (index / 4) as u8 },
                4 => Coding::Mix { coder },
                _ => Coding::Stored,
            };
            while coding.model().is_some_and(|model| models <= model) {
                models = writer.model(&model).unwrap() + 1;
            }
            let (raw_len, raw_crc) = (raw.len() as u32, crc32fast::hash(&raw));
            writer.chunk(Chunk { coding, raw_len, raw_crc, coded: &raw }).unwrap();
        }
        let entry = entry(format!("file {index}"), raw.len() as u64, offset);
        writer.entry(&entry, None, &[9; 32]).unwrap();
        entries.push(entry);
        offset += raw.len() as u64;
    }
    assert_eq!(writer.finish().unwrap(), bytes.len() as u64);
    (bytes, entries)
}

fn stream(bytes: &[u8], limits: Limits) -> Result<Layout> {
    let mut reader = StreamReader::new(bytes, Path::new("-"), limits)?;
    while reader.next_event()?.is_some() {}
    Ok(reader.into_layout())
}

/// Bytes as an archive whose checksums fit: each section's type, payload and all.
fn sealed(sections: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Header::CURRENT.to_bytes().to_vec();
    let (mut index_offset, mut index_len) = (0, 0);
    for (kind, payload) in sections {
        let header = SectionHeader::of(SectionType(*kind), payload).unwrap();
        (index_offset, index_len) = (bytes.len() as u64, header.section_len() as u32);
        bytes.extend(header.to_bytes());
        bytes.extend(payload);
    }
    bytes.extend(Footer { index_offset, index_len, incompat: 0 }.to_bytes());
    bytes
}

proptest! {
    #[test]
    fn every_reader_reads_what_was_written(lens in proptest::collection::vec(any::<u16>(), 0..30)) {
        let (bytes, entries) = archive(&lens);
        let limits = Limits::default();
        let indexed = Layout::open(&bytes, &limits).unwrap();
        let streamed = stream(&bytes, limits).unwrap();
        let (recovered, damage) = recover(&bytes, &limits).unwrap();
        prop_assert!(damage.is_empty());
        for layout in [&indexed, &streamed, &recovered] {
            prop_assert_eq!(layout.entries(), &entries[..]);
            prop_assert_eq!(layout.chunks(), indexed.chunks());
            prop_assert_eq!(layout.params(), Some(PARAMS));
            prop_assert_eq!(layout.models(), indexed.models());
        }
        for place in indexed.chunks() {
            let chunk = indexed.chunk(&bytes, place).unwrap();
            prop_assert_eq!(chunk.raw_crc, crc32fast::hash(chunk.coded));
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let limits = Limits { memory: 1 << 20, ..Limits::default() };
        prop_assert!(Layout::open(&bytes, &limits).is_err());
        prop_assert!(stream(&bytes, limits).is_err());
        prop_assert!(recover(&bytes, &limits).is_err());
    }

    #[test]
    fn no_payload_behind_good_checksums_makes_a_reader_panic(
        sections in proptest::collection::vec(
            (
                prop_oneof![
                    Just(*b"PARM"), Just(*b"MODL"), Just(*b"CHNK"), Just(*b"ENTS"), Just(*b"INDX"),
                    Just(*b"xTRA"),
                ],
                proptest::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..60),
            ),
            0..8,
        ),
        has_params in any::<bool>(),
    ) {
        let mut sections = sections;
        if has_params {
            sections.insert(0, (*b"PARM", PARAMS.to_payload()));
        }
        let bytes = sealed(&sections);
        let limits = Limits { memory: 1 << 20, ..Limits::default() };
        let typed = |error: &Error| matches!(
            error,
            Error::Corrupt(_) | Error::Unsupported(_) | Error::Limit { .. }
        );
        for result in [Layout::open(&bytes, &limits), stream(&bytes, limits)] {
            if let Err(error) = result {
                prop_assert!(typed(&error), "{}", error);
            }
        }
        let _ = recover(&bytes, &limits);
    }
}

#[test]
fn memory_follows_what_arrives_and_not_what_is_promised() {
    let limits = Limits::default();
    let header = SectionHeader { kind: SectionType::CHUNK, len: u32::MAX, crc: 0 };
    let params = SectionHeader::of(SectionType::PARAMS, &PARAMS.to_payload()).unwrap();
    let mut bytes = Header::CURRENT.to_bytes().to_vec();
    bytes.extend(params.to_bytes());
    bytes.extend(PARAMS.to_payload());
    bytes.extend(header.to_bytes());
    assert!(matches!(stream(&bytes, limits), Err(Error::Limit { bound: Bound::ChunkBytes, .. })));
    let len = bytes.len();
    bytes[len - 16..].copy_from_slice(&SectionHeader { len: 60 << 20, ..header }.to_bytes());
    assert!(matches!(stream(&bytes, limits), Err(Error::Corrupt(_))));
}

/// Empty sections cost a pipe 16 bytes each, and there may be any number of them.
#[test]
fn the_list_of_sections_counts_against_the_memory() {
    let limits = Limits { memory: 64 << 10, ..Limits::default() };
    let too_many = |result: Result<Layout>| match result {
        Err(Error::Limit { what, bound: Bound::Memory, .. }) => {
            assert_eq!(what, "memory for the list of sections");
        }
        other => panic!("{other:?}"),
    };
    let mut sections = vec![(*b"PARM", PARAMS.to_payload())];
    sections.resize(5000, (*b"xTRA", Vec::new()));
    too_many(stream(&sealed(&sections), limits));
    // An index whose table is small enough, but not the lists that it makes.
    let (mut bytes, count) = (Vec::new(), 1100);
    let mut writer = Writer::new(&mut bytes, Path::new("-"), PARAMS).unwrap();
    for _ in 0..count {
        let raw_crc = crc32fast::hash(b"x");
        writer.chunk(Chunk { coding: Coding::Stored, raw_len: 1, raw_crc, coded: b"x" }).unwrap();
    }
    writer.entry(&entry("file".into(), count, 0), None, &[9; 32]).unwrap();
    writer.finish().unwrap();
    let twice = Limits { memory: 128 << 10, ..limits };
    for (limits, fits) in [(limits, false), (twice, true)] {
        let ways = [Layout::open(&bytes, &limits), stream(&bytes, limits)];
        for layout in ways.into_iter().chain([recover(&bytes, &limits).map(|(layout, _)| layout)]) {
            if fits {
                assert_eq!(layout.unwrap().chunks().len() as u64, count);
            } else {
                too_many(layout);
            }
        }
    }
}

/// One flipped bit in the middle of any section is reported with that section and its place, by
/// the way that reads it.
#[test]
fn damage_is_placed() {
    let (bytes, _) = archive(&[10, 20, 30, 40]);
    let limits = Limits::default();
    let mut offset = Header::LEN;
    while offset + Footer::LEN < bytes.len() {
        let section = SectionHeader::parse(bytes[offset..].first_chunk().unwrap()).unwrap();
        let mut damaged = bytes.clone();
        damaged[offset + SectionHeader::LEN + section.len as usize / 2] ^= 1;
        let opened = Layout::open(&damaged, &limits).and_then(|layout| {
            layout.chunks().iter().try_for_each(|place| layout.chunk(&damaged, place).map(drop))
        });
        for result in [opened, stream(&damaged, limits).map(drop)] {
            match result.unwrap_err() {
                Error::Corrupt(found) => {
                    assert_eq!(found.part, Some(format!("section {:?}", section.kind)));
                    assert_eq!(found.offset, Some(offset as u64), "{found}");
                }
                other => panic!("{:?}: {other}", section.kind),
            }
        }
        offset += section.section_len() as usize;
    }
    let mut damaged = bytes.clone();
    damaged[offset] ^= 1;
    for result in [Layout::open(&damaged, &limits), stream(&damaged, limits)] {
        let place = format!("footer at byte {offset}: ");
        assert!(result.unwrap_err().to_string().contains(&place));
    }
}

/// Sections that lie within each other are not all read to their ends to find the index among them.
#[test]
fn the_search_for_an_index_is_bounded() {
    let (mut whole, entries) = archive(&[10, 20, 30]);
    // A damaged chunk: what comes after it has no place without the index.
    let params = SectionHeader::LEN + PARAMS.to_payload().len();
    whole[Header::LEN + params + SectionHeader::LEN] = 0xFF;
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    for (count, found) in [(10, 3), (4000, 0)] {
        let mut bytes = whole.clone();
        // Behind the archive, headers of plain indexes that all reach to the end.
        for left in (0..count).rev() {
            let len = 1 + left * (SectionHeader::LEN as u32 + 1);
            let header = SectionHeader { kind: SectionType::INDEX, len, crc: 0 };
            bytes.extend(header.to_bytes());
            bytes.push(0);
        }
        let (layout, _) = recover(&bytes, &limits).unwrap();
        assert_eq!(layout.entries(), &entries[..found], "{count} sections");
    }
}

//! Chunks of codec records (FORMAT.md, sections 7.1, 9.12 and 9.13).

use llz::codec::ChunkCodec;
use llz::format::CodecId;
use llz::{EncodeOptions, Level, mixer};

use super::Result;
use super::messages::encoder;
use super::sections::{Sections, fields, file, varint};
use super::vectors::{Expect, Vectors};

/// A wave that swings by integers alone: what a turn by a small angle makes of two numbers.
fn wave(len: usize) -> impl Iterator<Item = i32> {
    let (mut x, mut y) = (0i32, 9000i32);
    (0..len as i32).map(move |i| {
        (x, y) = (x + y / 29, y - x / 29);
        x + i * 7919 % 53
    })
}

/// Sound of two channels behind a header, and a tail.
fn sound() -> Vec<u8> {
    let samples = wave(700).flat_map(|x| [x, x / 2 + 100]);
    let samples = samples.flat_map(|x| (x as i16).to_le_bytes());
    [&b"RIFF?   WAVE"[..], &samples.collect::<Vec<u8>>(), b"end"].concat()
}

/// Rows of grey levels.
fn picture() -> Vec<u8> {
    let rows = (0..60i32)
        .flat_map(|y| (0..50i32).map(move |x| 2 * y + (x - 20) * (x - 20) / 9 + x * y % 3));
    rows.map(|grey| grey as u8).collect()
}

/// Numbers of four bytes around zero, as floating-point numbers have their sign.
fn grid() -> Vec<u8> {
    wave(600).flat_map(|x| ((x - 26) as f32 * 0.37).to_be_bytes()).collect()
}

/// Records of eleven bytes.
fn table() -> Vec<u8> {
    let record = |i: u32| {
        let [a, b, c, d] = (i * i * 31).to_le_bytes();
        [1, 0, i as u8, (i / 256) as u8, 9, 9, a, b, c & 1, d & 1, 255]
    };
    (0..90).flat_map(record).collect()
}

/// Codes a chunk.
fn coded(raw: &[u8]) -> Result<Vec<u8>> {
    let level = Level::new(2)?;
    let codec = ChunkCodec::for_encoding(&EncodeOptions { level, ..Default::default() })?;
    let coded = codec.encode_one(raw)?;
    assert_eq!(coded.coding.codec(), CodecId::Records, "numbers and records");
    Ok(coded.bytes().to_vec())
}

/// An archive of one file in one chunk of this codec.
fn archive(raw: &[u8], coded: &[u8]) -> Vec<u8> {
    let kind = [CodecId::Records as u8, 1];
    let params = fields(&[(0, &[0x80, 0x40]), (2, &[mixer::FULL.id, 24])]);
    let sections = Sections::default().other(b"PARM", &params).coded(
        &kind,
        raw.len() as u64,
        crc32fast::hash(raw),
        coded,
    );
    sections.entries(&[file("f", raw)]).archive()
}

/// The description of segments: lengths, layouts and two distances.
fn segments(segments: &[(u64, u8, u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(len, kind, first, second) in segments {
        varint(&mut out, len);
        out.push(kind);
        varint(&mut out, first);
        varint(&mut out, second);
    }
    out
}

pub(super) fn add_to(vectors: &mut Vectors) -> Result<()> {
    for (name, about, raw) in [
        ("sound", "sound of two channels of 16 bits behind a header", sound()),
        ("picture", "rows of grey levels", picture()),
        ("grid", "floating-point numbers of four bytes", grid()),
        ("table", "records of eleven bytes", table()),
    ] {
        let name = format!("good-records-{name}");
        vectors.add(
            &name,
            Expect::Ok,
            &format!("codec records: {about}"),
            archive(&raw, &coded(&raw)?),
        );
    }
    let raw = sound();
    let message = encoder(2, None)?.encode(&raw)?;
    vectors.add("good-message-records.llzs", Expect::Ok, "a message of codec records", message);

    let good = coded(&raw)?;
    let mut bad = |name: &str, about: &str, coded: &[u8]| {
        vectors.bad(&format!("records-{name}"), about, archive(&raw, coded));
    };
    bad("spare", "codec records: bytes too many", &[&good[..], b"spare"].concat());
    bad("cut", "codec records: the end of the layouts is missing", &[0x80]);
    let n = raw.len() as u64;
    for (name, about, layouts) in [
        ("empty", "a segment of no bytes", segments(&[(0, 0, 0, 0), (n, 0, 0, 0)])),
        ("long", "a segment longer than the chunk", segments(&[(n + 1, 0, 0, 0)])),
        ("far", "a record of more than 65,536 bytes", segments(&[(n, 0, 65_537, 0)])),
        (
            "wide",
            "channels of more than 65,536 bytes",
            segments(&[(n - 3, 4, 16_385, 0), (3, 0, 0, 0)]),
        ),
        ("channels", "numbers without a channel", segments(&[(n - 3, 4, 0, 0), (3, 0, 0, 0)])),
        ("row", "a row of too few numbers", segments(&[(n - 3, 4, 2, 8), (3, 0, 0, 0)])),
        ("few", "fewer than 256 bytes of numbers", segments(&[(255, 1, 1, 0), (n - 255, 0, 0, 0)])),
        ("part", "a part of a number", segments(&[(n, 4, 1, 0)])),
    ] {
        let about = format!("codec records: {about}");
        bad(name, &about, &[&layouts[..], &good[good.len() / 2..]].concat());
    }
    for (name, about, kind) in [
        ("width", "codec records: numbers of nine bytes", 9),
        ("sign", "codec records: an unknown sign", 0x62),
    ] {
        let layouts = segments(&[(n, kind, 1, 0)]);
        vectors.unsupported(&format!("records-{name}"), about, archive(&raw, &layouts));
    }
    Ok(())
}

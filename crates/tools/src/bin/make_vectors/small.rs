//! Small and large files, what their content is held to, and times.

use sha2::{Digest, Sha256};

use crate::samples::{RAW, noise};
use crate::sections::{
    CHUNK_SIZE, Item, Sections, copy, dir, fields, file, link, table, table_with, varint,
};
use crate::vectors::{Expect, Vectors};

/// What content and times are held to.
pub fn add_to(vectors: &mut Vectors) {
    let tables = |raw: &[u8], tables: &[Vec<u8>]| {
        let sections = raw.chunks(CHUNK_SIZE as usize).fold(Sections::new(), Sections::chunk);
        let sections = tables
            .iter()
            .fold(sections, |sections, table| sections.other(b"ENTS", &[&[0][..], table].concat()));
        sections.archive()
    };
    let large = noise(4097);
    let wrong = Item { hash: vec![0; 32], ..file("f", &large) };
    vectors.bad("sha256", "a large file with another SHA-256", tables(&large, &[table(&[wrong])]));
    let wrong = Item { crc: crc32fast::hash(RAW) ^ 1, ..file("f", RAW) };
    vectors.bad("crc", "a small file with another checksum", tables(RAW, &[table(&[wrong])]));
    let items = [file("f", &RAW[..9]), file("g", &RAW[9..])];
    let group = table_with(&items, &[0; 32], 0);
    vectors.bad("group", "small files with another SHA-256 together", tables(RAW, &[group]));

    let [one, two, edge] = [&large[..1], &large[1..4096], &large[..4096]];
    let (before, after) = ((u64::MAX, 999_999_999), (1_700_000_000, 1));
    let first = [
        dir("d"),
        Item { time: after, ..file("d/one", one) },
        file("d/empty", b""),
        Item { time: before, ..file("d/edge", edge) },
        link("link", "d/one"),
        copy("d/copy", 4),
        Item { time: after, ..file("d/two", two) },
    ];
    let second = [copy("more", 1), copy("again", 7), file("three", RAW)];
    let content = [one, edge, two, RAW].concat();
    let hash = [&first[1], &first[6]].map(|item| &*item.hash).concat();
    let first = table_with(&first, &Sha256::digest(hash), 1);
    let good = tables(&content, &[first, table(&second)]);
    let about = "small and large files, copies of them, times with and without nanoseconds";
    vectors.add("good-small", Expect::Ok, about, good);

    let timed = |time, kind| tables(b"", &[table_with(&[Item { time, ..dir("d") }], b"", kind)]);
    vectors.bad("time-fraction", "nanoseconds that make a second", timed((0, 1_000_000_000), 1));
    vectors.bad("time-far", "a time in the year 2262 beyond 64 bits", timed((9_223_372_037, 0), 0));
    vectors.bad(
        "time-early",
        "a time in the year 1677 beyond 64 bits",
        timed((-9_223_372_037i64 as u64, 0), 1),
    );
    vectors.unsupported("times", "times of kind 2", timed((0, 0), 2));
    let mut size = Vec::new();
    varint(&mut size, (1 << 32) - 256);
    let params = fields(&[(0, &size), (2, &[2, 16])]);
    let params = Sections::default().other(b"PARM", &params).chunk(RAW).entries(&[file("f", RAW)]);
    vectors.bad("chunk-size", "a chunk size of 2^32-256 in PARM", params.archive());
}

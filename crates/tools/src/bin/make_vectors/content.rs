//! Archives whose chunks and entries do not fit each other.

use crate::samples::{RAW, with};
use crate::sections::{CHUNK_SIZE, Item, Sections, copy, dir, file, table};
use crate::vectors::Vectors;

pub fn add_to(vectors: &mut Vectors) {
    let crc = crc32fast::hash(RAW);
    let len = RAW.len() as u64;
    let coded = |codec: u8, raw_len, raw_crc, coded: &[u8]| {
        Sections::new()
            .coded(&[codec], raw_len, raw_crc, coded)
            .entries(&[file("f", RAW)])
            .archive()
    };
    vectors.bad(
        "raw-checksum",
        "a chunk decodes to bytes with another CRC-32",
        coded(0, len, crc ^ 1, RAW),
    );
    vectors.bad(
        "stored-short",
        "a stored chunk with fewer bytes than it says",
        coded(0, len, crc, &RAW[1..]),
    );
    vectors.bad(
        "coded-long",
        "a chunk with more coded than raw bytes",
        coded(0, len - 1, crc, RAW),
    );
    vectors.bad(
        "zstd-garbage",
        "a zstd chunk that is no zstd frame",
        coded(1, len, crc, b"garbage"),
    );
    vectors.bad(
        "chunk-empty",
        "a chunk without raw bytes",
        Sections::new().coded(&[0], 0, 0, b"").archive(),
    );
    let large = vec![0; CHUNK_SIZE as usize + 1];
    vectors.bad(
        "chunk-large",
        "a chunk larger than PARM allows",
        Sections::new().chunk(&large).entries(&[file("f", &large)]).archive(),
    );
    let neural = |sections: Sections, model: &[u8]| {
        let coding = [&[3, 1], model].concat();
        sections.coded(&coding, len, crc, b"?").entries(&[file("f", RAW)]).archive()
    };
    let none = neural(Sections::new(), &[0]);
    vectors.bad("no-model", "a neural chunk before section MODL", none);
    let number = neural(Sections::new().model().model(), &[2]);
    vectors.bad("model-number", "a neural chunk of the third of two models", number);
    let number = neural(Sections::new().model(), &[0xff, 1]);
    vectors.bad("model-beyond", "a neural chunk of model 255", number);
    let many = (0..256).fold(Sections::new(), |sections, _| sections.model());
    vectors.bad("many-models", "256 sections MODL", many.archive());

    let entries = |items: &[Item]| Sections::new().chunk(RAW).entries(items).archive();
    vectors.bad("unowned", "raw bytes that belong to no file", entries(&[file("f", &RAW[1..])]));
    vectors.bad(
        "too-long",
        "a file longer than all raw bytes",
        entries(&[Item { size: len + 1, ..file("f", RAW) }]),
    );
    let early = Sections::new().entries(&[file("f", RAW)]).chunk(RAW);
    vectors.bad("early-entry", "a file whose content comes only later", early.archive());
    vectors.bad(
        "overflow",
        "sizes whose sum exceeds 64 bits",
        entries(&[file("f", RAW), Item { size: u64::MAX, ..file("g", b"") }]),
    );
    vectors.bad("copy-itself", "a copy of itself", entries(&[file("f", RAW), copy("g", 0)]));
    vectors.bad(
        "copy-later",
        "a copy of something before the first entry",
        entries(&[file("f", RAW), copy("g", 2)]),
    );
    vectors.bad(
        "copy-folder",
        "a copy of a folder",
        entries(&[file("f", RAW), dir("d"), copy("g", 1)]),
    );
    vectors.bad(
        "mode",
        "permission bits that include setuid",
        entries(&[Item { mode: 0o4755, ..file("f", RAW) }]),
    );
    let raw_table = |edit: fn(&mut Vec<u8>)| {
        let payload = with([&[0][..], &table(&[file("f", RAW)])].concat(), edit);
        Sections::new().chunk(RAW).other(b"ENTS", &payload).archive()
    };
    vectors.bad("name-utf8", "a name that is not UTF-8", raw_table(|t| t[5] = 0xff));
    vectors.bad(
        "name-shares",
        "a first name that shares bytes with the one before",
        raw_table(|t| t[3] = 1),
    );
    vectors.bad("table-cut", "a table that ends early", raw_table(|t| t.truncate(t.len() - 1)));
    vectors.bad("table-tail", "bytes left over in a table", raw_table(|t| t.push(0)));
    vectors.bad(
        "table-count",
        "a table of more entries than it has bytes",
        raw_table(|t| t[1] = 0x7f),
    );
    let bomb = [&[1][..], &[0xff, 0xff, 0x03], b"\x28\xb5\x2f\xfd"].concat();
    vectors.bad(
        "table-zstd",
        "a table that is no whole zstd frame",
        Sections::new().other(b"ENTS", &bomb).archive(),
    );
}

//! Archives whose header, sections and footer do not fit each other.

use llz::format::Header;

use crate::samples::{RAW, plain, with};
use crate::sections::{Sections, fields, file, nobody, portable, varint};
use crate::vectors::Vectors;

pub fn add_to(vectors: &mut Vectors) {
    let good = plain().archive();
    let end = good.len();
    vectors.bad("nothing", "an empty file", vec![]);
    vectors.bad(
        "magic",
        "another kind of file",
        with(good.clone(), |b| b[..8].copy_from_slice(b"PK\x03\x04\0\0\0\0")),
    );
    let text = [&good[..4], b"\n\x1a\n", &good[8..]].concat();
    vectors.bad("text-mode", "CR LF became LF on the way", text);
    vectors.bad(
        "header-bit",
        "a flipped bit in the version, so the checksum is wrong",
        with(good.clone(), |b| b[8] ^= 2),
    );
    vectors.bad("cut", "the last byte is missing", good[..end - 1].to_vec());
    vectors.bad("cut-half", "the second half is missing", good[..end / 2].to_vec());
    vectors.bad("trailing", "a byte follows the end", with(good.clone(), |b| b.push(b'?')));
    vectors.bad(
        "footer-bit",
        "a flipped bit in the footer",
        with(good.clone(), |b| b[end - 28] ^= 1),
    );
    vectors.bad(
        "payload-bit",
        "a flipped bit in a chunk's coded bytes",
        with(good.clone(), |b| {
            let raw = b.windows(RAW.len()).position(|bytes| bytes == RAW).expect("a stored chunk");
            b[raw + 4] ^= 1;
        }),
    );
    vectors.bad(
        "section-type-bit",
        "a flipped bit in a section type",
        with(good.clone(), |b| b[24] ^= 0x20),
    );

    let sections = plain();
    let lie =
        |incompat, shift| sections.finished(Header::CURRENT, &sections.index(), incompat, shift);
    vectors.bad("footer-features", "the footer's feature bits are not the header's", lie(1, 0));
    vectors.bad("footer-offset", "the footer points beside the index", lie(0, -1));
    vectors.bad("footer-far", "the footer points beyond the archive", lie(0, i64::MAX));
    let indexed = |index: &[u8]| sections.finished(Header::CURRENT, index, 0, 0);
    let more = plain().other(b"xTRA", b"").index();
    vectors.bad("index-more", "the index lists a section that is not there", indexed(&more));
    let fewer = Sections::new().chunk(RAW).index();
    vectors.bad("index-fewer", "the index leaves out a section", indexed(&fewer));
    let mut other = plain();
    other.chunks[0].1 += 1;
    vectors.bad(
        "index-raw-length",
        "the index gives a chunk another raw length",
        indexed(&other.index()),
    );
    other.chunks[0] = (vec![1], RAW.len() as u64);
    vectors.bad("index-codec", "the index gives a chunk another codec", indexed(&other.index()));
    let wide = with(sections.index(), |index| index.splice(1..2, [0x83, 0x00]).for_each(drop));
    vectors.bad("varint", "an integer that is not in its shortest form", indexed(&wide));
    let tail = with(sections.index(), |index| index.push(0));
    vectors.bad("index-tail", "bytes left over in the index", indexed(&tail));
    let count = with(vec![0], |index| varint(index, u64::MAX));
    vectors.bad("index-count", "an index of 2^64-1 sections", indexed(&count));

    let none = Sections::default().chunk(RAW).entries(&[file("f", RAW)]);
    vectors.bad("no-params", "no section PARM", none.archive());
    let late = Sections::default()
        .other(b"xTRA", b"")
        .params_with(&[])
        .chunk(RAW)
        .entries(&[file("f", RAW)]);
    vectors.bad("late-params", "section PARM is not the first", late.archive());
    vectors.bad("two-params", "a second section PARM", plain().params_with(&[]).archive());
    let content = |sections: Sections| sections.chunk(RAW).entries(&[file("f", RAW)]).archive();
    let only = |payload: &[u8]| content(Sections::default().other(b"PARM", payload));
    vectors.bad("params-missing", "no chunk size in PARM", only(&fields(&[(2, &[2, 16])])));
    let twice = Sections::default().params_with(&[(5, b"?"), (5, b"?")]);
    vectors.bad("field-twice", "a field twice in PARM", content(twice));
    let order = Sections::default().params_with(&[(7, b"?"), (5, b"?")]);
    vectors.bad("field-order", "fields of PARM in another order", content(order));
    let long = Sections::default().params_with(&[(5, &[0; 4097])]);
    vectors.bad("params-long", "a section PARM of more than 4 KiB", content(long));
    let named = |name: &[u8]| {
        let engine = portable(llz::kernel::NUMERIC_PROFILE);
        let model = fields(&[(0, &[0xab; 32]), (1, name), (2, &[0xab; 8]), (4, &engine)]);
        content(Sections::new().other(b"MODL", &model))
    };
    vectors.bad("model-name", "a model's name that is not UTF-8", named(b"\xff"));
    let engine = content(Sections::new().other(b"MODL", &nobody(&[0, 3])));
    vectors.bad("model-engine", "a model's engine that is cut short", engine);
    vectors.bad(
        "inner-index",
        "a section INDX that is not the last",
        plain().other(b"INDX", &[0, 0]).archive(),
    );
    vectors.bad(
        "section-name",
        "a section type that is not four letters",
        plain().other(b"a\0bc", b"").archive(),
    );
}

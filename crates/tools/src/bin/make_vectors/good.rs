//! Sound archives: every level, every kind of content, and what a reader must pass over.

use llz::format::Header;

use crate::Result;
use crate::packed::packed;
use crate::samples::{CODE, TABLE, TALE, noise};
use crate::sections::{Sections, dir, fields, file, nobody, portable};
use crate::vectors::{Expect, Vectors};

pub fn add_to(vectors: &mut Vectors) -> Result<()> {
    let noise: Vec<u8> = noise(4096);
    let tree = || {
        vec![
            ("tale.txt", TALE.repeat(20).into_bytes()),
            ("notes/again.txt", TALE.repeat(20).into_bytes()),
            ("notes/empty", Vec::new()),
            ("src/sum.rs", CODE.as_bytes().to_vec()),
            ("data/table.csv", TABLE.repeat(30).into_bytes()),
            ("data/noise.bin", noise.clone()),
            ("data/zeros.bin", vec![0; 3000]),
            (
                "na\u{ef}ve \u{65e5}\u{672c}.txt",
                "na\u{ef}ve caf\u{e9} \u{65e5}\u{672c}\u{8a9e}\n".repeat(9).into_bytes(),
            ),
            ("broken.txt", b"not \xff\xfe UTF-8 \x80\n".repeat(12)),
            ("line.txt", b"one long line ".repeat(200)),
            ("notes/up.link", b"../tale.txt".to_vec()),
        ]
    };
    let ok = Expect::Ok;
    for level in 1..=9 {
        let about =
            format!("a small tree at level {level}: texts, code, records, noise, a copy, a link");
        vectors.add(
            &format!("good-tree-level{level}"),
            ok,
            &about,
            packed(level, 1 << 20, &tree())?,
        );
    }
    let many = packed(6, 1500, &tree())?;
    vectors.add("good-many-chunks", ok, "the same tree in chunks of at most 1,500 bytes", many);
    let one = |content: Vec<u8>| packed(6, 1 << 20, &[("f", content)]);
    vectors.add("good-empty-file", ok, "one file without content, so no chunk", one(vec![])?);
    vectors.add("good-one-byte", ok, "one file of one byte", one(vec![b'x'])?);
    vectors.add(
        "good-noise",
        ok,
        "one file that nothing makes smaller: a stored chunk",
        one(noise)?,
    );
    vectors.add("good-folder", ok, "a folder and nothing in it", packed(6, 1 << 20, &[])?);
    vectors.add(
        "good-nothing",
        ok,
        "no entries at all: no section ENTS",
        Sections::new().archive(),
    );

    let raw = b"raw";
    let base = || Sections::new().chunk(raw).entries(&[file("f", raw)]);
    let unknown = Sections::new()
        .other(b"xTRA", b"?")
        .chunk(raw)
        .other(b"zOOM", b"")
        .entries(&[file("f", raw)]);
    vectors.add(
        "good-ancillary",
        ok,
        "unknown ancillary sections, to be passed over",
        unknown.archive(),
    );
    let model = [nobody(&portable(llz::kernel::NUMERIC_PROFILE)), fields(&[(5, b"?"), (7, b"")])];
    let fields =
        Sections::default().params_with(&[(5, b"?"), (301, b"")]).other(b"MODL", &model.concat());
    vectors.add(
        "good-fields",
        ok,
        "unknown ancillary fields, and a model that no chunk needs",
        fields.chunk(raw).entries(&[file("f", raw)]).archive(),
    );
    let minor = Header { minor: 200, compat: 0x8000_0001, ..Header::CURRENT };
    vectors.add(
        "good-minor",
        ok,
        "a later minor version with compatible feature bits",
        base().with_header(minor),
    );
    let early = Sections::new().entries(&[dir("d")]).chunk(raw).entries(&[file("d/f", raw)]);
    let two = crate::two_models::two_models()?;
    vectors.add("good-two-models", ok, "chunks of two models in turn, and of none", two.archive());
    let mut other = two.clone();
    other.chunks[5].0 = vec![3, 1, 1];
    let other = two.finished(Header::CURRENT, &other.index(), 0, 0);
    vectors.bad("index-model", "the index gives a chunk another model", other);
    vectors.add("good-two-tables", ok, "entries in two sections ENTS", early.archive());
    Ok(())
}

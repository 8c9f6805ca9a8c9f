//! Makes `spec/vectors/`: archives and streams that are good, bad, or from the future, one line
//! about each in its README.md. `cargo run --release -p llz-tools --bin make_vectors` writes them all anew;
//! `tests/vectors.rs` checks that each behaves as its line says.

mod embedded;
mod messages;
mod repeats;
mod sections;
mod small;

use std::error::Error;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use llz::codec::ChunkCodec;
use llz::format::Header;
use llz::{EncodeOptions, EngineRef, Level, PackOptions, Progress};

use sections::{
    CHUNK_SIZE, Item, Sections, copy, dir, fields, file, item, link, nobody, portable, table,
    varint,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What a reader must make of a vector, in the words of README.md.
#[derive(Clone, Copy)]
enum Expect {
    Ok,
    Corrupt,
    Unsafe,
    Unsupported,
    Model,
}

struct Vector {
    name: String,
    expect: Expect,
    about: String,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Vectors(Vec<Vector>);

impl Vectors {
    /// Adds an archive, unless the name says what else it is.
    fn add(&mut self, name: &str, expect: Expect, about: &str, bytes: Vec<u8>) {
        let name = if name.contains('.') { name.into() } else { format!("{name}.llz") };
        let about = about.into();
        self.0.push(Vector { name, expect, about, bytes });
    }

    fn bad(&mut self, name: &str, about: &str, bytes: Vec<u8>) {
        self.add(&format!("bad-{name}"), Expect::Corrupt, about, bytes);
    }

    fn hostile(&mut self, name: &str, about: &str, bytes: Vec<u8>) {
        self.add(&format!("bad-{name}"), Expect::Unsafe, about, bytes);
    }

    fn unsupported(&mut self, name: &str, about: &str, bytes: Vec<u8>) {
        self.add(&format!("unsupported-{name}"), Expect::Unsupported, about, bytes);
    }
}

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let mut vectors = Vectors::default();
    good(&mut vectors)?;
    container(&mut vectors);
    content(&mut vectors);
    names(&mut vectors);
    future(&mut vectors);
    repeats::vectors(&mut vectors)?;
    small::vectors(&mut vectors);
    embedded::embedded(&mut vectors)?;
    messages::messages(&mut vectors)?;
    write(&folder, &vectors.0)
}

fn write(folder: &Path, vectors: &[Vector]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "llz" || extension == "llzs") {
            fs::remove_file(path)?;
        }
    }
    let mut readme = String::from(README);
    for vector in vectors {
        let expect = match vector.expect {
            Expect::Ok => "ok",
            Expect::Corrupt => "corrupt",
            Expect::Unsafe => "unsafe",
            Expect::Unsupported => "unsupported",
            Expect::Model => "model",
        };
        fs::write(folder.join(&vector.name), &vector.bytes)?;
        readme += &format!("| `{}` | {expect} | {} |\n", vector.name, vector.about);
    }
    fs::write(folder.join("README.md"), readme)?;
    println!("{} vectors in {}", vectors.len(), folder.display());
    Ok(())
}

const README: &str = "\
# Test vectors

Made by `cargo run --release -p llz-tools --bin make_vectors`, checked by `tests/vectors.rs`. A reader must
accept every `ok`, with the sizes and checksums that the archive itself states, and refuse every
other: `corrupt` because its bytes contradict themselves, `unsafe` because of what it would create,
`unsupported` because it is whole but needs something newer, `model` because it needs a model that
does not exist. Nothing may be left behind by a refusal. A symbolic link that leads out is left out, and
nothing else. `.llzs` are streams and messages.
`trees.sha256` lists what the good ones hold.

| file | a reader says | because |
|---|---|---|
";

// Good archives.

const TALE: &str = "It was the best of times, it was the worst of times, it was the age of wisdom, \
    it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity.\n";
const CODE: &str =
    "/// Adds up.\npub fn sum(values: &[u64]) -> u64 {\n    values.iter().sum()\n}\n";
const TABLE: &str = "id,name,score\n1,Ada,97\n2,Brendan,88\n3,Chu,91\n4,Dolores,79\n";

/// Packs `files` at this level.
fn packed(level: u8, chunk_size: usize, files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let (level, chunk_size) = (Level::new(level)?, Some(chunk_size));
    let encode = EncodeOptions { level, chunk_size, ..Default::default() };
    packed_with(&PackOptions { encode, ..Default::default() }, files)
}

/// Packs `files`, below one folder, all with fixed times and permissions.
fn packed_with(options: &PackOptions, files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("v");
    fs::create_dir(&root)?;
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        match name.strip_suffix(".link") {
            #[cfg(unix)]
            Some(link) => {
                std::os::unix::fs::symlink(std::str::from_utf8(content)?, root.join(link))?
            }
            _ => fs::write(path, content)?,
        }
    }
    fix(&root, &mut 0)?;
    // Packed from within, so that stored paths do not begin with where this ran.
    let here = std::env::current_dir()?;
    std::env::set_current_dir(dir.path())?;
    let mut bytes = Vec::new();
    let packed = llz::pack(&[PathBuf::from("v")], &mut bytes, options, &Progress::default());
    std::env::set_current_dir(here)?;
    packed?;
    Ok(bytes)
}

/// Gives everything at and below `path` a time and permissions of its own, always the same.
fn fix(path: &Path, count: &mut u64) -> Result<()> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Ok(()); // neither is stored for links
    }
    if metadata.is_dir() {
        let mut children: Vec<_> =
            fs::read_dir(path)?.map(|child| Ok(child?.path())).collect::<Result<_>>()?;
        children.sort();
        children.iter().try_for_each(|child| fix(child, count))?;
    }
    *count += 1;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if metadata.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 + *count * 60, 123_456_789);
    File::open(path)?.set_times(FileTimes::new().set_modified(time))?;
    Ok(())
}

fn good(vectors: &mut Vectors) -> Result<()> {
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
    let two = two_models()?;
    vectors.add("good-two-models", ok, "chunks of two models in turn, and of none", two.archive());
    let mut other = two.clone();
    other.chunks[5].0 = vec![3, 1, 1];
    let other = two.finished(Header::CURRENT, &other.index(), 0, 0);
    vectors.bad("index-model", "the index gives a chunk another model", other);
    vectors.add("good-two-tables", ok, "entries in two sections ENTS", early.archive());
    Ok(())
}

/// Chunks of the built-in models, each coded by a `ChunkCodec` of its own.
fn two_models() -> Result<Sections> {
    let codec = |level| {
        let options = EncodeOptions { level: Level::new(level)?, ..Default::default() };
        ChunkCodec::for_encoding(&options)
    };
    let [small, nano] = [codec(6)?, codec(4)?];
    let params = small.params();
    let mut sections = Sections::default().params_of(params.mixer, params.table_bits, &[]);
    let neural = |sections: Sections, codec: &ChunkCodec, model, raw: &[u8]| -> Result<Sections> {
        let coded = codec.encode_one(raw)?;
        assert!(coded.coding.model().is_some(), "a text that is worth the model");
        Ok(sections.coded(&[3, 1, model], raw.len() as u64, crc32fast::hash(raw), coded.bytes()))
    };
    let named = |codec: &ChunkCodec| {
        let model = codec.named_model().ok_or("a level with a model")?;
        let EngineRef::Portable { profile, fingerprint } = model.reference.engine else {
            return Err("a portable engine");
        };
        let engine = [&[0, profile][..], &fingerprint.to_le_bytes()].concat();
        let (name, reference) = (model.name.unwrap_or_default(), model.reference);
        Ok(fields(&[
            (0, &reference.sha256),
            (1, name.as_bytes()),
            (2, &reference.tokenizer),
            (4, &engine),
        ]))
    };
    let (tale, code) = (TALE.as_bytes(), CODE.as_bytes());
    sections = sections.chunk(RAW).other(b"MODL", &named(&small)?);
    sections = neural(sections, &small, 0, tale)?.other(b"MODL", &named(&nano)?);
    sections = neural(sections, &nano, 1, tale)?;
    sections = neural(sections.chunk(RAW), &nano, 1, code)?;
    sections = neural(sections, &small, 0, code)?;
    let content = [("a", RAW), ("b", tale), ("c", tale), ("d", RAW), ("e", code), ("f", code)];
    Ok(sections.entries(&content.map(|(name, raw)| file(name, raw))))
}

/// Bytes without a pattern, always the same.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

// Bad archives.

const RAW: &[u8] = b"the raw bytes of a chunk";

/// One file in one stored chunk.
fn plain() -> Sections {
    Sections::new().chunk(RAW).entries(&[file("f", RAW)])
}

fn with(mut bytes: Vec<u8>, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    edit(&mut bytes);
    bytes
}

/// Header, sections and footer that do not fit each other.
fn container(vectors: &mut Vectors) {
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
    vectors.bad("trailing", "a byte follows the end", with(good.clone(), |b| b.push(0)));
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

/// Chunks and entries that do not fit each other.
fn content(vectors: &mut Vectors) {
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

/// Entries that must not be created: most refuse the whole archive, links that lead out only themselves.
fn names(vectors: &mut Vectors) {
    let mut refuse = |name: &str, about: &str, items: &[Item]| {
        let items: Vec<Item> = [&[file("f", RAW)], items].concat();
        vectors.hostile(name, about, Sections::new().chunk(RAW).entries(&items).archive());
    };
    refuse("path-absolute", "an absolute path", &[dir("/tmp/llz")]);
    refuse("path-parent", "a path that begins with ..", &[dir("../llz")]);
    refuse("path-inner-parent", "a path with .. in it", &[dir("a/../../llz")]);
    refuse("path-dot", "a path with . in it", &[dir("a/./b")]);
    refuse("path-empty-part", "a path with an empty component", &[dir("a//b")]);
    refuse("path-slash", "a path that ends with /", &[dir("a/")]);
    refuse("path-nul", "a path with a NUL", &[dir("a\0b")]);
    refuse("path-escape", "a path with a terminal's escape sequence", &[dir("\x1b[2Ja")]);
    refuse("path-newline", "a path with a line feed", &[dir("a\nb")]);
    refuse("path-c1", "a path with a control character of Latin-1", &[dir("a\u{9b}b")]);
    refuse("path-twice", "two entries with one path", &[dir("d"), dir("d")]);
    refuse("below-file", "an entry below a file", &[dir("f/d")]);
    refuse("below-link", "an entry below a symbolic link", &[link("l", "f"), dir("l/d")]);
    refuse(
        "link-late",
        "a symbolic link where a folder is implied already",
        &[dir("l/d"), link("l", "f")],
    );
    refuse(
        "below-outward-link",
        "an entry below a symbolic link to an absolute path",
        &[link("l", "/tmp/llz"), dir("l/d")],
    );
    refuse("link-empty", "a symbolic link to nothing", &[link("l", "")]);
    refuse("link-newline", "a symbolic link with a line feed in its target", &[link("l", "f\n")]);
    let mut leave_out = |name: &str, about: &str, link: Item| {
        let bytes = Sections::new().chunk(RAW).entries(&[file("f", RAW), link]).archive();
        vectors.add(&format!("good-link-{name}"), Expect::Ok, about, bytes);
    };
    leave_out("absolute", "a symbolic link to an absolute path, to be left out", link("l", "/etc"));
    leave_out("out", "a symbolic link that leads out, to be left out", link("d/l", "../../x"));
    let about = "a symbolic link with .. after a name, to be left out";
    leave_out("winding", about, link("l", "d/../f"));
    let items =
        [file("f", RAW), dir("d"), link("l", "d/../f"), link("d/l", "e/.././../f"), dir("d/e")];
    let bytes = Sections::new().chunk(RAW).entries(&items).archive();
    let about = "symbolic links with .. after directories of the archive, to be made";
    vectors.add("good-link-inside", Expect::Ok, about, bytes);
}

/// Archives that are whole but need something this version does not have.
fn future(vectors: &mut Vectors) {
    let header = |header| plain().with_header(header);
    vectors.unsupported("major", "major version 2", header(Header { major: 2, ..Header::CURRENT }));
    vectors.unsupported(
        "feature",
        "an unknown incompatible feature bit",
        header(Header { incompat: 0x8000_0000, ..Header::CURRENT }),
    );
    vectors.unsupported(
        "section",
        "an unknown critical section",
        plain().other(b"XTRA", b"").archive(),
    );
    let crc = crc32fast::hash(RAW);
    let codec = Sections::new().coded(&[99], RAW.len() as u64, crc, RAW).entries(&[file("f", RAW)]);
    vectors.unsupported("codec", "chunk codec 99", codec.archive());
    let coder = Sections::new().coded(&[2, 9], RAW.len() as u64, crc, b"?");
    let coder = coder.entries(&[file("f", RAW)]);
    vectors.unsupported("coder", "a chunk of entropy coder 9", coder.archive());
    let kind = Sections::new().chunk(RAW).entries(&[file("f", RAW), item(4, "device")]);
    vectors.unsupported("entry-kind", "an entry of kind 4", kind.archive());
    vectors.unsupported(
        "packing",
        "a table packed in way 9",
        plain().other(b"ENTS", &[9, 0]).archive(),
    );
    let critical = Sections::default().params_with(&[(6, b"")]);
    let content = |sections: Sections| sections.chunk(RAW).entries(&[file("f", RAW)]).archive();
    vectors.unsupported("params-field", "an unknown critical field of PARM", content(critical));
    let engine = portable(llz::kernel::NUMERIC_PROFILE);
    let critical = [nobody(&engine), fields(&[(6, b"")])].concat();
    let critical = content(Sections::new().other(b"MODL", &critical));
    vectors.unsupported("model-field", "an unknown critical field of MODL", critical);
    let unknown = content(Sections::new().other(b"MODL", &nobody(&[9, 1])));
    vectors.unsupported("engine", "a model's engine of kind 9", unknown);
    let neural = |model: &[u8]| {
        let sections = Sections::new().other(b"MODL", model);
        sections.coded(&[3, 1, 0], RAW.len() as u64, crc, b"?").entries(&[file("f", RAW)]).archive()
    };
    vectors.unsupported("profile", "numeric profile 171", neural(&nobody(&portable(0xab))));
    let device = [&[1][..], b"\x07adapter", b"\x0adriver 1.0", b"\x07backend", &[64], &[0xab; 8]];
    let device = neural(&nobody(&device.concat()));
    vectors.unsupported("device", "a chunk that only a certain device can decode", device);
    let model = neural(&nobody(&engine));
    vectors.add("unsupported-model", Expect::Model, "a model that does not exist", model);
}

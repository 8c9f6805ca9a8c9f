//! Archives that bring their model: a very small one, made of numbers without meaning, that no reader has.

use llz::kernel::NUMERIC_PROFILE;
use llz::{EncodeOptions, Model, PackOptions};
use sha2::{Digest, Sha256};

use crate::Result;
use crate::packed::packed_with;
use crate::samples::{RAW, TALE, with};
use crate::sections::{Sections, fields, file, portable, varint};
use crate::vectors::{Expect, Vectors};

/// Width and inner width, rank, tokens.
const WIDTH: usize = 64;
const RANK: usize = 16;
const TOKENS: usize = 256;

/// A safetensors file that is put together tensor by tensor.
#[derive(Default)]
struct File {
    tensors: String,
    data: Vec<u8>,
    /// Of the generator of weights.
    state: u32,
}

impl File {
    fn put(&mut self, name: &str, dtype: &str, shape: &[usize], data: &[u8]) {
        let begin = self.data.len();
        self.data.extend(data);
        let end = self.data.len();
        self.tensors += &format!(
            r#","{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#
        );
    }

    fn vector(&mut self, name: &str, len: usize, value: f32) {
        let data: Vec<u8> = value.to_le_bytes().repeat(len);
        self.put(name, "F32", &[len], &data);
    }

    /// Weights from -3 to 3.
    fn matrix(&mut self, name: &str, rows: usize, cols: usize, scale: f32) {
        let mut next = || {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((self.state >> 24) % 7) as u8
        };
        let data: Vec<u8> = (0..rows * cols).map(|_| next().wrapping_sub(3)).collect();
        self.put(name, "I8", &[rows, cols], &data);
        self.vector(&format!("{name}.scale"), rows, scale);
    }

    fn norm(&mut self, name: &str) {
        self.vector(&format!("{name}.weight"), WIDTH, 1.0);
        self.vector(&format!("{name}.bias"), WIDTH, 0.0);
    }
}

/// A model of one layer, whose tokens are the single bytes.
fn tiny() -> Vec<u8> {
    let mut file = File::default();
    file.matrix("emb.weight", TOKENS, WIDTH, 0.1);
    file.matrix("head.weight", TOKENS, WIDTH, 0.02);
    ["blocks.0.ln0", "blocks.0.ln1", "blocks.0.ln2", "ln_out", "blocks.0.att.ln_x"]
        .iter()
        .for_each(|name| file.norm(name));
    for letter in ["r", "w", "k", "v", "a", "g"] {
        file.vector(&format!("blocks.0.att.x_{letter}"), WIDTH, 0.5);
    }
    for name in ["receptance", "key", "value", "output"] {
        file.matrix(&format!("blocks.0.att.{name}.weight"), WIDTH, WIDTH, 0.05);
    }
    for letter in ["w", "a", "g"] {
        file.matrix(&format!("blocks.0.att.{letter}1"), RANK, WIDTH, 0.05);
        file.matrix(&format!("blocks.0.att.{letter}2"), WIDTH, RANK, 0.05);
    }
    for (name, value) in [("w0", -2.0), ("a0", 0.0), ("k_k", 0.8), ("k_a", 1.0), ("r_k", 0.1)] {
        file.vector(&format!("blocks.0.att.{name}"), WIDTH, value);
    }
    file.vector("blocks.0.ffn.x_k", WIDTH, 0.5);
    file.matrix("blocks.0.ffn.key.weight", WIDTH, WIDTH, 0.05);
    file.matrix("blocks.0.ffn.value.weight", WIDTH, WIDTH, 0.05);
    let tokenizer = tokenizer().replace('\\', "\\\\").replace('"', "\\\"");
    let metadata = format!(r#"{{"name":"tiny","tokenizer":"{tokenizer}"}}"#);
    let header = format!(r#"{{"__metadata__":{metadata}{}}}"#, file.tensors);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &file.data].concat()
}

/// A `tokenizer.json` of the single bytes, each as the character that stands for it.
fn tokenizer() -> String {
    let plain = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 256..;
    let characters =
        (0..256).map(|byte| if plain(byte) { byte } else { others.next().unwrap_or(0) });
    let token = |(id, number): (usize, u32)| {
        let character = char::from_u32(number).unwrap_or(' ');
        let escape = if matches!(character, '"' | '\\') { "\\" } else { "" };
        format!(r#""{escape}{character}":{id}"#)
    };
    let vocabulary: Vec<String> = characters.enumerate().map(token).collect();
    let bytes =
        r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}"#;
    format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":{bytes},"post_processor":null,"decoder":null,"model":{{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{{{}}},"merges":[]}}}}"#,
        vocabulary.join(",")
    )
}

/// One neural chunk of a model that no reader has, with these sections before it.
fn neural(file_sections: &[Vec<u8>], sha256: &[u8]) -> Sections {
    let engine = portable(NUMERIC_PROFILE);
    let model = fields(&[(0, sha256), (2, &[0xab; 8]), (4, &engine)]);
    let named = Sections::new().other(b"MODL", &model);
    let sections = file_sections.iter().fold(named, |sections, file| sections.other(b"mfil", file));
    let coded = sections.coded(&[3, 1, 0], RAW.len() as u64, crc32fast::hash(RAW), b"?");
    coded.entries(&[file("f", RAW)])
}

pub fn add_to(vectors: &mut Vectors) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("tiny.safetensors");
    std::fs::write(&path, tiny())?;
    let model = Some(Model::open(&path, 1 << 20)?);
    let encode = EncodeOptions { model, chunk_size: Some(1 << 20), ..Default::default() };
    let options = PackOptions { encode, embed_model: true, ..Default::default() };
    let tale = TALE.repeat(4).into_bytes();
    let good = packed_with(&options, &[("tale.txt", tale)])?;
    let about = "chunks of a model that only the archive has";
    vectors.add("good-embedded", Expect::Ok, about, good.clone());
    let at = good.windows(4).position(|bytes| bytes == b"mfil").ok_or("no section mfil")?;
    let bit = with(good, |b| b[at + 5000] ^= 1);
    vectors.bad("embedded-bit", "a flipped bit in the file of a model", bit);

    // The number of the model, how it is packed, and the file.
    let plain = |number: u8, file: &[u8]| [&[number, 0], file].concat();
    let hash = |file: &[u8]| Sha256::digest(file).to_vec();
    let other = neural(&[plain(0, b"another file")], &hash(b"the file"));
    vectors.bad("embedded-other", "the file of another model", other.archive());
    // Of a model that every reader has, so that it does not look into the files.
    let nano = llz::model::NANO.reference();
    let engine = [
        portable(NUMERIC_PROFILE)[..2].to_vec(),
        llz::model::NANO.fingerprint.to_le_bytes().to_vec(),
    ];
    let nano = fields(&[(0, &nano.sha256), (2, &nano.tokenizer), (4, &engine.concat())]);
    let twice = Sections::new().other(b"MODL", &nano);
    let twice = twice.other(b"mfil", &plain(0, b"file")).other(b"mfil", &plain(0, b"file"));
    let twice = twice.chunk(RAW).entries(&[file("f", RAW)]);
    vectors.bad("embedded-twice", "the file of a model twice", twice.archive());
    let number = neural(&[plain(1, b"file")], &hash(b"file"));
    vectors.bad("embedded-number", "the file of the second of one model", number.archive());
    let mut frame = vec![0, 1];
    varint(&mut frame, 1 << 20);
    frame.extend(b"\x28\xb5\x2f\xfd");
    let frame = neural(&[frame], &hash(b"file"));
    vectors.bad(
        "embedded-zstd",
        "the file of a model that is no whole zstd frame",
        frame.archive(),
    );
    let packing = neural(&[vec![0, 9]], &hash(b"file"));
    vectors.unsupported(
        "embedded-packing",
        "the file of a model packed in way 9",
        packing.archive(),
    );
    let nonsense = neural(&[plain(0, b"no model")], &hash(b"no model"));
    let about = "the right file, but of no model";
    vectors.add("unsupported-embedded", Expect::Model, about, nonsense.archive());
    Ok(())
}

//! An archive of chunks of the built-in models, each coded by a `ChunkCodec` of its own.

use llz::codec::ChunkCodec;
use llz::{EncodeOptions, EngineRef, Level};

use crate::Result;
use crate::samples::{CODE, RAW, TALE};
use crate::sections::{Sections, fields, file};

pub fn two_models() -> Result<Sections> {
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

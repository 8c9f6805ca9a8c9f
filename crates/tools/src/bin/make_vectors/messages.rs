//! Streams and messages (FORMAT.md, chapter 13).

use llz::{Coder, EncodeOptions, Encoder, Level, Progress};

use crate::Result;
use crate::samples::{CODE, TALE, with};
use crate::vectors::{Expect, Vectors};

pub(super) fn encoder(level: u8, chunk_size: Option<usize>) -> Result<Encoder> {
    let options = EncodeOptions { level: Level::new(level)?, chunk_size, ..Default::default() };
    Ok(Encoder::new(options)?)
}

fn stream(level: u8, chunk_size: usize, raw: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encoder(level, Some(chunk_size))?.compress(raw, &mut bytes, &Progress::default())?;
    Ok(bytes)
}

pub fn add_to(vectors: &mut Vectors) -> Result<()> {
    let text = [TALE, CODE].concat().into_bytes();
    let mut ok = |name: &str, about: &str, bytes| {
        vectors.add(&format!("good-{name}.llzs"), Expect::Ok, about, bytes);
    };
    for level in [1, 2, 3, 4, 6] {
        let about = format!("a message of {} bytes at level {level}", text.len());
        ok(&format!("message-level{level}"), &about, encoder(level, None)?.encode(&text)?);
    }
    ok("message-empty", "a message of no bytes", encoder(6, None)?.encode(b"")?);
    ok("message-stored", "a message too short to code", encoder(6, None)?.encode(b"llz")?);
    let long = text.repeat(5);
    let frames = stream(6, 1024, &long)?;
    ok("stream-frames", "a stream of two frames", frames.clone());
    let joined = [&frames[..], &stream(1, 1024, b"")?, &encoder(2, None)?.encode(&text)?];
    ok("stream-joined", "two streams and a message, one after the other", joined.concat());

    let good = encoder(6, None)?.encode(&text)?;
    let mut bad = |name: &str, about: &str, bytes| {
        vectors.add(&format!("bad-{name}.llzs"), Expect::Corrupt, about, bytes);
    };
    bad("message-bit", "a flipped bit in the payload", with(good.clone(), |b| b[20] ^= 4));
    bad("message-cut", "the second half is missing", good[..good.len() / 2].to_vec());
    bad(
        "message-model",
        "a neural message of a profile without a model",
        with(good.clone(), |b| b[0] = 0xB4),
    );
    bad(
        "message-long",
        "a stored message and a byte more",
        b"\x83\x03\xDF\x57\x14\xC7llz!".to_vec(),
    );
    // Without its second frame, what follows the first is another stream.
    let only_first = stream(6, 1024, &long[..1024])?;
    let open = with(only_first, |b| b[4] &= !0x10);
    bad("stream-open", "the first of two frames alone", open);
    bad("stream-foreign", "a byte that begins nothing follows", [&frames[..], b"\x7F"].concat());
    // The flags follow magic and preset. A frame of codec mix whose coder is not implied names it after them.
    let mixed = stream(1, 1024, TALE.as_bytes())?;
    let coder = |number| {
        with(mixed.clone(), |b| {
            b[4] |= 0x40;
            b.insert(5, number);
        })
    };
    let (implied, other, without) = (coder(1), coder(9), coder(2));
    vectors.add(
        "bad-frame-coder.llzs",
        Expect::Corrupt,
        "a frame that names the coder that is implied",
        implied,
    );
    vectors.add("unsupported-frame-coder.llzs", Expect::Unsupported, "a frame of coder 9", other);
    vectors.add(
        "unsupported-mix-coder.llzs",
        Expect::Unsupported,
        "a frame without a model whose coder is another than 1",
        without,
    );
    coders(vectors, &text)?;
    vectors.add(
        "unsupported-message-profile.llzs",
        Expect::Unsupported,
        "a profile from the future",
        with(good, |b| b[0] |= 0x0F),
    );
    Ok(())
}

/// A message of each coder of whole tokens, and the same without its last byte.
fn coders(vectors: &mut Vectors, text: &[u8]) -> Result<()> {
    for coder in Coder::ALL.into_iter().filter(|&coder| coder != Coder::Mix) {
        let options = EncodeOptions { level: Level::new(4)?, coder, ..Default::default() };
        let coded = Encoder::new(options)?.encode(text)?;
        let name = coder.name();
        let cut = coded[..coded.len() - 1].to_vec();
        vectors.add(
            &format!("good-coder-{name}.llzs"),
            Expect::Ok,
            &format!("a message of coder {name}"),
            coded,
        );
        let about = format!("a message of coder {name} without its last byte");
        vectors.add(&format!("bad-coder-{name}.llzs"), Expect::Corrupt, &about, cut);
    }
    Ok(())
}

//! Streams as the library's user sees them: they round-trip, cost little, and fail cleanly.

use llz::{
    Bound, DecodeOptions, Decoder, EncodeOptions, Encoder, Error, Found, Level, Limits, Progress,
    Totals,
};
use proptest::prelude::*;

/// The first bytes of a stream (FORMAT.md).
const MAGIC: [u8; 3] = [0x8D, 0x6C, 0x7A];
/// FORMAT.md's numbers of the mixer profile without a model and of the numeric profile.
const MIXER: u8 = 3;
const NUMERIC_PROFILE: u8 = 1;

/// An encoder of small frames at level 1, so that tests see many frames in little time.
fn small_frames() -> Encoder {
    let (level, chunk_size) = (Level::new(1).unwrap(), Some(1024));
    let options = EncodeOptions { level, chunk_size, threads: 1, ..EncodeOptions::default() };
    Encoder::new(options).unwrap()
}

fn decoder() -> Decoder {
    Decoder::new(DecodeOptions { threads: 1, ..DecodeOptions::default() })
}

/// Decodes under these limits.
fn decode_with(coded: &[u8], limits: Limits) -> llz::Result<Vec<u8>> {
    Decoder::new(DecodeOptions::with_limits(limits)).decode(coded)
}

fn compress(encoder: &Encoder, raw: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let totals = encoder.compress(raw, &mut coded, &Progress::default()).unwrap();
    assert_eq!(totals, Totals { raw: raw.len() as u64, coded: coded.len() as u64 });
    coded
}

/// Text-like bytes that compress, with a little disorder.
fn sample(len: usize) -> Vec<u8> {
    let line = b"2026-11-21T10:44:53Z INFO worker: finished chunk ";
    let mut state = 1u32;
    let mut text = Vec::new();
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(line);
        text.extend_from_slice(format!("{}\n", state >> 16).as_bytes());
    }
    text.truncate(len);
    text
}

/// Pseudo-random bytes, which no codec makes smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(step).collect()
}

#[test]
fn messages_of_every_small_length_round_trip() {
    let (encoder, text) = (small_frames(), sample(300));
    for len in 0..=text.len() {
        let coded = encoder.encode(&text[..len]).unwrap();
        assert!(coded.len() <= len + 7);
        assert_eq!(decoder().decode(&coded).unwrap(), &text[..len], "{len} bytes");
    }
}

#[test]
fn the_default_functions_round_trip() {
    for message in [b"".as_slice(), b"x", &sample(3000), &noise(3000)] {
        let coded = llz::encode(message);
        assert!(coded.len() <= message.len() + 7, "{} bytes", coded.len());
        assert_eq!(llz::decode(&coded).unwrap(), message);
    }
    assert!(llz::encode(&sample(3000)).len() < 1000);
}

/// Bytes of one skewed distribution and nothing else are what a Huffman code is for.
#[test]
fn a_message_never_costs_more_than_zstd_makes_of_it() {
    let skewed = |(at, byte): (usize, u8)| byte >> (at % 3) | 0x80;
    let messages = [
        noise(2000).into_iter().enumerate().map(skewed).collect(),
        noise(300).into_iter().enumerate().map(skewed).collect(),
        [noise(700), vec![0; 900]].concat(),
    ];
    for message in &messages {
        let zstd = zstd::bulk::compress(message, 19).unwrap();
        let coded = llz::encode(message);
        assert!(coded.len() <= zstd.len() + 7, "{} bytes, zstd {}", coded.len(), zstd.len());
        assert_eq!(llz::decode(&coded).unwrap(), *message);
    }
}

#[test]
fn the_documented_examples_decode() {
    let empty = [0x8D, 0x6C, 0x7A, 3, 0x30, 0, 0, 0, 0, 0];
    assert_eq!(llz::decode(&empty).unwrap(), b"");
    let stored = b"\x8D\x6C\x7A\x03\x30\x03\xDF\x57\x14\xC7llz";
    assert_eq!(llz::decode(stored).unwrap(), b"llz");
    assert_eq!(llz::encode(b""), [0x83, 0, 0, 0, 0, 0]);
    assert_eq!(llz::encode(b"llz"), b"\x83\x03\xDF\x57\x14\xC7llz");
}

#[test]
fn framing_costs_seven_bytes_or_thirteen() {
    let message = noise(4000);
    let encoder = small_frames();
    let one_frame = Encoder::new(EncodeOptions::default()).unwrap();
    assert_eq!(one_frame.encode(&message).unwrap().len(), message.len() + 7);
    assert_eq!(compress(&one_frame, &message).len(), message.len() + 13);
    assert!(compress(&encoder, &message).len() <= message.len() + 4 + 4 * 9);
}

#[test]
fn many_frames_round_trip_from_a_reader_that_dribbles() {
    struct Dribble<'a>(&'a [u8]);
    impl std::io::Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = buffer.len().min(7);
            self.0.read(&mut buffer[..most])
        }
    }
    let raw = sample(50 * 1024 + 3);
    let coded = compress(&small_frames(), &raw);
    let mut back = Vec::new();
    let totals = decoder().decompress(Dribble(&coded), &mut back, &Progress::default()).unwrap();
    assert!(back == raw);
    assert_eq!(totals, Totals { raw: raw.len() as u64, coded: coded.len() as u64 });
    // A length that is a whole number of batches ends without an empty frame.
    let raw = sample(64 * 1024);
    assert!(decoder().decode(&compress(&small_frames(), &raw)).unwrap() == raw);
}

#[test]
fn concatenated_streams_decode_to_concatenated_bytes() {
    let encoder = small_frames();
    let parts = [sample(5000), Vec::new(), noise(100), sample(20)];
    let mut coded: Vec<u8> = parts.iter().flat_map(|part| compress(&encoder, part)).collect();
    assert_eq!(decoder().decode(&coded).unwrap(), parts.concat());
    coded.extend_from_slice(&encoder.encode(b"the last may be a message").unwrap());
    assert!(decoder().decode(&coded).unwrap().ends_with(b"the last may be a message"));
}

#[test]
fn every_truncation_is_an_error() {
    let encoder = small_frames();
    for coded in [encoder.encode(&sample(2000)).unwrap(), compress(&encoder, &sample(4000))] {
        for len in 0..coded.len() {
            let error = decoder().decode(&coded[..len]).unwrap_err();
            match len {
                0 => assert!(matches!(error, Error::Foreign { found: Found::Nothing, .. })),
                _ => assert!(matches!(error, Error::Corrupt(_)), "{len} bytes: {error}"),
            }
        }
    }
}

#[test]
fn every_bit_flip_is_an_error_or_harmless() {
    let encoder = small_frames();
    let raw = sample(1500);
    for coded in [encoder.encode(&raw).unwrap(), compress(&encoder, &raw)] {
        // Every bit where the framing begins, then one of each byte.
        let bits = (0..16 * 8).chain((16..coded.len()).map(|byte| byte * 8 + byte % 8));
        for bit in bits {
            let mut damaged = coded.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(decoded) = decoder().decode(&damaged) {
                assert!(decoded == raw, "bit {bit} changed the data unnoticed");
            }
        }
    }
}

#[test]
fn lost_repeated_and_moved_frames_are_noticed() {
    // Three stored frames: head, two length bytes, again two, checksum, payload.
    let raw = noise(3 * 1024);
    let coded = compress(&small_frames(), &raw);
    let frame = 1 + 2 + 2 + 4 + 1024;
    assert_eq!(coded.len(), 4 + 3 * frame);
    let (start, frames) = coded.split_at(4);
    let order = |which: &[usize]| {
        let picked = which.iter().flat_map(|&at| &frames[at * frame..(at + 1) * frame]);
        start.iter().chain(picked).copied().collect::<Vec<u8>>()
    };
    assert!(decoder().decode(&order(&[0, 1, 2])).unwrap() == raw);
    for wrong in [[1, 0, 2].as_slice(), &[0, 2], &[1, 2], &[0, 0, 1, 2], &[0, 1]] {
        let error = decoder().decode(&order(wrong)).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{wrong:?}: {error}");
    }
}

#[test]
fn foreign_input_is_named() {
    let message = |input: &[u8]| decoder().decode(input).unwrap_err().to_string();
    assert!(message(b"").contains("empty"));
    assert!(message(b"plain text").contains("not an llz stream"));
    assert!(message(b"\x89LLZ\r\n\x1A\n").contains("llz archive, not"));
    let mut trailing = compress(&small_frames(), b"data");
    trailing.extend_from_slice(b"foreign");
    assert!(message(&trailing).contains("foreign bytes follow"));
    let mut unknown = MAGIC.to_vec();
    unknown.push(250);
    assert!(
        matches!(decoder().decode(&unknown), Err(Error::Unsupported(what)) if what.contains("250"))
    );
}

#[test]
fn a_model_that_is_not_here_is_named() {
    let mut stream = MAGIC.to_vec();
    // Fields: the mixer, and the model's fields in one.
    stream.extend([0, 4 + 2 + 56, 0, 2, MIXER, 24, 2, 56]);
    stream.extend([0, 32]);
    stream.extend([0xAB; 32]);
    stream.extend(*b"\x02\x08tokenize");
    stream.extend([4, 10, 0, NUMERIC_PROFILE]);
    stream.extend(7u64.to_le_bytes());
    stream.extend(crc32fast::hash(&stream.clone()).to_le_bytes());
    stream.extend([0x33, 5, 0, 0, 0, 0, 1, 2, 3]);
    let error = decoder().decode(&stream).unwrap_err();
    assert!(matches!(&error, Error::Model(what) if what.contains(&"ab".repeat(32))), "{error}");
}

#[test]
fn limits_hold_and_are_named() {
    let coded = compress(&small_frames(), &sample(10_000));
    let refused = |limits| match decode_with(&coded, limits).unwrap_err() {
        Error::Limit { bound, .. } => bound,
        other => panic!("{other}"),
    };
    assert_eq!(refused(Limits { total_bytes: 9_999, ..Limits::default() }), Bound::TotalBytes);
    assert_eq!(refused(Limits { chunk_bytes: 1023, ..Limits::default() }), Bound::ChunkBytes);
    let exact = Limits { total_bytes: 10_000, chunk_bytes: 1024, ..Limits::default() };
    assert_eq!(decode_with(&coded, exact).unwrap().len(), 10_000);
}

#[test]
fn chunk_sizes_out_of_range_are_refused() {
    for size in [0, 1023, 65 << 20] {
        let options = EncodeOptions { chunk_size: Some(size), ..EncodeOptions::default() };
        let result = Encoder::new(options);
        assert!(matches!(result, Err(Error::Usage(_))), "{size}");
    }
}

#[test]
fn a_stopped_stream_ends_as_interrupted() {
    let progress = Progress::default();
    progress.stop();
    let result = small_frames().compress(sample(10).as_slice(), Vec::new(), &progress);
    assert!(matches!(result, Err(Error::Interrupted)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_round_trip(raw in prop::collection::vec(any::<u8>(), 0..6000)) {
        let encoder = small_frames();
        prop_assert!(decoder().decode(&compress(&encoder, &raw)).unwrap() == raw);
        prop_assert!(decoder().decode(&encoder.encode(&raw).unwrap()).unwrap() == raw);
    }

    #[test]
    fn any_input_is_decoded_or_refused(
        start in prop::bool::ANY,
        tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut input = if start { [&MAGIC[..], &[3]].concat() } else { Vec::new() };
        input.extend(tail);
        let limits = Limits { total_bytes: 1 << 20, chunk_bytes: 1 << 16, ..Limits::default() };
        let _ = decode_with(&input, limits);
    }
}

//! Codec `records`: context mixing by the layout of records and numbers, without a model.
//!
//! The coded bytes begin with the chunk's segments and their layouts. Behind them come the bytes as
//! [`ordered`](super::ordered) puts them, coded as in [`mix`](super::mix), but by another mixer profile.

use crate::error::{Error, Result};
use crate::format::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::format::integer::put_varint;
use crate::mixer::records::{Layout, Segment, Sign};

use super::control::Control;
use super::chunk_codec::ChunkCodec;
use super::{mix, ordered};

/// The bit of a layout that says that the least byte of a number comes first.
const LITTLE: u8 = 0x10;
/// Where the sign is.
const SIGN: u32 = 5;

/// Appends the segments of a chunk.
#[cfg(feature = "encode")]
fn write(segments: &[Segment], out: &mut Vec<u8>) {
    for segment in segments {
        put_varint(out, segment.len as u64);
        let (kind, distances) = match segment.layout {
            Layout::Bytes { record, other } => (0, [record, other]),
            Layout::Numbers { width, little, sign, channels, row } => {
                let little = if little { LITTLE } else { 0 };
                (width | little | (sign as u8) << SIGN, [channels, row])
            }
        };
        out.push(kind);
        for distance in distances {
            put_varint(out, distance.into());
        }
    }
}

/// Reads the segments of a chunk of `raw_len` bytes.
fn read(cursor: &mut Cursor<'_>, raw_len: usize) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut left = raw_len;
    while left > 0 {
        let len = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
        let kind = cursor.u8()?;
        let (first, second) = (cursor.varint_u32()?, cursor.varint_u32()?);
        let layout = match (kind & 15, kind >> SIGN) {
            (0, 0) if kind == 0 => Layout::Bytes { record: first, other: second },
            (width @ 1..=8, sign @ 0..=2) => Layout::Numbers {
                width,
                little: kind & LITTLE != 0,
                sign: [Sign::Unsigned, Sign::Signed, Sign::Magnitude][usize::from(sign)],
                channels: first,
                row: second,
            },
            _ => return Err(Error::Unsupported(format!("a layout of records {kind}"))),
        };
        let segment = Segment { len, layout };
        if !segment.is_valid() || len > left {
            return Err(cursor.corrupt("a layout that is out of bounds"));
        }
        left -= len;
        segments.push(segment);
    }
    Ok(segments)
}

/// Codes `raw` by these segments, which cover it.
#[cfg(feature = "encode")]
pub(super) fn encode(
    raw: &[u8],
    segments: &[Segment],
    codec: &ChunkCodec,
    control: Control<'_>,
) -> Result<Vec<u8>> {
    let mut bytes = raw.to_vec();
    ordered::put(&mut bytes, segments);
    let mut coded = Vec::new();
    write(segments, &mut coded);
    let mixer = codec.mixer_for_records(raw.len(), segments.to_vec());
    coded.extend(mix::encode(&bytes, mixer, control)?);
    Ok(coded)
}

/// Decodes `raw_len` bytes.
pub(super) fn decode(
    coded: &[u8],
    raw_len: usize,
    codec: &ChunkCodec,
    control: Control<'_>,
) -> Result<Vec<u8>> {
    let mut cursor = Cursor::new(coded, "a records chunk");
    let segments = read(&mut cursor, raw_len)?;
    let mixer = codec.mixer_for_records(raw_len, segments.clone());
    let mut bytes = mix::decode(cursor.take_rest(), raw_len, mixer, control)?;
    ordered::take(&mut bytes, &segments);
    Ok(bytes)
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use crate::codec::{EncodeOptions, Level};
    use crate::mixer::records::MAX_DISTANCE;
    use crate::progress::Progress;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicBool;

    fn any_layout() -> impl Strategy<Value = Layout> {
        let numbers = (1u8..=8, any::<bool>(), 0usize..3, 1u32..20, 0u32..300);
        prop_oneof![
            (0u32..300, 0u32..300).prop_map(|(record, other)| Layout::Bytes { record, other }),
            numbers.prop_map(|(width, little, sign, channels, row)| Layout::Numbers {
                width,
                little,
                sign: [Sign::Unsigned, Sign::Signed, Sign::Magnitude][sign],
                channels,
                row: if row / 4 > channels { row } else { 0 },
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Any bytes come back by any layouts, and what describes those does, too.
        #[test]
        fn any_layouts_give_the_bytes_back(
            parts in proptest::collection::vec((any_layout(), 32usize..80), 1..4),
            seed in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let codec = ChunkCodec::for_encoding(&EncodeOptions { level: Level::new(2).unwrap(), ..Default::default() }).unwrap();
            let (progress, aborted) = (Progress::default(), AtomicBool::new(false));
            let control = Control::new(&progress, &aborted);
            // A multiple of every width.
            let segments: Vec<Segment> =
                parts.iter().map(|&(layout, n)| Segment { len: 840 * n / 80 / 24 * 24 + 264, layout }).collect();
            let segments: Vec<Segment> = segments.into_iter().map(|s| match s.layout {
                Layout::Numbers { width, .. } => Segment { len: s.len / usize::from(width) * usize::from(width), ..s },
                Layout::Bytes { .. } => s,
            }).collect();
            let len = segments.iter().map(|segment| segment.len).sum();
            let raw: Vec<u8> = seed.iter().copied().cycle().enumerate().map(|(i, b)| b ^ (i / 50) as u8).take(len).collect();
            let coded = encode(&raw, &segments, &codec, control).unwrap();
            let mut cursor = Cursor::new(&coded, "test");
            prop_assert_eq!(read(&mut cursor, len).unwrap(), segments);
            prop_assert_eq!(decode(&coded, len, &codec, control).unwrap(), raw);
        }

        /// Descriptions of any bytes are refused or in bounds.
        #[test]
        fn any_description_is_in_bounds_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            len in 0usize..5000,
        ) {
            if let Ok(segments) = read(&mut Cursor::new(&bytes, "test"), len) {
                prop_assert_eq!(segments.iter().map(|segment| segment.len).sum::<usize>(), len);
                prop_assert!(segments.iter().all(Segment::is_valid));
            }
        }
    }

    #[test]
    fn distances_are_bounded() {
        let numbers = |width, channels, row| {
            Layout::Numbers { width, little: true, sign: Sign::Signed, channels, row }.is_valid()
        };
        assert!(numbers(1, MAX_DISTANCE, 0) && !numbers(1, MAX_DISTANCE + 1, 0));
        assert!(numbers(8, 8192, 0) && !numbers(8, 8193, 0) && !numbers(8, u32::MAX, u32::MAX));
        assert!(numbers(2, 1, 8) && !numbers(2, 1, 7) && !numbers(2, 0, 0) && !numbers(0, 1, 0));
        assert!(!numbers(9, 1, 0));
        let bytes = |record, other| Layout::Bytes { record, other }.is_valid();
        assert!(bytes(MAX_DISTANCE, 0) && !bytes(MAX_DISTANCE + 1, 0) && !bytes(0, u32::MAX));
    }
}

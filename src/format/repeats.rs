//! `REPS`: long repeats. They tell how the content stream is made of the raw stream.
//!
//! The content stream is the content of all files, one after the other. The raw stream is what is left of it when long
//! repeats are taken out. A repeat names raw bytes before it, never content, so no repeat leads to another.
//!
//! The raw stream may also have bytes that are no content: those of deleted files, in chunks that other files need.
//! Such a gap is a repeat that goes back 0 bytes.

use std::ops::Range;

use super::cursor::Cursor;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use super::packed;
use crate::{Bound, Error, Limits, Result};

const WHAT: &str = "section REPS";

/// Bytes a repeat takes at the very least: three integers.
const MIN_REPEAT: usize = 3;

/// Content that stands earlier in the raw stream, or a gap: raw bytes that are no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// Raw bytes before it. What follows it in the content stream follows here in the raw stream, or behind the gap.
    pub place: u64,
    /// Where its bytes begin in the raw stream; they end at `place` at the latest. A gap begins at `place`.
    pub from: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl Repeat {
    /// These raw bytes as a gap.
    #[cfg_attr(not(feature = "fs"), allow(dead_code))]
    pub(crate) fn gap(range: Range<u64>) -> Self {
        Repeat { place: range.start, from: range.start, len: range.end - range.start }
    }

    fn is_gap(&self) -> bool {
        self.from == self.place
    }

    /// Where the raw stream goes on behind it.
    pub(super) fn raw_end(&self) -> u64 {
        if self.is_gap() { self.place + self.len } else { self.place }
    }
}

/// A range of the raw stream that makes some content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRange {
    /// Its first place.
    pub start: u64,
    /// The place behind its last.
    pub end: u64,
    /// Says whether that content is a repeat. Otherwise these bytes are in the raw stream for it.
    pub is_repeat: bool,
}

impl RawRange {
    /// From its beginning to its end.
    pub fn range(self) -> Range<u64> {
        self.start..self.end
    }
}

/// The payload for `repeats`, whose places are counted from where the raw stream goes on behind the one before, `last`
/// for the first.
#[cfg(feature = "encode")]
pub(crate) fn to_payload(repeats: &[Repeat], mut last: u64) -> Result<Vec<u8>> {
    let mut table = Vec::new();
    put_varint(&mut table, repeats.len() as u64);
    for repeat in repeats {
        put_varint(&mut table, repeat.place - last);
        last = repeat.raw_end();
    }
    for repeat in repeats {
        put_varint(&mut table, repeat.place - repeat.from);
    }
    for repeat in repeats {
        put_varint(&mut table, repeat.len);
    }
    packed::pack(&table, packed::TABLE_LEVEL)
}

/// All repeats read so far, in order.
#[derive(Debug, Default)]
pub(crate) struct RepeatList {
    repeats: Vec<Placed>,
}

/// A repeat and where it begins in the content stream.
#[derive(Debug, Clone, Copy)]
struct Placed {
    content: u64,
    repeat: Repeat,
}

impl Placed {
    /// Where it ends in the content stream.
    fn end(&self) -> u64 {
        if self.repeat.is_gap() { self.content } else { self.content + self.repeat.len }
    }
}

impl RepeatList {
    /// Adds the repeats of one section. They may reach back `reach` bytes, and must come after the first `owned` bytes
    /// of content, which belong to files already. On an error nothing is added.
    pub(crate) fn read(&mut self, payload: &[u8], reach: u64, owned: u64, limits: &Limits) -> Result<()> {
        let before = self.repeats.len();
        let result = self.parse(&packed::unpack_table(payload, WHAT, limits)?, reach, owned, limits);
        if result.is_err() {
            self.repeats.truncate(before);
        }
        result
    }

    fn parse(&mut self, table: &[u8], reach: u64, owned: u64, limits: &Limits) -> Result<()> {
        let mut cursor = Cursor::new(table, WHAT);
        let count = cursor.count(MIN_REPEAT)?;
        let most = packed::table_limit(limits) / size_of::<Placed>() as u64;
        if (self.repeats.len() + count) as u64 > most {
            let what = "the number of repeats".into();
            return Err(Error::Limit { what, limit: most, bound: Bound::Memory });
        }
        let mut columns = [vec![0; count], vec![0; count], vec![0; count]];
        for value in columns.iter_mut().flatten() {
            *value = cursor.varint()?;
        }
        cursor.finish()?;
        let [skips, backs, lens] = columns;
        let overflow = || Error::corrupt("repeats that overflow").within(WHAT);
        for ((skip, back), len) in skips.into_iter().zip(backs).zip(lens) {
            let (content, raw) = self.end();
            let place = raw.checked_add(skip).ok_or_else(overflow)?;
            let content = content.checked_add(skip).ok_or_else(overflow)?;
            let refuse = |why| Err(Error::corrupt(why).within(WHAT));
            if len == 0 {
                return refuse("an empty repeat");
            }
            if back > reach {
                return refuse("a repeat from farther back than PARM allows");
            }
            let Some(from) = place.checked_sub(back) else {
                return refuse("a repeat from before the beginning");
            };
            if back > 0 && len > back {
                return refuse("a repeat of bytes that are not there yet");
            }
            if content < owned {
                return refuse("a repeat in content that a file has already");
            }
            content.checked_add(len).ok_or_else(overflow)?;
            place.checked_add(len).ok_or_else(overflow)?;
            self.repeats.push(Placed { content, repeat: Repeat { place, from, len } });
        }
        Ok(())
    }

    /// Where the last repeat ends in the content stream, and where the raw stream goes on behind it.
    fn end(&self) -> (u64, u64) {
        self.repeats.last().map_or((0, 0), |last| (last.end(), last.repeat.raw_end()))
    }

    /// Where the raw stream goes on behind the last repeat; 0 where there is none.
    pub(crate) fn raw_end(&self) -> u64 {
        self.end().1
    }

    /// Bytes of content that `raw` bytes of the raw stream make; `None` where they do not come to the last repeat.
    pub(crate) fn content_len(&self, raw: u64) -> Option<u64> {
        let (content, place) = self.end();
        raw.checked_sub(place)?.checked_add(content)
    }

    /// Raw bytes before the first byte at or after this place of the content stream that repeats nothing.
    pub(crate) fn raw_at(&self, content: u64) -> u64 {
        let next = self.repeats.partition_point(|placed| placed.content <= content);
        let (end, place) = match next.checked_sub(1).map(|last| &self.repeats[last]) {
            Some(last) => (last.end(), last.repeat.raw_end()),
            None => (0, 0),
        };
        place.saturating_add(content.saturating_sub(end))
    }

    /// The ranges of the raw stream that make this range of the content stream, in order. None of them is empty.
    pub(crate) fn raw_ranges(&self, content: Range<u64>) -> impl Iterator<Item = RawRange> + '_ {
        let mut at = content.start;
        let mut next = self.repeats.partition_point(|placed| placed.end() <= at);
        std::iter::from_fn(move || {
            if at >= content.end {
                return None;
            }
            let is_gap = |placed: &Placed| placed.repeat.is_gap() && placed.content <= at;
            while self.repeats.get(next).is_some_and(is_gap) {
                next += 1;
            }
            let repeat = self.repeats.get(next);
            match repeat.filter(|placed| placed.content <= at) {
                Some(placed) => {
                    next += 1;
                    let len = placed.end().min(content.end) - at;
                    let from = placed.repeat.from + (at - placed.content);
                    at += len;
                    Some(RawRange { start: from, end: from + len, is_repeat: true })
                }
                None => {
                    let until = repeat.map_or(content.end, |placed| placed.content.min(content.end));
                    let from = self.raw_at(at);
                    let len = until - at;
                    at = until;
                    Some(RawRange { start: from, end: from.saturating_add(len), is_repeat: false })
                }
            }
        })
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(repeats: &[(u64, u64, u64)], owned: u64) -> Result<RepeatList> {
        let mut table = Vec::new();
        put_varint(&mut table, repeats.len() as u64);
        for column in [0, 1, 2] {
            for &(skip, back, len) in repeats {
                put_varint(&mut table, [skip, back, len][column]);
            }
        }
        let mut list = RepeatList::default();
        list.read(&packed::pack(&table, 3).unwrap(), 1000, owned, &Limits::default())?;
        Ok(list)
    }

    #[test]
    fn hostile_repeats_are_corrupt() {
        for (case, repeats) in [
            ("empty", vec![(100, 50, 0)]),
            ("too far back", vec![(2000, 1001, 10)]),
            ("before the beginning", vec![(100, 101, 10)]),
            ("of itself", vec![(100, 50, 51)]),
            ("overflow", vec![(u64::MAX, 10, 10), (1, 1, 1)]),
            ("of nothing", vec![(0, 1, 1)]),
            ("an empty gap", vec![(100, 0, 0)]),
            ("a gap that overflows", vec![(1, 0, u64::MAX)]),
        ] {
            assert!(matches!(read(&repeats, 0), Err(Error::Corrupt(_))), "{case}");
        }
        assert!(matches!(read(&[(100, 50, 50)], 101), Err(Error::Corrupt(_))), "owned already");
        assert!(read(&[(100, 50, 50)], 100).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..99)) {
            let _ = RepeatList::default().read(&payload, u64::MAX, 0, &Limits::default());
        }

        /// Ranges make the same bytes as building the whole content does.
        #[test]
        fn ranges_make_the_content(
            given in proptest::collection::vec((0u64..50, 1u64..80, 1u64..80), 0..20),
            tail in 0u64..50,
            cut in (0usize..2000, 0usize..2000),
        ) {
            let (mut raw, mut content, mut repeats) = (Vec::<u8>::new(), Vec::<u8>::new(), Vec::new());
            let mut gaps: Vec<Range<u64>> = Vec::new();
            let grow = |raw: &mut Vec<u8>, content: &mut Vec<u8>, len: u64| {
                for _ in 0..len {
                    let byte = (raw.len() * 7 % 251) as u8;
                    raw.push(byte);
                    content.push(byte);
                }
            };
            for (skip, back, len) in given {
                grow(&mut raw, &mut content, skip);
                let back = back.min(raw.len() as u64);
                if len % 3 == 0 {
                    let gap = raw.len() as u64..raw.len() as u64 + len;
                    (0..len).for_each(|_| raw.push(0xFF));
                    gaps.push(gap.clone());
                    repeats.push(Repeat::gap(gap));
                    continue;
                }
                let len = len.min(back);
                if len > 0 {
                    let (place, from) = (raw.len() as u64, raw.len() as u64 - back);
                    content.extend_from_slice(&raw[from as usize..][..len as usize]);
                    repeats.push(Repeat { place, from, len });
                }
            }
            grow(&mut raw, &mut content, tail);
            let mut list = RepeatList::default();
            for (at, repeat) in repeats.iter().enumerate() {
                let last = at.checked_sub(1).map_or(0, |last| repeats[last].raw_end());
                list.read(&to_payload(&[*repeat], last).unwrap(), 1000, 0, &Limits::default()).unwrap();
            }
            prop_assert_eq!(list.content_len(raw.len() as u64), Some(content.len() as u64));
            let (a, b) = (cut.0.min(content.len()), cut.1.min(content.len()));
            let range = a.min(b)..a.max(b);
            // Every byte of the raw stream is in it for one place of the content, or in a gap.
            let fresh = list.raw_ranges(0..content.len() as u64).filter(|range| !range.is_repeat);
            let mut all: Vec<Range<u64>> = fresh.map(RawRange::range).chain(gaps).collect();
            all.sort_by_key(|range| range.start);
            let mut covered = 0;
            for range in all {
                prop_assert_eq!(range.start, covered);
                covered = range.end;
            }
            prop_assert_eq!(covered, raw.len() as u64);
            let made: Vec<u8> = (list.raw_ranges(range.start as u64..range.end as u64))
                .flat_map(|range| raw[range.start as usize..range.end as usize].to_vec())
                .collect();
            prop_assert_eq!(&made, &content[range]);
        }
    }
}

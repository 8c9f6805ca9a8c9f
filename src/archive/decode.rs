//! The content of files, out of the chunks that they lie in.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::source::Source;
use crate::codec::{DecodeOptions, Engine, Job};
use crate::format::{ChunkPlace, Entry, EntryKind, Layout};
use crate::error::Place;
use crate::{Bound, Error, Limits, Progress, Result};

/// The engine for what `layout` says of itself.
pub(crate) fn engine(layout: &Layout, options: &DecodeOptions) -> Result<Engine> {
    let params = layout.params().ok_or_else(|| Error::corrupt("no section PARM"))?;
    Engine::for_decoding(options, params.mixer, layout.model())
}

/// A part of a file's content.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Its next bytes.
    Bytes(&'a [u8]),
    /// It cannot be had, and why; nothing more comes of the file.
    Lost(&'a Error),
}

/// An archive whose chunks are to be decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunks<'a> {
    pub(crate) source: &'a Source,
    pub(crate) layout: &'a Layout,
    /// Whether a damaged chunk costs only the files that lie in it. Otherwise it ends the work.
    pub(crate) keep_going: bool,
}

/// A chunk in work: its place, and its checksum or why it cannot be decoded.
type InWork<'a> = (&'a ChunkPlace, Result<u32>);

/// Decodes the chunks that `files` lie in and hands on each file's content piece by piece; the flag marks a file's
/// last piece. The files must be in the order of the raw stream, none of them empty, no two at one place.
pub(crate) fn decode_files<'e>(
    chunks: Chunks<'_>,
    files: &[&'e Entry],
    engine: impl FnOnce() -> Result<&'e Engine>,
    progress: &Progress,
    sink: impl FnMut(&'e Entry, Piece<'_>, bool) -> Result<()>,
) -> Result<()> {
    let Chunks { source, layout, keep_going } = chunks;
    let spans: Vec<(Range<u64>, &Entry)> =
        files.iter().filter_map(|&entry| Some((span(entry)?, entry))).collect();
    let places = needed(layout.chunks(), &spans);
    let delivery = Delivery { spans: &spans, next: 0, is_lost: false, keep_going, sink };
    if places.is_empty() {
        return delivery.finish();
    }
    let mut next_place = places.iter();
    // What is known of the chunks in work.
    let in_work: RefCell<VecDeque<InWork<'_>>> = RefCell::default();
    let delivery = RefCell::new(delivery);
    let deliver = |place: &ChunkPlace, raw: Result<Vec<u8>>| {
        let raw = raw.at("section CHNK", place.section);
        delivery.borrow_mut().chunk(place, raw)
    };
    // Lost chunks are not decoded; they are delivered in their places between those that are.
    let deliver_lost = || {
        loop {
            let next = {
                let mut in_work = in_work.borrow_mut();
                let is_lost = in_work.front().is_some_and(|(_, crc)| crc.is_err());
                if is_lost { in_work.pop_front() } else { None }
            };
            match next {
                Some((place, Err(error))) => deliver(place, Err(error))?,
                _ => return Ok(()),
            }
        }
    };
    engine()?.decode(
        &mut || {
            for place in next_place.by_ref() {
                let chunk = match source.chunk(place) {
                    Ok(chunk) => chunk,
                    Err(error) if keep_going => {
                        in_work.borrow_mut().push_back((place, Err(error)));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                in_work.borrow_mut().push_back((place, Ok(chunk.raw_crc)));
                let raw_len = place.raw_len as usize;
                return Ok(Some(Job { codec: place.codec, coded: chunk.coded, raw_len }));
            }
            Ok(None)
        },
        &mut |raw| {
            deliver_lost()?;
            let next = in_work.borrow_mut().pop_front();
            let Some((place, Ok(raw_crc))) = next else { return Ok(()) };
            deliver(place, check(raw, raw_crc))
        },
        progress,
    )?;
    deliver_lost()?;
    delivery.into_inner().finish()
}

/// Hands on the files' content, out of chunks that come in order.
struct Delivery<'s, 'e, S> {
    spans: &'s [(Range<u64>, &'e Entry)],
    /// The file whose content comes next.
    next: usize,
    /// Whether a part of it is lost.
    is_lost: bool,
    keep_going: bool,
    sink: S,
}

impl<'e, S: FnMut(&'e Entry, Piece<'_>, bool) -> Result<()>> Delivery<'_, 'e, S> {
    fn chunk(&mut self, place: &ChunkPlace, raw: Result<Vec<u8>>) -> Result<()> {
        let raw = match raw {
            Err(error) if !self.keep_going => return Err(error),
            raw => raw,
        };
        let end = place.raw_start + u64::from(place.raw_len);
        while let Some((span, entry)) =
            self.spans.get(self.next).filter(|(span, _)| span.start < end)
        {
            if span.end <= place.raw_start {
                self.lose_next(&Error::corrupt("its content is not there"))?;
                continue;
            }
            let is_last = span.end <= end;
            match &raw {
                Ok(_) if self.is_lost => {}
                Ok(raw) => {
                    // Both lie within this chunk, whose length is that of `raw`.
                    let from = span.start.max(place.raw_start) - place.raw_start;
                    let to = span.end.min(end) - place.raw_start;
                    (self.sink)(entry, Piece::Bytes(&raw[from as usize..to as usize]), is_last)?;
                }
                Err(_) if self.is_lost => {}
                Err(error) => {
                    self.is_lost = true;
                    (self.sink)(entry, Piece::Lost(error), true)?;
                }
            }
            if !is_last {
                break;
            }
            self.next += 1;
            self.is_lost = false;
        }
        Ok(())
    }

    fn lose_next(&mut self, error: &Error) -> Result<()> {
        if let Some((_, entry)) = self.spans.get(self.next).filter(|_| !self.is_lost) {
            (self.sink)(entry, Piece::Lost(error), true)?;
        }
        self.next += 1;
        self.is_lost = false;
        Ok(())
    }

    /// After the last chunk: of a damaged archive there may be files that no chunk came for.
    fn finish(mut self) -> Result<()> {
        while self.next < self.spans.len() {
            let error = Error::corrupt("its content is not there");
            if !self.keep_going {
                return Err(error);
            }
            self.lose_next(&error)?;
        }
        Ok(())
    }
}

/// Fails once more bytes come out than the limits allow.
pub(crate) fn check_total(bytes: u64, limits: &Limits) -> Result<()> {
    if bytes > limits.total_bytes {
        return Err(Error::Limit {
            what: "the unpacked size".into(),
            limit: limits.total_bytes,
            bound: Bound::TotalBytes,
        });
    }
    Ok(())
}

/// Holds a decoded chunk to its checksum.
pub(crate) fn check(raw: Result<Vec<u8>>, raw_crc: u32) -> Result<Vec<u8>> {
    let raw = raw?;
    if crc32fast::hash(&raw) != raw_crc {
        return Err(Error::corrupt("a chunk does not match its checksum"));
    }
    Ok(raw)
}

/// Where a file's bytes lie in the raw stream.
fn span(entry: &Entry) -> Option<Range<u64>> {
    match entry.kind {
        EntryKind::File { size, offset, .. } => Some(offset..offset.checked_add(size)?),
        EntryKind::Directory | EntryKind::Symlink { .. } => None,
    }
}

/// The chunks that have any byte of `spans`.
fn needed(chunks: &[ChunkPlace], spans: &[(Range<u64>, &Entry)]) -> Vec<ChunkPlace> {
    let mut spans = spans.iter().peekable();
    (chunks.iter())
        .filter(|chunk| {
            while spans.next_if(|(span, _)| span.end <= chunk.raw_start).is_some() {}
            let end = chunk.raw_start + u64::from(chunk.raw_len);
            spans.peek().is_some_and(|(span, _)| span.start < end)
        })
        .copied()
        .collect()
}

/// Compares a file's content with its size and SHA-256 as it comes out.
#[derive(Debug)]
pub(crate) struct Verifier<'e> {
    entry: &'e Entry,
    hasher: Sha256,
    len: u64,
}

impl<'e> Verifier<'e> {
    pub(crate) fn new(entry: &'e Entry) -> Self {
        Verifier { entry, hasher: Sha256::new(), len: 0 }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> Result<()> {
        let EntryKind::File { size, sha256, .. } = &self.entry.kind else { return Ok(()) };
        if self.len == *size && self.hasher.finalize()[..] == sha256[..] {
            Ok(())
        } else {
            Err(Error::corrupt(format!("{:?}: SHA-256 mismatch", self.entry.path)))
        }
    }
}

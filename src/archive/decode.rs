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
    /// Its next bytes, which were not decoded, for they lie in their file already.
    There(&'a [u8]),
    /// It cannot be had, and why; nothing more comes of the file.
    Lost(&'a Error),
}

/// An archive whose chunks are to be decoded.
#[derive(Clone, Copy)]
pub(crate) struct Chunks<'a> {
    pub(crate) source: &'a Source,
    pub(crate) layout: &'a Layout,
    /// Whether a damaged chunk costs only the files that lie in it. Otherwise it ends the work.
    pub(crate) keep_going: bool,
    /// Gives the bytes of chunks that need not be decoded, by place and checksum.
    pub(crate) there: Option<&'a There<'a>>,
}

/// Gives the bytes of a chunk with this checksum, if they are there already.
pub(crate) type There<'a> = dyn Fn(&ChunkPlace, u32) -> Option<Vec<u8>> + 'a;

/// What is known of a chunk that waits for those before it.
enum InWork {
    /// It is decoded, and has this checksum.
    Coded(u32),
    /// It is there, with this checksum. Its bytes are read again in its turn, for many may wait.
    There(u32),
    /// It cannot be decoded.
    Lost(Error),
}

/// Decodes the chunks that `files` lie in and hands on each file's content piece by piece; the flag marks a file's
/// last piece. The files must be in the order of the raw stream, none of them empty, no two at one place.
pub(crate) fn decode_files<'e>(
    chunks: Chunks<'_>,
    files: &[&'e Entry],
    engine: impl FnOnce() -> Result<&'e Engine>,
    progress: &Progress,
    sink: impl FnMut(&'e Entry, Piece<'_>, bool) -> Result<()>,
) -> Result<()> {
    let Chunks { source, layout, keep_going, there } = chunks;
    let spans: Vec<(Range<u64>, &Entry)> =
        files.iter().filter_map(|&entry| Some((span(entry)?, entry))).collect();
    let places = needed(layout.chunks(), &spans);
    let delivery = Delivery { spans: &spans, next: 0, is_lost: false, keep_going, sink };
    if places.is_empty() {
        return delivery.finish();
    }
    let mut next_place = places.iter();
    let in_work: RefCell<VecDeque<(&ChunkPlace, InWork)>> = RefCell::default();
    let delivery = RefCell::new(delivery);
    let deliver = |place: &ChunkPlace, raw: Result<Vec<u8>>, is_there| {
        delivery.borrow_mut().chunk(place, raw.at("section CHNK", place.section), is_there)
    };
    // Some chunks are not decoded; they are delivered in their places between those that are.
    let deliver_ready = || {
        loop {
            let next = {
                let mut in_work = in_work.borrow_mut();
                let next = in_work.front();
                let is_ready = next.is_some_and(|(_, next)| !matches!(next, InWork::Coded(_)));
                if is_ready { in_work.pop_front() } else { None }
            };
            match next {
                Some((place, InWork::Lost(error))) => deliver(place, Err(error), false)?,
                Some((place, InWork::There(raw_crc))) => {
                    let changed = || Error::corrupt("what was unpacked before has changed");
                    let raw = there.and_then(|there| there(place, raw_crc));
                    deliver(place, raw.ok_or_else(changed), true)?;
                }
                Some((_, InWork::Coded(_))) | None => return Ok(()),
            }
        }
    };
    engine()?.decode(
        &mut || {
            for place in next_place.by_ref() {
                let chunk = match source.chunk(place) {
                    Ok(chunk) => chunk,
                    Err(error) if keep_going => {
                        in_work.borrow_mut().push_back((place, InWork::Lost(error)));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if let Some(raw) = there.and_then(|there| there(place, chunk.raw_crc)) {
                    progress.check()?;
                    progress.add(raw.len() as u64);
                    deliver_ready()?;
                    if in_work.borrow().is_empty() {
                        deliver(place, Ok(raw), true)?;
                    } else {
                        in_work.borrow_mut().push_back((place, InWork::There(chunk.raw_crc)));
                    }
                    continue;
                }
                in_work.borrow_mut().push_back((place, InWork::Coded(chunk.raw_crc)));
                let raw_len = place.raw_len as usize;
                return Ok(Some(Job { codec: place.codec, coded: chunk.coded, raw_len }));
            }
            Ok(None)
        },
        &mut |raw| {
            deliver_ready()?;
            let next = in_work.borrow_mut().pop_front();
            let Some((place, InWork::Coded(raw_crc))) = next else { return Ok(()) };
            deliver(place, check(raw, raw_crc), false)
        },
        progress,
    )?;
    deliver_ready()?;
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
    fn chunk(&mut self, place: &ChunkPlace, raw: Result<Vec<u8>>, is_there: bool) -> Result<()> {
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
                    let bytes = &raw[from as usize..to as usize];
                    let piece = if is_there { Piece::There(bytes) } else { Piece::Bytes(bytes) };
                    (self.sink)(entry, piece, is_last)?;
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

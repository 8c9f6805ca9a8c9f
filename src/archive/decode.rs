//! The content of files, out of the chunks that they lie in.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::codec::{DecodeOptions, Engine, Job};
use crate::format::{ChunkPlace, Entry, EntryKind, Layout};
use crate::error::Place;
use crate::{Bound, Error, Limits, Progress, Result};

/// The engine for what `layout` says of itself.
pub(crate) fn engine(layout: &Layout, options: &DecodeOptions) -> Result<Engine> {
    let params = layout.params().ok_or_else(|| Error::corrupt("no section PARM"))?;
    Engine::for_decoding(options, params.mixer, layout.model())
}

/// Decodes the chunks that `files` lie in and hands on each file's bytes piece by piece; the flag marks a file's
/// last piece. The files must be in the order of the raw stream, none of them empty, no two at one place. After each
/// chunk `read_up_to` is told how much of the archive has been gone through.
pub(crate) fn decode_files<'e>(
    bytes: &[u8],
    layout: &Layout,
    files: &[&'e Entry],
    engine: impl FnOnce() -> Result<&'e Engine>,
    progress: &Progress,
    mut sink: impl FnMut(&'e Entry, &[u8], bool) -> Result<()>,
    read_up_to: impl Fn(u64),
) -> Result<()> {
    let spans: Vec<(Range<u64>, &Entry)> =
        files.iter().filter_map(|&entry| Some((span(entry)?, entry))).collect();
    let places = needed(layout.chunks(), &spans);
    if places.is_empty() {
        return Ok(());
    }
    let mut next_place = places.iter();
    // What is known of the chunks in work.
    let in_work: RefCell<VecDeque<(&ChunkPlace, u32)>> = RefCell::default();
    let mut next = 0;
    engine()?.decode(
        &mut || {
            let Some(place) = next_place.next() else { return Ok(None) };
            let chunk = layout.chunk(bytes, place)?;
            in_work.borrow_mut().push_back((place, chunk.raw_crc));
            let coded = Cow::Borrowed(chunk.coded);
            Ok(Some(Job { codec: chunk.codec, coded, raw_len: chunk.raw_len as usize }))
        },
        &mut |raw| {
            let Some((place, raw_crc)) = in_work.borrow_mut().pop_front() else { return Ok(()) };
            let raw = check(raw, raw_crc).at("section CHNK", place.section)?;
            read_up_to(place.section + u64::from(place.payload_len));
            let end = place.raw_start + u64::from(place.raw_len);
            while let Some((span, entry)) = spans.get(next).filter(|(span, _)| span.start < end) {
                // Both lie within this chunk, whose length is that of `raw`.
                let from = span.start.max(place.raw_start) - place.raw_start;
                let to = span.end.min(end) - place.raw_start;
                sink(entry, &raw[from as usize..to as usize], span.end <= end)?;
                if span.end > end {
                    break;
                }
                next += 1;
            }
            Ok(())
        },
        progress,
    )
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

//! Decoding chunks in batches, in order, each held to its checksum.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::codec::{Engine, Job};
use crate::format::{Chunk, ChunkPlace, Entry, EntryKind, Layout};
use crate::{EngineOptions, Error, Limits, Progress, Result};

/// How many chunks of at most `chunk_size` bytes to hold at once: what keeps the engine busy, but
/// no more than fits the memory limit.
pub(crate) fn batch_size(engine: &Engine, limits: &Limits, chunk_size: u32) -> usize {
    let each = u64::from(chunk_size) + engine.bytes_per_chunk(chunk_size as usize);
    let fit = limits.memory / each;
    engine.batch().min(usize::try_from(fit).unwrap_or(usize::MAX)).max(1)
}

/// The engine for what `layout` says of itself.
pub(crate) fn engine(layout: &Layout, options: &EngineOptions) -> Result<Engine> {
    let params = layout.params().ok_or_else(|| Error::corrupt("no section PARM"))?;
    Engine::for_reading(options.clone(), params.mixer, layout.model())
}

/// Decodes chunks and verifies them, in the order given.
pub(crate) fn decode(
    engine: &Engine,
    chunks: &[Chunk<'_>],
    progress: &Progress,
) -> Result<Vec<Vec<u8>>> {
    let jobs: Vec<Job> = (chunks.iter())
        .map(|chunk| Job {
            codec: chunk.codec,
            coded: chunk.coded,
            raw_len: chunk.raw_len as usize,
        })
        .collect();
    let raws = engine.decode(&jobs, progress)?;
    if raws.len() != chunks.len() {
        return Err(Error::corrupt("chunks that do not decode"));
    }
    for (chunk, raw) in chunks.iter().zip(&raws) {
        chunk.verify(raw)?;
    }
    Ok(raws)
}

/// Decodes the chunks that `files` lie in, batch by batch, and hands on each file's bytes piece by
/// piece; the flag marks a file's last piece. The files must be in the order of the raw stream,
/// none of them empty, no two at one place. After each batch `read_up_to` is told how much of the
/// archive has been gone through.
pub(crate) fn decode_files<'e>(
    bytes: &[u8],
    layout: &Layout,
    files: &[&'e Entry],
    options: &EngineOptions,
    progress: &Progress,
    mut sink: impl FnMut(&'e Entry, &[u8], bool) -> Result<()>,
    read_up_to: impl Fn(u64),
) -> Result<()> {
    let spans: Vec<(Range<u64>, &Entry)> =
        files.iter().filter_map(|&entry| Some((span(entry)?, entry))).collect();
    let places = needed(layout.chunks(), &spans);
    let Some(largest) = places.iter().map(|place| place.raw_len).max() else { return Ok(()) };
    let engine = engine(layout, options)?;
    let mut next = 0;
    for batch in places.chunks(batch_size(&engine, &options.limits, largest)) {
        let chunks: Vec<Chunk> =
            batch.iter().map(|place| layout.chunk(bytes, place)).collect::<Result<_>>()?;
        let raws = decode(&engine, &chunks, progress)?;
        read_up_to(batch.last().map_or(0, |place| place.section + u64::from(place.payload_len)));
        for (place, raw) in batch.iter().zip(raws) {
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
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_in_work_fit_the_memory_limit() {
        let options = EngineOptions { threads: 64, ..EngineOptions::default() };
        let engine = Engine::for_packing(options).unwrap();
        let limits = Limits::default();
        for chunk_size in [1 << 20, 16 << 20] {
            let each = engine.bytes_per_chunk(chunk_size as usize) + u64::from(chunk_size);
            let batch = batch_size(&engine, &limits, chunk_size) as u64;
            assert!(batch > 1 && batch * each <= limits.memory, "{batch} of {each}");
        }
        // One chunk must always do, however little memory is allowed.
        let least = Limits { memory: 1, ..limits };
        assert_eq!(batch_size(&engine, &least, u32::MAX), 1);
    }
}

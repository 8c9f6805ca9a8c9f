//! What of an updated archive is kept as it is coded, and what is coded anew.

use std::collections::BTreeSet;
use std::ops::Range;

use super::decode::{self, Part, end_of, span};
use super::read::Archive;
use crate::format::{ChunkPlace, CoderParams, Entry, Layout, Repeat};

/// The files of an archive with content, one for each content, in the order of the content stream.
pub(super) struct Plan<'e> {
    /// The chunks that are kept, by number.
    pub chunks: Vec<usize>,
    /// Files whose content is kept.
    pub kept: Vec<&'e Entry>,
    /// Files whose content is coded anew.
    pub coded: Vec<&'e Entry>,
}

impl<'e> Plan<'e> {
    /// Chooses. Chunks that nobody needs go. One that is needed in part goes if the files that lie in it are few enough
    /// bytes to code: at most `coded_per_freed` for each that it frees.
    pub(super) fn of(archive: &Archive, files: &[&'e Entry], coded_per_freed: u64) -> Self {
        let layout = archive.layout();
        let chunks = layout.chunks();
        // The chunks that a file lies in, with bytes and whether they are there for other content. A whole archive has
        // a chunk for each part.
        let lies_in = |part: &Part| Some((part.chunk?, part.range.len() as u64, part.is_repeat));
        let parts_of = |file: &'e Entry| decode::parts(layout, &[file]).iter().filter_map(lies_in).collect();
        let parts: Vec<Vec<(usize, u64, bool)>> = files.iter().map(|&file| parts_of(file)).collect();
        let mut used = vec![0u64; chunks.len()];
        let mut fresh: Vec<Vec<usize>> = vec![Vec::new(); chunks.len()];
        for (number, parts) in parts.iter().enumerate() {
            for &(chunk, len, is_repeat) in parts {
                used[chunk] += len;
                if !is_repeat && fresh[chunk].last() != Some(&number) {
                    fresh[chunk].push(number);
                }
            }
        }
        let mut is_coded = vec![false; files.len()];
        // Each file that is coded anew leaves less of other chunks.
        let mut due: BTreeSet<usize> = (0..chunks.len()).collect();
        while let Some(chunk) = due.pop_first() {
            let wasted = u64::from(chunks[chunk].raw_len).saturating_sub(used[chunk]);
            let here = fresh[chunk].iter().copied().filter(|&file| !is_coded[file]).collect::<Vec<_>>();
            let cost: u64 = here.iter().map(|&file| files[file].size()).sum();
            if wasted == 0 || here.is_empty() || cost > wasted.saturating_mul(coded_per_freed) {
                continue;
            }
            for file in here {
                is_coded[file] = true;
                for &(chunk, len, _) in &parts[file] {
                    used[chunk] -= len;
                    due.insert(chunk);
                }
            }
        }
        let needed: BTreeSet<usize> = (parts.iter().zip(&is_coded))
            .filter(|(_, is_coded)| !**is_coded)
            .flat_map(|(parts, _)| parts.iter().map(|(chunk, ..)| *chunk))
            .collect();
        let (coded, kept): (Vec<_>, Vec<_>) = files.iter().zip(is_coded).partition(|(_, is_coded)| *is_coded);
        let files = |list: Vec<(&&'e Entry, bool)>| list.into_iter().map(|(file, _)| *file).collect();
        Plan { chunks: needed.into_iter().collect(), kept: files(kept), coded: files(coded) }
    }
}

/// Where kept chunks lie in the raw stream that they make together.
pub(super) struct Moved<'a> {
    chunks: &'a [ChunkPlace],
    kept: &'a [usize],
    /// Where each kept chunk begins, and where the last one ends.
    starts: Vec<u64>,
}

impl<'a> Moved<'a> {
    pub(super) fn new(layout: &'a Layout, kept: &'a [usize]) -> Self {
        let chunks = layout.chunks();
        let mut starts = vec![0];
        for &number in kept {
            starts.push(starts[starts.len() - 1] + u64::from(chunks[number].raw_len));
        }
        Moved { chunks, kept, starts }
    }

    /// Which of the kept chunks this place of the old raw stream, which is in one, lies in.
    fn chunk_at(&self, old: u64) -> usize {
        self.kept.partition_point(|&number| end_of(&self.chunks[number]) <= old)
    }

    /// A place of the old raw stream, which is in a kept chunk, in the new one.
    fn place(&self, old: u64) -> u64 {
        let chunk = self.chunk_at(old);
        self.starts[chunk] + (old - self.chunks[self.kept[chunk]].raw_start)
    }

    /// Runs of kept chunks that have the mixer's parameters in common.
    pub(super) fn runs(&self) -> Vec<(CoderParams, Range<usize>)> {
        let mut runs: Vec<(CoderParams, Range<usize>)> = Vec::new();
        for (at, &number) in self.kept.iter().enumerate() {
            let mixer = self.chunks[number].mixer;
            match runs.last_mut().filter(|(last, _)| *last == mixer) {
                Some((_, range)) => range.end = at + 1,
                None => runs.push((mixer, at..at + 1)),
            }
        }
        runs
    }

    /// Where a run of kept chunks ends.
    pub(super) fn end(&self, run: &Range<usize>) -> u64 {
        self.starts[run.end]
    }

    /// The first of the kept chunks that has bytes of this file which repeat nothing.
    pub(super) fn first_chunk(&self, layout: &Layout, file: &Entry) -> Option<usize> {
        let raw = span(file).into_iter().flat_map(|span| layout.raw_ranges(span)).find(|raw| !raw.is_repeat)?;
        Some(self.chunk_at(raw.start))
    }

    /// The repeats and gaps of a file behind `cursor`, which is moved on.
    pub(super) fn repeats(&self, layout: &Layout, file: &Entry, cursor: &mut u64) -> Vec<Repeat> {
        let mut repeats = Vec::new();
        for raw in span(file).into_iter().flat_map(|span| layout.raw_ranges(span)) {
            let (from, len) = (self.place(raw.start), raw.end - raw.start);
            // Bytes that nobody needs lie before; those that a repeat names, before the repeat.
            let at = if raw.is_repeat { from + len } else { from };
            if at > *cursor {
                repeats.push(Repeat::gap(*cursor..at));
                *cursor = at;
            }
            match raw.is_repeat {
                true => repeats.push(Repeat { place: *cursor, from, len }),
                false => *cursor = from + len,
            }
        }
        repeats
    }
}

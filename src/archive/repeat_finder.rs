//! Long repeats: what a file has in common with content that was packed before it.
//!
//! A codec sees one chunk only, so it pays again for what stands in another. This pass finds such repeats before the
//! codec and takes them out of the raw stream. The scheme is that of `zstd --long` and lrzip: positions whose rolling
//! hash has a certain form are anchors; a table maps their hashes to places, and each candidate is compared byte by
//! byte, so that no hash is trusted. The rolling hash is a gear hash (Xia et al., "FastCDC", 2016): one shift and one
//! addition per byte, and a byte leaves it by itself after 64 steps.

use std::collections::BTreeSet;
use std::ops::Range;

/// The shortest repeat of another chunk that is taken out. Shorter ones cost as much as the model makes of them.
const SHORTEST: usize = 256;

/// The shortest repeat within the chunk being filled. There the match model of the mixer predicts what repeats, for
/// about as many bytes as naming the place; what is saved is time.
const SHORTEST_WITHIN: usize = 4096;

/// A repeat that ends where its source runs into itself must be this long: a run of one byte becomes few long repeats
/// instead of many short ones.
const SHORTEST_OF_RUN: usize = 64 << 10;

/// Bytes that the rolling hash covers.
const HASHED: usize = 64;

/// One position of this many is an anchor: a repeat of 256 bytes has 192 of them to be found by, and is missed once
/// in 440 times.
const SPACING_BITS: u32 = 5;

/// Other chunks that one file may refer to, and bytes of content that allow it another. So whoever reads one file
/// decodes a bounded number of chunks.
const OTHER_CHUNKS: u64 = 4;
const CONTENT_PER_OTHER: u64 = 256 << 10;

/// A part of a piece of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes of the piece go into the raw stream.
    Fresh(Range<usize>),
    /// The next `len` bytes are those of the raw stream from `from` on.
    Repeat { from: u64, len: usize },
}

/// Finds what repeats in a window of the raw stream.
#[derive(Debug)]
pub(super) struct RepeatFinder {
    /// The last bytes of the raw stream: byte `n` lies at `n` modulo the length, which is a power of two.
    window: Vec<u8>,
    /// Bytes of the raw stream so far.
    end: u64,
    /// The most bytes that there ever were: the window holds none before this less its length.
    highest: u64,
    /// Places where the hashed bytes of an anchor end, by hash; only the lower 32 bits. A place may be stale.
    anchors: Vec<u32>,
    /// Where each chunk begins that has been begun; the last one is being filled.
    chunks: Vec<u64>,
    /// Other chunks that the present file refers to.
    others: BTreeSet<usize>,
    /// Bytes of the present file so far.
    content: u64,
    /// Where the source of a repeat ended that reached the end of the last piece.
    open: Option<u64>,
    hash: u64,
    /// Bytes of the present file that the hash has seen since the last repeat.
    hashed: usize,
}

/// Random numbers for the 256 bytes: splitmix64 (Steele, Lea and Flood 2014) of 1, 2, 3 ….
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut state = 0u64;
    let mut byte = 0;
    while byte < 256 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        gear[byte] = z ^ (z >> 31);
        byte += 1;
    }
    gear
};

impl RepeatFinder {
    /// A finder for at most `expected` bytes that takes at most `memory` bytes. `None` where that is too little to be
    /// of use.
    pub(super) fn new(expected: u64, memory: u64) -> Option<Self> {
        if expected < SHORTEST as u64 * 2 {
            return None;
        }
        // The anchors take a quarter of the window's bytes.
        let most = (memory / 5 * 4).min(1 << 31);
        let window = expected.next_power_of_two().min(most.checked_add(1)?.next_power_of_two() / 2);
        let window = usize::try_from(window).ok().filter(|&bytes| bytes >= 1 << 12)?;
        Some(RepeatFinder {
            window: vec![0; window],
            end: 0,
            highest: 0,
            // Twice the expected number of anchors.
            anchors: vec![0; (window >> SPACING_BITS) * 2],
            chunks: vec![0],
            others: BTreeSet::new(),
            content: 0,
            open: None,
            hash: 0,
            hashed: 0,
        })
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> u64 {
        (self.window.len() + size_of_val(&self.anchors[..])) as u64
    }

    /// Bytes back that a repeat may reach.
    pub(super) fn reach(&self) -> u64 {
        self.window.len() as u64
    }

    /// What follows is another file.
    pub(super) fn begin_file(&mut self) {
        self.others.clear();
        (self.content, self.open, self.hash, self.hashed) = (0, None, 0, 0);
    }

    /// What follows goes into the next chunk.
    pub(super) fn begin_chunk(&mut self) {
        if self.chunks.last().is_some_and(|&start| start < self.end) {
            self.chunks.push(self.end);
        }
    }

    /// Takes back the raw stream from `end` on, which lies in the chunk being filled.
    pub(super) fn truncate(&mut self, end: u64) {
        self.end = end;
    }

    /// Splits the next piece of the present file. The piece must be no longer than the window.
    pub(super) fn split(&mut self, piece: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        // Bytes that are dealt with, and bytes that the hash has seen.
        let (mut done, mut at) = (0, 0);
        if let Some(from) = self.open.take() {
            let len = self.allowed(from, self.equal_after(from, piece, self.end));
            if len > 0 {
                self.take(&mut parts, from, len);
                (done, at) = (len, len);
            }
        }
        while at < piece.len() {
            let byte = piece[at];
            self.hash = (self.hash << 1).wrapping_add(GEAR[usize::from(byte)]);
            self.hashed += 1;
            at += 1;
            // A run of one byte has this hash, and no other. It has anchors, but few: each of them costs a comparison
            // of all that the run has so far.
            let is_run = self.hash == GEAR[usize::from(byte)].wrapping_neg();
            let is_anchor = match is_run {
                true => self.hashed.is_multiple_of(HASHED),
                false => self.hash >> (64 - SPACING_BITS) == 0,
            };
            if self.hashed < HASHED || !is_anchor {
                continue;
            }
            self.keep(&mut parts, piece, done..at);
            done = at;
            let slot = (self.hash as usize) & (self.anchors.len() - 1);
            let place = self.place(self.anchors[slot]);
            let equal = place.map_or(0, |place| self.equal_before(place, &parts));
            if let Some(place) = place.filter(|_| equal >= HASHED)
                && let Some(len) = self.repeat(&mut parts, place, equal, &piece[at..])
            {
                at += len;
                done = at;
            } else if equal < HASHED && !(is_run && fresh(&parts) < HASHED) {
                // Of equal places the first stays: it lies in the earliest chunk, and a run has most room after it.
                self.anchors[slot] = self.end as u32;
            }
        }
        self.keep(&mut parts, piece, done..piece.len());
        self.content += piece.len() as u64;
        parts
    }

    /// Takes the bytes that end at `at` and before it, `equal` of them like those before `place`, and those that
    /// follow and are equal, too, for a repeat if that is worth it. Returns how many bytes follow.
    fn repeat(&mut self, parts: &mut Vec<Part>, place: u64, equal: usize, rest: &[u8]) -> Option<usize> {
        let equal = equal.min((self.end - place) as usize);
        let (from, start) = (place - equal as u64, self.end - equal as u64);
        let follow = self.equal_after(place, rest, start);
        let len = equal + follow;
        let is_within = self.chunks.last().is_none_or(|&chunk| from >= chunk);
        let shortest = match () {
            () if from + len as u64 == start => SHORTEST_OF_RUN,
            () if is_within => SHORTEST_WITHIN,
            () => SHORTEST,
        };
        let len = if len < shortest { 0 } else { self.allowed(from, len) };
        if len < shortest || len < equal {
            return None;
        }
        // The bytes before are fresh no more.
        self.end = start;
        let Some(Part::Fresh(range)) = parts.last_mut() else { return None };
        range.end -= equal;
        if range.start == range.end {
            parts.pop();
        }
        self.take(parts, from, len);
        Some(len - equal)
    }

    /// Adds a repeat.
    fn take(&mut self, parts: &mut Vec<Part>, from: u64, len: usize) {
        let chunks = self.chunk_of(from)..=self.chunk_of(from + len as u64 - 1);
        self.others.extend(chunks.filter(|&chunk| chunk + 1 < self.chunks.len()));
        parts.push(Part::Repeat { from, len });
        (self.open, self.hash, self.hashed) = (Some(from + len as u64), 0, 0);
    }

    /// Adds fresh bytes.
    fn keep(&mut self, parts: &mut Vec<Part>, piece: &[u8], range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        for part in piece[range.clone()].chunks(self.window.len()) {
            let at = self.at(self.end);
            let (first, second) = part.split_at(part.len().min(self.window.len() - at));
            self.window[at..at + first.len()].copy_from_slice(first);
            self.window[..second.len()].copy_from_slice(second);
            self.end += part.len() as u64;
        }
        self.highest = self.highest.max(self.end);
        self.open = None;
        match parts.last_mut() {
            Some(Part::Fresh(fresh)) => fresh.end = range.end,
            Some(Part::Repeat { .. }) | None => parts.push(Part::Fresh(range)),
        }
    }

    /// How many of `len` bytes from `from` on a file may repeat that refers to so many other chunks already.
    fn allowed(&self, from: u64, len: usize) -> usize {
        let most = OTHER_CHUNKS + self.content / CONTENT_PER_OTHER;
        let mut count = self.others.len() as u64;
        let mut end = from;
        let whole = from + len as u64;
        while end < whole {
            let chunk = self.chunk_of(end);
            let next = self.chunks.get(chunk + 1).copied();
            if next.is_some() && !self.others.contains(&chunk) {
                count += 1;
                if count > most {
                    break;
                }
            }
            end = next.unwrap_or(whole).min(whole);
        }
        (end - from) as usize
    }

    /// The chunk that the byte at `place` lies in.
    fn chunk_of(&self, place: u64) -> usize {
        self.chunks.partition_point(|&start| start <= place).saturating_sub(1)
    }

    /// The place that an anchor names, if its hashed bytes are in the window.
    fn place(&self, anchor: u32) -> Option<u64> {
        let back = (self.end as u32).wrapping_sub(anchor);
        let place = self.end.checked_sub(u64::from(back)).filter(|_| back > 0)?;
        let first = self.highest.saturating_sub(self.window.len() as u64);
        (place >= first + HASHED as u64).then_some(place)
    }

    /// How many bytes before `place` are like the last ones that are fresh.
    fn equal_before(&self, place: u64, parts: &[Part]) -> usize {
        let Some(Part::Fresh(fresh)) = parts.last() else { return 0 };
        let first = self.highest.saturating_sub(self.window.len() as u64);
        let most = fresh.len().min((place - first) as usize);
        let equal = |&back: &usize| {
            self.window[self.at(place - 1 - back as u64)]
                == self.window[self.at(self.end - 1 - back as u64)]
        };
        (0..most).take_while(equal).count()
    }

    /// How many bytes of `next` are like those from `place` on, which end at `end` at most.
    fn equal_after(&self, place: u64, next: &[u8], end: u64) -> usize {
        let most = next.len().min(end.saturating_sub(place) as usize);
        let equal = |(ahead, byte): &(usize, &u8)| {
            self.window[self.at(place + *ahead as u64)] == **byte
        };
        next[..most].iter().enumerate().take_while(equal).count()
    }

    fn at(&self, place: u64) -> usize {
        place as usize & (self.window.len() - 1)
    }
}

/// How many bytes of a piece are fresh at its end so far. Those of the piece before do not count.
fn fresh(parts: &[Part]) -> usize {
    match parts.last() {
        Some(Part::Fresh(range)) => range.len(),
        Some(Part::Repeat { .. }) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that repeat nothing.
    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect()
    }

    /// Splits files in pieces into chunks of `chunk` bytes; returns the raw stream and the repeats.
    fn split(files: &[Vec<u8>], piece: usize, chunk: u64, memory: u64) -> (Vec<u8>, Vec<(u64, usize)>) {
        let expected = files.iter().map(|file| file.len() as u64).sum();
        let mut finder = RepeatFinder::new(expected, memory).unwrap();
        let (mut raw, mut repeats) = (Vec::new(), Vec::new());
        let mut chunk_end = chunk;
        for file in files {
            finder.begin_file();
            let mut content: Vec<u8> = Vec::new();
            for piece in file.chunks(piece) {
                if raw.len() as u64 >= chunk_end {
                    finder.begin_chunk();
                    chunk_end = raw.len() as u64 + chunk;
                }
                for part in finder.split(piece) {
                    match part {
                        Part::Fresh(range) => {
                            raw.extend(&piece[range.clone()]);
                            content.extend(&piece[range]);
                        }
                        Part::Repeat { from, len } => {
                            assert!(from + len as u64 <= raw.len() as u64, "it is all there");
                            assert!(raw.len() as u64 - from <= finder.reach());
                            content.extend(&raw[from as usize..][..len]);
                            match repeats.last_mut() {
                                Some((first, before)) if *first + *before as u64 == from => *before += len,
                                _ => repeats.push((from, len)),
                            }
                        }
                    }
                }
            }
            assert!(content == *file, "the parts make the file");
        }
        (raw, repeats)
    }

    #[test]
    fn what_stands_in_another_chunk_is_taken_out() {
        let (a, b) = (noise(1, 50_000), noise(2, 700));
        let second = [&a[..20_000], &b, &a[20_100..]].concat();
        let (raw, repeats) = split(&[a, second], 4096, 20_000, 1 << 20);
        assert_eq!(repeats.iter().map(|(_, len)| len).sum::<usize>(), 49_900);
        assert_eq!(raw.len(), 50_700);
    }

    #[test]
    fn a_file_refers_to_few_chunks() {
        let a = noise(1, 100_000);
        // Pieces out of 20 chunks.
        let mixed: Vec<u8> = a.chunks(5000).flat_map(|chunk| &chunk[..1000]).copied().collect();
        let (_, repeats) = split(&[a, mixed], 1000, 5000, 1 << 20);
        let chunks: BTreeSet<u64> = repeats.iter().map(|(from, _)| from / 5000).collect();
        assert_eq!(chunks.len() as u64, OTHER_CHUNKS);
    }

    #[test]
    fn a_run_becomes_few_repeats() {
        for byte in [0, 1, 255] {
            let (raw, repeats) = split(&[vec![byte; 4 << 20]], 1 << 16, 1 << 20, 64 << 20);
            assert!(raw.len() < 256 << 10, "{byte}: {}", raw.len());
            assert!(repeats.len() < 100, "{byte}: {}", repeats.len());
        }
    }

    #[test]
    fn what_is_taken_back_is_not_referred_to() {
        let mut finder = RepeatFinder::new(1 << 16, 1 << 20).unwrap();
        let a = noise(1, 10_000);
        finder.split(&a);
        finder.truncate(0);
        finder.begin_file();
        assert_eq!(finder.split(&a), [Part::Fresh(0..10_000)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Files made of a few blocks, in a window that may be too small for them.
        #[test]
        fn the_parts_make_the_file(
            blocks in proptest::collection::vec((0u64..6, 0usize..3000, 0usize..9000), 1..30),
            piece in 1usize..5000,
            chunk in 1000u64..20_000,
            memory in 1u64 << 14..1 << 20,
        ) {
            let block = |&(seed, from, len): &(u64, usize, usize)| match seed {
                0 => vec![0; len],
                _ => noise(seed, 12_000)[from..from + len].to_vec(),
            };
            let files: Vec<Vec<u8>> = blocks.chunks(3).map(|file| file.iter().flat_map(block).collect()).collect();
            prop_assume!(files.iter().map(Vec::len).sum::<usize>() > 4096);
            split(&files, piece, chunk, memory);
        }
    }
}

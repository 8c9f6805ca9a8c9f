//! In which order files go into the raw stream, and where it is cut into chunks.
//!
//! Similar files stand together: by kind, by language or format, then by path, because files of
//! one directory are often about the same things. The stream is cut as evenly as the chunk size allows,
//! preferably between files. All of it follows from names, sizes and content alone.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::base::{Base, Original};
use super::classify::{Family, Kind, SAMPLE, classify};
use super::found::{Found, FoundKind};
use crate::{Progress, Result};

/// A file's place in the order.
#[derive(Debug)]
pub(super) struct Planned {
    /// Its place in the list of what was found.
    pub(crate) found: usize,
    pub(crate) size: u64,
    /// An earlier file that had this content when it was planned.
    pub(super) copy: Option<Earlier>,
    family: Family,
}

/// A file before another one of the same content.
#[derive(Debug, Clone, Copy)]
pub(super) enum Earlier {
    /// One to be packed, by its place in the order, and the hash of its content.
    Planned(usize, [u8; 32]),
    /// One that the archive has already.
    There(Original),
}

impl Planned {
    /// Bytes it adds to the raw stream if it does not change until then.
    fn own(&self) -> u64 {
        if self.copy.is_some() { 0 } else { self.size }
    }
}

/// The order of files and the cuts between chunks.
#[derive(Debug)]
pub(super) struct Plan {
    pub(crate) files: Vec<Planned>,
    pub(crate) cuts: VecDeque<Cut>,
}

/// Where a chunk ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The place of a file in the order.
    pub(crate) file: usize,
    /// The cut comes after this many of its bytes.
    pub(crate) after: u64,
    /// The planned length of the next chunk, where it holds the same kind of content.
    pub(crate) alike: Option<u64>,
}

impl Plan {
    /// Bytes of the whole raw stream if no file changes until it is packed.
    pub(crate) fn raw_len(&self) -> u64 {
        self.files.iter().map(Planned::own).sum()
    }
}

/// Looks into every file and orders them all. Files that cannot be read stay where their names put
/// them; packing them will say what is wrong.
pub(super) fn plan(found: &[Found], base: &Base, chunk_size: u64, progress: &Progress) -> Result<Plan> {
    let mut files = Vec::new();
    let mut samples: HashMap<(u64, u32), u32> = HashMap::new();
    let mut keys = HashMap::new();
    for (index, item) in found.iter().enumerate() {
        let FoundKind::File { size } = item.kind else { continue };
        progress.check()?;
        if let Some(&original) = base.same.get(&item.path) {
            let (copy, family) = (Some(Earlier::There(original)), classify(&item.path, &[]));
            files.push(Planned { found: index, size, copy, family });
            continue;
        }
        let sample = if size == 0 { Vec::new() } else { sample(item).unwrap_or_default() };
        let family = classify(&item.path, &sample);
        if size > 0 {
            let key = (size, crc32fast::hash(&sample));
            *samples.entry(key).or_default() += 1;
            keys.insert(index, key);
        }
        files.push(Planned { found: index, size, copy: None, family });
    }
    // What was found is sorted by path, and this sort is stable.
    files.sort_by(|a, b| a.family.cmp(&b.family));
    // Only files of the same length that begin alike, or have the length of one in the archive, are read whole.
    keys.retain(|_, key| samples.get(key).is_some_and(|&count| count > 1) || base.has_size(key.0));
    find_copies(found, &mut files, base, |index| keys.contains_key(&index), progress)?;
    let mut cuts: VecDeque<Cut> = cuts(&files, chunk_size);
    measure(&files, &mut cuts);
    Ok(Plan { files, cuts })
}

fn sample(item: &Found) -> io::Result<Vec<u8>> {
    let mut sample = Vec::new();
    item.open()?.take(SAMPLE as u64).read_to_end(&mut sample)?;
    Ok(sample)
}

/// Marks every candidate that has the content of one before it.
fn find_copies(
    found: &[Found],
    files: &mut [Planned],
    base: &Base,
    is_candidate: impl Fn(usize) -> bool,
    progress: &Progress,
) -> Result<()> {
    let mut seen: HashMap<[u8; 32], usize> = HashMap::new();
    for (place, file) in files.iter_mut().enumerate() {
        if !is_candidate(file.found) {
            continue;
        }
        let Ok(hash) = hash_file(&found[file.found], file.size, progress)? else { continue };
        match (base.find(&hash), seen.get(&hash)) {
            (Some(original), _) => file.copy = Some(Earlier::There(original)),
            (None, Some(&original)) => file.copy = Some(Earlier::Planned(original, hash)),
            (None, None) => _ = seen.insert(hash, place),
        }
    }
    Ok(())
}

/// SHA-256 of the file's first `size` bytes. The outer error is a request to stop, the inner one
/// the file's.
pub(super) fn hash_file(item: &Found, size: u64, progress: &Progress) -> Result<io::Result<[u8; 32]>> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut file = match item.open() {
        Ok(file) => file.take(size),
        Err(error) => return Ok(Err(error)),
    };
    loop {
        progress.check()?;
        match file.read(&mut buffer) {
            Ok(0) if file.limit() == 0 => return Ok(Ok(hasher.finalize().into())),
            Ok(0) => return Ok(Err(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Kinds that share chunks: what deserves a language model, what does not, and what nothing helps.
fn stream(kind: Kind) -> u8 {
    match kind {
        Kind::Prose | Kind::Markup | Kind::Code | Kind::Data | Kind::Log => 0,
        Kind::Binary => 1,
        Kind::Packed => 2,
    }
}

/// Bytes of a stream that are worth a chunk of their own: a codec is chosen per chunk, and another
/// chunk costs about 32 bytes.
const WORTH: u64 = 512;

/// Where to cut: always between streams that are worth a chunk of their own, and within one into
/// pieces of about the same size, about as few as the chunk size allows.
fn cuts(files: &[Planned], chunk_size: u64) -> VecDeque<Cut> {
    let mut cuts = VecDeque::new();
    for (range, len) in segments(files, (chunk_size / 16).clamp(1, WORTH)) {
        if let Some(before) = range.start.checked_sub(1) {
            cuts.push_back(Cut { file: before, after: files[before].own(), alike: None });
        }
        cut_evenly(files, range, len, chunk_size, &mut cuts);
    }
    cuts
}

/// Fills in the lengths of chunks.
fn measure(files: &[Planned], cuts: &mut VecDeque<Cut>) {
    let (mut place, mut start) = (0, 0);
    let mut position = |file: usize, after: u64| {
        start += files[place..file].iter().map(Planned::own).sum::<u64>();
        place = file;
        start + after
    };
    let mut ends: Vec<u64> = cuts.iter().map(|cut| position(cut.file, cut.after)).collect();
    ends.push(files.iter().map(Planned::own).sum());
    for (cut, ends) in cuts.iter_mut().zip(ends.windows(2)) {
        cut.alike = cut.alike.map(|_| ends[1] - ends[0]);
    }
}

/// Runs of files of one stream with their lengths; a run shorter than `worth` joins the one before
/// it or after it.
fn segments(files: &[Planned], worth: u64) -> Vec<(Range<usize>, u64)> {
    let mut runs: Vec<(Range<usize>, u64)> = Vec::new();
    for (place, file) in files.iter().enumerate() {
        match runs.last_mut() {
            Some((range, len))
                if stream(files[range.start].family.kind) == stream(file.family.kind) =>
            {
                range.end = place + 1;
                *len += file.own();
            }
            _ => runs.push((place..place + 1, file.own())),
        }
    }
    let mut joined: Vec<(Range<usize>, u64)> = Vec::new();
    for (range, len) in runs {
        match joined.last_mut() {
            Some((before, before_len)) if *before_len < worth || len < worth => {
                before.end = range.end;
                *before_len += len;
            }
            _ => joined.push((range, len)),
        }
    }
    joined
}

/// How many chunks to cut a stream into that needs `least`: a number that two workers, or four, can
/// share evenly. Seven chunks take two workers as long as eight.
fn pieces(least: u64) -> u64 {
    match least {
        0..=2 => least,
        _ => least.next_multiple_of(4),
    }
}

/// Cuts the files of `range`, `len` bytes in all.
fn cut_evenly(
    files: &[Planned],
    range: Range<usize>,
    len: u64,
    chunk_size: u64,
    cuts: &mut VecDeque<Cut>,
) {
    let (mut position, mut left) = (range.start, len);
    let mut within = 0; // bytes of the file at `position` that lie before the last cut
    let mut pieces = pieces(len.div_ceil(chunk_size)).min(len);
    while pieces > 1 {
        let ideal = left.div_ceil(pieces);
        let slack = ideal / 4;
        pieces -= 1;
        // What remains must still fit the other pieces.
        let least = (ideal - slack).max(left.saturating_sub(pieces * chunk_size));
        let most = (ideal + slack).min(chunk_size);
        let mut best: Option<((bool, u64), usize, u64)> = None;
        let mut before = 0; // bytes since the last cut, up to the end of the file looked at
        let mut exact = (position, within);
        for (place, file) in files.iter().enumerate().take(range.end).skip(position) {
            let rest = file.own() - if place == position { within } else { 0 };
            if before < ideal {
                exact = (place, file.own() - rest + (ideal - before).min(rest));
            }
            before += rest;
            if before > most {
                break;
            }
            if before >= least {
                let between_families =
                    files.get(place + 1).is_some_and(|next| next.family != file.family);
                let score = (!between_families, before.abs_diff(ideal));
                if best.as_ref().is_none_or(|(least, ..)| score < *least) {
                    best = Some((score, place, before));
                }
            }
        }
        let piece = match best {
            Some((_, place, piece)) => {
                cuts.push_back(Cut { file: place, after: files[place].own(), alike: Some(0) });
                (position, within) = (place + 1, 0);
                piece
            }
            None => {
                cuts.push_back(Cut { file: exact.0, after: exact.1, alike: Some(0) });
                (position, within) = exact;
                ideal
            }
        };
        left -= piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn planned(kind: Kind, name: &str, size: u64) -> Planned {
        let family = Family { kind, name: name.into() };
        Planned { found: 0, size, copy: None, family }
    }

    /// The lengths of the chunks that `cuts` make of `files`.
    fn pieces(files: &[Planned], chunk_size: u64) -> Vec<u64> {
        let starts: Vec<u64> = (files.iter())
            .scan(0, |sum, file| {
                *sum += file.own();
                Some(*sum - file.own())
            })
            .collect();
        let mut ends: Vec<u64> =
            cuts(files, chunk_size).iter().map(|cut| starts[cut.file] + cut.after).collect();
        ends.push(files.iter().map(Planned::own).sum());
        let mut last = 0;
        ends.iter().map(|&end| end - std::mem::replace(&mut last, end)).collect()
    }

    #[test]
    fn cuts_evenly_and_between_files_where_it_can() {
        let one = |size| pieces(&[planned(Kind::Prose, "", size)], 1000);
        assert_eq!(one(0), [0]);
        assert_eq!(one(1000), [1000]);
        assert_eq!(one(1001), [501, 500]);
        assert_eq!(one(1999), [1000, 999]);
        assert_eq!(one(2999), [750, 750, 750, 749], "four workers have as much to do as two");
        assert_eq!(one(4001).len(), 8);
        let many: Vec<_> = (0..15).map(|_| planned(Kind::Prose, "", 100)).collect();
        assert_eq!(pieces(&many, 1000), [700, 800]);
        // A border between families is worth some unevenness.
        let two = [
            planned(Kind::Code, "c", 300),
            planned(Kind::Code, "c", 300),
            planned(Kind::Code, "rs", 300),
            planned(Kind::Code, "rs", 250),
            planned(Kind::Code, "rs", 250),
        ];
        assert_eq!(pieces(&two, 1000), [600, 800]);
    }

    #[test]
    fn streams_are_kept_apart_when_they_are_worth_it() {
        let files =
            |text, packed| [planned(Kind::Prose, "", text), planned(Kind::Packed, "", packed)];
        assert_eq!(pieces(&files(500, 300), 1000), [500, 300]);
        assert_eq!(pieces(&files(500, 30), 1000), [530]);
        assert_eq!(pieces(&files(30, 500), 1000), [530]);
        assert_eq!(pieces(&files(0, 500), 1000), [500]);
        assert_eq!(
            pieces(&files(0, 1), 1),
            [1],
            "a chunk of nothing is worth none, however small chunks are"
        );
    }

    proptest! {
        #[test]
        fn no_chunk_is_empty_or_too_large(
            sizes in proptest::collection::vec((0u8..3, 0u64..3000), 1..40),
            chunk_size in 1u64..2000,
        ) {
            let kinds = [Kind::Prose, Kind::Binary, Kind::Packed];
            let mut files: Vec<_> =
                sizes.iter().map(|&(kind, size)| planned(kinds[kind as usize], "", size)).collect();
            files.sort_by(|a, b| a.family.cmp(&b.family));
            let total: u64 = sizes.iter().map(|(_, size)| size).sum();
            let pieces = pieces(&files, chunk_size);
            prop_assert_eq!(pieces.iter().sum::<u64>(), total);
            prop_assert!(total == 0 || pieces.iter().all(|&len| 0 < len && len <= chunk_size));
            prop_assert!(pieces.len() as u64 <= total.div_ceil(chunk_size).max(1) + 3 * 4);
        }
    }
}

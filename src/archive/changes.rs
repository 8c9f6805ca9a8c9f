//! What of the things that were found an archive has already, as they are.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};

use super::base::Base;
use super::contents::Contents;
use super::decode::Piece;
use super::found::{Found, FoundKind};
use super::plan::hash_file;
use super::read::Archive;
use super::walk::Walk;
use crate::format::{Check, Entry, EntryKind, lower_half};
use crate::{Progress, Result};

/// How a thing that was found stands to the entry at its path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is as the archive has it.
    Same,
    /// Its content is; its permissions or its time are not.
    Touched,
    /// It is another.
    Changed,
}

/// Takes out of `walk` what the archive has already, and notes in `base` which entries go for the rest. Returns how many
/// there were.
///
/// A file of the same size and time counts as the same. With `by_content`, and where the stored time is not the file's
/// own, its content is compared instead; a time that alone is another does not count then.
pub(super) fn take_unchanged(
    walk: &mut Walk,
    archive: &Archive,
    base: &mut Base,
    by_content: bool,
    progress: &Progress,
) -> Result<u64> {
    let is_by_content = |item: &Found| by_content || item.stored_mtime != item.mtime;
    let same_content = compare_contents(walk, archive, is_by_content, progress)?;
    let found = std::mem::take(&mut walk.found);
    let count = found.len();
    for (number, item) in found.into_iter().enumerate() {
        let entry = archive.entry(&item.path);
        let state = match entry {
            Some(entry) if is_by_content(&item) => {
                state(&item, entry, same_content.contains(&number), true)
            }
            Some(entry) => state(&item, entry, item.stored_mtime == entry.mtime, false),
            None => State::Changed,
        };
        if state == State::Same {
            continue;
        }
        if let Some(entry) = entry.filter(|_| state == State::Touched)
            && let Some(original) = base.original(entry)
        {
            base.same.insert(item.path.clone(), original);
        }
        let gone = replaced(&item, archive);
        if !gone.is_empty() {
            base.replaced.insert(item.path.clone(), gone);
        }
        walk.found.push(item);
    }
    Ok((count - walk.found.len()) as u64)
}

/// How `item` stands to `entry`. For a file `is_same` says whether its content is, if the size is.
fn state(item: &Found, entry: &Entry, is_same: bool, is_time_free: bool) -> State {
    let has_metadata = item.mode == entry.mode && (is_time_free || item.stored_mtime == entry.mtime);
    match (&item.kind, &entry.kind) {
        (FoundKind::File { size }, EntryKind::File { size: stored, .. }) => {
            match (size == stored && is_same, has_metadata) {
                (true, true) => State::Same,
                (true, false) => State::Touched,
                (false, _) => State::Changed,
            }
        }
        (FoundKind::Directory, EntryKind::Directory) if has_metadata => State::Same,
        (FoundKind::Symlink { target }, EntryKind::Symlink { target: stored }) if target == stored => {
            State::Same
        }
        _ => State::Changed,
    }
}

/// The paths of entries that cannot stay beside `item`: the one at its path, those below it unless both are directories,
/// and what is no directory in the place of one above it.
fn replaced(item: &Found, archive: &Archive) -> Vec<String> {
    let mut gone: Vec<String> = archive.entry(&item.path).map(|entry| entry.path.clone()).into_iter().collect();
    if !matches!(item.kind, FoundKind::Directory) {
        gone.extend(archive.below(&item.path).iter().map(|entry| entry.path.clone()));
    }
    let above = item.path.match_indices('/').map(|(end, _)| &item.path[..end]);
    let no_directory = |entry: &&Entry| !matches!(entry.kind, EntryKind::Directory);
    gone.extend(above.filter_map(|path| archive.entry(path)).filter(no_directory).map(|entry| entry.path.clone()));
    gone
}

/// The numbers of the files, among those to be compared by content, that have what the archive has at their paths.
fn compare_contents(
    walk: &Walk,
    archive: &Archive,
    is_by_content: impl Fn(&Found) -> bool,
    progress: &Progress,
) -> Result<BTreeSet<usize>> {
    let mut same = BTreeSet::new();
    let mut small = Vec::new();
    for (number, item) in walk.found.iter().enumerate() {
        let (FoundKind::File { size }, Some(entry)) = (&item.kind, archive.entry(&item.path)) else { continue };
        let EntryKind::File { size: stored, check, .. } = entry.kind else { continue };
        if *size != stored || !is_by_content(item) {
            continue;
        }
        match check {
            Check::None => _ = same.insert(number),
            Check::Sha256(sha256) => {
                if hash_file(item, *size, progress)?.is_ok_and(|hash| hash == sha256) {
                    same.insert(number);
                }
            }
            // Half a checksum proves that they differ, but not that they are the same.
            Check::Crc(crc) => {
                let content = read_small(item, stored);
                if let Ok(content) = content
                    && lower_half(crc32fast::hash(&content)) == crc
                {
                    small.push((number, entry, content));
                }
            }
        }
    }
    compare_small(&small, archive, &mut same, progress)?;
    Ok(same)
}

/// Decodes the small files that seem to be the same, and compares.
fn compare_small(
    small: &[(usize, &Entry, Vec<u8>)],
    archive: &Archive,
    same: &mut BTreeSet<usize>,
    progress: &Progress,
) -> Result<()> {
    let contents = Contents::of(small.iter().map(|(_, entry, _)| *entry));
    let mut by_place: HashMap<u64, Vec<(usize, &[u8])>> = HashMap::new();
    for (number, entry, content) in small {
        by_place.entry(entry.content_start()).or_default().push((*number, content));
    }
    let mut decoded: Vec<u8> = Vec::new();
    archive.decode(&contents.distinct, progress, false, None, |entry, piece, is_last| {
        let (Piece::Bytes(bytes) | Piece::There(bytes)) = piece else { return Ok(()) };
        decoded.extend(bytes);
        if is_last {
            let content = std::mem::take(&mut decoded);
            let others = by_place.get(&entry.content_start()).into_iter().flatten();
            same.extend(others.filter(|(_, other)| *other == content).map(|(number, _)| *number));
        }
        Ok(())
    })
}

fn read_small(item: &Found, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    item.open()?.take(size + 1).read_to_end(&mut content)?;
    Ok(content)
}

//! Small files, held to the SHA-256 that those of a table have together.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::Error;
use crate::format::{Check, Entry, EntryKind, Group, GroupHasher};

/// Takes in small files as they are decoded, and compares when all of a table have come. Where only some are wanted,
/// nothing can be compared; each has a checksum of its own.
#[derive(Debug, Default)]
pub(crate) struct GroupVerifier<'e> {
    /// The group of the last file, by its number.
    group: usize,
    hasher: GroupHasher,
    /// The group's files so far.
    files: Vec<&'e Entry>,
    /// What has come of a file.
    file: Sha256,
    /// Where the last file ends in the content stream.
    end: u64,
}

impl<'e> GroupVerifier<'e> {
    /// Takes in the next bytes of a file.
    pub(crate) fn update(&mut self, entry: &Entry, bytes: &[u8]) {
        if is_small(entry) {
            self.file.update(bytes);
        }
    }

    /// Takes in what is read of a file.
    pub(crate) fn watch<'v, R: Read>(&'v mut self, entry: &'v Entry, reader: R) -> impl Read + use<'v, 'e, R> {
        Watched { verifier: self, entry, reader }
    }

    /// Forgets what has come of a file, for the rest of it does not.
    pub(crate) fn forget(&mut self) {
        self.file = Sha256::new();
    }

    /// Ends a file. Files must come in the order of the content stream; one that does not, such as a copy of an earlier
    /// one, does not count. After the last of a group whose SHA-256 is another: the files of that group.
    pub(crate) fn end(&mut self, groups: &[Group], entry: &'e Entry) -> Option<Vec<&'e Entry>> {
        let EntryKind::File { offset, size, .. } = entry.kind else { return None };
        if !is_small(entry) {
            return None;
        }
        let sha256 = std::mem::take(&mut self.file).finalize().into();
        if offset < self.end {
            return None;
        }
        self.end = offset.saturating_add(size);
        let number = groups.partition_point(|group| group.content.end <= offset);
        let group = groups.get(number).filter(|group| group.content.contains(&offset))?;
        if number != self.group {
            (self.group, self.hasher) = (number, GroupHasher::default());
            self.files.clear();
        }
        self.hasher.add(&sha256);
        self.files.push(entry);
        let is_other = self.hasher.files() == group.files && self.hasher.finish() != group.sha256;
        is_other.then(|| std::mem::take(&mut self.files))
    }
}

fn is_small(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File { check: Check::Crc(_), .. })
}

/// What is wrong with these files of one group.
pub(crate) fn mismatch(files: &[&Entry]) -> Error {
    let path = |entry: Option<&&Entry>| entry.map(|entry| entry.path.clone()).unwrap_or_default();
    let (count, first, last) = (files.len(), path(files.first()), path(files.last()));
    Error::corrupt(match count {
        1 => format!("{first:?}: SHA-256 mismatch"),
        _ => format!("SHA-256 mismatch of {count} small files together, {first:?} to {last:?}"),
    })
}

struct Watched<'v, 'e, R> {
    verifier: &'v mut GroupVerifier<'e>,
    entry: &'v Entry,
    reader: R,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        self.verifier.update(self.entry, &buffer[..got]);
        Ok(got)
    }
}

//! Small files, held to the SHA-256 that those of a table have together.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::Error;
use crate::format::{Entry, EntryKind, Group, GroupHasher};

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
        if entry.is_small() {
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
        if !entry.is_small() {
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

#[cfg(all(test, feature = "fs"))]
mod tests {
    use crate::archive::hostile_tests::{file, refusal, with_groups, wrong};
    use crate::{Archive, DecodeOptions, Error, Limits, Progress, UnpackOptions};

    /// Files of which each is what it should be, but not all together, are delivered if damage is to cost only itself. Where
    /// one of them is lost, that says it all.
    #[test]
    fn a_group_that_does_not_fit_puts_its_files_in_doubt() {
        let (small, large) = (["a", "b"].map(|path| file(path, b"small")), vec![b'x'; 5000]);
        let raw = [b"smallsmall".as_slice(), &large].concat();
        let large = file("large", &large);
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = small;
        for (to, first, doubtful) in [("one", first.clone(), [true, true].as_slice()), ("two", wrong(first), &[false])] {
            let bytes = with_groups(&raw, &[first, second.clone(), large.clone()], &[7; 32]);
            let archive = Archive::from_bytes(bytes.clone(), DecodeOptions::default()).unwrap();
            let (options, progress) = (UnpackOptions::default(), Progress::default());
            let (summary, lost) = archive.salvage(&dir.path().join(to), &options, &progress).unwrap();
            assert_eq!(lost.iter().map(|lost| lost.is_doubtful).collect::<Vec<_>>(), doubtful);
            assert_eq!(summary.files + lost.iter().filter(|lost| !lost.is_doubtful).count() as u64, 3);
            let (tested, again) = archive.damaged_files(&progress).unwrap();
            assert_eq!((tested.raw_bytes, again), (summary.raw_bytes, lost));
            for error in refusal(&bytes, Limits::default()) {
                assert!(matches!(error, Error::Corrupt(_)), "{error}");
            }
            // Not all of the group is wanted.
            assert_eq!(archive.read_file("b", &progress).unwrap(), b"small");
        }
    }
}

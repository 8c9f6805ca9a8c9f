//! Files by what their content takes: once for each distinct content, and the copies of it.

use crate::format::{Entry, EntryKind};

/// Files by what their content takes.
#[derive(Debug, Default)]
pub(crate) struct Contents<'e> {
    /// One file for each distinct content, in the order of the raw stream.
    pub(crate) distinct: Vec<&'e Entry>,
    /// Further files, each after the one whose content it shares.
    pub(crate) copies: Vec<(&'e Entry, &'e Entry)>,
    /// Files without any.
    pub(crate) empty: Vec<&'e Entry>,
    /// Bytes of all of them.
    pub(crate) total: u64,
}

impl<'e> Contents<'e> {
    /// The further files that share the content of one of the distinct.
    #[cfg(feature = "fs")]
    pub(crate) fn copies_of<'s>(&'s self, original: &Entry) -> impl Iterator<Item = &'e Entry> + use<'s, 'e> {
        let wanted = original.content_start();
        let first = self.copies.partition_point(|(original, _)| original.content_start() < wanted);
        let same = self.copies[first..].iter().take_while(move |(original, _)| original.content_start() == wanted);
        same.map(|(_, entry)| *entry)
    }

    pub(crate) fn of(entries: impl Iterator<Item = &'e Entry>) -> Self {
        let mut files: Vec<(u64, &Entry)> = Vec::new();
        let mut contents = Contents::default();
        for entry in entries {
            contents.total = contents.total.saturating_add(entry.size());
            match entry.kind {
                EntryKind::File { size: 0, .. } => contents.empty.push(entry),
                EntryKind::File { offset, .. } => files.push((offset, entry)),
                EntryKind::Directory | EntryKind::Symlink { .. } => {}
            }
        }
        files.sort_by_key(|&(offset, _)| offset);
        let mut last = None;
        for (offset, entry) in files {
            match last {
                Some((start, original)) if start == offset => {
                    contents.copies.push((original, entry));
                }
                _ => {
                    contents.distinct.push(entry);
                    last = Some((offset, entry));
                }
            }
        }
        contents
    }
}

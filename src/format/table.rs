//! `ENTS`: a table of entries, column by column so that like stands by like.
//!
//! Everything about where a file's bytes lie is implied: they follow the previous file's in the
//! raw stream. The one exception is a file with the content of an earlier one, which names that
//! one instead of repeating size, place and checksum.

use super::cursor::Cursor;
use super::entry::{Check, Entry, EntryKind, LINK_MODE, SMALL};
use super::group::Group;
use super::gone::GoneList;
use super::packed;
use super::path_column::{PathReader, check_path_len, utf8};
use super::times::read_times;
use crate::{Bound, Error, Limits, Result};

pub(super) const TAG_FILE: u8 = 0;
pub(super) const TAG_DIRECTORY: u8 = 1;
pub(super) const TAG_SYMLINK: u8 = 2;
/// A file whose content is that of an earlier entry.
pub(super) const TAG_COPY: u8 = 3;

/// Bytes an entry takes at the very least: tag, two lengths of its path, length of its target.
const MIN_ENTRY: usize = 4;

const WHAT: &str = "section ENTS";

/// All entries read so far, and what the next table builds on.
#[derive(Debug, Default)]
pub(crate) struct EntryList {
    /// In archive order.
    pub(crate) entries: Vec<Entry>,
    /// Raw bytes that belong to files so far.
    pub(crate) owned: u64,
    /// The small files of each table that has some.
    pub(crate) groups: Vec<Group>,
    /// Memory the entries take, about.
    memory: u64,
    /// Entries before this one cannot be counted back to, for some between are lost.
    first_known: Option<usize>,
    /// Which entries are gone.
    pub(crate) gone: GoneList,
}

/// The place of a file whose content is that of a lost entry. No file is there: its end would overflow.
const UNKNOWN: u64 = u64::MAX;

impl EntryList {
    /// Adds the entries of one table. On an error nothing is added.
    pub(crate) fn read_table(&mut self, payload: &[u8], limits: &Limits) -> Result<()> {
        let (before, owned, memory) = (self.entries.len(), self.owned, self.memory);
        let groups = self.groups.len();
        let table = packed::unpack_table(payload, WHAT, limits)?;
        let result = self.parse_table(&table, limits);
        if result.is_err() {
            self.entries.truncate(before);
            self.groups.truncate(groups);
            (self.owned, self.memory) = (owned, memory);
        }
        result
    }

    /// Entries were lost here: no later one can be a copy of an earlier one.
    pub(crate) fn forget_earlier(&mut self) {
        self.first_known = Some(self.entries.len());
    }

    /// Takes out the entries of a damaged archive that are gone, as far as that is known.
    pub(crate) fn drop_gone(&mut self) {
        let gone = std::mem::take(&mut self.gone).resolve(&self.entries, false).unwrap_or_default();
        let mut number = 0..;
        self.entries.retain(|_| number.next().is_some_and(|number| !gone.contains(&number)));
    }

    /// Takes out the files whose content is unknown; returns their paths.
    pub(crate) fn take_unknown(&mut self) -> Vec<String> {
        let is_unknown = |entry: &mut Entry| match entry.kind {
            EntryKind::File { offset, .. } => offset == UNKNOWN,
            EntryKind::Directory | EntryKind::Symlink { .. } => false,
        };
        let unknown = self.entries.extract_if(.., is_unknown);
        unknown.map(|entry| entry.path).collect()
    }

    fn parse_table(&mut self, table: &[u8], limits: &Limits) -> Result<()> {
        let mut cursor = Cursor::new(table, WHAT);
        let count = cursor.count(MIN_ENTRY)?;
        if self.entries.len() as u64 + count as u64 > limits.entries {
            return Err(Error::Limit {
                what: "the number of entries".into(),
                limit: limits.entries,
                bound: Bound::Entries,
            });
        }
        let first = self.entries.len();
        let tags = cursor.take(count)?;
        self.read_paths(&mut cursor, tags, limits)?;
        let has_metadata = |entry: &&mut Entry| !matches!(entry.kind, EntryKind::Symlink { .. });
        for entry in self.entries[first..].iter_mut().filter(has_metadata) {
            entry.mode = u16::try_from(cursor.varint()?).unwrap_or(u16::MAX);
            if entry.mode > 0o777 {
                return Err(cursor.corrupt("permission bits beyond 0o777"));
            }
        }
        let with_times = self.entries[first..].iter_mut().filter(has_metadata);
        let mut times: Vec<&mut i64> = with_times.map(|entry| &mut entry.mtime).collect();
        read_times(&mut cursor, &mut times)?;
        self.read_kinds(&mut cursor, tags, first, limits)?;
        self.read_copies(&mut cursor, tags, first)?;
        cursor.finish()
    }

    /// Appends one entry per tag with its path; the rest is still to be filled in.
    fn read_paths(&mut self, cursor: &mut Cursor, tags: &[u8], limits: &Limits) -> Result<()> {
        self.charge(tags.len().saturating_mul(size_of::<Entry>()), limits)?;
        self.entries.reserve(tags.len());
        let mut paths = PathReader::default();
        for &tag in tags {
            let path = paths.next(cursor, limits)?;
            self.charge(path.len(), limits)?;
            let kind = match tag {
                // Filled in by read_kinds and read_copies.
                TAG_FILE | TAG_COPY => EntryKind::File { size: 0, offset: 0, check: Check::None },
                TAG_DIRECTORY => EntryKind::Directory,
                TAG_SYMLINK => EntryKind::Symlink { target: String::new() },
                _ => return Err(Error::Unsupported(format!("entry kind {tag}"))),
            };
            self.entries.push(Entry { path, kind, mode: LINK_MODE, mtime: 0 });
        }
        Ok(())
    }

    /// Sizes, then targets, then checksums.
    fn read_kinds(
        &mut self,
        cursor: &mut Cursor,
        tags: &[u8],
        first: usize,
        limits: &Limits,
    ) -> Result<()> {
        let start = self.owned;
        for (entry, &tag) in self.entries[first..].iter_mut().zip(tags) {
            if let (TAG_FILE, EntryKind::File { size, offset, .. }) = (tag, &mut entry.kind) {
                *size = cursor.varint()?;
                *offset = self.owned;
                self.owned = (self.owned.checked_add(*size))
                    .ok_or_else(|| cursor.corrupt("sizes that overflow"))?;
            }
        }
        for index in first..self.entries.len() {
            if tags[index - first] == TAG_SYMLINK {
                let len = cursor.count(1)?;
                check_path_len(len, limits)?;
                let target = utf8(cursor.take(len)?)?;
                self.charge(len, limits)?;
                self.entries[index].kind = EntryKind::Symlink { target };
            }
        }
        self.read_checks(cursor, tags, first)?;
        let is_small = |entry: &&Entry| matches!(entry.kind, EntryKind::File { check: Check::Crc(_), .. });
        let files = self.entries[first..].iter().filter(is_small).count();
        if files > 0 {
            self.charge(size_of::<Group>(), limits)?;
            let (content, files, sha256) = (start..self.owned, files as u64, cursor.array()?);
            self.groups.push(Group { content, files, sha256 });
        }
        Ok(())
    }

    /// The SHA-256 of each large file, then the short checksum of each small one.
    fn read_checks(&mut self, cursor: &mut Cursor, tags: &[u8], first: usize) -> Result<()> {
        for large in [true, false] {
            for (entry, &tag) in self.entries[first..].iter_mut().zip(tags) {
                match &mut entry.kind {
                    EntryKind::File { size: SMALL.., check, .. } if large && tag == TAG_FILE => {
                        *check = Check::Sha256(cursor.array()?);
                    }
                    EntryKind::File { size: 1..SMALL, check, .. } if !large && tag == TAG_FILE => {
                        *check = Check::Crc(cursor.u16()?);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Files that share an earlier file's content; last, so that an earlier one is complete.
    fn read_copies(&mut self, cursor: &mut Cursor, tags: &[u8], first: usize) -> Result<()> {
        for index in first..self.entries.len() {
            if tags[index - first] != TAG_COPY {
                continue;
            }
            let back = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
            if self.first_known.is_some_and(|first| back > index.saturating_sub(first)) {
                let kind = EntryKind::File { size: 1, offset: UNKNOWN, check: Check::None };
                self.entries[index].kind = kind;
                continue;
            }
            let original = match index.checked_sub(back) {
                Some(original) if original < index => &self.entries[original].kind,
                _ => return Err(cursor.corrupt("a copy of something that is not before it")),
            };
            if !matches!(original, EntryKind::File { .. }) {
                return Err(cursor.corrupt("a copy of something that is not a file"));
            }
            self.entries[index].kind = original.clone();
        }
        Ok(())
    }

    /// Counts memory taken for entries. Front coding makes long paths of few bytes, so the input's
    /// length is no bound.
    fn charge(&mut self, bytes: usize, limits: &Limits) -> Result<()> {
        self.memory = self.memory.saturating_add(bytes as u64);
        if self.memory > limits.memory {
            return Err(Error::Limit {
                what: "memory for the list of entries".into(),
                limit: limits.memory,
                bound: Bound::Memory,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::table_builder::TableBuilder;
    use proptest::prelude::*;

    fn any_entry() -> impl Strategy<Value = Entry> {
        let size = prop_oneof![0u64..3, SMALL - 2..SMALL + 2, 0u64..1 << 40];
        let kind = prop_oneof![
            (size, any::<u32>(), any::<[u8; 32]>()).prop_map(|(size, crc, sha256)| {
                EntryKind::File { size, offset: 0, check: Check::of(size, crc, sha256) }
            }),
            Just(EntryKind::Directory),
            "[a-z/.]{0,12}".prop_map(|target| EntryKind::Symlink { target }),
        ];
        ("[a-c/]{1,9}", kind, 0u16..0o1000, any::<i64>()).prop_map(|(path, kind, mode, mtime)| {
            match kind {
                EntryKind::Symlink { .. } => Entry { path, kind, mode: LINK_MODE, mtime: 0 },
                _ => Entry { path, kind, mode, mtime },
            }
        })
    }

    /// Ten bytes of a table stand for an entry of a hundred, so the room for all is counted first.
    #[test]
    fn the_room_for_all_entries_is_counted_before_it_is_taken() {
        let limits = Limits { memory: 8000, ..Limits::default() };
        // 200 tags, and paths that are no paths: they are not looked at.
        let mut table = vec![200, 1];
        table.extend([TAG_FILE; 200]);
        table.extend([0xFF; 700]);
        let mut list = EntryList::default();
        let result = list.parse_table(&table, &limits);
        assert!(matches!(result, Err(Error::Limit { bound: Bound::Memory, .. })), "{result:?}");
        assert_eq!(list.entries.capacity(), 0);
    }

    /// Gives files their places in the raw stream, and some of them an earlier one's content.
    fn place(entries: &mut [Entry], copies: &[bool]) -> Vec<Option<u64>> {
        let mut owned = 0;
        let mut backs = vec![None; entries.len()];
        for index in 0..entries.len() {
            let (earlier, rest) = entries.split_at_mut(index);
            let EntryKind::File { size, offset, .. } = &mut rest[0].kind else { continue };
            let original =
                earlier.iter().rposition(|entry| matches!(entry.kind, EntryKind::File { .. }));
            match original {
                Some(original) if copies[index] => {
                    rest[0].kind = earlier[original].kind.clone();
                    backs[index] = Some((index - original) as u64);
                }
                _ => {
                    *offset = owned;
                    owned += *size;
                }
            }
        }
        backs
    }

    proptest! {
        #[test]
        fn tables_round_trip(
            mut entries in proptest::collection::vec(any_entry(), 0..40),
            copies in proptest::collection::vec(any::<bool>(), 40),
            cut in 0usize..40,
        ) {
            let backs = place(&mut entries, &copies);
            let cut = cut.min(entries.len());
            let mut list = EntryList::default();
            for part in [0..cut, cut..entries.len()] {
                let mut builder = TableBuilder::default();
                for index in part {
                    builder.push(&entries[index], backs[index], &[7; 32]);
                }
                list.read_table(&builder.to_payload().unwrap(), &Limits::default()).unwrap();
            }
            let is_small = |index: &usize| {
                backs[*index].is_none() && (1..SMALL).contains(&entries[*index].size())
            };
            let small = (0..entries.len()).filter(is_small).count() as u64;
            prop_assert_eq!(list.groups.iter().map(|group| group.files).sum::<u64>(), small);
            prop_assert!(list.groups.is_sorted_by(|a, b| a.content.end <= b.content.start));
            prop_assert_eq!(list.entries, entries);
        }

        #[test]
        fn arbitrary_bytes_never_panic(table in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut list = EntryList::default();
            if list.parse_table(&table, &Limits::default()).is_err() {
                let mut payload = vec![0];
                payload.extend(table);
                let mut list = EntryList::default();
                list.read_table(&payload, &Limits::default()).unwrap_err();
                prop_assert!(list.entries.is_empty() && list.groups.is_empty());
                prop_assert!(list.owned == 0 && list.memory == 0);
            }
        }
    }

    fn directory(path: String) -> Entry {
        Entry { path, kind: EntryKind::Directory, mode: 0o755, mtime: 0 }
    }

    #[test]
    fn limits_hold_before_memory_is_taken() {
        // Front coding: 4,000 paths of 4,000 bytes each in about 20 KB.
        let mut builder = TableBuilder::default();
        for index in 0..4000 {
            builder.push(&directory(format!("{}{index}", "d".repeat(4000))), None, &[0; 32]);
        }
        let payload = builder.to_payload().unwrap();
        let ask = |limits: Limits| EntryList::default().read_table(&payload, &limits);
        ask(Limits::default()).unwrap();
        for (limits, wanted) in [
            (Limits { entries: 3999, ..Limits::default() }, Bound::Entries),
            (Limits { path_bytes: 4000, ..Limits::default() }, Bound::PathBytes),
            (Limits { memory: 8 << 20, ..Limits::default() }, Bound::Memory),
        ] {
            match ask(limits) {
                Err(Error::Limit { bound, .. }) => assert_eq!(bound, wanted),
                other => panic!("{wanted:?}: {other:?}"),
            }
        }
    }
}

//! A table of entries being written, column by column; `table.rs` reads it.

use super::entry::{Check, Entry, EntryKind};
use super::group::GroupHasher;
use super::integer::put_varint;
use super::packed;
use super::path_column::PathWriter;
use super::table::{TAG_COPY, TAG_DIRECTORY, TAG_FILE, TAG_SYMLINK};
use super::times::put_times;
use crate::Result;

/// A table being filled by a writer.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    count: u64,
    tags: Vec<u8>,
    paths: Vec<u8>,
    modes: Vec<u8>,
    mtimes: Vec<i64>,
    sizes: Vec<u8>,
    copies: Vec<u8>,
    targets: Vec<u8>,
    hashes: Vec<u8>,
    crcs: Vec<u8>,
    group: GroupHasher,
    /// The SHA-256 of the group, where it is known without those of its files.
    known_group: Option<[u8; 32]>,
    path_writer: PathWriter,
}

impl TableBuilder {
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// The small files have this SHA-256 together, whatever is given for each of them.
    pub(crate) fn set_group(&mut self, sha256: [u8; 32]) {
        self.known_group = Some(sha256);
    }

    /// Adds an entry. `copy` is how many entries back the one with the same content is; `sha256` is that of the
    /// content of a small file.
    pub(crate) fn push(&mut self, entry: &Entry, copy: Option<u64>, sha256: &[u8; 32]) {
        match (&entry.kind, copy) {
            (EntryKind::File { .. }, Some(back)) => {
                self.tags.push(TAG_COPY);
                put_varint(&mut self.copies, back);
            }
            (EntryKind::File { size, check, .. }, None) => {
                self.tags.push(TAG_FILE);
                put_varint(&mut self.sizes, *size);
                match check {
                    Check::None => debug_assert_eq!(*size, 0),
                    Check::Crc(crc) => {
                        self.crcs.extend(crc.to_le_bytes());
                        self.group.add(sha256);
                    }
                    Check::Sha256(sha256) => self.hashes.extend(sha256),
                }
            }
            (EntryKind::Directory, _) => self.tags.push(TAG_DIRECTORY),
            (EntryKind::Symlink { target }, _) => {
                self.tags.push(TAG_SYMLINK);
                put_varint(&mut self.targets, target.len() as u64);
                self.targets.extend(target.as_bytes());
            }
        }
        self.path_writer.put(&mut self.paths, &entry.path);
        if !matches!(entry.kind, EntryKind::Symlink { .. }) {
            put_varint(&mut self.modes, u64::from(entry.mode));
            self.mtimes.push(entry.mtime);
        }
        self.count += 1;
    }

    /// The finished payload.
    pub(crate) fn to_payload(&self) -> Result<Vec<u8>> {
        let mut table = Vec::new();
        put_varint(&mut table, self.count);
        [&self.tags, &self.paths, &self.modes].into_iter().for_each(|column| table.extend(column));
        put_times(&mut table, &self.mtimes);
        [&self.sizes, &self.targets, &self.hashes, &self.crcs]
            .into_iter()
            .for_each(|column| table.extend(column));
        if self.group.files() > 0 {
            table.extend(self.known_group.unwrap_or_else(|| self.group.finish()));
        }
        table.extend(&self.copies);
        packed::pack(&table, packed::TABLE_LEVEL)
    }
}

//! Unpacking goes on where an earlier run stopped.
//!
//! A run that ends early leaves its staging directory, if it was killed or asked to. The files in it are as whole as
//! that run came. The next run goes on in the same directory: a chunk all of whose bytes lie there, with the checksum
//! that the archive has for it, is not decoded again. The directory says which archive it is of, so that nothing that
//! another archive's run has left is used, or taken away for it. As always each file is held to its size and SHA-256 before it
//! is put in place, so what is wrong there is found, and is no worse than damage in the archive.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use cap_std::fs::Dir;
use sha2::{Digest, Sha256};

use super::read::Archive;
use crate::format::{Check, ChunkPlace, Entry, EntryKind, RawRange};
use crate::{Error, Result};

/// Tells an archive from others by what its entries are to hold; the way their content is coded does not matter.
pub(super) fn identity(entries: &[Entry]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for Entry { path, kind, .. } in entries {
        hasher.update((path.len() as u64).to_le_bytes());
        hasher.update(path);
        if let EntryKind::File { size, offset, check } = kind {
            hasher.update([size.to_le_bytes(), offset.to_le_bytes()].concat());
            match check {
                Check::None => {}
                Check::Crc(crc) => hasher.update(crc.to_le_bytes()),
                Check::Sha256(sha256) => hasher.update(sha256),
            }
        }
    }
    hasher.finalize().into()
}

/// What an earlier run has left in the staging directory.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Paths of files that are wanted; they may be incomplete.
    pub(super) files: HashSet<String>,
    /// Directories that are wanted, or above something that is.
    pub(super) dirs: HashSet<String>,
}

impl Left {
    /// Looks through `tree`, and takes away what is not wanted: other files, and links, which are made last.
    pub(super) fn in_tree(tree: &Dir, wanted: &[&Entry]) -> Result<Self> {
        let (mut files, mut dirs) = (HashSet::new(), HashSet::new());
        for entry in wanted {
            match entry.kind {
                EntryKind::File { .. } => _ = files.insert(&*entry.path),
                EntryKind::Directory => _ = dirs.insert(&*entry.path),
                EntryKind::Symlink { .. } => {}
            }
            dirs.extend(entry.path.match_indices('/').map(|(end, _)| &entry.path[..end]));
        }
        let mut left = Left::default();
        left.look(tree, "", &files, &dirs).map_err(|error| Error::io("the staging directory", error))?;
        Ok(left)
    }

    fn look(
        &mut self,
        dir: &Dir,
        above: &str,
        files: &HashSet<&str>,
        dirs: &HashSet<&str>,
    ) -> io::Result<()> {
        for item in dir.entries()? {
            let item = item?;
            let (name, kind) = (item.file_name(), item.file_type()?);
            let path = name.to_str().map(|name| match above {
                "" => name.to_owned(),
                _ => format!("{above}/{name}"),
            });
            match path {
                Some(path) if kind.is_file() && files.contains(&*path) => {
                    self.files.insert(path);
                }
                Some(path) if kind.is_dir() && dirs.contains(&*path) => {
                    self.look(&dir.open_dir(&name)?, &path, files, dirs)?;
                    self.dirs.insert(path);
                }
                _ if kind.is_dir() => dir.remove_dir_all(&name)?,
                _ => dir.remove_file(&name)?,
            }
        }
        Ok(())
    }
}

/// Bytes of the raw stream, and where they lie in a file.
#[derive(Debug, Clone, Copy)]
struct Run<'e> {
    start: u64,
    end: u64,
    path: &'e str,
    /// Where they begin in the file.
    offset: u64,
}

/// Chunks whose bytes lie in files that are there already.
#[derive(Debug)]
pub(super) struct There<'e> {
    tree: Dir,
    /// What files of distinct content have of the raw stream beside its repeats, in order.
    runs: Vec<Run<'e>>,
    /// The file that was read last.
    open: RefCell<Option<(&'e str, File)>>,
}

impl<'e> There<'e> {
    /// The files that are left of `distinct`, which is in the order of the content stream. A byte of the raw stream
    /// is looked for only where the content stream has it first, not where that repeats it.
    pub(super) fn new(
        tree: &Dir,
        left: &Left,
        archive: &Archive,
        distinct: &[&'e Entry],
    ) -> Result<Self> {
        let tree = tree.try_clone().map_err(|error| Error::io("the staging directory", error))?;
        let mut runs = Vec::new();
        for entry in distinct.iter().filter(|entry| left.files.contains(&entry.path)) {
            let mut offset = 0;
            for RawRange { start, end, is_repeat } in archive.raw_ranges(entry) {
                if !is_repeat {
                    runs.push(Run { start, end, path: &entry.path, offset });
                }
                offset += end - start;
            }
        }
        Ok(There { runs, tree, open: RefCell::default() })
    }

    /// The bytes of a chunk, if all are there and have this checksum.
    pub(super) fn chunk(&self, place: &ChunkPlace, raw_crc: u32) -> Option<Vec<u8>> {
        let end = place.raw_start + u64::from(place.raw_len);
        let mut raw = Vec::new();
        let first = self.runs.partition_point(|run| run.end <= place.raw_start);
        let mut at = place.raw_start;
        for run in &self.runs[first..] {
            if at == end || run.start > at {
                break;
            }
            let stop = run.end.min(end);
            self.read(run.path, run.offset + (at - run.start), stop - at, &mut raw).ok()?;
            at = stop;
        }
        (at == end && crc32fast::hash(&raw) == raw_crc).then_some(raw)
    }

    fn read(&self, path: &'e str, offset: u64, len: u64, raw: &mut Vec<u8>) -> io::Result<()> {
        let mut open = self.open.borrow_mut();
        if open.as_ref().is_none_or(|(last, _)| *last != path) {
            *open = Some((path, self.tree.open(Path::new(path))?.into_std()));
        }
        let Some((_, file)) = &mut *open else { return Ok(()) };
        file.seek(SeekFrom::Start(offset))?;
        let got = file.take(len).read_to_end(raw)?;
        if got as u64 == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

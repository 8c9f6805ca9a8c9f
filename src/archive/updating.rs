//! An archive that is being updated in its place.
//!
//! An update adds a generation behind the footer and rewrites nothing. All that takes long, reading and coding, happens
//! before the archive is touched: the new generation waits in a file without a name. Then it is copied to the archive's end, brought to
//! the disk, and its footer written. Whoever reads meanwhile, or after a crash at any moment, sees the archive as it was
//! or as it is now: without the last footer, what follows the one before is no part of the archive.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::identity::FileId;
use super::paths;
use super::publish::lacks;
use super::read::Archive;
use super::source::{Source, read_exact_at, write_all_at};
use crate::codec::DecodeOptions;
use crate::error::{Container, Found};
use crate::format::{Footer, Layout, SectionHeader};
use crate::{Error, Result};

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// An archive that nobody else may update.
#[derive(Debug)]
pub(super) struct Updating {
    /// Its file, locked as long as it is open.
    file: File,
    path: PathBuf,
    /// What it holds.
    pub(super) archive: Archive,
}

impl Updating {
    /// Opens the archive at `path`, which must be a file of its own, and locks it. What an update that was not
    /// finished has left is cut off. Also returns what `look` finds in the layout, which has the entries in order.
    ///
    /// # Errors
    /// [`Error::InUse`] while somebody else updates it, and as [`Archive::open`].
    pub(super) fn open<T>(
        path: &Path,
        options: DecodeOptions,
        look: impl FnOnce(&Layout) -> T,
    ) -> Result<(Self, T)> {
        let failed = |error| Error::io(path, error);
        let there = path.metadata().map_err(failed)?;
        if there.is_dir() {
            return Err(Error::Foreign { expected: Container::Archive, found: Found::Directory });
        }
        if !there.is_file() {
            let name = path.display();
            return Err(Error::Usage(format!("{name} is no regular file, which alone can be updated")));
        }
        let file = File::options().read(true).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(path.into())),
            // Not every file system has locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // Another run may have put a new file there before this one was locked.
        if FileId::of_file(&file).map_err(failed)? != FileId::of_path(path).map_err(failed)? {
            return Err(Error::InUse(path.into()));
        }
        let source = Source::of(file.try_clone().map_err(failed)?, path)?;
        let layout = Archive::layout_of(&source, &options)?;
        let seen = look(&layout);
        let archive = Archive::with(source, layout, options)?;
        let updating = Updating { file, path: path.into(), archive };
        if updating.archive.unfinished() > 0 {
            updating.cut()?;
        }
        Ok((updating, seen))
    }

    /// What tells the file from others.
    pub(super) fn id(&self) -> Result<FileId> {
        FileId::of_file(&self.file).map_err(|error| Error::io(&self.path, error))
    }

    /// A new file for the next generation. It has no name where the system allows that, so that nothing is left of it,
    /// whatever happens.
    pub(super) fn new_generation(&self) -> Result<File> {
        let beside = tempfile::tempfile_in(paths::parent(&self.path)).or_else(|_| tempfile::tempfile());
        beside.map_err(|error| Error::io(&self.path, error))
    }

    /// Puts a whole generation, which starts at the file's beginning, behind the archive. On any error the archive is as
    /// it was.
    pub(super) fn append(&self, generation: File) -> Result<u64> {
        let len = self.file.metadata().map_err(|error| Error::io(&self.path, error))?.len();
        if len != self.archive.layout().end() {
            return Err(Error::InUse(self.path.clone()));
        }
        self.try_append(generation).inspect_err(|_| {
            // If that fails as well, readers leave out what has no footer.
            let _ = self.cut();
        })
    }

    fn try_append(&self, mut generation: File) -> Result<u64> {
        let failed = |error| Error::io(&self.path, error);
        let len = generation.seek(SeekFrom::End(0)).map_err(failed)?;
        let body = len.saturating_sub(Footer::LEN as u64);
        let first = (SectionHeader::LEN as u64).min(body);
        // Not every file system can be asked for that.
        let sync = || match self.file.sync_all() {
            Err(error) if lacks(&error) => Ok(()),
            synced => synced.map_err(failed),
        };
        // By its first bytes what follows is known as an update, whatever a crash leaves of the rest.
        for part in [0..first, first..body, body..len] {
            self.copy(&generation, part)?;
            sync()?;
        }
        Ok(len)
    }

    /// Copies a range of the generation to its place.
    fn copy(&self, generation: &File, range: Range<u64>) -> Result<()> {
        let failed = |error: io::Error| Error::io(&self.path, error);
        let mut piece = vec![0; PIECE];
        let mut at = range.start;
        while at < range.end {
            let piece = &mut piece[..(range.end - at).min(PIECE as u64) as usize];
            read_exact_at(generation, piece, at).map_err(failed)?;
            write_all_at(&self.file, piece, self.archive.layout().end() + at).map_err(failed)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Cuts off what follows the archive as it was opened.
    fn cut(&self) -> Result<()> {
        let cut = self.file.set_len(self.archive.layout().end());
        cut.map_err(|error| Error::io(&self.path, error))
    }
}

//! Unpacking from an open archive.

use std::borrow::Cow;
use std::path::Path;

use super::contents::Contents;
use super::decode::{self, Piece, check_total};
use super::destination::Destination;
use super::extract::{Extractor, Output};
use super::place::Placement;
use super::policy::{System, Tree};
use super::read::Archive;
use super::resume::{self, Left, There};
use super::salvage::Losses;
use super::staging::Staging;
use super::{UnpackOptions, UnpackPlan, UnpackSummary};
use crate::format::{ChunkPlace, Entry, EntryKind};
use crate::{Progress, Result};

impl Archive {
    /// Unpacks into the directory `dest`, which is made if it does not exist.
    ///
    /// Everything is checked first, then written and verified in a private directory beside, and
    /// moved into place at the very end. Each file is replaced atomically; on any error, and when
    /// [`Progress::stop`] is called, all that was moved is moved back, so that `dest` is as it was
    /// before, with the same files and not copies. This also holds for mount points inside `dest`.
    /// A process that is killed meanwhile cannot do that: then some files are new, each of them
    /// whole, and the replaced ones lie in a directory `.llz-*` in `dest`.
    ///
    /// # Errors
    /// [`Exists`](crate::Error::Exists) and [`InTheWay`](crate::Error::InTheWay) for what is there already,
    /// [`Unsafe`](crate::Error::Unsafe) for names that must not be made, and those of reading and writing.
    pub fn unpack(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<UnpackSummary> {
        unpack_archive(self, dest, options, progress, &mut Losses::default())
    }

    /// Finds out what [`Archive::unpack`] would do, as far as that is known without decoding anything. Nothing is
    /// written.
    ///
    /// # Errors
    /// As [`Archive::unpack`].
    pub fn plan_unpack(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<UnpackPlan> {
        judge(self, false)?;
        let (_, placed, placement) = place(self, dest, options, progress)?;
        check_total(Contents::of(placed.iter().map(|entry| &**entry)).total, self.limits())?;
        let entries: Vec<Entry> = placed.into_iter().map(Cow::into_owned).collect();
        let mut summary = UnpackSummary::default();
        for entry in &entries {
            match entry.kind {
                EntryKind::File { .. } => summary.files += 1,
                EntryKind::Directory => summary.dirs += 1,
                EntryKind::Symlink { .. } => summary.symlinks += 1,
            }
        }
        placement.finish(&mut summary);
        Ok(UnpackPlan { entries, summary })
    }
}

/// All entries are judged, wanted or not: an archive with one unsafe name is not to be trusted.
fn judge(archive: &Archive, folding: bool) -> Result<()> {
    let mut tree = Tree::new(System::HERE, folding, *archive.limits());
    archive.entries().iter().try_for_each(|entry| tree.add(entry))
}

/// The wanted entries that are not there yet, under the paths that they get in the destination.
fn place<'e>(
    archive: &'e Archive,
    dest: &Path,
    options: &UnpackOptions,
    progress: &Progress,
) -> Result<(Destination, Vec<Cow<'e, Entry>>, Placement)> {
    let wanted = archive.select(&options.only)?;
    let destination = Destination::open(dest)?;
    let mut placement = Placement::new(options, *archive.limits());
    placement.expect(wanted.iter().copied());
    let place = |entry| placement.place(&destination, entry, progress).transpose();
    let placed = wanted.into_iter().filter_map(place).collect::<Result<_>>()?;
    placement.check()?;
    Ok((destination, placed, placement))
}

/// Unpacks an archive; `losses` says what to do about damage.
pub(super) fn unpack_archive(
    archive: &Archive,
    dest: &Path,
    options: &UnpackOptions,
    progress: &Progress,
    losses: &mut Losses,
) -> Result<UnpackSummary> {
    let limits = *archive.limits();
    judge(archive, false)?;
    let (destination, placed, placement) = place(archive, dest, options, progress)?;
    let entries: Vec<&Entry> = placed.iter().map(|entry| &**entry).collect();
    let contents = Contents::of(entries.iter().copied());
    check_total(contents.total, &limits)?;
    archive.check_models(&contents.distinct)?;

    let identity = resume::identity(archive.entries());
    let staging = match options.resume {
        true => Staging::resume(destination, &identity)?,
        false => Staging::create(destination, Some(&identity))?,
    };
    if staging.folds_case()? {
        judge(archive, true)?;
    }
    progress.set_total(contents.distinct.iter().map(|entry| entry.size()).sum());
    let left = match options.resume {
        true => Left::in_tree(staging.tree(), &entries)?,
        false => Left::default(),
    };
    let there = There::new(staging.tree(), &left, archive, &contents.distinct)?;
    let there = |place: &ChunkPlace, raw_crc| there.chunk(place, raw_crc);
    let there: Option<&decode::There<'_>> = options.resume.then_some(&there);
    let mut extractor = Extractor::new(staging, limits, progress);
    extractor.go_on(left);
    if !options.preserve_permissions {
        extractor.obey_umask()?;
    }
    entries.iter().try_for_each(|entry| extractor.add(entry))?;
    for entry in &contents.empty {
        losses.tolerate(entry, extractor.copy_from(std::io::empty(), entry))?;
    }
    let mut output: Option<Output> = None;
    let keep_going = losses.keep_going;
    archive.decode(&contents.distinct, progress, keep_going, there, |entry, piece, is_last| {
        let (bytes, is_there) = match piece {
            Piece::Bytes(bytes) => (bytes, false),
            Piece::There(bytes) => (bytes, true),
            Piece::Lost(error) => {
                losses.note(entry, error);
                return output.take().map_or(Ok(()), |output| extractor.abandon(output));
            }
            Piece::Doubt(files) => {
                losses.doubt(files);
                return Ok(());
            }
        };
        let mut current = match output.take() {
            Some(output) => output,
            None => extractor.begin(entry)?,
        };
        match is_there {
            true => extractor.pass(&mut current, bytes)?,
            false => extractor.write(&mut current, bytes)?,
        }
        if is_last {
            return losses.tolerate(entry, extractor.end(current));
        }
        output = Some(current);
        Ok(())
    })?;
    for (original, entry) in contents.copies {
        if !losses.inherit(original, entry) {
            extractor.copy_staged(original, entry)?;
        }
    }
    let mut summary = extractor.finish(options)?;
    placement.finish(&mut summary);
    summary.unfinished_bytes = archive.unfinished();
    Ok(summary)
}

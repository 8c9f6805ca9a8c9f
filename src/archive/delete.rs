//! Deleting entries of an archive.

use std::collections::BTreeSet;
use std::io::BufWriter;
use std::path::Path;

use super::DeleteSummary;
use super::updating::Updating;
use crate::codec::DecodeOptions;
use crate::format::{EntryKind, Params, Writer};
use crate::{Error, Limits, Progress, Result};

/// Deletes the entries at and below these paths, or those that patterns say, as [`Archive::select`](crate::Archive::select)
/// does, from the archive at `archive`.
///
/// A list of them is added behind the archive's end, and nothing else is written; a crash at any moment leaves the archive
/// as it was or as it is then. Their content keeps its room until [`compact`](crate::compact), and those who look for it may
/// find it even then: a chunk that other files need is kept whole.
///
/// # Errors
/// [`Error::InUse`] while somebody else updates the archive, and as [`Archive::select`](crate::Archive::select). On any
/// error the archive is as it was.
pub fn delete(
    archive: &Path,
    paths: &[String],
    limits: Limits,
    progress: &Progress,
) -> Result<DeleteSummary> {
    if paths.is_empty() {
        return Err(Error::Usage("nothing was named that is to be deleted".into()));
    }
    let (updating, ()) = Updating::open(archive, DecodeOptions::with_limits(limits), |_| ())?;
    let mut summary = DeleteSummary {
        unfinished_bytes: updating.archive.unfinished(),
        ..DeleteSummary::default()
    };
    let mut gone = BTreeSet::new();
    for entry in updating.archive.select(paths)? {
        progress.check()?;
        match entry.kind {
            EntryKind::File { size, .. } => {
                summary.files += 1;
                summary.raw_bytes = summary.raw_bytes.saturating_add(size);
            }
            EntryKind::Directory => summary.dirs += 1,
            EntryKind::Symlink { .. } => summary.symlinks += 1,
        }
        gone.insert(&*entry.path);
    }
    let generation = updating.new_generation()?;
    let file = generation.try_clone().map_err(|error| Error::io(archive, error))?;
    let layout = updating.archive.layout();
    let params = Params { reach: 0, ..updating.archive.params() };
    let mut writer = Writer::append(BufWriter::new(file), archive, layout, params)?;
    writer.gone(gone.into_iter())?;
    writer.finish()?;
    summary.written_bytes = updating.append(generation)?;
    Ok(summary)
}

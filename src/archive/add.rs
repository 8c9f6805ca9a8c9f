//! Adding to an archive what is new or has changed.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::base::Base;
use super::changes;
use super::own::Own;
use super::packer::{Packing, list_found};
use super::updating::Updating;
use super::walk::walk;
use super::{UpdateOptions, AddSummary, pack};
use crate::codec::DecodeOptions;
use crate::format::Writer;
use crate::{Error, Progress, Result};

/// Adds `paths`, and all that is below them, to the archive at `archive`: what it does not have, and what has changed
/// since. What has not changed is not read and costs nothing. An entry of the archive that is not among `paths` stays.
///
/// Nothing that is in the archive already is written again. The new chunks, entries and an index come behind its end; a
/// crash at any moment leaves the archive as it was or as it is then. Entries that are replaced are not read any more,
/// but keep their room until [`compact`](crate::compact).
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("notes.llz"));
/// # let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
/// std::fs::write(&notes, "To be, or not to be").unwrap();
/// llz::pack_to_path(&[notes.clone()], &out, false, &options, &progress)?;
/// std::fs::write(&notes, "To be, or not to be: that is the question").unwrap();
/// let summary = llz::add(&out, &[notes.clone()], &llz::UpdateOptions::default(), &progress)?;
/// assert_eq!(summary.packed.replaced, 1);
/// let again = llz::add(&out, &[notes], &llz::UpdateOptions::default(), &progress)?;
/// assert_eq!((again.unchanged, again.written_bytes), (1, 0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::InUse`] while somebody else updates the archive, [`Error::Usage`] where it is no regular file, and those of
/// reading the archive and of packing. On any error the archive is as it was.
pub fn add(
    archive: &Path,
    paths: &[PathBuf],
    options: &UpdateOptions,
    progress: &Progress,
) -> Result<AddSummary> {
    if options.pack.resume {
        return Err(Error::Usage("adding cannot be gone on with where a run stopped".into()));
    }
    let (updating, mut base) = Updating::open(archive, decode_options(options), Base::of)?;
    let id = updating.id()?;
    let own = Own::new(Some(&id), None);
    let mut walk = walk(paths, pack::wanted(&options.pack, &own)?, progress)?;
    let (there, by_content) = (&updating.archive, options.by_content);
    let unchanged = changes::take_unchanged(&mut walk, there, &mut base, by_content, progress)?;
    let mut summary = AddSummary {
        unchanged,
        unfinished_bytes: there.unfinished(),
        ..AddSummary::default()
    };
    if walk.found.is_empty() {
        summary.packed = list_found(walk, &options.pack.encode.limits)?.1;
        summary.packed.archive_bytes = there.layout().end();
        return Ok(summary);
    }
    let generation = updating.new_generation()?;
    let writer = generation.try_clone().map_err(|error| Error::io(archive, error))?;
    let packing = Packing { options: &options.pack, progress, partial: None, base: &base };
    let layout = there.layout();
    summary.packed =
        packing.run(walk, |params| Writer::append(BufWriter::new(writer), archive, layout, params))?;
    let packed = &summary.packed;
    if packed.files + packed.dirs + packed.symlinks == 0 {
        // Nothing could be read.
        summary.packed.archive_bytes = there.layout().end();
        return Ok(summary);
    }
    summary.written_bytes = updating.append(generation)?;
    Ok(summary)
}

/// How to read an archive to which is to be added.
pub(super) fn decode_options(options: &UpdateOptions) -> DecodeOptions {
    let encode = &options.pack.encode;
    DecodeOptions {
        models: options.models.clone(),
        threads: encode.threads,
        limits: encode.limits,
        instruction_set: encode.instruction_set.clone(),
        backend: encode.backend.clone(),
    }
}

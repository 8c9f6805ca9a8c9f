//! Packing: one forward pass over the planned files.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exclude::Exclude;
use super::base::Base;
use super::packer::{Packing, list_found};
use super::publish::{Sink, Target};
use super::leftovers;
use super::own::Own;
use super::partial::{self, Partial};
use super::walk::{Wanted, walk};
use super::{Archive, PackOptions, PackSummary};
use crate::codec::{DecodeOptions, EncodeOptions};
use crate::format::{Entry, StreamReader, Writer};
use crate::model::{BuiltInModels, ModelStore};
use crate::{Error, Limits, Progress, Result};

/// Packs `paths`, and all that is below them, into `out` in one forward pass.
///
/// The same files with the same options give the same bytes on every machine. Memory is bounded by
/// [`Limits::memory`](crate::Limits::memory), whatever the input's size.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let notes = dir.path().join("notes.txt");
/// std::fs::write(&notes, "All happy families are alike. ".repeat(100)).unwrap();
/// let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
/// let mut archive = Vec::new();
/// let summary = llz::pack(&[notes], &mut archive, &options, &progress)?;
/// assert_eq!(summary.files, 1);
/// assert!(archive.len() < 400);
/// # Ok(())
/// # }
/// ```
pub fn pack(
    paths: &[PathBuf],
    out: &mut dyn Write,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    if options.resume {
        return Err(not_to_be_resumed(Path::new("-")));
    }
    let own = Own::new(options.output.as_ref(), None);
    let walk = walk(paths, wanted(options, &own)?, progress)?;
    let packing = Packing { options, progress, partial: None, base: &Base::default() };
    packing.run(walk, |params| Writer::new(out, Path::new("-"), params))
}

/// Finds out what [`pack`] would pack from `paths`, reading no file and writing nothing: entries without hashes,
/// sorted by path, and what would be told of them. If the archive would be written to `out`, it is not in itself.
///
/// # Errors
/// As [`pack`].
pub fn plan_pack(
    paths: &[PathBuf],
    out: Option<&Path>,
    options: &PackOptions,
    progress: &Progress,
) -> Result<(Vec<Entry>, PackSummary)> {
    let target = out.map(Target::look).transpose()?;
    let own = match &target {
        Some(target) => Own::new(target.id(), target.place()),
        None => Own::new(options.output.as_ref(), None),
    };
    list_found(walk(paths, wanted(options, &own)?, progress)?, &options.encode.limits)
}

/// Packs `paths` into the file `out`, which appears only once it is complete, read back and synced
/// to disk. Without `force` an existing file is left alone, with it replaced at that last moment.
///
/// A symbolic link at `out` stays: the file that it leads to is made or replaced. A device, a FIFO
/// or an open descriptor (`/dev/fd/N`) is written through, as it comes and without `force`, except
/// for a block device; nothing can be read back there, so `verify` is refused.
///
/// An existing `out` is never packed into itself: naming it as an input, or as the model, is an
/// error before anything is written, and it is left out where it is found in a directory.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("notes.llz"));
/// # std::fs::write(&notes, "To be, or not to be").unwrap();
/// let options = llz::PackOptions { verify: true, ..Default::default() };
/// let progress = llz::Progress::default();
/// llz::pack_to_path(&[notes], &out, false, &options, &progress)?;
/// let archive = llz::Archive::open(&out, llz::DecodeOptions::default())?;
/// assert!(archive.entries()[0].path.ends_with("notes.txt"));
/// # Ok(())
/// # }
/// ```
pub fn pack_to_path(
    paths: &[PathBuf],
    out: &Path,
    force: bool,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    let target = Target::look(out)?;
    let own = Own::new(target.id(), target.place());
    own.check(paths, &options.directory)?;
    target.check(force)?;
    if target.place().is_none() && options.verify {
        let name = out.display();
        return Err(Error::Usage(format!("{name} is no file that can be read back to verify it")));
    }
    if target.place().is_none() && options.resume {
        return Err(not_to_be_resumed(out));
    }
    // Walked before the new file exists, so that it cannot be found.
    let walk = walk(paths, wanted(options, &own)?, progress)?;
    let place = target.place();
    let directory = place.and_then(Path::parent);
    if let Some(directory) = directory.filter(|_| !options.resume) {
        leftovers::sweep(directory);
    }
    let partial = match place {
        Some(place) if options.resume => Some(Partial::resume(place)?),
        Some(place) => Some(Partial::fleeting(place)),
        None => None,
    };
    let base = Base::default();
    let packing = Packing { options, progress, partial: None, base: &base };
    match (target.open(force, progress)?, partial) {
        (Sink::New(mut new), Some(partial)) => {
            let writer = partial.make_room(new.writer());
            let packing = Packing { partial: Some(&partial), ..packing };
            let summary = packing.run(walk, |params| Writer::new(writer, out, params))?;
            let verified = verify(new.path(), out, options, progress);
            if matches!(verified, Err(Error::Corrupt(_))) {
                // If what an earlier run has left is the reason, no other run shall use it.
                partial.forget();
                return verified.map(|()| summary);
            }
            verified?;
            new.publish()?;
            partial.forget();
            if let Some(place) = place {
                partial::remove(place);
            }
            directory.into_iter().for_each(leftovers::sweep);
            Ok(summary)
        }
        (Sink::New(mut new), None) => {
            let summary = packing.run(walk, |params| Writer::new(new.writer(), out, params))?;
            verify(new.path(), out, options, progress)?;
            new.publish()?;
            Ok(summary)
        }
        (Sink::Through(file), _) => {
            packing.run(walk, |params| Writer::new(BufWriter::new(file), out, params))
        }
    }
}

fn not_to_be_resumed(out: &Path) -> Error {
    let name = out.display();
    Error::Usage(format!("nothing can be kept beside {name} to go on with: name a file"))
}

pub(super) fn wanted<'a>(options: &'a PackOptions, own: &'a Own<'a>) -> Result<Wanted<'a>> {
    let PackOptions { directory, listed, inputs, ignore_files, links, times, .. } = options;
    let (exclude, ignore_files, links) = (Exclude::new(&options.exclude)?, *ignore_files, *links);
    Ok(Wanted { directory, listed, inputs, exclude, ignore_files, links, times: *times, own })
}

/// Reads the archive at `temp` back: all sections and checksums always, all content if asked to.
fn verify(temp: &Path, name: &Path, options: &PackOptions, progress: &Progress) -> Result<()> {
    let limits = own_limits(options);
    check_sections(temp, name, limits, progress)?;
    if options.verify {
        let EncodeOptions { model, threads, instruction_set, backend, .. } = options.encode.clone();
        let models: Arc<dyn ModelStore> = match model {
            Some(model) => Arc::new(model),
            None => Arc::new(BuiltInModels),
        };
        let decode = DecodeOptions { models, threads, limits, instruction_set, backend };
        Archive::open(temp, decode)?.test(progress)?;
    }
    Ok(())
}

/// Reads the archive at `temp` in order: all sections and checksums, no content.
pub(super) fn check_sections(temp: &Path, name: &Path, limits: Limits, progress: &Progress) -> Result<()> {
    let file = File::open(temp).map_err(|error| Error::io(name, error))?;
    let mut reader = StreamReader::new(BufReader::new(file), name, limits)?;
    while reader.next_event()?.is_some() {
        progress.check()?;
    }
    Ok(())
}

/// Limits for reading back what this program has just written: only memory counts.
pub(super) fn own_limits(options: &PackOptions) -> Limits {
    Limits {
        total_bytes: u64::MAX,
        entries: u64::MAX,
        path_bytes: u64::MAX,
        path_depth: u64::MAX,
        ..options.encode.limits
    }
}

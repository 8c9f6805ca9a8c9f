//! Files of an archive that are coded anew for the one that takes its place.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::base::Base;
use super::contents::Contents;
use super::decode::{Piece, Verifier};
use super::destination::Destination;
use super::found::{Found, FoundKind, mtime};
use super::packer::Packing;
use super::paths;
use super::read::Archive;
use super::source::Source;
use super::staging::Staging;
use super::walk::Walk;
use super::{UpdateOptions, add, pack};
use crate::codec::DecodeOptions;
use crate::format::{Entry, EntryKind, Writer};
use crate::{Error, Progress, Result};

/// The part of the new archive that is coded.
pub(super) struct Recoding<'a> {
    pub old: &'a Archive,
    pub contents: &'a Contents<'a>,
    /// One file for each content to be coded, in the order of the content stream.
    pub files: &'a [&'a Entry],
    /// The name of the archive, for errors.
    pub name: &'a Path,
    pub options: &'a UpdateOptions,
    pub progress: &'a Progress,
}

impl Recoding<'_> {
    /// Appends the files to the archive at `path`, as another generation.
    pub(super) fn append(&self, path: &Path) -> Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let staging = Staging::create(Destination::open(paths::parent(self.name))?, None)?;
        let found = self.decode(&staging)?;
        let decode = self.decode_options();
        let layout = Archive::layout_of(&Source::open(path, &decode.limits)?, &decode)?;
        let base = Base::of(&layout);
        let failed = |error| Error::io(self.name, error);
        let out = BufWriter::new(File::options().append(true).open(path).map_err(failed)?);
        let Recoding { options, progress, .. } = self;
        let packing = Packing { options: &options.pack, progress, partial: None, base: &base };
        let walk = Walk { found, ..Walk::default() };
        let packed = packing.run(walk, |params| Writer::append(out, self.name, &layout, params))?;
        match packed.skipped.first().or(packed.changed.first()) {
            Some((path, why)) => Err(Error::io(path, std::io::Error::other(why.clone()))),
            None => Ok(()),
        }
    }

    /// Writes the content of each file into the private directory, and says which entries are made of it.
    fn decode(&self, staging: &Staging) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut output: Option<(File, PathBuf, Verifier)> = None;
        let failed = |error| Error::io(self.name, error);
        let mut number = 0u64;
        self.old.decode(self.files, self.progress, false, None, |file, piece, is_last| {
            let (Piece::Bytes(bytes) | Piece::There(bytes)) = piece else { return Ok(()) };
            let (mut out, place, mut verifier) = match output.take() {
                Some(output) => output,
                None => {
                    number += 1;
                    let (out, place) = staging.numbered(number)?;
                    (out, place, Verifier::new(file))
                }
            };
            out.write_all(bytes).map_err(failed)?;
            verifier.update(bytes);
            if !is_last {
                output = Some((out, place, verifier));
                return Ok(());
            }
            verifier.finish()?;
            let mtime = mtime(&out.metadata().map_err(failed)?);
            let copies = self.contents.copies_of(file);
            found.extend(std::iter::once(file).chain(copies).map(|entry| Found {
                source: place.clone(),
                path: entry.path.clone(),
                kind: FoundKind::File { size: entry.size() },
                mode: entry.mode,
                mtime,
                stored_mtime: entry.mtime,
                held: None,
            }));
            Ok(())
        })?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Fails unless the archive at `path` holds what the old one does, and all its sections are whole.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        let new = Archive::open(path, self.decode_options())?;
        let bare = |entry: &Entry| {
            let mut entry = entry.clone();
            if let EntryKind::File { offset, .. } = &mut entry.kind {
                *offset = 0;
            }
            entry
        };
        if !new.entries().iter().map(bare).eq(self.old.entries().iter().map(bare)) {
            return Err(Error::Io {
                path: self.name.into(),
                source: std::io::Error::other("the compacted archive holds something else; the old one stays"),
            });
        }
        pack::check_sections(path, self.name, pack::own_limits(&self.options.pack), self.progress)?;
        match self.options.pack.verify {
            true => new.test(self.progress).map(drop),
            false => Ok(()),
        }
    }

    /// How to read the new archive.
    fn decode_options(&self) -> DecodeOptions {
        let limits = pack::own_limits(&self.options.pack);
        DecodeOptions { limits, ..add::decode_options(self.options) }
    }
}

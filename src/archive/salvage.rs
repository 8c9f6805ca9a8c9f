//! The rest of a damaged archive, unpacked or named.

use std::collections::HashMap;
use std::path::Path;

use super::contents::Contents;
use super::groups::mismatch;
use super::decode::{Piece, Verifier, check_total};
use super::read::Archive;
use super::unpack::unpack_archive;
use super::{Lost, TestSummary, UnpackOptions, UnpackSummary};
use crate::format::{Entry, EntryKind};
use crate::{Error, Progress, Result};

impl Archive {
    /// Unpacks every file that is whole, and names the others. Otherwise like [`Archive::unpack`].
    ///
    /// ```
    /// # fn main() -> llz::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (notes, out) = (dir.path().join("notes.txt"), dir.path().join("notes.llz"));
    /// # std::fs::write(&notes, "To be, or not to be").unwrap();
    /// # let (options, progress) = (llz::PackOptions::default(), llz::Progress::default());
    /// # llz::pack_to_path(&[notes], &out, false, &options, &progress)?;
    /// let (archive, damage) = llz::Archive::recover(&out, llz::DecodeOptions::default())?;
    /// let into = dir.path().join("rest");
    /// let (summary, lost) = archive.salvage(&into, &llz::UnpackOptions::default(), &progress)?;
    /// assert!(damage.is_empty() && lost.is_empty() && summary.files == 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn salvage(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<(UnpackSummary, Vec<Lost>)> {
        let mut losses = Losses::when(true);
        let summary = unpack_archive(self, dest, options, progress, &mut losses)?;
        Ok((summary, losses.lost))
    }

    /// Decodes everything, writing nothing, and names the files that are damaged. Of what is not a
    /// file's content, [`Archive::recover`] has told the damage.
    pub fn damaged_files(&self, progress: &Progress) -> Result<(TestSummary, Vec<Lost>)> {
        let entries: Vec<&Entry> = self.entries().iter().collect();
        let (mut tested, lost) = self.test_entries(&entries, true, progress)?;
        tested.chunks = self.chunk_count();
        Ok((tested, lost))
    }

    /// Decodes what these entries have, writing nothing. With `keep_going` the damaged files are named; otherwise
    /// the first of them is an error.
    pub fn test_entries(
        &self,
        entries: &[&Entry],
        keep_going: bool,
        progress: &Progress,
    ) -> Result<(TestSummary, Vec<Lost>)> {
        let contents = Contents::of(entries.iter().copied());
        check_total(contents.total, self.limits())?;
        let mut losses = Losses::when(keep_going);
        for entry in &contents.empty {
            losses.tolerate(entry, Verifier::new(entry).finish())?;
        }
        progress.set_total(contents.distinct.iter().map(|entry| entry.size()).sum());
        let mut verifier: Option<Verifier> = None;
        self.decode(&contents.distinct, progress, keep_going, None, |entry, piece, is_last| {
            match piece {
                Piece::Bytes(bytes) | Piece::There(bytes) => {
                    verifier.get_or_insert_with(|| Verifier::new(entry)).update(bytes);
                    match verifier.take_if(|_| is_last) {
                        Some(verifier) => losses.tolerate(entry, verifier.finish()),
                        None => Ok(()),
                    }
                }
                Piece::Lost(error) => {
                    verifier = None;
                    losses.note(entry, error);
                    Ok(())
                }
                Piece::Doubt(files) => {
                    losses.doubt(files);
                    Ok(())
                }
            }
        })?;
        for (original, entry) in &contents.copies {
            losses.inherit(original, entry);
        }
        let lost = losses.lost.iter();
        let lost_bytes: u64 =
            lost.filter(|lost| !lost.is_doubtful).filter_map(|lost| self.entry(&lost.path)).map(|entry| entry.size()).sum();
        let summary = TestSummary {
            entries: entries.len() as u64,
            chunks: self.chunks_of(&contents.distinct),
            raw_bytes: contents.total - lost_bytes,
        };
        Ok((summary, losses.lost))
    }
}

/// The files that could not be had so far.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Whether damage costs only the files that it concerns. Otherwise nothing is lost, for it ends the work.
    pub(super) keep_going: bool,
    lost: Vec<Lost>,
    /// Places in the raw stream of lost and of doubtful content, with the reason.
    places: HashMap<u64, String>,
    doubtful: HashMap<u64, String>,
}

impl Losses {
    /// None so far, with or without `keep_going`.
    pub(super) fn when(keep_going: bool) -> Self {
        Losses { keep_going, ..Losses::default() }
    }

    /// Takes a damaged file for lost.
    pub(super) fn tolerate(&mut self, entry: &Entry, done: Result<()>) -> Result<()> {
        match done {
            Err(error @ (Error::Corrupt(_) | Error::Unsupported(_))) if self.keep_going => {
                self.note(entry, &error);
                Ok(())
            }
            done => done,
        }
    }

    /// Whether a file with content is lost.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        matches!(entry.kind, EntryKind::File { offset, size: 1.., .. } if self.places.contains_key(&offset))
    }

    /// All that could not be had.
    pub(super) fn into_lost(self) -> Vec<Lost> {
        self.lost
    }

    pub(super) fn note(&mut self, entry: &Entry, error: &Error) {
        let why = error.to_string();
        if let EntryKind::File { offset, size: 1.., .. } = entry.kind {
            self.places.insert(offset, why.clone());
        }
        self.lost.push(Lost { path: entry.path.clone(), why, is_doubtful: false });
    }

    /// Notes that these small files do not have their SHA-256 together. Where one of them is lost already, that is why.
    pub(super) fn doubt(&mut self, files: &[&Entry]) {
        if files.iter().any(|entry| self.places.contains_key(&entry.content_start())) {
            return;
        }
        let why = mismatch(files).to_string();
        for entry in files {
            self.doubtful.insert(entry.content_start(), why.clone());
            self.lost.push(Lost { path: entry.path.clone(), why: why.clone(), is_doubtful: true });
        }
    }

    /// Whether a file is lost because the one whose content it shares is.
    pub(super) fn inherit(&mut self, original: &Entry, entry: &Entry) -> bool {
        let EntryKind::File { offset, .. } = original.kind else { return false };
        let (lost, doubtful) = (self.places.get(&offset), self.doubtful.get(&offset));
        let Some(why) = lost.or(doubtful).cloned() else { return false };
        self.lost.push(Lost { path: entry.path.clone(), why, is_doubtful: lost.is_none() });
        lost.is_some()
    }
}

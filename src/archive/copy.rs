//! The content of several files, in any order, to one writer.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::Lost;
use super::contents::Contents;
use super::decode::{Piece, Verifier, check_total};
use super::read::Archive;
use super::salvage::Losses;
use crate::format::{Entry, EntryKind};
use crate::{Error, Progress, Result};

impl Archive {
    /// Writes the content of these files to `out`, one after the other, and decodes no chunk twice. Returns how many
    /// bytes that were. Each hash is compared when `out` has the file, or before.
    ///
    /// Where the files are asked for in another order than the archive has them, they wait in a temporary file.
    /// Directories and links have no content.
    pub fn copy_files(
        &self,
        entries: &[&Entry],
        out: &mut dyn Write,
        progress: &Progress,
    ) -> Result<u64> {
        let contents = self.contents_of(entries, progress)?;
        for entry in &contents.empty {
            Verifier::new(entry).finish()?;
        }
        let losses = &mut Losses::default();
        let places: Vec<u64> = entries.iter().filter_map(|entry| place(entry)).collect();
        if places.is_sorted_by(|one, next| one < next) {
            self.copy_in_order(&contents.distinct, out, "-", losses, progress)?;
            return Ok(contents.total);
        }
        let mut spool = tempfile::tempfile().map_err(failed)?;
        let starts = self.copy_in_order(&contents.distinct, &mut spool, TEMPORARY, losses, progress)?;
        for entry in entries {
            copy_spooled(entry, &starts, &mut spool, out, progress)?;
        }
        Ok(contents.total)
    }

    /// Writes those of these files to `out` that are whole, one after the other, and returns the others. They wait in
    /// a temporary file until all have been checked. Otherwise like [`Archive::copy_files`].
    pub fn copy_whole_files(
        &self,
        entries: &[&Entry],
        out: &mut dyn Write,
        progress: &Progress,
    ) -> Result<Vec<Lost>> {
        let contents = self.contents_of(entries, progress)?;
        let mut losses = Losses::when(true);
        for entry in &contents.empty {
            losses.tolerate(entry, Verifier::new(entry).finish())?;
        }
        let mut spool = tempfile::tempfile().map_err(failed)?;
        let starts =
            self.copy_in_order(&contents.distinct, &mut spool, TEMPORARY, &mut losses, progress)?;
        for (original, entry) in &contents.copies {
            losses.inherit(original, entry);
        }
        for entry in entries.iter().filter(|entry| !losses.has(entry)) {
            copy_spooled(entry, &starts, &mut spool, out, progress)?;
        }
        Ok(losses.into_lost())
    }

    /// These files by their content, of which there is not too much.
    fn contents_of<'e>(&self, entries: &[&'e Entry], progress: &Progress) -> Result<Contents<'e>> {
        let contents = Contents::of(entries.iter().copied());
        check_total(contents.total, self.limits())?;
        progress.set_total(contents.distinct.iter().map(|entry| entry.size()).sum());
        Ok(contents)
    }

    /// Writes distinct files in the order of the content stream to `out`, which is called `name`. Returns where each
    /// begins there, by its place in the content stream. Of a file that is lost some bytes may be there.
    fn copy_in_order(
        &self,
        files: &[&Entry],
        out: &mut dyn Write,
        name: &str,
        losses: &mut Losses,
        progress: &Progress,
    ) -> Result<HashMap<u64, u64>> {
        let (mut starts, mut end) = (HashMap::new(), 0);
        let mut verifier: Option<Verifier> = None;
        self.decode(files, progress, losses.keep_going, None, |entry, piece, is_last| {
            let (Piece::Bytes(bytes) | Piece::There(bytes)) = piece else {
                if let Piece::Lost(error) = piece {
                    losses.note(entry, error);
                }
                verifier = None;
                return Ok(());
            };
            if verifier.is_none() {
                starts.extend(place(entry).map(|place| (place, end)));
            }
            verifier.get_or_insert_with(|| Verifier::new(entry)).update(bytes);
            out.write_all(bytes).map_err(|error| Error::io(name, error))?;
            end += bytes.len() as u64;
            match verifier.take_if(|_| is_last) {
                Some(verifier) => losses.tolerate(entry, verifier.finish()),
                None => Ok(()),
            }
        })?;
        Ok(starts)
    }
}

const TEMPORARY: &str = "a temporary file";

fn failed(error: io::Error) -> Error {
    Error::io(TEMPORARY, error)
}

/// Copies a file's content, if it has any, out of a spool in which contents begin at `starts`.
fn copy_spooled(
    entry: &Entry,
    starts: &HashMap<u64, u64>,
    spool: &mut File,
    out: &mut dyn Write,
    progress: &Progress,
) -> Result<()> {
    let Some(start) = place(entry).and_then(|place| starts.get(&place)) else { return Ok(()) };
    spool.seek(SeekFrom::Start(*start)).map_err(failed)?;
    let mut content = spool.take(entry.size());
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress.check()?;
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => out.write_all(&buffer[..n]).map_err(|error| Error::io("-", error))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Where a file's content lies in the content stream, if it has any.
fn place(entry: &Entry) -> Option<u64> {
    match entry.kind {
        EntryKind::File { size: 1.., offset, .. } => Some(offset),
        _ => None,
    }
}

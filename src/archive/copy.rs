//! The content of several files, in any order, to one writer.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::contents::Contents;
use super::decode::{Piece, Verifier, check_total};
use super::read::Archive;
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
        let contents = Contents::of(entries.iter().copied());
        check_total(contents.total, self.limits())?;
        progress.set_total(contents.distinct.iter().map(|entry| entry.size()).sum());
        for entry in &contents.empty {
            Verifier::new(entry).finish()?;
        }
        let places: Vec<u64> = entries.iter().filter_map(|entry| place(entry)).collect();
        if places.is_sorted_by(|one, next| one < next) {
            self.copy_in_order(&contents.distinct, out, "-", progress)?;
            return Ok(contents.total);
        }
        let failed = |error| Error::io("a temporary file", error);
        let mut spool = tempfile::tempfile().map_err(failed)?;
        self.copy_in_order(&contents.distinct, &mut spool, "a temporary file", progress)?;
        let (mut starts, mut end) = (HashMap::new(), 0);
        for entry in &contents.distinct {
            starts.extend(place(entry).map(|place| (place, end)));
            end += entry.size();
        }
        for entry in entries {
            let Some(start) = place(entry).and_then(|place| starts.get(&place)) else { continue };
            spool.seek(SeekFrom::Start(*start)).map_err(failed)?;
            let mut content = (&mut spool).take(entry.size());
            let mut buffer = vec![0; 1 << 16];
            loop {
                progress.check()?;
                match content.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(n) => out.write_all(&buffer[..n]).map_err(|error| Error::io("-", error))?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        Ok(contents.total)
    }

    /// Writes distinct files in the order of the raw stream to `out`, which is called `name`.
    fn copy_in_order(
        &self,
        files: &[&Entry],
        out: &mut dyn Write,
        name: &str,
        progress: &Progress,
    ) -> Result<()> {
        let mut verifier: Option<Verifier> = None;
        self.decode(files, progress, false, |entry, piece, is_last| {
            let Piece::Bytes(bytes) = piece else { return Ok(()) };
            verifier.get_or_insert_with(|| Verifier::new(entry)).update(bytes);
            out.write_all(bytes).map_err(|error| Error::io(name, error))?;
            match verifier.take_if(|_| is_last) {
                Some(verifier) => verifier.finish(),
                None => Ok(()),
            }
        })
    }
}

/// Where a file's content lies in the raw stream, if it has any.
fn place(entry: &Entry) -> Option<u64> {
    match entry.kind {
        EntryKind::File { size: 1.., offset, .. } => Some(offset),
        _ => None,
    }
}

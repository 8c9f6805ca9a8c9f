//! Decoded bytes that wait in a file until the entries they belong to are known.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::decode::check_total;
use crate::{Error, Limits, Result};

/// The raw stream from `base` on, as far as it has been decoded.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    base: u64,
    len: u64,
    limits: Limits,
}

impl Spool {
    /// A spool in an empty file.
    pub(crate) fn new(file: File, limits: Limits) -> Self {
        Spool { file, base: 0, len: 0, limits }
    }

    /// Whether the byte at this place of the raw stream is still here.
    pub(crate) fn has(&self, offset: u64) -> bool {
        (self.base..self.base + self.len).contains(&offset)
    }

    /// Appends what has been decoded.
    pub(crate) fn push(&mut self, raw: &[u8]) -> Result<()> {
        check_total(self.base + self.len + raw.len() as u64, &self.limits)?;
        let end = self.len;
        self.attempt(|file| {
            file.seek(SeekFrom::Start(end))?;
            file.write_all(raw)
        })?;
        self.len += raw.len() as u64;
        Ok(())
    }

    /// The bytes from this place of the raw stream on.
    pub(crate) fn read_at(&mut self, offset: u64) -> Result<impl Read> {
        let at = offset - self.base;
        self.attempt(|file| file.seek(SeekFrom::Start(at)))?;
        Ok(&self.file)
    }

    /// Forgets everything before `offset`, once that frees at least as much as must be moved.
    pub(crate) fn forget(&mut self, offset: u64) -> Result<()> {
        let freed = offset.saturating_sub(self.base).min(self.len);
        let kept = self.len - freed;
        if freed < kept || freed == 0 {
            return Ok(());
        }
        self.attempt(|file| {
            // The two ranges do not overlap.
            let (mut done, mut buffer) = (0, vec![0; 1 << 16]);
            while done < kept {
                let piece = &mut buffer[..(kept - done).min(1 << 16) as usize];
                file.seek(SeekFrom::Start(freed + done))?;
                file.read_exact(piece)?;
                file.seek(SeekFrom::Start(done))?;
                file.write_all(piece)?;
                done += piece.len() as u64;
            }
            file.set_len(kept)
        })?;
        (self.base, self.len) = (self.base + freed, kept);
        Ok(())
    }

    fn attempt<T>(&mut self, action: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T> {
        action(&mut self.file).map_err(|error| Error::io("the spool file", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_not_forgotten() {
        let limits = Limits { total_bytes: 1000, ..Limits::default() };
        let mut spool = Spool::new(tempfile::tempfile().unwrap(), limits);
        let raw: Vec<u8> = (0..=255).collect();
        spool.push(&raw).unwrap();
        let read = |spool: &mut Spool, offset: u64| {
            let mut bytes = [0; 3];
            spool.read_at(offset).unwrap().read_exact(&mut bytes).unwrap();
            bytes
        };
        spool.forget(100).unwrap(); // not worth it yet
        assert!(spool.has(0));
        spool.forget(200).unwrap();
        assert!(!spool.has(199) && spool.has(200) && spool.has(255) && !spool.has(256));
        assert_eq!(read(&mut spool, 200), [200, 201, 202]);
        spool.push(&raw).unwrap();
        assert_eq!(read(&mut spool, 255), [255, 0, 1]);
        spool.push(&raw).unwrap();
        assert!(matches!(spool.push(&raw), Err(Error::Limit { .. })));
    }
}

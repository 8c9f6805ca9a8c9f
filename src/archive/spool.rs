//! Decoded bytes that wait in a file until the entries they belong to are known.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

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

    /// Whether these bytes of the raw stream are still here.
    pub(crate) fn has(&self, range: &Range<u64>) -> bool {
        self.base <= range.start && range.end <= self.base + self.len
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

    /// The bytes of these ranges of the raw stream, which are here, one range after the other.
    pub(crate) fn read<'s>(&'s self, ranges: impl Iterator<Item = Range<u64>> + 's) -> impl Read + 's {
        Reader { spool: self, ranges, left: 0..0 }
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

/// Reads ranges of a spool.
struct Reader<'s, R> {
    spool: &'s Spool,
    ranges: R,
    /// What is left of the present range.
    left: Range<u64>,
}

impl<R: Iterator<Item = Range<u64>>> Read for Reader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.ranges.next() {
                Some(range) => self.left = range,
                None => return Ok(0),
            }
        }
        let want = buffer.len().min(usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX));
        let mut file = &self.spool.file;
        file.seek(SeekFrom::Start(self.left.start - self.spool.base))?;
        let got = file.read(&mut buffer[..want])?;
        self.left.start += got as u64;
        Ok(got)
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
        let read = |spool: &Spool, ranges: &[Range<u64>]| {
            let mut bytes = Vec::new();
            spool.read(ranges.iter().cloned()).read_to_end(&mut bytes).unwrap();
            bytes
        };
        spool.forget(100).unwrap(); // not worth it yet
        assert!(spool.has(&(0..256)));
        spool.forget(200).unwrap();
        assert!(!spool.has(&(199..201)) && spool.has(&(200..256)) && !spool.has(&(255..257)));
        assert_eq!(read(&spool, std::slice::from_ref(&(200..203))), [200, 201, 202]);
        spool.push(&raw).unwrap();
        assert_eq!(read(&spool, &[255..258, 200..201]), [255, 0, 1, 200]);
        spool.push(&raw).unwrap();
        assert!(matches!(spool.push(&raw), Err(Error::Limit { .. })));
    }
}

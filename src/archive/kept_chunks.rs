//! Decoded chunks that later content repeats.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use crate::{Error, Result};

/// Chunks by their numbers. They wait in a temporary file, so that their memory needs no limit; a build without files
/// holds them in memory.
#[derive(Debug, Default)]
pub(crate) struct KeptChunks {
    places: HashMap<usize, u64>,
    store: Store,
    len: u64,
}

impl KeptChunks {
    /// Keeps a chunk.
    pub(crate) fn keep(&mut self, number: usize, raw: &[u8]) -> Result<()> {
        self.store.append(self.len, raw).map_err(failed)?;
        self.places.insert(number, self.len);
        self.len += raw.len() as u64;
        Ok(())
    }

    /// A range of a chunk that is kept, and reaches so far.
    pub(crate) fn read(&mut self, number: usize, range: Range<usize>) -> Result<Vec<u8>> {
        let place = self.places.get(&number);
        let place = place.ok_or_else(|| Error::corrupt("a repeat of a chunk that is gone"))?;
        let mut bytes = vec![0; range.len()];
        self.store.read(place + range.start as u64, &mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("a temporary file", error)
}

/// Bytes that are written once and read at any place.
#[cfg(feature = "fs")]
#[derive(Debug, Default)]
struct Store {
    /// Made when it is first needed.
    file: Option<std::fs::File>,
}

#[cfg(feature = "fs")]
impl Store {
    fn append(&mut self, end: u64, bytes: &[u8]) -> io::Result<()> {
        use io::{Seek, Write};
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(io::SeekFrom::Start(end))?;
        file.write_all(bytes)
    }

    fn read(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        use io::{Read, Seek};
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(io::SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }
}

/// Bytes that are written once and read at any place.
#[cfg(not(feature = "fs"))]
#[derive(Debug, Default)]
struct Store {
    bytes: Vec<u8>,
}

#[cfg(not(feature = "fs"))]
impl Store {
    fn append(&mut self, _end: u64, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend(bytes);
        Ok(())
    }

    fn read(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let from = self.bytes.get(at as usize..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

//! Reading archives.

use std::io::Write;
use std::path::Path;

use super::{Info, TestSummary, UnpackOptions, UnpackSummary};
use crate::format::Entry;
use crate::{EngineOptions, Error, Limits, Progress, Result};

/// An archive that can be read at any place.
#[derive(Debug)]
pub struct Archive {}

impl Archive {
    /// Opens the archive at `path`.
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        let _ = (path, limits);
        Err(Error::Unsupported("open: on its way".into()))
    }

    /// Opens an archive held in memory.
    pub fn from_bytes(bytes: Vec<u8>, limits: Limits) -> Result<Self> {
        let _ = (bytes, limits);
        Err(Error::Unsupported("open: on its way".into()))
    }

    /// Opens what is left of a truncated or damaged archive: everything completed before the first
    /// damage. The second value says what is wrong with it; `None` if nothing is.
    pub fn recover(path: &Path, limits: Limits) -> Result<(Self, Option<Error>)> {
        let _ = (path, limits);
        Err(Error::Unsupported("open: on its way".into()))
    }

    /// All entries, sorted bytewise by path.
    pub fn entries(&self) -> &[Entry] {
        &[]
    }

    /// The entry at `path`.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let _ = path;
        None
    }

    /// What the archive says about itself.
    pub fn info(&self) -> Info {
        unreachable!("no archive can be opened yet")
    }

    /// Decodes everything and checks every checksum, writing nothing.
    pub fn test(&self, engine: &EngineOptions, progress: &Progress) -> Result<TestSummary> {
        let _ = (engine, progress);
        Err(Error::Unsupported("test: on its way".into()))
    }

    /// Writes one file's content to `out`, decoding only the chunks it lies in.
    pub fn copy_file(
        &self,
        path: &str,
        out: &mut dyn Write,
        engine: &EngineOptions,
        progress: &Progress,
    ) -> Result<u64> {
        let _ = (path, out, engine, progress);
        Err(Error::Unsupported("copy: on its way".into()))
    }

    /// One file's content.
    pub fn read_file(
        &self,
        path: &str,
        engine: &EngineOptions,
        progress: &Progress,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy_file(path, &mut bytes, engine, progress)?;
        Ok(bytes)
    }

    /// Unpacks into `dest`.
    pub fn unpack(
        &self,
        dest: &Path,
        options: &UnpackOptions,
        progress: &Progress,
    ) -> Result<UnpackSummary> {
        let _ = (dest, options, progress);
        Err(Error::Unsupported("unpack: on its way".into()))
    }
}

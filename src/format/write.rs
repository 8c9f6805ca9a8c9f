//! Writing an archive in one forward pass.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::chunk::Chunk;
use super::coding::{Coding, MAX_MODELS};
use super::entry::Entry;
use super::gone;
use super::header::{Footer, Header};
use super::index::{self, IndexItem};
use super::layout::Layout;
use super::model_file;
use super::model_ref::NamedModel;
use super::params::Params;
use super::repeats::{self, Repeat};
use super::section::{SectionHeader, SectionType};
use super::table_builder::TableBuilder;
use crate::{Error, Result};

/// Entries in one table, so that reading one takes little memory.
pub(crate) const TABLE_ENTRIES: usize = 4096;
/// Raw bytes between two tables, so that a pipe's reader need not wait long.
const TABLE_EVERY: u64 = 16 << 20;
/// Coded bytes between two tables, so that a truncated archive loses little. A table of its own takes about 80 bytes
/// more, which is less than a five-thousandth of this.
const TABLE_EVERY_CODED: u64 = 1 << 19;

/// Writes sections in order and remembers them for the index.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    name: PathBuf,
    /// The header's features, which each footer repeats.
    incompat: u32,
    offset: u64,
    items: Vec<IndexItem>,
    table: TableBuilder,
    /// Repeats since the last table, and the place of the last one before.
    repeats: Vec<Repeat>,
    last_repeat: u64,
    /// Raw bytes in chunks since the last table.
    raw_since_table: u64,
    /// The end of the last table, or of the header.
    table_end: u64,
    models: usize,
}

impl<W: Write> Writer<W> {
    /// Writes header and parameters. `name` stands for `out` in errors.
    pub fn new(out: W, name: &Path, params: Params) -> Result<Self> {
        let mut writer = Self::at(out, name, 0, Header::CURRENT.incompat);
        writer.put(&Header::CURRENT.to_bytes())?;
        writer.begin(params)?;
        Ok(writer)
    }

    /// Writes the parameters of another generation of an archive, where it ends.
    pub fn append(out: W, name: &Path, layout: &Layout, params: Params) -> Result<Self> {
        let mut writer = Self::at(out, name, layout.end(), layout.header().incompat);
        (writer.models, writer.last_repeat) = (layout.models().len(), layout.last_repeat());
        writer.begin(params)?;
        Ok(writer)
    }

    fn at(out: W, name: &Path, offset: u64, incompat: u32) -> Self {
        Writer {
            out,
            name: name.into(),
            incompat,
            offset,
            items: Vec::new(),
            table: TableBuilder::default(),
            repeats: Vec::new(),
            last_repeat: 0,
            raw_since_table: 0,
            table_end: offset,
            models: 0,
        }
    }

    fn begin(&mut self, params: Params) -> Result<()> {
        self.table_end = self.offset;
        self.section(SectionType::PARAMS, &params.to_payload(), None)
    }

    /// Takes away entries of earlier generations.
    pub fn gone<'a>(&mut self, paths: impl ExactSizeIterator<Item = &'a str>) -> Result<()> {
        match paths.len() {
            0 => Ok(()),
            _ => self.section(SectionType::GONE, &gone::to_payload(paths)?, None),
        }
    }

    /// Names a model; needed before the first chunk that needs it. Returns its number, which for the first is 0.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for more models than an archive may have, and those of writing.
    pub fn model(&mut self, model: &NamedModel) -> Result<u8> {
        let number = u8::try_from(self.models).ok().filter(|_| self.models < MAX_MODELS);
        let number = number
            .ok_or_else(|| Error::Unsupported(format!("an archive of more than {MAX_MODELS} models")))?;
        self.models += 1;
        self.section(SectionType::MODEL, &model.to_payload(), None)?;
        Ok(number)
    }

    /// Writes the file of a model that has been named, for readers that do not have it; once at most.
    pub fn model_file(&mut self, model: u8, file: &[u8]) -> Result<()> {
        debug_assert!(usize::from(model) < self.models);
        self.section(SectionType::MODEL_FILE, &model_file::to_payload(model, file)?, None)
    }

    /// Writes the next chunk of the raw stream.
    pub fn chunk(&mut self, chunk: Chunk<'_>) -> Result<()> {
        debug_assert!(chunk.coding.model().is_none_or(|model| usize::from(model) < self.models));
        let index = Some((chunk.coding, chunk.raw_len));
        self.section(SectionType::CHUNK, &chunk.to_payload(), index)?;
        self.raw_since_table += u64::from(chunk.raw_len);
        Ok(())
    }

    /// Adds an entry all of whose content has been written in chunks. `copy` is how many entries
    /// back one with the same content is; then size, place and checksum are not written again. `sha256` is that of
    /// a file's content; of a small file, the entry does not have it.
    pub fn entry(&mut self, entry: &Entry, copy: Option<u64>, sha256: &[u8; 32]) -> Result<()> {
        self.table.push(entry, copy, sha256);
        if self.table.len() >= TABLE_ENTRIES as u64 {
            self.write_table()?;
        }
        Ok(())
    }

    /// Adds a repeat in the content of the next entry. All raw bytes before its place must have been written when a
    /// table is.
    pub fn repeat(&mut self, repeat: Repeat) {
        self.repeats.push(repeat);
    }

    /// Writes a table if one is due. To be called when all entries that are complete so far have been added.
    pub fn table_if_due(&mut self) -> Result<()> {
        if self.raw_since_table >= TABLE_EVERY || self.offset - self.table_end >= TABLE_EVERY_CODED {
            self.write_table()?;
        }
        Ok(())
    }

    fn write_table(&mut self) -> Result<()> {
        if let Some(last) = self.repeats.last().map(Repeat::raw_end) {
            let payload = repeats::to_payload(&self.repeats, self.last_repeat)?;
            self.section(SectionType::REPEATS, &payload, None)?;
            self.last_repeat = last;
            self.repeats.clear();
        }
        if self.table.len() > 0 {
            let table = std::mem::take(&mut self.table);
            self.section(SectionType::ENTRIES, &table.to_payload()?, None)?;
        }
        self.raw_since_table = 0;
        self.table_end = self.offset;
        Ok(())
    }

    /// Writes a table of these entries alone, each with what [`Writer::entry`] wants to know. `group` is the SHA-256 of
    /// its small files together, where it is known; then theirs need not be.
    pub fn table<'e>(
        &mut self,
        rows: impl Iterator<Item = (&'e Entry, Option<u64>, [u8; 32])>,
        group: Option<[u8; 32]>,
    ) -> Result<()> {
        debug_assert_eq!(self.table.len(), 0);
        rows.for_each(|(entry, copy, sha256)| self.table.push(entry, copy, &sha256));
        if let Some(sha256) = group {
            self.table.set_group(sha256);
        }
        self.write_table()
    }

    /// Ends this generation, and begins another one with these parameters.
    pub fn next_generation(&mut self, params: Params) -> Result<()> {
        self.end_generation()?;
        self.items.clear();
        self.begin(params)
    }

    /// Writes what is left, the index and the footer. Returns the archive's length in bytes.
    pub fn finish(mut self) -> Result<u64> {
        self.end_generation()?;
        self.out.flush().map_err(|error| Error::io(&self.name, error))?;
        Ok(self.offset)
    }

    fn end_generation(&mut self) -> Result<()> {
        self.write_table()?;
        let payload = index::to_payload(&self.items)?;
        let index_offset = self.offset;
        self.section(SectionType::INDEX, &payload, None)?;
        let index_len = u32::try_from(self.offset - index_offset)
            .map_err(|_| Error::Unsupported("an index of 4 GiB or more".into()))?;
        let incompat = self.incompat;
        self.put(&Footer { index_offset, index_len, incompat }.to_bytes())
    }

    fn section(
        &mut self,
        kind: SectionType,
        payload: &[u8],
        chunk: Option<(Coding, u32)>,
    ) -> Result<()> {
        let header = SectionHeader::of(kind, payload)?;
        self.put(&header.to_bytes())?;
        self.put(payload)?;
        self.items.push(IndexItem { kind, len: header.len, chunk });
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| Error::io(&self.name, error))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

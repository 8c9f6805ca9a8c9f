//! What an archive consists of, and the one set of rules for how its sections may follow each
//! other. Every way of reading (index, forward scan, pipe) goes through [`Layout::add`].

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::chunk::Chunk;
use super::codec_id::CoderParams;
use super::coding::{Coding, MAX_MODELS};
use super::cursor::Cursor;
use super::entry::Entry;
use super::group::Group;
use super::header::Header;
use super::index::{self, IndexItem};
use super::model_file;
use super::model_ref::{MAX_MODEL, NamedModel};
use super::params::{MAX_PARAMS, Params};
use super::repeats::{RawRange, RepeatList};
use super::section::{SectionHeader, SectionType};
use super::table::EntryList;
use crate::error::Place;
use crate::{Bound, Error, Limits, Result};

/// Where a chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The parameters of the mixer in its generation.
    pub mixer: CoderParams,
    /// How it was coded.
    pub coding: Coding,
    /// Its section's place in the archive.
    pub section: u64,
    /// Bytes of its section's payload.
    pub payload_len: u32,
    /// Its first byte's place in the raw stream.
    pub raw_start: u64,
    /// Its length before coding.
    pub raw_len: u32,
}

/// Where the file of a model lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFilePlace {
    /// The number of the model.
    pub model: u8,
    /// Its section's place in the archive.
    pub section: u64,
    /// Bytes of its section's payload.
    pub payload_len: u32,
}

/// Everything about an archive but the content of its chunks.
#[derive(Debug)]
pub struct Layout {
    header: Header,
    params: Option<Params>,
    /// By number; `None` for one that a recovery has lost.
    models: Vec<Option<NamedModel>>,
    model_files: Vec<ModelFilePlace>,
    chunks: Vec<ChunkPlace>,
    repeats: RepeatList,
    list: EntryList,
    /// Whether a generation begins: its parameters come next.
    begins: bool,
    /// Sections of the present generation so far, in order.
    items: Vec<IndexItem>,
    /// How many generations are whole.
    generations: u64,
    /// Where the last whole generation ends.
    end: u64,
    /// Bytes behind it, of an update that was not finished.
    pub(super) unfinished: u64,
    /// Where the next section begins.
    offset: u64,
    /// Raw bytes in all chunks so far.
    raw_len: u64,
    /// Whether nothing of it is lost.
    is_whole: bool,
    /// Memory that `chunks`, `items` and a parsed index take, about.
    memory: u64,
}

/// A section's content, as far as [`Layout::add`] needs it.
pub(crate) enum Content<'a> {
    /// A chunk by how it is coded and its raw length.
    Chunk(Coding, u32),
    /// The payload of any other section; of `mfil` its first bytes suffice.
    Payload(&'a [u8]),
}

impl Layout {
    pub(crate) fn new(header: Header) -> Self {
        Layout {
            header,
            params: None,
            models: Vec::new(),
            model_files: Vec::new(),
            chunks: Vec::new(),
            repeats: RepeatList::default(),
            list: EntryList::default(),
            begins: true,
            items: Vec::new(),
            generations: 0,
            end: 0,
            unfinished: 0,
            offset: Header::LEN as u64,
            raw_len: 0,
            is_whole: true,
            memory: 0,
        }
    }

    /// What follows are the sections of a generation, the first one at `start`.
    pub(super) fn begin_generation(&mut self, start: u64) {
        if self.params.is_some() {
            self.list.gone.begin_generation(self.list.entries.len());
        }
        (self.begins, self.offset) = (true, start);
        self.items.clear();
    }

    /// A generation is whole, and ends at `end`.
    pub(super) fn end_generation(&mut self, end: u64) {
        self.generations += 1;
        self.end = end;
    }

    /// Takes in the next section, wherever it was read from.
    pub(crate) fn add(
        &mut self,
        kind: SectionType,
        len: u32,
        content: Content,
        limits: &Limits,
    ) -> Result<()> {
        let offset = self.offset;
        self.take_in(kind, len, content, limits).at(kind, offset)
    }

    fn take_in(
        &mut self,
        kind: SectionType,
        len: u32,
        content: Content,
        limits: &Limits,
    ) -> Result<()> {
        let mut item = IndexItem { kind, len, chunk: None };
        self.charge(size_of::<IndexItem>(), limits)?;
        if self.begins && kind != SectionType::PARAMS {
            return Err(Error::corrupt("the first section is not PARM"));
        }
        check_len(kind, len)?;
        match (kind, content) {
            (SectionType::CHUNK, Content::Chunk(coding, raw_len)) => {
                item.chunk = Some((coding, raw_len));
                self.add_chunk(coding, len, raw_len, limits)?;
            }
            (SectionType::PARAMS, Content::Payload(payload)) => {
                if !std::mem::take(&mut self.begins) {
                    return Err(Error::corrupt("a second one"));
                }
                self.params = Some(Params::parse(payload)?);
            }
            (SectionType::MODEL, Content::Payload(payload)) => {
                if self.models.len() == MAX_MODELS {
                    return Err(Error::corrupt(format!("more than {MAX_MODELS} of them")));
                }
                self.models.push(Some(NamedModel::parse(payload)?));
            }
            (SectionType::REPEATS, Content::Payload(payload)) => {
                let reach = self.params.map_or(0, |params| params.reach);
                self.repeats.read(payload, reach, self.list.owned, limits)?;
                if self.content_len().is_none() {
                    return Err(Error::corrupt("a repeat whose place is not there yet"));
                }
            }
            (SectionType::MODEL_FILE, Content::Payload(payload)) => {
                let model = model_file::number(payload)?;
                if usize::from(model) >= self.models.len() {
                    return Err(Error::corrupt("the file of a model that no section MODL before it names"));
                }
                if self.model_file_place(model).is_some() {
                    return Err(Error::corrupt(format!("a second file of model {model}")));
                }
                self.model_files.push(ModelFilePlace { model, section: self.offset, payload_len: len });
            }
            (SectionType::ENTRIES, Content::Payload(payload)) => {
                self.list.read_table(payload, limits)?;
                if self.content_len().is_none_or(|content| self.list.owned > content) {
                    return Err(Error::corrupt("an entry whose content is not there yet"));
                }
            }
            (SectionType::GONE, Content::Payload(payload)) => self.list.gone.read(payload, limits)?,
            _ if !kind.is_critical() => {}
            _ => return Err(Error::corrupt("out of place")),
        }
        self.offset = (self.offset.checked_add(item.section_len()))
            .ok_or_else(|| Error::corrupt("sections that overflow"))?;
        self.items.push(item);
        Ok(())
    }

    fn add_chunk(&mut self, coding: Coding, len: u32, raw_len: u32, limits: &Limits) -> Result<()> {
        let most = self.params.map_or(0, |params| params.chunk_size);
        if raw_len == 0 || raw_len > most {
            return Err(Error::corrupt("a chunk that is empty or larger than PARM allows"));
        }
        if u64::from(raw_len) > limits.chunk_bytes {
            return Err(Error::Limit {
                what: "a chunk".into(),
                limit: limits.chunk_bytes,
                bound: Bound::ChunkBytes,
            });
        }
        if coding.model().is_some_and(|model| usize::from(model) >= self.models.len()) {
            return Err(Error::corrupt("a chunk of a model that no section MODL before it names"));
        }
        self.charge(size_of::<ChunkPlace>(), limits)?;
        let params = self.params.ok_or_else(|| Error::corrupt("a chunk without parameters"))?;
        self.chunks.push(ChunkPlace {
            mixer: params.mixer,
            coding,
            section: self.offset,
            payload_len: len,
            raw_start: self.raw_len,
            raw_len,
        });
        self.raw_len = (self.raw_len.checked_add(u64::from(raw_len)))
            .ok_or_else(|| Error::corrupt("chunks that overflow"))?;
        Ok(())
    }

    /// Counts memory taken for the list of sections: a pipe of empty sections never ends.
    pub(super) fn charge(&mut self, bytes: usize, limits: &Limits) -> Result<()> {
        self.memory = self.memory.saturating_add(bytes as u64);
        index::check_memory(self.memory, limits)
    }

    /// Fails unless the present generation is complete: its parameters, and an owner for every byte of content.
    pub(crate) fn check_generation(&self) -> Result<()> {
        if self.begins {
            return Err(Error::corrupt("no section PARM"));
        }
        if self.content_len() != Some(self.list.owned) {
            return Err(Error::corrupt("content that belongs to no entry"));
        }
        Ok(())
    }

    /// Fails unless `payload`, an index, lists exactly the sections seen.
    pub(crate) fn check_index(&self, payload: &[u8], limits: &Limits) -> Result<()> {
        let agrees = index::parse(payload, self.memory, limits).map(|items| items == self.items);
        let agrees = agrees.and_then(|agrees| agrees.then_some(()).ok_or_else(disagreement));
        agrees.at(SectionType::INDEX, self.offset)
    }

    /// Passes over a section that a recovery cannot read.
    pub(crate) fn lose(&mut self, item: &IndexItem) {
        match item.kind {
            SectionType::MODEL if self.models.len() < MAX_MODELS => self.models.push(None),
            SectionType::GONE => self.lose_gone(),
            _ => {}
        }
        self.offset = self.offset.saturating_add(item.section_len());
        self.items.push(*item);
    }

    /// A recovery has lost what is said to be gone, or some of it.
    pub(super) fn lose_gone(&mut self) {
        self.list.gone.set_damaged();
    }

    /// Takes in what a generation says is gone, of which nothing else can be had.
    pub(super) fn add_gone(&mut self, payload: &[u8], limits: &Limits) -> Result<()> {
        self.list.gone.read(payload, limits)
    }

    /// After a lost table of entries: the next file's content begins at `owned`, and entries that share the content of
    /// one before cannot be told from others.
    pub(crate) fn continue_entries(&mut self, owned: u64) {
        self.list.owned = owned;
        self.list.forget_earlier();
    }

    /// Which entries later generations have deleted or replaced, by their places in [`Layout::entries`].
    ///
    /// # Errors
    /// [`Error::Corrupt`] where one of them was not there.
    pub fn gone_entries(&self) -> Result<BTreeSet<usize>> {
        self.list.gone.resolve(&self.list.entries, self.is_whole)
    }

    /// Ends a recovery: chunks that no complete entry needs are forgotten, and entries whose content is unknown are
    /// named.
    pub(crate) fn settle(&mut self, damage: &mut Vec<Error>) {
        self.is_whole = false;
        self.list.drop_gone();
        let owned = self.repeats.raw_at(self.list.owned);
        self.chunks.retain(|chunk| chunk.raw_start < owned);
        let unknown = self.list.take_unknown().into_iter();
        damage.extend(unknown.map(|path| {
            Error::corrupt(format!("{path:?} shares the content of an entry that is lost"))
        }));
    }

    /// Reads the chunk at `place` out of the archive's bytes and holds the index to its word.
    pub fn chunk<'a>(&self, bytes: &'a [u8], place: &ChunkPlace) -> Result<Chunk<'a>> {
        let (section, payload) = section_at(bytes, place.section)?;
        if (section.kind, section.len) != (SectionType::CHUNK, place.payload_len) {
            return Err(disagreement().at(SectionType::CHUNK, place.section));
        }
        let chunk = section.verify(payload).and_then(|()| Chunk::parse(payload));
        let chunk = chunk.at(SectionType::CHUNK, place.section)?;
        if (chunk.coding, chunk.raw_len) != (place.coding, place.raw_len) {
            return Err(disagreement().at(SectionType::CHUNK, place.section));
        }
        Ok(chunk)
    }

    /// The header.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The parameters of the last generation; `None` only before a pipe's first section.
    pub fn params(&self) -> Option<Params> {
        self.params
    }

    /// The models that neural chunks need, by number; `None` for one that a recovery has lost.
    pub fn models(&self) -> &[Option<NamedModel>] {
        &self.models
    }

    /// The model that chunks coded so need.
    pub fn model_of(&self, coding: Coding) -> Option<&NamedModel> {
        self.models.get(usize::from(coding.model()?))?.as_ref()
    }

    /// The files of models, as they lie in the archive.
    pub fn model_files(&self) -> &[ModelFilePlace] {
        &self.model_files
    }

    /// Where the file of this model lies.
    pub fn model_file_place(&self, model: u8) -> Option<&ModelFilePlace> {
        self.model_files.iter().find(|place| place.model == model)
    }

    /// Reads a model's file out of the archive's bytes, if that takes `room` bytes of memory at most. Only its checksum
    /// is compared: whether it is the file of that model is for the caller to see.
    pub fn model_file<'a>(
        &self,
        bytes: &'a [u8],
        place: &ModelFilePlace,
        room: u64,
    ) -> Result<Cow<'a, [u8]>> {
        let payload = self.model_file_payload(bytes, place)?;
        model_file::unpack(payload, room).at(SectionType::MODEL_FILE, place.section)
    }

    /// Fails if the section at `place` is damaged.
    pub(crate) fn model_file_payload<'a>(
        &self,
        bytes: &'a [u8],
        place: &ModelFilePlace,
    ) -> Result<&'a [u8]> {
        let (section, payload) = section_at(bytes, place.section)?;
        if (section.kind, section.len) != (SectionType::MODEL_FILE, place.payload_len) {
            return Err(disagreement().at(SectionType::MODEL_FILE, place.section));
        }
        section.verify(payload).at(section.kind, place.section)?;
        Ok(payload)
    }

    /// All chunks, in the order of the raw stream.
    pub fn chunks(&self) -> &[ChunkPlace] {
        &self.chunks
    }

    /// All entries, in archive order, those that are gone as well.
    pub fn entries(&self) -> &[Entry] {
        &self.list.entries
    }

    /// The small files of each table that has some; see [`Group`].
    pub fn groups(&self) -> &[Group] {
        &self.list.groups
    }

    /// All entries that are not gone, in archive order, and those that are; both taken out.
    ///
    /// # Errors
    /// As [`Layout::gone_entries`].
    pub fn take_entries(&mut self) -> Result<(Vec<Entry>, Vec<Entry>)> {
        let numbers = self.gone_entries()?;
        let mut there = std::mem::take(&mut self.list.entries);
        let mut number = 0..;
        let gone = there.extract_if(.., |_| number.next().is_some_and(|number| numbers.contains(&number)));
        let gone = gone.collect();
        Ok((there, gone))
    }

    /// The ranges of the raw stream that make this range of the content stream, in order. None of them is empty.
    pub fn raw_ranges(&self, content: Range<u64>) -> impl Iterator<Item = RawRange> + '_ {
        self.repeats.raw_ranges(content)
    }

    /// Bytes of the raw stream, from its beginning, that content after the first `owned` bytes cannot repeat.
    pub fn spent(&self, owned: u64) -> u64 {
        let reach = self.params.map_or(0, |params| params.reach);
        self.repeats.raw_at(owned).saturating_sub(reach)
    }

    /// How many generations there are.
    pub fn generations(&self) -> u64 {
        self.generations
    }

    /// Where the last whole generation ends. Behind it there may be what is left of an update that was not finished.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Bytes of an update that was not finished; they are no part of the archive.
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Where the raw stream goes on behind the last repeat; 0 where there is none.
    #[cfg_attr(not(feature = "encode"), allow(dead_code))]
    pub(super) fn last_repeat(&self) -> u64 {
        self.repeats.raw_end()
    }

    /// Bytes of the raw stream.
    pub fn raw_len(&self) -> u64 {
        self.raw_len
    }

    /// Bytes of content that the chunks so far make.
    fn content_len(&self) -> Option<u64> {
        self.repeats.content_len(self.raw_len)
    }

    /// Where the next section begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}

/// Fails for a section that is longer than its type allows.
pub(crate) fn check_len(kind: SectionType, len: u32) -> Result<()> {
    let most = match kind {
        SectionType::PARAMS => MAX_PARAMS,
        SectionType::MODEL => MAX_MODEL,
        _ => return Ok(()),
    };
    if len > most {
        return Err(Error::corrupt(format!("it is longer than {most} bytes")));
    }
    Ok(())
}

pub(crate) fn disagreement() -> Error {
    Error::corrupt("the index disagrees with the sections")
}

/// The section at `offset`, its payload not yet verified.
pub(crate) fn section_at(bytes: &[u8], offset: u64) -> Result<(SectionHeader, &[u8])> {
    let outside = || Error::corrupt("it lies outside the archive").at("section", offset);
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
    let mut cursor = Cursor::new(rest.ok_or_else(outside)?, "section header");
    let header = cursor.array().and_then(|bytes| SectionHeader::parse(&bytes));
    let header = header.at("section header", offset)?;
    let len = usize::try_from(header.len).map_err(|_| outside())?;
    let payload = cursor.take_rest().get(..len);
    Ok((header, payload.ok_or_else(|| Error::corrupt("too short").at(header.kind, offset))?))
}

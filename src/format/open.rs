//! Opening a whole archive by its end: the footer leads to the index of the last generation, and that to the footer of
//! the generation before.

use super::header::{Footer, Header, MAGIC};
use super::index::{self, IndexItem};
use super::layout::{Content, Layout, disagreement, section_at};
use super::section::{SectionHeader, SectionType};
use crate::error::{Container, Found, Place};
use crate::{Error, Limits, Result};

/// One generation, as its footer and index describe it.
#[derive(Debug)]
pub(super) struct Generation {
    /// Where its first section begins.
    pub(super) start: u64,
    /// Its sections before the index.
    pub(super) items: Vec<IndexItem>,
    /// Where its index begins.
    pub(super) index: u64,
    /// Where its footer ends.
    pub(super) end: u64,
}

impl Layout {
    /// Opens an archive by its footers and indexes. Reads the sections of parameters, models and
    /// entries; of chunks it takes the index's word, and [`Layout::chunk`] holds it to that.
    pub fn open(bytes: &[u8], limits: &Limits) -> Result<Self> {
        if bytes.is_empty() {
            let (expected, found) = (Container::Archive, Found::Nothing);
            return Err(Error::Foreign { expected, found });
        }
        let short = || Error::corrupt("too short for an llz archive");
        let header = Header::parse(bytes.first_chunk().ok_or_else(short)?).at("header", 0)?;
        bytes[Header::LEN..].last_chunk::<{ Footer::LEN }>().ok_or_else(short)?;
        let mut layout = Layout::new(header);
        let generations = match footer_before(bytes, bytes.len() as u64, &header) {
            Ok(_) => generations(bytes, bytes.len() as u64, &header, limits)?,
            Err(error) => match whole_end(bytes) {
                // An update that was not finished. What was there before is whole.
                Some(end) if is_unfinished(bytes, end) => {
                    layout.unfinished = (bytes.len() - end) as u64;
                    generations(bytes, end as u64, &header, limits)?
                }
                Some(end) if end < bytes.len() && !may_be_unfinished(&bytes[end..]) => {
                    return Err(trailing(bytes, end));
                }
                Some(_) | None => return Err(error),
            },
        };
        for generation in &generations {
            layout.begin_generation(generation.start);
            layout.charge(size_of_val(&generation.items[..]), limits)?;
            for item in &generation.items {
                layout.add_listed(bytes, item, limits)?;
            }
            layout.check_generation()?;
            layout.end_generation(generation.end);
        }
        layout.gone_entries()?;
        Ok(layout)
    }

    /// Takes in the next section that an index lists.
    fn add_listed(&mut self, bytes: &[u8], item: &IndexItem, limits: &Limits) -> Result<()> {
        let offset = self.offset();
        let content = match item.chunk {
            Some((coding, raw_len)) => Content::Chunk(coding, raw_len),
            None => {
                let (section, payload) = section_at(bytes, offset)?;
                if (section.kind, section.len) != (item.kind, item.len) {
                    return Err(disagreement().at(item.kind, offset));
                }
                // A model's file is long, and most readers do without.
                if section.kind != SectionType::MODEL_FILE {
                    section.verify(payload).at(section.kind, offset)?;
                }
                Content::Payload(payload)
            }
        };
        self.add(item.kind, item.len, content, limits)
    }
}

/// The footer that ends at `end`, which fits the archive and leads to an index.
pub(super) fn footer_before(bytes: &[u8], end: u64, header: &Header) -> Result<Footer> {
    let start = end.saturating_sub(Footer::LEN as u64);
    let found = usize::try_from(start).ok().and_then(|start| bytes.get(start..)?.first_chunk());
    let footer = Footer::parse(found.ok_or_else(|| Error::corrupt("too short"))?).at("footer", start)?;
    let misfit = |why: &str| Err(Error::corrupt(why).at("footer", start));
    if footer.incompat != header.incompat
        || footer.index_offset.checked_add(u64::from(footer.index_len)) != Some(start)
    {
        return misfit("it does not fit the archive");
    }
    let (section, _) = section_at(bytes, footer.index_offset)?;
    if section.kind != SectionType::INDEX || section.section_len() != u64::from(footer.index_len) {
        return misfit("it does not point to the index");
    }
    Ok(footer)
}

/// The generations up to the footer that ends at `end`, the first one first.
pub(super) fn generations(
    bytes: &[u8],
    mut end: u64,
    header: &Header,
    limits: &Limits,
) -> Result<Vec<Generation>> {
    let mut generations = Vec::new();
    let mut memory = 0;
    loop {
        let index = footer_before(bytes, end, header)?.index_offset;
        let (section, payload) = section_at(bytes, index)?;
        let items = section.verify(payload).and_then(|()| index::parse(payload, memory, limits));
        let items = items.at(section.kind, index)?;
        memory += (size_of_val(&items[..]) + size_of::<Generation>()) as u64;
        let misfit = || disagreement().at(section.kind, index);
        let len = items.iter().try_fold(0u64, |sum, item| sum.checked_add(item.section_len()));
        let start = len.and_then(|len| index.checked_sub(len)).ok_or_else(misfit)?;
        generations.push(Generation { start, items, index, end });
        if start == Header::LEN as u64 {
            generations.reverse();
            return Ok(generations);
        }
        if start < (Header::LEN + SectionHeader::LEN + Footer::LEN) as u64 {
            return Err(misfit());
        }
        footer_before(bytes, start, header).map_err(|_| misfit())?;
        end = start;
    }
}

/// Where the last generation that is whole ends, found by going from section to section, for the footer at the end is not
/// this archive's. `None` where not even the first one ends.
pub(super) fn whole_end(bytes: &[u8]) -> Option<usize> {
    let mut offset = Header::LEN as u64;
    let mut whole = None;
    while let Ok((section, _)) = section_at(bytes, offset) {
        let Some(next) = offset.checked_add(section.section_len()) else { break };
        if section.kind != SectionType::INDEX {
            offset = next;
            continue;
        }
        let rest = usize::try_from(next).ok().and_then(|next| bytes.get(next..)?.first_chunk());
        let Some(Ok(footer)) = rest.map(Footer::parse) else { break };
        if (footer.index_offset, u64::from(footer.index_len)) != (offset, section.section_len()) {
            break;
        }
        offset = next + Footer::LEN as u64;
        whole = usize::try_from(offset).ok();
        if !bytes[offset as usize..].starts_with(&SectionType::PARAMS.0) {
            break;
        }
    }
    whole
}

/// Whether what follows a whole archive, which ends at `end`, is the beginning of another generation that was not written
/// to its end. Some file systems leave zeros where a crash kept the bytes from the disk. A generation that
/// is damaged, but as long as it should be, is not one that was not finished.
fn is_unfinished(bytes: &[u8], end: usize) -> bool {
    if !may_be_unfinished(&bytes[end..]) {
        return false;
    }
    let mut rest = &bytes[end..];
    while let Some(first) = rest.first_chunk() {
        let Ok(section) = SectionHeader::parse(first) else { return is_zero(rest) };
        let len = usize::try_from(section.section_len()).unwrap_or(usize::MAX);
        let Some(next) = rest.get(len..) else { return true };
        if section.kind == SectionType::INDEX {
            return next.len() < Footer::LEN || is_zero(next);
        }
        rest = next;
    }
    true
}

/// Whether these bytes behind a whole archive can be those of an update that was not finished, as far as their
/// beginning tells.
pub(super) fn may_be_unfinished(rest: &[u8]) -> bool {
    let begin = SectionType::PARAMS.0;
    let is_short = rest.len() <= SectionHeader::LEN;
    !rest.is_empty() && (rest.starts_with(&begin) || begin.starts_with(rest) || is_short && is_zero(rest))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// What follows an archive that ends at `end`, as an error.
pub(super) fn trailing(bytes: &[u8], end: usize) -> Error {
    let rest = &bytes[end..];
    Error::Trailing {
        end: end as u64,
        bytes: rest.len() as u64,
        is_archive: rest.starts_with(&MAGIC),
    }
}

//! Finds what is left of a damaged archive.
//!
//! Chunks are independent, so damage costs the files that lie in damaged chunks and no others, as long as it is
//! known where in the raw stream each chunk and each entry belongs. The index says that of all chunks. It is found by
//! the footer or, where the archive's end is damaged or followed by something, by looking for a section `INDX` that
//! describes exactly what lies before it. Without an index sections are read in order, up to the first whose length
//! is not known: what comes after it has no known place.
//!
//! Nothing that is guessed here is trusted: every chunk and every file is held to its checksum, and the small files of a
//! table to the SHA-256 that they have together.

use super::chunk::Chunk;
use super::header::{END_MAGIC, Footer, Header, MAGIC};
use super::index::{self, IndexItem};
use super::layout::{Content, Layout, disagreement, section_at};
use super::open::{self, Generation};
use super::packed;
use super::repeats::RepeatList;
use super::section::{SectionHeader, SectionType};
use super::table::EntryList;
use crate::error::Place;
use crate::{Error, Limits, Result};

/// Reads what can be read of a damaged archive. Also returns all damage that was found; none means that the archive
/// is whole.
///
/// # Errors
/// Where nothing can be decoded, for the parameters are lost or it is no archive; and [`Error::Limit`].
pub fn recover(bytes: &[u8], limits: &Limits) -> Result<(Layout, Vec<Error>)> {
    let error = match Layout::open(bytes, limits) {
        Ok(layout) => {
            let chunks = layout.chunks().iter();
            let chunks = chunks.filter_map(|place| layout.chunk(bytes, place).err());
            let files = layout.model_files().iter();
            let files = files.filter_map(|place| layout.model_file_payload(bytes, place).err());
            let damage = files.chain(chunks).collect();
            return Ok((layout, damage));
        }
        Err(error @ Error::Limit { .. }) => return Err(error),
        Err(error) => error,
    };
    let mut damage = Vec::new();
    let header = match bytes.first_chunk().map(Header::parse) {
        Some(Ok(header)) => header,
        Some(Err(Error::Corrupt(_) | Error::Foreign { .. })) if begins_with_params(bytes) => {
            damage.push(Error::corrupt("it is damaged").at("header", 0));
            Header::CURRENT
        }
        Some(Err(_)) | None => return Err(error),
    };
    let mut salvage = Salvage { bytes, limits, layout: Layout::new(header), damage };
    match find_generations(bytes, &salvage.layout.header(), limits) {
        Some(generations) => {
            salvage.by_index(&generations)?;
            if let Some(last) = generations.last() {
                salvage.check_end(last.index);
            }
        }
        None => salvage.in_order()?,
    }
    let Salvage { mut layout, mut damage, .. } = salvage;
    if layout.params().is_none() {
        return Err(error);
    }
    if damage.is_empty() {
        damage.push(error);
    }
    layout.settle(&mut damage);
    Ok((layout, damage))
}

/// Says whether a whole section `PARM` lies where it must, behind a header that may be damaged.
fn begins_with_params(bytes: &[u8]) -> bool {
    section_at(bytes, Header::LEN as u64).is_ok_and(|(section, payload)| {
        section.kind == SectionType::PARAMS && section.verify(payload).is_ok()
    })
}

/// The search for an index may read so many times the archive's own bytes and the largest table.
const SEARCH: u64 = 4;

/// The generations up to the last whole index whose sections end where it begins. That of another archive, in a stored
/// chunk or behind this archive, does not fit there. The search ends where it has read too much: sections made to lie
/// within each other, or small ones that unpack to large tables, would keep it busy for hours.
fn find_generations(bytes: &[u8], header: &Header, limits: &Limits) -> Option<Vec<Generation>> {
    let kind = SectionType::INDEX.0;
    let places = (Header::LEN..bytes.len()).rev().filter(|&at| bytes[at..].starts_with(&kind));
    let candidates = places.filter_map(|at| {
        let (section, payload) = section_at(bytes, at as u64).ok()?;
        Some((at as u64, section, payload, packed::unpacked_len(payload, limits)?))
    });
    let mut left = (bytes.len() as u64).saturating_add(packed::table_limit(limits)).saturating_mul(SEARCH);
    let affordable = candidates.map_while(|candidate @ (_, section, _, unpacked)| {
        left = left.checked_sub(section.section_len() + unpacked)?;
        Some(candidate)
    });
    let found = { affordable }.find_map(|(at, section, payload, _)| {
        section.verify(payload).ok()?;
        let items = index::parse(payload, 0, limits).ok()?;
        let len = items.iter().try_fold(0u64, |len, item| len.checked_add(item.section_len()))?;
        let start = at.checked_sub(len).filter(|&start| start >= Header::LEN as u64)?;
        let is_first = start == Header::LEN as u64;
        if !is_first {
            open::footer_before(bytes, start, header).ok()?;
        }
        let end = at + section.section_len() + Footer::LEN as u64;
        Some((is_first, Generation { start, items, index: at, end }))
    });
    let (is_first, last) = found?;
    let mut generations = match is_first {
        true => Vec::new(),
        false => open::generations(bytes, last.start, header, limits).ok()?,
    };
    // Generations that follow may take away what these have. Their sections are read in order.
    let follows = bytes.get(usize::try_from(last.end).ok()?..).unwrap_or(&[]);
    if follows.starts_with(&SectionType::PARAMS.0) {
        return None;
    }
    generations.push(last);
    Some(generations)
}

struct Salvage<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    layout: Layout,
    damage: Vec<Error>,
}

impl<'a> Salvage<'a> {
    /// Takes in the sections that the indexes list.
    fn by_index(&mut self, generations: &[Generation]) -> Result<()> {
        let items: Vec<&IndexItem> = generations.iter().flat_map(|generation| &generation.items).collect();
        self.layout.charge(items.len() * (size_of::<IndexItem>() + size_of::<&[u8]>()), self.limits)?;
        let mut payloads = Vec::with_capacity(items.len());
        for generation in generations {
            let mut offset = generation.start;
            for item in &generation.items {
                let payload = self.payload(item, offset).at(item.kind, offset);
                let payload = payload.map_err(|error| self.damage.push(error)).ok();
                self.tell_lost_gone(item.kind, offset, payload.is_some());
                payloads.push(payload);
                offset += item.section_len();
            }
        }
        let raw_len = items.iter().filter_map(|item| item.chunk).map(|(_, len)| u64::from(len)).sum();
        let content_len = self.content_len(&items, &payloads, raw_len);
        let tables = self.owned_from_tables_on(&items, &payloads);
        let mut tables = tables.into_iter();
        let mut is_lost = false;
        let mut generations = generations.iter().peekable();
        let mut left = 0;
        for (item, payload) in items.into_iter().zip(payloads) {
            while left == 0
                && let Some(generation) = generations.next()
            {
                left = generation.items.len();
                self.layout.begin_generation(generation.start);
            }
            left -= 1;
            if item.kind == SectionType::REPEATS && payload.is_none() {
                let error = Error::corrupt("what follows has no known place without it");
                self.damage.push(error.at(item.kind, self.layout.offset()));
                self.read_gone();
                return Ok(());
            }
            if item.kind == SectionType::ENTRIES {
                // All content has an owner, so a table's place is also known from the end.
                let after = tables.next().flatten();
                let start = after.and_then(|after| content_len?.checked_sub(after));
                match (is_lost, start) {
                    (false, _) => {}
                    (true, Some(start)) => {
                        self.layout.continue_entries(start);
                        is_lost = false;
                    }
                    (true, None) => {
                        if payload.is_some() {
                            let error = Error::corrupt("it comes after a table that is lost");
                            self.damage.push(error.at(item.kind, self.layout.offset()));
                        }
                        self.layout.lose(item);
                        continue;
                    }
                }
            }
            let content = match (item.chunk, payload) {
                // The index knows enough of it. That it does not decode is found out later.
                (Some((coding, raw_len)), _) => Content::Chunk(coding, raw_len),
                (None, Some(payload)) => Content::Payload(payload),
                (None, None) => {
                    is_lost |= item.kind == SectionType::ENTRIES;
                    self.layout.lose(item);
                    continue;
                }
            };
            match self.layout.add(item.kind, item.len, content, self.limits) {
                Ok(()) => {}
                Err(error @ Error::Limit { .. }) => return Err(error),
                // Behind a good checksum: it was written so. Nothing after it can be relied on.
                Err(error) => {
                    self.damage.push(error);
                    self.read_gone();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn payload(&self, item: &IndexItem, offset: u64) -> Result<&'a [u8]> {
        let (section, payload) = section_at(self.bytes, offset)?;
        if (section.kind, section.len) != (item.kind, item.len) {
            return Err(disagreement());
        }
        section.verify(payload)?;
        Ok(payload)
    }

    /// The length of the content stream; `None` where some repeats are lost.
    fn content_len(&self, items: &[&IndexItem], payloads: &[Option<&[u8]>], raw_len: u64) -> Option<u64> {
        let mut list = RepeatList::default();
        for (_, payload) in items.iter().zip(payloads).filter(|(item, _)| item.kind == SectionType::REPEATS) {
            list.read((*payload)?, u64::MAX, 0, self.limits).ok()?;
        }
        list.content_len(raw_len)
    }

    /// For each table of entries, how many bytes of content it and all after it own; `None` where one of them is lost.
    fn owned_from_tables_on(&self, items: &[&IndexItem], payloads: &[Option<&[u8]>]) -> Vec<Option<u64>> {
        let tables = items.iter().zip(payloads).filter(|(item, _)| item.kind == SectionType::ENTRIES);
        let owned = tables.map(|(_, payload)| {
            let mut list = EntryList::default();
            list.forget_earlier();
            list.read_table((*payload)?, self.limits).ok()?;
            Some(list.owned)
        });
        let mut sums: Vec<Option<u64>> = owned.collect();
        let mut after = Some(0u64);
        for sum in sums.iter_mut().rev() {
            after = after.zip(*sum).and_then(|(after, own)| after.checked_add(own));
            *sum = after;
        }
        sums
    }

    /// Takes in sections one after the other, as far as their places are known.
    fn in_order(&mut self) -> Result<()> {
        loop {
            let offset = self.layout.offset();
            let (section, payload) = match section_at(self.bytes, offset) {
                Ok(found) => found,
                Err(_) if self.ends_within_section(offset) => {
                    let error = Error::corrupt("the archive ends early: it was cut short");
                    self.damage.push(error.at("section header", offset));
                    return Ok(());
                }
                Err(error) => return self.stop(error),
            };
            let (kind, len) = (section.kind, section.len);
            let whole = section.verify(payload).at(kind, offset);
            let is_whole = whole.is_ok();
            self.damage.extend(whole.err());
            self.tell_lost_gone(kind, offset, is_whole);
            let content = match kind {
                // The beginning of a damaged payload may still be right; then the places of what follows are.
                SectionType::CHUNK => match Chunk::parse(payload) {
                    Ok(chunk) => Content::Chunk(chunk.coding, chunk.raw_len),
                    Err(error) => return self.stop(error.at(kind, offset)),
                },
                SectionType::INDEX => match self.next_generation(offset + section.section_len()) {
                    true => continue,
                    false => return Ok(()),
                },
                _ if is_whole => Content::Payload(payload),
                kind if [SectionType::MODEL, SectionType::GONE].contains(&kind) || !kind.is_critical() => {
                    self.layout.lose(&IndexItem { kind, len, chunk: None });
                    continue;
                }
                _ => return self.stop(Error::corrupt("it is damaged").at(kind, offset)),
            };
            match self.layout.add(kind, len, content, self.limits) {
                Ok(()) => {}
                Err(error @ Error::Limit { .. }) => return Err(error),
                Err(error) => return self.stop(error),
            }
        }
    }

    /// Says that what has been deleted may be there again, where the section that says so is lost.
    fn tell_lost_gone(&mut self, kind: SectionType, offset: u64, is_whole: bool) {
        if kind == SectionType::GONE && !is_whole {
            let what = "it says what was deleted, which is not known now: that may be here again";
            self.damage.push(Error::corrupt(what).at(kind, offset));
        }
    }

    /// Says whether another generation begins behind the footer that should lie at `footer`; if so, it is next.
    fn next_generation(&mut self, footer: u64) -> bool {
        let start = footer.saturating_add(Footer::LEN as u64);
        let follows = section_at(self.bytes, start).is_ok_and(|(section, _)| section.kind == SectionType::PARAMS);
        if follows {
            self.layout.begin_generation(start);
        }
        follows
    }

    /// Says whether the bytes end in the header of the section at `offset`, or in its payload behind a good header.
    fn ends_within_section(&self, offset: u64) -> bool {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        let header = rest.and_then(<[u8]>::first_chunk);
        header.is_none_or(|header| SectionHeader::parse(header).is_ok())
    }

    fn stop(&mut self, error: Error) -> Result<()> {
        let offset = self.layout.offset();
        self.damage.push(error);
        let what = "what follows has no known place without the index, which is lost";
        self.damage.push(Error::corrupt(what).at("sections", offset));
        self.read_gone();
        Ok(())
    }

    /// What follows is lost, but not that entries are gone which come before.
    fn read_gone(&mut self) {
        let mut offset = self.layout.offset();
        self.layout.lose_gone();
        loop {
            let Ok((section, payload)) = section_at(self.bytes, offset) else {
                // The next generation may be found by the footer before it.
                let Some(end) = self.next_footer(offset) else { return };
                offset = end;
                self.layout.begin_generation(offset);
                continue;
            };
            offset = offset.saturating_add(section.section_len());
            match section.kind {
                SectionType::GONE if section.verify(payload).is_ok() => {
                    // What cannot be read is damage that has been told.
                    let _ = self.layout.add_gone(payload, self.limits);
                }
                SectionType::INDEX => {
                    offset = offset.saturating_add(Footer::LEN as u64);
                    self.layout.begin_generation(offset);
                }
                _ => {}
            }
        }
    }

    /// Where the next footer behind this place ends. That of an archive in a stored chunk does not fit where it lies.
    fn next_footer(&self, from: u64) -> Option<u64> {
        let from = usize::try_from(from).ok()?;
        let places = from..self.bytes.len().checked_sub(Footer::LEN)? + 1;
        let footers = places.filter(|&at| self.bytes[at..][..Footer::LEN].ends_with(&END_MAGIC));
        let fits = |at: &usize| {
            let footer = self.bytes[*at..].first_chunk().map(Footer::parse);
            matches!(footer, Some(Ok(footer))
                if footer.index_offset.checked_add(footer.index_len.into()) == Some(*at as u64))
        };
        { footers }.find(fits).map(|at| (at + Footer::LEN) as u64)
    }

    /// Looks at what follows the index, which begins at `offset`.
    fn check_end(&mut self, offset: u64) {
        let Ok((section, _)) = section_at(self.bytes, offset) else { return };
        let (at, len) = (offset + section.section_len(), section.section_len());
        let rest = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..)).unwrap_or(&[]);
        let footer = rest.first_chunk().map(Footer::parse);
        match footer {
            Some(Ok(footer)) if (footer.index_offset, footer.index_len.into()) == (offset, len) => {}
            Some(Ok(_) | Err(_)) | None => {
                self.damage.push(Error::corrupt("it is damaged or missing").at("footer", at));
                return;
            }
        }
        let rest = &rest[Footer::LEN..];
        if !rest.is_empty() {
            self.damage.push(Error::Trailing {
                end: at + Footer::LEN as u64,
                bytes: rest.len() as u64,
                is_archive: rest.starts_with(&MAGIC),
            });
        }
    }
}

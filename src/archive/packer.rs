//! The flow of packing: the raw stream in, coded chunks and entries out.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;

use super::base::Base;
use super::partial::{Partial, Way};
use super::plan::plan;
use super::policy::{System, Tree, leads_out, short};
use super::found::{Found, FoundKind};
use super::repeat_finder::RepeatFinder;
use super::raw_stream::{Cutting, Findings, RawStream, entry};
use super::walk::Walk;
use super::{PackOptions, PackSummary};
use crate::codec::{Coded, ChunkCodec};
use crate::format::{
    Check, Chunk, Entry, GROUPING_BY_KIND, Params, Writer,
};
use crate::{Bound, Error, Limits, Progress, Result};

/// Bytes of the memory limit that the search for long repeats leaves to coding; it takes a quarter of what is beyond.
const REPEATS_FROM: u64 = 64 << 20;

/// What a walk has found that can be packed, as entries without hashes, and what is told of it.
pub(super) fn list_found(mut walk: Walk, limits: &Limits) -> Result<(Vec<Entry>, PackSummary)> {
    check_names(&mut walk, limits)?;
    let mut summary = PackSummary::default();
    let entries: Vec<Entry> = (walk.found.iter())
        .map(|item| match item.kind {
            FoundKind::File { size } => {
                summary.files += 1;
                summary.raw_bytes += size;
                entry(item, Check::None, 0, size)
            }
            FoundKind::Directory => {
                summary.dirs += 1;
                entry(item, Check::None, 0, 0)
            }
            FoundKind::Symlink { .. } => {
                summary.symlinks += 1;
                entry(item, Check::None, 0, 0)
            }
        })
        .collect();
    Ok((entries, told(walk, summary).1))
}

/// What a walk has found, and a summary with what it tells of it.
fn told(walk: Walk, summary: PackSummary) -> (Vec<Found>, PackSummary) {
    let Walk { found, skipped, left_out, leftovers, losses, notes, unused } = walk;
    let unused_exclude = unused;
    let is_directory = |path: &str| {
        let place = found.binary_search_by(|item| (*item.path).cmp(path));
        place.is_ok_and(|place| matches!(found[place].kind, FoundKind::Directory))
    };
    let is_out = |item: &&Found| match &item.kind {
        FoundKind::Symlink { target } => {
            leads_out(&item.path, target, System::HERE, is_directory).is_some()
        }
        FoundKind::File { .. } | FoundKind::Directory => false,
    };
    let links_out = found.iter().filter(is_out).count() as u64;
    let summary = PackSummary { skipped, left_out, leftovers, links_out, ..summary };
    (found, PackSummary { losses, notes, unused_exclude, ..summary })
}

/// How to pack what a walk has found.
pub(super) struct Packing<'a> {
    pub options: &'a PackOptions,
    pub progress: &'a Progress,
    /// Chunks that are coded already, and where to write down those that will be.
    pub partial: Option<&'a Partial>,
    /// What is in the archive before.
    pub base: &'a Base,
}

impl Packing<'_> {
    /// Packs it; `begin` begins to write what has these parameters.
    pub(super) fn run<W: Write>(
        self,
        mut walk: Walk,
        begin: impl FnOnce(Params) -> Result<Writer<W>>,
    ) -> Result<PackSummary> {
        let Packing { options, progress, partial, base } = self;
        let mut codec = ChunkCodec::for_encoding(&options.encode)?;
        let chunk_size = codec.chunk_size();
        let size = chunk_size as u32; // the chunk codec holds it to 32 bits
        check_names(&mut walk, &options.encode.limits)?;
        let (found, summary) = told(walk, PackSummary::default());
        let plan = plan(&found, base, u64::from(size), progress)?;
        let plan_len = plan.raw_len();
        progress.set_total(plan_len);
        let spare = options.encode.limits.memory.saturating_sub(REPEATS_FROM) / 4;
        let finder = RepeatFinder::new(plan_len, spare);
        codec.reserve(finder.as_ref().map_or(0, RepeatFinder::memory));
        let params = Params {
            chunk_size: size,
            reach: finder.as_ref().map_or(0, RepeatFinder::reach),
            mixer: codec.params(),
            level: Some(options.encode.level.get()),
            grouping: Some(GROUPING_BY_KIND),
        };
        let named = codec.named_model();
        let model = named.as_ref().and_then(|named| base.model(&named.reference));
        let has_file = model.is_some_and(|(_, has_file)| has_file);
        let model_file = options.embed_model.then(|| codec.model_file()).transpose()?;
        let findings = RefCell::new(Findings { summary, ..Findings::default() });
        let cutting = Cutting { chunk_size, finder, limits: options.encode.limits };
        let mut raw = RawStream::new(&found, plan, base, cutting, &findings, progress);
        let way = Way::new(&codec, options.encode.level);
        let mut output = Output {
            writer: begin(params)?,
            codec: &codec,
            model: model.map(|(number, _)| number),
            model_file: model_file.filter(|_| !has_file),
            findings: &findings,
            base,
            gone: BTreeSet::new(),
            written: base.raw,
            way: &way,
            // A single chunk is not worth a record.
            log: partial.filter(|_| plan_len > chunk_size as u64),
        };
        let earlier = partial.map(Partial::earlier);
        codec.encode_or_remember(
            Some(&|raw| earlier?.find(&way, raw)),
            &mut || Ok(raw.next_chunk()?.map(Cow::Owned)),
            &mut |coded| output.chunk(coded),
            progress,
        )?;
        output.entries()?;
        output.writer.gone(output.gone.iter().copied())?;
        let replaced = output.gone.len() as u64;
        let archive_bytes = output.writer.finish()?;
        drop(raw);
        let mut summary = PackSummary { replaced, ..findings.into_inner().summary };
        summary.archive_bytes = archive_bytes;
        Ok(summary)
    }
}

/// Leaves out what unpacking would refuse, such as entries below a link that is stored as a link.
/// Two things that would get one name are a mistake of whoever named them: neither is the right one.
///
/// What breaks a limit of the caller ends the work: whoever unpacks has limits too, and they are alike unless changed.
fn check_names(walk: &mut Walk, limits: &Limits) -> Result<()> {
    let limits = Limits { memory: u64::MAX, ..*limits };
    let mut tree = Tree::new(System::HERE, false, limits);
    let mut total = 0u64;
    let mut kept: Vec<Found> = Vec::with_capacity(walk.found.len());
    for item in std::mem::take(&mut walk.found) {
        let is_second = kept.last().is_some_and(|last| last.path == item.path);
        match tree.add(&entry(&item, Check::None, 0, 0)) {
            Ok(()) => {
                check_lengths(&item, &limits)?;
                if let FoundKind::File { size } = item.kind {
                    total = total.saturating_add(size);
                    check_total(total, &item, &limits)?;
                }
                kept.push(item);
            }
            Err(Error::Unsafe { name, why }) if is_second => {
                let source = item.source.display();
                return Err(Error::Usage(format!("{source} would be stored as {name:?}: {why}")));
            }
            Err(Error::Unsafe { name, why }) => {
                walk.skipped.push((item.source, format!("it would be stored as {name:?}: {why}")));
            }
            Err(other) => return Err(other),
        }
    }
    walk.found = kept;
    Ok(())
}

fn check_lengths(item: &Found, limits: &Limits) -> Result<()> {
    let path = short(&item.path);
    let exceeds = |what| {
        Err(Error::Limit { what, limit: limits.path_bytes, bound: Bound::PathBytes })
    };
    match &item.kind {
        _ if item.path.len() as u64 > limits.path_bytes => exceeds(format!("the length of {path}")),
        FoundKind::Symlink { target } if target.len() as u64 > limits.path_bytes => {
            exceeds(format!("the length of what the link {path} leads to"))
        }
        _ => Ok(()),
    }
}

/// Fails if `item` makes the size of all files too large.
pub(super) fn check_total(total: u64, item: &Found, limits: &Limits) -> Result<()> {
    if total > limits.total_bytes {
        let what = format!("the size of all files, with {},", short(&item.path));
        return Err(Error::Limit { what, limit: limits.total_bytes, bound: Bound::TotalBytes });
    }
    Ok(())
}

struct Output<'a, W> {
    writer: Writer<W>,
    codec: &'a ChunkCodec,
    /// The model's number, once the archive names it.
    model: Option<u8>,
    /// The model's file, until it is written.
    model_file: Option<Cow<'static, [u8]>>,
    findings: &'a RefCell<Findings>,
    base: &'a Base,
    /// Entries that go, by path: what comes in their place is written.
    gone: BTreeSet<&'a str>,
    /// Bytes of the raw stream written as chunks.
    written: u64,
    way: &'a Way,
    log: Option<&'a Partial>,
}

impl<W: Write> Output<'_, W> {
    /// Writes a chunk, and the entries that are complete with it.
    fn chunk(&mut self, mut coded: Coded<'_>) -> Result<()> {
        if let Some(log) = self.log {
            log.push(self.way, &coded);
        }
        if coded.coding.model().is_some() {
            self.name_model(&mut coded)?;
        }
        let (coding, raw_len) = (coded.coding, coded.raw.len());
        let raw_crc = crc32fast::hash(&coded.raw);
        // A chunk is at most as long as the chunk size, which fits 32 bits.
        self.writer.chunk(Chunk { coding, raw_len: raw_len as u32, raw_crc, coded: coded.bytes() })?;
        self.written += raw_len as u64;
        let mut findings = self.findings.borrow_mut();
        let tally = findings.summary.chunks_by_codec.entry(coding.name()).or_default();
        tally.add(raw_len, coded.bytes().len());
        if coded.is_remembered {
            findings.summary.reused_bytes += raw_len as u64;
        }
        drop(findings);
        self.entries()
    }

    /// Writes what the first chunk with a model needs, and gives the chunk the model's number.
    fn name_model(&mut self, coded: &mut Coded<'_>) -> Result<()> {
        let number = match self.model {
            Some(number) => number,
            None => {
                // Naming the model takes some bytes. A chunk must save more than that to be the first that needs it.
                // This looks at one chunk alone, so that it depends on nothing but the content.
                let model = self.codec.named_model().ok_or_else(|| {
                    Error::Model("the chunk codec used a model that it cannot name".into())
                })?;
                if coded.raw.len() - coded.bytes().len() <= model.section_len() {
                    coded.store();
                    return Ok(());
                }
                self.writer.model(&model)?
            }
        };
        self.model = Some(number);
        if let Some(file) = self.model_file.take() {
            self.writer.model_file(number, &file)?;
        }
        coded.coding = coded.coding.with_model(number);
        Ok(())
    }

    /// Writes the entries whose content is complete.
    fn entries(&mut self) -> Result<()> {
        let mut findings = self.findings.borrow_mut();
        let findings = &mut *findings;
        while let Some(waiting) = findings.waiting.front() {
            if waiting.end > self.written {
                break;
            }
            while findings.repeats_written < waiting.repeats {
                let Some(repeat) = findings.repeats.pop_front() else { break };
                self.writer.repeat(repeat);
                findings.repeats_written += 1;
            }
            self.writer.entry(&waiting.entry, waiting.copy, &waiting.sha256)?;
            let gone = self.base.replaced.get(&waiting.entry.path);
            self.gone.extend(gone.into_iter().flatten().map(String::as_str));
            findings.waiting.pop_front();
        }
        self.writer.table_if_due()
    }
}

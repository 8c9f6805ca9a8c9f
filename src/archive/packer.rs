//! The flow of packing: the raw stream in, coded chunks and entries out.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write;
use std::path::Path;

use super::partial::{Partial, Way};
use super::plan::plan;
use super::policy::{System, Tree};
use super::raw_stream::{Findings, RawStream, entry};
use super::walk::{Found, Walk};
use super::{PackOptions, PackSummary};
use crate::codec::{Coded, Engine};
use crate::format::{
    Chunk, CodecId, GROUPING_BY_KIND, MODEL_SECTION_LEN, Params, Writer,
};
use crate::{Error, Limits, Progress, Result};

/// Packs what a walk has found.
pub(super) fn pack_found<W: Write>(
    mut walk: Walk,
    out: W,
    name: &Path,
    options: &PackOptions,
    progress: &Progress,
    partial: Option<&Partial>,
) -> Result<PackSummary> {
    let engine = Engine::for_encoding(&options.encode)?;
    let chunk_size = engine.chunk_size();
    let size = chunk_size as u32; // the engine holds it to 32 bits
    check_names(&mut walk)?;
    let plan = plan(&walk.found, u64::from(size), progress)?;
    let plan_len = plan.raw_len();
    progress.set_total(plan_len);
    let params = Params {
        level: options.encode.level.get(),
        chunk_size: size,
        grouping: GROUPING_BY_KIND,
        coder: engine.coder(),
        mixer: engine.params(),
    };
    let summary = PackSummary {
        skipped: walk.skipped,
        left_out: walk.left_out,
        leftovers: walk.leftovers,
        losses: walk.losses,
        notes: walk.notes,
        ..PackSummary::default()
    };
    let findings = RefCell::new(Findings { summary, ..Findings::default() });
    let mut raw = RawStream::new(&walk.found, plan, chunk_size, &findings, progress);
    let writer = Writer::new(out, name, params)?;
    let way = Way::new(&engine, options.encode.level);
    // A single chunk is not worth a record.
    let log = partial.filter(|_| plan_len > chunk_size as u64);
    let mut output =
        Output { writer, engine: &engine, findings: &findings, written: 0, way: &way, log };
    let earlier = partial.map(Partial::earlier);
    engine.encode_or_remember(
        Some(&|raw| earlier?.find(&way, raw)),
        &mut || Ok(raw.next_chunk()?.map(Cow::Owned)),
        &mut |coded| output.chunk(coded),
        progress,
    )?;
    output.entries()?;
    let archive_bytes = output.writer.finish()?;
    drop(raw);
    let mut summary = findings.into_inner().summary;
    summary.archive_bytes = archive_bytes;
    Ok(summary)
}

/// Leaves out what unpacking would refuse, such as entries below a link that is stored as a link.
/// Two things that would get one name are a mistake of whoever named them: neither is the right one.
fn check_names(walk: &mut Walk) -> Result<()> {
    let limits = Limits { entries: u64::MAX, memory: u64::MAX, ..Limits::default() };
    let mut tree = Tree::new(System::HERE, false, limits);
    let mut kept: Vec<Found> = Vec::with_capacity(walk.found.len());
    for item in std::mem::take(&mut walk.found) {
        let is_second = kept.last().is_some_and(|last| last.path == item.path);
        match tree.add(&entry(&item, [0; 32], 0, 0)) {
            Ok(()) => kept.push(item),
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

struct Output<'a, W> {
    writer: Writer<W>,
    engine: &'a Engine,
    findings: &'a RefCell<Findings>,
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
        if coded.codec == CodecId::Neural && !self.writer.has_model() {
            // Naming the model takes some bytes. A chunk must save more than that to be the first that needs it.
            // This looks at one chunk alone, so that it depends on nothing but the content.
            if coded.raw.len() - coded.bytes().len() <= MODEL_SECTION_LEN {
                coded.store();
            } else {
                let model = self.engine.model_ref().ok_or_else(|| {
                    Error::Model("the engine used a model that it cannot name".into())
                })?;
                self.writer.model(&model)?;
            }
        }
        let (codec, raw_len) = (coded.codec, coded.raw.len());
        let raw_crc = crc32fast::hash(&coded.raw);
        // A chunk is at most as long as the chunk size, which fits 32 bits.
        self.writer.chunk(Chunk { codec, raw_len: raw_len as u32, raw_crc, coded: coded.bytes() })?;
        self.written += raw_len as u64;
        let mut findings = self.findings.borrow_mut();
        let tally = findings.summary.chunks_by_codec.entry(codec.name()).or_default();
        tally.add(raw_len, coded.bytes().len());
        if coded.is_remembered {
            findings.summary.reused_bytes += raw_len as u64;
        }
        drop(findings);
        self.entries()
    }

    /// Writes the entries whose content is complete.
    fn entries(&mut self) -> Result<()> {
        let mut findings = self.findings.borrow_mut();
        while let Some(waiting) = findings.waiting.front() {
            if waiting.end > self.written {
                break;
            }
            self.writer.entry(&waiting.entry, waiting.copy)?;
            findings.waiting.pop_front();
        }
        self.writer.table_if_due()
    }
}

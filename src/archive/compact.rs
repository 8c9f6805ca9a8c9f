//! Freeing the room that deleted and replaced entries take.
//!
//! A new archive is written beside the old one and takes its place when it is whole. Chunks that are still needed are
//! copied as they are. Of one that is needed in part the rest becomes a gap in the content stream, or the files that lie in it
//! are coded anew.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::compact_plan::{Moved, Plan};
use super::contents::Contents;
use super::decode::{Piece, Verifier};
use super::publish::{Sink, Target};
use super::read::Archive;
use super::recode;
use super::updating::Updating;
use super::{UpdateOptions, CompactSummary, add};
use crate::format::{
    Chunk, CoderParams, Entry, EntryKind, GROUPING_BY_KIND, Group, Params, Repeat, TABLE_ENTRIES, Writer,
};
use crate::{Error, Progress, Result};

/// Raw bytes that may be coded anew for each raw byte that is freed by it. Coding takes a thousand times as long as
/// copying; with this bound a chunk of small files goes when about a fifth of it is no content any more.
const CODED_PER_FREED: u64 = 4;

/// Generations that are not worth a new file. Each takes some hundred bytes, and compacting may leave two.
const SEVERAL: u64 = 2;

/// Rewrites the archive at `archive` without what has been deleted or replaced. Chunks that are still needed are not
/// coded again; files whose chunk is mostly waste are, as `options` say. An archive that would not get
/// smaller stays as it is.
///
/// Chunks that are kept may still hold what was deleted, where no entry leads to it: compacting frees room, and is no way
/// to destroy secrets.
///
/// The new archive takes the place of the old one when it is whole, read back, and synced to disk; a crash at any moment leaves one of
/// them.
///
/// ```
/// # fn main() -> llz::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let (out, progress) = (dir.path().join("notes.llz"), llz::Progress::default());
/// # let options = llz::PackOptions { directory: dir.path().into(), ..Default::default() };
/// # for name in ["a", "b"] { std::fs::write(dir.path().join(name), name).unwrap(); }
/// llz::pack_to_path(&["a".into(), "b".into()], &out, false, &options, &progress)?;
/// llz::delete(&out, &["a".into()], llz::Limits::default(), &progress)?;
/// let summary = llz::compact(&out, &llz::UpdateOptions::default(), &progress)?;
/// assert!(summary.bytes < summary.bytes_before);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::InUse`] while somebody else updates the archive, and those of reading and packing. On any error the archive
/// is as it was.
pub fn compact(archive: &Path, options: &UpdateOptions, progress: &Progress) -> Result<CompactSummary> {
    let (updating, ()) = Updating::open(archive, add::decode_options(options), |_| ())?;
    let old = &updating.archive;
    let bytes_before = old.layout().end() + old.unfinished();
    let contents = Contents::of(old.entries().iter());
    // Files that are coded anew lose the company that they had in their chunk. Where that costs more than it frees, only
    // whole chunks go.
    for coded_per_freed in [CODED_PER_FREED, 0] {
        let plan = Plan::of(old, &contents.distinct, coded_per_freed);
        let keeps_all = plan.coded.is_empty() && plan.chunks.len() == old.layout().chunks().len();
        if keeps_all && !old.has_gone() && old.generations() <= SEVERAL {
            break;
        }
        let target = Target::look(archive)?;
        let Sink::New(mut new) = target.open(true, progress)? else {
            let name = archive.display();
            return Err(Error::Usage(format!("{name} is no regular file, which alone can be compacted")));
        };
        let keeping = Keeping { old, plan: &plan, contents: &contents, progress };
        keeping.write(new.writer(), archive)?;
        let (contents, files) = (&contents, &plan.coded);
        let coding = recode::Recoding { old, contents, files, name: archive, options, progress };
        coding.append(new.path())?;
        let bytes = new.path().metadata().map_err(|error| Error::io(archive, error))?.len();
        if bytes < old.layout().end() {
            coding.check(new.path())?;
            new.publish()?;
            return Ok(CompactSummary {
                bytes_before,
                bytes,
                kept_chunks: plan.chunks.len() as u64,
                coded_files: files.len() as u64,
                coded_bytes: files.iter().map(|file| file.size()).sum(),
            });
        }
    }
    Ok(CompactSummary { bytes_before, bytes: old.layout().end(), ..CompactSummary::default() })
}

/// The part of the new archive that need not be coded.
struct Keeping<'e> {
    old: &'e Archive,
    plan: &'e Plan<'e>,
    contents: &'e Contents<'e>,
    progress: &'e Progress,
}

/// What is written next.
enum Step<'e> {
    Table(Table<'e>),
    /// The rest of a run of chunks up to this place, and that what of it is no content is a gap.
    EndRun(u64, Option<Repeat>),
}

/// Files of one table.
#[derive(Default)]
struct Table<'e> {
    files: Vec<&'e Entry>,
    /// Repeats and gaps in their content.
    repeats: Vec<Repeat>,
    /// Bytes of the raw stream that must be there before it.
    raw: u64,
    /// The number of the group that its small files belong to.
    group: Option<usize>,
}

impl<'e> Keeping<'e> {
    fn write(&self, out: impl Write, name: &Path) -> Result<()> {
        let (layout, plan) = (self.old.layout(), self.plan);
        let moved = Moved::new(layout, &plan.chunks);
        let runs = moved.runs();
        let steps = self.steps(&moved, &runs);
        let sha256 = self.small_hashes(&steps)?;
        let repeats = tables(&steps).flat_map(|table| &table.repeats);
        let reach = repeats.map(|repeat| repeat.place - repeat.from).max().unwrap_or(0);
        let last = self.old.params();
        let longest = plan.chunks.iter().map(|&number| layout.chunks()[number].raw_len).max();
        let chunk_size = longest.unwrap_or(0).max(last.chunk_size);
        let params = |mixer| Params { chunk_size, reach, mixer, grouping: Some(GROUPING_BY_KIND), ..last };
        let mut mixers = runs.iter().map(|(mixer, _)| *mixer);
        let mut writer = Writer::new(out, name, params(mixers.next().unwrap_or(last.mixer)))?;
        let mut copier = Copier { keeping: self, models: HashMap::new(), next: 0, raw: 0 };
        // The numbers of entries, by the place of their content.
        let mut numbers: HashMap<u64, u64> = HashMap::new();
        let mut count = 0;
        let is_plain = |entry: &&Entry| !matches!(entry.kind, EntryKind::File { .. });
        let plain: Vec<&Entry> = self.old.entries().iter().filter(is_plain).collect();
        for entries in plain.chunks(TABLE_ENTRIES) {
            writer.table(entries.iter().map(|entry| (*entry, None, [0; 32])), None)?;
            count += entries.len() as u64;
        }
        for step in &steps {
            let table = match step {
                Step::Table(table) => table,
                Step::EndRun(end, gap) => {
                    copier.copy_up_to(&mut writer, *end)?;
                    gap.iter().for_each(|&gap| writer.repeat(gap));
                    if let Some(mixer) = mixers.next() {
                        writer.next_generation(params(mixer))?;
                    }
                    continue;
                }
            };
            copier.copy_up_to(&mut writer, table.raw)?;
            table.repeats.iter().for_each(|&repeat| writer.repeat(repeat));
            numbers.extend(table.files.iter().map(|file| file.content_start()).zip(count..));
            count += table.files.len() as u64;
            let of_small = |file: &Entry| sha256.get(&file.content_start()).copied().unwrap_or_default();
            let rows = table.files.iter().map(|&file| (file, None, of_small(file)));
            let group = self.whole_group(table).map(|group| group.sha256);
            writer.table(rows, group)?;
        }
        let copies = self.contents.copies.iter().filter_map(|(original, entry)| {
            Some((*entry, Some(*numbers.get(&original.content_start())?)))
        });
        let empty = self.contents.empty.iter().map(|entry| (*entry, None));
        let rest: Vec<(&Entry, Option<u64>)> = empty.chain(copies).collect();
        for rows in rest.chunks(TABLE_ENTRIES) {
            let numbered = (count..).zip(rows);
            count += rows.len() as u64;
            let back = |own, original: &Option<u64>| original.map(|number| own - number);
            let rows = numbered.map(|(own, (entry, original))| (*entry, back(own, original), [0; 32]));
            writer.table(rows, None)?;
        }
        writer.finish().map(drop)
    }

    /// The kept files by tables, in order. A table has small files of one group at most, so that the SHA-256 of a group
    /// that is kept whole is known.
    fn steps(&self, moved: &Moved<'_>, runs: &[(CoderParams, Range<usize>)]) -> Vec<Step<'e>> {
        let layout = self.old.layout();
        let mut steps = Vec::new();
        let mut table = Table::default();
        let (mut cursor, mut ended) = (0, 0);
        let end_run = |steps: &mut Vec<Step<'e>>, cursor: &mut u64, run: usize| {
            let end = moved.end(&runs[run].1);
            steps.push(Step::EndRun(end, (*cursor < end).then(|| Repeat::gap(*cursor..end))));
            *cursor = end;
        };
        for &file in &self.plan.kept {
            let offset = file.content_start();
            let number = layout.groups().partition_point(|group| group.content.end <= offset);
            let group = layout.groups().get(number).filter(|group| group.content.contains(&offset)).map(|_| number);
            let chunk = moved.first_chunk(layout, file);
            let run = chunk.map_or(ended, |chunk| runs.partition_point(|(_, run)| run.end <= chunk));
            let is_other = group.is_some() && table.group.is_some() && group != table.group;
            if (run > ended || is_other || table.files.len() == TABLE_ENTRIES) && !table.files.is_empty() {
                steps.push(Step::Table(std::mem::take(&mut table)));
            }
            while ended < run {
                end_run(&mut steps, &mut cursor, ended);
                ended += 1;
            }
            table.group = table.group.or(group);
            table.repeats.extend(moved.repeats(layout, file, &mut cursor));
            table.raw = cursor;
            table.files.push(file);
        }
        if !table.files.is_empty() {
            steps.push(Step::Table(table));
        }
        (ended..runs.len()).for_each(|run| end_run(&mut steps, &mut cursor, run));
        steps
    }

    /// The group of a table, if all of it is kept.
    fn whole_group(&self, table: &Table<'_>) -> Option<&Group> {
        let group = self.old.layout().groups().get(table.group?)?;
        (small(&table.files).count() as u64 == group.files).then_some(group)
    }

    /// SHA-256 of the small files, by the place of their content, whose group is not kept whole: theirs together has to
    /// be made anew.
    fn small_hashes(&self, steps: &[Step<'e>]) -> Result<HashMap<u64, [u8; 32]>> {
        let broken = tables(steps).filter(|table| self.whole_group(table).is_none());
        let files: Vec<&Entry> = broken.flat_map(|table| small(&table.files)).collect();
        let mut hashes = HashMap::new();
        let mut hasher = Sha256::new();
        let mut verifier: Option<Verifier> = None;
        self.old.decode(&files, self.progress, false, None, |file, piece, is_last| {
            let (Piece::Bytes(bytes) | Piece::There(bytes)) = piece else { return Ok(()) };
            hasher.update(bytes);
            verifier.get_or_insert_with(|| Verifier::new(file)).update(bytes);
            match verifier.take_if(|_| is_last) {
                Some(verifier) => {
                    hashes.insert(file.content_start(), std::mem::take(&mut hasher).finalize().into());
                    verifier.finish()
                }
                None => Ok(()),
            }
        })?;
        Ok(hashes)
    }
}

/// Copies chunks.
struct Copier<'a> {
    keeping: &'a Keeping<'a>,
    /// New numbers of models by their old ones.
    models: HashMap<u8, u8>,
    /// The next kept chunk.
    next: usize,
    /// Bytes of the raw stream that are copied.
    raw: u64,
}

impl Copier<'_> {
    /// Copies the chunks that the first `raw` bytes of the raw stream lie in.
    fn copy_up_to<W: Write>(&mut self, writer: &mut Writer<W>, raw: u64) -> Result<()> {
        let Keeping { old, plan, progress, .. } = self.keeping;
        while self.raw < raw
            && let Some(&number) = plan.chunks.get(self.next)
        {
            progress.check()?;
            let place = &old.layout().chunks()[number];
            let chunk = old.source().chunk(place)?;
            let coding = match place.coding.model() {
                Some(model) => place.coding.with_model(self.model(writer, model)?),
                None => place.coding,
            };
            let (raw_len, raw_crc) = (place.raw_len, chunk.raw_crc);
            writer.chunk(Chunk { coding, raw_len, raw_crc, coded: &chunk.coded })?;
            self.raw += u64::from(raw_len);
            self.next += 1;
        }
        Ok(())
    }

    /// The new number of a model.
    fn model<W: Write>(&mut self, writer: &mut Writer<W>, old: u8) -> Result<u8> {
        if let Some(&known) = self.models.get(&old) {
            return Ok(known);
        }
        let archive = self.keeping.old;
        let model = archive.layout().models().get(usize::from(old)).and_then(Option::as_ref);
        let new = writer.model(model.ok_or_else(|| Error::corrupt("a chunk of a model that is not named"))?)?;
        if let Some(file) = archive.model_file(old)? {
            writer.model_file(new, &file)?;
        }
        self.models.insert(old, new);
        Ok(new)
    }
}

fn tables<'s, 'e>(steps: &'s [Step<'e>]) -> impl Iterator<Item = &'s Table<'e>> {
    steps.iter().filter_map(|step| match step {
        Step::Table(table) => Some(table),
        Step::EndRun(..) => None,
    })
}

/// Those of the files that are small.
fn small<'s, 'e>(files: &'s [&'e Entry]) -> impl Iterator<Item = &'e Entry> + use<'s, 'e> {
    files.iter().copied().filter(|file| file.is_small())
}

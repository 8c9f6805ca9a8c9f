//! Packing goes on where an earlier run stopped.
//!
//! Beside the archive a run writes down the chunks that took it long to code, each with a hash of what it was made
//! from: the raw bytes, and all that decides how they are coded. A later run that comes to the same bytes in the same
//! way takes the coded ones from there. So it matters neither whether files changed meanwhile nor which run wrote
//! them: what does not fit is never found, and what is found gives the bytes that coding would give. Each record is
//! held to a SHA-256 when it is used.
//!
//! With [`PackOptions::resume`](super::PackOptions::resume) these records are kept in a file named after the archive,
//! until that is complete. Otherwise they are in a file like any unfinished one, which goes away with its run; if the
//! run is killed, the next one uses or removes it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::leftovers;
use super::publish;
use super::source::{read_exact_at, read_some_at, write_all_at};
use crate::codec::{Coded, ChunkCodec, Level};
use crate::format::coding::MAX_CODING;
use crate::format::{CodecId, Coding};
use crate::{Error, Result};

/// Each record begins like this; the number is that of the form of records.
const MAGIC: &[u8; 8] = b"llzpart1";
/// Magic, key, how it is coded, length of the coded bytes, CRC-32 of all that.
const HEADER: usize = 8 + 32 + CODING + 4 + 4;
/// How a chunk is coded, filled up with zeros.
const CODING: usize = MAX_CODING as usize;
/// SHA-256 of header and coded bytes, behind them.
const SUM: usize = 32;
/// How often what was written is brought to the disk, so that a power failure costs no more than this.
const SYNC_EVERY: Duration = Duration::from_secs(10);

type Key = [u8; 32];

/// The file in which the chunks of an unfinished archive are kept by name.
pub(super) fn beside(archive: &Path) -> PathBuf {
    let mut name = OsString::from(archive);
    name.push(".part");
    name.into()
}

/// Whether the regular file at `path` holds kept chunks and has such a name. It is never packed.
pub(super) fn is_kept(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|extension| extension == "part");
    is_named && File::open(path).is_ok_and(|file| has_magic(&file))
}

fn has_magic(file: &File) -> bool {
    let mut magic = [0; MAGIC.len()];
    read_exact_at(file, &mut magic, 0).is_ok() && magic == *MAGIC
}

/// Removes the file of kept chunks of an archive that is complete now, if it is one and nobody uses it.
pub(super) fn remove(archive: &Path) {
    let path = beside(archive);
    if path.metadata().is_ok_and(|there| there.is_file())
        && let Ok(file) = File::open(&path)
        && (is_empty(&file) || has_magic(&file))
        && leftovers::claim(&file)
    {
        let _ = std::fs::remove_file(path);
    }
}

/// Whether a run was killed before it wrote anything.
fn is_empty(file: &File) -> bool {
    file.metadata().is_ok_and(|there| there.len() == 0)
}

/// What decides how a chunk is coded, beside its bytes.
pub(super) struct Way(Sha256);

impl Way {
    pub(super) fn new(codec: &ChunkCodec, level: Level) -> Self {
        let params = codec.params();
        let mut hasher = Sha256::new();
        hasher.update(MAGIC);
        hasher.update(env!("CARGO_PKG_VERSION"));
        hasher.update([0, level.get(), params.mixer, params.table_bits, codec.coder() as u8]);
        if let Some(model) = codec.named_model() {
            hasher.update(model.to_payload());
        }
        Way(hasher)
    }

    fn key(&self, raw: &[u8]) -> Key {
        self.0.clone().chain_update(raw).finalize().into()
    }
}

/// Coded chunks of earlier runs.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    files: Vec<File>,
    /// Where each record begins: file and place.
    records: HashMap<Key, (usize, u64)>,
}

impl Earlier {
    /// Takes in the records of a file. Returns the keys, and where the last record ends.
    fn add(&mut self, file: File) -> io::Result<(HashSet<Key>, u64)> {
        let (mut keys, mut at, mut end) = (HashSet::new(), 0, 0);
        let len = file.metadata()?.len();
        while let Some(start) = next_magic(&file, at)? {
            let Some(header) = Header::read(&file, start).filter(|header| header.end(start) <= len)
            else {
                at = start + 1;
                continue;
            };
            self.records.entry(header.key).or_insert((self.files.len(), start));
            keys.insert(header.key);
            (at, end) = (header.end(start), header.end(start));
        }
        self.files.push(file);
        Ok((keys, end))
    }

    /// The coded bytes for `raw`, if an earlier run coded the same in the same way and they are whole.
    pub(super) fn find(&self, way: &Way, raw: &[u8]) -> Option<(Coding, Vec<u8>)> {
        if self.records.is_empty() {
            return None;
        }
        let key = way.key(raw);
        let &(file, start) = self.records.get(&key)?;
        let file = &self.files[file];
        let header = Header::read(file, start).filter(|header| header.key == key)?;
        // No coding is longer than what it codes, so nothing is allocated for what cannot be right.
        if header.len as usize > raw.len() {
            return None;
        }
        let mut record = vec![0; HEADER + header.len as usize + SUM];
        read_exact_at(file, &mut record, start).ok()?;
        let (body, sum) = record.split_at(record.len() - SUM);
        if Sha256::digest(body)[..] != *sum {
            return None;
        }
        Some((header.coding, body[HEADER..].to_vec()))
    }
}

/// The place of the next magic from `at` on. Records follow each other, so it is nearly always there.
fn next_magic(file: &File, mut at: u64) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; MAGIC.len()];
    loop {
        let got = read_some_at(file, &mut buffer, at)?;
        if got < MAGIC.len() {
            return Ok(None);
        }
        if let Some(place) = buffer[..got].windows(MAGIC.len()).position(|window| window == MAGIC) {
            return Ok(Some(at + place as u64));
        }
        at += (got - MAGIC.len() + 1) as u64;
        buffer.resize(1 << 16, 0);
    }
}

/// What a record says before the coded bytes.
struct Header {
    key: Key,
    coding: Coding,
    len: u32,
}

impl Header {
    fn read(file: &File, start: u64) -> Option<Self> {
        let mut bytes = [0; HEADER];
        read_exact_at(file, &mut bytes, start).ok()?;
        let (fields, crc) = bytes.split_at(HEADER - 4);
        if *crc != crc32fast::hash(fields).to_le_bytes() || !fields.starts_with(MAGIC) {
            return None;
        }
        let key = fields[8..40].try_into().ok()?;
        let coding = Coding::from_start(&fields[40..40 + CODING])?;
        Some(Header { key, coding, len: u32::from_le_bytes(fields[40 + CODING..].try_into().ok()?) })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.key);
        self.coding.write(&mut bytes);
        bytes.resize(8 + 32 + CODING, 0);
        bytes.extend(self.len.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn end(&self, start: u64) -> u64 {
        start + (HEADER + SUM) as u64 + u64::from(self.len)
    }
}

/// Where the chunks of this run are written down. That is a help for later and never an error: if it cannot be
/// written, for lack of room perhaps, it is given up.
#[derive(Debug)]
struct Log {
    file: Option<(PathBuf, File)>,
    /// Where an archive is to be, beside which a file is begun with the first record.
    place: Option<PathBuf>,
    /// Where the next record comes.
    end: u64,
    keys: HashSet<Key>,
    synced: Instant,
    /// Whether the file stays if the archive does not get complete.
    stays: bool,
}

impl Log {
    fn push(&mut self, way: &Way, coded: &Coded<'_>) {
        let is_slow = match coded.coding.codec() {
            CodecId::Neural => true,
            CodecId::Mix | CodecId::Records => self.stays,
            CodecId::Stored | CodecId::Zstd => false,
        };
        if !is_slow {
            return;
        }
        let key = way.key(&coded.raw);
        let bytes = coded.bytes();
        let Ok(len) = u32::try_from(bytes.len()) else { return };
        if !self.keys.insert(key) {
            return;
        }
        let mut record = Header { key, coding: coded.coding, len }.to_bytes();
        record.extend(bytes);
        record.extend(Sha256::digest(&record));
        if self.write(&record).is_err() {
            self.give_up();
        }
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if let Some(place) = self.place.take() {
            let (file, path) = publish::beside(&place)?.keep().map_err(|error| error.error)?;
            leftovers::add_unfinished(&path);
            self.file = Some((path, file));
        }
        let Some((_, file)) = &self.file else { return Ok(()) };
        // Others may read the same open file at the same time.
        write_all_at(file, record, self.end)?;
        self.end += record.len() as u64;
        if self.synced.elapsed() > SYNC_EVERY {
            file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    /// Removes the file, whose room is free then. Returns whether there was any.
    fn give_up(&mut self) -> bool {
        self.place = None;
        self.file.take().is_some_and(|(path, file)| {
            drop(file);
            std::fs::remove_file(path).is_ok()
        })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if !self.stays || self.keys.is_empty() {
            self.give_up();
        }
    }
}

/// What earlier runs have left of an archive, and what this one will.
#[derive(Debug)]
pub(super) struct Partial {
    earlier: Earlier,
    log: RefCell<Log>,
}

impl Partial {
    /// Nothing of earlier runs; what this one writes goes away with it, unless it is killed.
    pub(super) fn fleeting(place: &Path) -> Self {
        let log = Log {
            file: None,
            place: Some(place.into()),
            end: 0,
            keys: HashSet::new(),
            synced: Instant::now(),
            stays: false,
        };
        Partial { earlier: Earlier::default(), log: log.into() }
    }

    /// Opens what earlier runs have left for the archive at `place`, to be used and to be gone on with.
    pub(super) fn resume(place: &Path) -> Result<Self> {
        let path = beside(place);
        let failed = |error| Error::io(&path, error);
        let in_the_way = |why: &str| Error::InTheWay { path: path.clone(), why: why.into() };
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        // Opening must not wait, so what is no file is not opened.
        match path.metadata() {
            Ok(there) if !there.is_file() => return Err(in_the_way("it is no file for kept chunks")),
            Ok(_) => {}
            Err(_) => _ = options.create_new(true),
        }
        let file = options.open(&path).map_err(failed)?;
        if !leftovers::is_mine(&file) {
            return Err(in_the_way("it is another user's"));
        }
        if !leftovers::hold(&file) {
            return Err(in_the_way("another run is writing it"));
        }
        if file.metadata().map_err(failed)?.len() > 0 && !has_magic(&file) {
            return Err(in_the_way("it holds no kept chunks"));
        }
        let mut earlier = Earlier::default();
        let (keys, end) = earlier.add(file.try_clone().map_err(failed)?).map_err(failed)?;
        // A record that was cut short is written over.
        file.set_len(end).map_err(failed)?;
        for path in leftovers::files_beside(place) {
            let Ok(left) = File::open(path) else { continue };
            if leftovers::is_mine(&left) && leftovers::claim(&left) && has_magic(&left) {
                // What cannot be read is not used.
                let _ = earlier.add(left);
            }
        }
        let file = Some((path, file));
        let log = Log { file, place: None, end, keys, synced: Instant::now(), stays: true };
        Ok(Partial { earlier, log: log.into() })
    }

    /// The coded bytes of earlier runs.
    pub(super) fn earlier(&self) -> &Earlier {
        &self.earlier
    }

    /// Writes down a chunk that has just been coded, if that took long.
    pub(super) fn push(&self, way: &Way, coded: &Coded<'_>) {
        self.log.borrow_mut().push(way, coded);
    }

    /// Lets go of all chunks: the archive is complete, or is not what it should be.
    pub(super) fn forget(self) {
        self.log.borrow_mut().stays = false;
    }

    /// Writes to `out`; where that has no more room, records that would go away anyway make some.
    pub(super) fn make_room<W: Write>(&self, out: W) -> impl Write {
        Roomy { out, log: &self.log }
    }
}

struct Roomy<'a, W> {
    out: W,
    log: &'a RefCell<Log>,
}

impl<W: Write> Roomy<'_, W> {
    fn retry<T>(&mut self, action: impl Fn(&mut W) -> io::Result<T>) -> io::Result<T> {
        match action(&mut self.out) {
            Err(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => {
                let mut log = self.log.borrow_mut();
                if !log.stays && log.give_up() { action(&mut self.out) } else { Err(error) }
            }
            done => done,
        }
    }
}

impl<W: Write> Write for Roomy<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(|out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.retry(Write::flush)
    }
}

#[cfg(test)]
#[path = "partial_tests.rs"]
mod tests;

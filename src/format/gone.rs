//! `GONE`: entries of earlier generations that an update has deleted or replaced.
//!
//! They are named by path, not by number, so that what is left of a damaged archive does not bring them back: a lost
//! table moves numbers, but no paths.

use std::collections::{BTreeSet, HashMap};

use super::cursor::Cursor;
use super::entry::Entry;
#[cfg(feature = "encode")]
use super::integer::put_varint;
use super::packed;
use super::path_column::PathReader;
#[cfg(feature = "encode")]
use super::path_column::PathWriter;
use crate::{Bound, Error, Limits, Result};

const WHAT: &str = "section GONE";

/// Bytes a path takes at the very least: its two lengths.
const MIN_PATH: usize = 2;

/// The payload for paths, which are best sorted.
#[cfg(feature = "encode")]
pub(crate) fn to_payload<'a>(paths: impl ExactSizeIterator<Item = &'a str>) -> Result<Vec<u8>> {
    let mut table = Vec::new();
    put_varint(&mut table, paths.len() as u64);
    let mut writer = PathWriter::default();
    paths.for_each(|path| writer.put(&mut table, path));
    packed::pack(&table, packed::TABLE_LEVEL)
}

/// All paths read so far.
#[derive(Debug, Default)]
pub(crate) struct GoneList {
    gone: Vec<Gone>,
    /// Where each generation but the first begins in the list of entries.
    generations: Vec<usize>,
    /// Memory that the paths take, about.
    memory: u64,
    /// Whether a section is lost, in what is left of a damaged archive.
    is_damaged: bool,
}

/// A path, and how many entries there are before its generation. Of those, the ones that have it are gone.
#[derive(Debug)]
struct Gone {
    path: String,
    before: usize,
}

impl GoneList {
    /// What follows is another generation; there are so many entries before it.
    pub(crate) fn begin_generation(&mut self, entries: usize) {
        self.generations.push(entries);
    }

    /// Adds the paths of one section of the present generation. On an error nothing is added.
    pub(crate) fn read(&mut self, payload: &[u8], limits: &Limits) -> Result<()> {
        let (known, memory) = (self.gone.len(), self.memory);
        let table = packed::unpack_table(payload, WHAT, limits)?;
        let result = self.parse(&table, limits);
        if result.is_err() {
            self.gone.truncate(known);
            self.memory = memory;
        }
        result
    }

    fn parse(&mut self, table: &[u8], limits: &Limits) -> Result<()> {
        let Some(&before) = self.generations.last() else {
            return Err(Error::corrupt("nothing is there yet that could be gone").within(WHAT));
        };
        let mut cursor = Cursor::new(table, WHAT);
        let count = cursor.count(MIN_PATH)?;
        if (self.gone.len() as u64).saturating_add(count as u64) > limits.entries {
            let what = "the number of entries that are gone".into();
            return Err(Error::Limit { what, limit: limits.entries, bound: Bound::Entries });
        }
        self.charge(count.saturating_mul(size_of::<Gone>()), limits)?;
        self.gone.reserve(count);
        let mut paths = PathReader::default();
        for _ in 0..count {
            let path = paths.next(&mut cursor, limits)?;
            self.charge(path.len(), limits)?;
            self.gone.push(Gone { path, before });
        }
        cursor.finish()
    }

    /// Counts memory before it is taken: front coding makes long paths of few bytes.
    fn charge(&mut self, bytes: usize, limits: &Limits) -> Result<()> {
        self.memory = self.memory.saturating_add(bytes as u64);
        if self.memory > limits.memory {
            let what = "memory for the list of entries that are gone".into();
            return Err(Error::Limit { what, limit: limits.memory, bound: Bound::Memory });
        }
        Ok(())
    }

    /// A recovery has lost one of these sections: an entry that stands under the path of an earlier generation's must
    /// have replaced it.
    pub(crate) fn set_damaged(&mut self) {
        self.is_damaged = true;
    }

    /// Which of these entries are gone, by their numbers in order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a path that no entry of an earlier generation has, or none that is still there; but not
    /// in what is left of a damaged archive, where it may be lost.
    pub(crate) fn resolve(&self, entries: &[Entry], is_whole: bool) -> Result<BTreeSet<usize>> {
        let mut gone = BTreeSet::new();
        if self.is_damaged {
            self.resolve_replaced(entries, &mut gone);
        }
        if self.gone.is_empty() {
            return Ok(gone);
        }
        // For each path the generations that take it away, in order, and whether they found it.
        let mut paths: HashMap<&str, Vec<(usize, bool)>> = HashMap::new();
        for Gone { path, before } in &self.gone {
            paths.entry(path).or_default().push((*before, false));
        }
        for (number, entry) in entries.iter().enumerate() {
            let Some(takers) = paths.get_mut(&*entry.path) else { continue };
            let next = takers.partition_point(|&(before, _)| before <= number);
            if let Some((_, found)) = takers.get_mut(next) {
                *found = true;
                gone.insert(number);
            }
        }
        let lost = |gone: &&Gone| paths[&*gone.path].iter().any(|(_, found)| !found);
        match self.gone.iter().find(lost) {
            Some(Gone { path, .. }) if is_whole => {
                Err(Error::corrupt(format!("{path:?}, which is gone, was not there")).within(WHAT))
            }
            _ => Ok(gone),
        }
    }

    fn resolve_replaced(&self, entries: &[Entry], gone: &mut BTreeSet<usize>) {
        let generation = |number: usize| self.generations.partition_point(|&start| start <= number);
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (number, entry) in entries.iter().enumerate() {
            if let Some(before) = last.insert(&entry.path, number)
                && generation(before) < generation(number)
            {
                gone.insert(before);
            }
        }
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use crate::format::EntryKind;
    use proptest::prelude::*;

    fn entries(paths: &[&str]) -> Vec<Entry> {
        let entry = |path: &&str| Entry {
            path: path.to_string(),
            kind: EntryKind::Directory,
            mode: 0o755,
            mtime: 0,
        };
        paths.iter().map(entry).collect()
    }

    /// What is gone of entries `a`, `b` | `b`, `c` | `a`, where each generation but the first takes away some paths.
    fn gone(second: &[&str], third: &[&str]) -> Result<Vec<usize>> {
        let mut list = GoneList::default();
        for (before, paths) in [(2, second), (4, third)] {
            list.begin_generation(before);
            list.read(&to_payload(paths.iter().copied())?, &Limits::default())?;
        }
        let all = list.resolve(&entries(&["a", "b", "b", "c", "a"]), true)?;
        Ok(all.into_iter().collect())
    }

    #[test]
    fn a_path_takes_away_what_stood_there_before() {
        assert_eq!(gone(&["b"], &["a"]).unwrap(), [0, 1]);
        assert_eq!(gone(&["a", "b"], &["b", "c"]).unwrap(), [0, 1, 2, 3]);
        assert_eq!(gone(&["b"], &["b"]).unwrap(), [1, 2]);
        assert_eq!(gone(&[], &["b"]).unwrap(), [1, 2]);
    }

    #[test]
    fn what_is_not_there_cannot_go() {
        for (second, third) in [
            (&["c"][..], &[][..]),
            (&["a"], &["a"]),
            (&["b", "b"], &[]),
            (&[], &["d"]),
        ] {
            assert!(matches!(gone(second, third), Err(Error::Corrupt(_))), "{second:?} {third:?}");
        }
        let mut first = GoneList::default();
        let payload = to_payload(["a"].into_iter()).unwrap();
        assert!(matches!(first.read(&payload, &Limits::default()), Err(Error::Corrupt(_))));
    }

    #[test]
    fn of_a_damaged_archive_the_latest_stays() {
        let mut list = GoneList::default();
        list.begin_generation(2);
        list.begin_generation(4);
        list.set_damaged();
        let all = list.resolve(&entries(&["a", "b", "b", "c", "a"]), false).unwrap();
        assert!(all.into_iter().eq([0, 1]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(table in proptest::collection::vec(any::<u8>(), 0..99)) {
            let mut list = GoneList::default();
            list.begin_generation(0);
            if list.parse(&table, &Limits::default()).is_ok() {
                let _ = list.resolve(&entries(&["a"]), true);
            }
        }
    }
}

//! Under which name each entry is unpacked, or whether what is there already stays. Nothing is written here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::destination::Destination;
use super::losses::{self, Loss};
use super::options::{Existing, UnpackLinks, UnpackOptions, UnpackSummary};
use super::policy::{self, System, Tree};
use super::{found, journal, leftovers};
use crate::format::{Entry, EntryKind};
use crate::{Error, Limits, Progress, Result};

/// What becomes of an entry.
enum Place {
    /// It is unpacked under this path.
    At(String),
    /// It is there already.
    Held(String),
    /// Something else that is there stays.
    Stays,
}

/// Gives entries their places, one after the other in any order.
#[derive(Debug)]
pub(crate) struct Placement {
    existing: Existing,
    strip: usize,
    /// Whether a file or link that is there as the archive has it stays.
    resume: bool,
    links: UnpackLinks,
    /// Directories that are unpacked under the names that the archive has for them, and are real ones then.
    real: HashSet<String>,
    /// Directories of the archive, by their paths: where they are here, and whether they are there already. `None`
    /// if something that stays is in their place.
    directories: HashMap<String, Option<(String, bool)>>,
    /// Free names that have been given to others.
    given: HashSet<String>,
    /// Says whether an entry with content has been left out for its name.
    leaves_out: bool,
    /// What has been placed, where names are changed and might meet.
    tree: Option<Tree>,
    is_empty: bool,
    in_place: u64,
    skipped: Vec<(PathBuf, String)>,
    kept: Vec<String>,
    renamed: Vec<(String, String)>,
    losses: Vec<Loss>,
}

impl Placement {
    pub(crate) fn new(options: &UnpackOptions, limits: Limits) -> Self {
        let (existing, strip) = (options.existing, options.strip);
        let changes_names = strip > 0 || existing == Existing::Rename;
        Placement {
            existing,
            strip,
            resume: options.resume,
            links: options.links,
            real: HashSet::new(),
            directories: HashMap::new(),
            given: HashSet::new(),
            leaves_out: false,
            tree: changes_names.then(|| Tree::new(System::HERE, false, limits)),
            is_empty: true,
            in_place: 0,
            skipped: Vec::new(),
            kept: Vec::new(),
            renamed: Vec::new(),
            losses: Vec::new(),
        }
    }

    /// Whether every entry gets a place.
    pub(crate) fn takes_all(&self) -> bool {
        self.strip == 0 && !self.leaves_out && !matches!(self.existing, Existing::Keep | Existing::KeepNewer)
    }

    /// Takes note of the directories among entries that are to be placed, and of those above them.
    pub(crate) fn expect<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) {
        // Otherwise a directory may get another name, and a link that stays may have the one it had.
        if self.strip > 0 || !matches!(self.existing, Existing::Refuse | Existing::Replace) {
            return;
        }
        for entry in entries {
            let is_directory = matches!(entry.kind, EntryKind::Directory);
            let own = is_directory.then_some(entry.path.len());
            let ends = entry.path.match_indices('/').map(|(end, _)| end).chain(own);
            // From the deepest on, up to one that is known.
            for end in ends.collect::<Vec<_>>().into_iter().rev() {
                if !self.real.insert(entry.path[..end].to_owned()) {
                    break;
                }
            }
        }
    }

    /// The entry under the path that it gets here; `None` if it is not unpacked, or is there already.
    pub(crate) fn place<'e>(
        &mut self,
        destination: &Destination,
        entry: &'e Entry,
        progress: &Progress,
    ) -> Result<Option<Cow<'e, Entry>>> {
        let is_directory = matches!(entry.kind, EntryKind::Directory);
        let Some(path) = stripped(&entry.path, self.strip) else {
            if !is_directory {
                let why = format!("nothing is left of it without {} names", self.strip);
                losses::count(&mut self.losses, "path", Path::new(&entry.path), &why);
            }
            return Ok(None);
        };
        if path.split('/').any(leftovers::is_ours) {
            // A later run would take it for what a stopped run has left, and sweep it or go on with it.
            (self.is_empty, self.leaves_out) = (false, true);
            let why = "unfinished work has such names, and is swept";
            losses::count(&mut self.losses, "name", Path::new(&entry.path), &why);
            return Ok(None);
        }
        if let EntryKind::Symlink { target } = &entry.kind
            && let Some(why) = self.objection(path, target)
        {
            self.is_empty = false;
            self.skipped.push((PathBuf::from(&entry.path), why));
            return Ok(None);
        }
        let placed = match is_directory {
            true => self.directory(destination, path)?.map_or(Place::Stays, |(placed, _)| Place::At(placed)),
            false => self.leaf(destination, path, entry, progress)?,
        };
        let placed = match placed {
            Place::At(placed) => placed,
            Place::Held(placed) => {
                self.is_empty = false;
                self.in_place += u64::from(self.admit(&Entry { path: placed, ..entry.clone() }, entry)?);
                return Ok(None);
            }
            Place::Stays => {
                self.kept.push(path.to_owned());
                return Ok(None);
            }
        };
        if placed != path {
            self.renamed.push((path.to_owned(), placed.clone()));
        }
        self.is_empty = false;
        if placed == entry.path && self.tree.is_none() {
            return Ok(Some(Cow::Borrowed(entry)));
        }
        let placed = Entry { path: placed, ..entry.clone() };
        Ok(self.admit(&placed, entry)?.then_some(Cow::Owned(placed)))
    }

    /// Why a link is not made. Another name beside the one that it has here does not change where it leads.
    fn objection(&self, path: &str, target: &str) -> Option<String> {
        match self.links {
            UnpackLinks::All => None,
            UnpackLinks::Skip => Some("a symbolic link".into()),
            UnpackLinks::Inside => policy::leads_out(path, target, System::HERE, |path| self.real.contains(path))
                .map(|why| format!("a symbolic link to {target}, {why}")),
        }
    }

    /// Where a directory of the archive is here, and whether it is there already.
    fn directory(
        &mut self,
        destination: &Destination,
        path: &str,
    ) -> Result<Option<(String, bool)>> {
        if let Some(known) = self.directories.get(path) {
            return Ok(known.clone());
        }
        let placed = match self.beside(destination, path)? {
            None => None,
            Some((placed, above_is_there)) => {
                let there = destination.look(&placed).filter(|_| above_is_there);
                match (there, self.existing) {
                    (None, _) if self.given.contains(&placed) => {
                        Some((self.free(destination, &placed, false), false))
                    }
                    (None, _) => Some((placed, false)),
                    (Some(there), _) if there.is_dir() => Some((placed, true)),
                    (Some(_), Existing::Refuse) => {
                        return Err(Error::Exists(destination.shown(&placed)));
                    }
                    (Some(_), Existing::Replace) => Some((placed, false)),
                    (Some(_), Existing::Keep) => None,
                    (Some(_), Existing::KeepNewer) => {
                        let why = "a file or link is here, and the archive has a directory".into();
                        return Err(Error::InTheWay { path: destination.shown(&placed), why });
                    }
                    (Some(_), Existing::Rename) => {
                        Some((self.free(destination, &placed, false), false))
                    }
                }
            }
        };
        self.directories.insert(path.to_owned(), placed.clone());
        Ok(placed)
    }

    /// Where a file or link goes.
    fn leaf(
        &mut self,
        destination: &Destination,
        path: &str,
        entry: &Entry,
        progress: &Progress,
    ) -> Result<Place> {
        let Some((placed, above_is_there)) = self.beside(destination, path)? else {
            return Ok(Place::Stays);
        };
        let there = destination.look(&placed).filter(|_| above_is_there);
        if self.resume && there.is_some() && destination.holds(&placed, entry, self.existing.replaces(), progress)? {
            return Ok(Place::Held(placed));
        }
        Ok(match (there, self.existing) {
            (None, _) if self.given.contains(&placed) => Place::At(self.free(destination, &placed, true)),
            (None, _) => Place::At(placed),
            (Some(_), Existing::Refuse) => return Err(Error::Exists(destination.shown(&placed))),
            (Some(_), Existing::Keep) => Place::Stays,
            (Some(_), Existing::Rename) => Place::At(self.free(destination, &placed, true)),
            (Some(there), Existing::Replace | Existing::KeepNewer) if there.is_dir() => {
                return Err(journal::in_the_way(destination.shown(&placed)));
            }
            (Some(_), Existing::Replace) => Place::At(placed),
            (Some(there), Existing::KeepNewer) => {
                let modified = there.modified().map(|time| found::nanoseconds(time.into_std()));
                let is_older = modified.is_ok_and(|modified| modified < entry.mtime);
                if is_older { Place::At(placed) } else { Place::Stays }
            }
        })
    }

    /// The path beside which `path` goes, in the place of the directory above it; and whether that is there.
    fn beside(&mut self, destination: &Destination, path: &str) -> Result<Option<(String, bool)>> {
        let Some((above, name)) = path.rsplit_once('/') else {
            return Ok(Some((path.to_owned(), true)));
        };
        let above = self.directory(destination, above)?;
        Ok(above.map(|(above, is_there)| (format!("{above}/{name}"), is_there)))
    }

    /// A name like `name (1).ext` that nothing has.
    fn free(&mut self, destination: &Destination, path: &str, is_leaf: bool) -> String {
        let name = path.rfind('/').map_or(0, |slash| slash + 1);
        let dot = path[name..].rfind('.').filter(|dot| is_leaf && *dot > 0);
        let (stem, extension) = path.split_at(dot.map_or(path.len(), |dot| name + dot));
        let mut number = 1u64;
        loop {
            let free = format!("{stem} ({number}){extension}");
            if destination.look(&free).is_none() && self.given.insert(free.clone()) {
                return free;
            }
            number += 1;
        }
    }

    /// Whether an entry under its new path does not hinder another one.
    fn admit(&mut self, placed: &Entry, entry: &Entry) -> Result<bool> {
        let Some(tree) = &mut self.tree else { return Ok(true) };
        if matches!(placed.kind, EntryKind::Directory) && tree.has_directory(&placed.path) {
            // Two directories have become one: the first gives it its permissions.
            return Ok(false);
        }
        match tree.add(placed) {
            Err(Error::Unsafe { why, .. }) => Err(Error::Usage(format!(
                "{:?} would be unpacked as {:?}: {why}",
                entry.path, placed.path
            ))),
            added => added.map(|()| true),
        }
    }

    /// Fails if no entry has a name any more.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_empty && !self.losses.is_empty() {
            let strip = self.strip;
            return Err(Error::Usage(format!("nothing is left of any path without {strip} names")));
        }
        Ok(())
    }

    /// Adds what has been found out to the summary.
    pub(crate) fn finish(self, summary: &mut UnpackSummary) {
        summary.in_place = self.in_place;
        summary.skipped = self.skipped;
        summary.kept = self.kept;
        summary.renamed = self.renamed;
        summary.losses.splice(..0, self.losses);
    }
}

/// A path without its first `count` names.
fn stripped(path: &str, count: usize) -> Option<&str> {
    match count.checked_sub(1) {
        None => Some(path),
        Some(last) => path.match_indices('/').nth(last).map(|(slash, _)| &path[slash + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_off_from_the_front() {
        for (path, count, left) in [
            ("a/b/c", 0, Some("a/b/c")),
            ("a/b/c", 1, Some("b/c")),
            ("a/b/c", 2, Some("c")),
            ("a/b/c", 3, None),
            ("a", usize::MAX, None),
        ] {
            assert_eq!(stripped(path, count), left);
        }
    }

    #[test]
    fn free_names_keep_their_endings() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.txt", "a (1).txt", ".rc", "d.x"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let destination = Destination::open(dir.path()).unwrap();
        let options = UnpackOptions { existing: Existing::Rename, ..Default::default() };
        let mut placement = Placement::new(&options, Limits::default());
        for (path, is_leaf, free) in [
            ("a.txt", true, "a (2).txt"),
            ("a.txt", true, "a (3).txt"),
            (".rc", true, ".rc (1)"),
            ("d.x", false, "d.x (1)"),
            ("a.b/c", true, "a.b/c (1)"),
        ] {
            assert_eq!(placement.free(&destination, path, is_leaf), free);
        }
    }
}

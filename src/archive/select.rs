//! Choosing entries of an archive by paths and patterns.

use std::collections::HashMap;

use super::Archive;
use super::glob::{Globs, is_pattern, tidy};
use crate::format::Entry;
use crate::{Error, Result};

/// What is wanted of an archive, and what of that has been met.
///
/// A path names an entry and all that is below it, with or without a `/` at either end. What has characters of a
/// pattern and is no path of an entry is a glob pattern; without `/` it is compared with names at any depth.
#[derive(Debug)]
pub(crate) struct Selection {
    /// As they were given. None means everything.
    wanted: Vec<String>,
    met: Vec<bool>,
    /// Whole paths, and the numbers of those who want them.
    paths: HashMap<String, Vec<usize>>,
    whole: (Globs, Vec<usize>),
    names: (Globs, Vec<usize>),
}

impl Selection {
    pub(crate) fn new(wanted: &[String]) -> Result<Self> {
        let mut paths: HashMap<String, Vec<usize>> = HashMap::new();
        let (mut whole, mut names) = (Vec::new(), Vec::new());
        for (number, text) in wanted.iter().enumerate() {
            if text.is_empty() {
                return Err(Error::Usage("an empty path".into()));
            }
            let path = tidy(text.trim_start_matches('/'));
            if is_pattern(&path) {
                let list = if text.trim_end_matches('/').contains('/') { &mut whole } else { &mut names };
                list.push((number, path.clone()));
            }
            paths.entry(path).or_default().push(number);
        }
        let globs = |list: Vec<(usize, String)>| {
            let globs = Globs::new(list.iter().map(|(_, pattern)| &**pattern))?;
            Ok((globs, list.into_iter().map(|(number, _)| number).collect()))
        };
        let (whole, names) = (globs(whole)?, globs(names)?);
        Ok(Selection { met: vec![false; wanted.len()], wanted: wanted.into(), paths, whole, names })
    }

    /// Whether everything is wanted.
    pub(crate) fn is_all(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether an entry at `path` is wanted.
    pub(crate) fn takes(&mut self, path: &str) -> bool {
        let Selection { met, paths, whole, names, .. } = self;
        let mut takes = met.is_empty();
        let mut meet = |number: usize| (met[number], takes) = (true, true);
        // The directories above count as well as the entry itself; above all of them is the archive.
        let mut start = 0;
        paths.get("").into_iter().flatten().copied().for_each(&mut meet);
        for end in path.match_indices('/').map(|(end, _)| end).chain([path.len()]) {
            let (above, name) = (&path[..end], &path[start..end]);
            paths.get(above).into_iter().flatten().copied().for_each(&mut meet);
            whole.0.matching(above).for_each(|at| meet(whole.1[at]));
            names.0.matching(name).for_each(|at| meet(names.1[at]));
            start = end + 1;
        }
        takes
    }

    /// Fails if something wanted is not there.
    pub(crate) fn check_met(&self) -> Result<()> {
        let mut missing = self.wanted.iter().zip(&self.met).filter(|(_, met)| !**met);
        match (missing.next(), missing.count()) {
            (None, _) => Ok(()),
            (Some((first, _)), 0) => Err(Error::Usage(format!("the archive has no entry {first:?}"))),
            (Some((first, _)), others) => {
                Err(Error::Usage(format!("the archive has no entry {first:?}, nor {others} others")))
            }
        }
    }
}

impl Archive {
    /// The entries at and below these paths, sorted by path; all of them if none are given. A text with `*`, `?`, `[`
    /// or `{` that is no path is a glob pattern: with `/` for whole paths, without for names at any depth.
    ///
    /// # Errors
    /// [`Error::Usage`] for a path or pattern that no entry has, and for a pattern that is none.
    pub fn select(&self, paths: &[String]) -> Result<Vec<&Entry>> {
        let mut selection = Selection::new(paths)?;
        let chosen = self.entries().iter().filter(|entry| selection.takes(&entry.path)).collect();
        selection.check_met()?;
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: [&str; 7] =
        ["a", "a/b.c", "a/d", "a/d/b.c", "a/d/[x]", "é.c", "f"];

    fn chosen(wanted: &[&str]) -> Result<String> {
        let wanted: Vec<String> = wanted.iter().map(|path| path.to_string()).collect();
        let mut selection = Selection::new(&wanted)?;
        let taken: Vec<&str> = ENTRIES.into_iter().filter(|path| selection.takes(path)).collect();
        selection.check_met().map(|()| taken.join(" "))
    }

    #[test]
    fn paths_and_patterns() {
        for (wanted, taken) in [
            (&[][..], "a a/b.c a/d a/d/b.c a/d/[x] é.c f"),
            (&["."], "a a/b.c a/d a/d/b.c a/d/[x] é.c f"),
            (&["/"], "a a/b.c a/d a/d/b.c a/d/[x] é.c f"),
            (&["a/d"], "a/d a/d/b.c a/d/[x]"),
            (&["./a//d/"], "a/d a/d/b.c a/d/[x]"),
            (&["/a/d/"], "a/d a/d/b.c a/d/[x]"),
            (&["a/d/[x]"], "a/d/[x]"),
            (&["*.c"], "a/b.c a/d/b.c é.c"),
            (&["./*.c"], "é.c"),
            (&["?.c"], "a/b.c a/d/b.c é.c"),
            (&["a/*"], "a/b.c a/d a/d/b.c a/d/[x]"),
            (&["a/**/b.c"], "a/b.c a/d/b.c"),
            (&["[df]", "a/b.c"], "a/b.c a/d a/d/b.c a/d/[x] f"),
        ] {
            assert_eq!(chosen(wanted).unwrap(), taken, "{wanted:?}");
        }
        for wanted in [&["b.c"][..], &["f", "nope"], &["*.d"], &["a/"," a"], &["["]] {
            assert!(matches!(chosen(wanted), Err(Error::Usage(_))), "{wanted:?}");
        }
    }
}

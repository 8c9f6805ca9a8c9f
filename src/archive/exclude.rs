//! Patterns of what is not to be packed.

use std::cell::RefCell;
use std::path::Path;

use super::glob::{Globs, tidy};
use crate::Result;

/// What a backslash in a path that was found stands for.
pub(crate) const SLASH: &str = if cfg!(windows) { "/" } else { "\\" };

/// Glob patterns of what to leave out.
#[derive(Debug)]
pub(crate) struct Exclude {
    patterns: Vec<Pattern>,
    /// Patterns without `/`, compared with names, and their numbers.
    names: (Globs, Vec<usize>),
    /// Patterns with `/`, compared with whole paths, and their numbers.
    paths: (Globs, Vec<usize>),
    used: RefCell<Vec<bool>>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    /// It ends with `/`, so only directories are meant.
    is_directory: bool,
}

/// The names of one thing that patterns are compared with, all tidied.
#[derive(Debug)]
pub(crate) struct Names {
    /// In the archive.
    pub(crate) stored: String,
    /// As the caller gave it.
    pub(crate) given: String,
    /// From the root of the file system on.
    pub(crate) absolute: String,
}

impl Names {
    /// Those of a path that was given.
    pub(crate) fn of(stored: &str, given: &Path, place: &Path) -> Self {
        let absolute = std::path::absolute(place).unwrap_or_else(|_| place.into());
        Names { stored: stored.into(), given: text(given), absolute: up(&text(&absolute)) }
    }

    /// Those of what is `below` it.
    fn join(&self, below: &Path) -> Self {
        let below = text(below);
        let join = |above: &str| match (above, &*below) {
            ("", path) | (path, "") => path.into(),
            ("/", below) => format!("/{below}"),
            (above, below) => format!("{above}/{below}"),
        };
        let Names { stored, given, absolute } = self;
        Names { stored: join(stored), given: join(given), absolute: join(absolute) }
    }
}

/// A path as text, with `/`. What is not UTF-8 in it is one unknown character each.
fn text(path: &Path) -> String {
    tidy(&path.to_string_lossy().replace('\\', SLASH))
}

/// A path without `..`, as far as the text tells.
fn up(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            ".." if names.len() > 1 => _ = names.pop(),
            ".." => {}
            name => names.push(name),
        }
    }
    names.join("/")
}

impl Exclude {
    pub(crate) fn new(patterns: &[String]) -> Result<Self> {
        let (mut names, mut paths) = (Vec::new(), Vec::new());
        let mut tidied = Vec::new();
        for (number, pattern) in patterns.iter().enumerate() {
            let list = if pattern.trim_end_matches('/').contains('/') { &mut paths } else { &mut names };
            list.push(number);
            tidied.push(up_front(pattern));
        }
        let globs = |numbers: Vec<usize>| {
            let globs = Globs::new(numbers.iter().map(|number| &*tidied[*number]))?;
            Ok((globs, numbers))
        };
        let (names, paths) = (globs(names)?, globs(paths)?);
        let patterns: Vec<Pattern> = (patterns.iter())
            .map(|text| Pattern { text: text.clone(), is_directory: text.ends_with('/') })
            .collect();
        let used = RefCell::new(vec![false; patterns.len()]);
        Ok(Exclude { patterns, names, paths, used })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether to leave out what is `below` something with these names.
    pub(crate) fn matches(&self, above: &Names, below: &Path, is_directory: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let names = above.join(below);
        let whole = [&names.stored, &names.given, &names.absolute];
        let name = names.stored.rsplit('/').next().unwrap_or(&names.stored);
        let by_name = numbers(&self.names, name);
        let by_path = whole.into_iter().flat_map(|path| numbers(&self.paths, path));
        let mut matches = false;
        for number in by_name.chain(by_path) {
            if is_directory || !self.patterns[number].is_directory {
                matches = true;
                self.used.borrow_mut()[number] = true;
            }
        }
        matches
    }

    /// The patterns that have left out nothing.
    pub(crate) fn unused(self) -> Vec<String> {
        let used = self.used.into_inner();
        let unused = self.patterns.into_iter().zip(used).filter(|(_, used)| !used);
        unused.map(|(pattern, _)| pattern.text).collect()
    }
}

/// The numbers of the patterns that match.
fn numbers<'g>(
    (globs, numbers): &'g (Globs, Vec<usize>),
    text: &str,
) -> impl Iterator<Item = usize> + use<'g> {
    let matching = (!globs.is_empty() && !text.is_empty()).then(|| globs.matching(text));
    matching.into_iter().flatten().map(|at| numbers[at])
}

/// A tidied pattern. A slash at the end says only that a directory is meant.
fn up_front(pattern: &str) -> String {
    let pattern = tidy(pattern);
    if pattern.starts_with('/') { up(&pattern) } else { pattern }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(pattern: &str, given: &str, below: &str, is_directory: bool) -> bool {
        let exclude = Exclude::new(&[pattern.into()]).unwrap();
        let stored = given.trim_start_matches(['.', '/']);
        let names = Names::of(stored, Path::new(given), &Path::new("/home/me").join(given));
        let matches = exclude.matches(&names, Path::new(below), is_directory);
        assert_eq!(exclude.unused().is_empty(), matches);
        matches
    }

    #[test]
    fn every_form_of_a_path_is_known() {
        for (pattern, given, below) in [
            ("tree/drop", "tree", "drop"),
            ("./tree/drop", "tree", "drop"),
            ("tree/drop", "./tree", "drop"),
            ("tree//drop/", "tree", "drop"),
            ("/home/me/tree/drop", "tree", "drop"),
            ("/home/me/tree/drop", "./tree/", "drop"),
            ("/home/me/tree/drop", "/home/me/tree", "drop"),
            ("home/me/tree/drop", "/home/me/tree", "drop"),
            ("/home/other/drop", "../other", "drop"),
            ("../other/drop", "../other", "drop"),
            ("other/drop", "../other", "drop"),
            ("./drop", ".", "drop"),
            ("drop", "tree", "a/b/drop"),
            ("tree/**/dr?p", "tree", "a/b/dröp"),
            ("dr*", "tree", "a/drop"),
        ] {
            assert!(left_out(pattern, given, below, true), "{pattern} {given} {below}");
        }
        for (pattern, given, below) in [
            ("./drop", ".", "a/drop"),
            ("tree/drop", "tree", "a/drop"),
            ("/tree/drop", "tree", "drop"),
            ("tree/*", "tree", "a/drop"),
            ("drop?", "tree", "drop"),
        ] {
            assert!(!left_out(pattern, given, below, true), "{pattern} {given} {below}");
        }
        assert!(!left_out("drop/", "tree", "drop", false));
    }
}

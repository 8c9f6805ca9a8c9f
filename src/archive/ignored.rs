//! What `.gitignore` and `.llzignore` leave out.
//!
//! Both have the patterns of git. A file counts for the directory that it lies in and for all below; the deepest one
//! that says something decides, and of two in one directory `.llzignore`. Above what is packed, those up to the root of
//! the repository count.

use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The later one has the last word.
const FILES: [&str; 2] = [".gitignore", ".llzignore"];

/// The rules that hold at one place of a walk.
#[derive(Debug)]
pub(crate) struct Ignored {
    /// Where the walk begins; rules are compared with whole paths.
    root: PathBuf,
    /// With the depth of the directory that they were found in.
    rules: Vec<(usize, Gitignore)>,
}

impl Ignored {
    /// For a walk that begins at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.into());
        let mut above: Vec<&Path> = Vec::new();
        for directory in root.ancestors() {
            if directory != root {
                above.push(directory);
            }
            if directory.join(".git").exists() {
                let rules = above.iter().rev().filter_map(|above| Some((0, rules(above)?))).collect();
                return Ignored { root, rules };
            }
        }
        Ignored { root, rules: Vec::new() }
    }

    /// Whether to leave out what is `below` the root at this depth. Directories must be met before what is in them.
    pub(crate) fn matches(&mut self, below: &Path, depth: usize, is_directory: bool) -> bool {
        while self.rules.last().is_some_and(|&(above, _)| above > depth) {
            self.rules.pop();
        }
        let path = self.root.join(below);
        // What was named is packed, whatever the rules say.
        let decided = self.rules.iter().rev().filter(|_| depth > 0).find_map(|(_, rules)| {
            match rules.matched(&path, is_directory) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            }
        });
        let matches = decided.unwrap_or(false);
        if is_directory && !matches {
            // Counted from 1, for 0 is above the root.
            self.rules.extend(rules(&path).map(|rules| (depth + 1, rules)));
        }
        matches
    }
}

/// The rules in a directory. Lines that mean nothing are passed over, as git does.
fn rules(directory: &Path) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new(directory);
    let mut is_there = false;
    for file in FILES.map(|name| directory.join(name)) {
        if file.is_file() {
            is_there = true;
            _ = builder.add(file);
        }
    }
    if is_there { builder.build().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_rule_decides() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [
            (".git/HEAD", ""),
            (".gitignore", "*.o\n/top\n!kept.o\nbad[\n"),
            ("p/.gitignore", "build/\n*.log\n"),
            ("p/.llzignore", "!keep.log\nä?\n"),
            ("p/q/.gitignore", "!x.o\n"),
        ] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), text).unwrap();
        }
        let mut ignored = Ignored::new(&at("p"));
        let mut out = |below: &str, is_directory| {
            let depth = if below.is_empty() { 0 } else { below.split('/').count() };
            ignored.matches(Path::new(below), depth, is_directory)
        };
        assert!(!out("", true));
        assert!(out("a.o", false));
        assert!(!out("kept.o", false));
        assert!(!out("q", true));
        assert!(!out("q/x.o", false));
        assert!(out("q/y.o", false));
        assert!(out("q/a.log", false));
        // Of another directory these rules say nothing.
        assert!(!out("r", true));
        assert!(out("r/x.o", false));
        assert!(out("x.o", false));
        assert!(out("build", true));
        assert!(!out("build", false));
        assert!(out("a.log", false));
        assert!(!out("keep.log", false));
        assert!(!out("top", true));
        // Outside of any repository only what lies below counts.
        assert!(!Ignored::new(Path::new("/")).matches(Path::new("top"), 1, false));
    }
}

//! Which names and links may be stored and created. One set of rules for packing and unpacking,
//! so that nothing is packed that would be refused later.
//!
//! Refused everywhere: absolute paths, `..`, `.`, empty components, control characters (NUL, C0,
//! DEL, C1), two entries with one path, entries below a file or a link, and links to nothing.
//! Links that lead out are stored, and made only if whoever unpacks asks for it. Names that only
//! Windows cannot have (`a:b`, `aux.c`, `x\y`, trailing dots or spaces) are everyday names elsewhere:
//! they are stored, and refused where they cannot be.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use unicode_normalization::UnicodeNormalization;

use crate::format::{Entry, EntryKind};
use crate::{Bound, Error, Limits, Result};

/// A [`Error::Unsafe`] about `name`.
pub(crate) fn refuse(name: &str, why: impl Into<String>) -> Error {
    Error::Unsafe { name: name.into(), why: why.into() }
}

/// A path for a message: of a very long one, the beginning and the end.
pub(crate) fn short(path: &str) -> String {
    const ENDS: usize = 60;
    let count = path.chars().count();
    if count <= 3 * ENDS {
        return format!("{path:?}");
    }
    let begin: String = path.chars().take(ENDS).collect();
    let end: String = path.chars().skip(count - ENDS).collect();
    format!("{:?}", format!("{begin}…{end}"))
}

/// The system whose naming rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Unix,
    Windows,
}

impl System {
    /// The one this program runs on.
    pub(crate) const HERE: System = if cfg!(windows) { System::Windows } else { System::Unix };
}

/// Fails unless `path` may be created below some directory.
pub(crate) fn check_path(path: &str, system: System) -> Result<()> {
    if path.starts_with('/') {
        return Err(refuse(path, "an absolute path"));
    }
    if path.contains(char::is_control) {
        return Err(refuse(path, "a control character in its name"));
    }
    for component in path.split('/') {
        match component {
            "" => return Err(refuse(path, "an empty path component")),
            "." | ".." => return Err(refuse(path, "a path component . or ..")),
            _ => {}
        }
        if system == System::Windows
            && let Some(why) = windows_problem(component)
        {
            return Err(refuse(path, why));
        }
    }
    Ok(())
}

/// The reason why `component` cannot be a file name on Windows.
fn windows_problem(component: &str) -> Option<&'static str> {
    if component.contains(['\\', ':', '<', '>', '"', '|', '?', '*']) {
        return Some("a character that Windows does not allow in names");
    }
    if component.ends_with(['.', ' ']) {
        return Some("a trailing dot or space, which Windows drops");
    }
    let stem = component.split('.').next().unwrap_or(component).trim_end_matches(' ');
    let stem = stem.to_uppercase();
    let numbered = |prefix| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            let mut chars = rest.chars();
            // The superscript digits of Latin-1 count as digits here.
            matches!((chars.next(), chars.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    let reserved = matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT");
    reserved.then_some("a name that Windows reserves for a device")
}

/// Fails unless an archive may have a symbolic link to `target` at `path`. It may lead anywhere: nothing is ever
/// written through it, and whether it is made is for whoever unpacks to say.
pub(crate) fn check_target(path: &str, target: &str) -> Result<()> {
    if target.is_empty() {
        return Err(refuse(path, "a symbolic link to nothing"));
    }
    if target.contains(char::is_control) {
        return Err(refuse(path, "a symbolic link with a control character in its target"));
    }
    Ok(())
}

/// The reason why a symbolic link at `path` to `target` may lead out of the directory that is
/// unpacked into; `None` if it stays inside.
///
/// Components `..` climb the link's own parents, which are real directories, and names of which
/// `is_directory` knows that they are. Another name might be that of a link, and what is above its
/// target may be outside.
pub(crate) fn leads_out(
    path: &str,
    target: &str,
    system: System,
    is_directory: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    if target.starts_with('/') {
        return Some("an absolute path");
    }
    let mut at: Vec<&str> = path.split('/').collect();
    at.pop();
    let mut own = at.len();
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." if at.len() > own && !is_directory(&at.join("/")) => {
                return Some("which may be outside, with .. after a name");
            }
            ".." => match at.pop() {
                Some(_) => own = own.min(at.len()),
                None => return Some("which is outside"),
            },
            _ => {
                at.push(component);
                // What Windows cannot have in a name can be the name of a drive or a device.
                if system == System::Windows && windows_problem(component).is_some() {
                    return Some("which Windows may look for elsewhere");
                }
            }
        }
    }
    None
}

/// The name two paths share on a file system that ignores case and Unicode normal form.
pub(crate) fn fold(path: &str) -> String {
    path.nfd().flat_map(char::to_lowercase).nfc().collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameKind {
    /// A directory that only follows from an entry below it.
    Implied,
    Directory,
    File,
    Symlink,
}

/// All paths accepted so far; refuses what would collide with one of them.
#[derive(Debug)]
pub(crate) struct Tree {
    names: HashMap<Box<str>, NameKind>,
    system: System,
    /// Whether names that differ only in case or normal form are one.
    folding: bool,
    limits: Limits,
    memory: u64,
}

impl Tree {
    pub(crate) fn new(system: System, folding: bool, limits: Limits) -> Self {
        Tree { names: HashMap::new(), system, folding, limits, memory: 0 }
    }

    /// Accepts an entry or says why not.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<()> {
        let path = &*entry.path;
        check_path(path, self.system)?;
        let depth = path.split('/').count() as u64;
        if depth > self.limits.path_depth {
            let (what, limit) = (format!("the depth of {}", short(path)), self.limits.path_depth);
            return Err(Error::Limit { what, limit, bound: Bound::PathDepth });
        }
        let kind = match &entry.kind {
            EntryKind::File { .. } => NameKind::File,
            EntryKind::Directory => NameKind::Directory,
            EntryKind::Symlink { target } => {
                check_target(path, target)?;
                NameKind::Symlink
            }
        };
        let key = if self.folding { fold(path) } else { path.into() };
        for (end, _) in key.match_indices('/') {
            match self.insert(&key[..end], NameKind::Implied)? {
                None | Some(NameKind::Implied | NameKind::Directory) => {}
                Some(NameKind::File) => return Err(refuse(path, "it lies below a file")),
                Some(NameKind::Symlink) => return Err(refuse(path, "it lies below a symbolic link")),
            }
        }
        match (self.insert(&key, kind)?, kind) {
            (None, _) => Ok(()),
            (Some(NameKind::Implied), NameKind::Directory) => {
                self.names.insert(key.into(), NameKind::Directory);
                Ok(())
            }
            (Some(NameKind::Implied), _) => Err(refuse(path, "other entries lie below it")),
            (Some(_), _) if self.folding => {
                Err(refuse(path, "its name is another entry's on this file system"))
            }
            (Some(_), _) => Err(refuse(path, "a second entry of this name")),
        }
    }

    /// Whether a directory has been accepted at `path`.
    pub(crate) fn has_directory(&self, path: &str) -> bool {
        self.names.get(path) == Some(&NameKind::Directory)
    }

    /// Adds `kind` at `key` unless something is there; returns that.
    fn insert(&mut self, key: &str, kind: NameKind) -> Result<Option<NameKind>> {
        if let Some(&there) = self.names.get(key) {
            return Ok(Some(there));
        }
        // Every path brings its parents: few bytes of archive could take much memory.
        self.memory += (key.len() + 64) as u64;
        if self.memory > self.limits.memory {
            let (what, limit) = ("memory for the tree of paths".into(), self.limits.memory);
            return Err(Error::Limit { what, limit, bound: Bound::Memory });
        }
        if let Slot::Vacant(slot) = self.names.entry(key.into()) {
            slot.insert(kind);
        }
        if self.names.len() as u64 > self.limits.entries {
            let what = format!("the number of entries, with {},", short(key));
            let limit = self.limits.entries;
            return Err(Error::Limit { what, limit, bound: Bound::Entries });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Entry {
        let kind = EntryKind::File { size: 0, offset: 0, check: crate::format::Check::None };
        Entry { path: path.into(), kind, mode: 0o644, mtime: 0 }
    }

    fn directory(path: &str) -> Entry {
        Entry { kind: EntryKind::Directory, ..file(path) }
    }

    fn link(path: &str, target: &str) -> Entry {
        Entry { kind: EntryKind::Symlink { target: target.into() }, ..file(path) }
    }

    #[test]
    fn paths() {
        for good in ["a", "a/b", ".hidden", "a b/ c", "...", "a:b", "aux.c", "x\\y", "näïve/日本"]
        {
            check_path(good, System::Unix).unwrap();
        }
        let bad = [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "./a", "a\0", "a\nb",
            "a\x1b[m", "a\u{7f}", "a\u{9b}",
        ];
        for bad in bad {
            assert!(check_path(bad, System::Unix).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_windows_cannot_have() {
        let bad = [
            "a:b",
            "C:",
            "x\\y",
            "con",
            "NUL.txt",
            "aux .c",
            "Com1",
            "COM¹.log",
            "lpt³",
            "a.",
            "a ",
            "what?",
            "CONIN$",
        ];
        for bad in bad {
            assert!(check_path(bad, System::Windows).is_err(), "{bad:?}");
        }
        for good in ["com", "com10", "console", "nul-1", "com1x", "a.b.c", ".git"] {
            check_path(good, System::Windows).unwrap();
        }
    }

    #[test]
    fn targets() {
        for good in ["b", "/etc", "..", "x/../../y", "C:/x", "a\\b", " "] {
            check_target("a", good).unwrap();
        }
        for bad in ["", "b\n", "\0", "a\u{9b}"] {
            assert!(check_target("a", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn targets_outside() {
        let is_directory = |path: &str| ["d", "d/e"].contains(&path);
        let leads_out = |path, target| leads_out(path, target, System::Unix, is_directory);
        for (path, target) in [
            ("a", "b"),
            ("a", "b/c/"),
            ("d/a", "../b"),
            ("d/e/a", "../../b"),
            ("a", "./b"),
            ("a", "."),
            ("a", "C:/x"),
            ("a", "d/../b"),
            ("a", "d/e/../../b"),
            ("d/a", "../d/e/../x"),
            ("d/e/a", ".././e//../b"),
        ] {
            assert_eq!(leads_out(path, target), None, "{path} -> {target}");
        }
        let outside = [
            ("a", "/"),
            ("a", "/etc"),
            ("a", ".."),
            ("a", "../b"),
            ("d/a", "../../b"),
            ("d/a", "x/../y"),
            ("d/a", "x/../../.."),
            ("a", "d/../.."),
            ("a", "d/x/../b"),
            ("d/a", "../e/../b"),
        ];
        for (path, target) in outside {
            assert!(leads_out(path, target).is_some(), "{path} -> {target:?}");
        }
        for target in ["C:/x", "C:x", "\\x", "d/nul"] {
            assert!(super::leads_out("a", target, System::Windows, |_| false).is_some(), "{target}");
        }
        assert_eq!(super::leads_out("d/a", "../b", System::Windows, |_| false), None);
    }

    #[test]
    fn collisions_in_either_order() {
        let bad = [
            vec![file("a"), file("a")],
            vec![directory("a"), directory("a")],
            vec![file("a"), file("a/b")],
            vec![file("a/b"), file("a")],
            vec![link("a", "b"), file("a/b")],
            vec![file("a/b/c"), link("a", "b")],
            vec![link("a", "b"), directory("a")],
        ];
        for entries in bad {
            let mut tree = Tree::new(System::Unix, false, Limits::default());
            let (last, first) = entries.split_last().unwrap();
            first.iter().for_each(|entry| tree.add(entry).unwrap());
            assert!(matches!(tree.add(last), Err(Error::Unsafe { .. })), "{entries:?}");
        }
        let mut tree = Tree::new(System::Unix, false, Limits::default());
        for entry in [file("a/b/c"), directory("a/b"), directory("a"), file("A"), file("a/b/d")] {
            tree.add(&entry).unwrap();
        }
    }

    #[test]
    fn folding_file_systems() {
        for (one, other) in [("Readme", "README"), ("caf\u{e9}", "cafe\u{301}"), ("A/x", "a/X")] {
            let mut tree = Tree::new(System::Unix, true, Limits::default());
            tree.add(&file(one)).unwrap();
            assert!(tree.add(&file(other)).is_err(), "{one} {other}");
            let mut tree = Tree::new(System::Unix, false, Limits::default());
            tree.add(&file(one)).unwrap();
            tree.add(&file(other)).unwrap();
        }
    }

    #[test]
    fn limits() {
        let deep = Limits { path_depth: 3, ..Limits::default() };
        let mut tree = Tree::new(System::Unix, false, deep);
        tree.add(&file("a/b/c")).unwrap();
        assert!(matches!(tree.add(&file("a/b/c2/d")), Err(Error::Limit { .. })));
        // Parents that only follow from paths count too.
        let few = Limits { entries: 5, ..Limits::default() };
        let mut tree = Tree::new(System::Unix, false, few);
        assert!(matches!(tree.add(&file("a/b/c/d/e/f")), Err(Error::Limit { .. })));
    }
}

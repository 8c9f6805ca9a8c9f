//! Finding what is to be packed.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::exclude::{Exclude, Names};
use super::found::{Found, FoundKind, describe, dropped_bits, exact_mtime, held, mode, reason};
use super::ignored::Ignored;
use super::leftovers;
use super::losses::{self, Loss};
use super::options::{Input, Links, Times};
use super::own::Own;
use super::partial;
use super::paths;
use super::policy::{self, System};
use crate::{Error, Progress, Result};

/// All that was found, sorted bytewise by path, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) found: Vec<Found>,
    pub(crate) skipped: Vec<(PathBuf, String)>,
    /// The archive itself.
    pub(crate) left_out: Vec<PathBuf>,
    /// Files that other runs have not finished.
    pub(crate) leftovers: Vec<PathBuf>,
    /// Properties that are stored otherwise than they are.
    pub(crate) losses: Vec<Loss>,
    /// Properties that no archive has.
    pub(crate) notes: Vec<Loss>,
    /// Patterns that have left out nothing.
    pub(crate) unused: Vec<String>,
}

/// The things to look for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// What relative paths are relative to.
    pub(crate) directory: &'a Path,
    /// Paths from a list.
    pub(crate) listed: &'a [PathBuf],
    /// Files that are found nowhere.
    pub(crate) inputs: &'a [Input],
    pub(crate) exclude: Exclude,
    /// Whether `.gitignore` and `.llzignore` count.
    pub(crate) ignore_files: bool,
    pub(crate) links: Links,
    pub(crate) times: Times,
    pub(crate) own: &'a Own<'a>,
}

/// Finds everything at and below `paths` but what is excluded, and but the archive itself.
///
/// Something that cannot be packed costs itself only. It is an error if nothing else is there.
pub(crate) fn walk(paths: &[PathBuf], wanted: Wanted<'_>, progress: &Progress) -> Result<Walk> {
    wanted.own.check(paths, wanted.directory)?;
    let mut walk = Walk::default();
    let mut missing = None;
    // A list such as that of `find` has every directory, and all that is in it once more.
    let mut walked = (paths.len() + wanted.listed.len() > 1).then(HashSet::new);
    let mut excluded = HashMap::new();
    let given = paths.iter().map(|path| (path, false));
    for (root, is_listed) in given.chain(wanted.listed.iter().map(|path| (path, true))) {
        let place = wanted.directory.join(root);
        if is_listed {
            wanted.own.check_listed(&place)?;
        }
        if walked.as_ref().is_some_and(|walked| walked.contains(&plain(&place))) {
            continue;
        }
        let prefix = stored_path(root);
        if prefix == Err(Odd::Parent) && is_listed {
            walk.skipped.push((place, "'..' after a name".into()));
            continue;
        }
        if prefix == Err(Odd::Parent) {
            return Err(Error::Usage(format!("{}: '..' after a name", root.display())));
        }
        let stored = prefix.clone().unwrap_or_else(|_| root.to_string_lossy().into_owned());
        let names = Names::of(&stored, root, &place);
        let there = place.symlink_metadata();
        if wanted.exclude.matches(&names, Path::new(""), there.as_ref().is_ok_and(Metadata::is_dir)) {
            continue;
        }
        if is_listed && root.parent().is_some_and(|above| wanted.excludes(above, &mut excluded)) {
            continue;
        }
        let Ok(prefix) = prefix else {
            walk.skipped.push((place, NOT_UTF8.into()));
            continue;
        };
        if let Err(error) = there {
            walk.skipped.push((place.clone(), error.to_string()));
            missing.get_or_insert((place, error));
            continue;
        }
        walk.below(&place, (&prefix, &names), &wanted, &mut walked, progress)?;
    }
    for input in wanted.inputs {
        walk.found.push(held(input, wanted.times)?);
    }
    match missing {
        Some((root, error)) if walk.found.is_empty() && walk.skipped.len() == 1 => {
            return Err(Error::io(root, error));
        }
        Some(_) if walk.found.is_empty() => {
            let (first, why) = &walk.skipped[0];
            let others = walk.skipped.len() - 1;
            let why = std::io::Error::other(format!("{why}; {others} more cannot be packed"));
            return Err(Error::io(first, why));
        }
        Some(_) | None => {}
    }
    if let [archive, ..] = &*walk.left_out
        && walk.found.is_empty()
    {
        let archive = archive.display();
        return Err(Error::Usage(format!("{archive} is the output and all there is to pack")));
    }
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    // Named twice, or named and in a directory that is named too.
    walk.found.dedup_by(|later, first| later.path == first.path && is_same(later, first));
    walk.unused = wanted.exclude.unused();
    Ok(walk)
}

impl Wanted<'_> {
    /// Whether a directory, or one above it, is excluded; `known` holds earlier answers.
    fn excludes(&self, directory: &Path, known: &mut HashMap<PathBuf, bool>) -> bool {
        if self.exclude.is_empty() {
            return false;
        }
        if let Some(known) = known.get(directory) {
            return *known;
        }
        let stored = stored_path(directory).unwrap_or_default();
        let names = Names::of(&stored, directory, &self.directory.join(directory));
        let excludes = !stored.is_empty() && self.exclude.matches(&names, Path::new(""), true)
            || directory.parent().is_some_and(|above| self.excludes(above, known));
        known.insert(directory.into(), excludes);
        excludes
    }
}

/// Whether both were found under the same name in the same directory.
fn is_same(one: &Found, other: &Found) -> bool {
    if one.held.is_some() || other.held.is_some() {
        return false;
    }
    if one.source == other.source {
        return true;
    }
    let place = |found: &Found| match found.kind {
        // A directory may have been given by a link, or as `.`.
        FoundKind::Directory => found.source.canonicalize().ok(),
        FoundKind::File { .. } | FoundKind::Symlink { .. } => {
            let parent = paths::parent(&found.source).canonicalize().ok()?;
            Some(parent.join(found.source.file_name()?))
        }
    };
    place(one).is_some_and(|one| place(other).is_some_and(|other| one == other))
}

impl Walk {
    fn below(
        &mut self,
        root: &Path,
        (prefix, names): (&str, &Names),
        wanted: &Wanted<'_>,
        walked: &mut Option<HashSet<PathBuf>>,
        progress: &Progress,
    ) -> Result<()> {
        let Wanted { exclude, ignore_files, links, times, own, .. } = wanted;
        let mut ignored = ignore_files.then(|| Ignored::new(root));
        let follow = *links == Links::Follow;
        let mut entries =
            WalkDir::new(root).follow_root_links(follow).follow_links(follow).into_iter();
        while let Some(entry) = entries.next() {
            progress.check()?;
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_path_buf();
                    let why = error.io_error().map_or(error.to_string(), |io| io.to_string());
                    self.skipped.push((path, why));
                    continue;
                }
            };
            let below = entry.path().strip_prefix(root).unwrap_or(Path::new(""));
            let file_type = entry.file_type();
            let is_ignored = ignored.as_mut().is_some_and(|ignored| {
                ignored.matches(below, entry.depth(), file_type.is_dir())
            });
            // Even a name that cannot be stored can be excluded.
            if is_ignored || exclude.matches(names, below, file_type.is_dir()) {
                if file_type.is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
            if let Some(walked) = walked {
                walked.insert(plain(entry.path()));
            }
            let odd = match stored_path(below) {
                Ok(below) => {
                    let path = join(prefix, &below);
                    let checked = if path.is_empty() {
                        Ok(())
                    } else {
                        policy::check_path(&path, System::HERE)
                    };
                    checked.map(|()| path).map_err(reason)
                }
                Err(Odd::Name | Odd::Parent) => Err(NOT_UTF8.into()),
            };
            let path = match odd {
                Ok(path) => path,
                Err(why) => {
                    // All that is below would have that name in its path.
                    if file_type.is_dir() {
                        entries.skip_current_dir();
                    }
                    self.skipped.push((entry.into_path(), why));
                    continue;
                }
            };
            // The root itself when it is `.` or `/`: its content is stored without it.
            if path.is_empty() {
                continue;
            }
            if own.is_at(entry.path()) {
                if own.is_named(entry.path()) {
                    self.left_out.push(entry.into_path());
                } else {
                    let why = "another name of the archive that is being replaced";
                    self.skipped.push((entry.into_path(), why.into()));
                }
                continue;
            }
            if entry.file_name().to_str().is_some_and(leftovers::is_ours)
                || file_type.is_file() && partial::is_kept(entry.path())
            {
                if file_type.is_dir() {
                    entries.skip_current_dir();
                }
                self.leftovers.push(entry.into_path());
                continue;
            }
            match describe(entry.path(), file_type, &path, *links) {
                Ok((kind, metadata)) => self.add(entry.into_path(), path, kind, &metadata, *times),
                Err(why) => self.skipped.push((entry.into_path(), why)),
            }
        }
        Ok(())
    }

    fn add(&mut self, source: PathBuf, path: String, kind: FoundKind, metadata: &Metadata, times: Times) {
        for what in dropped_bits(metadata) {
            losses::count(&mut self.notes, what, &source, &"an archive does not hold it");
        }
        let (mtime, is_exact) = exact_mtime(metadata);
        let stored_mtime = times.stored(mtime);
        if !is_exact && stored_mtime == mtime && !matches!(kind, FoundKind::Symlink { .. }) {
            let why = "it is outside of the years 1677 to 2262; the nearest is stored";
            losses::count(&mut self.losses, "time", &source, &why);
        }
        let mode = mode(metadata);
        self.found.push(Found { source, path, kind, mode, mtime, stored_mtime, held: None });
    }
}

/// A path without `.`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

fn join(prefix: &str, below: &str) -> String {
    match (prefix, below) {
        ("", path) | (path, "") => path.into(),
        (prefix, below) => format!("{prefix}/{below}"),
    }
}

/// Why a path cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Odd {
    /// A name that is not UTF-8.
    Name,
    /// `..` after a name.
    Parent,
}

const NOT_UTF8: &str = "a name that is not UTF-8";

/// The path under which `path` is stored: relative and with `/`. As in tar, a leading root, `.` or
/// `..` is dropped; a `..` further in is refused, since it may not mean what it seems to.
pub(super) fn stored_path(path: &Path) -> std::result::Result<String, Odd> {
    let mut stored = String::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                let name = name.to_str().ok_or(Odd::Name)?;
                if !stored.is_empty() {
                    stored.push('/');
                }
                stored.push_str(name);
            }
            Component::ParentDir if !stored.is_empty() => {
                return Err(Odd::Parent);
            }
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => {}
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[PathBuf], exclude: &[&str]) -> Result<(Vec<String>, usize)> {
        let exclude = Exclude::new(&exclude.iter().map(|s| s.to_string()).collect::<Vec<_>>())?;
        let own = &Own::default();
        let (directory, listed, inputs) = (Path::new(""), &[][..], &[][..]);
        let wanted =
            Wanted { directory, listed, inputs, exclude, ignore_files: false, links: Links::Keep, times: Times::Keep, own };
        let walk = walk(paths, wanted, &Progress::default())?;
        Ok((walk.found.into_iter().map(|found| found.path).collect(), walk.skipped.len()))
    }

    #[test]
    fn stored_paths_are_relative() {
        for (path, stored) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("/etc/x", "etc/x"),
            ("../../a", "a"),
            (".", ""),
            ("..", ""),
        ] {
            assert_eq!(stored_path(Path::new(path)).unwrap(), stored);
        }
        assert_eq!(stored_path(Path::new("a/../b")), Err(Odd::Parent));
    }

    #[test]
    fn walks_in_order_with_hidden_files_and_without_what_is_excluded() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for name in ["b/.x", "a/y.o", "a/z", ".git/HEAD", "a-b", "node/deep/q.o"] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let prefix = stored_path(&root).unwrap();
        let names = |exclude: &[&str]| {
            let (paths, skipped) = found(std::slice::from_ref(&root), exclude).unwrap();
            assert_eq!(skipped, 0);
            let strip = |p: &String| p[prefix.len()..].trim_start_matches('/').to_string();
            paths.iter().map(strip).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&[]),
            [
                "",
                ".git",
                ".git/HEAD",
                "a",
                "a-b",
                "a/y.o",
                "a/z",
                "b",
                "b/.x",
                "node",
                "node/deep",
                "node/deep/q.o"
            ]
        );
        assert_eq!(names(&["*.o", ".git/", "**/node"]), ["", "a", "a-b", "a/z", "b", "b/.x"]);
        assert!(matches!(found(&[root.join("missing")], &[]), Err(Error::Io { .. })));
        assert!(matches!(found(&[root], &["["]), Err(Error::Usage(_))));
    }

    #[cfg(unix)]
    #[test]
    fn unusual_files() {
        use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        symlink("inside", root.join("good")).unwrap();
        symlink("/etc/passwd", root.join("out")).unwrap();
        symlink("od\nd", root.join("bad")).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        let (paths, skipped) = found(std::slice::from_ref(&root), &[]).unwrap();
        assert_eq!((paths.len(), skipped), (3, 2));
        assert!(paths[1].ends_with("/good") && paths[2].ends_with("/out"));

        let odd = root.join(std::ffi::OsStr::from_bytes(b"od\xffd"));
        std::fs::write(&odd, "").unwrap();
        let skipped = |exclude: &[&str]| found(std::slice::from_ref(&root), exclude).unwrap().1;
        assert_eq!(skipped(&[]), 3);
        assert_eq!(skipped(&["od*d"]), 2);
        std::fs::write(root.join("li\nne"), "").unwrap();
        assert_eq!(skipped(&[]), 4);
    }
}

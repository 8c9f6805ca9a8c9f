//! Finding what is to be packed.

use std::fs::{FileType, Metadata};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use super::identity::FileId;
use super::leftovers;
use super::losses::{self, Loss};
use super::options::Links;
use super::partial;
use super::policy::{self, System};
use crate::{Error, Progress, Result};

/// Something to be packed.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) source: PathBuf,
    /// Its path in the archive.
    pub(crate) path: String,
    pub(crate) kind: FoundKind,
    pub(crate) mode: u16,
    /// Nanoseconds since 1970.
    pub(crate) mtime: i64,
}

#[derive(Debug)]
pub(crate) enum FoundKind {
    File { size: u64 },
    Directory,
    Symlink { target: String },
}

/// All that was found, sorted bytewise by path, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) found: Vec<Found>,
    pub(crate) skipped: Vec<(PathBuf, String)>,
    /// The archive itself.
    pub(crate) left_out: Vec<PathBuf>,
    /// What other runs have not finished.
    pub(crate) leftovers: Vec<PathBuf>,
    /// What is stored otherwise than it is.
    pub(crate) losses: Vec<Loss>,
    /// What no archive has.
    pub(crate) notes: Vec<Loss>,
}

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) exclude: Exclude,
    pub(crate) links: Links,
    pub(crate) own: &'a Own<'a>,
}

/// The file that the archive is written to, which is never packed into itself.
#[derive(Debug, Default)]
pub(crate) struct Own<'a> {
    id: Option<&'a FileId>,
    /// Its only name that counts, if it is about to be replaced: the file keeps its others, and
    /// they are not the archive.
    place: Option<PathBuf>,
}

impl<'a> Own<'a> {
    pub(crate) fn new(id: Option<&'a FileId>, place: Option<&Path>) -> Self {
        Own { id, place: place.and_then(|place| place.canonicalize().ok()) }
    }

    /// Fails if one of `paths` is the archive itself, under whatever name. Nothing is written yet.
    pub(crate) fn check(&self, paths: &[PathBuf]) -> Result<()> {
        let Some(own) = self.id else { return Ok(()) };
        match paths.iter().find(|path| FileId::of_path(path).is_ok_and(|id| id == *own)) {
            Some(path) => Err(Error::Usage(format!(
                "{} is to be read and is the output as well: name another output",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        self.id.is_some_and(|id| id.is_at(path))
    }

    /// Whether `path`, which is this file, is the name that will be the archive's.
    fn is_named(&self, path: &Path) -> bool {
        match &self.place {
            Some(place) => path.canonicalize().is_ok_and(|path| path == *place),
            None => true,
        }
    }
}

/// Finds everything at and below `paths` but what is excluded, and but the archive itself.
///
/// What cannot be packed costs itself only. It is an error if that is all there is.
pub(crate) fn walk(paths: &[PathBuf], wanted: &Wanted<'_>, progress: &Progress) -> Result<Walk> {
    wanted.own.check(paths)?;
    let mut walk = Walk::default();
    let mut missing = None;
    for root in paths {
        let prefix = match stored_path(root) {
            Ok(prefix) => prefix,
            Err(Odd::Name) => {
                if !wanted.exclude.matches(&root.to_string_lossy().replace('\\', SLASH)) {
                    walk.skipped.push((root.clone(), NOT_UTF8.into()));
                }
                continue;
            }
            Err(Odd::Parent) => {
                return Err(Error::Usage(format!("{}: '..' after a name", root.display())));
            }
        };
        if wanted.exclude.matches(&prefix) {
            continue;
        }
        if let Err(error) = root.symlink_metadata() {
            walk.skipped.push((root.clone(), error.to_string()));
            missing.get_or_insert((root, error));
            continue;
        }
        walk.below(root, &prefix, wanted, progress)?;
    }
    match missing {
        Some((root, error)) if walk.found.is_empty() && walk.skipped.len() == 1 => {
            return Err(Error::io(root, error));
        }
        Some(_) if walk.found.is_empty() => {
            let (first, why) = &walk.skipped[0];
            let others = walk.skipped.len() - 1;
            let why = std::io::Error::other(format!("{why}; nor can {others} others be packed"));
            return Err(Error::io(first, why));
        }
        Some(_) | None => {}
    }
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    // Named twice, or named and in a directory that is named too.
    walk.found.dedup_by(|later, first| later.path == first.path && is_same(later, first));
    Ok(walk)
}

/// Whether both were found under the same name in the same directory.
fn is_same(one: &Found, other: &Found) -> bool {
    if one.source == other.source {
        return true;
    }
    let place = |found: &Found| match found.kind {
        // A directory may have been given by a link, or as `.`.
        FoundKind::Directory => found.source.canonicalize().ok(),
        FoundKind::File { .. } | FoundKind::Symlink { .. } => {
            let parent = found.source.parent().filter(|parent| *parent != Path::new(""));
            let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
            Some(parent.join(found.source.file_name()?))
        }
    };
    place(one).is_some_and(|one| place(other).is_some_and(|other| one == other))
}

/// What a backslash in a path that was found stands for.
const SLASH: &str = if cfg!(windows) { "/" } else { "\\" };

impl Walk {
    fn below(
        &mut self,
        root: &Path,
        prefix: &str,
        wanted: &Wanted<'_>,
        progress: &Progress,
    ) -> Result<()> {
        let Wanted { exclude, links, own } = wanted;
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
            // Even a name that cannot be stored can be excluded.
            if exclude.matches(&join(prefix, &below.to_string_lossy().replace('\\', SLASH))) {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
            let file_type = entry.file_type();
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
                Ok((kind, metadata)) => self.add(entry.into_path(), path, kind, &metadata),
                Err(why) => self.skipped.push((entry.into_path(), why)),
            }
        }
        Ok(())
    }

    fn add(&mut self, source: PathBuf, path: String, kind: FoundKind, metadata: &Metadata) {
        for what in dropped_bits(metadata) {
            losses::count(&mut self.notes, what, &source, &"an archive does not hold it");
        }
        let (mtime, is_exact) = exact_mtime(metadata);
        if !is_exact && !matches!(kind, FoundKind::Symlink { .. }) {
            let why = "it is outside of the years 1677 to 2262; the nearest is stored";
            losses::count(&mut self.losses, "time", &source, &why);
        }
        self.found.push(Found { source, path, kind, mode: mode(metadata), mtime });
    }
}

/// Why the policy refuses something.
fn reason(error: Error) -> String {
    match error {
        Error::Unsafe { why, .. } => why,
        other => other.to_string(),
    }
}

/// What is at `source`, or why it cannot be packed.
fn describe(
    source: &Path,
    file_type: FileType,
    path: &str,
    links: Links,
) -> std::result::Result<(FoundKind, Metadata), String> {
    let metadata = match links {
        Links::Follow => source.metadata(),
        Links::Keep | Links::Skip => source.symlink_metadata(),
    };
    let metadata = metadata.map_err(|error| error.to_string())?;
    let kind = if file_type.is_dir() {
        FoundKind::Directory
    } else if file_type.is_file() {
        FoundKind::File { size: metadata.len() }
    } else if file_type.is_symlink() && links == Links::Skip {
        return Err("a symbolic link".into());
    } else if file_type.is_symlink() {
        let target = source.read_link().map_err(|error| error.to_string())?;
        let target = target.to_str().ok_or("a symbolic link whose target is not UTF-8")?;
        let target = if cfg!(windows) { target.replace('\\', "/") } else { target.into() };
        let target = inner_target(source, path, target);
        policy::check_target(path, &target, System::HERE)
            .map_err(|error| format!("{} (it leads to {target})", reason(error)))?;
        FoundKind::Symlink { target }
    } else {
        return Err("a special file (device, pipe or socket)".into());
    };
    Ok((kind, metadata))
}

/// A link's target in the form that an archive may hold. A `..` after a name is taken away with that
/// name, as the system does when it follows the link, if the name is a real directory's: through
/// another link it would lead elsewhere. What remains leads to the same place.
fn inner_target(source: &Path, path: &str, target: String) -> String {
    if policy::check_target(path, &target, System::HERE).is_ok() || target.starts_with('/') {
        return target;
    }
    let mut kept: Vec<&str> = Vec::new();
    for component in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match kept.last() {
            Some(&last) if component == ".." && last != ".." => {
                let named = source.parent().unwrap_or(Path::new("")).join(kept.join("/"));
                if !named.symlink_metadata().is_ok_and(|named| named.is_dir()) {
                    return target;
                }
                kept.pop();
            }
            Some(_) | None => kept.push(component),
        }
    }
    if kept.is_empty() { ".".into() } else { kept.join("/") }
}

fn join(prefix: &str, below: &str) -> String {
    match (prefix, below) {
        ("", path) | (path, "") => path.into(),
        (prefix, below) => format!("{prefix}/{below}"),
    }
}

/// Why a path cannot be stored.
#[derive(Debug, PartialEq, Eq)]
enum Odd {
    /// A name that is not UTF-8.
    Name,
    /// `..` after a name.
    Parent,
}

const NOT_UTF8: &str = "a name that is not UTF-8";

/// The path under which `path` is stored: relative and with `/`. As in tar, a leading root, `.` or
/// `..` is dropped; a `..` further in is refused, since it may not mean what it seems to.
fn stored_path(path: &Path) -> std::result::Result<String, Odd> {
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

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u16 {
    use std::os::unix::fs::MetadataExt;
    // Everybody may write into a directory with the sticky bit, but not take away what others have
    // there. Without that bit, which is not stored, they may not write.
    let open = if metadata.is_dir() && metadata.mode() & 0o1000 != 0 { 0o022 } else { 0 };
    (metadata.mode() & 0o777 & !open) as u16
}

/// Permission bits that an archive does not hold.
#[cfg(unix)]
fn dropped_bits(metadata: &Metadata) -> impl Iterator<Item = &'static str> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode();
    let bits = [(0o4000, "setuid bit"), (0o2000, "setgid bit"), (0o1000, "sticky bit")];
    bits.into_iter().filter(move |(bit, _)| mode & bit != 0).map(|(_, name)| name)
}

#[cfg(not(unix))]
fn dropped_bits(_metadata: &Metadata) -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}

#[cfg(not(unix))]
fn mode(metadata: &Metadata) -> u16 {
    match (metadata.is_dir(), metadata.permissions().readonly()) {
        (true, _) => 0o755,
        (false, false) => 0o644,
        (false, true) => 0o444,
    }
}

/// Nanoseconds since 1970, held within what an `i64` can say (the years 1677 to 2262).
pub(crate) fn mtime(metadata: &Metadata) -> i64 {
    exact_mtime(metadata).0
}

/// [`mtime`], and whether it is the true one.
fn exact_mtime(metadata: &Metadata) -> (i64, bool) {
    let Ok(time) = metadata.modified() else { return (0, true) };
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).map_or((i64::MAX, false), |at| (at, true)),
        Err(before) => i64::try_from(before.duration().as_nanos())
            .map_or((i64::MIN, false), |nanos| (-nanos, true)),
    }
}

/// Glob patterns of what to leave out.
#[derive(Debug)]
pub(crate) struct Exclude {
    /// Patterns without `/`, compared with names.
    names: GlobSet,
    /// Patterns with `/`, compared with whole stored paths.
    paths: GlobSet,
}

impl Exclude {
    pub(crate) fn new(patterns: &[String]) -> Result<Self> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let bare = pattern.trim_end_matches('/');
            let glob = glob(bare)?;
            if bare.contains('/') {
                paths.add(glob)
            } else {
                names.add(glob)
            };
        }
        let build = |set: GlobSetBuilder| set.build().map_err(|e| Error::Usage(e.to_string()));
        Ok(Exclude { names: build(names)?, paths: build(paths)? })
    }

    fn matches(&self, path: &str) -> bool {
        if path.is_empty() {
            return false;
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        self.names.is_match(name) || self.paths.is_match(path)
    }
}

fn glob(pattern: &str) -> Result<Glob> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| Error::Usage(format!("exclude pattern: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[PathBuf], exclude: &[&str]) -> Result<(Vec<String>, usize)> {
        let exclude = Exclude::new(&exclude.iter().map(|s| s.to_string()).collect::<Vec<_>>())?;
        let wanted = Wanted { exclude, links: Links::Keep, own: &Own::default() };
        let walk = walk(paths, &wanted, &Progress::default())?;
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
        symlink("/etc/passwd", root.join("bad")).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        let (paths, skipped) = found(std::slice::from_ref(&root), &[]).unwrap();
        assert_eq!((paths.len(), skipped), (2, 2));
        assert!(paths[1].ends_with("/good"));

        let odd = root.join(std::ffi::OsStr::from_bytes(b"od\xffd"));
        std::fs::write(&odd, "").unwrap();
        let skipped = |exclude: &[&str]| found(std::slice::from_ref(&root), exclude).unwrap().1;
        assert_eq!(skipped(&[]), 3);
        assert_eq!(skipped(&["od*d"]), 2);
        std::fs::write(root.join("li\nne"), "").unwrap();
        assert_eq!(skipped(&[]), 4);
    }
}

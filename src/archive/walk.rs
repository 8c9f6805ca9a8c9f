//! Finding what is to be packed.

use std::fs::{FileType, Metadata};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use super::identity::FileId;
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

/// Finds everything at and below `paths` but what `exclude` leaves out, and but the archive itself.
pub(crate) fn walk(
    paths: &[PathBuf],
    exclude: &Exclude,
    own: &Own<'_>,
    progress: &Progress,
) -> Result<Walk> {
    own.check(paths)?;
    let mut walk = Walk::default();
    for root in paths {
        let prefix = stored_path(root)?;
        if exclude.matches(&prefix) {
            continue;
        }
        // A missing or unreadable argument is a mistake; what is unreadable below is left out.
        root.symlink_metadata().map_err(|error| Error::io(root, error))?;
        walk.below(root, &prefix, exclude, own, progress)?;
    }
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk)
}

/// What a backslash in a path that was found stands for.
const SLASH: &str = if cfg!(windows) { "/" } else { "\\" };

impl Walk {
    fn below(
        &mut self,
        root: &Path,
        prefix: &str,
        exclude: &Exclude,
        own: &Own<'_>,
        progress: &Progress,
    ) -> Result<()> {
        let mut entries = WalkDir::new(root).follow_root_links(false).into_iter();
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
            let path = join(prefix, &stored_path(below)?);
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
            policy::check_path(&path, System::HERE)?;
            match describe(entry.path(), entry.file_type(), &path) {
                Ok((kind, metadata)) => self.found.push(Found {
                    source: entry.into_path(),
                    path,
                    kind,
                    mode: mode(&metadata),
                    mtime: mtime(&metadata),
                }),
                Err(why) => self.skipped.push((entry.into_path(), why)),
            }
        }
        Ok(())
    }
}

/// What is at `source`, or why it cannot be packed.
fn describe(
    source: &Path,
    file_type: FileType,
    path: &str,
) -> std::result::Result<(FoundKind, Metadata), String> {
    let metadata = source.symlink_metadata().map_err(|error| error.to_string())?;
    let kind = if file_type.is_dir() {
        FoundKind::Directory
    } else if file_type.is_file() {
        FoundKind::File { size: metadata.len() }
    } else if file_type.is_symlink() {
        let target = source.read_link().map_err(|error| error.to_string())?;
        let target = target.to_str().ok_or("a symbolic link whose target is not UTF-8")?;
        let target = if cfg!(windows) { target.replace('\\', "/") } else { target.into() };
        policy::check_target(path, &target, System::HERE).map_err(|error| match error {
            Error::Unsafe { why, .. } => why,
            other => other.to_string(),
        })?;
        FoundKind::Symlink { target }
    } else {
        return Err("a special file (device, pipe or socket)".into());
    };
    Ok((kind, metadata))
}

fn join(prefix: &str, below: &str) -> String {
    match (prefix, below) {
        ("", path) | (path, "") => path.into(),
        (prefix, below) => format!("{prefix}/{below}"),
    }
}

/// The path under which `path` is stored: relative and with `/`. As in tar, a leading root, `.` or
/// `..` is dropped; a `..` further in is refused, since it may not mean what it seems to.
fn stored_path(path: &Path) -> Result<String> {
    let mut stored = String::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                let name = name.to_str().ok_or_else(|| {
                    policy::refuse(&format!("{path:?}"), "a name that is not UTF-8")
                })?;
                if !stored.is_empty() {
                    stored.push('/');
                }
                stored.push_str(name);
            }
            Component::ParentDir if !stored.is_empty() => {
                return Err(Error::Usage(format!("{}: '..' after a name", path.display())));
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
    (metadata.mode() & 0o777) as u16
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
    let Ok(time) = metadata.modified() else { return 0 };
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
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
        let walk = walk(paths, &exclude, &Own::default(), &Progress::default())?;
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
        assert!(matches!(stored_path(Path::new("a/../b")), Err(Error::Usage(_))));
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
        match found(std::slice::from_ref(&root), &[]) {
            Err(Error::Unsafe { name, .. }) => assert!(name.contains(r"od\xFFd"), "{name}"),
            other => panic!("{other:?}"),
        }
        assert!(found(std::slice::from_ref(&root), &["od*d"]).is_ok());
        std::fs::remove_file(odd).unwrap();
        std::fs::write(root.join("li\nne"), "").unwrap();
        assert!(matches!(found(&[root], &[]), Err(Error::Unsafe { .. })));
    }
}

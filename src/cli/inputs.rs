//! The inputs of a pack, as the command line says: paths, lists, standard input, and what to leave out of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use llz::{Error, Input, Limits, Links, Progress, Result};

use super::lists;
use super::streams;

/// The inputs of a pack.
#[derive(Debug, clap::Args)]
pub struct Inputs {
    /// What to pack; directories with all that is in them. - is standard input, stored as --name says
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,
    /// Also pack the paths listed in FILE, one per line or each ended by a NUL; - is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Paths in the list are ended by a NUL, and lines have no meaning
    #[arg(short = '0', long, requires = "files_from")]
    null: bool,
    /// Paths, listed ones too, are relative to DIR, which is no part of what is stored
    #[arg(short = 'C', long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The path under which standard input is stored
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Leave out what matches: a pattern without / by name at any depth, one with / by whole path (as it
    /// is given, as it is stored, or absolute), one with / at its end directories only
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Also leave out the patterns listed in FILE, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,
    /// Leave out what version control systems keep for themselves, such as .git and .svn
    #[arg(long)]
    exclude_vcs: bool,
    /// Leave out what .gitignore and .llzignore say, in each directory and above up to the repository.
    /// What is named or listed itself is packed
    #[arg(long)]
    pub ignore: bool,
    /// What to do with symbolic links: keep them as they are, skip them, or follow them
    #[arg(long, value_name = "HOW", value_enum, default_value_t = LinksArg::Keep)]
    links: LinksArg,
}

/// The treatment of symbolic links.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LinksArg {
    Keep,
    Skip,
    Follow,
}

/// Version control systems keep these for themselves: the names that GNU tar leaves out for `--exclude-vcs`, and one of
/// a newer system.
pub const VERSION_CONTROL: [&str; 22] = [
    "CVS",
    ".cvsignore",
    "RCS",
    "SCCS",
    ".svn",
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".arch-ids",
    "[{]arch[}]",
    "=RELEASE-ID",
    "=meta-update",
    "=update",
    ".bzr",
    ".bzrignore",
    ".bzrtags",
    ".hg",
    ".hgignore",
    ".hgtags",
    "_darcs",
    ".jj",
];

impl Inputs {
    /// Fails if together they make no sense.
    pub fn check(&self) -> Result<()> {
        if let Some(directory) = &self.directory
            && !directory.metadata().map_err(|e| Error::io(directory, e))?.is_dir()
        {
            return Err(Error::Usage(format!("-C {}: it is not a directory", directory.display())));
        }
        let inputs = self.paths.iter().filter(|path| is_input(path)).count();
        if inputs + self.lists().filter(|list| is_input(list)).count() > 1 {
            return Err(Error::Usage("standard input can be read once only".into()));
        }
        match (&self.name, inputs) {
            (None, 1) => Err(Error::Usage(
                "- is standard input: say with --name NAME what to store it as; a file called - is \
                 ./-"
                .into(),
            )),
            (Some(_), 0) => {
                Err(Error::Usage("--name is for standard input: also give - as a path".into()))
            }
            _ => Ok(()),
        }
    }

    /// The directory that relative paths start from; empty is the current one.
    pub fn base(&self) -> &Path {
        self.directory.as_deref().unwrap_or(Path::new(""))
    }

    /// The files that lists are read from.
    pub fn lists(&self) -> impl Iterator<Item = &Path> {
        self.files_from.iter().chain(&self.exclude_from).map(PathBuf::as_path)
    }

    /// The paths that are given one by one.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.paths.iter().filter(|path| !is_input(path)).cloned().collect()
    }

    /// The paths in the list.
    pub fn listed(&self) -> Result<Vec<PathBuf>> {
        let Some(list) = &self.files_from else { return Ok(Vec::new()) };
        let listed = lists::paths(list, self.null)?;
        if listed.is_empty() && self.paths.is_empty() {
            return Err(Error::Usage(format!("{} names nothing to pack", lists::name(list))));
        }
        Ok(listed)
    }

    /// The patterns of what to leave out.
    pub fn exclude(&self) -> Result<Vec<String>> {
        let mut exclude = self.exclude.clone();
        for list in &self.exclude_from {
            exclude.extend(lists::patterns(list)?);
        }
        if self.exclude_vcs {
            exclude.extend(VERSION_CONTROL.map(String::from));
        }
        Ok(exclude)
    }

    /// The treatment of symbolic links.
    pub fn links(&self) -> Links {
        match self.links {
            LinksArg::Keep => Links::Keep,
            LinksArg::Skip => Links::Skip,
            LinksArg::Follow => Links::Follow,
        }
    }

    /// Says whether standard input is packed.
    pub fn has_input(&self) -> bool {
        self.paths.iter().any(|path| is_input(path))
    }

    /// Standard input, if it is packed; without `is_real` something that stands for it.
    pub fn input(
        &self,
        is_real: bool,
        limits: &Limits,
        progress: &Progress,
    ) -> Result<Option<Input>> {
        let Some(name) = self.name.as_ref().filter(|_| self.has_input()) else { return Ok(None) };
        let file = match is_real {
            true => streams::spooled_input(limits, progress)?,
            false => streams::nothing()?,
        };
        Ok(Some(Input { path: name.clone(), file: Arc::new(file) }))
    }

    /// `NAME.llz` in the current directory, for the one path that is packed.
    pub fn default_output(&self) -> Result<PathBuf> {
        let several =
            || Error::Usage("name the archive with -o OUT: there are several paths".into());
        let [path] = &*self.paths else { return Err(several()) };
        if self.files_from.is_some() {
            return Err(several());
        }
        let path = match &self.name {
            Some(name) => PathBuf::from(name),
            None => self.base().join(path),
        };
        // `.` and `..` have no name of their own; the directory they mean has.
        let name = match path.file_name() {
            Some(name) => name.to_owned(),
            None => {
                let whole = path.canonicalize().map_err(|e| Error::io(&path, e))?;
                let name = whole.file_name().map(OsString::from);
                name.ok_or_else(|| Error::Usage("name the archive with -o OUT".into()))?
            }
        };
        let mut output = name;
        output.push(".llz");
        Ok(PathBuf::from(output))
    }
}

fn is_input(path: &Path) -> bool {
    path == Path::new("-")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        inputs: Inputs,
    }

    #[test]
    fn the_archive_is_named_after_the_only_path() {
        let output =
            |line: &[&str]| Line::parse_from(["pack"].iter().chain(line)).inputs.default_output();
        assert_eq!(output(&["src"]).unwrap(), Path::new("src.llz"));
        assert_eq!(output(&["/usr/share/doc/"]).unwrap(), Path::new("doc.llz"));
        assert_eq!(output(&["notes.txt"]).unwrap(), Path::new("notes.txt.llz"));
        assert_eq!(output(&["-C", "/usr", "share"]).unwrap(), Path::new("share.llz"));
        assert_eq!(output(&["-C", "/usr", "."]).unwrap(), Path::new("usr.llz"));
        assert_eq!(output(&["-", "--name", "logs/day.txt"]).unwrap(), Path::new("day.txt.llz"));
        let here = std::env::current_dir().unwrap();
        let name = here.file_name().unwrap().to_str().unwrap();
        assert_eq!(output(&["."]).unwrap(), PathBuf::from(format!("{name}.llz")));
        for line in
            [&["/"][..], &["a", "b"], &["--files-from", "list"], &["a", "--files-from", "list"]]
        {
            assert!(output(line).is_err(), "{line:?}");
        }
    }
}

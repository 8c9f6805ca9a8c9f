//! One typed error for the whole library. Every variant says who must act: the file, the caller,
//! the limit, the missing model, the disk. None names an option of the program: that is the
//! program's to add.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

use crate::limits::Bound;

/// Everything that can go wrong in llz.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: disk full, permission denied, broken pipe, missing file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file that was being read or written (`-` for a pipe).
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: std::io::Error,
    },
    /// The bytes contradict themselves: they were damaged.
    #[error("corrupt data: {0}")]
    Corrupt(Corruption),
    /// A line of text that a stage of the laboratory cannot read.
    #[error("line {line}{}: {what}", named(field.as_deref()))]
    Line {
        /// Its number, from 1.
        line: u64,
        /// The field that is wrong; `None` where it is the line itself.
        field: Option<String>,
        /// The fault.
        what: String,
    },
    /// The archive is whole, but something comes after its end.
    #[error("the archive ends at byte {end}, and {}", follows(*bytes, *is_archive))]
    Trailing {
        /// Where the archive ends.
        end: u64,
        /// Bytes after that; of a pipe, those that were read to find out.
        bytes: u64,
        /// Whether they begin like another archive.
        is_archive: bool,
    },
    /// The input is not of the kind asked for, by its first bytes.
    #[error("{}", foreign(*.expected, *.found))]
    Foreign {
        /// The kind that was asked for.
        expected: Container,
        /// The kind that is there.
        found: Found,
    },
    /// The archive is whole, but needs a version or feature this program does not have.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A safety limit was reached.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// The quantity that grew too large.
        what: String,
        /// The limit in force.
        limit: u64,
        /// Which of the [`Limits`](crate::Limits) it is.
        bound: Bound,
    },
    /// An entry's name or target would be unsafe to create.
    #[error("unsafe entry {name:?}: {why}")]
    Unsafe {
        /// The entry's name as stored.
        name: String,
        /// The fault.
        why: String,
    },
    /// The model the archive needs is not here, or a model file is not usable.
    #[error("model: {0}")]
    Model(String),
    /// A model cannot be installed under this name.
    #[error("a model cannot be called {name:?}: {why}")]
    ModelName {
        /// The name.
        name: String,
        /// The fault.
        why: String,
    },
    /// The caller asked for something contradictory or impossible.
    #[error("{0}")]
    Usage(String),
    /// The destination exists and replacing it was not allowed.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// Something in the destination cannot be replaced, with `--force` or without.
    #[error("{}: {why}", path.display())]
    InTheWay {
        /// The path that is in the way.
        path: PathBuf,
        /// Why it cannot be replaced.
        why: String,
    },
    /// The archive is being updated by somebody else.
    #[error("{} is being updated by another run", .0.display())]
    InUse(PathBuf),
    /// The caller asked to stop (Ctrl-C).
    #[error("interrupted")]
    Interrupted,
}

/// The library's result type.
pub type Result<T> = std::result::Result<T, Error>;

/// The fault of damaged bytes and its place, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Corruption {
    /// The fault.
    pub what: String,
    /// The part of the container: `header`, `footer`, `section CHNK`, `frame`.
    pub part: Option<String>,
    /// Where that part begins, in bytes from the beginning of the input.
    pub offset: Option<u64>,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.part, self.offset) {
            (Some(part), Some(offset)) => write!(f, "{part} at byte {offset}: {}", self.what),
            (Some(part), None) => write!(f, "{part}: {}", self.what),
            (None, Some(offset)) => write!(f, "at byte {offset}: {}", self.what),
            (None, None) => self.what.fmt(f),
        }
    }
}

/// The kinds of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Files and directories.
    Archive,
    /// Bytes without names.
    Stream,
}

/// The kind of input that is there instead of a [`Container`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// An archive.
    Archive,
    /// A stream.
    Stream,
    /// An archive in which a transfer changed line ends or cut off the eighth bit.
    TextModeDamage,
    /// A directory.
    Directory,
    /// Nothing: the input is empty.
    Nothing,
    /// Something else.
    Unknown,
}

fn foreign(expected: Container, found: Found) -> String {
    let expected = match expected {
        Container::Archive => "an llz archive",
        Container::Stream => "an llz stream",
    };
    let found = match found {
        Found::Archive => "an llz archive",
        Found::Stream => "an llz stream",
        Found::TextModeDamage => return "an llz archive damaged by a transfer in text mode".into(),
        Found::Directory => "a directory",
        Found::Nothing => "empty",
        Found::Unknown => return format!("not {expected}"),
    };
    format!("{found}, not {expected}")
}

/// A field's name behind the number of its line.
fn named(field: Option<&str>) -> String {
    field.map_or(String::new(), |field| format!(", field {field:?}"))
}

fn follows(bytes: u64, is_archive: bool) -> String {
    let count = match bytes {
        1 => "1 byte follows it".into(),
        _ => format!("{bytes} bytes follow it"),
    };
    if is_archive { format!("{count}: another archive begins there") } else { count }
}

impl Error {
    /// An input/output error about `path`.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::Io { path: path.into(), source }
    }

    /// A failure to fill a buffer from `path`: `ends_early` where nothing but the end of the input is in the way.
    pub(crate) fn read_exact(
        path: impl Into<PathBuf>,
        source: std::io::Error,
        ends_early: impl FnOnce() -> Self,
    ) -> Self {
        match source.kind() {
            std::io::ErrorKind::UnexpectedEof => ends_early(),
            _ => Error::io(path, source),
        }
    }

    /// A [`Error::Corrupt`] of which the place is not known here.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Error::Corrupt(Corruption { what: what.into(), part: None, offset: None })
    }

    /// Says in which part of a container data is corrupt, unless it is known already.
    #[must_use]
    pub(crate) fn within(mut self, part: impl fmt::Display) -> Self {
        if let Error::Corrupt(corruption) = &mut self {
            corruption.part.get_or_insert_with(|| part.to_string());
        }
        self
    }
}

/// Says where data is corrupt.
pub(crate) trait Place {
    /// Adds the part of the container that is being read, and where that part begins. A part that
    /// is known already stays: it was named closer to the damage.
    fn at(self, part: impl fmt::Display, offset: u64) -> Self;
}

impl Place for Error {
    fn at(self, part: impl fmt::Display, offset: u64) -> Self {
        let mut placed = self.within(part);
        if let Error::Corrupt(corruption) = &mut placed {
            corruption.offset.get_or_insert(offset);
        }
        placed
    }
}

impl<T> Place for Result<T> {
    fn at(self, part: impl fmt::Display, offset: u64) -> Self {
        self.map_err(|error| error.at(part, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corruption_says_where_as_far_as_it_is_known() {
        let error = || Error::corrupt("checksum mismatch");
        for (error, text) in [
            (error(), "corrupt data: checksum mismatch"),
            (error().within("footer"), "corrupt data: footer: checksum mismatch"),
            (error().at("header", 0), "corrupt data: header at byte 0: checksum mismatch"),
            // The innermost place is the most exact one.
            (
                error().within("section INDX").at("archive", 77).at("file", 0),
                "corrupt data: section INDX at byte 77: checksum mismatch",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
        let other = Error::Unsupported("bits".into()).at("header", 3);
        assert_eq!(other.to_string(), "unsupported: bits");
    }

    #[test]
    fn foreign_input_is_called_what_it_is() {
        let text = |expected, found| Error::Foreign { expected, found }.to_string();
        assert_eq!(text(Container::Archive, Found::Unknown), "not an llz archive");
        assert_eq!(text(Container::Archive, Found::Stream), "an llz stream, not an llz archive");
        assert_eq!(text(Container::Stream, Found::Nothing), "empty, not an llz stream");
    }
}

//! One typed error for the whole library. Every variant says who must act: the file, the option,
//! the limit, the missing model, the disk.

use std::path::PathBuf;

/// Everything that can go wrong in llz.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: disk full, permission denied, broken pipe, missing file.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was being read or written (`-` for a pipe).
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: std::io::Error,
    },
    /// The archive's bytes contradict themselves: it was damaged or is not an archive.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// The archive is whole, but needs a version or feature this program does not have.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A safety limit was reached; `option` is the one that raises it.
    #[error("{what} exceeds the limit of {limit} (raise it with {option})")]
    Limit {
        /// What grew too large.
        what: String,
        /// The limit in force.
        limit: u64,
        /// The command-line option that changes it.
        option: &'static str,
    },
    /// An entry's name or target would be unsafe to create.
    #[error("unsafe entry {name:?}: {why}")]
    Unsafe {
        /// The entry's name as stored.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The model the archive needs is not here, or a model file is not usable.
    #[error("model: {0}")]
    Model(String),
    /// The caller asked for something contradictory or impossible.
    #[error("{0}")]
    Usage(String),
    /// The destination exists and replacing it was not allowed.
    #[error("{} already exists (use --force to replace it)", .0.display())]
    Exists(PathBuf),
    /// Something in the destination cannot be replaced, with `--force` or without.
    #[error("{}: {why}", path.display())]
    InTheWay {
        /// What is in the way.
        path: PathBuf,
        /// Why it cannot be replaced.
        why: String,
    },
    /// The caller asked to stop (Ctrl-C).
    #[error("interrupted")]
    Interrupted,
}

/// The library's result type.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An input/output error about `path`.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::Io { path: path.into(), source }
    }

    /// A [`Error::Corrupt`] with a message.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Error::Corrupt(what.into())
    }
}

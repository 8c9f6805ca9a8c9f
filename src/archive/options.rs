//! What callers ask for and what they are told.

use std::collections::BTreeMap;
#[cfg(feature = "fs")]
use std::path::PathBuf;

#[cfg(feature = "fs")]
use super::identity::FileId;
#[cfg(feature = "fs")]
use super::losses::Loss;
#[cfg(feature = "fs")]
use crate::codec::EncodeOptions;
use crate::format::{ModelRef, Params};

/// What happens to symbolic links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    /// They are stored as links. Those that the format does not allow are left out: absolute ones,
    /// and ones that lead out of what is packed.
    #[default]
    Keep,
    /// They are left out.
    Skip,
    /// What they lead to is stored in their place.
    Follow,
}

/// How to pack.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct PackOptions {
    /// Level, model, chunk size, threads and limits.
    pub encode: EncodeOptions,
    /// Glob patterns of what to leave out. A pattern without `/` is compared with the name at any
    /// depth, one with `/` with the whole stored path. An excluded directory is left out with all
    /// that is in it.
    pub exclude: Vec<String>,
    /// What happens to symbolic links.
    pub links: Links,
    /// Decode the whole finished archive and compare checksums before it is put in place
    /// ([`pack_to_path`](crate::pack_to_path) only).
    pub verify: bool,
    /// Go on with what an earlier run left that did not come to its end, and leave what is done if this one does not
    /// either: coded chunks, in a file named after the archive with `.part` at the end
    /// ([`pack_to_path`](crate::pack_to_path) only). The archive is the same as without.
    pub resume: bool,
    /// The file behind the writer given to [`pack`](crate::pack), such as standard output redirected
    /// to a file: naming it as an input is an error, and it is left out where it is found in a
    /// directory. [`pack_to_path`](crate::pack_to_path) knows its own.
    pub output: Option<FileId>,
}

/// What was packed.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct PackSummary {
    /// Files stored.
    pub files: u64,
    /// Directories stored.
    pub dirs: u64,
    /// Symbolic links stored.
    pub symlinks: u64,
    /// Bytes of all files together.
    pub raw_bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// Of [`raw_bytes`](Self::raw_bytes), bytes that an earlier run had coded.
    pub reused_bytes: u64,
    /// Chunks by codec name, in alphabetical order.
    pub chunks_by_codec: BTreeMap<&'static str, ChunkTally>,
    /// What was left out, each with the reason: special files, files that could not be read, names
    /// and links that an archive cannot hold.
    pub skipped: Vec<(PathBuf, String)>,
    /// What is stored but may be inconsistent, each with what happened: files that changed while
    /// they were read, and files that could be read in part only.
    pub changed: Vec<(PathBuf, String)>,
    /// What is stored with something amiss, such as another time.
    pub losses: Vec<Loss>,
    /// What is dropped because no archive has it, such as the setuid bit.
    pub notes: Vec<Loss>,
    /// Unfinished archives and private directories of other runs, which are never packed.
    pub leftovers: Vec<PathBuf>,
    /// The archive itself, where it was found in what is packed: it is not in itself.
    pub left_out: Vec<PathBuf>,
}

/// Chunks of one codec.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkTally {
    /// How many.
    pub chunks: u64,
    /// Their bytes before coding.
    pub raw_bytes: u64,
    /// Their bytes after coding.
    pub coded_bytes: u64,
}

impl ChunkTally {
    pub(crate) fn add(&mut self, raw: usize, coded: usize) {
        self.chunks += 1;
        self.raw_bytes += raw as u64;
        self.coded_bytes += coded as u64;
    }
}

/// What an archive says about itself; found without decoding anything.
#[derive(Debug, Clone)]
pub struct Info {
    /// Format version, major and minor.
    pub version: (u8, u8),
    /// How it was made.
    pub params: Params,
    /// The model its neural chunks need; `None` when it has none.
    pub model: Option<ModelRef>,
    /// Number of files.
    pub files: u64,
    /// Number of directories.
    pub dirs: u64,
    /// Number of symbolic links.
    pub symlinks: u64,
    /// Bytes of all files together once unpacked.
    pub raw_bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// Chunks by codec name, in alphabetical order.
    pub chunks_by_codec: BTreeMap<&'static str, ChunkTally>,
}

/// What [`Archive::test`](crate::Archive::test) went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestSummary {
    /// Entries checked.
    pub entries: u64,
    /// Chunks decoded.
    pub chunks: u64,
    /// Bytes of all files together.
    pub raw_bytes: u64,
}

/// A file of a damaged archive that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its path in the archive.
    pub path: String,
    /// Why.
    pub why: String,
}

/// How to unpack.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct UnpackOptions {
    /// Replace existing files and links, and merge into existing directories, which are never
    /// replaced. Files get another inode: hard links to a replaced file keep the old content.
    pub force: bool,
    /// Unpack only these paths and what is below them; empty means everything.
    pub only: Vec<String>,
    /// Files that must not be replaced even with `force`: the archive itself, the model.
    pub sources: Vec<FileId>,
    /// Restore permissions exactly. Otherwise the umask takes off what it takes off any new file.
    pub preserve_permissions: bool,
    /// Go on with what an earlier run left that did not come to its end, and leave what is done if this one does not
    /// either ([`Archive::unpack`](crate::Archive::unpack) and
    /// [`Archive::salvage`](crate::Archive::salvage) only). Files and links that are in `dest` already, as the
    /// archive has them, stay, and directories are merged.
    pub resume: bool,
}

/// What was unpacked.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnpackSummary {
    /// Files written.
    pub files: u64,
    /// Directories made, not counting ones that only an entry below them implied.
    pub dirs: u64,
    /// Symbolic links made.
    pub symlinks: u64,
    /// Bytes written to files.
    pub raw_bytes: u64,
    /// Of these, bytes that an earlier run had left and that were not decoded again.
    pub reused_bytes: u64,
    /// Files and links that were in their places already.
    pub in_place: u64,
    /// What the file system could not hold, by kind.
    pub losses: Vec<Loss>,
}

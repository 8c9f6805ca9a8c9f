//! The requests of callers, and the answers.

use std::collections::BTreeMap;
#[cfg(feature = "fs")]
use std::fs::File;
#[cfg(feature = "fs")]
use std::path::PathBuf;
#[cfg(feature = "fs")]
use std::sync::Arc;

#[cfg(feature = "fs")]
use super::identity::FileId;
#[cfg(feature = "fs")]
use super::losses::Loss;
#[cfg(feature = "fs")]
use crate::codec::EncodeOptions;
#[cfg(feature = "fs")]
use crate::format::Entry;
use crate::format::{NamedModel, Params};
#[cfg(feature = "fs")]
use crate::model::{BuiltInModels, ModelStore};

/// The treatment of symbolic links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    /// They are stored as they are, wherever they lead. See [`UnpackLinks`] for what becomes of those that lead out.
    #[default]
    Keep,
    /// They are left out.
    Skip,
    /// The files and directories that they lead to are stored in their place.
    Follow,
}

/// The times of last modification that an archive gets, in nanoseconds since 1970-01-01T00:00:00Z.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Times {
    /// Those that files and directories have.
    #[default]
    Keep,
    /// This one for all.
    Fixed(i64),
    /// Those that files and directories have, but none that is later than this one.
    NotAfter(i64),
}

#[cfg(feature = "fs")]
impl Times {
    /// The time that is stored of something with this one.
    pub(crate) fn stored(self, mtime: i64) -> i64 {
        match self {
            Times::Keep => mtime,
            Times::Fixed(time) => time,
            Times::NotAfter(latest) => mtime.min(latest),
        }
    }
}

/// A file to pack that has no name, such as what came through a pipe and was kept in a temporary file.
#[cfg(feature = "fs")]
#[derive(Debug, Clone)]
pub struct Input {
    /// Its path in the archive.
    pub path: String,
    /// Its content, from the beginning on.
    pub file: Arc<File>,
}

/// How to pack.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct PackOptions {
    /// Level, model, chunk size, threads and limits.
    pub encode: EncodeOptions,
    /// The directory that relative paths are relative to; empty is the current one. It is no part of
    /// stored paths.
    pub directory: PathBuf,
    /// Further paths, from a list such as that of `find`. What is excluded is left out with all that the list has of
    /// it, and so is the archive itself, which as a path would be an error.
    pub listed: Vec<PathBuf>,
    /// What to pack beside the paths.
    pub inputs: Vec<Input>,
    /// Glob patterns of what to leave out. A pattern without `/` is compared with the name at any
    /// depth, one with `/` with the whole path: as it is stored, as it was given, and from the root on.
    /// One that ends with `/` means directories only. An excluded directory is left out with all that
    /// is in it.
    pub exclude: Vec<String>,
    /// Leave out what files `.gitignore` and `.llzignore` say, in what is packed and above it up to the
    /// root of the repository. What is named itself is packed.
    pub ignore_files: bool,
    /// The treatment of symbolic links.
    pub links: Links,
    /// The times that are stored.
    pub times: Times,
    /// Put the file of the model into the archive, so that readers need not have it.
    pub embed_model: bool,
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

/// A summary of what was packed.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct PackSummary {
    /// Files stored.
    pub files: u64,
    /// Directories stored.
    pub dirs: u64,
    /// Symbolic links stored.
    pub symlinks: u64,
    /// How many of these lead out, so that only [`UnpackLinks::All`] makes them.
    pub links_out: u64,
    /// Entries that the archive had before and that are replaced; 0 for a new one.
    pub replaced: u64,
    /// Bytes of all files together.
    pub raw_bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// Of [`raw_bytes`](Self::raw_bytes), bytes that an earlier run had coded.
    pub reused_bytes: u64,
    /// Chunks by codec name, in alphabetical order.
    pub chunks_by_codec: BTreeMap<&'static str, ChunkTally>,
    /// Paths that were left out, each with the reason: special files, files that could not be read, names
    /// and links that an archive cannot hold.
    pub skipped: Vec<(PathBuf, String)>,
    /// Paths that are stored but may be inconsistent, each with what happened: files that changed while
    /// they were read, and files that could be read in part only.
    pub changed: Vec<(PathBuf, String)>,
    /// Properties that are stored otherwise than they are, such as a time.
    pub losses: Vec<Loss>,
    /// Properties that are dropped because no archive has them, such as the setuid bit.
    pub notes: Vec<Loss>,
    /// Unfinished archives and private directories of other runs, which are never packed.
    pub leftovers: Vec<PathBuf>,
    /// The archive itself, where it was found in what is packed: it is not in itself.
    pub left_out: Vec<PathBuf>,
    /// Patterns of [`PackOptions::exclude`] that have left out nothing.
    pub unused_exclude: Vec<String>,
}

/// How to update an archive.
#[cfg(feature = "fs")]
#[derive(Debug, Clone)]
pub struct UpdateOptions {
    /// How to pack what is added.
    pub pack: PackOptions,
    /// Compare content instead of sizes and times. A file of the same content then stays as the archive has it, whatever
    /// its time.
    pub by_content: bool,
    /// Where models come from for reading the archive, whose small files may have to be decoded to compare them.
    pub models: Arc<dyn ModelStore>,
}

#[cfg(feature = "fs")]
impl Default for UpdateOptions {
    fn default() -> Self {
        UpdateOptions { pack: PackOptions::default(), by_content: false, models: Arc::new(BuiltInModels) }
    }
}

/// A summary of what was added.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct AddSummary {
    /// What is new or has changed; its bytes of the archive are those of the whole.
    pub packed: PackSummary,
    /// How many files, directories and links the archive had already.
    pub unchanged: u64,
    /// Bytes that were added to the archive; 0 if it had everything.
    pub written_bytes: u64,
    /// Bytes of an earlier update that was not finished, which were cut off.
    pub unfinished_bytes: u64,
}

/// A summary of what compacting did.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactSummary {
    /// Bytes of the archive before.
    pub bytes_before: u64,
    /// Bytes of the archive now.
    pub bytes: u64,
    /// Chunks that were copied.
    pub kept_chunks: u64,
    /// Files that were coded anew.
    pub coded_files: u64,
    /// Bytes of their content.
    pub coded_bytes: u64,
}

/// A summary of what was deleted.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteSummary {
    /// Files.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of all these files together.
    pub raw_bytes: u64,
    /// Bytes that were added to the archive.
    pub written_bytes: u64,
    /// Bytes of an earlier update that was not finished, which were cut off.
    pub unfinished_bytes: u64,
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

/// A model that an archive names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedModel {
    /// The number by which chunks name it.
    pub number: u8,
    /// What it is.
    pub model: NamedModel,
    /// Whether the archive has its file; see [`Archive::model_file`](crate::Archive::model_file).
    pub is_embedded: bool,
}

/// The facts that an archive states about itself; found without decoding anything.
#[derive(Debug, Clone)]
pub struct Info {
    /// Format version, major and minor.
    pub version: (u8, u8),
    /// Generations: it was made as one, and each update adds one.
    pub generations: u64,
    /// Entries that updates have deleted or replaced. What they hold keeps its room until
    #[cfg_attr(feature = "fs", doc = "[`compact`](crate::compact).")]
    #[cfg_attr(not(feature = "fs"), doc = "the archive is compacted.")]
    pub gone: u64,
    /// How it was made.
    pub params: Params,
    /// The models that its neural chunks need, by number.
    pub models: Vec<UsedModel>,
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

/// A summary of what [`Archive::test`](crate::Archive::test) went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestSummary {
    /// Entries checked.
    pub entries: u64,
    /// Chunks decoded.
    pub chunks: u64,
    /// Bytes of all files together.
    pub raw_bytes: u64,
}

/// A file of a damaged archive that cannot be had, or is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its path in the archive.
    pub path: String,
    /// Why.
    pub why: String,
    /// It can be had, and is unpacked: its own checksum holds. But the small files of its table do not have the SHA-256
    /// that they should have together.
    pub is_doubtful: bool,
}

/// What happens where something is in the place of an entry. Directories are merged in any case, and one that is
/// there keeps its permissions and times unless files are replaced or a run is gone on with.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// Nothing is unpacked, and the first of them is an error.
    #[default]
    Refuse,
    /// Files and links are replaced; directories never are. Files get another inode: hard links to a replaced file
    /// keep the old content.
    Replace,
    /// It stays, and the entry is not unpacked.
    Keep,
    /// It stays if it is as new as the entry or newer, and is replaced otherwise.
    KeepNewer,
    /// It stays, and the entry is unpacked beside it as `name (1).ext`, or with the next number that is free.
    Rename,
}

#[cfg(feature = "fs")]
impl Existing {
    /// Whether a file or link that is there may be replaced when entries are moved into place.
    pub(crate) fn replaces(self) -> bool {
        matches!(self, Existing::Replace | Existing::KeepNewer)
    }
}

/// Which symbolic links are made. In no case is anything written through one.
///
/// A link *leads out* if its target is absolute, climbs with `..` above the directory that is unpacked into, or has
/// `..` after a name that is not that of a directory of the archive, and so may be that of another link; on Windows also
/// if a name in it is none there, such as `C:`.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnpackLinks {
    /// Those that do not lead out.
    #[default]
    Inside,
    /// All of them, as they are stored. Whoever follows one later may get to anywhere.
    All,
    /// None.
    Skip,
}

/// How to unpack.
#[cfg(feature = "fs")]
#[derive(Debug, Clone, Default)]
pub struct UnpackOptions {
    /// What happens where something is there already.
    pub existing: Existing,
    /// How many names to take off the front of each path. What has no more than that is not unpacked.
    pub strip: usize,
    /// Which symbolic links are made.
    pub links: UnpackLinks,
    /// Unpack only what these paths and patterns select, as [`Archive::select`](crate::Archive::select)
    /// reads them; empty means everything.
    pub only: Vec<String>,
    /// Files that must never be replaced: the archive itself, the model.
    pub sources: Vec<FileId>,
    /// Restore permissions exactly. Otherwise the umask takes off what it takes off any new file.
    pub preserve_permissions: bool,
    /// Go on with what an earlier run left that did not come to its end, and leave what is done if this one does not
    /// either ([`Archive::unpack`](crate::Archive::unpack) and
    /// [`Archive::salvage`](crate::Archive::salvage) only). Files and links that are in `dest` already, as the
    /// archive has them, stay. Directories get the archive's permissions and times, for it might have been an earlier
    /// run that made them.
    pub resume: bool,
}

/// A summary of what was unpacked.
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
    /// Properties that could not be unpacked, by kind: those that the file system cannot hold, and those that need
    /// the names that were taken off.
    pub losses: Vec<Loss>,
    /// Bytes at the end of the archive that an update has left which was not finished. They are no part of it.
    pub unfinished_bytes: u64,
    /// Symbolic links that were not to be made, each with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// Entries that were not unpacked because something in their place stays.
    pub kept: Vec<String>,
    /// Entries that were unpacked under another name, which is the second.
    pub renamed: Vec<(String, String)>,
}

/// What unpacking would do.
#[cfg(feature = "fs")]
#[derive(Debug, Clone)]
pub struct UnpackPlan {
    /// What would be written, under the paths below the destination.
    pub entries: Vec<Entry>,
    /// What would be told of it; bytes and losses of the file system are not known.
    pub summary: UnpackSummary,
}

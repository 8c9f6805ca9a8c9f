//! Options that several verbs share.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use llz::{Archive, Bound, Coder, Error, Level, Limits, Result};

use super::session::Session;
use super::size::{Size, in_units, size};

use super::streams;

/// Options of every verb.
#[derive(Debug, Clone, Copy, Args)]
pub struct Common {
    /// Worker threads, at most 1024; 0 means one per core. The output never depends on it
    #[arg(short = 'T', long, global = true, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=1024))]
    pub threads: u16,
    /// No progress, no totals, no warnings; only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The compression level: `--level N` or one of `-1` to `-9`; the last one given counts.
#[derive(Debug, Clone, Copy)]
pub struct LevelArg(pub Option<Level>);

impl LevelArg {
    /// The level that was given, or the default.
    pub fn level(self) -> Level {
        self.0.unwrap_or_default()
    }
}

/// The names of the arguments that set the level.
const LEVELS: [&str; 10] = ["level", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

impl Args for LevelArg {
    fn augment_args(command: Command) -> Command {
        let long = Arg::new("level")
            .long("level")
            .value_name("N")
            .value_parser(clap::value_parser!(u8).range(1..=9))
            .overrides_with_all(LEVELS)
            .help(
                "1 (fastest) to 9 (smallest): 1 to 3 use no model, 4 and 5 a tiny one, 6 to 9 the \
                 best; also as -1 to -9 [default: 6]",
            );
        LEVELS[1..].iter().fold(command.arg(long), |command, name| {
            command.arg(
                Arg::new(*name)
                    .short(name.chars().next())
                    .action(ArgAction::SetTrue)
                    .overrides_with_all(LEVELS)
                    .hide(true)
                    .help(format!("Level {name}")),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LevelArg {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let short = LEVELS[1..].iter().position(|name| matches.get_flag(name));
        let level = match short {
            Some(at) => Some(at as u8 + 1),
            None => matches.get_one::<u8>("level").copied(),
        };
        let invalid = |e: Error| clap::Error::raw(clap::error::ErrorKind::InvalidValue, e);
        level.map(Level::new).transpose().map(LevelArg).map_err(invalid)
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The model to use.
#[derive(Debug, Clone, Args)]
pub struct ModelArg {
    /// A model to use instead of the built-in ones: a file (safetensors), or the name of an installed
    /// one (llz model list)
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,
}

/// What codes tokens.
#[derive(Debug, Clone, Copy, Args)]
pub struct CoderArg {
    /// What codes tokens. All but mix need a model and are there to be compared with it
    #[arg(long = "coder", value_name = "NAME", default_value = Coder::default().name())]
    #[arg(value_parser = coder_parser())]
    pub coder: Coder,
}

/// Takes the name of a coder.
pub fn coder_parser() -> impl TypedValueParser<Value = Coder> {
    PossibleValuesParser::new(Coder::ALL.map(Coder::name)).map(coder)
}

/// The coder of a name that the parser knows.
fn coder(name: String) -> Coder {
    Coder::from_name(&name).unwrap_or_default()
}

/// Safety limits. The defaults are those of the library.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits (k, M, G, T are powers of 1024; kB, MB, GB, TB of 1000)")]
pub struct LimitArgs {
    /// Bytes of all files together [default: 1T]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_size: Option<Size>,
    /// Files, directories and links [default: 10000000]
    #[arg(long, value_name = "N")]
    limit_entries: Option<u64>,
    /// Bytes of one chunk [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_chunk: Option<Size>,
    /// Bytes of one path [default: 4096]
    #[arg(long, value_name = "N")]
    limit_path: Option<u64>,
    /// Components of one path, its own name included [default: 256]
    #[arg(long, value_name = "N")]
    limit_depth: Option<u64>,
    /// Working memory [default: 512M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_memory: Option<Size>,
}

impl LimitArgs {
    /// The limits in force.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        let bytes = |size: &Option<Size>, default| size.as_ref().map_or(default, |size| size.bytes);
        Limits {
            total_bytes: bytes(&self.limit_size, default.total_bytes),
            entries: self.limit_entries.unwrap_or(default.entries),
            chunk_bytes: bytes(&self.limit_chunk, default.chunk_bytes),
            path_bytes: self.limit_path.unwrap_or(default.path_bytes),
            path_depth: self.limit_depth.unwrap_or(default.path_depth),
            memory: bytes(&self.limit_memory, default.memory),
        }
    }
}

impl LimitArgs {
    /// A limit as it was given, or in a unit that fits.
    pub fn shown(&self, bound: Bound, limit: u64) -> String {
        let given = match bound {
            Bound::TotalBytes => &self.limit_size,
            Bound::ChunkBytes => &self.limit_chunk,
            Bound::Memory => &self.limit_memory,
            Bound::Entries | Bound::PathBytes | Bound::PathDepth => return limit.to_string(),
        };
        match given.as_ref().filter(|given| given.bytes == limit) {
            Some(given) => given.to_string(),
            None => in_units(limit),
        }
    }
}

/// An archive to read at any place.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// The archive; - is standard input. Pipes, and what else is no regular file, are read into memory
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl Source {
    /// Opens the archive; `model` is what `--model` says.
    pub fn open(&self, session: &Session, model: Option<&ModelArg>) -> Result<Archive> {
        let limits = self.limits.limits();
        let options = session.decode_options(model, limits)?;
        streams::check_not_output([self.archive.as_path()])?;
        let archive = match self.archive == Path::new("-") {
            true => Archive::from_reader(streams::input()?, options)?,
            false => Archive::open(&self.archive, options)?,
        };
        session.note_unfinished(&self.archive, archive.unfinished());
        Ok(archive)
    }

    /// Opens what is left of the archive, and says what is wrong with it.
    pub fn recover(
        &self,
        session: &Session,
        model: Option<&ModelArg>,
    ) -> Result<(Archive, Vec<Error>)> {
        let options = session.decode_options(model, self.limits.limits())?;
        streams::check_not_output([self.archive.as_path()])?;
        let recovered = match self.archive == Path::new("-") {
            true => Archive::recover_reader(streams::input()?, options)?,
            false => Archive::recover(&self.archive, options)?,
        };
        session.note_unfinished(&self.archive, recovered.0.unfinished());
        Ok(recovered)
    }
}

/// The choice of entries of an archive.
#[derive(Debug, Clone, Args)]
pub struct Chosen {
    /// Only these paths, and what is below them. What is no path and has *, ? or [ is a pattern: with / it is
    /// compared with whole paths, without with names at any depth
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Levels {
        #[command(flatten)]
        level: LevelArg,
    }

    #[test]
    fn the_last_level_counts() {
        let level = |args: &[&str]| {
            let args = ["llz"].iter().chain(args);
            Levels::try_parse_from(args).map(|parsed| parsed.level.level().get()).ok()
        };
        assert_eq!(level(&[]), Some(Level::DEFAULT.get()));
        assert_eq!(level(&["-1"]), Some(1));
        assert_eq!(level(&["-1", "-9"]), Some(9));
        assert_eq!(level(&["-9", "--level", "2"]), Some(2));
        assert_eq!(level(&["--level=2", "-7"]), Some(7));
        assert_eq!(level(&["--level", "0"]), None);
        assert_eq!(level(&["--level", "10"]), None);
    }

    #[test]
    fn the_documented_defaults_are_the_true_ones() {
        assert_eq!(Level::DEFAULT.get(), 6);
        let default = Limits::default();
        assert_eq!(size("1T").map(|size| size.bytes), Ok(default.total_bytes));
        assert_eq!(default.entries, 10_000_000);
        assert_eq!(size("64M").map(|size| size.bytes), Ok(default.chunk_bytes));
        assert_eq!((default.path_bytes, default.path_depth), (4096, 256));
        assert_eq!(size("512M").map(|size| size.bytes), Ok(default.memory));
    }
}

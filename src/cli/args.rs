//! Options that several verbs share.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use llz::{Archive, Error, Level, Limits, Result};

use super::session::Session;

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
pub struct LevelArg(pub Level);

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
            Some(at) => at as u8 + 1,
            None => *matches.get_one::<u8>("level").unwrap_or(&Level::DEFAULT.get()),
        };
        let invalid = |e: Error| clap::Error::raw(clap::error::ErrorKind::InvalidValue, e);
        Level::new(level).map(LevelArg).map_err(invalid)
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Where the model comes from.
#[derive(Debug, Clone, Args)]
pub struct ModelArg {
    /// A model to use instead of the built-in ones: a file (safetensors), or the name of an installed
    /// one (llz model list)
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,
}

/// Safety limits. The defaults are those of the library.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits (k, M, G, T are powers of 1024)")]
pub struct LimitArgs {
    /// Bytes of all files together [default: 1T]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_size: Option<u64>,
    /// Files, directories and links [default: 10000000]
    #[arg(long, value_name = "N")]
    limit_entries: Option<u64>,
    /// Bytes of one chunk [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_chunk: Option<u64>,
    /// Bytes of one path [default: 4096]
    #[arg(long, value_name = "N")]
    limit_path: Option<u64>,
    /// Components of one path, its own name included [default: 256]
    #[arg(long, value_name = "N")]
    limit_depth: Option<u64>,
    /// Working memory [default: 512M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_memory: Option<u64>,
}

impl LimitArgs {
    /// The limits in force.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            total_bytes: self.limit_size.unwrap_or(default.total_bytes),
            entries: self.limit_entries.unwrap_or(default.entries),
            chunk_bytes: self.limit_chunk.unwrap_or(default.chunk_bytes),
            path_bytes: self.limit_path.unwrap_or(default.path_bytes),
            path_depth: self.limit_depth.unwrap_or(default.path_depth),
            memory: self.limit_memory.unwrap_or(default.memory),
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
        if self.archive != Path::new("-") {
            return Archive::open(&self.archive, options);
        }
        Archive::from_reader(streams::input()?, options)
    }

    /// Opens what is left of the archive, and says what is wrong with it.
    pub fn recover(
        &self,
        session: &Session,
        model: Option<&ModelArg>,
    ) -> Result<(Archive, Vec<Error>)> {
        let options = session.decode_options(model, self.limits.limits())?;
        streams::check_not_output([self.archive.as_path()])?;
        if self.archive != Path::new("-") {
            return Archive::recover(&self.archive, options);
        }
        Archive::recover_reader(streams::input()?, options)
    }
}

/// Reads a size in bytes: digits, then optionally k, M, G or T (powers of 1024), then optionally
/// B or iB.
pub fn size(text: &str) -> std::result::Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "expected a number such as 64k or 1M")?;
    let unit = unit.strip_suffix("iB").or_else(|| unit.strip_suffix('B')).unwrap_or(unit);
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return Err(format!("unknown unit {unit:?}: use k, M, G or T")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| "too large".into())
}

/// [`size`], for lengths in memory.
pub fn memory_size(text: &str) -> std::result::Result<usize, String> {
    usize::try_from(size(text)?).map_err(|_| "too large".into())
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
            Levels::try_parse_from(args).map(|parsed| parsed.level.0.get()).ok()
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
    fn sizes_know_their_units() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("65536"), Ok(65536));
        assert_eq!(size("64k"), Ok(65536));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("3GiB"), Ok(3 << 30));
        assert_eq!(size("2TB"), Ok(2 << 40));
        for wrong in ["", "k", "1.5M", "-1", "1x", "1 M", "99999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_documented_defaults_are_the_true_ones() {
        assert_eq!(Level::DEFAULT.get(), 6);
        let default = Limits::default();
        assert_eq!(size("1T"), Ok(default.total_bytes));
        assert_eq!(default.entries, 10_000_000);
        assert_eq!(size("64M"), Ok(default.chunk_bytes));
        assert_eq!((default.path_bytes, default.path_depth), (4096, 256));
        assert_eq!(size("512M"), Ok(default.memory));
    }
}

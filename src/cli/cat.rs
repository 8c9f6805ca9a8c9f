//! `llz cat`

use std::io::{self, Seek, SeekFrom, Write};

use llz::{Archive, Error, Lost, Result};

use super::Status;
use super::args::{ModelArg, Source};
use super::losses::Losses;
use super::session::Session;
use super::streams;

const EXAMPLES: &str = "\
Examples:
  llz cat src.llz src/main.rs | less
  llz cat logs.llz monday.log tuesday.log | grep ERROR
  llz cat --keep-going hurt.llz a b c      those that are whole

Only the chunks in which the files lie are decoded. With --keep-going a file is written once all of it
has been checked; without, the check comes last, and the exit code tells.";

/// Bytes of a file that wait in memory until it is checked; more wait in a temporary file.
const IN_MEMORY: usize = 1 << 20;

/// Write files of an archive to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "c")]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    /// The files, as `llz list` shows them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Of a damaged archive write every file that is whole, and name the others: exit code 4, or 5 if none is
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    model: ModelArg,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_output()?;
    let mut losses = Losses::default();
    let archive = match args.keep_going {
        true => {
            let (archive, damage) = args.source.recover(session, Some(&args.model))?;
            losses.damage = damage;
            archive
        }
        false => args.source.open(session, Some(&args.model))?,
    };
    let mut out = streams::buffered_output()?;
    let mut whole = 0;
    for path in &args.paths {
        if !args.keep_going {
            archive.copy_file(path, &mut out, &session.progress)?;
            continue;
        }
        match copy_whole(&archive, path, &mut out, session) {
            Ok(()) => whole += 1,
            Err(error) if is_loss(&error, args, &losses) => {
                losses.lost.push(Lost { path: path.clone(), why: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    out.flush().map_err(|e| Error::io("-", e))?;
    losses.say(&args.source.archive);
    Ok(losses.status(whole > 0))
}

/// Writes a file once all of it has been checked.
fn copy_whole(
    archive: &Archive,
    path: &str,
    out: &mut impl Write,
    session: &Session,
) -> Result<()> {
    let mut spool = tempfile::spooled_tempfile(IN_MEMORY);
    archive.copy_file(path, &mut spool, &session.progress)?;
    let failed = |error| Error::io("a temporary file", error);
    spool.seek(SeekFrom::Start(0)).map_err(failed)?;
    io::copy(&mut spool, out).map(drop).map_err(|error| Error::io("-", error))
}

/// Whether an error costs a file and not the whole run. A path that a whole archive does not have is a mistake; a
/// damaged one may have lost it.
fn is_loss(error: &Error, args: &Args, losses: &Losses) -> bool {
    match error {
        Error::Corrupt(_) | Error::Unsupported(_) => true,
        Error::Usage(_) => !losses.damage.is_empty(),
        Error::Io { path, .. } => *path == args.source.archive,
        _ => false,
    }
}

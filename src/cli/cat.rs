//! `llz cat`

use std::io::Write;

use llz::{Archive, Entry, EntryKind, Error, Lost, Result};

use super::Status;
use super::args::{ModelArg, Source};
use super::losses::Losses;
use super::session::Session;
use super::streams;

const EXAMPLES: &str = "\
Examples:
  llz cat src.llz src/main.rs | less
  llz cat logs.llz monday.log tuesday.log | grep ERROR
  llz cat logs.llz '2026-11-*.log' | grep ERROR
  llz cat --keep-going hurt.llz a b c      those that are whole

Only the chunks in which the files lie are decoded. With --keep-going files are written once all of them
have been checked; without, the check comes last, and the exit code tells.";

/// Write files of an archive to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    /// The files, as `llz list` shows them, directories for all files in them, or patterns
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
    let mut files = Vec::new();
    for path in &args.paths {
        match files_at(&archive, path) {
            Ok(found) => files.extend(found),
            // A path that a whole archive does not have is a mistake; a damaged one may have lost it.
            Err(error @ Error::Usage(_)) if !losses.damage.is_empty() => {
                losses.lost.push(Lost {
                    path: path.clone(),
                    why: error.to_string(),
                    is_doubtful: false,
                });
            }
            Err(error) => return Err(error),
        }
    }
    let mut out = streams::buffered_output()?;
    let mut whole = files.len();
    if args.keep_going {
        let lost = archive.copy_whole_files(&files, &mut out, &session.progress)?;
        whole -= lost.len();
        losses.lost.extend(lost);
    } else {
        archive.copy_files(&files, &mut out, &session.progress)?;
    }
    out.flush().map_err(|e| Error::io("-", e))?;
    losses.say(&args.source.archive);
    Ok(losses.status(whole > 0))
}

/// The files that a path or pattern stands for.
fn files_at<'a>(archive: &'a Archive, path: &String) -> Result<Vec<&'a Entry>> {
    let mut files = archive.select(std::slice::from_ref(path))?;
    files.retain(|entry| matches!(entry.kind, EntryKind::File { .. }));
    if files.is_empty() {
        return Err(Error::Usage(format!("the archive has no file {path:?}")));
    }
    Ok(files)
}

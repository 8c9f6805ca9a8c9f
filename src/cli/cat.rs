//! `llz cat`

use std::io::Write;

use llz::{EntryKind, Error, Result};

use super::Status;
use super::args::{ModelArg, Source};
use super::session::Session;
use super::streams;

const EXAMPLES: &str = "\
Examples:
  llz cat src.llz src/main.rs | less
  llz cat logs.llz monday.log tuesday.log | grep ERROR
  llz cat logs.llz '2026-11-*.log' | grep ERROR

Only the chunks in which the files lie are decoded.";

/// Write files of an archive to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    /// The files, as `llz list` shows them, directories for all files in them, or patterns
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    model: ModelArg,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_output()?;
    let archive = args.source.open(session, Some(&args.model))?;
    let mut files = Vec::new();
    for path in &args.paths {
        let before = files.len();
        let chosen = archive.select(std::slice::from_ref(path))?.into_iter();
        files.extend(chosen.filter(|entry| matches!(entry.kind, EntryKind::File { .. })));
        if files.len() == before {
            return Err(Error::Usage(format!("the archive has no file {path:?}")));
        }
    }
    let mut out = streams::buffered_output()?;
    archive.copy_files(&files, &mut out, &session.progress)?;
    out.flush().map_err(|e| Error::io("-", e))?;
    Ok(Status::Done)
}

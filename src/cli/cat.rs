//! `llz cat`

use std::io::Write;

use llz::{Error, Result};

use super::Status;
use super::args::{ModelArg, Source};
use super::session::Session;
use super::streams;

const EXAMPLES: &str = "\
Examples:
  llz cat src.llz src/main.rs | less
  llz cat logs.llz monday.log tuesday.log | grep ERROR

Only the chunks in which the files lie are decoded.";

/// Write files of an archive to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "c")]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    /// The files, as `llz list` shows them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    model: ModelArg,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_output()?;
    let archive = args.source.open(session, Some(&args.model))?;
    let mut out = streams::buffered_output()?;
    for path in &args.paths {
        archive.copy_file(path, &mut out, &session.progress)?;
    }
    out.flush().map_err(|e| Error::io("-", e))?;
    Ok(Status::Done)
}

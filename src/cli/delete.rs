//! `llz delete`

use std::path::PathBuf;

use llz::{DeleteSummary, Result};
use serde_json::json;

use super::Status;
use super::add::check_updatable;
use super::args::LimitArgs;
use super::report;
use super::session::Session;
use super::streams::{self, say};
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz delete backup.llz letters/2019       a directory and all that is below it
  llz delete backup.llz '*.o' notes.txt

What is deleted is not listed or unpacked any more. It keeps its room in the archive until llz compact,
and those who look for it may find it even then: to destroy a secret, pack anew. A crash at any moment
leaves the archive as it was or as it is then.";

/// Delete files and directories of an archive
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The archive to delete from, a file
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// These paths, and what is below them. What is no path and has *, ? or [ is a pattern: with / it is compared
    /// with whole paths, without with names at any depth
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_not_output([args.archive.as_path()])?;
    if args.json {
        streams::check_output()?;
    }
    check_updatable(&args.archive)?;
    let limits = args.limits.limits();
    let summary = llz::delete(&args.archive, &args.paths, limits, &session.progress)?;
    let DeleteSummary { files, dirs, symlinks, raw_bytes, written_bytes, unfinished_bytes } =
        summary;
    report::note_cut(session, unfinished_bytes);
    if args.json {
        let value = json!({
            "archive": report::path_json(&args.archive),
            "files": files,
            "directories": dirs,
            "links": symlinks,
            "raw_bytes": raw_bytes,
            "written_bytes": written_bytes,
            "unfinished_bytes": unfinished_bytes,
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.archive.display().to_string());
        let what = report::entries(files, dirs, symlinks);
        say!(
            "{name}: {what} deleted, {} when unpacked; llz compact frees the room",
            report::bytes(raw_bytes)
        );
    }
    Ok(Status::Done)
}

//! `llz compact`

use std::path::PathBuf;
use std::time::Instant;

use llz::{CompactSummary, Result};
use serde_json::json;

use super::Status;
use super::add::update_options;
use super::args::{LevelArg, LimitArgs, ModelArg};
use super::report;
use super::session::Session;
use super::streams::{self, say};
use super::terminal::escape;

const EXAMPLES: &str = "\
Chunks that are still needed are copied as they are. Files whose chunk is mostly waste are coded
anew, at the archive's level and by its model unless others are given. The new archive is compared
with the old one and takes its place at the end, so that a crash at any moment leaves one of them.
Another hard link to the archive keeps the old one. An archive that would not get smaller stays.

What was deleted may still lie in chunks that other files need: to destroy a secret, pack anew.";

/// Free the room that deleted and replaced files take in an archive
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The archive to compact, a file
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    model: ModelArg,
    /// Decode all of the new archive before it takes the place of the old one
    #[arg(long)]
    verify: bool,
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
    let limits = args.limits.limits();
    let given = (args.level, &args.model);
    let mut options = update_options(&args.archive, given, None, limits, session)?;
    options.pack.verify = args.verify;
    let start = Instant::now();
    let watch = session.watch("compacting");
    let compacted = llz::compact(&args.archive, &options, &session.progress);
    drop(watch);
    let CompactSummary { bytes_before, bytes, kept_chunks, coded_files, coded_bytes } = compacted?;
    let took = start.elapsed();
    if args.json {
        let value = json!({
            "archive": report::path_json(&args.archive),
            "bytes_before": bytes_before,
            "bytes": bytes,
            "kept_chunks": kept_chunks,
            "coded_files": coded_files,
            "coded_bytes": coded_bytes,
            "seconds": took.as_secs_f64(),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.archive.display().to_string());
        let (before, now) = (report::bytes(bytes_before), report::bytes(bytes));
        let coded = match coded_files {
            0 => String::new(),
            count => format!(", {} coded anew", report::count(count, "file", "files")),
        };
        say!("{name}: {before} → {now}{coded} in {:.1} s", took.as_secs_f64());
    }
    Ok(Status::Done)
}

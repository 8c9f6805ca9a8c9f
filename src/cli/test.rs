//! `llz test`

use std::time::Instant;

use llz::Result;
use serde_json::json;

use super::Status;
use super::args::{ModelArg, Source};
use super::report;
use super::session::Session;
use super::streams::{self, say};
use super::terminal::escape;

/// Decode an archive and check every checksum, writing nothing
#[derive(Debug, clap::Args)]
#[command(visible_alias = "t")]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    model: ModelArg,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    if args.json {
        streams::check_output()?;
    }
    let start = Instant::now();
    let archive = args.source.open(session, Some(&args.model))?;
    let watch = session.watch("testing");
    let tested = archive.test(&session.progress)?;
    drop(watch);
    let took = start.elapsed();
    if args.json {
        let value = json!({
            "ok": true,
            "entries": tested.entries,
            "chunks": tested.chunks,
            "raw_bytes": tested.raw_bytes,
            "seconds": took.as_secs_f64(),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.source.archive.display().to_string());
        let entries = report::count(tested.entries, "entry", "entries");
        let (size, speed) =
            (report::bytes(tested.raw_bytes), report::speed(tested.raw_bytes, took));
        say!("{name}: ok, {entries}, {size} in {speed}");
    }
    Ok(Status::Done)
}

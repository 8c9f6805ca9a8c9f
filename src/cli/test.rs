//! `llz test`

use std::time::Instant;

use llz::{EntryKind, Result};
use serde_json::json;

use super::Status;
use super::args::{Chosen, ModelArg, Source};
use super::losses::Losses;
use super::report;
use super::session::Session;
use super::streams::{self, say};
use super::terminal::escape;

/// Decode an archive, or some files of it, and check every checksum, writing nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    model: ModelArg,
    /// Go on after damage, and name all that is damaged: exit code 4, or 5 if no file is whole
    #[arg(long)]
    keep_going: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    if args.json {
        streams::check_output()?;
    }
    let start = Instant::now();
    let mut losses = Losses::default();
    let archive = if args.keep_going {
        let (archive, damage) = args.source.recover(session, Some(&args.model))?;
        losses.damage = damage;
        archive
    } else {
        args.source.open(session, Some(&args.model))?
    };
    let entries = archive.select(&args.chosen.paths)?;
    let watch = session.watch("testing");
    let tested = if args.keep_going || !args.chosen.paths.is_empty() {
        let (tested, lost) = archive.test_entries(&entries, args.keep_going, &session.progress)?;
        losses.lost = lost;
        tested
    } else {
        archive.test(&session.progress)?
    };
    drop(watch);
    losses.say(&args.source.archive);
    let took = start.elapsed();
    if args.json {
        let value = json!({
            "ok": losses.is_empty(),
            "entries": tested.entries,
            "chunks": tested.chunks,
            "raw_bytes": tested.raw_bytes,
            "seconds": took.as_secs_f64(),
            "damage": losses.damage_json(),
            "lost": losses.lost_json(),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.source.archive.display().to_string());
        let entries = report::count(tested.entries, "entry", "entries");
        let (size, speed) =
            (report::bytes(tested.raw_bytes), report::speed(tested.raw_bytes, took));
        let verdict = if losses.is_empty() { "ok" } else { "damaged" };
        say!("{name}: {verdict}, {entries}, {size} in {speed}");
    }
    let is_file = |kind: &EntryKind| matches!(kind, EntryKind::File { .. });
    let files = entries.iter().filter(|entry| is_file(&entry.kind)).count();
    Ok(losses.status(files > losses.lost.len()))
}

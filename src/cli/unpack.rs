//! `llz unpack`

use std::path::PathBuf;
use std::time::Instant;

use llz::{Archive, DecodeOptions, Error, Result, UnpackOptions, UnpackSummary};
use serde_json::json;

use super::Status;
use super::args::{LimitArgs, ModelArg};
use super::losses::Losses;
use super::report;
use super::session::Session;
use super::streams::{self, say};
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz unpack src.llz                       into the current directory
  llz unpack src.llz -C /tmp/copy          into another one
  llz unpack src.llz src/main.rs src/cli   only this file and this directory
  ssh host cat src.llz | llz unpack -      from a pipe
  llz unpack --keep-going hurt.llz         what is left of a damaged archive
  llz unpack --resume huge.llz             go on where a run was stopped

Nothing appears under its name before all of it has been decoded and checked. What exists is not
touched without -f. With it, each file is replaced at once: its name shows the old or the whole new
one. If anything fails, or on Ctrl-C, everything is put back as it was. Only a program that is
killed, or a power failure, can leave some files new and others old; those that were replaced are
then in a directory .llz-* in the destination. Directories are merged and never replaced by files.

With --resume what a stopped run has decoded is checked and used, and is kept again if this run stops.
What is in its place already, as the archive has it, stays. Any run without --resume that writes there
removes what a stopped run has left.";

/// Unpack an archive, all of it or some paths
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "x")]
pub struct Args {
    /// The archive; - is standard input. Pipes, and what else is no regular file, are read in order
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Only these paths, and what is below them
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Where to unpack
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Replace existing files
    #[arg(short, long)]
    force: bool,
    /// Of a damaged archive unpack every file that is whole, and name the others: exit code 4, or 5 if none is
    #[arg(long)]
    keep_going: bool,
    /// Go on where a run stopped that was killed or had --resume; what is done already is kept if this run stops too
    #[arg(long)]
    resume: bool,
    /// Restore permissions exactly, whatever the umask is
    #[arg(short, long)]
    preserve_permissions: bool,
    #[command(flatten)]
    model: ModelArg,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let limits = args.limits.limits();
    let sources = [Some(args.archive.as_path()), args.model.model.as_deref()];
    let sources = sources.into_iter().flatten();
    let decode = session.decode_options(Some(&args.model), limits)?;
    let options = UnpackOptions {
        force: args.force,
        preserve_permissions: args.preserve_permissions,
        resume: args.resume,
        sources: sources.into_iter().filter_map(streams::id).collect(),
        only: args.paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect(),
    };
    if args.json {
        streams::check_output()?;
        streams::check_not_output([args.archive.as_path()])?;
    }
    let start = Instant::now();
    let watch = session.watch("unpacking");
    let mut losses = Losses::default();
    let unpacked = unpack(args, decode, &options, session, &mut losses);
    drop(watch);
    if args.resume && matches!(unpacked, Err(Error::Interrupted)) && !session.quiet {
        say!("llz: what is unpacked so far is kept; the same command goes on with it");
    }
    let summary = unpacked?;
    let took = start.elapsed();
    losses.say(&args.archive);
    let UnpackSummary { files, dirs, symlinks, raw_bytes, reused_bytes, in_place, .. } = summary;
    let not_held = summary.losses;
    report::warn_losses(session, args.json, &not_held);
    if args.json {
        let value = json!({
            "directory": report::path_json(&args.directory),
            "files": files,
            "directories": dirs,
            "links": symlinks,
            "raw_bytes": raw_bytes,
            "reused_bytes": reused_bytes,
            "in_place": in_place,
            "losses": report::losses_json(&not_held),
            "seconds": took.as_secs_f64(),
            "damage": losses.damage_json(),
            "lost": losses.lost_json(),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.directory.display().to_string());
        let (what, size) = (report::entries(files, dirs, symlinks), report::bytes(raw_bytes));
        say!("{name}: {what}, {size} in {}", report::speed(raw_bytes, took));
    }
    Ok(match losses.status(files + in_place > 0) {
        Status::Done if !not_held.is_empty() => Status::Skipped,
        status => status,
    })
}

fn unpack(
    args: &Args,
    decode: DecodeOptions,
    options: &UnpackOptions,
    session: &Session,
    losses: &mut Losses,
) -> Result<UnpackSummary> {
    match streams::in_order(&args.archive)? {
        input if args.keep_going => {
            let (archive, damage) = match input {
                Some(input) => Archive::recover_reader(input, decode)?,
                None => Archive::recover(&args.archive, decode)?,
            };
            losses.damage = damage;
            let (summary, lost) = archive.salvage(&args.directory, options, &session.progress)?;
            losses.lost = lost;
            Ok(summary)
        }
        Some(mut input) => {
            llz::unpack_reader(&mut input, &args.directory, &decode, options, &session.progress)
        }
        None => {
            let archive = Archive::open(&args.archive, decode)?;
            archive.unpack(&args.directory, options, &session.progress)
        }
    }
}

//! `llz unpack`

use std::path::PathBuf;
use std::time::Instant;

use llz::{
    Archive, DecodeOptions, Error, Existing, Result, UnpackLinks, UnpackOptions, UnpackPlan,
    UnpackSummary,
};
use serde_json::json;

use super::Status;
use super::args::{Chosen, LimitArgs, ModelArg};
use super::list;
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
  llz unpack src.llz '*.rs'                only files of this name, wherever they are
  llz unpack src.llz --strip-components 1  without the outermost directory
  llz unpack src.llz -n                    what would be written where
  ssh host cat src.llz | llz unpack -      from a pipe
  llz unpack --keep-going hurt.llz         what is left of a damaged archive
  llz unpack --resume huge.llz             go on where a run was stopped

Nothing appears under its name before all of it has been decoded and checked. Directories are merged
and never replaced by files. A file that exists is not touched: if one is in the way, nothing is
unpacked. -f replaces such files, each of them at once: its name shows the old or the whole new one.
--keep-existing, --keep-newer and --rename leave them. A directory that exists keeps its permissions
and times, except with -f and --resume.

A symbolic link that leads out is left out and named, and the exit code is 4: its target is absolute,
climbs out of the directory, or has .. after a name. --links=all makes it too. Nothing is ever written
through a link.

If anything fails, or on Ctrl-C, everything is put back as it was. Only a program that is
killed, or a power failure, can leave some files new and others old; those that were replaced are
then in a directory .llz-* in the destination.

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
    #[command(flatten)]
    chosen: Chosen,
    /// Where to unpack; made if it is not there, with the directories above it
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Replace existing files
    #[arg(short, long, group = "existing")]
    force: bool,
    /// Leave existing files as they are, and unpack the others
    #[arg(long, group = "existing")]
    keep_existing: bool,
    /// Leave existing files that are as new as the archive's or newer, and replace older ones
    #[arg(long, group = "existing")]
    keep_newer: bool,
    /// Unpack beside existing files, as NAME (1).EXT or with the next number that is free
    #[arg(long, group = "existing")]
    rename: bool,
    /// Take the first N names off each path; what has no more than N is not unpacked
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    strip_components: usize,
    /// Which symbolic links to make: those that stay inside, all as they are, or none
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = LinksArg::Inside)]
    links: LinksArg,
    /// Print what would be written, and write nothing; with --json one object per entry
    #[arg(short = 'n', long)]
    dry_run: bool,
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
    pub limits: LimitArgs,
}

/// The symbolic links that are made.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LinksArg {
    Inside,
    All,
    Skip,
}

impl Args {
    fn links(&self) -> UnpackLinks {
        match self.links {
            LinksArg::Inside => UnpackLinks::Inside,
            LinksArg::All => UnpackLinks::All,
            LinksArg::Skip => UnpackLinks::Skip,
        }
    }

    fn existing(&self) -> Existing {
        match self {
            Args { force: true, .. } => Existing::Replace,
            Args { keep_existing: true, .. } => Existing::Keep,
            Args { keep_newer: true, .. } => Existing::KeepNewer,
            Args { rename: true, .. } => Existing::Rename,
            _ => Existing::Refuse,
        }
    }
}

/// Says what would be written.
fn dry_run(
    args: &Args,
    session: &Session,
    decode: DecodeOptions,
    options: &UnpackOptions,
) -> Result<Status> {
    let mut losses = Losses::default();
    let archive = match (streams::in_order(&args.archive)?, args.keep_going) {
        (Some(input), false) => Archive::from_reader(input, decode)?,
        (None, false) => Archive::open(&args.archive, decode)?,
        (input, true) => {
            let (archive, damage) = match input {
                Some(input) => Archive::recover_reader(input, decode)?,
                None => Archive::recover(&args.archive, decode)?,
            };
            losses.damage = damage;
            archive
        }
    };
    let UnpackPlan { entries, summary } =
        archive.plan_unpack(&args.directory, options, &session.progress)?;
    list::dry_run(&entries, args.json, session)?;
    losses.say(&args.archive);
    report::warn_links(session, args.json, options.links, &summary.skipped);
    report::warn_losses(session, args.json, &summary.losses);
    report::note_kept(session, &summary.kept, &summary.renamed);
    if !session.quiet {
        let name = escape(&args.directory.display().to_string());
        let what = report::entries(summary.files, summary.dirs, summary.symlinks);
        say!("{name}: {what} would be unpacked; nothing was written");
    }
    Ok(match losses.status(summary.files > 0) {
        Status::Done if !(summary.losses.is_empty() && summary.skipped.is_empty()) => {
            Status::Skipped
        }
        status => status,
    })
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let limits = args.limits.limits();
    let sources = [Some(args.archive.as_path()), args.model.model.as_deref()];
    let sources = sources.into_iter().flatten();
    let decode = session.decode_options(Some(&args.model), limits)?;
    let options = UnpackOptions {
        existing: args.existing(),
        strip: args.strip_components,
        links: args.links(),
        preserve_permissions: args.preserve_permissions,
        resume: args.resume,
        sources: sources.into_iter().filter_map(streams::id).collect(),
        only: args.chosen.paths.clone(),
    };
    if args.json {
        streams::check_output()?;
        streams::check_not_output([args.archive.as_path()])?;
    }
    if args.dry_run {
        return dry_run(args, session, decode, &options);
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
    session.note_unfinished(&args.archive, summary.unfinished_bytes);
    losses.say(&args.archive);
    let UnpackSummary { files, dirs, symlinks, raw_bytes, reused_bytes, in_place, .. } = summary;
    let UnpackSummary { losses: not_held, skipped, kept, renamed, .. } = summary;
    report::warn_links(session, args.json, options.links, &skipped);
    report::warn_losses(session, args.json, &not_held);
    report::note_kept(session, &kept, &renamed);
    if args.json {
        let value = json!({
            "directory": report::path_json(&args.directory),
            "files": files,
            "directories": dirs,
            "links": symlinks,
            "raw_bytes": raw_bytes,
            "reused_bytes": reused_bytes,
            "in_place": in_place,
            "skipped": report::skipped_json(&skipped),
            "losses": report::losses_json(&not_held),
            "kept": kept,
            "renamed": renamed.iter().map(|(from, to)| json!({ "path": from, "as": to })).collect::<Vec<_>>(),
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
        Status::Done if !(not_held.is_empty() && skipped.is_empty()) => Status::Skipped,
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

//! `llz unpack`

use std::path::{Path, PathBuf};
use std::time::Instant;

use llz::{Archive, Result, UnpackOptions, UnpackSummary};
use serde_json::json;

use super::Status;
use super::args::{LimitArgs, ModelArg};
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

Nothing appears under its name before all of it has been decoded and checked. What exists is not
touched without -f.";

/// Unpack an archive, all of it or some paths
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "x")]
pub struct Args {
    /// The archive; - is standard input
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
        sources: sources.into_iter().filter_map(streams::id).collect(),
        only: args.paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect(),
    };
    if args.json {
        streams::check_output()?;
        streams::check_not_output([args.archive.as_path()])?;
    }
    let start = Instant::now();
    let watch = session.watch("unpacking");
    let summary = if args.archive == Path::new("-") {
        let mut input = streams::input()?;
        llz::unpack_reader(&mut input, &args.directory, &decode, &options, &session.progress)?
    } else {
        let archive = Archive::open(&args.archive, decode)?;
        archive.unpack(&args.directory, &options, &session.progress)?
    };
    drop(watch);
    let took = start.elapsed();
    let UnpackSummary { files, dirs, symlinks, raw_bytes, losses } = summary;
    report::warn_losses(session, args.json, &losses);
    if args.json {
        let value = json!({
            "directory": report::path_json(&args.directory),
            "files": files,
            "directories": dirs,
            "links": symlinks,
            "raw_bytes": raw_bytes,
            "losses": report::losses_json(&losses),
            "seconds": took.as_secs_f64(),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.directory.display().to_string());
        let (what, size) = (report::entries(files, dirs, symlinks), report::bytes(raw_bytes));
        say!("{name}: {what}, {size} in {}", report::speed(raw_bytes, took));
    }
    Ok(if losses.is_empty() { Status::Done } else { Status::Skipped })
}

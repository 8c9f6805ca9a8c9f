//! `llz add`

use std::path::{Path, PathBuf};
use std::time::Instant;

use llz::{AddSummary, Archive, Error, Level, PackOptions, Result, UpdateOptions};
use serde_json::json;

use super::Status;
use super::args::{LevelArg, LimitArgs, ModelArg};
use super::inputs::Inputs;
use super::models;
use super::report;
use super::session::Session;
use super::size::{Size, chunk_size};
use super::streams::{self, say};
use super::terminal::escape;
use super::time::{time, times};

const EXAMPLES: &str = "\
Examples:
  llz add backup.llz letters               what is new in letters or has changed
  llz add --checksum src.llz src           by content: a file with another time alone is the same
  llz add -C /home/me backup.llz photos    stores photos, not home/me/photos
  llz add logs.llz --files-from new.list

A file counts as unchanged if the archive has one of the same path, size and time; it is not even
read. Whatever else there is under a path is replaced. What is in the archive and not among PATH
stays; llz delete takes things out.

Nothing of the archive is written again: the new chunks come behind its end. A crash at any moment
leaves the archive as it was or as it is then. What was replaced keeps its room until llz compact.

Without a level or a model of your own, those of the archive are used.";

/// Add to an archive what is new or has changed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The archive to add to, a file
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    #[command(flatten)]
    inputs: Inputs,
    /// Compare content instead of sizes and times
    #[arg(long)]
    checksum: bool,
    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    model: ModelArg,
    /// Put the model's file into the archive, if it is not in it
    #[arg(long)]
    embed_model: bool,
    /// Raw bytes per chunk [default: by level]
    #[arg(long, value_name = "SIZE", value_parser = chunk_size)]
    chunk_size: Option<Size>,
    /// Store this time for everything that is added; what has changed is then found by content
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    mtime: Option<i64>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// How to update an archive: at its level and by its model, unless others are given.
pub fn update_options(
    archive: &Path,
    (level, model): (LevelArg, &ModelArg),
    chunk_size: Option<&Size>,
    limits: llz::Limits,
    session: &Session,
) -> Result<UpdateOptions> {
    check_updatable(archive)?;
    let decode = session.decode_options(Some(model), limits)?;
    let models = decode.models.clone();
    let info = Archive::open(archive, decode)?.info();
    let own = info.params.level.and_then(|level| Level::new(level).ok());
    let is_given = level.0.is_some() || model.model.is_some();
    let mut encode =
        session.encode_options(level.0.or(own).unwrap_or_default(), model, chunk_size, limits)?;
    if !is_given && let Some(last) = info.models.last() {
        encode.model = models.find(&last.model.reference.sha256)?;
    }
    let pack = PackOptions { encode, ..PackOptions::default() };
    Ok(UpdateOptions { pack, models, by_content: false })
}

/// Fails for what cannot be an archive that is updated in its place, before anything waits for it.
pub fn check_updatable(archive: &Path) -> Result<()> {
    let is_other =
        |path: &Path| path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir());
    if archive == Path::new("-") || is_other(archive) {
        let name = archive.display();
        return Err(Error::Usage(format!("{name} is no regular file, which alone can be updated")));
    }
    Ok(())
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let inputs = &args.inputs;
    inputs.check()?;
    let limits = args.limits.limits();
    let mut read: Vec<PathBuf> = inputs.lists().map(PathBuf::from).collect();
    read.extend(args.model.model.iter().flat_map(|given| models::files(given, &limits)));
    read.extend(inputs.has_input().then(|| PathBuf::from("-")));
    streams::check_not_read(streams::id(&args.archive).as_ref(), &read)?;
    streams::check_not_output([args.archive.as_path()])?;
    if args.json {
        streams::check_output()?;
    }
    let (listed, exclude) = (inputs.listed()?, inputs.exclude()?);
    let given = (args.level, &args.model);
    let options = update_options(&args.archive, given, args.chunk_size.as_ref(), limits, session)?;
    let options = UpdateOptions {
        pack: PackOptions {
            directory: inputs.base().into(),
            listed,
            inputs: inputs.input(true, &limits, &session.progress)?.into_iter().collect(),
            exclude,
            ignore_files: inputs.ignore,
            links: inputs.links(),
            times: times(args.mtime)?,
            embed_model: args.embed_model,
            ..options.pack
        },
        by_content: args.checksum,
        models: options.models,
    };
    let start = Instant::now();
    let watch = session.watch("adding");
    let added = llz::add(&args.archive, &inputs.paths(), &options, &session.progress);
    drop(watch);
    let AddSummary { packed: summary, unchanged, written_bytes, unfinished_bytes } = added?;
    let took = start.elapsed();
    report::packed(session, args.json, &summary);
    report::note_cut(session, unfinished_bytes);
    if args.json {
        let value = json!({
            "archive": report::path_json(&args.archive),
            "files": summary.files,
            "directories": summary.dirs,
            "links": summary.symlinks,
            "replaced": summary.replaced,
            "unchanged": unchanged,
            "raw_bytes": summary.raw_bytes,
            "written_bytes": written_bytes,
            "archive_bytes": summary.archive_bytes,
            "unfinished_bytes": unfinished_bytes,
            "seconds": took.as_secs_f64(),
            "chunks": report::codecs_json(&summary.chunks_by_codec),
            "skipped": report::skipped_json(&summary.skipped),
            "changed": report::skipped_json(&summary.changed),
            "losses": report::losses_json(&summary.losses),
            "notes": report::losses_json(&summary.notes),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&args.archive.display().to_string());
        let what = report::entries(summary.files, summary.dirs, summary.symlinks);
        let known = report::count(unchanged, "was there already", "were there already");
        let sizes = report::sizes(summary.raw_bytes, written_bytes);
        say!(
            "{name}: {what} added, {known}; {sizes} in {}",
            report::speed(summary.raw_bytes, took)
        );
    }
    if session.verbose {
        for line in report::codec_lines(&summary.chunks_by_codec) {
            say!("  {line}");
        }
    }
    let is_whole =
        summary.skipped.is_empty() && summary.changed.is_empty() && summary.losses.is_empty();
    Ok(if is_whole { Status::Done } else { Status::Skipped })
}

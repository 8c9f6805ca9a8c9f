//! `llz pack`

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use llz::{EncodeOptions, Error, Limits, PackOptions, PackSummary, Result};
use serde_json::json;

use super::Status;
use super::args::{CoderArg, LevelArg, LimitArgs, ModelArg};
use super::inputs::Inputs;
use super::list;
use super::models;
use super::report;
use super::session::Session;
use super::size::{Size, chunk_size};
use super::streams::{self, say};
use super::terminal::escape;
use super::time::{time, times};

const EXAMPLES: &str = "\
Examples:
  llz pack src                             makes src.llz in the current directory
  llz pack a.txt b.txt -o both.llz         several things need a name for the archive
  llz pack -9 -o best.llz src              the best model, slower
  llz pack --exclude '*.o' --exclude ./target/debug .
  llz pack --ignore --exclude-vcs .        what git would take, and no more
  llz pack --mtime 2026-11-21 dist         the same archive of the same content, whenever it was made
  find . -newer last -print0 | llz pack -0 --files-from - -o new.llz
  llz pack -C /home/me photos              stores photos, not home/me/photos
  mysqldump db | llz pack - --name db.sql -o db.llz
  llz pack -o - src | ssh host 'cat > src.llz'
  llz pack --resume huge                   the same command again goes on where it was stopped

Paths are stored as they are given, without a leading /, . or .., as tar does it.

The archive is never packed into itself: naming it as an input is an error, and where it is found in
a directory it is left out, and a message says so. It appears when it is complete. A link named with
-o stays, and the file that it leads to is written. A device, a FIFO or /dev/fd/N is written directly.

Special files (pipes, devices, sockets), files that cannot be read, and names and links that an
archive cannot hold are skipped with a warning, and the exit code is 4. It is 4, too, where a file
changed while it was read; that file is stored as it was read. Links are stored as they are, wherever
they lead. The archive is the same for any number of threads.

With --resume coded chunks are kept in OUT.part until the archive is complete, and those of a stopped
run are used where they fit: same bytes, same options, same model. The archive is the same as without.";

/// Pack files and directories into an archive
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// The archive to write; - is standard output [default: NAME.llz for one PATH]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace the archive if it exists
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    coder: CoderArg,
    /// Put the model's file into the archive, so that it can be unpacked where the model is not
    #[arg(long)]
    embed_model: bool,
    /// Raw bytes per chunk: larger packs better, smaller uses more cores [default: by level]
    #[arg(long, value_name = "SIZE", value_parser = chunk_size)]
    chunk_size: Option<Size>,
    /// Store this time for everything: seconds since 1970, or a date such as 2026-11-21T10:44:53Z [default: the
    /// times that things have, at most $SOURCE_DATE_EPOCH if that is set]
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    mtime: Option<i64>,
    /// Print what would be packed, and write nothing; with --json one object per entry
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Decode the finished archive and compare before it is put in place
    #[arg(long)]
    verify: bool,
    /// Go on where a run stopped; coded chunks are kept in OUT.part until the archive is complete
    #[arg(long)]
    resume: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let inputs = &args.inputs;
    inputs.check()?;
    let output = match &args.output {
        Some(output) if llz::is_standard_output(output) => PathBuf::from("-"),
        Some(output) => output.clone(),
        // Nothing is written, so nothing needs a name.
        None if args.dry_run => inputs.default_output().unwrap_or_else(|_| "-".into()),
        None => inputs.default_output()?,
    };
    let limits = args.limits.limits();
    let (listed, exclude) = (inputs.listed()?, inputs.exclude()?);
    check_not_replaced(args, &limits, &output)?;
    let level = args.level.level();
    let options = PackOptions {
        encode: EncodeOptions {
            coder: args.coder.coder,
            ..session.encode_options(level, &args.model, args.chunk_size.as_ref(), limits)?
        },
        directory: inputs.base().into(),
        listed,
        inputs: inputs.input(!args.dry_run, &limits, &session.progress)?.into_iter().collect(),
        exclude,
        ignore_files: inputs.ignore,
        links: inputs.links(),
        times: times(args.mtime)?,
        embed_model: args.embed_model,
        verify: args.verify,
        resume: args.resume,
        output: (output == Path::new("-")).then(streams::output_id).flatten(),
    };
    if args.dry_run {
        return dry_run(args, session, &output, &options);
    }
    if args.json && output != Path::new("-") {
        streams::check_output()?;
    }
    let start = Instant::now();
    let summary = if output == Path::new("-") {
        to_stdout(args, &options, session)?
    } else {
        let watch = session.watch("packing");
        let paths = inputs.paths();
        let packed = llz::pack_to_path(&paths, &output, args.force, &options, &session.progress);
        drop(watch);
        if args.resume && matches!(packed, Err(Error::Interrupted)) && !session.quiet {
            say!("llz: what is packed so far is kept; the same command goes on with it");
        }
        packed?
    };
    report::packed(session, args.json, &summary);
    let took = start.elapsed();
    if args.json {
        let value = json!({
            "archive": report::path_json(&output),
            "files": summary.files,
            "directories": summary.dirs,
            "links": summary.symlinks,
            "links_out": summary.links_out,
            "raw_bytes": summary.raw_bytes,
            "archive_bytes": summary.archive_bytes,
            "reused_bytes": summary.reused_bytes,
            "bits_per_byte": report::bits_per_byte(summary.raw_bytes, summary.archive_bytes),
            "seconds": took.as_secs_f64(),
            "chunks": report::codecs_json(&summary.chunks_by_codec),
            "skipped": report::skipped_json(&summary.skipped),
            "changed": report::skipped_json(&summary.changed),
            "losses": report::losses_json(&summary.losses),
            "notes": report::losses_json(&summary.notes),
            "unused_patterns": summary.unused_exclude,
            "left_out": summary.left_out.iter().map(|path| report::path_json(path)).collect::<Vec<_>>(),
        });
        report::print_json(&mut streams::output()?, &value)?;
    }
    if !session.quiet {
        let name = escape(&output.display().to_string());
        let what = report::entries(summary.files, summary.dirs, summary.symlinks);
        let sizes = report::sizes(summary.raw_bytes, summary.archive_bytes);
        say!("{name}: {what}, {sizes} in {}", report::speed(summary.raw_bytes, took));
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

/// Says what would be packed.
fn dry_run(args: &Args, session: &Session, output: &Path, options: &PackOptions) -> Result<Status> {
    let (paths, out) = (args.inputs.paths(), (output != Path::new("-")).then_some(output));
    let (entries, summary) = llz::plan_pack(&paths, out, options, &session.progress)?;
    list::dry_run(&entries, args.json, session)?;
    report::packed(session, args.json, &summary);
    if !session.quiet {
        let what = report::entries(summary.files, summary.dirs, summary.symlinks);
        let bytes = report::bytes(summary.raw_bytes);
        say!("{what}, {bytes}, would be packed; nothing was written");
    }
    let is_whole = summary.skipped.is_empty() && summary.losses.is_empty();
    Ok(if is_whole { Status::Done } else { Status::Skipped })
}

fn to_stdout(args: &Args, options: &PackOptions, session: &Session) -> Result<PackSummary> {
    if args.verify || args.json || args.resume {
        let why = "--verify, --json and --resume need a file to write to: -o FILE";
        return Err(Error::Usage(why.into()));
    }
    let out = streams::output()?;
    if out.is_terminal() && !args.force {
        return Err(Error::Usage(
            "an archive is no use on a terminal: redirect it, or name a file with -o FILE".into(),
        ));
    }
    let _watch = session.watch("packing");
    // The writer is flushed when the archive ends.
    llz::pack(&args.inputs.paths(), &mut BufWriter::new(out), options, &session.progress)
}

/// Fails if a file that is read beside the inputs (a list, the model, standard input) would be replaced by the archive.
fn check_not_replaced(args: &Args, limits: &Limits, output: &Path) -> Result<()> {
    let written = match output == Path::new("-") {
        true => streams::output_id(),
        false => llz::FileId::of_path(output).ok(),
    };
    if written.is_none() {
        return Ok(());
    }
    let mut read: Vec<PathBuf> = args.inputs.lists().map(PathBuf::from).collect();
    read.extend(args.model.model.iter().flat_map(|given| models::files(given, limits)));
    read.extend(args.inputs.has_input().then(|| PathBuf::from("-")));
    streams::check_not_read(written.as_ref(), &read)
}

//! `llz pack`

use std::ffi::OsString;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use llz::{Error, Links, PackOptions, PackSummary, Result};
use serde_json::json;

use super::Status;
use super::args::{LevelArg, LimitArgs, ModelArg, memory_size};
use super::models;
use super::report;
use super::session::Session;
use super::streams::{self, say};
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz pack src                             makes src.llz in the current directory
  llz pack a.txt b.txt -o both.llz         several things need a name for the archive
  llz pack -9 -o best.llz src              the best model, slower
  llz pack --exclude '*.o' --exclude target/debug .
  git ls-files | llz pack --files-from - -o tree.llz
  llz pack -o - src | ssh host 'cat > src.llz'
  llz pack --resume huge                   the same command again goes on where it was stopped

Paths are stored as they are given, without a leading /, . or .., as tar does it.

The archive is never packed into itself: naming it as an input is an error, and where it is found in
a directory it is left out with a word. It appears when it is complete; a link named with -o keeps
its place, and what is no file (a device, a FIFO, /dev/fd/N) is written through.

Special files (pipes, devices, sockets), what cannot be read, and names and links that an archive
cannot hold are skipped with a warning and exit code 4; so does a file that changed while it was
read, which is stored as read. Links are stored as links. The archive is the same for any number of threads.

With --resume coded chunks are kept in OUT.part until the archive is complete, and those of a stopped
run are used where they fit: same bytes, same options, same model. The archive is the same as without.";

/// Pack files and directories into an archive
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "p")]
pub struct Args {
    /// What to pack; directories with all that is in them
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,
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
    /// Raw bytes per chunk: larger packs better, smaller uses more cores [default: by level]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    chunk_size: Option<usize>,
    /// Leave out what matches: a pattern without / by name at any depth, one with / by whole path
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Also pack the paths listed in FILE, one per line or each ended by a NUL; - is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// What to do with symbolic links: keep those that lead to inside, skip all, or follow them
    #[arg(long, value_name = "HOW", value_enum, default_value_t = LinksArg::Keep)]
    links: LinksArg,
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
    limits: LimitArgs,
}

/// What happens to symbolic links.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LinksArg {
    Keep,
    Skip,
    Follow,
}

impl From<LinksArg> for Links {
    fn from(arg: LinksArg) -> Self {
        match arg {
            LinksArg::Keep => Links::Keep,
            LinksArg::Skip => Links::Skip,
            LinksArg::Follow => Links::Follow,
        }
    }
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let mut paths = args.paths.clone();
    if let Some(list) = &args.files_from {
        paths.extend(read_list(list)?);
        if paths.is_empty() {
            return Err(Error::Usage(format!("{} names nothing to pack", list_name(list))));
        }
    }
    let output = match &args.output {
        Some(output) if llz::is_standard_output(output) => PathBuf::from("-"),
        Some(output) => output.clone(),
        None => default_output(&paths)?,
    };
    let limits = args.limits.limits();
    let given = args.model.model.as_deref();
    for read in given.map_or_else(Vec::new, |given| models::files(given, &limits)) {
        check_not_replaced(&read, &output)?;
    }
    let options = PackOptions {
        encode: session.encode_options(args.level.0, &args.model, args.chunk_size, limits)?,
        exclude: args.exclude.clone(),
        links: args.links.into(),
        verify: args.verify,
        resume: args.resume,
        output: None,
    };
    if let Some(list) = &args.files_from {
        check_not_replaced(list, &output)?;
    }
    if args.json && output != Path::new("-") {
        streams::check_output()?;
    }
    let start = Instant::now();
    let summary = if output == Path::new("-") {
        to_stdout(args, &paths, &options, session)?
    } else {
        let watch = session.watch("packing");
        let packed = llz::pack_to_path(&paths, &output, args.force, &options, &session.progress);
        drop(watch);
        if args.resume && matches!(packed, Err(Error::Interrupted)) && !session.quiet {
            say!("llz: what is packed so far is kept; the same command goes on with it");
        }
        packed?
    };
    report::warn_skipped(session, args.json, &summary.skipped);
    report::warn_changed(session, args.json, &summary.changed);
    report::warn_losses(session, args.json, &summary.losses);
    report::note_left_out(session, &summary.left_out);
    report::note_leftovers(session, &summary.leftovers);
    report::note_dropped(session, &summary.notes);
    let took = start.elapsed();
    if args.json {
        let value = json!({
            "archive": report::path_json(&output),
            "files": summary.files,
            "directories": summary.dirs,
            "links": summary.symlinks,
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

fn to_stdout(
    args: &Args,
    paths: &[PathBuf],
    options: &PackOptions,
    session: &Session,
) -> Result<PackSummary> {
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
    let options = PackOptions { output: streams::output_id(), ..options.clone() };
    // The writer is flushed when the archive ends.
    llz::pack(paths, &mut BufWriter::new(out), &options, &session.progress)
}

/// `NAME.llz` in the current directory, for the one path that is packed.
fn default_output(paths: &[PathBuf]) -> Result<PathBuf> {
    let [path] = paths else {
        return Err(Error::Usage("name the archive with -o OUT when packing several paths".into()));
    };
    // `.` and `..` have no name of their own; the directory they mean has.
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        None => {
            let whole = path.canonicalize().map_err(|e| Error::io(path, e))?;
            let name = whole.file_name().map(OsString::from);
            name.ok_or_else(|| Error::Usage("name the archive with -o OUT".into()))?
        }
    };
    let mut output = name;
    output.push(".llz");
    Ok(PathBuf::from(output))
}

/// Fails if a file that is read beside the inputs (the list, the model) would be replaced by the archive.
fn check_not_replaced(read: &Path, output: &Path) -> Result<()> {
    let written = match output == Path::new("-") {
        true => streams::output_id(),
        false => llz::FileId::of_path(output).ok(),
    };
    if written.is_some() && written == streams::id(read) {
        let read = list_name(read);
        return Err(Error::Usage(format!(
            "{read} is to be read and is the output as well: name another output"
        )));
    }
    Ok(())
}

fn list_name(list: &Path) -> String {
    if list == Path::new("-") { "standard input".into() } else { list.display().to_string() }
}

/// The paths listed in a file, one per line, or each ended by a NUL as `find -print0` does; no path holds a NUL, so
/// the list tells which. Empty lines and a byte order mark mean nothing.
fn read_list(list: &Path) -> Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    if list == Path::new("-") {
        streams::input()?.read_to_end(&mut bytes).map_err(|e| Error::io("-", e))?;
    } else {
        bytes = std::fs::read(list).map_err(|e| Error::io(list, e))?;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let by_nul = bytes.contains(&0);
    let lines = bytes.split(|&b| b == if by_nul { 0 } else { b'\n' });
    let lines = lines.map(|line| match by_nul {
        true => line,
        false => line.strip_suffix(b"\r").unwrap_or(line),
    });
    lines.filter(|line| !line.is_empty()).map(|line| path_from_bytes(list, line)).collect()
}

#[cfg(unix)]
fn path_from_bytes(_list: &Path, bytes: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_from_bytes(list: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let not_text = |_| Error::Usage(format!("{}: a path is not UTF-8", list.display()));
    std::str::from_utf8(bytes).map(PathBuf::from).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_named_after_the_only_path() {
        let output = |path: &str| default_output(&[path.into()]).unwrap();
        assert_eq!(output("src"), Path::new("src.llz"));
        assert_eq!(output("/usr/share/doc/"), Path::new("doc.llz"));
        assert_eq!(output("notes.txt"), Path::new("notes.txt.llz"));
        let here = std::env::current_dir().unwrap();
        let name = here.file_name().unwrap().to_str().unwrap();
        assert_eq!(output("."), PathBuf::from(format!("{name}.llz")));
        assert!(default_output(&["/".into()]).is_err());
        assert!(default_output(&["a".into(), "b".into()]).is_err());
        assert!(default_output(&[]).is_err());
    }
}

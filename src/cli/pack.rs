//! `llz pack`

use std::ffi::OsString;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use llz::{Error, Links, PackOptions, PackSummary, Result};
use serde_json::json;

use super::Status;
use super::args::{LevelArg, LimitArgs, ModelArg};
use super::list;
use super::lists;
use super::models;
use super::report;
use super::session::Session;
use super::size::{Size, chunk_size};
use super::streams::{self, say};
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz pack src                             makes src.llz in the current directory
  llz pack a.txt b.txt -o both.llz         several things need a name for the archive
  llz pack -9 -o best.llz src              the best model, slower
  llz pack --exclude '*.o' --exclude ./target/debug .
  llz pack --ignore --exclude-vcs .        what git would take, and no more
  find . -newer last -print0 | llz pack -0 --files-from - -o new.llz
  llz pack -C /home/me photos              stores photos, not home/me/photos
  mysqldump db | llz pack - --name db.sql -o db.llz
  llz pack -o - src | ssh host 'cat > src.llz'

Paths are stored as they are given, without a leading /, . or .., as tar does it.

The archive is never packed into itself: naming it as an input is an error, and where it is found in
a directory it is left out with a word. It appears when it is complete; a link named with -o keeps
its place, and what is no file (a device, a FIFO, /dev/fd/N) is written through.

Special files (pipes, devices, sockets), what cannot be read, and names and links that an archive
cannot hold are skipped with a warning and exit code 4; so does a file that changed while it was
read, which is stored as read. Links are stored as links. The archive is the same for any number of threads.";

/// Pack files and directories into an archive
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to pack; directories with all that is in them. - is standard input, stored as --name says
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
    #[arg(long, value_name = "SIZE", value_parser = chunk_size)]
    chunk_size: Option<Size>,
    /// Leave out what matches: a pattern without / by name at any depth, one with / by whole path (as it
    /// is given, as it is stored, or absolute), one with / at its end directories only
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Also leave out the patterns listed in FILE, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,
    /// Leave out what version control systems keep for themselves, such as .git and .svn
    #[arg(long)]
    exclude_vcs: bool,
    /// Leave out what .gitignore and .llzignore say, in each directory and above up to the repository
    #[arg(long)]
    ignore: bool,
    /// Also pack the paths listed in FILE, one per line or each ended by a NUL; - is standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Paths in the list are ended by a NUL, and lines have no meaning
    #[arg(short = '0', long, requires = "files_from")]
    null: bool,
    /// Paths, listed ones too, are relative to DIR, which is no part of what is stored
    #[arg(short = 'C', long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The path under which standard input is stored
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What to do with symbolic links: keep those that lead to inside, skip all, or follow them
    #[arg(long, value_name = "HOW", value_enum, default_value_t = LinksArg::Keep)]
    links: LinksArg,
    /// Print what would be packed, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Decode the finished archive and compare before it is put in place
    #[arg(long)]
    verify: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl Args {
    /// What relative paths are relative to; empty is the current directory.
    fn base(&self) -> &Path {
        self.directory.as_deref().unwrap_or(Path::new(""))
    }
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

/// What version control systems keep for themselves: the names that GNU tar leaves out for `--exclude-vcs`.
const VERSION_CONTROL: [&str; 22] = [
    "CVS",
    ".cvsignore",
    "RCS",
    "SCCS",
    ".svn",
    ".git",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".arch-ids",
    "[{]arch[}]",
    "=RELEASE-ID",
    "=meta-update",
    "=update",
    ".bzr",
    ".bzrignore",
    ".bzrtags",
    ".hg",
    ".hgignore",
    ".hgtags",
    "_darcs",
    ".jj",
];

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    if let Some(directory) = &args.directory
        && !directory.metadata().map_err(|e| Error::io(directory, e))?.is_dir()
    {
        return Err(Error::Usage(format!("-C {}: it is not a directory", directory.display())));
    }
    let mut paths = paths(args)?;
    let reads_input = paths.iter().any(|path| path == Path::new("-"));
    let output = match &args.output {
        Some(output) if llz::is_standard_output(output) => PathBuf::from("-"),
        Some(output) => output.clone(),
        // Nothing is written, so nothing needs a name.
        None if args.dry_run => default_output(&paths, args).unwrap_or_else(|_| "-".into()),
        None => default_output(&paths, args)?,
    };
    paths.retain(|path| path != Path::new("-"));
    let mut left_out = Vec::new();
    if let Some(list) = &args.files_from {
        let written = written(&output);
        for path in lists::paths(list, args.null)? {
            // Whoever makes a list with `find` does not mean the archive that is being made. Any other file that is
            // on the list would be lost, so the library refuses it.
            let place = args.base().join(&path);
            if written.is_some()
                && llz::FileId::of_path(&place).ok() == written
                && is_archive(&place)
            {
                left_out.push(place);
            } else {
                paths.push(path);
            }
        }
        if paths.is_empty() && !reads_input {
            return Err(Error::Usage(format!("{} names nothing to pack", lists::name(list))));
        }
    }
    let limits = args.limits.limits();
    let given = args.model.model.as_deref();
    for read in given.map_or_else(Vec::new, |given| models::files(given, &limits)) {
        check_not_replaced(&read, &output)?;
    }
    let mut exclude = args.exclude.clone();
    for list in &args.exclude_from {
        exclude.extend(lists::patterns(list)?);
        check_not_replaced(list, &output)?;
    }
    if args.exclude_vcs {
        exclude.extend(VERSION_CONTROL.map(String::from));
    }
    let mut options = PackOptions {
        encode: session.encode_options(
            args.level.0,
            &args.model,
            args.chunk_size.as_ref(),
            limits,
        )?,
        directory: args.base().into(),
        inputs: Vec::new(),
        exclude,
        ignore_files: args.ignore,
        links: args.links.into(),
        verify: args.verify,
        output: None,
    };
    if let Some(list) = &args.files_from {
        check_not_replaced(list, &output)?;
    }
    if args.json && output != Path::new("-") {
        streams::check_output()?;
    }
    if let Some(name) = args.name.as_ref().filter(|_| reads_input) {
        check_not_replaced(Path::new("-"), &output)?;
        let file = match args.dry_run {
            true => streams::nothing()?,
            false => streams::spooled_input(&session.progress)?,
        };
        let file = std::sync::Arc::new(file);
        options.inputs.push(llz::Input { path: name.clone(), file });
    }
    if args.dry_run {
        return dry_run(args, session, (&paths, left_out), &output, options);
    }
    let start = Instant::now();
    let mut summary = if output == Path::new("-") {
        to_stdout(args, &paths, &options, session)?
    } else {
        let _watch = session.watch("packing");
        llz::pack_to_path(&paths, &output, args.force, &options, &session.progress)?
    };
    summary.left_out.splice(..0, left_out);
    tell(args, session, &summary);
    let took = start.elapsed();
    if args.json {
        let value = json!({
            "archive": report::path_json(&output),
            "files": summary.files,
            "directories": summary.dirs,
            "links": summary.symlinks,
            "raw_bytes": summary.raw_bytes,
            "archive_bytes": summary.archive_bytes,
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

/// Says what is not in the archive as it was found.
fn tell(args: &Args, session: &Session, summary: &PackSummary) {
    report::warn_skipped(session, args.json, &summary.skipped);
    report::warn_changed(session, args.json, &summary.changed);
    report::warn_losses(session, args.json, &summary.losses);
    report::note_left_out(session, &summary.left_out);
    report::note_leftovers(session, &summary.leftovers);
    report::note_dropped(session, &summary.notes);
    report::note_unused(session, &VERSION_CONTROL, &summary.unused_exclude);
}

/// Says what would be packed.
fn dry_run(
    args: &Args,
    session: &Session,
    (paths, left_out): (&[PathBuf], Vec<PathBuf>),
    output: &Path,
    mut options: PackOptions,
) -> Result<Status> {
    let out = (output != Path::new("-")).then_some(output);
    if out.is_none() {
        options.output = streams::output_id();
    }
    let (entries, mut summary) = llz::plan_pack(paths, out, &options, &session.progress)?;
    summary.left_out.splice(..0, left_out);
    list::dry_run(&entries, args.json, session)?;
    tell(args, session, &summary);
    if !session.quiet {
        let what = report::entries(summary.files, summary.dirs, summary.symlinks);
        let bytes = report::bytes(summary.raw_bytes);
        say!("{what}, {bytes}, would be packed; nothing was written");
    }
    let is_whole = summary.skipped.is_empty() && summary.losses.is_empty();
    Ok(if is_whole { Status::Done } else { Status::Skipped })
}

fn to_stdout(
    args: &Args,
    paths: &[PathBuf],
    options: &PackOptions,
    session: &Session,
) -> Result<PackSummary> {
    if args.verify || args.json {
        return Err(Error::Usage("--verify and --json need a file to write to: -o FILE".into()));
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

/// The paths that are named, if together they make sense.
fn paths(args: &Args) -> Result<Vec<PathBuf>> {
    let is_input = |path: &&PathBuf| path.as_path() == Path::new("-");
    let inputs = args.paths.iter().filter(is_input).count();
    let lists = args.files_from.iter().chain(&args.exclude_from).filter(is_input).count();
    if inputs + lists > 1 {
        return Err(Error::Usage("standard input can be read once only".into()));
    }
    match (&args.name, inputs) {
        (None, 1) => Err(Error::Usage(
            "- is standard input: say with --name NAME what to store it as; a file called - is ./-"
                .into(),
        )),
        (Some(_), 0) => {
            Err(Error::Usage("--name is for standard input: also give - as a path".into()))
        }
        _ => Ok(args.paths.clone()),
    }
}

/// `NAME.llz` in the current directory, for the one path that is packed.
fn default_output(paths: &[PathBuf], args: &Args) -> Result<PathBuf> {
    if args.files_from.is_some() {
        return Err(Error::Usage("name the archive with -o OUT when packing a list".into()));
    }
    let [path] = paths else {
        return Err(Error::Usage("name the archive with -o OUT when packing several paths".into()));
    };
    let path = match &args.name {
        Some(name) => PathBuf::from(name),
        None => args.base().join(path),
    };
    // `.` and `..` have no name of their own; the directory they mean has.
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        None => {
            let whole = path.canonicalize().map_err(|e| Error::io(&path, e))?;
            let name = whole.file_name().map(OsString::from);
            name.ok_or_else(|| Error::Usage("name the archive with -o OUT".into()))?
        }
    };
    let mut output = name;
    output.push(".llz");
    Ok(PathBuf::from(output))
}

/// The file that is there already where the archive is written to.
fn written(output: &Path) -> Option<llz::FileId> {
    match output == Path::new("-") {
        true => streams::output_id(),
        false => llz::FileId::of_path(output).ok(),
    }
}

/// Whether a file is an archive, or one that has just been begun: it may be replaced by another.
fn is_archive(path: &Path) -> bool {
    use std::io::Read;
    let mut begin = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(8).read_to_end(&mut begin));
    read.is_ok() && (begin.is_empty() || begin == llz::MAGIC)
}

/// Fails if a file that is read beside the inputs (the list, the model) would be replaced by the archive.
fn check_not_replaced(read: &Path, output: &Path) -> Result<()> {
    let written = written(output);
    if written.is_some() && written == streams::id(read) {
        let read = lists::name(read);
        return Err(Error::Usage(format!(
            "{read} is to be read and is the output as well: name another output"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_named_after_the_only_path() {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let args = |line: &[&str]| Line::parse_from(["pack"].iter().chain(line).chain(&["x"])).args;
        let plain = args(&[]);
        let output = |path: &str| default_output(&[path.into()], &plain).unwrap();
        assert_eq!(output("src"), Path::new("src.llz"));
        assert_eq!(output("/usr/share/doc/"), Path::new("doc.llz"));
        assert_eq!(output("notes.txt"), Path::new("notes.txt.llz"));
        let here = std::env::current_dir().unwrap();
        let name = here.file_name().unwrap().to_str().unwrap();
        assert_eq!(output("."), PathBuf::from(format!("{name}.llz")));
        assert!(default_output(&["/".into()], &plain).is_err());
        assert!(default_output(&["a".into(), "b".into()], &plain).is_err());
        assert!(default_output(&[], &plain).is_err());
        let listed = args(&["--files-from", "list"]);
        assert!(default_output(&["a".into()], &listed).is_err());
        let named = args(&["--name", "logs/day.txt"]);
        assert_eq!(default_output(&["-".into()], &named).unwrap(), Path::new("day.txt.llz"));
    }
}

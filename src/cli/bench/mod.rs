//! `llz bench`

mod measure;
mod page;
mod subjects;
mod table;

use std::path::{Path, PathBuf};

use llz::{Bound, Coder, Error, Limits, Result};

use super::args::LimitArgs;
use super::explain::put;
use super::session::Session;
use super::size::{Size, chunk_size};
use super::streams::{self, say};
use super::{Status, report};
use subjects::Subject;

const EXAMPLES: &str = "\
Examples:
  llz bench letters                              the default level and what else is installed
  llz bench --levels 1,4,6,9 --repeat 3 src      levels, each three times
  llz bench --levels 4 --coders mix,arith,huffman,rank-zstd --no-others book.txt
  llz bench --levels 4 --context 100,1000,4096 --no-others book.txt
  llz bench --levels 6 --chunk-sizes 64k,1M,16M --html report.html src

Every output is decoded and compared. All files are taken together as one, so that programs which take
one file see the same bytes. Figures of time are worth something on a machine that does nothing else.";

/// Compare models, levels, coders, chunk sizes and context lengths, also with other programs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files, and directories with all files below them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Levels
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "6")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    levels: Vec<u8>,
    /// Models in place of the levels' own: files, or names of installed ones; levels 1 to 3 use none
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',')]
    models: Vec<PathBuf>,
    /// Coders; all but mix need a model
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = Coder::default().name())]
    #[arg(value_parser = super::args::coder_parser())]
    coders: Vec<Coder>,
    /// Raw bytes per chunk [default: by level]
    #[arg(long, value_name = "SIZE,…", value_delimiter = ',', value_parser = chunk_size)]
    chunk_sizes: Vec<Size>,
    /// Also code as one text by a model that forgets all after so many tokens, one after the other in this process
    #[arg(long, value_name = "TOKENS,…", value_delimiter = ',')]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    context: Vec<u32>,
    /// Leave out other programs; else those of zstd, xz, brotli, bzip3, 7z, zpaq, lrzip, paq8px and cmix that are there
    #[arg(long)]
    no_others: bool,
    /// Only these other programs
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with = "no_others")]
    others: Vec<String>,
    /// How often each is run; the median counts, and the table tells how far the times spread
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,
    /// Print the figures as JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the figures as CSV
    #[arg(long)]
    csv: bool,
    /// Write a page with the table and a picture of size against time
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Replace the page if it exists
    #[arg(short, long, requires = "html")]
    force: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_output()?;
    let limits = args.limits.limits();
    let raw = gather(&args.paths, &limits)?;
    if raw.is_empty() {
        return Err(Error::Usage("there is nothing to measure: no file has any bytes".into()));
    }
    let subjects = subjects::all(args, session, &limits)?;
    let mut rows = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        session.progress.check()?;
        if !session.quiet {
            say!("{}/{} {}", number + 1, subjects.len(), subject.name());
        }
        let measured = measure::measure(subject, &raw, args.repeat.into(), session);
        match measured {
            Ok(row) => rows.push(row),
            Err(error @ Error::Interrupted) => return Err(error),
            // Another program that fails costs itself only; this one may not.
            Err(error) if matches!(subject, Subject::Other(_)) => {
                say!("llz: {}: left out: {error}", subject.name());
            }
            Err(error) => return Err(error),
        }
    }
    let table = table::Table { raw: raw.len() as u64, repeat: args.repeat.into(), rows };
    let shown = match (args.json, args.csv) {
        (true, _) => table.json()?,
        (_, true) => table.csv(),
        _ => table.text(),
    };
    streams::emit(shown)?;
    if let Some(out) = &args.html {
        let page = page::write(&table)?;
        put(out, page.as_bytes(), args.force)?;
        if !session.quiet {
            let size = report::bytes(page.len() as u64);
            say!("{}: {size}", super::terminal::escape(&out.display().to_string()));
        }
    }
    Ok(Status::Done)
}

/// The bytes of all files, one after the other in the order of their names.
fn gather(paths: &[PathBuf], limits: &Limits) -> Result<Vec<u8>> {
    let mut raw = Vec::new();
    for path in paths {
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let at = error.path().unwrap_or(path).to_path_buf();
                let why = error.into_io_error();
                Error::io(at, why.unwrap_or_else(|| std::io::Error::other("links that go round")))
            })?;
            if entry.path().is_file() {
                raw.extend(read(entry.path())?);
            }
            if raw.len() as u64 > limits.total_bytes.min(limits.memory) {
                let (what, limit) = ("what is to be measured".into(), limits.memory);
                return Err(Error::Limit { what, limit, bound: Bound::Memory });
            }
        }
    }
    Ok(raw)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io(path, error))
}

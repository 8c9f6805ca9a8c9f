//! `llz explain`

mod page;
mod terminal;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use llz::lab::{Explained, Laboratory};
use llz::{EncodeOptions, Error, Result};

use super::args::{LevelArg, LimitArgs, ModelArg};
use super::session::Session;
use super::streams::{self, say};
use super::{Status, lab, models, report};

const EXAMPLES: &str = "\
Examples:
  llz explain letter.txt                    the text, coloured by bits
  llz explain --lines --by model src/a.rs   what each line costs, by the model alone
  llz explain --html page.html letter.txt   a page to look at in a browser
  llz explain --html page.html --beside nano letter.txt   and what another model says

The text is taken as one chunk. The bits are those that an archive spends (mixed), those of the model
alone (model), or those of contexts alone as at levels without a model (contexts).";

/// Where do the bits go? Show what each word of a text costs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which bits to show
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Way::Mixed)]
    by: Way,
    /// Put in front of each line how many bits it takes
    #[arg(long)]
    lines: bool,
    /// Colours in the terminal
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
    /// Write a page for a browser; it needs nothing else
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Replace the page if it exists
    #[arg(short, long, requires = "html")]
    force: bool,
    /// Also show what this model says: nano, small, a file, or the name of an installed one
    #[arg(long, value_name = "MODEL", requires = "html")]
    beside: Option<PathBuf>,
    /// How many likely tokens the page has of each place
    #[arg(long, value_name = "K", default_value_t = 3, requires = "html")]
    #[arg(value_parser = clap::value_parser!(u8).range(..=20))]
    best: u8,
    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// A way of counting bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// As an archive spends them
    Mixed,
    /// By the model alone
    Model,
    /// By contexts alone
    Contexts,
}

impl Way {
    fn bits(self, token: &Explained) -> f64 {
        match self {
            Way::Mixed => token.mixed,
            Way::Model => token.by_model.bits,
            Way::Contexts => token.by_contexts,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Way::Mixed => "mixed",
            Way::Model => "model",
            Way::Contexts => "contexts",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// The opinion of one model of the text.
struct Reading {
    lab: Laboratory,
    tokens: Vec<Explained>,
}

impl Reading {
    /// Each token's bytes with what is known of it.
    fn each(&self) -> impl Iterator<Item = (&[u8], &Explained)> {
        let spelled = |token: &Explained| self.lab.token(token.by_model.token).unwrap_or_default();
        self.tokens.iter().map(move |token| (spelled(token), token))
    }

    fn total(&self, way: Way) -> f64 {
        self.tokens.iter().map(|token| way.bits(token)).sum()
    }
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    if args.html.is_none() {
        streams::check_output()?;
    }
    let limits = args.limits.limits();
    let text = lab::file(&args.file, &limits)?;
    let options = session.encode_options(args.level.level(), &args.model, None, limits)?;
    let beside = args.beside.as_deref().map(|given| models::open(given, &limits)).transpose()?;
    let best = if args.html.is_some() { usize::from(args.best) } else { 0 };
    session.progress.set_total(text.len() as u64 * if beside.is_some() { 2 } else { 1 });
    let watch = session.watch("explaining");
    let read = |options: &EncodeOptions| {
        let lab = Laboratory::new(options)?;
        let tokens = lab.explain(&text, best, &session.progress)?;
        Ok::<_, Error>(Reading { lab, tokens })
    };
    let reading = read(&options)?;
    let other = beside.map(|model| read(&EncodeOptions { model: Some(model), ..options.clone() }));
    let other = other.transpose()?;
    drop(watch);
    match &args.html {
        None => on_terminal(args, &reading)?,
        Some(out) => {
            let page = page::write(&title(&args.file), &reading, other.as_ref())?;
            put(out, &page, args.force)?;
            if !session.quiet {
                let size = report::bytes(page.len() as u64);
                say!("{}: {size}", super::terminal::escape(&out.display().to_string()));
            }
        }
    }
    Ok(Status::Done)
}

fn title(file: &Path) -> String {
    match file.file_name() {
        Some(name) if file != Path::new("-") => name.to_string_lossy().into_owned(),
        _ => "standard input".into(),
    }
}

fn on_terminal(args: &Args, reading: &Reading) -> Result<()> {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colored = match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && !no_color,
    };
    let width = terminal::width();
    let mut output = streams::buffered_output()?;
    // Without colours the numbers are all there is to see.
    let lines = args.lines || !colored;
    terminal::Picture { way: args.by, colored, lines, width }
        .write(reading, &mut output)
        .and_then(|()| output.flush())
        .map_err(|error| Error::io("-", error))
}

/// Writes a file that appears when it is whole.
pub fn put(out: &Path, content: &[u8], force: bool) -> Result<()> {
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |error| Error::io(out, error);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    #[cfg(unix)]
    readable(file.as_file()).map_err(failed)?;
    let placed = if force { file.persist(out) } else { file.persist_noclobber(out) };
    match placed {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::Exists(out.into()))
        }
        Err(error) => Err(failed(error.error)),
    }
}

/// A temporary file is its owner's alone; this one is like any other that the user makes.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

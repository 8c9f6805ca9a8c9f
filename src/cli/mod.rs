//! The command line: what can be asked for, and the way from an answer to an exit code.
//!
//! One file per verb. Help, completions and man pages all come from the definitions here.
#![forbid(unsafe_code)]

mod add;
mod args;
mod bench;
mod cat;
mod compact;
mod completions;
mod delete;
mod exit;
mod explain;
mod filter;
mod generate;
mod habits;
mod info;
mod inputs;
mod lab;
mod list;
mod lists;
mod losses;
mod man;
mod model;
mod models;
mod pack;
mod report;
mod session;
mod size;
mod streams;
mod terminal;
mod test;
mod time;
mod unpack;

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::OUT_OF_MEMORY;
use session::Session;
use streams::say;

const EXAMPLES: &str = "\
Examples:
  llz pack letters notes.txt -o backup.llz  pack a directory and a file
  llz pack src                              makes src.llz
  llz list src.llz                          what is in it
  llz add src.llz src                       add what is new in src or has changed
  llz unpack src.llz -C /tmp                unpack everything below /tmp
  llz unpack src.llz src/main.rs            unpack one file
  llz cat src.llz src/main.rs | less        look at one file
  llz test src.llz                          decode everything, check every checksum
  tar -I llz -cf x.tar.llz dir              as tar's compressor; -xf works the same way
  ssh host llz pack -o - /etc | llz unpack -C copy -
  llz model install base.safetensors        a larger model, for --model base

Exit codes:
  0    done
  1    input/output error, or an error inside llz
  2    the command line makes no sense
  3    the archive needs a version or feature that this llz lacks
  4    done, but something was skipped, or was damaged (--keep-going)
  5    corrupt or truncated data
  6    a safety limit was reached (--limit-*)
  7    an unsafe path; nothing was written
  8    the model is missing or is not the one the archive names
  9    the destination exists (-f replaces it)
  130  interrupted";

/// An archiver that predicts data with a language model and stores only the surprises
#[derive(Debug, Parser)]
#[command(
    name = "llz",
    version,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: args::Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Pack(pack::Args),
    Add(add::Args),
    Delete(delete::Args),
    Compact(compact::Args),
    Unpack(unpack::Args),
    List(list::Args),
    Info(info::Args),
    Test(test::Args),
    Cat(cat::Args),
    Filter(filter::Args),
    Model(model::Args),
    Explain(explain::Args),
    Bench(bench::Args),
    Generate(generate::Args),
    Lab(lab::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The end of a verb that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Everything that was asked for.
    Done,
    /// Done, but something was skipped.
    Skipped,
    /// Nothing of a damaged archive could be had.
    Lost,
}

impl Verb {
    fn run(&self, session: &Session) -> llz::Result<Status> {
        match self {
            Verb::Pack(args) => pack::run(args, session),
            Verb::Add(args) => add::run(args, session),
            Verb::Delete(args) => delete::run(args, session),
            Verb::Compact(args) => compact::run(args, session),
            Verb::Unpack(args) => unpack::run(args, session),
            Verb::List(args) => list::run(args, session),
            Verb::Info(args) => info::run(args, session),
            Verb::Test(args) => test::run(args, session),
            Verb::Cat(args) => cat::run(args, session),
            Verb::Filter(args) => filter::run(args, session),
            Verb::Model(args) => model::run(args, session),
            Verb::Explain(args) => explain::run(args, session),
            Verb::Bench(args) => bench::run(args, session),
            Verb::Generate(args) => generate::run(args, session),
            Verb::Lab(args) => lab::run(args, session),
            Verb::Completions(args) => completions::run(args),
            Verb::Man(args) => man::run(args),
        }
    }

    /// The file that an error without a path of its own is about.
    fn subject(&self) -> Option<&Path> {
        match self {
            Verb::Add(args) => Some(&args.archive),
            Verb::Delete(args) => Some(&args.archive),
            Verb::Compact(args) => Some(&args.archive),
            Verb::Unpack(args) => Some(&args.archive),
            Verb::List(args) => Some(&args.source.archive),
            Verb::Info(args) => Some(&args.source.archive),
            Verb::Test(args) => Some(&args.source.archive),
            Verb::Cat(args) => Some(&args.source.archive),
            Verb::Explain(args) => Some(&args.file),
            Verb::Filter(_) | Verb::Lab(_) => Some(Path::new("-")),
            Verb::Model(args) => args.subject(),
            Verb::Pack(_)
            | Verb::Bench(_)
            | Verb::Generate(_)
            | Verb::Completions(_)
            | Verb::Man(_) => None,
        }
    }

    /// A limit as it was given, or in a unit that fits.
    fn shown(&self, bound: llz::Bound, limit: u64) -> String {
        match self {
            Verb::Pack(args) => args.limits.shown(bound, limit),
            Verb::Add(args) => args.limits.shown(bound, limit),
            Verb::Delete(args) => args.limits.shown(bound, limit),
            Verb::Compact(args) => args.limits.shown(bound, limit),
            Verb::Unpack(args) => args.limits.shown(bound, limit),
            Verb::List(args) => args.source.limits.shown(bound, limit),
            Verb::Info(args) => args.source.limits.shown(bound, limit),
            Verb::Test(args) => args.source.limits.shown(bound, limit),
            Verb::Cat(args) => args.source.limits.shown(bound, limit),
            Verb::Filter(args) => args.limits.shown(bound, limit),
            Verb::Model(args) => args.shown(limit),
            Verb::Explain(args) => args.limits.shown(bound, limit),
            Verb::Bench(args) => args.limits.shown(bound, limit),
            Verb::Generate(args) => args.shown(bound, limit),
            Verb::Lab(args) => args.shown(bound, limit),
            Verb::Completions(_) | Verb::Man(_) => limit.to_string(),
        }
    }

    /// Says whether its product goes to standard output in a way that may be cut off at will, as `head`
    /// does. What `pack` writes is worthless when it is incomplete.
    fn may_be_cut_off(&self) -> bool {
        match self {
            Verb::Pack(_) => false,
            Verb::Filter(args) => args.decompress,
            _ => true,
        }
    }

    /// Says whether nothing has to be cleaned up when it is interrupted.
    fn may_be_killed(&self) -> bool {
        match self {
            Verb::Pack(_)
            | Verb::Add(_)
            | Verb::Delete(_)
            | Verb::Compact(_)
            | Verb::Unpack(_)
            | Verb::Bench(_) => false,
            Verb::Model(args) => args.may_be_killed(),
            _ => true,
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    // Writing beyond `ulimit -f` is then an error like any other.
    crate::process::early::ignore_file_size_signal();
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(wrong) = habits::wrong_level(&args) {
        return refuse(llz::Error::Usage(wrong));
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(refused) => match habits::filter(&args, &refused) {
            Some(cli) => cli,
            None => return answer(&args, &refused),
        },
    };
    let session = match Session::start(cli.common, cli.verb.may_be_killed()) {
        Ok(session) => session,
        Err(error) => return refuse(error),
    };
    // A panic unwinds, so that temporary files go away; it is a bug, but still one exit code.
    let ran = catch_unwind(AssertUnwindSafe(|| cli.verb.run(&session)));
    let Ok(result) = ran else {
        say!("llz: an error inside llz; please report it with what is printed above");
        return exit::FAILED.into();
    };
    exit_code(result, &cli.verb, &session)
}

fn exit_code(result: llz::Result<Status>, verb: &Verb, session: &Session) -> ExitCode {
    match result {
        Ok(Status::Done) if session.saw_unfinished() => exit::SKIPPED.into(),
        Ok(Status::Done) => ExitCode::SUCCESS,
        Ok(Status::Skipped) => exit::SKIPPED.into(),
        Ok(Status::Lost) => exit::CORRUPT.into(),
        Err(error) if verb.may_be_cut_off() && exit::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Whatever failed after Ctrl-C failed because of it, such as a pipe that broke.
            let stopped = session.progress.check().is_err();
            let error = if stopped { llz::Error::Interrupted } else { error };
            exit::print(&error, verb.subject(), &|bound, limit| verb.shown(bound, limit));
            exit::code(&error).into()
        }
    }
}

/// Ends before anything has begun.
fn refuse(error: llz::Error) -> ExitCode {
    exit::print(&error, None, &|_, limit| limit.to_string());
    exit::code(&error).into()
}

/// Prints help or the version on standard output, or what is wrong with a command line on standard
/// error.
fn answer(args: &[std::ffi::OsString], refused: &clap::Error) -> ExitCode {
    if let Some((wrong, instead)) = habits::suggestion(args, refused) {
        say!("llz: {}", terminal::escape(&wrong));
        say!("hint: {}", terminal::escape(&instead));
        return exit::USAGE.into();
    }
    let code = u8::try_from(refused.exit_code()).unwrap_or(exit::USAGE);
    if refused.use_stderr() || std::io::stdout().is_terminal() {
        // In colour where that is wanted.
        let _ = refused.print();
        return code.into();
    }
    match streams::emit(refused.render().to_string()) {
        Ok(()) => code.into(),
        Err(error) if exit::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => refuse(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        for code in exit::ALL {
            assert!(EXAMPLES.contains(&format!("\n  {code:<3}  ")), "{code}");
        }
    }
}

//! `llz man`

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use llz::{Error, Result};

use super::{Cli, Status, streams};

const EXAMPLES: &str = "\
Examples:
  llz man | man -l -                       read the overview
  llz man pack > llz-pack.1                make the page of one verb";

/// Print a manual page (roff)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The verb; without it, the overview
    verb: Option<String>,
}

pub fn run(args: &Args) -> Result<Status> {
    let mut command = Cli::command().disable_help_flag(true);
    command.build();
    if let Some(verb) = &args.verb {
        let found = command.find_subcommand(verb).cloned();
        let page = found.ok_or_else(|| Error::Usage(format!("there is no verb {verb:?}")))?;
        // Leaked once, in a program that is about to end: the page's name must be static.
        command = page.name(format!("llz-{verb}").leak() as &'static str);
    }
    let page = page(command).map_err(|e| Error::io("-", e))?;
    streams::emit(&page)?;
    Ok(Status::Done)
}

/// The page, with examples and exit codes as they were typed instead of flowing text.
fn page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let subcommands = command.has_subcommands();
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if subcommands {
        man.render_subcommands_section(&mut page)?;
    }
    if !notes.is_empty() {
        let mut roff = Roff::default();
        roff.control("SH", ["NOTES"]).control("nf", []);
        for line in notes.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []).to_writer(&mut page)?;
    }
    Ok(page)
}

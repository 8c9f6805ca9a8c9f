//! `llz completions`

use clap::CommandFactory;
use clap_complete::Shell;
use llz::Result;

use super::{Cli, Status, streams};

const EXAMPLES: &str = "\
Examples:
  llz completions bash > ~/.local/share/bash-completion/completions/llz
  llz completions zsh > ~/.zfunc/_llz
  llz completions fish > ~/.config/fish/completions/llz.fish";

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "llz", &mut script);
    streams::emit(&script)?;
    Ok(Status::Done)
}

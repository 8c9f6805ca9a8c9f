//! `llz filter`

use std::path::Path;
use std::time::Instant;

use llz::{Decoder, EncodeOptions, Encoder, Error, Result, Totals};

use super::Status;
use super::args::{CoderArg, LevelArg, LimitArgs, ModelArg};
use super::report;
use super::session::Session;
use super::size::{Size, size};
use super::streams::{self, say};

const EXAMPLES: &str = "\
Examples:
  tar -I llz -cf src.tar.llz src           tar makes the archive, llz makes it small
  tar -I llz -xf src.tar.llz               tar itself adds -d
  tar -I 'llz -9' -cf src.tar.llz src      between pipes and files, llz without a verb is this filter
  llz filter < message > message.llzs      a dozen bytes of framing, good for short messages
  llz filter -d < message.llzs

The output of several runs may be concatenated.";

/// Compress standard input to standard output, like gzip; -d decompresses
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "f")]
pub struct Args {
    /// Decompress
    #[arg(short, long)]
    pub decompress: bool,
    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    coder: CoderArg,
    /// Raw bytes per frame: larger packs better, smaller uses more cores [default: by level]
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "decompress")]
    chunk_size: Option<Size>,
    /// Write compressed data even to a terminal
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let limits = args.limits.limits();
    let read = [Path::new("-")].into_iter().chain(args.model.model.as_deref());
    streams::check_not_output(read)?;
    let (input, output) = (streams::input()?, streams::output()?);
    let start = Instant::now();
    let totals = if args.decompress {
        let options = session.decode_options(Some(&args.model), limits)?;
        let _watch = session.watch("decompressing");
        Decoder::new(options).decompress(input, output, &session.progress)?
    } else {
        if output.is_terminal() && !args.force {
            return Err(Error::Usage(
                "compressed data is no use on a terminal: redirect it to a file or pipe".into(),
            ));
        }
        let options = EncodeOptions {
            coder: args.coder.coder,
            ..session.encode_options(
                args.level.level(),
                &args.model,
                args.chunk_size.as_ref(),
                limits,
            )?
        };
        let encoder = Encoder::new(options)?;
        if let Some(length) = stdin_length() {
            session.progress.set_total(length);
        }
        let _watch = session.watch("compressing");
        encoder.compress(input, output, &session.progress)?
    };
    // A filter stays silent inside a pipeline unless it is asked.
    if session.verbose {
        let Totals { raw, coded } = totals;
        say!("{} in {}", report::sizes(raw, coded), report::speed(raw, start.elapsed()));
    }
    Ok(Status::Done)
}

/// The length of standard input where it is a file.
#[cfg(unix)]
fn stdin_length() -> Option<u64> {
    use std::os::fd::AsFd;
    let input = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    input.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

#[cfg(not(unix))]
fn stdin_length() -> Option<u64> {
    None
}

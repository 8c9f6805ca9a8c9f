//! `llz lab`

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use llz::lab::Laboratory;
use llz::lab::stages::{self, Stage};
use llz::{EncodeOptions, Error, Limits, Result};

use super::Status;
use super::args::{CoderArg, LevelArg, LimitArgs, ModelArg};
use super::generate::{Sampled, prompt};
use super::session::Session;
use super::streams::{self, say};

const EXAMPLES: &str = "\
Examples:
  llz lab tokens < a.txt | llz lab ranks --best 3 | jq -c 'select(.bits > 10)'
  llz lab tokens < a.txt | llz lab ranks | llz lab code --coder huffman > a.jsonl
  llz lab decode < a.jsonl | llz lab unranks | llz lab untokens
  llz lab steer 'Hello, world' > bits; llz generate --bits bits --length 4

All but the last read lines of JSON and write lines of JSON, but for the bytes at both ends;
spec/lab.schema.json describes them. Each line forwards has its way back. The first line names the
model, so only the first stage is told which one to take.";

/// Look at how texts are coded, step by step
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Bytes to the tokens that spell them
    Tokens {
        #[command(flatten)]
        level: LevelArg,
        #[command(flatten)]
        model: ModelArg,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Tokens to their ranks: how many tokens the model holds for likelier, with probability and bits
    Ranks {
        /// Add the K likeliest tokens of each place
        #[arg(long, value_name = "K", default_value_t = 0)]
        #[arg(value_parser = clap::value_parser!(u16).range(..=1000))]
        best: u16,
        #[command(flatten)]
        found: Found,
    },
    /// Ranks or tokens to coded bytes
    Code {
        #[command(flatten)]
        coder: CoderArg,
        #[command(flatten)]
        found: Found,
    },
    /// Coded bytes to ranks
    Decode {
        #[command(flatten)]
        found: Found,
    },
    /// Ranks to tokens
    Unranks {
        #[command(flatten)]
        found: Found,
    },
    /// Tokens to bytes
    Untokens {
        #[command(flatten)]
        found: Found,
    },
    /// The bits that make `llz generate` say a text, which is read from standard input if it is not given
    Steer {
        /// The text
        text: Option<String>,
        #[command(flatten)]
        sampled: Sampled,
    },
}

/// The options by which a stage finds the model that its input names.
#[derive(Debug, clap::Args)]
struct Found {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    limits: LimitArgs,
}

impl Found {
    /// Finds the model of the lines.
    fn lab<R: BufRead>(&self, stage: &Stage<R>, session: &Session) -> Result<(Laboratory, Limits)> {
        let limits = self.limits.limits();
        let options = session.decode_options(Some(&self.model), limits)?;
        let model = options.models.find(&stage.model())?.ok_or_else(|| {
            let sha256 = llz::hex(&stage.model());
            Error::Model(format!("the model with SHA-256 {sha256} is needed and not here"))
        })?;
        let instruction_set = options.instruction_set;
        let options =
            EncodeOptions { model: Some(model), limits, instruction_set, ..Default::default() };
        Ok((Laboratory::new(&options)?, limits))
    }
}

impl Args {
    /// A limit as it was given, or in a unit that fits.
    pub fn shown(&self, bound: llz::Bound, limit: u64) -> String {
        let limits = match &self.step {
            Step::Tokens { limits, .. } => limits,
            Step::Ranks { found, .. }
            | Step::Code { found, .. }
            | Step::Decode { found }
            | Step::Unranks { found }
            | Step::Untokens { found } => &found.limits,
            Step::Steer { sampled, .. } => &sampled.limits,
        };
        limits.shown(bound, limit)
    }
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_output()?;
    let progress = &session.progress;
    match &args.step {
        Step::Tokens { level, model, limits } => {
            let limits = limits.limits();
            let lab =
                Laboratory::new(&session.encode_options(level.level(), model, None, limits)?)?;
            stages::tokens(
                &lab,
                &mut streams::input()?,
                streams::buffered_output()?,
                &limits,
                progress,
            )?;
        }
        Step::Ranks { best, found } => {
            let stage = Stage::of_tokens(lines()?)?;
            let (lab, _) = found.lab(&stage, session)?;
            stages::ranks(&lab, stage, streams::buffered_output()?, (*best).into(), progress)?;
        }
        Step::Code { coder, found } => {
            let stage = Stage::of_any(lines()?)?;
            let (lab, limits) = found.lab(&stage, session)?;
            stages::code(&lab, stage, streams::buffered_output()?, coder.coder, &limits, progress)?;
        }
        Step::Decode { found } => {
            let stage = Stage::of_code(lines()?)?;
            let (lab, limits) = found.lab(&stage, session)?;
            stages::decode(&lab, stage, streams::buffered_output()?, &limits, progress)?;
        }
        Step::Unranks { found } => {
            let stage = Stage::of_ranks(lines()?)?;
            let (lab, _) = found.lab(&stage, session)?;
            stages::unranks(&lab, stage, streams::buffered_output()?, progress)?;
        }
        Step::Untokens { found } => {
            let stage = Stage::of_tokens(lines()?)?;
            let (lab, _) = found.lab(&stage, session)?;
            stages::untokens(&lab, stage, streams::buffered_output()?, progress)?;
        }
        Step::Steer { text, sampled } => steer(text.as_deref(), sampled, session)?,
    }
    Ok(Status::Done)
}

/// Standard input as lines.
fn lines() -> Result<impl BufRead> {
    streams::input().map(BufReader::new)
}

fn steer(text: Option<&str>, sampled: &Sampled, session: &Session) -> Result<()> {
    let limits = sampled.limits.limits();
    let lab = sampled.lab(session)?;
    let text = match text {
        Some(text) => text.as_bytes().to_vec(),
        None => read_all(streams::input()?, &limits)?,
    };
    let prompt = prompt(sampled, &limits)?;
    let (bits, tokens) = lab.steer(&prompt, sampled.sampling(), &text)?;
    let mut output = streams::output()?;
    output.write_all(&bits).map_err(|error| Error::io("-", error))?;
    if !session.quiet {
        let (raw, coded) = (text.len() as u64, bits.len() as u64);
        say!(
            "{}; llz generate --bits FILE --length {tokens} says it",
            super::report::sizes(raw, coded)
        );
    }
    Ok(())
}

/// All that an input has, up to the bytes of a chunk.
pub fn read_all(input: impl Read, limits: &Limits) -> Result<Vec<u8>> {
    let (mut bytes, limit) = (Vec::new(), limits.chunk_bytes);
    input.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| Error::io("-", e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::Limit { what: "the text".into(), limit, bound: llz::Bound::ChunkBytes });
    }
    Ok(bytes)
}

/// A file, up to the bytes of a chunk; - is standard input.
pub fn file(path: &PathBuf, limits: &Limits) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        return read_all(streams::input()?, limits);
    }
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
    read_all(file, limits)
}

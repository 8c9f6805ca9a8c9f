//! `llz generate`

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use llz::lab::{Bits, Laboratory, Sampling};
use llz::{Error, Limits, Result};

use super::Status;
use super::args::{LevelArg, LimitArgs, ModelArg};
use super::lab::file;
use super::session::Session;
use super::streams;
use super::terminal::escape;

const EXAMPLES: &str = "\
Examples:
  llz generate --prompt 'Once upon a time'             the likeliest words, again and again
  llz generate --prompt 'Once upon a time' --seed 7    drawn from what the model expects
  llz generate --seed 7 --temperature 0.7 --top-k 40   drawn with more care
  llz generate --bits photo.jpg                        what a decoder makes of any file
  printf 'typed bits' | llz generate --bits -          or of standard input

The decoder of an archive, but on bits that nobody encoded. The same bits, model and options give the
same text on every machine. Zeros follow the last bit. llz lab steer gives the bits for a text.";

/// Let the model write: decode bits that nobody encoded
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many tokens to write
    #[arg(long, value_name = "N", default_value_t = 200)]
    length: u64,
    /// Draw by random bits of this seed [default: zeros, which choose the likeliest token]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Take the bits of this file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    bits: Option<PathBuf>,
    #[command(flatten)]
    sampled: Sampled,
}

/// The choice of the next token; the same for `lab steer`.
#[derive(Debug, clap::Args)]
pub struct Sampled {
    /// The text to go on with
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// The same, from a file
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompt_file: Option<PathBuf>,
    /// Below 1 what is likely becomes likelier, above 1 less likely
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f32,
    /// Choose among the K likeliest tokens only; 0 is all
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: u32,
    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl Sampled {
    /// The model.
    pub fn lab(&self, session: &Session) -> Result<Laboratory> {
        let limits = self.limits.limits();
        Laboratory::new(&session.encode_options(self.level.level(), &self.model, None, limits)?)
    }

    pub fn sampling(&self) -> Sampling {
        Sampling { temperature: self.temperature, top_k: self.top_k as usize }
    }
}

impl Args {
    /// A limit as it was given, or in a unit that fits.
    pub fn shown(&self, bound: llz::Bound, limit: u64) -> String {
        self.sampled.limits.shown(bound, limit)
    }
}

/// The text to go on with.
pub fn prompt(sampled: &Sampled, limits: &Limits) -> Result<Vec<u8>> {
    match (&sampled.prompt, &sampled.prompt_file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(path)) => file(path, limits),
        (None, None) => Ok(Vec::new()),
    }
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    streams::check_output()?;
    let sampled = &args.sampled;
    let lab = sampled.lab(session)?;
    let bits = match (args.seed, &args.bits) {
        (Some(seed), _) => Bits::Seed(seed),
        (None, Some(path)) => Bits::Bytes(opened(path)?),
        (None, None) => Bits::Zeros,
    };
    let prompt = prompt(sampled, &sampled.limits.limits())?;
    let mut output = streams::output()?;
    let is_terminal = std::io::stdout().is_terminal();
    let mut waiting = Vec::new();
    let generator = lab.generate(&prompt, sampled.sampling(), bits)?;
    for token in generator.take(usize::try_from(args.length).unwrap_or(usize::MAX)) {
        session.progress.check()?;
        waiting.extend_from_slice(lab.token(token?).unwrap_or_default());
        let ready = if is_terminal { harmless(&mut waiting) } else { std::mem::take(&mut waiting) };
        output.write_all(&ready).map_err(|error| Error::io("-", error))?;
    }
    if is_terminal {
        let rest = String::from_utf8_lossy(&waiting).into_owned();
        output
            .write_all(format!("{}\n", escape(&rest)).as_bytes())
            .map_err(|e| Error::io("-", e))?;
    }
    Ok(Status::Done)
}

fn opened(path: &Path) -> Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(streams::input()?));
    }
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
    Ok(Box::new(std::io::BufReader::new(file)))
}

/// Takes out the whole characters, with what steers a terminal spelled out; the beginning of a character waits.
fn harmless(waiting: &mut Vec<u8>) -> Vec<u8> {
    let mut out = String::new();
    let mut rest = Vec::new();
    let mut chunks = waiting.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for line in chunk.valid().split_inclusive(['\n', '\t']) {
            let (text, end) = line.split_at(line.trim_end_matches(['\n', '\t']).len());
            out.push_str(&escape(text));
            out.push_str(end);
        }
        // At the end it may be the beginning of a character; a whole one has four bytes at most.
        if chunks.peek().is_none()
            && chunk.invalid().len() < 4
            && std::str::from_utf8(chunk.invalid()).is_err_and(|e| e.error_len().is_none())
        {
            rest = chunk.invalid().to_vec();
        } else if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
    *waiting = rest;
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_written_when_they_are_whole_and_harmless() {
        let mut waiting = b"a\x1b[31m\n\tb\xe6\x97".to_vec();
        assert_eq!(harmless(&mut waiting), b"a\\x1b[31m\n\tb");
        assert_eq!(waiting, b"\xe6\x97");
        waiting.extend(b"\xa5\xff\xf0");
        assert_eq!(harmless(&mut waiting), "日\u{fffd}".as_bytes());
        assert_eq!(waiting, b"\xf0");
    }
}

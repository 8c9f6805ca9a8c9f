//! One subject: coded, decoded, compared.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use llz::{Error, Result};
use tempfile::TempDir;

use super::super::session::Session;
use super::subjects::{Context, Llz, Other, Subject};
use crate::process::child;

/// The figures of a subject.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub name: String,
    /// Set for another program.
    pub is_other: bool,
    pub coded: u64,
    /// Bytes of the model's file; 0 without one.
    pub model_bytes: u64,
    /// Seconds of each run.
    pub code: Vec<f64>,
    pub decode: Vec<f64>,
    /// Most bytes of memory of coding and of decoding, where they are known.
    pub memory: [Option<u64>; 2],
}

impl Row {
    fn new(subject: &Subject) -> Self {
        let (is_other, model_bytes) = match subject {
            Subject::Llz(llz) => (false, llz.model_bytes),
            Subject::Context(context) => (false, context.model_bytes),
            Subject::Other(_) => (true, 0),
        };
        Row {
            name: subject.name(),
            is_other,
            coded: 0,
            model_bytes,
            code: Vec::new(),
            decode: Vec::new(),
            memory: [None; 2],
        }
    }
}

/// Measures a subject. What does not come back as it was is an error.
pub(super) fn measure(
    subject: &Subject,
    raw: &[u8],
    repeat: usize,
    session: &Session,
) -> Result<Row> {
    let mut row = Row::new(subject);
    for _ in 0..repeat {
        session.progress.check()?;
        // Each run begins with the same: the input and nothing else.
        let work = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), error))?;
        let run = match subject {
            Subject::Llz(llz) => by_llz(llz, raw, &work, session),
            Subject::Context(context) => by_context(context, raw),
            Subject::Other(other) => by_other(other, raw, &work),
        };
        // A program that was interrupted with this one has failed for that reason.
        session.progress.check()?;
        let run = run?;
        row.coded = run.coded;
        row.code.push(run.times[0].as_secs_f64());
        row.decode.push(run.times[1].as_secs_f64());
        for (most, now) in row.memory.iter_mut().zip(run.memory) {
            *most = (*most).max(now);
        }
    }
    Ok(row)
}

struct Run {
    coded: u64,
    times: [Duration; 2],
    memory: [Option<u64>; 2],
}

fn wrong(what: &str) -> Error {
    Error::corrupt(what)
}

fn by_llz(llz: &Llz, raw: &[u8], work: &TempDir, session: &Session) -> Result<Run> {
    let here = |name: &str| work.path().join(name);
    write(&here("in"), raw)?;
    let program = std::env::current_exe().map_err(|error| Error::io("llz", error))?;
    let common = |verb: &str| {
        let mut command = Command::new(&program);
        command.current_dir(work.path()).args([
            verb,
            "-q",
            "--threads",
            &session.threads().to_string(),
        ]);
        if let Some(model) = &llz.model {
            command.arg("--model").arg(model);
        }
        command
    };
    let mut pack = common("pack");
    pack.args(["--level", &llz.level.to_string(), "--coder", llz.coder.name(), "-o", "out", "in"]);
    if let Some(size) = &llz.chunk_size {
        pack.args(["--chunk-size", &size.bytes.to_string()]);
    }
    let mut unpack = common("unpack");
    unpack.args(["-C", "d", "out"]);
    let code = run(&mut pack, None)?;
    let decode = run(&mut unpack, None)?;
    let coded = length(&here("out"))?;
    compare(&here("d").join("in"), raw)?;
    Ok(Run { coded, times: [code.0, decode.0], memory: [code.1, decode.1] })
}

fn by_context(context: &Context, raw: &[u8]) -> Result<Run> {
    let coder = context.lab.coder(context.coder).with_context(context.tokens as usize);
    let start = Instant::now();
    let coded = coder.code(raw)?;
    let code = start.elapsed();
    let start = Instant::now();
    let mut back = Vec::with_capacity(raw.len());
    for ranked in coder.decode(&coded, raw.len()) {
        back.extend_from_slice(context.lab.token(ranked?.token).unwrap_or_default());
    }
    if back != raw {
        return Err(wrong("the data does not come back"));
    }
    Ok(Run { coded: coded.len() as u64, times: [code, start.elapsed()], memory: [None; 2] })
}

fn by_other(other: &Other, raw: &[u8], work: &TempDir) -> Result<Run> {
    let here = |name: &str| work.path().join(name);
    write(&here("in"), raw)?;
    let step = |words: &str| {
        let mut command = Command::new(other.program);
        command.current_dir(work.path());
        let mut output = None;
        for word in words.split(' ') {
            match word.strip_prefix('>') {
                Some(name) => output = Some(here(name)),
                None => _ = command.arg(word),
            }
        }
        run(&mut command, output.as_deref())
    };
    let code = step(other.code)?;
    // Some want a name of their own for what they make.
    let made = ["out", "out.7z", "out.zpaq"].map(here).into_iter().find(|made| made.exists());
    let coded = length(&made.ok_or_else(|| wrong("it has made no file"))?)?;
    let decode = step(other.decode)?;
    compare(&here("back"), raw)?;
    Ok(Run { coded, times: [code.0, decode.0], memory: [code.1, decode.1] })
}

/// Runs a program to its end.
fn run(command: &mut Command, output: Option<&Path>) -> Result<(Duration, Option<u64>)> {
    let name = command.get_program().to_owned();
    let failed = |error| Error::io(&name, error);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    match output {
        Some(path) => command.stdout(File::create(path).map_err(|error| Error::io(path, error))?),
        None => command.stdout(Stdio::null()),
    };
    let start = Instant::now();
    let (status, memory) = child::wait(command.spawn().map_err(failed)?).map_err(failed)?;
    match status.success() {
        true => Ok((start.elapsed(), memory)),
        false => Err(failed(std::io::Error::other(format!("it failed: {status}")))),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| Error::io(path, error))
}

fn length(path: &Path) -> Result<u64> {
    path.metadata().map(|there| there.len()).map_err(|error| Error::io(path, error))
}

fn compare(path: &Path, raw: &[u8]) -> Result<()> {
    let back = fs::read(path).map_err(|error| Error::io(path, error))?;
    if back == raw { Ok(()) } else { Err(wrong("the data does not come back")) }
}

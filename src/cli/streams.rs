//! Standard input, output and error, with their failures told.
//!
//! Rust takes a closed or wrongly opened input for an empty one, lets writes to a closed or wrongly
//! opened output succeed, and panics when standard error is full. Here reading and writing tell
//! what went wrong, and what is said on standard error is lost in silence if it must be, so that
//! the exit code stays true.

use std::fmt::Arguments;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use llz::{Bound, Error, FileId, Limits, Progress, Result};

use crate::process::early;

/// Standard output, unbuffered: callers that write little pieces buffer them.
#[derive(Debug)]
pub struct Output(#[cfg(unix)] std::fs::File, #[cfg(not(unix))] io::Stdout);

/// Standard output; an error if it is closed.
pub fn output() -> Result<Output> {
    check_output()?;
    #[cfg(unix)]
    return own(io::stdout()).map(Output).map_err(|error| Error::io("-", error));
    #[cfg(not(unix))]
    Ok(Output(io::stdout()))
}

/// Standard output for small pieces. Flush it: only then is everything known to be written.
pub fn buffered_output() -> Result<BufWriter<Output>> {
    output().map(BufWriter::new)
}

/// Fails if standard output is closed. To be called before work whose result would be lost.
pub fn check_output() -> Result<()> {
    if early::was_closed(1) { Err(closed("standard output")) } else { Ok(()) }
}

/// Writes text or bytes to standard output, all of it.
pub fn emit(bytes: impl AsRef<[u8]>) -> Result<()> {
    let mut output = output()?;
    output.write_all(bytes.as_ref()).and_then(|()| output.flush()).map_err(|e| Error::io("-", e))
}

/// Standard input; an error if it is closed.
pub fn input() -> Result<impl Read> {
    if early::was_closed(0) {
        return Err(closed("standard input"));
    }
    #[cfg(unix)]
    let input = own(io::stdin()).map_err(|error| Error::io("-", error))?;
    #[cfg(not(unix))]
    let input = io::stdin();
    Ok(BufReader::new(input))
}

/// An empty file that stands for standard input where that is not to be read.
pub fn nothing() -> Result<std::fs::File> {
    tempfile::tempfile().map_err(|error| Error::io(std::env::temp_dir(), error))
}

/// Standard input, all of it, in a temporary file that has no name and goes away with its last user.
pub fn spooled_input(limits: &Limits, progress: &Progress) -> Result<std::fs::File> {
    let failed = |error| Error::io(std::env::temp_dir(), error);
    let mut input = input()?;
    let mut file = nothing()?;
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        progress.check()?;
        if total > limits.total_bytes {
            let (what, limit) = ("what comes from standard input".into(), limits.total_bytes);
            return Err(Error::Limit { what, limit, bound: Bound::TotalBytes });
        }
        match input.read(&mut buffer) {
            Ok(0) => return Ok(file),
            Ok(n) => {
                file.write_all(&buffer[..n]).map_err(failed)?;
                total += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("-", error)),
        }
    }
}

/// Says whether there is something to be read on standard input: a file, a pipe or a socket, but no terminal and no
/// `/dev/null`.
#[cfg(unix)]
pub fn has_input() -> bool {
    use std::os::unix::fs::FileTypeExt;
    let Ok(metadata) = own(io::stdin()).and_then(|input| input.metadata()) else { return false };
    let kind = metadata.file_type();
    !early::was_closed(0) && (kind.is_file() || kind.is_fifo() || kind.is_socket())
}

/// Says whether there is something to be read on standard input.
#[cfg(not(unix))]
pub fn has_input() -> bool {
    !io::stdin().is_terminal()
}

/// The input that `path` names, where it can only be read in order: standard input (`-`), a FIFO, a device.
pub fn in_order(path: &Path) -> Result<Option<Box<dyn Read>>> {
    if path == Path::new("-") {
        return Ok(Some(Box::new(input()?)));
    }
    // What cannot be looked at cannot be opened either, and opening says why.
    match path.metadata() {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
            Ok(Some(Box::new(BufReader::new(file))))
        }
        _ => Ok(None),
    }
}

/// The file behind standard input, if it is one.
pub fn input_id() -> Option<FileId> {
    FileId::of_stream(io::stdin())
}

/// The file behind standard output, if it is one.
pub fn output_id() -> Option<FileId> {
    FileId::of_stream(io::stdout())
}

/// Fails if standard output is redirected to one of the files that are about to be read; `-` is
/// standard input.
pub fn check_not_output<'a>(read: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let Some(output) = output_id() else { return Ok(()) };
    for path in read {
        if id(path).is_some_and(|id| id == output) {
            let name = if path == Path::new("-") {
                "standard input".into()
            } else {
                path.display().to_string()
            };
            return Err(Error::Usage(format!(
                "{name} and standard output are the same file: name another output"
            )));
        }
    }
    Ok(())
}

/// Fails if one of the files that are about to be read is the one that is written.
pub fn check_not_read(written: Option<&FileId>, read: &[PathBuf]) -> Result<()> {
    let Some(written) = written else { return Ok(()) };
    match read.iter().find(|read| id(read).as_ref() == Some(written)) {
        Some(read) => Err(Error::Usage(format!(
            "{} is to be read and is the output as well: name another output",
            super::lists::name(read)
        ))),
        None => Ok(()),
    }
}

/// The file that is read when `path` is given; `-` is standard input.
pub fn id(path: &Path) -> Option<FileId> {
    if path == Path::new("-") { input_id() } else { FileId::of_path(path).ok() }
}

/// Says something to people on standard error. If it cannot be said it is lost: the exit code says
/// what counts.
pub fn say_line(what: Arguments<'_>) {
    // In one piece, so that lines of several programs do not mix.
    let _ = io::stderr().write_all(format!("{what}\n").as_bytes());
}

/// [`say_line`], with the arguments of `format!`.
macro_rules! say {
    ($($what:tt)*) => { $crate::cli::streams::say_line(format_args!($($what)*)) };
}
pub(crate) use say;

fn closed(name: &str) -> Error {
    Error::io(name, io::Error::new(io::ErrorKind::NotConnected, "it is closed"))
}

/// The same open file, with errors as they come.
#[cfg(unix)]
fn own(stream: impl std::os::fd::AsFd) -> io::Result<std::fs::File> {
    stream.as_fd().try_clone_to_owned().map(std::fs::File::from)
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Output {
    /// Says whether somebody would see it.
    pub fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

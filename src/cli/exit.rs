//! From an error to what the user reads and what a script sees.

use std::io::ErrorKind;
use std::path::Path;

use llz::{Bound, Container, Error, Found};

use super::streams::say;
use super::terminal::escape;

pub const FAILED: u8 = 1;
pub const USAGE: u8 = 2;
pub const UNSUPPORTED: u8 = 3;
pub const SKIPPED: u8 = 4;
pub const CORRUPT: u8 = 5;
pub const LIMIT: u8 = 6;
pub const UNSAFE: u8 = 7;
pub const MODEL: u8 = 8;
pub const EXISTS: u8 = 9;
pub const INTERRUPTED: u8 = 130;

/// The words for a process that ends because no memory is left, when nothing can be formatted any more.
pub const OUT_OF_MEMORY: &str =
    "llz: out of memory\nhint: --limit-memory, -T 1 or a lower level need less\n";

/// Every code there is besides 0, for the test that the help names them all.
#[cfg(test)]
pub const ALL: [u8; 10] =
    [FAILED, USAGE, UNSUPPORTED, SKIPPED, CORRUPT, LIMIT, UNSAFE, MODEL, EXISTS, INTERRUPTED];

/// The exit code for an error.
pub fn code(error: &Error) -> u8 {
    match error {
        Error::Usage(_) => USAGE,
        Error::Unsupported(_) => UNSUPPORTED,
        Error::Corrupt(_) | Error::Foreign { .. } | Error::Trailing { .. } | Error::Line { .. } => {
            CORRUPT
        }
        Error::Limit { .. } => LIMIT,
        Error::Unsafe { .. } => UNSAFE,
        Error::Model(_) | Error::ModelName { .. } => MODEL,
        Error::Exists(_) | Error::InTheWay { .. } => EXISTS,
        Error::Interrupted => INTERRUPTED,
        // Also whatever the library adds later: an error is never a success.
        _ => FAILED,
    }
}

/// Says whether the reader of our output went away.
pub fn is_broken_pipe(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}

/// Prints what happened, to which file, and what to do about it. `subject` is the file meant by
/// errors that name none, `limit` shows one as the user gave it.
pub fn print(error: &Error, subject: Option<&Path>, limit: &dyn Fn(Bound, u64) -> String) {
    say!("llz: {}", escape(&describe(error, subject, limit)));
    if let Some(hint) = hint(error) {
        say!("hint: {hint}");
    }
}

fn describe(error: &Error, subject: Option<&Path>, shown: &dyn Fn(Bound, u64) -> String) -> String {
    let text = match error {
        Error::Limit { what, limit, bound } => {
            format!("{what} exceeds the limit of {}", shown(*bound, *limit))
        }
        _ => error.to_string(),
    };
    let subject = subject.filter(|_| match error {
        Error::Io { .. }
        | Error::Exists(_)
        | Error::InTheWay { .. }
        | Error::InUse(_)
        | Error::Interrupted => false,
        // Standard input has no part in a command line that makes no sense.
        Error::Usage(_) => subject != Some(Path::new("-")),
        _ => true,
    });
    match (error, subject) {
        (Error::Io { path, source }, _) if path == Path::new("-") => {
            format!("standard input or output: {source}")
        }
        (_, Some(path)) if path == Path::new("-") => format!("standard input: {text}"),
        (_, Some(path)) => format!("{}: {text}", path.display()),
        (_, None) => text,
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Io { source, .. } => match source.kind() {
            ErrorKind::NotFound => Some("check the spelling and the current directory"),
            ErrorKind::PermissionDenied => Some("check who owns it, or choose another place"),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Some("free some space or choose another disk; nothing unfinished was left behind")
            }
            ErrorKind::BrokenPipe => {
                Some("the program reading the output ended early; its copy is incomplete")
            }
            _ => None,
        },
        Error::Corrupt(_) => Some("it is damaged; fetch or copy it again"),
        Error::Trailing { .. } => Some("unpack --keep-going takes the archive and leaves the rest"),
        Error::Foreign { expected, found } => Some(foreign_hint(*expected, *found)),
        Error::Limit { bound, .. } => Some(limit_hint(*bound)),
        Error::Exists(_) => {
            Some("--force replaces it; unpack can also --keep-existing or --rename")
        }
        Error::ModelName { .. } => Some("give another name with --name"),
        Error::Unsupported(_) => {
            Some(concat!("a newer llz may be able to read it; this is ", env!("CARGO_PKG_VERSION")))
        }
        Error::Unsafe { .. } => {
            Some("nothing was written; rename it before packing, or distrust its archive")
        }
        Error::Model(_) => Some(
            "llz model list shows the models here; others are given as --model FILE or installed",
        ),
        Error::InUse(_) => Some("wait until it has ended"),
        Error::InTheWay { .. } => Some("move it away; nothing was changed"),
        _ => None,
    }
}

/// The command that reads the input that was found instead.
fn foreign_hint(expected: Container, found: Found) -> &'static str {
    match (expected, found) {
        (_, Found::Stream) => "llz filter -d decodes it",
        (_, Found::Archive) => "llz unpack, list and cat read it",
        (_, Found::Directory) => "llz pack makes an archive of a directory",
        (Container::Archive | Container::Stream, _) => {
            "it is damaged or something else; fetch or copy it again"
        }
    }
}

/// The option that raises a limit.
fn limit_hint(bound: Bound) -> &'static str {
    match bound {
        Bound::TotalBytes => "raise the limit with --limit-size",
        Bound::Entries => "raise the limit with --limit-entries",
        Bound::ChunkBytes => "raise the limit with --limit-chunk",
        Bound::PathBytes => "raise the limit with --limit-path",
        Bound::PathDepth => "raise the limit with --limit-depth",
        Bound::Memory => "raise the limit with --limit-memory",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_file_once() {
        let number = |_, limit: u64| limit.to_string();
        let missing = std::io::Error::from(ErrorKind::NotFound);
        let text = describe(&Error::io("a.txt", missing), Some(Path::new("b.llz")), &number);
        assert!(text.starts_with("a.txt: ") && !text.contains("b.llz"), "{text}");
        let text = describe(&Error::corrupt("bad index"), Some(Path::new("b.llz")), &number);
        assert_eq!(text, "b.llz: corrupt data: bad index");
        let text = describe(&Error::corrupt("bad index"), Some(Path::new("-")), &number);
        assert_eq!(text, "standard input: corrupt data: bad index");
    }
}

//! `llz list`

use std::io::Write;

use llz::{Check, Entry, EntryKind, Error, Result, hex};
use serde_json::{Value, json};

use super::Status;
use super::args::{Chosen, Source};
use super::report;
use super::session::Session;
use super::streams;
use super::terminal::escape;
use super::time::timestamp;

const EXAMPLES: &str = "\
Examples:
  llz list src.llz                         one path per line
  llz list -v src.llz                      with permissions, size, time and links
  llz list src.llz src/cli '*.md'          one directory, and what has such a name anywhere
  llz list --json src.llz | jq .path       one JSON object per line

Control characters in names are shown as \\x1b or \\u{202e}; JSON has them as they are. Times are UTC.";

/// List what is in an archive
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, visible_alias = "l")]
pub struct Args {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    chosen: Chosen,
    /// Print one JSON object per entry
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, session: &Session) -> Result<Status> {
    let archive = args.source.open(session, None)?;
    let entries = archive.select(&args.chosen.paths)?;
    let mut out = streams::buffered_output()?;
    for entry in entries {
        if args.json {
            report::print_json(&mut out, &entry_json(entry))?;
            continue;
        }
        writeln!(out, "{}", line(entry, session)).map_err(|e| Error::io("-", e))?;
    }
    out.flush().map_err(|e| Error::io("-", e))?;
    Ok(Status::Done)
}

/// An entry as a line of text.
pub fn line(entry: &Entry, session: &Session) -> String {
    if session.verbose { long(entry) } else { name(entry) }
}

fn name(entry: &Entry) -> String {
    let slash = if matches!(entry.kind, EntryKind::Directory) { "/" } else { "" };
    format!("{}{slash}", escape(&entry.path))
}

/// Permissions, size, time, name, and where a link points.
fn long(entry: &Entry) -> String {
    let (kind, target) = match &entry.kind {
        EntryKind::File { .. } => ('-', String::new()),
        EntryKind::Directory => ('d', String::new()),
        EntryKind::Symlink { target } => ('l', format!(" -> {}", escape(target))),
    };
    let bits: String = "rwxrwxrwx"
        .chars()
        .enumerate()
        .map(|(at, letter)| if entry.mode >> (8 - at) & 1 == 1 { letter } else { '-' })
        .collect();
    let (size, time) = (entry.size(), timestamp(entry.mtime));
    format!("{kind}{bits} {size:>12} {} {}{target}", &time[..19], name(entry))
}

fn entry_json(entry: &Entry) -> Value {
    let mut value = json!({
        "path": entry.path,
        "mode": entry.mode,
        "mtime": timestamp(entry.mtime),
        "mtime_ns": entry.mtime,
    });
    match &entry.kind {
        EntryKind::File { size, check, .. } => {
            value["kind"] = json!("file");
            value["size"] = json!(size);
            match check {
                Check::Sha256(sha256) => value["sha256"] = json!(hex(sha256)),
                Check::Crc(crc) => value["crc16"] = json!(format!("{crc:04x}")),
                _ => {}
            }
        }
        EntryKind::Directory => value["kind"] = json!("directory"),
        EntryKind::Symlink { target } => {
            value["kind"] = json!("link");
            value["target"] = json!(target);
        }
    }
    value
}

/// Prints what a dry run would do.
pub fn dry_run(entries: &[Entry], json: bool, session: &Session) -> Result<()> {
    let mut out = streams::buffered_output()?;
    for entry in entries {
        if json {
            report::print_json(&mut out, &entry_json(entry))?;
        } else {
            writeln!(out, "{}", line(entry, session)).map_err(|e| Error::io("-", e))?;
        }
    }
    out.flush().map_err(|e| Error::io("-", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_has_everything() {
        let kind = EntryKind::Symlink { target: "b\x1b".into() };
        let entry = Entry { path: "a".into(), kind, mode: 0o754, mtime: 0 };
        assert_eq!(long(&entry), "lrwxr-xr--            0 1970-01-01T00:00:00 a -> b\\x1b");
    }
}

//! `llz list`

use std::io::Write;

use llz::{Entry, EntryKind, Error, Result, hex};
use serde_json::{Value, json};

use super::Status;
use super::args::{Chosen, Source};
use super::report;
use super::session::Session;
use super::streams;
use super::terminal::escape;

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
        EntryKind::File { size, sha256, .. } => {
            value["kind"] = json!("file");
            value["size"] = json!(size);
            value["sha256"] = json!(hex(sha256));
        }
        EntryKind::Directory => value["kind"] = json!("directory"),
        EntryKind::Symlink { target } => {
            value["kind"] = json!("link");
            value["target"] = json!(target);
        }
    }
    value
}

/// What a dry run would do, on standard output.
pub fn dry_run(entries: &[Entry], json: bool, session: &Session) -> Result<()> {
    let mut out = streams::buffered_output()?;
    for entry in entries {
        if json {
            // No file has been read.
            let mut value = entry_json(entry);
            value.as_object_mut().map(|object| object.remove("sha256"));
            report::print_json(&mut out, &value)?;
        } else {
            writeln!(out, "{}", line(entry, session)).map_err(|e| Error::io("-", e))?;
        }
    }
    out.flush().map_err(|e| Error::io("-", e))
}

/// Nanoseconds since 1970 as `2026-11-21T10:44:53.123456789Z`.
fn timestamp(ns: i64) -> String {
    let (seconds, ns) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
}

/// The date that is `days` after 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, and in eras of 400
/// years, which all have the same number of days.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let since_march_of_year_0 = days + 719_468;
    let (era, day) = (since_march_of_year_0.div_euclid(ERA), since_march_of_year_0.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(timestamp(951_782_400_000_000_000), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(timestamp(1_795_257_893_000_000_007), "2026-11-21T10:44:53.000000007Z");
        assert_eq!(timestamp(i64::MAX), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(timestamp(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn a_long_line_has_everything() {
        let kind = EntryKind::Symlink { target: "b\x1b".into() };
        let entry = Entry { path: "a".into(), kind, mode: 0o754, mtime: 0 };
        assert_eq!(long(&entry), "lrwxr-xr--            0 1970-01-01T00:00:00 a -> b\\x1b");
    }
}

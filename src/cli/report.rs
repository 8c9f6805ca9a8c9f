//! Numbers and tables for people, and the same facts as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use llz::{ChunkTally, Error, Loss, PackSummary, Result, UnpackLinks};
use serde_json::{Value, json};

use super::inputs::VERSION_CONTROL;
use super::session::Session;
use super::streams::say;
use super::terminal::escape;

/// A number of bytes in decimal units: `999 B`, `1.23 kB`, `45.6 MB`.
pub fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].iter();
    let mut unit = units.next().unwrap_or(&"");
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1000.0, next);
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

/// `1 file`, `2 files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The kinds of entries: `3 files, 1 directory, 2 links`.
pub fn entries(files: u64, dirs: u64, symlinks: u64) -> String {
    let mut text = count(files, "file", "files");
    if dirs > 0 {
        text += &format!(", {}", count(dirs, "directory", "directories"));
    }
    if symlinks > 0 {
        text += &format!(", {}", count(symlinks, "link", "links"));
    }
    text
}

/// Raw and coded size with what they mean: `8.44 MB → 1.52 MB (18.0 %, 1.440 bits/byte)`.
pub fn sizes(raw: u64, coded: u64) -> String {
    let plain = format!("{} → {}", bytes(raw), bytes(coded));
    match bits_per_byte(raw, coded) {
        Some(bits) => format!("{plain} ({:.1} %, {bits:.3} bits/byte)", bits * 12.5),
        None => plain,
    }
}

/// Says how long it took and how fast that was: `53.2 s, 159 kB/s`.
pub fn speed(raw: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let rate = if seconds > 0.0 { raw as f64 / seconds } else { 0.0 };
    format!("{seconds:.1} s, {}/s", bytes(rate as u64))
}

/// Coded bits per raw byte; `None` for nothing.
pub fn bits_per_byte(raw: u64, coded: u64) -> Option<f64> {
    (raw > 0).then(|| coded as f64 * 8.0 / raw as f64)
}

/// One line per codec: how much of the data it took and what it made of it.
pub fn codec_lines(chunks: &BTreeMap<&'static str, ChunkTally>) -> Vec<String> {
    let line = |(codec, tally): (&&str, &ChunkTally)| {
        format!(
            "{codec:<8} {}, {}",
            count(tally.chunks, "chunk", "chunks"),
            sizes(tally.raw_bytes, tally.coded_bytes)
        )
    };
    chunks.iter().map(line).collect()
}

/// The same as JSON.
pub fn codecs_json(chunks: &BTreeMap<&'static str, ChunkTally>) -> Value {
    let object = |(codec, tally): (&&'static str, &ChunkTally)| {
        let value = json!({
            "chunks": tally.chunks,
            "raw_bytes": tally.raw_bytes,
            "coded_bytes": tally.coded_bytes,
        });
        ((*codec).to_owned(), value)
    };
    Value::Object(chunks.iter().map(object).collect())
}

/// A path as JSON: a string, or the array of its bytes where it is not UTF-8.
pub fn path_json(path: &Path) -> Value {
    match path.to_str() {
        Some(text) => json!(text),
        None => json!(path.as_os_str().as_encoded_bytes()),
    }
}

/// The paths that were skipped, as JSON.
pub fn skipped_json(skipped: &[(PathBuf, String)]) -> Value {
    skipped.iter().map(|(path, why)| json!({ "path": path_json(path), "reason": why })).collect()
}

/// A path for people: harmless to a terminal, with bytes that are not UTF-8 as `\xe9`.
fn shown(path: &Path) -> String {
    let chunks = path.as_os_str().as_encoded_bytes().utf8_chunks();
    chunks.fold(String::new(), |mut text, chunk| {
        text += &escape(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
        text
    })
}

/// Warns about everything that was skipped. Even `--quiet` does not hide that something is not in
/// the archive, unless it is told as JSON.
pub fn warn_skipped(session: &Session, json: bool, skipped: &[(PathBuf, String)]) {
    if session.quiet && json {
        return;
    }
    for (path, why) in skipped {
        say!("llz: skipped {}: {}", shown(path), escape(why));
    }
}

/// Says that links are stored that unpacking leaves out unless it is told otherwise.
pub fn note_links_out(session: &Session, links: u64) {
    if session.verbose && links > 0 {
        let what = count(links, "link leads out", "links lead out");
        say!("llz: note: {what}: unpack makes such links with --links=all only");
    }
}

/// Warns about links that were not unpacked, and says how they can be.
pub fn warn_links(
    session: &Session,
    json: bool,
    links: UnpackLinks,
    skipped: &[(PathBuf, String)],
) {
    warn_skipped(session, json, skipped);
    if !session.quiet && !skipped.is_empty() && links == UnpackLinks::Inside {
        say!("llz: note: --links=all makes links that lead out");
    }
}

/// Warns about files that are stored, but perhaps not as they were at any moment.
pub fn warn_changed(session: &Session, json: bool, changed: &[(PathBuf, String)]) {
    if session.quiet && json {
        return;
    }
    for (path, why) in changed {
        say!("llz: stored as it was read: {}: {}", shown(path), escape(why));
    }
}

/// Warns about what could not be kept, one line for each kind.
pub fn warn_losses(session: &Session, json: bool, losses: &[Loss]) {
    if session.quiet && json {
        return;
    }
    for loss in losses {
        say!("llz: not kept: {}", loss_line(loss));
    }
}

/// Says what is dropped because no archive has it.
pub fn note_dropped(session: &Session, notes: &[Loss]) {
    if session.quiet {
        return;
    }
    for note in notes {
        say!("llz: note: dropped {}", loss_line(note));
    }
}

fn loss_line(loss: &Loss) -> String {
    let Loss { what, count: number, first, why } = loss;
    let others = match number - 1 {
        0 => String::new(),
        others => format!(" and {}", count(others, "other", "others")),
    };
    format!("{what} of {}{others}: {}", shown(first), escape(why))
}

/// The properties that could not be kept, as JSON.
pub fn losses_json(losses: &[Loss]) -> Value {
    let object = |loss: &Loss| {
        let first = path_json(&loss.first);
        json!({ "what": loss.what, "count": loss.count, "first": first, "reason": loss.why })
    };
    losses.iter().map(object).collect()
}

/// Says that another run's unfinished work was found, and is not packed.
pub fn note_leftovers(session: &Session, leftovers: &[PathBuf]) {
    if session.quiet {
        return;
    }
    for path in leftovers {
        say!("llz: note: left out {}: another run of llz has not finished it", shown(path));
    }
}

/// Says what was not unpacked because something is there already, and what got another name.
pub fn note_kept(session: &Session, kept: &[String], renamed: &[(String, String)]) {
    if session.quiet {
        return;
    }
    if session.verbose {
        for path in kept {
            say!("llz: note: kept what is there: {}", escape(path));
        }
        for (from, to) in renamed {
            say!("llz: note: {} is there already: unpacked as {}", escape(from), escape(to));
        }
        return;
    }
    if !kept.is_empty() {
        let entries = count(kept.len() as u64, "entry", "entries");
        say!("llz: note: kept what is there in the place of {entries}");
    }
    if let Some((from, to)) = renamed.first() {
        let others = match renamed.len() - 1 {
            0 => String::new(),
            others => format!(", and {} too", count(others as u64, "other", "others")),
        };
        say!("llz: note: {} is there already: unpacked as {}{others}", escape(from), escape(to));
    }
}

/// Names the patterns that have left out nothing, but those that need not, where more than the usual is to be said.
pub fn note_unused(session: &Session, expected: &[&str], unused: &[String]) {
    if !session.verbose {
        return;
    }
    for pattern in unused.iter().filter(|unused| !expected.contains(&&***unused)) {
        say!("llz: note: the pattern {} has left out nothing", escape(pattern));
    }
}

/// Says that the archive was found in what is packed, and is not in itself.
pub fn note_left_out(session: &Session, left_out: &[PathBuf]) {
    if session.quiet {
        return;
    }
    for path in left_out {
        say!("llz: left out {}: it is the archive itself", shown(path));
    }
}

/// Says that what an update had left that was not finished has been cut off.
pub fn note_cut(session: &Session, bytes: u64) {
    if bytes > 0 && !session.quiet {
        say!("llz: {bytes} bytes of an earlier update that was not finished have been cut off");
    }
}

/// Says what is not in an archive as it was found.
pub fn packed(session: &Session, json: bool, summary: &PackSummary) {
    warn_skipped(session, json, &summary.skipped);
    warn_changed(session, json, &summary.changed);
    warn_losses(session, json, &summary.losses);
    note_left_out(session, &summary.left_out);
    note_links_out(session, summary.links_out);
    note_leftovers(session, &summary.leftovers);
    note_dropped(session, &summary.notes);
    note_unused(session, &VERSION_CONTROL, &summary.unused_exclude);
}

/// Prints one JSON document, or one line of several.
pub fn print_json(out: &mut impl std::io::Write, value: &Value) -> Result<()> {
    writeln!(out, "{value}").map_err(|e| Error::io("-", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (12_345, "12.3 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (8_444_872, "8.44 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn sizes_explain_themselves() {
        assert_eq!(sizes(1000, 180), "1.00 kB → 180 B (18.0 %, 1.440 bits/byte)");
        assert_eq!(sizes(0, 100), "0 B → 100 B");
        assert_eq!(entries(1, 0, 2), "1 file, 2 links");
        assert_eq!(entries(0, 1, 0), "0 files, 1 directory");
        assert_eq!(speed(1_000_000, Duration::from_secs(2)), "2.0 s, 500 kB/s");
    }
}

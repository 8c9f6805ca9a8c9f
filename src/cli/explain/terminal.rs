//! A text in the terminal, coloured by what it costs.

use std::io::{self, Write};

use super::super::terminal::escape;
use super::{Reading, Way};

/// Bits from which each colour counts, and the colour: of the 256 that terminals have, from cool to hot, each dark enough
/// for white letters or light enough for black ones.
const STEPS: [(f64, u8, u8); 7] = [
    (0.0, 0, 0),
    (0.5, 17, 255),
    (1.5, 24, 255),
    (3.0, 29, 255),
    (5.0, 142, 16),
    (8.0, 208, 16),
    (12.0, 196, 16),
];
/// Columns that a line's bits take.
const MARGIN: usize = 18;
/// Columns of a terminal that does not say how many it has.
const USUAL: usize = 80;

/// Columns of the terminal.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(ask).filter(|&columns| columns > 0).unwrap_or(USUAL)
}

#[cfg(unix)]
fn ask() -> Option<usize> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col.into())
}

#[cfg(not(unix))]
fn ask() -> Option<usize> {
    None
}

/// The way to show a text.
pub(super) struct Picture {
    pub way: Way,
    pub colored: bool,
    /// Set if each line has its bits in front.
    pub lines: bool,
    pub width: usize,
}

/// A line of the text: its bits, its bytes, and its tokens with the bits of each.
#[derive(Default)]
struct Line {
    bits: f64,
    bytes: usize,
    pieces: Vec<(Vec<u8>, f64)>,
}

impl Picture {
    pub(super) fn write(&self, reading: &Reading, out: &mut impl Write) -> io::Result<()> {
        self.legend(out)?;
        let mut line = Line::default();
        for (bytes, token) in reading.each() {
            let bits = self.way.bits(token);
            // A token with line ends belongs to each line by its share of bytes.
            for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
                line.bits += bits * piece.len() as f64 / bytes.len() as f64;
                line.bytes += piece.len();
                line.pieces.push((piece.to_vec(), bits));
                if piece.ends_with(b"\n") {
                    self.line(&std::mem::take(&mut line), out)?;
                }
            }
        }
        if line.bytes > 0 {
            self.line(&line, out)?;
        }
        self.totals(reading, out)
    }

    /// The meaning of the colours, in as many lines as it needs.
    fn legend(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.colored {
            return Ok(());
        }
        let mut words = vec![(None, format!("bits per token ({}):", self.way.name()))];
        for (at, (from, ..)) in STEPS.iter().enumerate() {
            words.push((
                Some(at),
                match STEPS.get(at + 1) {
                    Some((to, ..)) => format!(" {from}–{to} "),
                    None => format!(" {from}+ "),
                },
            ));
        }
        let mut used = 0;
        for (at, word) in words {
            let columns = word.chars().count() + 1;
            if used > 0 && used + columns > self.width {
                writeln!(out)?;
                used = 0;
            }
            match at.map(start).filter(|start| !start.is_empty()) {
                Some(start) => write!(out, "{start}{word}{END} ")?,
                None => write!(out, "{word} ")?,
            }
            used += columns;
        }
        write!(out, "\n\n")
    }

    fn line(&self, line: &Line, out: &mut impl Write) -> io::Result<()> {
        if self.lines {
            let each = line.bits / line.bytes as f64;
            if self.width >= 2 * MARGIN {
                write!(out, "{:>8.1} {each:>5.2} │ ", line.bits)?;
            } else {
                write!(out, "{:.0}│", line.bits)?;
            }
        }
        // A character may be made of the bytes of several tokens; it gets the colour of the last of them.
        let mut open = Vec::new();
        for (at, (piece, bits)) in line.pieces.iter().enumerate() {
            open.extend_from_slice(piece);
            let is_last = at + 1 == line.pieces.len();
            let whole = match std::str::from_utf8(&open) {
                Err(error) if error.error_len().is_none() && !is_last => error.valid_up_to(),
                _ => open.len(),
            };
            let rest = open.split_off(whole);
            let text = String::from_utf8_lossy(&open).into_owned();
            open = rest;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let is_end = at + 2 >= line.pieces.len()
                && line.pieces.last().is_some_and(|last| last.0 == b"\n");
            let text =
                if is_last || is_end { text.strip_suffix('\r').unwrap_or(text) } else { text };
            let text: String = text.split('\t').map(escape).collect::<Vec<_>>().join("    ");
            let step = STEPS.iter().rposition(|&(from, ..)| *bits >= from).unwrap_or(0);
            match self.colored && step > 0 && !text.is_empty() {
                true => write!(out, "{}{text}{END}", start(step))?,
                false => write!(out, "{text}")?,
            }
        }
        writeln!(out)
    }

    fn totals(&self, reading: &Reading, out: &mut impl Write) -> io::Result<()> {
        let bytes: usize = reading.each().map(|(bytes, _)| bytes.len()).sum();
        writeln!(out)?;
        for way in [Way::Mixed, Way::Model, Way::Contexts] {
            let bits = reading.total(way);
            let each = if bytes == 0 { 0.0 } else { bits / bytes as f64 };
            writeln!(
                out,
                "{:<9} {:>11.1} bits {:>10.0} bytes  {each:.3} bits/byte",
                way.name(),
                bits,
                bits / 8.0
            )?;
        }
        writeln!(
            out,
            "{} tokens, {bytes} bytes, model {}",
            reading.tokens.len(),
            escape(reading.lab.name())
        )
    }
}

const END: &str = "\x1b[0m";

/// The control sequence that begins a colour.
fn start(step: usize) -> String {
    match STEPS[step] {
        (_, 0, _) => String::new(),
        (_, background, letters) => format!("\x1b[48;5;{background}m\x1b[38;5;{letters}m"),
    }
}

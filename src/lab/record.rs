//! The lines of the stages: a header, items, and an end that tells whether all of them are there.
//!
//! spec/lab.schema.json describes each kind of line.

use std::io::{BufRead, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::format::CoderId;
use crate::model::hex;

use super::laboratory::Laboratory;
use super::line::{Line, Lines};
use super::predictor::Candidate;
use super::ranks::Ranked;

/// The version of the lines, in every header.
const VERSION: u64 = 1;

/// The kind of the items that a stage writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tokens,
    Ranks,
    Code,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Tokens, Kind::Ranks, Kind::Code];

    fn name(self) -> &'static str {
        match self {
            Kind::Tokens => "tokens",
            Kind::Ranks => "ranks",
            Kind::Code => "code",
        }
    }
}

/// The first line.
#[derive(Debug)]
pub(super) struct Header {
    pub kind: Kind,
    /// SHA-256 of the model's file.
    pub sha256: [u8; 32],
    /// The coder and the length of the decoded bytes, of coded ones.
    pub coded: Option<(CoderId, usize)>,
}

/// The length and the checksum of a text, to compare.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    items: u64,
    bytes: u64,
    crc: crc32fast::Hasher,
}

impl Sum {
    /// Counts an item that stands for these bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.items += 1;
        self.bytes += bytes.len() as u64;
        self.crc.update(bytes);
    }

    /// Counts items that stand for nothing of their own.
    pub(super) fn with_items(mut self, items: u64) -> Self {
        self.items = items;
        self
    }

    pub(super) fn raw_len(&self) -> u64 {
        self.bytes
    }

    fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }
}

/// Writes the lines of one stage.
pub(super) struct Writer<'a, W> {
    lab: &'a Laboratory,
    kind: Kind,
    output: W,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins with the header.
    pub(super) fn new(
        lab: &'a Laboratory,
        kind: Kind,
        coded: Option<(CoderId, usize)>,
        output: W,
    ) -> Result<Self> {
        let mut writer = Writer { lab, kind, output };
        let mut header = json!({
            "llz": kind.name(),
            "version": VERSION,
            "model": hex(&lab.sha256()),
            "name": lab.name(),
            "vocabulary": lab.tokens(),
        });
        if let Some((coder, raw_len)) = coded {
            header["coder"] = json!(coder.name());
            header["raw_bytes"] = json!(raw_len);
        }
        writer.line(&header)?;
        Ok(writer)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let written = serde_json::to_writer(&mut self.output, line).map_err(std::io::Error::from);
        written.and_then(|()| self.output.write_all(b"\n")).map_err(|e| Error::io("-", e))
    }

    pub(super) fn token(&mut self, token: u32) -> Result<()> {
        let line = self.spelled(token);
        self.line(&line)
    }

    pub(super) fn rank(&mut self, ranked: &Ranked) -> Result<()> {
        let mut line = Map::new();
        line.insert("rank".into(), json!(ranked.rank));
        line.insert("p".into(), json!(ranked.probability));
        line.insert("bits".into(), json!(ranked.bits));
        if !ranked.best.is_empty() {
            let best = ranked.best.iter().map(|&Candidate { token, probability }| {
                let mut candidate = self.spelled(token);
                candidate.insert("p".into(), json!(probability));
                Value::Object(candidate)
            });
            line.insert("best".into(), best.collect());
        }
        self.line(&line)
    }

    pub(super) fn coded(&mut self, bytes: &[u8]) -> Result<()> {
        self.line(&json!({ "hex": hex(bytes) }))
    }

    /// A token with what it spells: text where it is that, else bytes.
    fn spelled(&self, token: u32) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("token".into(), json!(token));
        let bytes = self.lab.token(token).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => line.insert("text".into(), json!(text)),
            Err(_) => line.insert("hex".into(), json!(hex(bytes))),
        };
        line
    }

    /// Ends with the sum of the text.
    pub(super) fn end(mut self, sum: &Sum) -> Result<()> {
        self.line(&json!({
            "end": self.kind.name(),
            "items": sum.items,
            "raw_bytes": sum.bytes,
            "crc32": format!("{:08x}", sum.crc()),
        }))?;
        self.output.flush().map_err(|e| Error::io("-", e))
    }
}

/// Reads the lines of one stage.
pub(super) struct Reader<R> {
    lines: Lines<R>,
    pub header: Header,
    items: u64,
    /// The last line, once it was read.
    end: Option<Line>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub(super) fn new(input: R, allowed: &[Kind]) -> Result<Self> {
        let mut lines = Lines::new(input);
        let line = lines.next()?.ok_or_else(|| lines.wrong("the input is empty"))?;
        let name = line.text("llz")?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name && allowed.contains(kind));
        let kind = kind.ok_or_else(|| {
            let allowed: Vec<_> = allowed.iter().map(|kind| kind.name()).collect();
            line.wrong(
                "llz",
                format!("{name:?} is not what this stage reads: {}", allowed.join(" or ")),
            )
        })?;
        let version = line.number("version", u64::MAX)?;
        if version != VERSION {
            return Err(Error::Unsupported(format!("version {version} of these lines")));
        }
        let sha256 = line.bytes("model")?;
        let sha256 = sha256.try_into().map_err(|_| line.wrong("model", "no SHA-256"))?;
        let coded = match kind {
            Kind::Tokens | Kind::Ranks => None,
            Kind::Code => {
                let coder = line.text("coder")?;
                let coder = CoderId::from_name(coder)
                    .ok_or_else(|| line.wrong("coder", format!("there is no coder {coder:?}")))?;
                let raw_len = line.number("raw_bytes", u32::MAX.into())?;
                Some((coder, raw_len as usize))
            }
        };
        Ok(Reader { lines, header: Header { kind, sha256, coded }, items: 0, end: None })
    }

    /// The next item; `None` at the end, which has been seen to be one.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        if self.end.is_some() {
            return Ok(None);
        }
        let line = self.lines.next()?;
        let line = line.ok_or_else(|| self.lines.wrong("the input was cut short after it"))?;
        if !line.has("end") {
            self.items += 1;
            return Ok(Some(line));
        }
        if line.text("end")? != self.header.kind.name() {
            return Err(line.wrong("end", "it ends something else"));
        }
        let items = line.number("items", u64::MAX)?;
        if items != self.items {
            return Err(line.wrong("items", format!("{items} were there, {} are", self.items)));
        }
        self.end = Some(line);
        match self.lines.next()? {
            None => Ok(None),
            Some(_) => Err(self.lines.wrong("it comes after the end")),
        }
    }

    /// Compares a text with what the end says of it.
    pub(super) fn check(&self, sum: &Sum) -> Result<()> {
        let Some(end) = &self.end else {
            return Err(self.lines.wrong("the input was cut short after it"));
        };
        let raw_len = end.number("raw_bytes", u64::MAX)?;
        if raw_len != sum.bytes {
            return Err(end.wrong("raw_bytes", format!("{raw_len} were there, {} are", sum.bytes)));
        }
        if end.bytes("crc32")? != sum.crc().to_be_bytes() {
            return Err(end.wrong("crc32", "the text is another"));
        }
        Ok(())
    }
}

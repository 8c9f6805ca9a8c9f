//! Lines of JSON that come in: their fields, and what is wrong with them.

use std::io::{BufRead, Read};

use serde_json::Value;

use crate::error::{Error, Result};

/// Most bytes of a line. The longest that a stage writes has some candidates and stays far below.
const LONGEST: u64 = 1 << 20;

/// A line that was read.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number, from 1.
    number: u64,
    value: serde_json::Map<String, Value>,
}

impl Line {
    /// An error about a field of this line.
    pub(super) fn wrong(&self, field: &str, what: impl Into<String>) -> Error {
        Error::Line { line: self.number, field: Some(field.into()), what: what.into() }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.value.contains_key(field)
    }

    fn field(&self, field: &str) -> Result<&Value> {
        self.value.get(field).ok_or_else(|| self.wrong(field, "it is missing"))
    }

    /// A whole number that is not negative and at most `most`.
    pub(super) fn number(&self, field: &str, most: u64) -> Result<u64> {
        let value = self.field(field)?;
        // What another program has written may have become 3.0 or 3e0.
        let whole = value.as_u64().or_else(|| {
            let number = value.as_f64()?;
            (number >= 0.0 && number.fract() == 0.0 && number < 2f64.powi(53))
                .then_some(number as u64)
        });
        match whole {
            Some(whole) if whole <= most => Ok(whole),
            Some(whole) => Err(self.wrong(field, format!("{whole} is beyond {most}"))),
            None => Err(self.wrong(field, format!("{value} is no whole number"))),
        }
    }

    pub(super) fn text(&self, field: &str) -> Result<&str> {
        let value = self.field(field)?;
        value.as_str().ok_or_else(|| self.wrong(field, format!("{value} is no text")))
    }

    /// Bytes as hexadecimal digits.
    pub(super) fn bytes(&self, field: &str) -> Result<Vec<u8>> {
        let text = self.text(field)?;
        let digits = text.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))
        });
        digits
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(field, "no pairs of hexadecimal digits"))
    }
}

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Lines { input, read: 0 }
    }

    /// An error about the line that was read last, or about what is missing after it.
    pub(super) fn wrong(&self, what: impl Into<String>) -> Error {
        Error::Line { line: self.read, field: None, what: what.into() }
    }

    /// The next line that is not empty; `None` at the end of the input.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let mut input = self.input.by_ref().take(LONGEST);
            input.read_until(b'\n', &mut bytes).map_err(|e| Error::io("-", e))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.read += 1;
            if bytes.len() as u64 == LONGEST {
                return Err(self.wrong(format!("it has {LONGEST} bytes or more")));
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let value =
                serde_json::from_slice(&bytes).map_err(|e| self.wrong(format!("no JSON: {e}")))?;
            return match value {
                Value::Object(value) => Ok(Some(Line { number: self.read, value })),
                _ => Err(self.wrong("JSON, but no object")),
            };
        }
    }
}

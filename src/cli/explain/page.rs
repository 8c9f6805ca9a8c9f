//! The page of `llz explain --html`: one file with everything in it.

use std::collections::HashMap;

use llz::{Error, Result};
use serde_json::{Value, json};

use super::{Reading, Way};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page for a text, with what one model says of it, or two.
pub(super) fn write(title: &str, reading: &Reading, other: Option<&Reading>) -> Result<Vec<u8>> {
    let mut readings = vec![data(reading)];
    readings.extend(other.map(data));
    let data = serde_json::to_string(&json!({ "title": title, "readings": readings }))
        .map_err(|error| Error::io("-", error.into()))?
        // Nothing in it can end the element that it stands in.
        .replace('<', "\\u003c");
    let shown = title.replace('&', "&amp;").replace('<', "&lt;");
    let page = PAGE
        .replace("/*STYLE*/", STYLE)
        .replace("/*SCRIPT*/", SCRIPT)
        .replace("<!--TITLE-->", &shown)
        .replace("/*DATA*/", &data);
    Ok(page.into_bytes())
}

/// The opinion of a model, column by column; tokens are places in a list of those that occur. Bits are in hundredths,
/// probabilities in thousandths.
fn data(reading: &Reading) -> Value {
    let bits = |way: Way| -> Vec<u64> {
        reading.tokens.iter().map(|token| (way.bits(token) * 100.0).round() as u64).collect()
    };
    let mut used = Used { reading, places: HashMap::new(), known: Vec::new() };
    let tokens: Vec<usize> =
        reading.tokens.iter().map(|token| used.place(token.by_model.token)).collect();
    let mut best = Vec::new();
    for candidate in reading.tokens.iter().flat_map(|token| &token.by_model.best) {
        best.push(used.place(candidate.token) as u64);
        best.push((candidate.probability * 1000.0).round() as u64);
    }
    json!({
        "model": reading.lab.name(),
        "known": used.known,
        "tokens": tokens,
        "odd": odd_texts(reading),
        "ranks": reading.tokens.iter().map(|token| token.by_model.rank).collect::<Vec<_>>(),
        "best": best,
        "bits": {
            "mixed": bits(Way::Mixed),
            "model": bits(Way::Model),
            "contexts": bits(Way::Contexts),
        },
    })
}

/// The tokens that occur: their texts, what the details call them, and their bytes.
struct Used<'a> {
    reading: &'a Reading,
    places: HashMap<u32, usize>,
    known: Vec<Value>,
}

impl Used<'_> {
    fn place(&mut self, token: u32) -> usize {
        *self.places.entry(token).or_insert_with(|| {
            let bytes = self.reading.lab.token(token).unwrap_or_default();
            let text = visible(&String::from_utf8_lossy(bytes));
            self.known.push(json!([text, spelling(bytes), bytes.len()]));
            self.known.len() - 1
        })
    }
}

/// The texts of tokens that are no text by themselves, by place.
fn odd_texts(reading: &Reading) -> serde_json::Map<String, Value> {
    let own = reading.each().map(|(bytes, _)| visible(&String::from_utf8_lossy(bytes)));
    let odd =
        texts(reading).into_iter().zip(own).enumerate().filter(|(_, (text, own))| text != own);
    odd.map(|(at, (text, _))| (at.to_string(), json!(text))).collect()
}

/// The characters that each token completes. One that ends inside a character leaves it to the next.
fn texts(reading: &Reading) -> Vec<String> {
    let mut open = Vec::new();
    let mut texts: Vec<String> = Vec::with_capacity(reading.tokens.len());
    for (bytes, _) in reading.each() {
        open.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&open) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            // Bytes that are no text are shown for what they are.
            _ => open.len(),
        };
        let rest = open.split_off(whole);
        texts.push(visible(&String::from_utf8_lossy(&open)));
        open = rest;
    }
    if let Some(last) = texts.last_mut().filter(|_| !open.is_empty()) {
        last.push(char::REPLACEMENT_CHARACTER);
    }
    texts
}

/// A token as the details name it: text, or bytes in hexadecimal digits.
fn spelling(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.replace('\n', "⏎").replace('\t', "⇥").replace('\r', "␍");
            format!("“{}”", visible(&text))
        }
        Err(_) => format!("bytes {}", llz::hex(bytes)),
    }
}

/// Control characters as the pictures that Unicode has of them (U+2400), but for line ends, tabs and carriage returns,
/// which take no room.
fn visible(text: &str) -> String {
    let picture = |c: char| match c {
        '\n' | '\t' => c,
        // Only old systems have it without a line end, which is there to be seen.
        '\r' => '\u{200b}',
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or(c),
        '\x7f' => '\u{2421}',
        _ => c,
    };
    text.chars().map(picture).collect()
}

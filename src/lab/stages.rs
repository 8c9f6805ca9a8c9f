//! The laboratory as lines of JSON, one stage after the other, forwards and backwards.
//!
//! Forwards: [`tokens`], [`ranks`], [`code`]. Backwards: [`decode`], [`unranks`], [`untokens`]. Each pair is the identity.
//! A stage reads a line and writes a line, but for coded bytes, which are there only when all tokens are known.
//! The first line names the model, so all stages but the first find it by themselves: [`Stage::model`].

use std::io::{BufRead, Read, Write};

use crate::error::{Error, Result};
use crate::format::CoderId;
use crate::limits::{Bound, Limits};
use crate::progress::Progress;

use super::laboratory::Laboratory;
use super::line::Line;
use super::ranks::{Ranked, Ranks};
use super::record::{Kind, Reader, Sum, Writer};

/// Coded bytes of a line.
const CODED: usize = 32;

/// Cuts bytes into tokens.
///
/// # Errors
/// [`Error::Io`], [`Error::Limit`] for more bytes than a chunk may have, and [`Error::Interrupted`].
pub fn tokens(
    lab: &Laboratory,
    input: &mut dyn Read,
    output: impl Write,
    limits: &Limits,
    progress: &Progress,
) -> Result<()> {
    let most = limits.chunk();
    let mut raw = Vec::new();
    input.take(most + 1).read_to_end(&mut raw).map_err(|e| Error::io("-", e))?;
    if raw.len() as u64 > most {
        let what = "the text".into();
        return Err(Error::Limit { what, limit: most, bound: Bound::ChunkBytes });
    }
    let mut writer = Writer::new(lab, Kind::Tokens, None, output)?;
    let mut sum = Sum::default();
    for token in lab.cut(&raw)? {
        progress.check()?;
        sum.add(lab.token(token).unwrap_or_default());
        writer.token(token)?;
    }
    writer.end(&sum)
}

/// The input of a stage, of which the header is read.
pub struct Stage<R>(Reader<R>);

impl<R> std::fmt::Debug for Stage<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Stage").field(&self.0.header).finish()
    }
}

impl<R: BufRead> Stage<R> {
    fn new(input: R, allowed: &[Kind]) -> Result<Self> {
        Reader::new(input, allowed).map(Stage)
    }

    /// Lines of tokens.
    ///
    /// # Errors
    /// [`Error::Line`] for other lines, [`Error::Unsupported`] for those of another version, [`Error::Io`].
    pub fn of_tokens(input: R) -> Result<Self> {
        Self::new(input, &[Kind::Tokens])
    }

    /// Lines of ranks.
    ///
    /// # Errors
    /// As [`Stage::of_tokens`].
    pub fn of_ranks(input: R) -> Result<Self> {
        Self::new(input, &[Kind::Ranks])
    }

    /// Lines of ranks or of tokens.
    ///
    /// # Errors
    /// As [`Stage::of_tokens`].
    pub fn of_any(input: R) -> Result<Self> {
        Self::new(input, &[Kind::Ranks, Kind::Tokens])
    }

    /// Lines of coded bytes.
    ///
    /// # Errors
    /// As [`Stage::of_tokens`].
    pub fn of_code(input: R) -> Result<Self> {
        Self::new(input, &[Kind::Code])
    }

    /// SHA-256 of the file of the model that the lines were made with.
    pub fn model(&self) -> [u8; 32] {
        self.0.header.sha256
    }

    /// Fails if `lab` has another model.
    fn check_model(&self, lab: &Laboratory) -> Result<()> {
        if lab.sha256() == self.model() {
            return Ok(());
        }
        Err(Error::Model(format!("the lines were made with another model than {:?}", lab.name())))
    }
}

/// The token of a line. What it spells must be right, if it is there.
fn token_of(lab: &Laboratory, line: &Line) -> Result<u32> {
    let token = line.number("token", u64::from(lab.tokens()) - 1)? as u32;
    let bytes = lab.token(token).unwrap_or_default();
    if line.has("text") && line.text("text")?.as_bytes() != bytes {
        return Err(line.wrong("text", format!("token {token} spells something else")));
    }
    if line.has("hex") && line.bytes("hex")? != bytes {
        return Err(line.wrong("hex", format!("token {token} spells something else")));
    }
    Ok(token)
}

/// The rank, the probability and the bits of each token; with the `best` likeliest tokens at its place.
///
/// # Errors
/// [`Error::Line`], [`Error::Model`] for lines of another model, [`Error::Io`], and [`Error::Interrupted`].
pub fn ranks<R: BufRead>(
    lab: &Laboratory,
    stage: Stage<R>,
    output: impl Write,
    best: usize,
    progress: &Progress,
) -> Result<()> {
    stage.check_model(lab)?;
    let Stage(mut reader) = stage;
    let mut sum = Sum::default();
    let mut writer = Writer::new(lab, Kind::Ranks, None, output)?;
    let known = std::iter::from_fn(|| {
        let line = reader.next().and_then(|line| line.map(|line| token_of(lab, &line)).transpose());
        line.transpose()
    });
    for ranked in Ranks::new(lab, known, best) {
        progress.check()?;
        let ranked = ranked?;
        sum.add(lab.token(ranked.token).unwrap_or_default());
        writer.rank(&ranked)?;
    }
    reader.check(&sum)?;
    writer.end(&sum)
}

/// The tokens of ranks.
///
/// # Errors
/// As [`ranks`].
pub fn unranks<R: BufRead>(
    lab: &Laboratory,
    stage: Stage<R>,
    output: impl Write,
    progress: &Progress,
) -> Result<()> {
    let mut writer = Writer::new(lab, Kind::Tokens, None, output)?;
    let sum = each_token(lab, stage, progress, |token| writer.token(token))?;
    writer.end(&sum)
}

/// Gives every token of lines of ranks or of tokens.
fn each_token<R: BufRead>(
    lab: &Laboratory,
    stage: Stage<R>,
    progress: &Progress,
    mut each: impl FnMut(u32) -> Result<()>,
) -> Result<Sum> {
    stage.check_model(lab)?;
    let Stage(mut reader) = stage;
    let is_ranks = reader.header.kind == Kind::Ranks;
    let (mut predictor, mut sum) = (lab.predictor(), Sum::default());
    while let Some(line) = reader.next()? {
        progress.check()?;
        let token = if is_ranks {
            let rank = line.number("rank", u64::from(lab.tokens()) - 1)? as u32;
            let token = predictor.predict()?.token(rank);
            let token = token.ok_or_else(|| line.wrong("rank", "it is beyond the vocabulary"))?;
            predictor.read(token)?;
            token
        } else {
            token_of(lab, &line)?
        };
        sum.add(lab.token(token).unwrap_or_default());
        each(token)?;
    }
    reader.check(&sum)?;
    Ok(sum)
}

/// The bytes of tokens.
///
/// # Errors
/// As [`ranks`]. What was written before an error is right as far as it goes.
pub fn untokens<R: BufRead>(
    lab: &Laboratory,
    stage: Stage<R>,
    mut output: impl Write,
    progress: &Progress,
) -> Result<()> {
    each_token(lab, stage, progress, |token| {
        output.write_all(lab.token(token).unwrap_or_default()).map_err(|e| Error::io("-", e))
    })?;
    output.flush().map_err(|e| Error::io("-", e))
}

/// Coded bytes of ranks or of tokens.
///
/// # Errors
/// As [`ranks`], and [`Error::Limit`] for more bytes than a chunk may have.
pub fn code<R: BufRead>(
    lab: &Laboratory,
    stage: Stage<R>,
    output: impl Write,
    coder: CoderId,
    limits: &Limits,
    progress: &Progress,
) -> Result<()> {
    let (mut tokens, mut left) = (Vec::new(), limits.chunk());
    let sum = each_token(lab, stage, progress, |token| {
        let len = lab.token(token).unwrap_or_default().len() as u64;
        left = left.checked_sub(len).ok_or_else(|| too_long(limits))?;
        tokens.push(token);
        Ok(())
    })?;
    let raw_len = sum.raw_len() as usize;
    let coded = lab.coder(coder).code_tokens(&tokens, raw_len)?;
    let mut writer = Writer::new(lab, Kind::Code, Some((coder, raw_len)), output)?;
    let lines = coded.chunks(CODED);
    let items = lines.len() as u64;
    for line in lines {
        writer.coded(line)?;
    }
    writer.end(&sum.with_items(items))
}

fn too_long(limits: &Limits) -> Error {
    let what = "the text".into();
    Error::Limit { what, limit: limits.chunk(), bound: Bound::ChunkBytes }
}

/// The ranks of coded bytes.
///
/// # Errors
/// As [`code`], and [`Error::Corrupt`] for bytes that no coder writes.
pub fn decode<R: BufRead>(
    lab: &Laboratory,
    stage: Stage<R>,
    output: impl Write,
    limits: &Limits,
    progress: &Progress,
) -> Result<()> {
    stage.check_model(lab)?;
    let Stage(mut reader) = stage;
    let (coder, raw_len) = reader.header.coded.unwrap_or_default();
    if raw_len as u64 > limits.chunk() {
        return Err(too_long(limits));
    }
    let mut coded = Vec::new();
    while let Some(line) = reader.next()? {
        coded.extend(line.bytes("hex")?);
        if coded.len() as u64 > limits.chunk() {
            return Err(too_long(limits));
        }
    }
    let mut writer = Writer::new(lab, Kind::Ranks, None, output)?;
    let (coder, mut sum) = (lab.coder(coder), Sum::default());
    for ranked in coder.decode(&coded, raw_len) {
        progress.check()?;
        let ranked: Ranked = ranked?;
        sum.add(lab.token(ranked.token).unwrap_or_default());
        writer.rank(&ranked)?;
    }
    reader.check(&sum)?;
    writer.end(&sum)
}

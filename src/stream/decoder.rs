//! A stream to bytes. The input is not trusted: every length is checked before it is believed, and
//! no byte is written before its checksum holds.

use std::io::{Read, Write};

use super::frame::Head;
use super::profile::Profile;
use super::{MAGIC, Totals, message};
use crate::codec::{Engine, EngineOptions, Job};
use crate::error::{Container, Error, Found, Place, Result};
use crate::format::{self, CodecId};
use crate::limits::{Bound, Limits};
use crate::progress::Progress;

/// Reads streams; keeps the model that the last one needed, so that it serves many messages.
#[derive(Debug)]
pub struct Decoder {
    options: EngineOptions,
    ready: Option<(Profile, Engine)>,
}

impl Decoder {
    /// A decoder. Of the options, `level` does not matter; `limits` bound what is decoded, and
    /// `model` is the file for streams that were made with one.
    pub fn new(options: EngineOptions) -> Self {
        Decoder { options, ready: None }
    }

    /// Decodes one message, or several concatenated streams, in memory.
    ///
    /// # Errors
    ///
    /// As [`decode`](super::decode).
    pub fn decode(&mut self, coded: &[u8]) -> Result<Vec<u8>> {
        let mut message = Vec::new();
        self.decompress(coded, &mut message, &Progress::default())?;
        Ok(message)
    }

    /// Decodes everything that `input` yields, in bounded memory.
    ///
    /// # Errors
    ///
    /// As [`decode`](super::decode); also [`Error::Io`] from either side (path `-`) and
    /// [`Error::Interrupted`]. What was written before an error is right as far as it goes.
    pub fn decompress(
        &mut self,
        mut input: impl Read,
        mut output: impl Write,
        progress: &Progress,
    ) -> Result<Totals> {
        let mut totals = Totals { raw: 0, coded: 0 };
        loop {
            let limits = self.options.limits;
            let (profile, head) = match start(&mut input, totals.coded)? {
                Start::End => {
                    output.flush().map_err(|e| Error::io("-", e))?;
                    return Ok(totals);
                }
                Start::Stream => {
                    let (profile, size) = Profile::read(&mut input)?;
                    totals.coded += MAGIC.len() as u64 + size;
                    (profile, None)
                }
                Start::Message(first) => {
                    let (profile, head, size) = message::read(first, &mut input, &limits)?;
                    (profile, Some((head, 1 + size)))
                }
            };
            let engine = self.engine(profile)?;
            let mut stream = Stream {
                input: &mut input,
                has_model: profile.model.is_some(),
                head,
                first: true,
                crc: crc32fast::Hasher::new(),
            };
            while stream.copy_batch(engine, &limits, &mut totals, &mut output, progress)? {}
        }
    }

    /// The engine for a profile; the last one is kept.
    fn engine(&mut self, profile: Profile) -> Result<&Engine> {
        // The memory of another profile's engine is freed before the new one takes its own.
        let kept = self.ready.take().filter(|(ready, _)| *ready == profile);
        let ready = match kept {
            Some(ready) => ready,
            None => {
                let model = profile.model.as_ref();
                (profile, Engine::for_reading(self.options.clone(), profile.params, model)?)
            }
        };
        Ok(&self.ready.insert(ready).1)
    }
}

/// What comes next.
enum Start {
    /// Nothing.
    End,
    /// A stream, after its magic.
    Stream,
    /// A message, after this first byte.
    Message(u8),
}

/// Reads the beginning of the next stream or of the message that ends the input. The input must
/// not be empty.
fn start(input: &mut impl Read, consumed: u64) -> Result<Start> {
    let mut read = |most: usize, found: &mut Vec<u8>| {
        input.by_ref().take(most as u64).read_to_end(found).map_err(|e| Error::io("-", e))
    };
    let mut found = Vec::new();
    read(1, &mut found)?;
    match found.as_slice() {
        [] if consumed > 0 => return Ok(Start::End),
        [] => return Err(foreign(Found::Nothing)),
        &[first] if message::is_first(first) => return Ok(Start::Message(first)),
        _ => read(MAGIC.len() - 1, &mut found)?,
    };
    match found.as_slice() {
        found if found == MAGIC => Ok(Start::Stream),
        _ if consumed > 0 => {
            Err(Error::corrupt("foreign bytes follow the end of the stream").at("input", consumed))
        }
        found if format::MAGIC.starts_with(found) => Err(foreign(Found::Archive)),
        found if MAGIC.starts_with(found) => {
            Err(Error::corrupt("the stream is cut short after its first bytes"))
        }
        _ => Err(foreign(Found::Unknown)),
    }
}

fn foreign(found: Found) -> Error {
    Error::Foreign { expected: Container::Stream, found }
}

/// One stream after its profile.
struct Stream<'a, R> {
    input: &'a mut R,
    has_model: bool,
    /// The head of the first frame and its size, where it was read with what came before.
    head: Option<(Head, u64)>,
    first: bool,
    crc: crc32fast::Hasher,
}

impl<R: Read> Stream<'_, R> {
    /// Decodes the next batch of frames. False after the last frame.
    fn copy_batch(
        &mut self,
        engine: &Engine,
        limits: &Limits,
        totals: &mut Totals,
        output: &mut impl Write,
        progress: &Progress,
    ) -> Result<bool> {
        let mut frames: Vec<(Head, Vec<u8>)> = Vec::new();
        let mut raw = 0;
        // Frames of hostile sizes must not add up: a quarter of the memory, and at least one frame.
        let enough = |count: usize, raw: u64| count >= engine.batch() || raw >= limits.memory / 4;
        while frames.is_empty() || !enough(frames.len(), raw) {
            progress.check()?;
            let (head, size) = match self.head.take() {
                Some(read) => read,
                None => Head::read(self.input, self.first, limits).at("frame", totals.coded)?,
            };
            if head.codec == CodecId::Neural && !self.has_model {
                return Err(Error::corrupt("a neural frame in a stream without a model"));
            }
            raw += head.raw_len as u64;
            if totals.raw + raw > limits.total_bytes {
                return Err(Error::Limit {
                    what: "the decoded stream".into(),
                    limit: limits.total_bytes,
                    bound: Bound::TotalBytes,
                });
            }
            let payload = head.read_payload(self.input).at("frame", totals.coded)?;
            totals.coded += size + payload.len() as u64;
            self.first = false;
            frames.push((head, payload));
            if head.last {
                break;
            }
        }
        let jobs: Vec<Job<'_>> = frames
            .iter()
            .map(|(head, coded)| Job { codec: head.codec, coded, raw_len: head.raw_len })
            .collect();
        let decoded = engine.decode(&jobs, progress)?;
        for ((head, _), bytes) in frames.iter().zip(&decoded) {
            self.crc.update(bytes);
            if self.crc.clone().finalize() != head.crc {
                return Err(Error::corrupt("decoded bytes do not match their checksum"));
            }
            output.write_all(bytes).map_err(|e| Error::io("-", e))?;
        }
        totals.raw += raw;
        Ok(frames.last().is_some_and(|(head, _)| !head.last))
    }
}

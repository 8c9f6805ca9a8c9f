//! A stream to bytes. The input is not trusted: every length is checked before it is believed, and
//! no byte is written before its checksum holds.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};

use super::frame::Head;
use super::profile::Profile;
use super::{MAGIC, Totals, message};
use crate::codec::{ChunkCodec, DecodeOptions, Job};
use crate::error::{Container, Error, Found, Place, Result};
use crate::format;
use crate::limits::{Bound, Limits};
use crate::progress::Progress;

/// Reads streams; keeps the model that the last one needed, so that it serves many messages.
#[derive(Debug)]
pub struct Decoder {
    options: DecodeOptions,
    ready: Option<(Profile, ChunkCodec)>,
}

impl Decoder {
    /// A decoder. Of the options, `limits` bound what is decoded, and `models` has the models that
    /// streams name.
    pub fn new(options: DecodeOptions) -> Self {
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
            let has_model = profile.model.is_some();
            let codec = self.codec(profile)?;
            let mut frames = Frames {
                input: &mut input,
                head,
                has_model,
                limits: &limits,
                first: true,
                ended: false,
                raw: totals.raw,
                coded: totals.coded,
            };
            copy_stream(codec, &mut frames, &mut output, progress)?;
            totals = Totals { raw: frames.raw, coded: frames.coded };
        }
    }

    /// The chunk codec for a profile; the last one is kept.
    fn codec(&mut self, profile: Profile) -> Result<&ChunkCodec> {
        // The memory of another profile's chunk codec is freed before the new one takes its own.
        let kept = self.ready.take().filter(|(ready, _)| *ready == profile);
        let ready = match kept {
            Some(ready) => ready,
            None => {
                let model = profile.model.as_ref();
                let codec = ChunkCodec::for_decoding(&self.options, profile.params, model)?;
                (profile, codec)
            }
        };
        Ok(&self.ready.insert(ready).1)
    }
}

/// The beginning that comes next.
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

/// Decodes the frames of one stream.
fn copy_stream(
    codec: &ChunkCodec,
    frames: &mut Frames<'_, impl Read>,
    output: &mut impl Write,
    progress: &Progress,
) -> Result<()> {
    // The checksums of the frames in work, each with the frame's place in the input.
    let in_work: RefCell<VecDeque<(u32, u64)>> = RefCell::default();
    let mut crc = crc32fast::Hasher::new();
    codec.decode(
        &mut || {
            let at = frames.coded;
            let Some((head, payload)) = frames.next()? else { return Ok(None) };
            in_work.borrow_mut().push_back((head.crc, at));
            let coded = Cow::Owned(payload);
            Ok(Some(Job { coding: head.coding, coded, raw_len: head.raw_len }))
        },
        &mut |raw| {
            let Some((expected, at)) = in_work.borrow_mut().pop_front() else { return Ok(()) };
            let raw = raw.at("frame", at)?;
            crc.update(&raw);
            if crc.clone().finalize() != expected {
                let error = Error::corrupt("decoded bytes do not match their checksum");
                return Err(error.at("frame", at));
            }
            output.write_all(&raw).map_err(|e| Error::io("-", e))?;
            Ok(())
        },
        progress,
    )
}

/// The frames of one stream, as they are read.
struct Frames<'a, R> {
    input: &'a mut R,
    /// The head of the first frame and its size, where it was read with what came before.
    head: Option<(Head, u64)>,
    has_model: bool,
    limits: &'a Limits,
    first: bool,
    /// Says whether the last frame was read.
    ended: bool,
    /// Raw bytes of all frames read, and bytes of input.
    raw: u64,
    coded: u64,
}

impl<R: Read> Frames<'_, R> {
    /// The next frame's head and payload; `None` after the last.
    fn next(&mut self) -> Result<Option<(Head, Vec<u8>)>> {
        if self.ended {
            return Ok(None);
        }
        let at = self.coded;
        let (head, size) = match self.head.take() {
            Some(read) => read,
            None => Head::read(self.input, self.first, self.limits).at("frame", at)?,
        };
        if head.coding.model().is_some() && !self.has_model {
            let error = Error::corrupt("a neural frame in a stream without a model");
            return Err(error.at("frame", at));
        }
        self.raw += head.raw_len as u64;
        if self.raw > self.limits.total_bytes {
            return Err(Error::Limit {
                what: "the decoded stream".into(),
                limit: self.limits.total_bytes,
                bound: Bound::TotalBytes,
            });
        }
        let payload = head.read_payload(self.input).at("frame", at)?;
        self.coded += size + payload.len() as u64;
        (self.first, self.ended) = (false, head.last);
        Ok(Some((head, payload)))
    }
}

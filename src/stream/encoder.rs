//! Bytes to a stream: whole batches of frames at a time, so that all threads and lanes have work.

use std::io::{Read, Write};

use super::frame::Head;
use super::profile::Profile;
use super::{Totals, message};
use crate::codec::{Engine, EngineOptions};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The smallest frame size that can be asked for, in bytes.
const MIN_CHUNK: usize = 1 << 10;

/// Makes streams; holds the prepared model, so that it serves many messages.
#[derive(Debug)]
pub struct Encoder {
    engine: Engine,
    /// Raw bytes per frame.
    chunk_size: usize,
    /// Raw bytes that are coded together.
    batch_size: usize,
}

/// Whether the last frame says how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastLength {
    /// No: it runs to the end of the input.
    Implied,
    /// Yes: another stream may follow.
    Written,
}

impl Encoder {
    /// An encoder; `chunk_size` is the size of a frame in raw bytes, `None` for the level's own.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] when the model cannot be used, [`Error::Usage`] for a chunk size below
    /// 1 KiB or above [`Limits::chunk_bytes`](crate::Limits::chunk_bytes).
    pub fn new(options: EngineOptions, chunk_size: Option<usize>) -> Result<Self> {
        let (most, memory) = (options.limits.chunk_bytes, options.limits.memory);
        let engine = Engine::for_packing(options)?;
        let chunk_size = chunk_size.unwrap_or_else(|| engine.default_chunk_size());
        if chunk_size < MIN_CHUNK || chunk_size as u64 > most {
            return Err(Error::Usage(format!(
                "a chunk size of {chunk_size} is not between {MIN_CHUNK} and {most} bytes"
            )));
        }
        // Raw and coded bytes of a batch are in memory beside what the engine itself needs.
        let share = usize::try_from(memory / 4).unwrap_or(usize::MAX);
        let chunks = (share / chunk_size).clamp(1, engine.batch().max(1));
        Ok(Encoder { engine, chunk_size, batch_size: chunks * chunk_size })
    }

    /// Encodes one message in the shortest form: nothing may follow it.
    ///
    /// # Errors
    ///
    /// Only those of the machine, such as memory or threads refused.
    pub fn encode(&self, message: &[u8]) -> Result<Vec<u8>> {
        if let Some(name) = message::Name::of(&self.profile())
            && message.len() <= self.chunk_size
        {
            let coded = self.engine.encode(&[message], &Progress::default())?;
            return Ok(coded.first().map_or_else(Vec::new, |coded| name.write(message, coded)));
        }
        let mut coded = Vec::new();
        self.run(message, &mut coded, LastLength::Implied, &Progress::default())?;
        Ok(coded)
    }

    /// Encodes everything that `input` yields, in memory bounded by
    /// [`Limits::memory`](crate::Limits::memory).
    ///
    /// Streams made here may be concatenated.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] from either side (path `-`), [`Error::Interrupted`].
    pub fn compress(
        &self,
        input: impl Read,
        output: impl Write,
        progress: &Progress,
    ) -> Result<Totals> {
        self.run(input, output, LastLength::Written, progress)
    }

    fn profile(&self) -> Profile {
        Profile { params: self.engine.params(), model: self.engine.model_ref() }
    }

    fn run(
        &self,
        input: impl Read,
        mut output: impl Write,
        last_length: LastLength,
        progress: &Progress,
    ) -> Result<Totals> {
        let mut batches = Batches::new(input, self.batch_size);
        let mut crc = crc32fast::Hasher::new();
        let mut totals = Totals { raw: 0, coded: 0 };
        let mut framed = Vec::new();
        self.profile().write(&mut framed);
        loop {
            progress.check()?;
            let ends = batches.advance()?;
            let mut chunks: Vec<&[u8]> = batches.current().chunks(self.chunk_size).collect();
            if chunks.is_empty() {
                // An empty stream still has one frame.
                chunks.push(&[]);
            }
            let coded = self.engine.encode(&chunks, progress)?;
            for (at, (chunk, coded)) in chunks.iter().zip(&coded).enumerate() {
                crc.update(chunk);
                let last = ends && at + 1 == chunks.len();
                let implied = last && last_length == LastLength::Implied;
                let head = Head {
                    codec: coded.codec,
                    last,
                    raw_len: chunk.len(),
                    coded_len: (!implied).then_some(coded.bytes.len()),
                    crc: crc.clone().finalize(),
                };
                head.write(&mut framed);
                framed.extend_from_slice(&coded.bytes);
                output.write_all(&framed).map_err(|e| Error::io("-", e))?;
                totals.raw += chunk.len() as u64;
                totals.coded += framed.len() as u64;
                framed.clear();
            }
            if ends {
                output.flush().map_err(|e| Error::io("-", e))?;
                return Ok(totals);
            }
        }
    }
}

/// Reads batches of a fixed size, one byte ahead, so that the last one knows that it is.
struct Batches<R> {
    input: R,
    size: usize,
    /// The current batch, and behind it the byte that was read ahead.
    buffer: Vec<u8>,
}

impl<R: Read> Batches<R> {
    fn new(input: R, size: usize) -> Self {
        Batches { input, size, buffer: Vec::new() }
    }

    /// Replaces the current batch by the next one; true when nothing comes after it.
    fn advance(&mut self) -> Result<bool> {
        let ahead = self.buffer.get(self.size).copied();
        self.buffer.clear();
        self.buffer.extend(ahead);
        let want = self.size + 1 - self.buffer.len();
        self.input
            .by_ref()
            .take(want as u64)
            .read_to_end(&mut self.buffer)
            .map_err(|e| Error::io("-", e))?;
        Ok(self.buffer.len() <= self.size)
    }

    fn current(&self) -> &[u8] {
        &self.buffer[..self.buffer.len().min(self.size)]
    }
}

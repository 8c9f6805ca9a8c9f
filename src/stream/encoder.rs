//! Bytes to a stream, frame by frame.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{Read, Write};

use super::frame::{Head, IMPLIED};
use super::profile::Profile;
use super::{Totals, message};
use crate::codec::{ChunkCodec, EncodeOptions};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The smallest frame size that can be asked for, in bytes.
const MIN_CHUNK: usize = 1 << 10;

/// Makes streams; holds the prepared model, so that it serves many messages.
#[derive(Debug)]
pub struct Encoder {
    codec: ChunkCodec,
}

/// Says whether the last frame says how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastLength {
    /// No: it runs to the end of the input.
    Implied,
    /// Yes: another stream may follow.
    Written,
}

impl Encoder {
    /// An encoder. The chunk size of the options is the size of a frame in raw bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] when the model cannot be used, [`Error::Usage`] for a chunk size below
    /// 1 KiB or above [`Limits::chunk_bytes`](crate::Limits::chunk_bytes).
    pub fn new(options: EncodeOptions) -> Result<Self> {
        let codec = ChunkCodec::for_encoding(&options)?;
        match options.chunk_size {
            Some(size) if size < MIN_CHUNK => {
                Err(Error::Usage(format!("chunk size {size} is below {MIN_CHUNK} bytes")))
            }
            _ => Ok(Encoder { codec }),
        }
    }

    /// Encodes one message in the shortest form: nothing may follow it.
    ///
    /// # Errors
    ///
    /// Only those of the machine, such as memory or threads refused.
    pub fn encode(&self, message: &[u8]) -> Result<Vec<u8>> {
        if let Some(name) = message::Name::of(&self.profile())
            && message.len() <= self.codec.chunk_size()
        {
            let coded = self.codec.encode_one(message)?;
            if coded.coding.coder().is_none_or(|coder| coder == IMPLIED) {
                return Ok(name.write(message, coded.coding, coded.bytes()));
            }
            let mut stream = Vec::new();
            self.profile().write(&mut stream);
            let (coding, crc) = (coded.coding, crc32fast::hash(message));
            let raw_len = message.len();
            Head { coding, last: true, raw_len, coded_len: None, crc }.write(&mut stream);
            stream.extend_from_slice(coded.bytes());
            return Ok(stream);
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
    /// [`Error::Io`] from either side (path `-`), [`Error::Limit`] where the memory limit does not suffice for one
    /// frame, [`Error::Interrupted`].
    pub fn compress(
        &self,
        input: impl Read,
        output: impl Write,
        progress: &Progress,
    ) -> Result<Totals> {
        self.run(input, output, LastLength::Written, progress)
    }

    fn profile(&self) -> Profile {
        Profile::of(&self.codec)
    }

    fn run(
        &self,
        input: impl Read,
        mut output: impl Write,
        last_length: LastLength,
        progress: &Progress,
    ) -> Result<Totals> {
        let mut pieces = Pieces { input, size: self.codec.chunk_size(), ahead: None, read: 0 };
        // How many frames there are, once that is known: before the last of them is coded.
        let frames: Cell<Option<usize>> = Cell::new(None);
        let mut written = 0;
        let mut crc = crc32fast::Hasher::new();
        let mut totals = Totals { raw: 0, coded: 0 };
        let mut framed = Vec::new();
        self.profile().write(&mut framed);
        self.codec.encode(
            &mut || {
                if frames.get().is_some() {
                    return Ok(None);
                }
                let (piece, is_last) = pieces.next()?;
                frames.set(is_last.then_some(pieces.read));
                Ok(Some(Cow::Owned(piece)))
            },
            &mut |coded| {
                crc.update(&coded.raw);
                written += 1;
                let last = frames.get() == Some(written);
                let implied = last && last_length == LastLength::Implied;
                let bytes = coded.bytes();
                let head = Head {
                    coding: coded.coding,
                    last,
                    raw_len: coded.raw.len(),
                    coded_len: (!implied).then_some(bytes.len()),
                    crc: crc.clone().finalize(),
                };
                head.write(&mut framed);
                let write = |bytes: &[u8], output: &mut dyn Write| {
                    output.write_all(bytes).map_err(|e| Error::io("-", e))
                };
                write(&framed, &mut output)?;
                write(bytes, &mut output)?;
                totals.raw += coded.raw.len() as u64;
                totals.coded += (framed.len() + bytes.len()) as u64;
                framed.clear();
                Ok(())
            },
            progress,
        )?;
        output.flush().map_err(|e| Error::io("-", e))?;
        Ok(totals)
    }
}

/// Reads pieces of a fixed size, one byte ahead, so that the last one is known to be the last.
struct Pieces<R> {
    input: R,
    size: usize,
    ahead: Option<u8>,
    /// Pieces read so far.
    read: usize,
}

impl<R: Read> Pieces<R> {
    /// The next piece, and whether nothing comes after it. An empty input has one empty piece.
    fn next(&mut self) -> Result<(Vec<u8>, bool)> {
        let mut piece = Vec::new();
        piece.extend(self.ahead.take());
        let want = self.size + 1 - piece.len();
        self.input
            .by_ref()
            .take(want as u64)
            .read_to_end(&mut piece)
            .map_err(|e| Error::io("-", e))?;
        self.read += 1;
        let is_last = piece.len() <= self.size;
        if !is_last {
            self.ahead = piece.pop();
        }
        Ok((piece, is_last))
    }
}

//! Text from bits that nobody encoded, and the bits for a text.
//!
//! A generator is the decoder of an arithmetic coder in which the likeliest token always comes first. Zeros make it say
//! the likeliest thing again and again, random bits make it draw from the model's distribution, and the bits that
//! [`Laboratory::steer`] gives make it say a given text.

use std::collections::VecDeque;
use std::io::Read;

use sha2::{Digest, Sha256};

use crate::coder::range::{Decoder, Encoder};
use crate::error::{Error, Result};

use super::laboratory::Laboratory;
use super::predictor::Predictor;
use super::sampling::Sampling;

/// The source of the bits of a generator.
pub enum Bits<'a> {
    /// Zeros: always the likeliest token.
    Zeros,
    /// SHA-256 of the seed and of a counter, both as 64 bits with the lowest byte first: the same for everybody.
    Seed(u64),
    /// Bytes that come from somewhere; zeros follow the last.
    Bytes(Box<dyn Read + 'a>),
}

impl std::fmt::Debug for Bits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bits::Zeros => f.write_str("Zeros"),
            Bits::Seed(seed) => f.debug_tuple("Seed").field(seed).finish(),
            Bits::Bytes(_) => f.write_str("Bytes"),
        }
    }
}

/// The bytes of [`Bits`].
struct Source<'a> {
    bits: Bits<'a>,
    counter: u64,
    /// The rest of the last hash.
    block: VecDeque<u8>,
    failed: Option<Error>,
}

impl Source<'_> {
    fn read(&mut self) -> Result<Option<u8>> {
        match &mut self.bits {
            Bits::Zeros => Ok(None),
            Bits::Seed(seed) => {
                if self.block.is_empty() {
                    let seeded = Sha256::new().chain_update(seed.to_le_bytes());
                    let hash = seeded.chain_update(self.counter.to_le_bytes()).finalize();
                    self.counter += 1;
                    self.block.extend(hash);
                }
                Ok(self.block.pop_front())
            }
            Bits::Bytes(bytes) => {
                let mut byte = [0];
                let mut one = bytes.by_ref().take(1);
                match one.read_exact(&mut byte) {
                    Ok(()) => Ok(Some(byte[0])),
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(error) => Err(Error::io("-", error)),
                }
            }
        }
    }
}

impl Iterator for Source<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.read().unwrap_or_else(|error| {
            self.failed = Some(error);
            None
        })
    }
}

/// Tokens that a model says, one after the other and without an end.
pub struct Generator<'a> {
    predictor: Predictor,
    sampling: Sampling,
    decoder: Decoder<Source<'a>>,
    /// Set when an error ended it.
    failed: bool,
}

impl std::fmt::Debug for Generator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator").field("sampling", &self.sampling).finish_non_exhaustive()
    }
}

impl Generator<'_> {
    fn step(&mut self) -> Result<u32> {
        let choices = self.sampling.choices(&mut self.predictor.predict()?);
        let token = self.decoder.decode_any(choices.total(), |place| choices.at(place));
        if let Some(error) = self.decoder.source().failed.take() {
            return Err(error);
        }
        self.predictor.read(token)?;
        Ok(token)
    }
}

impl Iterator for Generator<'_> {
    type Item = Result<u32>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        Some(step)
    }
}

impl Laboratory {
    /// Goes on after `prompt` as `bits` say.
    ///
    /// ```
    /// # fn main() -> llz::Result<()> {
    /// use llz::lab::{Bits, Laboratory, Sampling};
    ///
    /// let lab = Laboratory::new(&llz::EncodeOptions::default())?;
    /// let sampling = Sampling { temperature: 0.8, top_k: 40 };
    /// for token in lab.generate(b"Once upon a time", sampling, Bits::Seed(7))?.take(20) {
    ///     print!("{}", String::from_utf8_lossy(lab.token(token?).unwrap()));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Laboratory::cut`], [`Error::Usage`] for a temperature that is none, and those of the engine; later ones
    /// come in place of a token.
    pub fn generate<'a>(
        &self,
        prompt: &[u8],
        sampling: Sampling,
        bits: Bits<'a>,
    ) -> Result<Generator<'a>> {
        let source = Source { bits, counter: 0, block: VecDeque::new(), failed: None };
        let predictor = self.prompted(prompt, sampling)?;
        Ok(Generator { predictor, sampling, decoder: Decoder::new(source), failed: false })
    }

    /// The bits that make [`Laboratory::generate`] say `text` after `prompt`, and how many tokens that is. The
    /// generator goes on after them; zeros follow, so what it says then is the likeliest.
    ///
    /// # Errors
    /// As [`Laboratory::generate`], and [`Error::Usage`] where a token is not among those that may be chosen.
    pub fn steer(
        &self,
        prompt: &[u8],
        sampling: Sampling,
        text: &[u8],
    ) -> Result<(Vec<u8>, usize)> {
        let mut predictor = self.prompted(prompt, sampling)?;
        let tokens = self.cut(text)?;
        let mut encoder = Encoder::default();
        predictor.walk(&tokens, |distribution, token| {
            let choices = sampling.choices(distribution);
            encoder.encode(choices.part_of(token)?, choices.total());
            Ok(())
        })?;
        Ok((encoder.finish(), tokens.len()))
    }

    /// A predictor that has read a prompt.
    fn prompted(&self, prompt: &[u8], sampling: Sampling) -> Result<Predictor> {
        let mut predictor = self.predictor();
        predictor.walk(&self.cut(prompt)?, |_, _| Ok(()))?;
        sampling.prepare(&mut predictor)?;
        Ok(predictor)
    }
}

//! Coders for a text alone, without any container.

use std::borrow::Cow;
use std::fmt;

use crate::codec::{TokenCoders, TokenDecoder};
use crate::error::Result;
use crate::format::CoderId;

use super::laboratory::Laboratory;
use super::predictor::Predictor;
use super::ranks::Ranked;

/// One of the coders, for texts by the model of a [`Laboratory`].
pub struct TextCoder<'a> {
    lab: &'a Laboratory,
    coders: TokenCoders<'a>,
    id: CoderId,
    /// Tokens after which the model forgets what it has read.
    context: usize,
}

impl fmt::Debug for TextCoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextCoder").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Laboratory {
    /// A coder for texts.
    ///
    /// ```
    /// # fn main() -> llz::Result<()> {
    /// use llz::Coder;
    ///
    /// let lab = llz::lab::Laboratory::new(&llz::EncodeOptions::default())?;
    /// let text = b"Each coder writes the same tokens by the same model.";
    /// for id in Coder::ALL {
    ///     let coder = lab.coder(id);
    ///     let coded = coder.code(text)?;
    ///     println!("{}: {} bytes", id.name(), coded.len());
    ///     let mut back = Vec::new();
    ///     for ranked in coder.decode(&coded, text.len()) {
    ///         back.extend_from_slice(lab.token(ranked?.token).unwrap());
    ///     }
    ///     assert_eq!(back, text);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn coder(&self, id: CoderId) -> TextCoder<'_> {
        TextCoder {
            lab: self,
            coders: self.codec.token_coders(&*self.model),
            id,
            context: usize::MAX,
        }
    }
}

impl TextCoder<'_> {
    /// The same, but the model forgets all that it has read after every so many tokens (at least one), as a model with a
    /// context of this length does. Mixers remember.
    pub fn with_context(self, tokens: usize) -> Self {
        TextCoder { context: tokens.max(1), ..self }
    }

    /// Codes a text as one chunk.
    ///
    /// # Errors
    /// As [`Laboratory::cut`], and those of the engine.
    pub fn code(&self, text: &[u8]) -> Result<Vec<u8>> {
        self.code_tokens(&self.lab.cut(text)?, text.len())
    }

    /// Codes tokens that spell `raw_len` bytes.
    pub(super) fn code_tokens(&self, tokens: &[u32], raw_len: usize) -> Result<Vec<u8>> {
        let mut encoder = self.coders.of(self.id).encoder(raw_len);
        let mut predictor = self.lab.predictor();
        for context in tokens.chunks(self.context) {
            predictor.reset();
            predictor.walk(context, |distribution, token| {
                encoder.encode(&distribution.prediction(), token);
                Ok(())
            })?;
        }
        Ok(encoder.finish())
    }

    /// The tokens of a coded text of `raw_len` bytes, one after the other. The text is right if no error comes.
    pub fn decode<'s>(&'s self, coded: &'s [u8], raw_len: usize) -> Decoding<'s> {
        let decoder = self.coders.of(self.id).decoder(Cow::Borrowed(coded), raw_len);
        let (predictor, context) = (self.lab.predictor(), self.context);
        Decoding { predictor, decoder: Some(decoder), raw_len, context, read: 0 }
    }
}

/// The tokens of a text, while it is decoded.
pub struct Decoding<'a> {
    predictor: Predictor,
    /// `None` after the end or an error.
    decoder: Option<Box<dyn TokenDecoder + 'a>>,
    raw_len: usize,
    context: usize,
    /// Tokens read since the model forgot all.
    read: usize,
}

impl fmt::Debug for Decoding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoding").field("raw_len", &self.raw_len).finish_non_exhaustive()
    }
}

impl Decoding<'_> {
    fn step(&mut self) -> Result<Option<Ranked>> {
        let Some(decoder) = self.decoder.as_mut().filter(|decoder| decoder.len() < self.raw_len)
        else {
            return self.decoder.take().map_or(Ok(None), |decoder| decoder.finish().map(|_| None));
        };
        if self.read == self.context {
            self.predictor.reset();
            self.read = 0;
        }
        self.read += 1;
        let mut distribution = self.predictor.predict()?;
        let token = decoder.decode(&distribution.prediction())?;
        let ranked = Ranked::of(&mut distribution, token, 0);
        self.predictor.read(token)?;
        Ok(Some(ranked))
    }
}

impl Iterator for Decoding<'_> {
    type Item = Result<Ranked>;

    fn next(&mut self) -> Option<Self::Item> {
        let stepped = self.step();
        if stepped.is_err() {
            self.decoder = None;
        }
        stepped.transpose()
    }
}

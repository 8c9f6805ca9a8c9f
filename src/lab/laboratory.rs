//! A model, ready for experiments.

use std::sync::Arc;

use crate::codec::{ChunkCodec, EncodeOptions};
use crate::error::{Error, Result};
use crate::model::{LanguageModel, Loaded, Schedule};
use crate::vocab::Vocabulary;

use super::predictor::Predictor;

/// A model with its tokenizer and all coders.
#[derive(Debug)]
pub struct Laboratory {
    pub(super) codec: ChunkCodec,
    pub(super) model: Arc<dyn LanguageModel>,
}

impl Laboratory {
    /// The model of these options: the one that they name, or that of their level.
    ///
    /// # Errors
    /// [`Error::Usage`] for a level that uses no model, [`Error::Unsupported`] for an engine that must be called in a
    /// fixed way, and as [`Encoder::new`](crate::Encoder::new).
    pub fn new(options: &EncodeOptions) -> Result<Self> {
        let codec = ChunkCodec::for_encoding(options)?;
        let level = options.level.get();
        let model = codec.model().cloned();
        let model =
            model.ok_or_else(|| Error::Usage(format!("level {level} uses no model; 4 to 9 do")))?;
        match model.schedule() {
            Schedule::Portable => Ok(Laboratory { codec, model }),
            Schedule::Fixed { .. } => {
                Err(Error::Unsupported("a device that must be called for several chunks".into()))
            }
        }
    }

    /// The model of these bytes of a file, or one that was loaded before.
    ///
    /// # Errors
    /// As [`Laboratory::new`].
    pub fn of(model: Loaded) -> Result<Self> {
        Self::new(&EncodeOptions { model: Some(model), ..Default::default() })
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        self.model.name()
    }

    /// SHA-256 of the model's file.
    pub fn sha256(&self) -> [u8; 32] {
        self.model.reference().sha256
    }

    /// The tokens, by number.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        self.model.vocabulary()
    }

    /// The number of tokens; their own numbers are those below.
    pub fn tokens(&self) -> u32 {
        self.vocabulary().len() as u32
    }

    /// The bytes of a token; `None` beyond the vocabulary.
    pub fn token(&self, number: u32) -> Option<&[u8]> {
        (number < self.tokens()).then(|| self.vocabulary().token(number))
    }

    /// The tokens that spell these bytes.
    ///
    /// # Errors
    /// [`Error::Model`] for a tokenizer that cannot be used.
    pub fn cut(&self, bytes: &[u8]) -> Result<Vec<u32>> {
        self.codec.tokens(&*self.model, bytes)
    }

    /// Predictions from the beginning of a text.
    ///
    /// ```
    /// # fn main() -> llz::Result<()> {
    /// let lab = llz::lab::Laboratory::new(&llz::EncodeOptions::default())?;
    /// let mut predictor = lab.predictor();
    /// for token in lab.cut(b"Once upon a")? {
    ///     predictor.read(token)?;
    /// }
    /// for candidate in predictor.predict()?.best(5) {
    ///     let spelled = String::from_utf8_lossy(lab.token(candidate.token).unwrap());
    ///     println!("{spelled:?}: {:.1} %", 100.0 * candidate.probability);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn predictor(&self) -> Predictor {
        Predictor::new(&self.model, self.codec.isa())
    }
}

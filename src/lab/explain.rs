//! The cost of each token of a text: by the model alone, by contexts alone, and by both together.

use crate::codec::binarise::code_token;
use crate::codec::{BYTES, Prediction};
use crate::coder::ONE;
use crate::error::Result;
use crate::mixer::Mixer;
use crate::progress::Progress;
use crate::vocab::{Decision, Vocabulary};

use super::laboratory::Laboratory;
use super::logarithm;
use super::ranks::Ranked;

/// A token and what it costs in each way of coding.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The opinion of the model; `bits` is its cost by the model alone.
    pub by_model: Ranked,
    /// Bits by contexts alone, as at levels without a model.
    pub by_contexts: f64,
    /// Bits by both, as an archive has them.
    pub mixed: f64,
}

/// Says of decisions that are known what they cost.
struct Cost<'a> {
    vocabulary: &'a Vocabulary,
    mixer: Mixer,
}

impl Cost<'_> {
    /// The bits of a token, whose decisions have these log odds by the model. The mixer learns it.
    fn of(&mut self, token: u32, log_odds: impl Fn(&Decision) -> f32) -> f64 {
        let mut bits = 0.0;
        code_token(self.vocabulary, &mut self.mixer, log_odds, |decision, p, _| {
            let one = decision.answer(token);
            bits += logarithm::bits(if one { p } else { ONE - p }.into(), ONE.into());
            one
        });
        bits
    }
}

impl Laboratory {
    /// Explains a text as one chunk, with the `best` likeliest tokens of each place.
    ///
    /// ```
    /// # fn main() -> llz::Result<()> {
    /// let lab = llz::lab::Laboratory::new(&llz::EncodeOptions::default())?;
    /// let text = b"to be, or not to be: to be, or not to be";
    /// let tokens = lab.explain(text, 0, &llz::Progress::default())?;
    /// let mixed: f64 = tokens.iter().map(|token| token.mixed).sum();
    /// let by_model: f64 = tokens.iter().map(|token| token.by_model.bits).sum();
    /// println!("{by_model:.1} bits by the model alone, {mixed:.1} mixed with contexts");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Laboratory::cut`], those of the engine, and [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn explain(&self, text: &[u8], best: usize, progress: &Progress) -> Result<Vec<Explained>> {
        let tokens = self.cut(text)?;
        let mixer = self.codec.token_coders(&*self.model).mixer(text.len());
        let mut both = Cost { vocabulary: self.vocabulary(), mixer };
        let mixer = self.codec.mixer_without_model(text.len());
        let mut contexts = Cost { vocabulary: &BYTES, mixer };
        let mut explained = Vec::with_capacity(tokens.len());
        self.predictor().walk(&tokens, |distribution, token| {
            progress.check()?;
            let by_model = Ranked::of(distribution, token, best);
            let Prediction { hidden, frequencies } = distribution.prediction();
            both.mixer.begin_token(hidden);
            let mixed = both.of(token, |decision| frequencies.log_odds(decision));
            let bytes = self.vocabulary().token(token);
            let by_contexts = bytes.iter().map(|&byte| contexts.of(byte.into(), |_| 0.0)).sum();
            progress.add(bytes.len() as u64);
            explained.push(Explained { by_model, by_contexts, mixed });
            Ok(())
        })?;
        Ok(explained)
    }
}

//! The expectation of the model, one token after the other.

use std::fmt;
use std::sync::Arc;

use crate::codec::{Prediction, first_token};
use crate::error::{Error, Result};
use crate::kernel::Isa;
use crate::model::{ByProbability, Frequencies, LanguageModel, Session};

use super::logarithm;

/// Positions of known tokens that go through the model at once.
pub(super) const POSITIONS: usize = 16;

/// A text that the model reads, and its expectation of what comes next.
pub struct Predictor {
    model: Arc<dyn LanguageModel>,
    session: Box<dyn Session>,
    frequencies: Frequencies,
    hidden: Vec<f32>,
    order: ByProbability,
    /// 1 / temperature, where that is not 1.
    sharpness: Option<f32>,
    scaled: Vec<f32>,
    /// The token that was read last, if the model has not seen it yet.
    pending: Option<u32>,
}

impl fmt::Debug for Predictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predictor").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Predictor {
    pub(super) fn new(model: &Arc<dyn LanguageModel>, isa: Isa) -> Self {
        Predictor {
            model: Arc::clone(model),
            session: Arc::clone(model).session(1, POSITIONS, 0),
            frequencies: Frequencies::new(model.vocabulary().len(), isa),
            hidden: Vec::new(),
            order: ByProbability::default(),
            sharpness: None,
            scaled: Vec::new(),
            pending: Some(first_token(&**model)),
        }
    }

    /// Divides all logits by a temperature: below 1 what is likely becomes likelier, above 1 less likely.
    ///
    /// # Errors
    /// [`Error::Usage`] for a temperature that is not above 0 and finite.
    pub fn set_temperature(&mut self, temperature: f32) -> Result<()> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Error::Usage(format!("temperature {temperature} is not above 0")));
        }
        self.sharpness = (temperature != 1.0).then_some(1.0 / temperature);
        Ok(())
    }

    /// Forgets what was read, as at the beginning of a text.
    pub fn reset(&mut self) {
        self.session.reset(0);
        self.pending = Some(first_token(&*self.model));
    }

    /// The expectation of the next token.
    ///
    /// # Errors
    /// Those of the engine; the processor has none.
    pub fn predict(&mut self) -> Result<Distribution<'_>> {
        if let Some(token) = self.pending.take() {
            self.step(&[token], |_, _| Ok(()))?;
        }
        let Predictor { frequencies, hidden, order, .. } = self;
        Ok(Distribution { frequencies, hidden, order })
    }

    /// Reads a token of the vocabulary: the next expectation is of what follows it.
    ///
    /// # Errors
    /// [`Error::Usage`] for a token beyond the vocabulary, and those of the engine.
    pub fn read(&mut self, token: u32) -> Result<()> {
        let known = self.model.vocabulary().len();
        if token as usize >= known {
            return Err(Error::Usage(format!("token {token} does not exist: there are {known}")));
        }
        if let Some(before) = self.pending.replace(token) {
            self.step(&[before], |_, _| Ok(()))?;
        }
        Ok(())
    }

    /// Reads tokens that are known, which is faster than one at a time. `seen` gets the expectation of each before it
    /// was read, and the token.
    ///
    /// # Errors
    /// As [`Predictor::read`], and those of `seen`.
    pub fn walk(
        &mut self,
        tokens: &[u32],
        mut seen: impl FnMut(&mut Distribution<'_>, u32) -> Result<()>,
    ) -> Result<()> {
        let mut rest = tokens;
        // Where the next expectation is there already, it has no place in a block.
        if self.pending.is_none()
            && let Some((&first, others)) = tokens.split_first()
        {
            seen(&mut self.predict()?, first)?;
            self.read(first)?;
            rest = others;
        }
        let known = self.model.vocabulary().len();
        if let Some(token) = rest.iter().find(|&&token| token as usize >= known) {
            return Err(Error::Usage(format!("token {token} does not exist: there are {known}")));
        }
        for block in rest.chunks(POSITIONS) {
            let (Some(before), Some((&last, inputs))) = (self.pending.take(), block.split_last())
            else {
                break;
            };
            let inputs = [&[before], inputs].concat();
            self.step(&inputs, |distribution, at| seen(distribution, block[at]))?;
            self.pending = Some(last);
        }
        Ok(())
    }

    /// Takes tokens through the model; `each` gets the expectation after each, and its place.
    fn step(
        &mut self,
        tokens: &[u32],
        mut each: impl FnMut(&mut Distribution<'_>, usize) -> Result<()>,
    ) -> Result<()> {
        let Predictor { session, frequencies, hidden, order, sharpness, scaled, .. } = self;
        let outputs = session.step(tokens, &[0; POSITIONS][..tokens.len()])?;
        for (at, (vector, logits)) in outputs.each().enumerate() {
            match sharpness {
                None => frequencies.take(logits),
                Some(sharpness) => {
                    scaled.clear();
                    scaled.extend(logits.iter().map(|logit| logit * *sharpness));
                    frequencies.take(scaled);
                }
            }
            hidden.clear();
            hidden.extend_from_slice(vector);
            each(&mut Distribution { frequencies, hidden, order }, at)?;
        }
        Ok(())
    }
}

/// A likely token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its number.
    pub token: u32,
    /// Its probability.
    pub probability: f64,
}

/// The model's expectation of one token.
pub struct Distribution<'a> {
    pub(super) frequencies: &'a Frequencies,
    hidden: &'a [f32],
    pub(super) order: &'a mut ByProbability,
}

impl fmt::Debug for Distribution<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution")
            .field("total", &self.frequencies.total())
            .finish_non_exhaustive()
    }
}

impl Distribution<'_> {
    /// The integer frequency of each token, by number. Their sum is the whole.
    pub fn frequencies(&self) -> &[u32] {
        self.frequencies.each()
    }

    /// The probability of a token; 0 beyond the vocabulary.
    pub fn probability(&self, token: u32) -> f64 {
        let part = self.frequencies.each().get(token as usize).copied().unwrap_or(0);
        f64::from(part) / self.frequencies.total() as f64
    }

    /// The information of a token in bits; infinite beyond the vocabulary.
    pub fn bits(&self, token: u32) -> f64 {
        match self.frequencies.each().get(token as usize) {
            Some(&part) => logarithm::bits(part.into(), self.frequencies.total()),
            None => f64::INFINITY,
        }
    }

    /// The number of tokens that are likelier; as many as there are, beyond the vocabulary. Of two with the same probability the
    /// lower number counts as likelier.
    pub fn rank(&self, token: u32) -> u32 {
        let tokens = self.frequencies.each().len() as u32;
        if token < tokens { self.frequencies.probability_rank(token) } else { tokens }
    }

    /// The token of this rank; `None` beyond the vocabulary.
    pub fn token(&mut self, rank: u32) -> Option<u32> {
        self.order.select(self.frequencies, rank)
    }

    /// The likeliest tokens, the likeliest first.
    pub fn best(&mut self, count: usize) -> Vec<Candidate> {
        let (frequencies, total) = (self.frequencies, self.frequencies.total() as f64);
        let candidate = |token| {
            let part = frequencies.each()[token as usize];
            Candidate { token, probability: f64::from(part) / total }
        };
        self.order.best(frequencies, count).map(candidate).collect()
    }

    /// The same for coders.
    pub(super) fn prediction(&self) -> Prediction<'_> {
        Prediction { hidden: self.hidden, frequencies: self.frequencies }
    }
}

//! The likelihood of each token of a text.

use std::collections::VecDeque;

use crate::error::Result;

use super::laboratory::Laboratory;
use super::predictor::{Candidate, Distribution, POSITIONS, Predictor};

/// A token and what the model thought of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Its number.
    pub token: u32,
    /// The number of tokens that were likelier.
    pub rank: u32,
    /// Its probability.
    pub probability: f64,
    /// Its information in bits.
    pub bits: f64,
    /// The likeliest tokens, as many as were asked for.
    pub best: Vec<Candidate>,
}

impl Ranked {
    pub(super) fn of(distribution: &mut Distribution<'_>, token: u32, best: usize) -> Self {
        Ranked {
            token,
            rank: distribution.rank(token),
            probability: distribution.probability(token),
            bits: distribution.bits(token),
            best: if best > 0 { distribution.best(best) } else { Vec::new() },
        }
    }
}

/// The ranks of tokens that come one after the other.
#[derive(Debug)]
pub struct Ranks<I> {
    predictor: Predictor,
    tokens: I,
    best: usize,
    ready: VecDeque<Ranked>,
    /// An error that comes after what is ready.
    failed: Option<crate::Error>,
}

impl<I: Iterator<Item = Result<u32>>> Ranks<I> {
    pub(super) fn new(lab: &Laboratory, tokens: I, best: usize) -> Self {
        let predictor = lab.predictor();
        Ranks { predictor, tokens, best, ready: VecDeque::new(), failed: None }
    }

    /// Adds the `count` likeliest tokens to each.
    pub fn with_best(mut self, count: usize) -> Self {
        self.best = count;
        self
    }

    /// Takes the next tokens through the model, some at once.
    fn refill(&mut self) -> Result<()> {
        let mut block = Vec::with_capacity(POSITIONS);
        for token in self.tokens.by_ref().take(POSITIONS) {
            match token {
                Ok(token) => block.push(token),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        let (best, ready) = (self.best, &mut self.ready);
        self.predictor.walk(&block, |distribution, token| {
            ready.push_back(Ranked::of(distribution, token, best));
            Ok(())
        })
    }
}

impl<I: Iterator<Item = Result<u32>>> Iterator for Ranks<I> {
    type Item = Result<Ranked>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && self.failed.is_none()
            && let Err(error) = self.refill()
        {
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok).or_else(|| self.failed.take().map(Err))
    }
}

impl Laboratory {
    /// The likelihood of each token of some bytes.
    ///
    /// # Errors
    /// As [`Laboratory::cut`]; those of the engine come in place of a token.
    pub fn ranks(&self, bytes: &[u8]) -> Result<Ranks<impl Iterator<Item = Result<u32>>>> {
        Ok(Ranks::new(self, self.cut(bytes)?.into_iter().map(Ok), 0))
    }
}

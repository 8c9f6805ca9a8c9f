//! Several chunks in lockstep: one token of each at a time goes through the model.
//!
//! A lane is refilled with the next chunk as soon as its chunk is done. Both directions use this loop; packing does
//! so only where the engine's schedule is fixed.

use std::sync::Arc;

use crate::error::Result;
use crate::kernel::Isa;
use crate::model::{Frequencies, LanguageModel, Schedule, Session};

use super::control::Control;
use super::neural::first_token;
use super::token_coder::{Prediction, TokenDecoder, TokenEncoder};

/// One chunk being coded or decoded token by token.
pub(super) trait Lane {
    /// The outcome.
    type Done;

    /// Codes the next token and returns it.
    ///
    /// # Errors
    /// That of this chunk alone.
    fn step(&mut self, prediction: &Prediction<'_>) -> Result<u32>;

    /// Raw bytes that are done.
    fn len(&self) -> usize;

    /// Says whether no token is left.
    fn is_done(&self) -> bool;

    /// Ends the lane, after its last token or an error.
    fn finish(self, outcome: Result<()>) -> Self::Done;
}

/// A chunk being decoded.
pub(super) struct Decoding<'a> {
    pub decoder: Box<dyn TokenDecoder + 'a>,
    pub raw_len: usize,
}

impl Lane for Decoding<'_> {
    type Done = Result<Vec<u8>>;

    fn step(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        self.decoder.decode(prediction)
    }

    fn len(&self) -> usize {
        self.decoder.len().min(self.raw_len)
    }

    fn is_done(&self) -> bool {
        self.decoder.len() >= self.raw_len
    }

    fn finish(self, outcome: Result<()>) -> Self::Done {
        outcome.and_then(|()| self.decoder.finish())
    }
}

/// A chunk being encoded.
pub(super) struct Encoding<'a> {
    pub encoder: Box<dyn TokenEncoder + 'a>,
    /// The tokens to come, in reverse order.
    pub tokens: Vec<u32>,
    pub model: &'a dyn LanguageModel,
    pub len: usize,
}

impl Lane for Encoding<'_> {
    type Done = Result<Vec<u8>>;

    fn step(&mut self, prediction: &Prediction<'_>) -> Result<u32> {
        let token = self.tokens.pop().unwrap_or(0);
        self.encoder.encode(prediction, token);
        self.len += self.model.vocabulary().token(token).len();
        Ok(token)
    }

    fn len(&self) -> usize {
        self.len
    }

    fn is_done(&self) -> bool {
        self.tokens.is_empty()
    }

    fn finish(self, outcome: Result<()>) -> Self::Done {
        outcome.map(|()| self.encoder.finish())
    }
}

struct Active<L> {
    number: usize,
    lane: L,
    /// Its place in the session.
    place: usize,
    /// The token read last.
    token: u32,
}

/// The lanes of one worker.
pub(super) struct Lockstep<L> {
    session: Box<dyn Session>,
    frequencies: Frequencies,
    /// The token that a chunk's first prediction follows.
    first: u32,
    active: Vec<Active<L>>,
    free: Vec<usize>,
    tokens: Vec<u32>,
    places: Vec<usize>,
    /// Says whether every step takes one token of every lane.
    is_fixed: bool,
}

/// Lanes that a worker of `model` has.
pub(super) fn lanes_of(model: &dyn LanguageModel, most: usize) -> usize {
    match model.schedule() {
        Schedule::Portable => most,
        Schedule::Fixed { lanes } => lanes.max(1),
    }
}

impl<L: Lane> Lockstep<L> {
    /// Up to `lanes` lanes, with up to `helpers` helper threads.
    pub fn new(
        model: &Arc<dyn LanguageModel>,
        isa: Isa,
        lanes: usize,
        helpers: usize,
    ) -> Self {
        let lanes = lanes_of(&**model, lanes);
        Lockstep {
            session: Arc::clone(model).session(lanes, lanes, helpers),
            frequencies: Frequencies::new(model.vocabulary().len(), isa),
            first: first_token(&**model),
            active: Vec::with_capacity(lanes),
            free: (0..lanes).rev().collect(),
            tokens: Vec::with_capacity(lanes),
            places: Vec::with_capacity(lanes),
            is_fixed: model.schedule() != Schedule::Portable,
        }
    }

    /// Says whether a further chunk can be taken in.
    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes in job `number`. There must be room.
    pub fn add(&mut self, number: usize, lane: L) {
        if let Some(place) = self.free.pop() {
            self.session.reset(place);
            self.active.push(Active { number, lane, place, token: self.first });
        }
    }

    /// Takes one token of every lane through the model. `done` receives what is finished. Returns whether any lane
    /// is left.
    ///
    /// # Errors
    /// Those of the engine, and [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn step(
        &mut self,
        control: Control<'_>,
        mut done: impl FnMut(usize, L::Done),
    ) -> Result<bool> {
        let Lockstep { session, frequencies, active, free, tokens, places, .. } = self;
        // A chunk without any token is done at once.
        retire(active, free, |_| None, &mut done);
        if active.is_empty() {
            return Ok(false);
        }
        control.check()?;
        tokens.clear();
        places.clear();
        tokens.extend(active.iter().map(|lane| lane.token));
        places.extend(active.iter().map(|lane| lane.place));
        if self.is_fixed {
            // Every call has the same shape: lanes without a chunk read some token, and their outputs are not used.
            for &place in free.iter() {
                session.reset(place);
                tokens.push(self.first);
                places.push(place);
            }
        }
        let outputs = session.step(tokens, places)?;
        let mut failed: Option<Vec<(usize, crate::Error)>> = None;
        for (item, (hidden, logits)) in active.iter_mut().zip(outputs.each()) {
            let before = item.lane.len();
            frequencies.take(logits);
            match item.lane.step(&Prediction { hidden, frequencies }) {
                Ok(token) => item.token = token,
                Err(error) => failed.get_or_insert_default().push((item.number, error)),
            }
            control.add(item.lane.len() - before);
        }
        let mut failed = failed.unwrap_or_default();
        let error_of = |number: usize| {
            let at = failed.iter().position(|&(failed, _)| failed == number)?;
            Some(failed.swap_remove(at).1)
        };
        retire(active, free, error_of, &mut done);
        Ok(!active.is_empty())
    }
}

/// Takes out the lanes that are done or have failed.
fn retire<L: Lane>(
    active: &mut Vec<Active<L>>,
    free: &mut Vec<usize>,
    mut error_of: impl FnMut(usize) -> Option<crate::Error>,
    done: &mut impl FnMut(usize, L::Done),
) {
    let mut at = 0;
    while at < active.len() {
        let error = error_of(active[at].number);
        if error.is_none() && !active[at].lane.is_done() {
            at += 1;
            continue;
        }
        let Active { number, lane, place, .. } = active.swap_remove(at);
        free.push(place);
        done(number, lane.finish(error.map_or(Ok(()), Err)));
    }
}

//! The seam between llz and whatever computes a language model's predictions.
//!
//! The codec knows a model only through these traits, so that another engine (a GPU, another architecture) needs
//! no change in any other room. [`Rwkv7`](super::Rwkv7) on the CPU is the first implementation.

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::Result;
use crate::format::ModelRef;
use crate::vocab::Vocabulary;

/// A schedule says how a model must be called so that packing and unpacking compute the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// The same bits on every machine, for any number of lanes and of positions of one lane in a call.
    Portable,
    /// The same bits for the same calls alone: in both directions, every call takes one token of each of exactly so
    /// many lanes.
    #[cfg_attr(not(test), allow(dead_code, reason = "for engines in member crates"))]
    Fixed {
        /// Lanes of every call.
        lanes: usize,
    },
}

/// The results of a step for each of its items.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a> {
    /// Hidden vectors, items × width; empty where the engine gives none.
    hidden: &'a [f32],
    /// Logits, items × tokens, in the vocabulary's order.
    logits: &'a [f32],
    items: usize,
}

impl<'a> Outputs<'a> {
    /// The results of `items` items.
    pub fn new(hidden: &'a [f32], logits: &'a [f32], items: usize) -> Self {
        Outputs { hidden, logits, items }
    }

    /// Each item's hidden vector (empty where there is none) and its logits.
    pub fn each(self) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        let (width, tokens) =
            (self.hidden.len() / self.items.max(1), self.logits.len() / self.items.max(1));
        (0..self.items).map(move |i| {
            (&self.hidden[i * width..][..width], &self.logits[i * tokens..][..tokens])
        })
    }
}

/// A language model that predicts the next token of several independent sequences.
pub trait LanguageModel: Debug + Send + Sync {
    /// The name of the model and of its arithmetic in archives.
    fn reference(&self) -> ModelRef;

    /// The name that people give the model.
    fn name(&self) -> &str;

    /// Its tokens, named by their rank in byte order.
    fn vocabulary(&self) -> &Vocabulary;

    /// The schedule by which it must be called.
    fn schedule(&self) -> Schedule;

    /// Values of a hidden vector, a multiple of 16; 0 where the engine gives none.
    fn hidden_width(&self) -> usize;

    /// The state of the mixer that was learned beside this model, if the model file carries it.
    fn prior(&self) -> Option<&[u8]>;

    /// Bytes that the model itself takes.
    fn bytes(&self) -> u64;

    /// Bytes of one lane's state.
    fn lane_bytes(&self) -> u64;

    /// Bytes of a session for up to `capacity` items a step, without its lanes and what its helpers share.
    fn session_bytes(&self, capacity: usize) -> u64;

    /// Says whether helper threads make a session faster.
    fn gains_from_helpers(&self) -> bool;

    /// A session of `lanes` lanes for up to `capacity` items a step, with up to `helpers` helper threads.
    fn session(self: Arc<Self>, lanes: usize, capacity: usize, helpers: usize) -> Box<dyn Session>;

    /// The same split in two, for two threads at one sequence; `None` where the engine cannot.
    fn pipeline(self: Arc<Self>, capacity: usize) -> Option<(Box<dyn Trunk>, Box<dyn Unembed>)>;
}

/// A model's memory of several sequences, one per lane.
pub trait Session {
    /// Forgets the sequence of a lane.
    fn reset(&mut self, lane: usize);

    /// Reads `tokens[i]` into lane `lanes[i]` for every i, in order, and predicts what follows each. A lane may
    /// occur several times under [`Schedule::Portable`] alone.
    ///
    /// # Errors
    /// Those of a device; the CPU has none.
    ///
    /// # Panics
    /// If there are more items than the session's capacity, or a token or lane does not exist.
    fn step(&mut self, tokens: &[u32], lanes: &[usize]) -> Result<Outputs<'_>>;
}

/// The first part of a model: everything up to the hidden vectors of one sequence.
pub trait Trunk: Send {
    /// Reads tokens and gives the hidden vectors, tokens × width.
    fn read(&mut self, tokens: &[u32]) -> &[f32];
}

/// The second part of a model: from hidden vectors to logits.
pub trait Unembed {
    /// The outputs for some hidden vectors.
    fn predict<'a>(&'a mut self, hidden: &'a [f32]) -> Outputs<'a>;
}

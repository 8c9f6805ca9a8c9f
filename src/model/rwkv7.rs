//! RWKV-7 in int8 on the CPU: the engine whose bits are the same on every machine.

use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::format::{EngineRef, ModelRef};
use crate::kernel::{Isa, NUMERIC_PROFILE};
use crate::vocab::Vocabulary;

use super::forward::{Pass, TrunkPass, Unembedding};
use super::language_model::{LanguageModel, Outputs, Schedule, Session, Trunk, Unembed};
use super::state::State;
use super::team::Team;
use super::weights::Model;

/// Multiply-adds per token from which on helpers are used. At a byte each, the weights of such a model are more than a
/// core's own cache holds; the rows of a smaller one are sooner multiplied than shared out. The bound itself was not
/// measured.
const WORTH_HELPERS: usize = 2_000_000;

/// A loaded model with the instruction set of this machine.
#[derive(Debug)]
pub struct Rwkv7 {
    model: Arc<Model>,
    isa: Isa,
    fingerprint: OnceLock<u64>,
}

impl Rwkv7 {
    /// The engine for a model.
    pub fn new(model: Arc<Model>, isa: Isa) -> Self {
        Rwkv7 { model, isa, fingerprint: OnceLock::new() }
    }
}

impl LanguageModel for Rwkv7 {
    fn reference(&self) -> ModelRef {
        let fingerprint = self.fingerprint.get_or_init(|| self.model.fingerprint(self.isa));
        ModelRef {
            sha256: self.model.sha256(),
            tokenizer: self.model.vocabulary().id(),
            engine: EngineRef::Portable {
                profile: NUMERIC_PROFILE,
                fingerprint: *fingerprint,
            },
        }
    }

    fn name(&self) -> &str {
        self.model.name()
    }

    fn vocabulary(&self) -> &Vocabulary {
        self.model.vocabulary()
    }

    fn schedule(&self) -> Schedule {
        Schedule::Portable
    }

    fn hidden_width(&self) -> usize {
        self.model.shape().width
    }

    fn prior(&self) -> Option<&[u8]> {
        self.model.prior()
    }

    fn bytes(&self) -> u64 {
        self.model.bytes() as u64
    }

    fn lane_bytes(&self) -> u64 {
        self.model.state_bytes() as u64
    }

    fn session_bytes(&self, capacity: usize) -> u64 {
        Pass::bytes(&self.model, capacity) as u64
    }

    fn gains_from_helpers(&self) -> bool {
        self.model.multiply_adds() >= WORTH_HELPERS
    }

    fn session(self: Arc<Self>, lanes: usize, capacity: usize, helpers: usize) -> Box<dyn Session> {
        let team = Team::new(Arc::clone(&self.model), self.isa, capacity, helpers);
        let states = vec![State::new(&self.model.shape()); lanes];
        Box::new(Lanes { pass: Pass::new(team, capacity), states })
    }

    fn pipeline(self: Arc<Self>, capacity: usize) -> Option<(Box<dyn Trunk>, Box<dyn Unembed>)> {
        let team = || Team::alone(Arc::clone(&self.model), self.isa);
        let trunk = OneLane {
            pass: TrunkPass::new(team(), capacity),
            state: [State::new(&self.model.shape())],
            lanes: vec![0; capacity],
        };
        let unembed = Logits { team: team(), unembedding: Unembedding::new(&self.model, capacity) };
        Some((Box::new(trunk), Box::new(unembed)))
    }
}

struct Lanes {
    pass: Pass,
    states: Vec<State>,
}

impl Session for Lanes {
    fn reset(&mut self, lane: usize) {
        self.states[lane].clear();
    }

    fn step(&mut self, tokens: &[u32], lanes: &[usize]) -> Result<Outputs<'_>> {
        Ok(self.pass.run(tokens, lanes, &mut self.states))
    }
}

struct OneLane {
    pass: TrunkPass,
    state: [State; 1],
    /// As many zeros as a call may have tokens: they all belong to one lane.
    lanes: Vec<usize>,
}

impl Trunk for OneLane {
    fn read(&mut self, tokens: &[u32]) -> &[f32] {
        self.pass.read(tokens, &self.lanes[..tokens.len()], &mut self.state)
    }
}

struct Logits {
    team: Team,
    unembedding: Unembedding,
}

impl Unembed for Logits {
    fn predict<'a>(&'a mut self, hidden: &'a [f32]) -> Outputs<'a> {
        self.unembedding.run(&mut self.team, hidden)
    }
}

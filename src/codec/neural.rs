//! Codec `neural`: context mixing around the language model.
//!
//! Encoding knows all tokens beforehand and runs many positions of one chunk through the
//! matrices at once; decoding runs many chunks (lanes) in lockstep. Both give the same bits.

use std::sync::mpsc;
use std::thread;

use crate::coder::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::kernel::Isa;
use crate::mixer::Mixer;
use crate::model::{Frequencies, Lead, Model, Outputs, Pass, State, Unembedding};
use crate::progress::Progress;
use crate::vocab::{Node, Tokenizer, Vocabulary};

use super::Job;
use super::spell::spell;

/// Positions taken through the matrices at once while encoding.
pub(super) const POSITIONS: usize = 16;
/// Chunks decoded in lockstep by one worker.
pub(super) const LANES: usize = 4;

/// The token that a chunk's first prediction follows: a newline.
fn first_token(model: &Model) -> u32 {
    model.vocabulary().rank(b"\n").unwrap_or(0)
}

/// Blocks of positions that the model may be ahead of the mixer.
const AHEAD: usize = 2;
/// The slot of each position of a chunk that is encoded: all have one state.
const ONE_SLOT: [usize; POSITIONS] = [0; POSITIONS];

/// A worker's memory for encoding, used for chunk after chunk.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    model: &'a Model,
    tokenizer: &'a Tokenizer,
    isa: Isa,
    pass: Pass<'a, 'a>,
    states: [State; 1],
    frequencies: Frequencies,
}

impl<'a> Writer<'a> {
    pub(super) fn new(model: &'a Model, tokenizer: &'a Tokenizer, isa: Isa) -> Self {
        Writer {
            model,
            tokenizer,
            isa,
            pass: Pass::new(Lead::alone(model, isa), POSITIONS),
            states: [State::new(&model.shape())],
            frequencies: Frequencies::new(model, isa),
        }
    }

    /// The model that predicts.
    pub(super) fn model(&self) -> &'a Model {
        self.model
    }

    /// Codes `raw`. With `ahead`, all of the model but its head has a thread of its own, which takes about half of the time.
    pub(super) fn encode(
        &mut self,
        raw: &[u8],
        mixer: &mut Mixer,
        ahead: bool,
        progress: &Progress,
    ) -> Result<Vec<u8>> {
        let (model, isa) = (self.model, self.isa);
        let vocabulary = model.vocabulary();
        // One token before the first, so that `tokens[i]` predicts `tokens[i + 1]`.
        let mut tokens = vec![first_token(model)];
        self.tokenizer.cut(vocabulary, raw, &mut tokens);
        self.states[0].clear();
        let Writer { pass, states, frequencies, .. } = self;
        let inputs = tokens[..tokens.len() - 1].chunks(POSITIONS);
        let targets = tokens[1..].chunks(POSITIONS);
        let mut scribe =
            Scribe { vocabulary, mixer, frequencies, encoder: Encoder::default(), progress };
        if !ahead {
            for (block, targets) in inputs.zip(targets) {
                scribe.write(pass.run(block, &ONE_SLOT[..block.len()], states), targets)?;
            }
            return Ok(scribe.encoder.finish());
        }
        thread::scope(|scope| {
            let (full, ready) = mpsc::sync_channel::<Vec<f32>>(AHEAD);
            let (back, empty) = mpsc::channel::<Vec<f32>>();
            let (mut lead, mut head) =
                (Lead::alone(model, isa), Unembedding::new(model, POSITIONS));
            let read = move || {
                for block in inputs {
                    let mut hidden = empty.try_recv().unwrap_or_default();
                    hidden.clear();
                    hidden.extend_from_slice(pass.read(block, &ONE_SLOT[..block.len()], states));
                    // Nobody takes it any more where coding was interrupted.
                    if full.send(hidden).is_err() {
                        return;
                    }
                }
            };
            let reader = thread::Builder::new().name("llz model".into());
            reader.spawn_scoped(scope, read).map_err(|e| Error::io("-", e))?;
            // It ends early only where that thread panics, which the end of the scope passes on.
            for (hidden, targets) in ready.iter().zip(targets) {
                scribe.write(head.run(&mut lead, &hidden), targets)?;
                _ = back.send(hidden);
            }
            Ok(scribe.encoder.finish())
        })
    }
}

/// Codes tokens by what the model expected and the mixer makes of it.
struct Scribe<'a> {
    vocabulary: &'a Vocabulary,
    mixer: &'a mut Mixer,
    frequencies: &'a mut Frequencies,
    encoder: Encoder,
    progress: &'a Progress,
}

impl Scribe<'_> {
    /// Codes `targets`, each with its prediction.
    fn write(&mut self, outputs: Outputs<'_>, targets: &[u32]) -> Result<()> {
        self.progress.check()?;
        let before = self.mixer.bytes().len();
        for ((hidden, logits), &token) in outputs.each().zip(targets) {
            self.mixer.begin_token(hidden);
            self.frequencies.take(logits);
            let logit = |node: &Node| self.frequencies.log_odds(node);
            spell(self.vocabulary, self.mixer, logit, |node, p, _| {
                let one = node.answer(token);
                self.encoder.encode(one, p);
                one
            });
        }
        self.progress.add((self.mixer.bytes().len() - before) as u64);
        Ok(())
    }
}

/// One chunk being decoded.
struct Lane<'a> {
    index: usize,
    job: Job<'a>,
    mixer: Mixer,
    decoder: Decoder<'a>,
    slot: usize,
    token: u32,
}

/// Decodes the jobs of `first` (indices into `jobs`, one for each lane) and then those that `next`
/// gives, several in lockstep, until there are none. `done` receives each job's index and bytes.
#[allow(clippy::too_many_arguments)]
pub(super) fn decode_queue(
    lead: Lead<'_, '_>,
    jobs: &[Job<'_>],
    first: &[usize],
    next: impl Fn() -> Option<usize>,
    new_mixer: impl Fn(usize) -> Mixer,
    progress: &Progress,
    done: impl Fn(usize, Vec<u8>),
) -> Result<()> {
    let (model, isa) = (lead.model(), lead.isa());
    let vocabulary = model.vocabulary();
    let lanes = first.len();
    let mut first = first.iter().copied();
    let mut pass = Pass::new(lead, lanes);
    let mut states = vec![State::new(&model.shape()); lanes];
    let mut frequencies = Frequencies::new(model, isa);
    let mut active: Vec<Lane<'_>> = Vec::with_capacity(lanes);
    let mut free: Vec<usize> = (0..lanes).collect();
    let (mut tokens, mut slots) = (Vec::with_capacity(lanes), Vec::with_capacity(lanes));
    loop {
        while let Some(slot) = free.pop() {
            let Some(index) = first.next().or_else(&next) else {
                free.push(slot);
                break;
            };
            let job = jobs[index];
            if job.raw_len == 0 {
                done(index, Vec::new());
                free.push(slot);
                continue;
            }
            states[slot].clear();
            let mixer = new_mixer(job.raw_len);
            let (decoder, token) = (Decoder::new(job.coded), first_token(model));
            active.push(Lane { index, job, mixer, decoder, slot, token });
        }
        if active.is_empty() {
            return Ok(());
        }
        progress.check()?;
        tokens.clear();
        tokens.extend(active.iter().map(|l| l.token));
        slots.clear();
        slots.extend(active.iter().map(|l| l.slot));
        let outputs = pass.run(&tokens, &slots, &mut states);
        let mut finished = false;
        for (lane, (hidden, logits)) in active.iter_mut().zip(outputs.each()) {
            let before = lane.mixer.bytes().len();
            lane.mixer.begin_token(hidden);
            frequencies.take(logits);
            let (mixer, decoder) = (&mut lane.mixer, &mut lane.decoder);
            let logit = |node: &Node| frequencies.log_odds(node);
            lane.token = spell(vocabulary, mixer, logit, |_, p, _| decoder.decode(p));
            let after = lane.mixer.bytes().len();
            progress.add((after.min(lane.job.raw_len) - before) as u64);
            finished |= after >= lane.job.raw_len;
        }
        if finished {
            let (over, rest): (Vec<_>, Vec<_>) =
                active.into_iter().partition(|l| l.mixer.bytes().len() >= l.job.raw_len);
            active = rest;
            for lane in over {
                let bytes = lane.mixer.bytes();
                if bytes.len() != lane.job.raw_len || !lane.decoder.is_finished() {
                    return Err(Error::corrupt("a neural chunk does not decode"));
                }
                done(lane.index, bytes.to_vec());
                free.push(lane.slot);
            }
        }
    }
}

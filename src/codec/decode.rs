//! Coded chunks to raw bytes.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{self, Coding, CoderId, zstd_frame};
use crate::model::LanguageModel;
use crate::progress::Progress;

use super::control::Control;
use super::chunk_codec::{ChunkCodec, Job};
use super::lanes::{Decoding, Lockstep, lanes_of};
use super::{mix, records};
use super::scheduler::{self, Jobs, Work};

/// Chunks that one worker decodes in lockstep. docs/experiments/constants.md has the time of others.
const LANES: usize = 4;

impl ChunkCodec {
    /// Decodes every job of `source` and hands the raw bytes to `sink`, in order. A chunk that does not decode is
    /// an error in its place and costs itself only. The caller compares checksums.
    ///
    /// # Errors
    /// Those of `source` and `sink`; [`Error::Limit`] where the memory limit does not suffice for one chunk;
    /// [`Error::Interrupted`].
    pub fn decode<'a>(
        &self,
        source: &mut dyn FnMut() -> Result<Option<Job<'a>>>,
        sink: &mut dyn FnMut(Result<Vec<u8>>) -> Result<()>,
        progress: &Progress,
    ) -> Result<()> {
        self.decode_beside(0, source, sink, progress)
    }

    /// The same while other chunk codecs take `beside` bytes.
    pub(super) fn decode_beside<'a>(
        &self,
        beside: u64,
        source: &mut dyn FnMut() -> Result<Option<Job<'a>>>,
        sink: &mut dyn FnMut(Result<Vec<u8>>) -> Result<()>,
        progress: &Progress,
    ) -> Result<()> {
        let worker = self.model.as_ref().map_or(0, |model| model.session_bytes(LANES));
        let resources = self.resources(worker, beside)?;
        scheduler::run(&DecodeWork::new(self), resources, source, sink, progress)
    }

    fn decode_without_model(&self, job: Job<'_>, control: Control<'_>) -> Result<Vec<u8>> {
        let raw_len = job.raw_len;
        let raw = match job.coding {
            Coding::Stored => job.coded.into_owned(),
            Coding::Zstd => zstd_frame::decompress(&job.coded, raw_len)
                .ok_or_else(|| Error::corrupt("a zstd chunk does not decode"))?,
            Coding::Mix { coder: CoderId::Mix } => {
                return mix::decode(&job.coded, raw_len, self.mixer_without_model(raw_len), control);
            }
            Coding::Records { coder: CoderId::Mix } => {
                return records::decode(&job.coded, raw_len, self, control);
            }
            Coding::Mix { coder } | Coding::Records { coder } => {
                return format::coding::mix_coder(coder).map(|_| Vec::new());
            }
            Coding::Neural { .. } => {
                return Err(Error::corrupt(match &self.model {
                    None => "a neural chunk in data that names no model",
                    Some(_) if raw_len == 0 => "a neural chunk of no bytes",
                    Some(_) => "a neural chunk under a mixer profile without a model",
                }));
            }
        };
        if raw.len() != raw_len {
            return Err(Error::corrupt("a chunk decodes to the wrong length"));
        }
        control.add(raw.len());
        Ok(raw)
    }
}

struct DecodeWork<'e, 'j> {
    codec: &'e ChunkCodec,
    /// The model where the parameters allow neural chunks.
    model: Option<&'e Arc<dyn LanguageModel>>,
    jobs: std::marker::PhantomData<fn(&'j ())>,
}

impl<'e> DecodeWork<'e, '_> {
    fn new(codec: &'e ChunkCodec) -> Self {
        let model = codec.model.as_ref().filter(|_| codec.profile.without_model.is_some());
        DecodeWork { codec, model, jobs: std::marker::PhantomData }
    }
}

impl<'j> Work for DecodeWork<'_, 'j> {
    type Job = Job<'j>;
    type Done = Result<Vec<u8>>;

    fn job_bytes(&self, job: &Job<'j>) -> u64 {
        let len = job.raw_len;
        let work = match (job.coding, self.model) {
            (Coding::Neural { coder, .. }, Some(model)) => {
                self.codec.token_coders(&**model).of(coder).bytes(len) + model.lane_bytes()
            }
            (Coding::Mix { .. }, _) => self.codec.mixer_bytes(len),
            (Coding::Records { .. }, _) => self.codec.records_bytes(len, job.coded.len()),
            (Coding::Zstd, _) => zstd_frame::working_bytes(len),
            (Coding::Neural { .. }, None) | (Coding::Stored, _) => 0,
        };
        work + (job.coded.len() + len) as u64
    }

    fn done_bytes(&self, done: &Self::Done) -> u64 {
        done.as_ref().map_or(0, |raw| raw.len() as u64)
    }

    fn lanes(&self) -> usize {
        self.model.map_or(1, |model| lanes_of(&**model, LANES))
    }

    fn has_lanes(job: &Job<'j>) -> bool {
        job.coding.model().is_some() && job.raw_len > 0
    }

    fn work(&self, jobs: &dyn Jobs<Job<'j>, Self::Done>, helpers: usize) -> Result<()> {
        let control = jobs.control();
        let coders = self.model.map(|model| self.codec.token_coders(&**model));
        let mut lockstep = None;
        while let Some((number, job)) = jobs.next() {
            control.check()?;
            let (Some(model), Some(coders), true) = (self.model, &coders, Self::has_lanes(&job))
            else {
                let done = self.codec.decode_without_model(job, control);
                if matches!(done, Err(Error::Interrupted)) {
                    return done.map(drop);
                }
                jobs.done(number, done);
                continue;
            };
            let lane = |job: Job<'j>| Decoding {
                raw_len: job.raw_len,
                decoder: coders
                    .of(job.coding.coder().unwrap_or_default())
                    .decoder(job.coded, job.raw_len),
            };
            let lockstep = lockstep.get_or_insert_with(|| {
                let helpers = if model.gains_from_helpers() { helpers } else { 0 };
                Lockstep::new(model, self.codec.isa, LANES, helpers)
            });
            lockstep.add(number, lane(job));
            loop {
                if lockstep.has_room()
                    && let Some((number, job)) = jobs.another()
                {
                    lockstep.add(number, lane(job));
                }
                if !lockstep.step(control, |number, done| jobs.done(number, done))? {
                    break;
                }
            }
        }
        Ok(())
    }
}

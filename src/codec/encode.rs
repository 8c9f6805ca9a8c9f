//! Raw chunks to coded bytes: the smallest of the codecs that are worth a trial.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{CoderId, Coding};
use crate::model::{LanguageModel, Schedule};
use crate::progress::Progress;

use super::content::{self, Content};
use super::control::Control;
use super::chunk_codec::ChunkCodec;
use super::lanes::{Encoding, Lockstep, lanes_of};
use super::scheduler::{self, Jobs, Work};
use super::{layouts, mix, neural, records};

/// Chunks up to this length that are not text are coded with the model, without it, and by zstd: a short look at
/// them says little, and the trials cost little. The bound itself was not measured.
const SHORT: usize = 8 << 10;

/// Bytes that the tokenizer takes, with the words that it remembers. Packing 3,000 bytes of text at level 6 takes
/// 4.8 MB more of resident memory than `llz test` of the result; rounded up.
const TOKENIZER: u64 = 6 << 20;

/// Contexts alone are coded by binary decisions.
const MIX: Coding = Coding::Mix { coder: CoderId::Mix };

/// So are records.
const RECORDS: Coding = Coding::Records { coder: CoderId::Mix };

/// Gives what an earlier run made of the same chunk in the same way.
pub type Remembered<'a> = dyn Fn(&[u8]) -> Option<(Coding, Vec<u8>)> + Sync + 'a;

/// A chunk after coding.
#[derive(Debug)]
pub struct Coded<'a> {
    /// The bytes before coding.
    pub raw: Cow<'a, [u8]>,
    /// Says how it was coded; the model of the [`ChunkCodec`] is number 0.
    pub coding: Coding,
    /// The coded bytes; empty where the chunk is stored.
    coded: Vec<u8>,
    /// Says whether an earlier run has coded it.
    pub is_remembered: bool,
}

impl Coded<'_> {
    /// The bytes to write.
    pub fn bytes(&self) -> &[u8] {
        if self.coding == Coding::Stored { &self.raw } else { &self.coded }
    }

    /// Takes back the coding.
    pub fn store(&mut self) {
        (self.coding, self.coded) = (Coding::Stored, Vec::new());
    }

    /// Takes `bytes` if they are fewer.
    fn offer(&mut self, coding: Coding, bytes: Vec<u8>) {
        if bytes.len() < self.bytes().len() {
            (self.coding, self.coded) = (coding, bytes);
        }
    }
}

impl ChunkCodec {
    /// Codes every chunk of `source` and hands the results to `sink`, in order.
    ///
    /// # Errors
    /// Those of `source` and `sink`; [`Error::Limit`] where the memory limit does not suffice for one chunk;
    /// [`Error::Interrupted`].
    pub fn encode<'a>(
        &self,
        source: &mut dyn FnMut() -> Result<Option<Cow<'a, [u8]>>>,
        sink: &mut dyn FnMut(Coded<'a>) -> Result<()>,
        progress: &Progress,
    ) -> Result<()> {
        self.encode_or_remember(None, source, sink, progress)
    }

    /// [`ChunkCodec::encode`], but chunks that are remembered are not coded again.
    ///
    /// # Errors
    /// As [`ChunkCodec::encode`].
    pub fn encode_or_remember<'a>(
        &self,
        remembered: Option<&Remembered<'_>>,
        source: &mut dyn FnMut() -> Result<Option<Cow<'a, [u8]>>>,
        sink: &mut dyn FnMut(Coded<'a>) -> Result<()>,
        progress: &Progress,
    ) -> Result<()> {
        let session = |model: &Arc<dyn LanguageModel>| {
            model.session_bytes(neural::POSITIONS) + model.lane_bytes()
        };
        let worker = self.model.as_ref().map_or(0, session);
        let fixed = if self.model.is_some() { TOKENIZER } else { 0 };
        let resources = self.resources(worker, fixed)?;
        scheduler::run(&EncodeWork::new(self, remembered), resources, source, sink, progress)
    }

    /// Codes one chunk.
    ///
    /// # Errors
    /// As [`ChunkCodec::encode`].
    pub fn encode_one<'a>(&self, raw: &'a [u8]) -> Result<Coded<'a>> {
        let mut source = Some(Cow::Borrowed(raw));
        // Replaced by the one result of the one job.
        let mut coded = Coded {
            raw: raw.into(),
            coding: Coding::Stored,
            coded: Vec::new(),
            is_remembered: false,
        };
        self.encode(
            &mut || Ok(source.take()),
            &mut |result| {
                coded = result;
                Ok(())
            },
            &Progress::default(),
        )?;
        Ok(coded)
    }

    /// The tokens of a chunk.
    pub(crate) fn tokens(&self, model: &dyn LanguageModel, raw: &[u8]) -> Result<Vec<u32>> {
        let loaded = self.loaded.as_ref();
        let loaded = loaded.ok_or_else(|| Error::Model("a model without a tokenizer".into()))?;
        let mut tokens = Vec::new();
        loaded.tokenizer()?.cut(model.vocabulary(), raw, &mut tokens);
        Ok(tokens)
    }
}

/// The knowledge of a chunk before any codec is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    content: Content,
    short: bool,
    /// Says whether every codec is worth a trial: the level asks for it, or the text consists of numbers.
    all: bool,
    /// Says whether all its bytes are the same, as in a hole of a file. No codec makes more of that than zstd does.
    constant: bool,
}

impl Look {
    fn at(raw: &[u8], exhaustive: bool) -> Self {
        // Each byte is the next one; this way round the comparison is as fast as memory.
        let constant = raw.len() > SHORT && raw[1..] == raw[..raw.len() - 1];
        let content = if constant { Content::Binary } else { content::of_chunk(raw) };
        let all = exhaustive || content == Content::Text && content::is_mostly_digits(raw);
        Look { content, short: raw.len() <= SHORT, all, constant }
    }

    /// Says whether there is nothing to find for any codec but the fastest.
    fn is_hopeless(self) -> bool {
        self.constant || self.content == Content::Noise && !self.short
    }

    /// Says whether the chunk is worth the model. Whoever asks for another coder than the default wants to see what it makes
    /// of anything but noise.
    fn wants_model(self, codec: &ChunkCodec) -> bool {
        match codec.coder() {
            CoderId::Mix if !codec.is_exhaustive() => self.content == Content::Text || self.short,
            _ => !self.is_hopeless(),
        }
    }
}

struct EncodeWork<'e, 'j> {
    codec: &'e ChunkCodec,
    remembered: Option<&'e Remembered<'e>>,
    jobs: std::marker::PhantomData<fn(&'j ())>,
}

impl<'e> EncodeWork<'e, '_> {
    fn new(codec: &'e ChunkCodec, remembered: Option<&'e Remembered<'e>>) -> Self {
        EncodeWork { codec, remembered, jobs: std::marker::PhantomData }
    }

    /// The chunk as an earlier run has coded it, or as it is.
    fn recall<'r>(&self, raw: Cow<'r, [u8]>, control: Control<'_>) -> Coded<'r> {
        let remembered = self.remembered.and_then(|remembered| remembered(&raw));
        let is_remembered = remembered.is_some();
        if is_remembered {
            control.add(raw.len());
        }
        let (coding, coded) = remembered.unwrap_or((Coding::Stored, Vec::new()));
        Coded { raw, coding, coded, is_remembered }
    }

    /// Tries the codecs that use no model.
    fn offer_without_model(
        &self,
        best: &mut Coded<'_>,
        look: Look,
        had_model: bool,
        control: Control<'_>,
    ) -> Result<()> {
        if look.is_hopeless() {
            if let Ok(packed) = zstd::bulk::compress(&best.raw, 1) {
                best.offer(Coding::Zstd, packed);
            }
            control.add(best.raw.len());
            return Ok(());
        }
        let is_sole = self.codec.coder() != CoderId::Mix;
        if had_model && (look.content == Content::Text && !look.all || is_sole) {
            return Ok(());
        }
        let exhaustive = self.codec.is_exhaustive();
        let plain = exhaustive || look.short || look.content == Content::Letters;
        // What follows a trial of the model is the second trial of the same bytes.
        let control = if had_model { control.uncounted() } else { control };
        self.offer_mix(best, look, control)?;
        if plain {
            // Of bytes that are skewed and nothing else, a plain Huffman code makes more than contexts do.
            if let Ok(packed) = zstd::bulk::compress(&best.raw, 19) {
                best.offer(Coding::Zstd, packed);
            }
        }
        Ok(())
    }

    /// Tries contexts alone: those for text, and for what is no text those for records, too.
    fn offer_mix(&self, best: &mut Coded<'_>, look: Look, control: Control<'_>) -> Result<()> {
        let mix = |raw: &[u8], control| {
            mix::encode(raw, self.codec.mixer_without_model(raw.len()), control)
        };
        if !look.all && matches!(look.content, Content::Text | Content::Letters) {
            let mixed = mix(&best.raw, control)?;
            best.offer(MIX, mixed);
            return Ok(());
        }
        let plan = layouts::of(&best.raw, self.codec, control)?;
        let mut mixed = 0;
        for sample in &plan.samples {
            mixed += mix(sample, control.uncounted())?.len();
        }
        let close = self.codec.is_exhaustive() || look.short || mixed * 97 < plan.coded * 100 && plan.coded * 97 < mixed * 100;
        let (by_mix, by_records) = (close || mixed < plan.coded, close || plan.coded <= mixed);
        let segments = plan.segments;
        if by_mix {
            let mixed = mix(&best.raw, control)?;
            best.offer(MIX, mixed);
        }
        if by_records {
            let control = if by_mix { control.uncounted() } else { control };
            let coded = records::encode(&best.raw, &segments, self.codec, control)?;
            best.offer(RECORDS, coded);
        }
        Ok(())
    }

    /// One chunk after the other, each with many positions at a time.
    fn work_by_chunks<'j>(
        &self,
        jobs: &dyn Jobs<Cow<'j, [u8]>, Coded<'j>>,
        helpers: usize,
    ) -> Result<()> {
        let control = jobs.control();
        let model = self.codec.model.as_ref();
        let coders = model.map(|model| self.codec.token_coders(&**model));
        let coder = coders.as_ref().map(|coders| coders.of(self.codec.coder()));
        while let Some((number, raw)) = jobs.next() {
            control.check()?;
            let mut best = self.recall(raw, control);
            if best.is_remembered {
                jobs.done(number, best);
                continue;
            }
            let look = Look::at(&best.raw, self.codec.is_exhaustive());
            let model = model.zip(coder).filter(|_| look.wants_model(self.codec));
            if let Some((model, coder)) = model {
                let tokens = self.codec.tokens(&**model, &best.raw)?;
                let (isa, len) = (self.codec.isa, best.raw.len());
                let coded =
                    neural::encode(model, coder, isa, &tokens, len, helpers > 0, control)?;
                best.offer(Coding::Neural { coder: coder.id(), model: 0 }, coded);
            }
            self.offer_without_model(&mut best, look, model.is_some(), control)?;
            jobs.done(number, best);
        }
        Ok(())
    }

    /// Lanes in lockstep, as unpacking will do, for an engine with a fixed schedule.
    fn work_by_lanes<'j>(
        &self,
        model: &Arc<dyn LanguageModel>,
        jobs: &dyn Jobs<Cow<'j, [u8]>, Coded<'j>>,
    ) -> Result<()> {
        let control = jobs.control();
        let coders = self.codec.token_coders(&**model);
        let coder = coders.of(self.codec.coder());
        let mut lockstep = Lockstep::new(model, self.codec.isa, 1, 0);
        let mut begun: BTreeMap<usize, (Coded<'j>, Look)> = BTreeMap::new();
        let mut waits = true;
        loop {
            while lockstep.has_room() {
                let job = if waits { jobs.next() } else { jobs.another() };
                let Some((number, raw)) = job else { break };
                let mut best = self.recall(raw, control);
                if best.is_remembered {
                    jobs.done(number, best);
                    continue;
                }
                let look = Look::at(&best.raw, self.codec.is_exhaustive());
                if !look.wants_model(self.codec) {
                    self.offer_without_model(&mut best, look, false, control)?;
                    jobs.done(number, best);
                    continue;
                }
                let mut tokens = self.codec.tokens(&**model, &best.raw)?;
                tokens.reverse();
                let encoder = coder.encoder(best.raw.len());
                lockstep.add(number, Encoding { encoder, tokens, model: &**model, len: 0 });
                begun.insert(number, (best, look));
                waits = false;
            }
            let mut finished = Vec::new();
            let goes_on = lockstep.step(control, |number, done| finished.push((number, done)))?;
            for (number, done) in finished {
                let Some((mut best, look)) = begun.remove(&number) else { continue };
                best.offer(Coding::Neural { coder: coder.id(), model: 0 }, done?);
                self.offer_without_model(&mut best, look, true, control)?;
                jobs.done(number, best);
            }
            if !goes_on {
                if waits {
                    return Ok(());
                }
                waits = true;
            }
        }
    }
}

impl<'j> Work for EncodeWork<'_, 'j> {
    type Job = Cow<'j, [u8]>;
    type Done = Coded<'j>;

    fn job_bytes(&self, raw: &Self::Job) -> u64 {
        let len = raw.len();
        let by_model = match &self.codec.model {
            // A token is at least one byte and takes four.
            Some(model) => {
                let coders = self.codec.token_coders(&**model);
                coders.of(self.codec.coder()).bytes(len) + 4 * len as u64
            }
            None => self.codec.mixer_bytes(len),
        };
        // What codec records puts in order is a copy.
        let by_records = self.codec.records_bytes(len, 0) + len as u64;
        by_model.max(by_records) + layouts::bytes(len) + 2 * len as u64
    }

    fn done_bytes(&self, done: &Self::Done) -> u64 {
        (done.raw.len() + done.coded.len()) as u64
    }

    fn lanes(&self) -> usize {
        self.codec.model.as_ref().map_or(1, |model| lanes_of(&**model, 1))
    }

    fn has_lanes(_: &Self::Job) -> bool {
        true
    }

    fn work(&self, jobs: &dyn Jobs<Self::Job, Self::Done>, helpers: usize) -> Result<()> {
        let Some(model) = &self.codec.model else { return self.work_by_chunks(jobs, helpers) };
        match model.schedule() {
            Schedule::Portable => self.work_by_chunks(jobs, helpers),
            Schedule::Fixed { .. } => self.work_by_lanes(model, jobs),
        }
    }
}

//! All that coding and decoding chunks need is prepared once per session: model, priors, instruction set, bounds.

use std::sync::{Arc, LazyLock};

use crate::error::{Error, Result};
use crate::format::{CoderId, Coding, CoderParams, DeviceRef, EngineRef, NamedModel};
use crate::kernel::Isa;
use crate::limits::{Bound, Limits};
use crate::mixer::records::{Records, Segment};
use crate::mixer::{self, Mixer, Prior, Profile};
use crate::model::{LanguageModel, Loaded, Schedule, hex};

use super::decisions::Decisions;
use super::level::LevelSettings;
use super::options::{DecodeOptions, EncodeOptions, threads};
use super::scheduler::Resources;
use super::token_coders::TokenCoders;

/// Bytes that the program takes beside chunks and models: code, stacks, tables that all mixers share. `llz test` of an
/// archive of one stored byte takes 5.7 MB of resident memory; the rest is for threads, chosen so that
/// bench/memory.sh sees no limit passed.
const PROGRAM: u64 = 9 << 20;

/// The least bytes that describe a segment of codec records.
const LEAST_SEGMENT: usize = 4;

/// The prior of codec records, which every archive may use.
static RECORDS_PRIOR: LazyLock<Prior> = LazyLock::new(|| Prior::built_in(&mixer::RECORDS));

/// Bytes that the priors of a chunk codec with a model take, rounded up.
const PRIORS: u64 = 1 << 20;

/// Codes chunks by the smallest of all codecs, and decodes those of any.
#[derive(Debug)]
pub struct ChunkCodec {
    pub(super) isa: Isa,
    threads: usize,
    pub(super) limits: Limits,
    params: CoderParams,
    pub(super) profile: &'static Profile,
    pub(super) model: Option<Arc<dyn LanguageModel>>,
    /// The model file, which has the tokenizer; only a chunk codec for encoding has it.
    #[cfg_attr(not(feature = "encode"), allow(dead_code))]
    pub(super) loaded: Option<Loaded>,
    /// The coder of tokens when packing.
    coder: CoderId,
    prior: Prior,
    prior_without_model: Prior,
    /// Raw bytes of a chunk.
    chunk_size: usize,
    exhaustive: bool,
    /// Bytes of memory that the caller takes beside.
    reserved: u64,
}

impl ChunkCodec {
    fn new(
        isa: Isa,
        threads: usize,
        limits: Limits,
        params: CoderParams,
        model: Option<Arc<dyn LanguageModel>>,
    ) -> Result<Self> {
        let profile = mixer::by_id(params.mixer).ok_or_else(|| {
            let number = params.mixer;
            Error::Unsupported(format!("mixer profile {number} is not known to this version"))
        })?;
        if !(16..=28).contains(&params.table_bits) {
            let bits = params.table_bits;
            return Err(Error::Unsupported(format!("a context table of 2^{bits} bytes")));
        }
        let prior = match model.as_ref().and_then(|model| model.prior()) {
            Some(bytes) if bytes.first() == Some(&profile.id) => {
                Prior::from_bytes(profile, bytes).map_err(Error::Model)?
            }
            _ => Prior::plain(profile),
        };
        let prior_without_model = Prior::built_in(profile.without_model.unwrap_or(profile));
        Ok(ChunkCodec {
            isa,
            threads,
            limits,
            params,
            profile,
            model,
            loaded: None,
            coder: CoderId::Mix,
            prior,
            prior_without_model,
            chunk_size: 0,
            exhaustive: false,
            reserved: 0,
        })
    }

    /// A chunk codec for packing.
    ///
    /// # Errors
    /// [`Error::Usage`] for a model at a level that uses none, for a chunk size of 0 or beyond the limit, and for
    /// an unknown instruction set.
    pub fn for_encoding(options: &EncodeOptions) -> Result<Self> {
        let EncodeOptions { level, model, coder, chunk_size, limits, .. } = options;
        let settings = LevelSettings::of(*level);
        if settings.model.is_none() && *coder != CoderId::Mix {
            let (coder, level) = (coder.name(), level.get());
            return Err(Error::Usage(format!(
                "coder {coder} needs a model and level {level} uses none; 4 to 9 do"
            )));
        }
        let loaded = match (settings.model, model) {
            (None, None) => None,
            (None, Some(_)) => {
                let level = level.get();
                return Err(Error::Usage(format!("level {level} uses no model; 4 to 9 do")));
            }
            (Some(_), Some(given)) => Some(given.clone()),
            (Some(name), None) => Some(Loaded::built_in(name)?),
        };
        let isa = super::isa::chosen(options.instruction_set.as_deref())?;
        let open = |loaded| options.backend.open(loaded, None, isa);
        let model = loaded.as_ref().map(open).transpose()?;
        let params = CoderParams { mixer: settings.profile.id, table_bits: 24 };
        let mut codec = Self::new(isa, threads(options.threads), *limits, params, model)?;
        codec.loaded = loaded;
        codec.coder = *coder;
        codec.exhaustive = settings.exhaustive;
        let most = limits.chunk();
        codec.chunk_size = match chunk_size {
            Some(size) if *size == 0 || *size as u64 > most => {
                return Err(Error::Usage(format!(
                    "chunk size {size} is not between 1 and {most} bytes"
                )));
            }
            Some(size) => *size,
            None => settings.chunk.min(usize::try_from(most).unwrap_or(usize::MAX)),
        };
        Ok(codec)
    }

    /// A chunk codec for reading what was made with `params` and, where it has neural chunks, `model`.
    ///
    /// # Errors
    /// [`Error::Model`] when that model is not here or this machine's arithmetic does not reproduce its
    /// fingerprint; [`Error::Unsupported`] for unknown parameters.
    pub fn for_decoding(
        options: &DecodeOptions,
        params: CoderParams,
        model: Option<&NamedModel>,
    ) -> Result<Self> {
        let isa = super::isa::chosen(options.instruction_set.as_deref())?;
        let model = model.map(|wanted| find(options, wanted, isa)).transpose()?;
        Self::new(isa, threads(options.threads), options.limits, params, model)
    }

    /// A chunk codec that runs the same model with other parameters.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for unknown parameters.
    pub fn with_params(&self, params: CoderParams) -> Result<Self> {
        Self::new(self.isa, self.threads, self.limits, params, self.model.clone())
    }

    /// The parameters to record in an archive.
    pub fn params(&self) -> CoderParams {
        self.params
    }

    /// The model to record before the first neural chunk; `None` when the level uses none.
    pub fn named_model(&self) -> Option<NamedModel> {
        self.model.as_ref().map(|model| NamedModel::new(model.name(), model.reference()))
    }

    /// The file of the model to record, to be put beside its name.
    ///
    /// # Errors
    /// [`Error::Usage`] when the level uses no model, and as [`Loaded::file`].
    #[cfg(feature = "fs")]
    pub fn model_file(&self) -> Result<std::borrow::Cow<'static, [u8]>> {
        match &self.loaded {
            Some(loaded) => loaded.file(self.limits.memory),
            None => Err(Error::Usage("there is no model to embed: this level uses none".into())),
        }
    }

    /// The model, where there is one.
    pub(crate) fn model(&self) -> Option<&Arc<dyn LanguageModel>> {
        self.model.as_ref()
    }

    /// The instruction set in use.
    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    /// The coder of tokens when packing.
    pub fn coder(&self) -> CoderId {
        self.coder
    }

    /// Says whether packing tries every codec on every chunk.
    pub(super) fn is_exhaustive(&self) -> bool {
        self.exhaustive
    }

    /// Raw bytes of a chunk when packing.
    pub fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    /// Counts memory that the caller takes beside as taken.
    pub fn reserve(&mut self, bytes: u64) {
        self.reserved = bytes;
    }

    /// The coders of tokens by the predictions of `model`.
    pub(crate) fn token_coders<'a>(&'a self, model: &'a dyn LanguageModel) -> TokenCoders<'a> {
        TokenCoders::new(Decisions {
            vocabulary: model.vocabulary(),
            hidden_width: model.hidden_width(),
            isa: self.isa,
            profile: self.profile,
            prior: &self.prior,
            table_bits: self.params.table_bits,
        })
    }

    /// A mixer for a chunk of `len` bytes by contexts alone.
    pub(crate) fn mixer_without_model(&self, len: usize) -> Mixer {
        let profile = self.profile.without_model.unwrap_or(self.profile);
        Mixer::new(self.isa, profile, &self.prior_without_model, len, self.params.table_bits)
    }

    /// Bytes that [`ChunkCodec::mixer_without_model`] takes.
    pub(super) fn mixer_bytes(&self, len: usize) -> u64 {
        let profile = self.profile.without_model.unwrap_or(self.profile);
        Mixer::bytes_for(profile, len, self.params.table_bits, None)
    }

    /// A mixer for a chunk of `len` bytes in these segments.
    pub(super) fn mixer_for_records(&self, len: usize, segments: Vec<Segment>) -> Mixer {
        Mixer::new(self.isa, &mixer::RECORDS, &RECORDS_PRIOR, len, self.params.table_bits)
            .with_segments(segments)
    }

    /// The bytes of a chunk in the order in which codec records codes them, and their segments.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    #[cfg(all(feature = "internals", feature = "encode"))]
    pub fn ordered(&self, raw: &[u8]) -> Result<(Vec<u8>, Vec<Segment>)> {
        let (progress, aborted) = Default::default();
        let control = super::control::Control::new(&progress, &aborted);
        let segments = super::layouts::of(raw, self, control)?.segments;
        let mut bytes = raw.to_vec();
        super::ordered::put(&mut bytes, &segments);
        Ok((bytes, segments))
    }

    /// Bytes that [`ChunkCodec::mixer_for_records`] takes where the segments take `described` bytes to be described.
    pub(super) fn records_bytes(&self, len: usize, described: usize) -> u64 {
        let segments = described / LEAST_SEGMENT * size_of::<Segment>() * 2;
        Mixer::bytes_for(&mixer::RECORDS, len, self.params.table_bits, None)
            + (segments + Records::MOST_BYTES) as u64
    }

    /// Bytes that it takes while it does nothing. The file that a model was read from stays in memory, too: built in,
    /// or in the system's cache.
    pub(super) fn bytes(&self) -> u64 {
        self.model.as_ref().map_or(0, |model| PRIORS + 2 * model.bytes())
    }

    /// The resources for a run whose workers take `worker_bytes` each, beside `fixed` bytes.
    ///
    /// # Errors
    /// [`Error::Limit`] where the memory limit does not even suffice for the program and its model.
    pub(super) fn resources(&self, worker_bytes: u64, fixed: u64) -> Result<Resources> {
        let limit = self.limits.memory;
        let taken = (PROGRAM + self.bytes()).saturating_add(fixed).saturating_add(self.reserved);
        let left = limit.checked_sub(taken).ok_or_else(|| Error::Limit {
            what: format!("the {taken} bytes of memory that the program and its model take"),
            limit,
            bound: Bound::Memory,
        })?;
        let fixed_schedule = self.model.as_ref().is_some_and(|m| m.schedule() != Schedule::Portable);
        // An allocator keeps some of what was freed. With an eighth to spare, bench/memory.sh sees no limit passed.
        let memory = left - left / 8;
        // Only one worker can have a device to itself.
        let threads = if fixed_schedule { 1 } else { self.threads };
        Ok(Resources { threads, memory, worker_bytes, limit })
    }
}

/// The model that an archive names.
fn find(options: &DecodeOptions, wanted: &NamedModel, isa: Isa) -> Result<Arc<dyn LanguageModel>> {
    let NamedModel { name, reference: wanted } = wanted;
    let profile = match &wanted.engine {
        EngineRef::Portable { profile, .. } => *profile,
        EngineRef::Device(device) => return Err(needs_device(device)),
    };
    if !options.backend.has_profile(profile) {
        return Err(Error::Unsupported(format!("numeric profile {profile}")));
    }
    let missing = || {
        let sha256 = hex(&wanted.sha256);
        let name = name.as_ref().map_or(String::new(), |name| format!(" {name:?}"));
        Error::Model(format!("the model{name} with SHA-256 {sha256} is needed and not here"))
    };
    let loaded = options.models.find(&wanted.sha256)?.ok_or_else(missing)?;
    let model = options.backend.open(&loaded, Some(profile), isa)?;
    let here = model.reference();
    if here.sha256 != wanted.sha256 {
        return Err(missing());
    }
    if here.tokenizer != wanted.tokenizer {
        return Err(Error::Model("the archive was made with another vocabulary".into()));
    }
    if here.engine != wanted.engine {
        return Err(Error::Model(
            "this machine's arithmetic does not reproduce the archive's".into(),
        ));
    }
    Ok(model)
}

/// Data that was coded by a device is decoded by the same device alone.
fn needs_device(device: &DeviceRef) -> Error {
    let DeviceRef { adapter, driver, backend, lanes, .. } = device;
    Error::Unsupported(format!(
        "the model was run by a device, and only the same one can decode this: {adapter:?} with driver {driver:?} \
         through {backend:?}, {lanes} chunks at a time"
    ))
}

/// A chunk to decode.
#[derive(Debug)]
pub struct Job<'a> {
    /// Says how it was coded; the [`ChunkCodec`] is that of its model.
    pub coding: Coding,
    /// The coded bytes.
    pub coded: std::borrow::Cow<'a, [u8]>,
    /// The length it must decode to; the caller has checked it against [`Limits::chunk_bytes`].
    pub raw_len: usize,
}

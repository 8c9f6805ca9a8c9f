//! Many chunks at a time, on every core.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::format::{CodecId, CoderParams, ModelRef, zstd_frame};
use crate::kernel::{NUMERIC_PROFILE, Path};
use crate::mixer::{self, Mixer, Prior};
use crate::model::{self, Crew, Loaded, Model};
use crate::progress::Progress;

use super::content::{self, Content};
use super::neural::{LANES, Writer, decode_queue};
use super::{Coded, EngineOptions, Job, mix};

/// Codes and decodes chunks, many at a time.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    path: Path,
    pool: rayon::ThreadPool,
    params: CoderParams,
    profile: &'static mixer::Profile,
    model: Option<Loaded>,
    prior: Prior,
    alone_prior: Prior,
}

/// Chunks up to this length that are not text are coded with the model, without, and by zstd, because a
/// short look at them says little and the trials cost little.
const SHORT: usize = 8 << 10;

/// Multiply-adds per token from which on a model, at a byte each, is more than a core's own cache holds. The rows of
/// a smaller one are sooner multiplied than shared out.
const WORTH_A_CREW: usize = 2_000_000;

/// What a level means.
struct Effort {
    profile: &'static mixer::Profile,
    /// The built-in model, where there is one.
    model: Option<&'static str>,
    chunk: usize,
}

fn effort(level: u8) -> Effort {
    let (nano, small) = (Some(model::NANO.name), Some(model::SMALL.name));
    let (profile, model, chunk) = match level {
        1 => (&mixer::FAST, None, 2 << 20),
        2 => (&mixer::FULL, None, 2 << 20),
        3 => (&mixer::FULL, None, 8 << 20),
        4 => (&mixer::NEURAL, nano, 2 << 20),
        5 => (&mixer::NEURAL, nano, 8 << 20),
        6 => (&mixer::NEURAL, small, 1 << 20),
        7 => (&mixer::NEURAL, small, 2 << 20),
        8 => (&mixer::NEURAL, small, 4 << 20),
        _ => (&mixer::NEURAL, small, 16 << 20),
    };
    Effort { profile, model, chunk }
}

/// Deals jobs to workers: to each a first one for every lane, such that all have about as much to
/// do, and a rest to take from later. Long jobs come first; coded length stands for duration, for
/// what is hard to predict also has many tokens.
fn deal(mut queue: Vec<usize>, jobs: &[Job<'_>], workers: usize) -> (Vec<Vec<usize>>, Vec<usize>) {
    queue.sort_by_key(|&index| std::cmp::Reverse(jobs[index].coded.len()));
    let workers = workers.min(queue.len());
    let rest = queue.split_off((workers * LANES).min(queue.len()));
    let mut hands = vec![Vec::with_capacity(LANES); workers];
    for (round, jobs) in queue.chunks(workers).enumerate() {
        for (seat, &job) in jobs.iter().enumerate() {
            // Back and forth, so that nobody always gets the longer one.
            let seat = if round % 2 == 0 { seat } else { workers - 1 - seat };
            hands[seat].push(job);
        }
    }
    (hands, rest)
}

/// Tokens and width of a model: what the corrections of its log odds are sized by.
fn readout_size(model: &Model) -> (usize, usize) {
    (model.vocabulary().len(), model.shape().width)
}

impl Engine {
    fn new(options: EngineOptions, params: CoderParams, model: Option<Loaded>) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .build()
            .map_err(|e| Error::io("-", std::io::Error::other(e)))?;
        let profile = mixer::by_id(params.mixer).ok_or_else(|| {
            Error::Unsupported(format!(
                "mixer profile {} is not known to this version",
                params.mixer
            ))
        })?;
        if !(16..=28).contains(&params.table_bits) {
            return Err(Error::Unsupported(format!(
                "a context table of 2^{} bytes",
                params.table_bits
            )));
        }
        let prior = match model.as_ref().and_then(|loaded| loaded.0.prior()) {
            Some(bytes) if bytes.first() == Some(&profile.id) => {
                Prior::from_bytes(profile, bytes).map_err(Error::Model)?
            }
            _ => Prior::plain(profile),
        };
        let alone_prior = Prior::built_in(profile.alone.unwrap_or(profile));
        let path = Path::detect();
        Ok(Engine { options, path, pool, params, profile, model, prior, alone_prior })
    }

    /// An engine for packing at a level.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::Io`] or [`Error::Limit`] when a given model cannot be used,
    /// [`Error::Usage`] when the level uses none.
    pub fn for_packing(options: EngineOptions) -> Result<Self> {
        let effort = effort(options.level.get());
        let model = match (effort.model, &options.model) {
            (None, None) => None,
            (None, Some(_)) => {
                let level = options.level.get();
                return Err(Error::Usage(format!("level {level} uses no model; 4 to 9 do")));
            }
            (_, Some(given)) => Some(model::open(given, &options.limits)?),
            (Some(name), None) => Some(model::built_in(name)?),
        };
        let params = CoderParams { mixer: effort.profile.id, table_bits: 24 };
        Self::new(options, params, model)
    }

    /// An engine for reading an archive that was made with `params` and, where it has neural
    /// chunks, `model`.
    ///
    /// # Errors
    /// [`Error::Model`] when that model is not here or this machine's arithmetic does not
    /// reproduce its fingerprint; [`Error::Unsupported`] for unknown parameters.
    pub fn for_reading(
        options: EngineOptions,
        params: CoderParams,
        model: Option<&ModelRef>,
    ) -> Result<Self> {
        let loaded = match model {
            None => None,
            Some(wanted) if wanted.profile != NUMERIC_PROFILE => {
                return Err(Error::Unsupported(format!("numeric profile {}", wanted.profile)));
            }
            Some(wanted) => {
                let given = options.model.as_deref();
                Some(model::find(&wanted.sha256, given, &options.limits)?)
            }
        };
        let engine = Self::new(options, params, loaded)?;
        if let Some(wanted) = model {
            let here = engine.model_ref().expect("a model was just loaded");
            if here.tokenizer != wanted.tokenizer {
                return Err(Error::Model("the archive was made with another vocabulary".into()));
            }
            if here.fingerprint != wanted.fingerprint {
                return Err(Error::Model(
                    "this machine's arithmetic does not reproduce the archive's".into(),
                ));
            }
        }
        Ok(engine)
    }

    /// The parameters to record in an archive.
    pub fn params(&self) -> CoderParams {
        self.params
    }

    /// The model to record before the first neural chunk; `None` when the level uses none.
    pub fn model_ref(&self) -> Option<ModelRef> {
        self.model.as_ref().map(|loaded| {
            let model = &loaded.0;
            ModelRef {
                sha256: model.sha256(),
                tokenizer: model.vocabulary().id(),
                profile: NUMERIC_PROFILE,
                fingerprint: model.fingerprint(self.path),
            }
        })
    }

    /// The default chunk size of this engine's level, in bytes.
    pub fn default_chunk_size(&self) -> usize {
        effort(self.options.level.get()).chunk
    }

    /// About how many bytes it takes to have one more chunk of `len` bytes in work.
    pub fn bytes_per_chunk(&self, len: usize) -> u64 {
        let readout = self.model.as_ref().map(|loaded| readout_size(&loaded.0));
        Mixer::bytes_for(len, self.params.table_bits, readout)
    }

    /// How many chunks to hand over at once so that every thread and lane has work.
    pub fn batch(&self) -> usize {
        self.pool.current_num_threads() * LANES
    }

    /// Codes every chunk with the smallest of its candidates, in the order given.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when `progress` was asked to stop.
    pub fn encode(&self, chunks: &[&[u8]], progress: &Progress) -> Result<Vec<Coded>> {
        // Where there are two threads for each chunk, the model takes the second.
        let ahead = 2 * chunks.len() <= self.pool.current_num_threads();
        self.pool.install(|| {
            chunks
                .par_iter()
                .with_max_len(1)
                .map_init(
                    || self.model.as_ref().map(|l| Writer::new(&l.0, &l.1, self.path)),
                    |writer, raw| self.encode_one(raw, writer.as_mut(), ahead, progress),
                )
                .collect()
        })
    }

    fn encode_one(
        &self,
        raw: &[u8],
        writer: Option<&mut Writer<'_>>,
        ahead: bool,
        progress: &Progress,
    ) -> Result<Coded> {
        progress.check()?;
        let content = content::of_chunk(raw);
        let mut best = Coded { codec: CodecId::Stored, bytes: raw.to_vec() };
        let mut offer = |codec, bytes: Vec<u8>| {
            if bytes.len() < best.bytes.len() {
                best = Coded { codec, bytes };
            }
        };
        let short = raw.len() <= SHORT;
        if content == Content::Noise && !short {
            if let Ok(packed) = zstd::bulk::compress(raw, 1) {
                offer(CodecId::Zstd, packed);
            }
            progress.add(raw.len() as u64);
            return Ok(best);
        }
        let (mut progress, uncounted) = (progress, Progress::default());
        if let Some(writer) = writer.filter(|_| content == Content::Text || short) {
            let mut mixer = self.mixer_around(writer.model(), raw.len());
            offer(CodecId::Neural, writer.encode(raw, &mut mixer, ahead, progress)?);
            if content == Content::Text {
                return Ok(best);
            }
            // What follows is the second trial of the same bytes.
            progress = &uncounted;
        }
        offer(CodecId::Mix, mix::encode(raw, &mut self.mixer(raw.len()), progress)?);
        if short {
            // Of a few bytes that are skewed and nothing else, a plain Huffman code makes more than contexts do.
            if let Ok(packed) = zstd::bulk::compress(raw, 19) {
                offer(CodecId::Zstd, packed);
            }
        }
        Ok(best)
    }

    /// A mixer for a chunk of contexts alone.
    fn mixer(&self, len: usize) -> Mixer {
        let profile = self.profile.alone.unwrap_or(self.profile);
        Mixer::new(self.path, profile, &self.alone_prior, len, self.params.table_bits)
    }

    /// A mixer for a neural chunk.
    fn mixer_around(&self, model: &Model, len: usize) -> Mixer {
        let (tokens, width) = readout_size(model);
        Mixer::new(self.path, self.profile, &self.prior, len, self.params.table_bits)
            .with_readout(tokens, width)
    }

    /// Decodes every job, in the order given. The caller checks the checksums.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a chunk does not decode to its length, [`Error::Model`] when a
    /// neural chunk comes without a model, [`Error::Interrupted`] when asked to stop.
    pub fn decode(&self, jobs: &[Job<'_>], progress: &Progress) -> Result<Vec<Vec<u8>>> {
        let (neural, plain): (Vec<usize>, Vec<usize>) =
            (0..jobs.len()).partition(|&i| jobs[i].codec == CodecId::Neural);
        let results: Vec<Mutex<Vec<u8>>> = jobs.iter().map(|_| Mutex::default()).collect();
        let put = |index: usize, bytes: Vec<u8>| {
            if let Ok(mut slot) = results[index].lock() {
                *slot = bytes;
            }
        };
        self.pool.install(|| -> Result<()> {
            if !neural.is_empty() {
                let loaded = self.model.as_ref().ok_or_else(|| {
                    Error::corrupt("a neural chunk in an archive that names no model")
                })?;
                if self.profile.alone.is_none() {
                    return Err(Error::corrupt("a neural chunk in an archive of contexts alone"));
                }
                let threads = self.pool.current_num_threads();
                let (hands, rest) = deal(neural, jobs, threads);
                // Threads without a chunk of their own help those that have one.
                let worth_it = loaded.0.multiply_adds() >= WORTH_A_CREW;
                let helpers = if worth_it { threads / hands.len() - 1 } else { 0 };
                let taken = AtomicUsize::new(0);
                hands.par_iter().with_max_len(1).try_for_each(|hand| {
                    let next = || rest.get(taken.fetch_add(1, Ordering::Relaxed)).copied();
                    let new_mixer = |len| self.mixer_around(&loaded.0, len);
                    Crew::with(&loaded.0, self.path, LANES, helpers, |lead| {
                        decode_queue(lead, jobs, hand, next, new_mixer, progress, put)
                    })
                })?;
            }
            plain.par_iter().with_max_len(1).try_for_each(|&index| {
                let bytes = self.decode_plain(&jobs[index], progress)?;
                put(index, bytes);
                Ok(())
            })
        })?;
        Ok(results.into_iter().map(|m| m.into_inner().unwrap_or_default()).collect())
    }

    fn decode_plain(&self, job: &Job<'_>, progress: &Progress) -> Result<Vec<u8>> {
        progress.check()?;
        let raw = match job.codec {
            CodecId::Mix => {
                let mut mixer = self.mixer(job.raw_len);
                return mix::decode(job.coded, job.raw_len, &mut mixer, progress);
            }
            CodecId::Zstd => zstd_frame::decompress(job.coded, job.raw_len)
                .ok_or_else(|| Error::corrupt("a zstd chunk does not decode"))?,
            _ => job.coded.to_vec(),
        };
        if raw.len() != job.raw_len {
            return Err(Error::corrupt("a chunk decodes to the wrong length"));
        }
        progress.add(raw.len() as u64);
        Ok(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn the_built_in_models_bring_a_prior_of_their_profile() {
        for built in &model::BUILT_IN {
            let loaded = model::built_in(built.name).unwrap();
            let prior = loaded.0.prior().expect(built.name);
            assert_eq!(Prior::from_bytes(&mixer::NEURAL, prior).err(), None, "{}", built.name);
        }
    }

    /// More threads than chunks share the work within a chunk, in packing by one way and in unpacking by another.
    #[test]
    fn any_number_of_threads_gives_the_same_bytes_and_takes_them_back() {
        let text = include_str!("engine.rs").as_bytes();
        let chunks = [&text[..5000], &text[5000..6000], &text[6000..9000]];
        let level = Level::DEFAULT;
        let mut expected: Option<Vec<Coded>> = None;
        for threads in [1, 2, 3, 7] {
            let options = EngineOptions { level, threads, ..EngineOptions::default() };
            let engine = Engine::for_packing(options).unwrap();
            for few in 1..=chunks.len() {
                let coded = engine.encode(&chunks[..few], &Progress::default()).unwrap();
                let jobs: Vec<Job<'_>> = (coded.iter().zip(chunks))
                    .map(|(c, raw)| Job { codec: c.codec, coded: &c.bytes, raw_len: raw.len() })
                    .collect();
                assert!(jobs.iter().all(|job| job.codec == CodecId::Neural));
                assert_eq!(engine.decode(&jobs, &Progress::default()).unwrap(), chunks[..few]);
                if few == chunks.len() {
                    let expected = expected.get_or_insert(coded.clone());
                    assert_eq!(coded, *expected, "{threads} threads");
                }
            }
        }
    }

    #[test]
    fn a_chunk_that_two_threads_encode_can_be_interrupted() {
        let options = EngineOptions { threads: 2, ..EngineOptions::default() };
        let engine = Engine::for_packing(options).unwrap();
        let progress = Progress::default();
        let text = include_bytes!("engine.rs");
        let stopped = std::thread::scope(|scope| {
            let work = scope.spawn(|| engine.encode(&[&text.repeat(50)], &progress));
            std::thread::sleep(std::time::Duration::from_millis(50));
            progress.stop();
            work.join().unwrap()
        });
        assert!(matches!(stopped, Err(Error::Interrupted)));
    }
}

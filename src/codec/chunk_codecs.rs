//! The chunk codecs of one archive: one for each model that its chunks name.
//!
//! A chunk codec is made when a chunk first needs it and kept, for an archive may go back and forth between its models.
//! The memory of all that are kept counts while any of them works.

use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::format::{CoderParams, ModelRef, NamedModel};
use crate::limits::Bound;
use crate::model::{Loaded, hex};
use crate::progress::Progress;

use super::chunk_codec::{ChunkCodec, Job};
use super::options::DecodeOptions;

/// Decodes chunks of several models.
#[derive(Debug)]
pub struct ChunkCodecs {
    options: DecodeOptions,
    ready: Mutex<Vec<Ready>>,
}

#[derive(Debug, Clone)]
struct Ready {
    params: CoderParams,
    /// The model that it runs; `None` for a chunk codec without one.
    model: Option<ModelRef>,
    codec: Arc<ChunkCodec>,
}

impl ChunkCodecs {
    /// No chunk codec is made yet.
    pub fn new(options: DecodeOptions) -> Self {
        ChunkCodecs { options, ready: Mutex::default() }
    }

    /// Makes the chunk codec for what was made with `params`, and runs `model`.
    ///
    /// # Errors
    /// As [`ChunkCodec::for_decoding`], and [`Error::Limit`] where all models together exceed the memory limit.
    pub fn prepare(&self, params: CoderParams, model: Option<&NamedModel>) -> Result<()> {
        self.codec(params, model).map(drop)
    }

    /// Says whether the chunk codec that runs `model` is made, or can be: the store of models has it.
    ///
    /// # Errors
    /// Those of the store, and of [`ChunkCodecs::prepare`].
    pub fn can_run(&self, params: CoderParams, model: &NamedModel) -> Result<bool> {
        if self.is_ready(model) {
            return Ok(true);
        }
        match self.options.models.find(&model.reference.sha256)? {
            Some(found) => self.make_of(params, model, found).map(|()| true),
            None => Ok(false),
        }
    }

    /// Makes the chunk codec that runs `model` from the bytes of its file, wherever they come from.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for another file than `model` names, and as [`ChunkCodecs::prepare`].
    pub fn supply(&self, params: CoderParams, model: &NamedModel, file: &[u8]) -> Result<()> {
        check_file(model, file)?;
        // The file, the model that is made of it, and one tensor of it as numbers.
        let (needed, limit) = (3 * file.len() as u64, self.room());
        if needed > limit {
            let what = format!("the {needed} bytes of memory for reading the archive's model");
            return Err(Error::Limit { what, limit, bound: Bound::Memory });
        }
        self.make_of(params, model, Loaded::from_bytes(file)?)
    }

    /// Bytes of memory that the chunk codecs have left.
    pub fn room(&self) -> u64 {
        let known = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        self.options.limits.memory.saturating_sub(bytes_beside(&known, None))
    }

    fn is_ready(&self, model: &NamedModel) -> bool {
        let known = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|ready| ready.model.as_ref() == Some(&model.reference))
    }

    fn make_of(&self, params: CoderParams, model: &NamedModel, found: Loaded) -> Result<()> {
        let options = DecodeOptions { models: Arc::new(found), ..self.options.clone() };
        self.codec_by(&options, params, Some(model)).map(drop)
    }

    /// Decodes chunks made with `params` and one model, or none, as [`ChunkCodec::decode`] does.
    ///
    /// # Errors
    /// Those of [`ChunkCodecs::prepare`] and [`ChunkCodec::decode`].
    pub fn decode<'a>(
        &self,
        params: CoderParams,
        model: Option<&NamedModel>,
        source: &mut dyn FnMut() -> Result<Option<Job<'a>>>,
        sink: &mut dyn FnMut(Result<Vec<u8>>) -> Result<()>,
        progress: &Progress,
    ) -> Result<()> {
        let (codec, beside) = self.codec(params, model)?;
        codec.decode_beside(beside, source, sink, progress)
    }

    /// The chunk codec for these parameters and a model, and the bytes that the others take.
    fn codec(&self, params: CoderParams, model: Option<&NamedModel>) -> Result<(Arc<ChunkCodec>, u64)> {
        self.codec_by(&self.options, params, model)
    }

    fn codec_by(
        &self,
        options: &DecodeOptions,
        params: CoderParams,
        model: Option<&NamedModel>,
    ) -> Result<(Arc<ChunkCodec>, u64)> {
        let wanted = (params, model.map(|model| &model.reference));
        let known = self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(found) = known.iter().find(|ready| ready.is_for(wanted)) {
            return Ok((Arc::clone(&found.codec), bytes_beside(&known, Some(wanted))));
        }
        let beside = bytes_beside(&known, Some(wanted));
        // Another generation of the archive may have used the same model with other parameters.
        let codec = match known.iter().find(|ready| model.is_some() && ready.model.as_ref() == wanted.1) {
            Some(other) => other.codec.with_params(params)?,
            None => ChunkCodec::for_decoding(options, params, model)?,
        };
        let codec = Arc::new(codec);
        let limit = self.options.limits.memory;
        if beside.saturating_add(codec.bytes()) > limit {
            let what = "the memory that the models of the archive take together".into();
            return Err(Error::Limit { what, limit, bound: Bound::Memory });
        }
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster; both chunk codecs do the same.
        if !ready.iter().any(|ready| ready.is_for(wanted)) {
            ready.push(Ready { params, model: wanted.1.cloned(), codec: Arc::clone(&codec) });
        }
        Ok((codec, beside))
    }
}

impl Ready {
    fn is_for(&self, (params, model): (CoderParams, Option<&ModelRef>)) -> bool {
        (self.params, self.model.as_ref()) == (params, model)
    }
}

/// Fails unless `file` is the one that `model` names.
pub fn check_file(model: &NamedModel, file: &[u8]) -> Result<()> {
    if Sha256::digest(file)[..] == model.reference.sha256 {
        return Ok(());
    }
    let name = model.name.as_ref().map_or(String::new(), |name| format!(" {name:?}"));
    Err(Error::corrupt(format!(
        "the file of the model{name} in the archive is another than the archive names (SHA-256 {})",
        hex(&model.reference.sha256)
    )))
}

/// Bytes of all chunk codecs but the wanted one.
fn bytes_beside(ready: &[Ready], wanted: Option<(CoderParams, Option<&ModelRef>)>) -> u64 {
    let others = ready.iter().filter(|ready| !wanted.is_some_and(|wanted| ready.is_for(wanted)));
    others.fold(0, |sum, ready| sum.saturating_add(ready.codec.bytes()))
}

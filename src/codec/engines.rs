//! The engines of one archive: one for each model that its chunks name.
//!
//! An engine is made when a chunk first needs it and kept, for an archive may go back and forth between its models.
//! The memory of all that are kept counts while any of them works.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::format::{CoderParams, ModelRef, NamedModel};
use crate::limits::Bound;
use crate::progress::Progress;

use super::engine::{Engine, Job};
use super::options::DecodeOptions;

/// Decodes chunks of several models.
#[derive(Debug)]
pub struct Engines {
    options: DecodeOptions,
    params: CoderParams,
    ready: Mutex<Vec<Ready>>,
}

#[derive(Debug, Clone)]
struct Ready {
    /// What it runs; `None` for an engine without a model.
    model: Option<ModelRef>,
    engine: Arc<Engine>,
}

impl Engines {
    /// The engines for what was made with `params`; none is made yet.
    pub fn new(options: DecodeOptions, params: CoderParams) -> Self {
        Engines { options, params, ready: Mutex::default() }
    }

    /// Makes the engine that runs `model`.
    ///
    /// # Errors
    /// As [`Engine::for_decoding`], and [`Error::Limit`] where all models together exceed the memory limit.
    pub fn prepare(&self, model: Option<&NamedModel>) -> Result<()> {
        self.engine(model).map(drop)
    }

    /// Decodes chunks of one model, or of none, as [`Engine::decode`] does.
    ///
    /// # Errors
    /// Those of [`Engines::prepare`] and [`Engine::decode`].
    pub fn decode<'a>(
        &self,
        model: Option<&NamedModel>,
        source: &mut dyn FnMut() -> Result<Option<Job<'a>>>,
        sink: &mut dyn FnMut(Result<Vec<u8>>) -> Result<()>,
        progress: &Progress,
    ) -> Result<()> {
        let (engine, beside) = self.engine(model)?;
        engine.decode_beside(beside, source, sink, progress)
    }

    /// The engine for a model, and the bytes that the others take.
    fn engine(&self, model: Option<&NamedModel>) -> Result<(Arc<Engine>, u64)> {
        let wanted = model.map(|model| &model.reference);
        let known = self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(found) = known.iter().find(|ready| ready.model.as_ref() == wanted) {
            return Ok((Arc::clone(&found.engine), bytes_beside(&known, wanted)));
        }
        let beside = bytes_beside(&known, wanted);
        let engine = Arc::new(Engine::for_decoding(&self.options, self.params, model)?);
        let limit = self.options.limits.memory;
        if beside.saturating_add(engine.bytes()) > limit {
            let what = "the memory that the models of the archive take together".into();
            return Err(Error::Limit { what, limit, bound: Bound::Memory });
        }
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster; both engines do the same.
        if !ready.iter().any(|ready| ready.model.as_ref() == wanted) {
            ready.push(Ready { model: wanted.cloned(), engine: Arc::clone(&engine) });
        }
        Ok((engine, beside))
    }
}

/// Bytes of all engines but that of `wanted`.
fn bytes_beside(ready: &[Ready], wanted: Option<&ModelRef>) -> u64 {
    let others = ready.iter().filter(|ready| ready.model.as_ref() != wanted);
    others.fold(0, |sum, ready| sum.saturating_add(ready.engine.bytes()))
}

//! The seam between models and what runs them: which engine a loaded model is opened with.

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::Result;
use crate::kernel::{Isa, NUMERIC_PROFILE};

use super::language_model::LanguageModel;
use super::loaded::Loaded;
use super::rwkv7::Rwkv7;

/// Opens loaded models for use.
pub trait Backend: Debug + Send + Sync {
    /// Says whether it computes by this numeric profile.
    fn has_profile(&self, numeric_profile: u8) -> bool;

    /// An engine for a model. `numeric_profile` is the one that data to decode asks for, and one that it has; for
    /// packing it is `None`, and the backend chooses. `isa` is the instruction set that the caller has chosen for what
    /// runs on the processor.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) for a model that it cannot run, and those of a device.
    fn open(
        &self,
        model: &Loaded,
        numeric_profile: Option<u8>,
        isa: Isa,
    ) -> Result<Arc<dyn LanguageModel>>;
}

/// Opens models on the processor: the numeric profile whose bits are the same on every machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn has_profile(&self, numeric_profile: u8) -> bool {
        numeric_profile == NUMERIC_PROFILE
    }

    fn open(&self, model: &Loaded, _: Option<u8>, isa: Isa) -> Result<Arc<dyn LanguageModel>> {
        Ok(Arc::new(Rwkv7::new(Arc::clone(model.model()), isa)))
    }
}

//! A store is where models come from when an archive names one.
//!
//! The library never looks into folders or the environment by itself. Whoever reads an archive hands over a
//! [`ModelStore`]; the program's looks into the folder of installed models.

use std::fmt::Debug;

use crate::error::Result;

use super::loaded::Loaded;
use super::registry::{built_in, known};

/// A source of models, asked by the SHA-256 of the model file.
pub trait ModelStore: Debug + Send + Sync {
    /// The model whose file has this SHA-256; `None` if it is not here.
    ///
    /// # Errors
    /// Those of reading it: [`Error::Io`](crate::Error::Io), [`Error::Model`](crate::Error::Model),
    /// [`Error::Limit`](crate::Error::Limit).
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Loaded>>;
}

/// The models that are part of this library.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltInModels;

impl ModelStore for BuiltInModels {
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Loaded>> {
        known(sha256).map(|model| built_in(model.name)).transpose()
    }
}

/// One model that the caller has loaded.
impl ModelStore for Loaded {
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Loaded>> {
        Ok((self.sha256() == *sha256).then(|| self.clone()))
    }
}

/// Several stores, asked in order.
impl<S: ModelStore> ModelStore for Vec<S> {
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Loaded>> {
        for store in self {
            if let Some(found) = store.find(sha256)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// A store behind a pointer.
impl<S: ModelStore + ?Sized> ModelStore for Box<S> {
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Loaded>> {
        (**self).find(sha256)
    }
}

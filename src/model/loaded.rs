//! A model file that has been read: its weights, and the tokenizer that belongs to it.

#[cfg(feature = "fs")]
use std::borrow::Cow;
#[cfg(feature = "fs")]
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "encode")]
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

#[cfg(feature = "encode")]
use crate::error::Error;
use crate::error::Result;
#[cfg(feature = "encode")]
use crate::once::get_or_try_init;
#[cfg(feature = "encode")]
use crate::vocab::Tokenizer;

use super::registry::{built_in, known};
use super::weights::Model;

/// A language model, ready for use. Cloning it is cheap: all clones share one copy.
#[derive(Debug, Clone)]
pub struct Loaded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    model: Arc<Model>,
    #[cfg_attr(not(feature = "encode"), allow(dead_code))]
    tokenizer_json: String,
    #[cfg_attr(not(feature = "fs"), allow(dead_code))]
    origin: Origin,
    #[cfg(feature = "encode")]
    tokenizer: OnceLock<Tokenizer>,
}

/// The place of the bytes of a model file.
#[derive(Debug)]
pub(super) enum Origin {
    /// In the program.
    BuiltIn(&'static [u8]),
    /// In a file.
    #[cfg(feature = "fs")]
    File(PathBuf),
    /// With whoever loaded it.
    Caller,
}

impl Loaded {
    /// The built-in model of this name (`nano` or `small`). It is prepared once per process.
    ///
    /// # Errors
    /// [`Error::Model`] if there is none.
    pub fn built_in(name: &str) -> Result<Self> {
        built_in(name)
    }

    /// A model from the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Model`] if they are not a model that llz can run.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        match known(&sha256) {
            Some(model) => built_in(model.name),
            None => Self::read(bytes, sha256, Origin::Caller),
        }
    }

    /// A model from a safetensors file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read, [`Error::Limit`] for one that is too long, and as
    /// [`Loaded::from_bytes`].
    #[cfg(feature = "fs")]
    pub fn open(path: &Path, limit: u64) -> Result<Self> {
        let bytes = super::load::read(path, limit)?;
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        match known(&sha256) {
            Some(model) => built_in(model.name),
            None => Self::read(&bytes, sha256, Origin::File(path.into())),
        }
    }

    /// The bytes of the model file, read again where they are not part of the program.
    ///
    /// # Errors
    /// [`Error::Usage`] for a model that was made of bytes, [`Error::Model`] for a file that was changed since it was
    /// loaded, [`Error::Io`], and [`Error::Limit`] for a file beyond `limit` bytes.
    #[cfg(feature = "fs")]
    pub(crate) fn file(&self, limit: u64) -> Result<Cow<'static, [u8]>> {
        let bytes = match &self.0.origin {
            Origin::BuiltIn(bytes) => return Ok(Cow::Borrowed(bytes)),
            Origin::File(path) => super::load::read(path, limit)?,
            Origin::Caller => {
                return Err(Error::Usage("the model was loaded from bytes; load it from its file to embed it".into()));
            }
        };
        if Sha256::digest(&bytes)[..] != self.sha256() {
            return Err(Error::Model("the model file was changed after it was loaded".into()));
        }
        Ok(Cow::Owned(bytes))
    }

    /// A model from the bytes of a safetensors file with this SHA-256.
    pub(super) fn read(bytes: &[u8], sha256: [u8; 32], origin: Origin) -> Result<Self> {
        let (model, tokenizer_json) = Model::from_safetensors(bytes, sha256)?;
        Ok(Loaded(Arc::new(Inner {
            model: Arc::new(model),
            tokenizer_json,
            origin,
            #[cfg(feature = "encode")]
            tokenizer: OnceLock::new(),
        })))
    }

    /// The weights.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.0.model
    }

    /// The tokenizer. Only packing needs it, so it is prepared when it is first asked for.
    #[cfg(feature = "encode")]
    pub(crate) fn tokenizer(&self) -> Result<&Tokenizer> {
        let Inner { tokenizer, tokenizer_json, .. } = &*self.0;
        get_or_try_init(tokenizer, || Tokenizer::from_json(tokenizer_json).map_err(Error::Model))
    }

    /// The name in the file's metadata. It is for people and proves nothing.
    pub fn name(&self) -> &str {
        self.0.model.name()
    }

    /// SHA-256 of the model file, which names it in archives.
    pub fn sha256(&self) -> [u8; 32] {
        self.0.model.sha256()
    }
}

/// The parts of a model, for the tools of this project: its weights and its tokenizer.
///
/// # Errors
/// [`Error::Model`] if its tokenizer cannot be read.
#[cfg(all(feature = "internals", feature = "encode"))]
pub fn parts(model: &Loaded) -> Result<(&Arc<Model>, &Tokenizer)> {
    Ok((model.model(), model.tokenizer()?))
}

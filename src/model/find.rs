//! Finding models: built in, installed, or in a file.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::limits::Limits;

use super::installed::{self, Installed};
use super::load::read;
use super::registry::{Loaded, built_in, hex, is_built_in, known};
use super::weights::Model;

/// The model that the caller names: a file, or else a built-in or installed model.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read, [`Error::Limit`] for one beyond the memory limit,
/// [`Error::Model`] for one that is no model, and for a name that nothing has.
pub fn open(given: &Path, limits: &Limits) -> Result<Loaded> {
    let name = given.to_str().filter(|name| !name.contains(std::path::is_separator));
    let (Some(name), false) = (name, given.exists()) else { return open_file(given, limits) };
    if is_built_in(name) {
        return built_in(name);
    }
    match installed::by_name(name)? {
        Some(model) => open_installed(&model, limits),
        None => Err(Error::Model(format!("{name:?} is neither a file nor an installed model"))),
    }
}

fn open_file(path: &Path, limits: &Limits) -> Result<Loaded> {
    let bytes = read(path, limits)?;
    let sha256 = Sha256::digest(&bytes).into();
    match known(&sha256) {
        Some(b) => built_in(b.name),
        None => Ok(Arc::new(Model::from_safetensors(&bytes, sha256)?)),
    }
}

/// An installed model, if it still is what its name says.
fn open_installed(model: &Installed, limits: &Limits) -> Result<Loaded> {
    let loaded = open_file(&model.path, limits)?;
    if hex(&loaded.0.sha256()) != model.sha256 {
        let path = model.path.display();
        return Err(Error::Model(format!("{path} was changed; install the model again")));
    }
    Ok(loaded)
}

/// The model with this SHA-256: built in, the one given (a file or a name), or installed.
///
/// # Errors
/// [`Error::Model`] when it is none of them, and as [`open`].
pub fn find(sha256: &[u8; 32], given: Option<&Path>, limits: &Limits) -> Result<Loaded> {
    if let Some(built) = known(sha256) {
        return built_in(built.name);
    }
    if let Some(given) = given {
        let loaded = open(given, limits)?;
        if loaded.0.sha256() != *sha256 {
            return Err(Error::Model(format!(
                "{} is not the model this archive needs (SHA-256 {})",
                given.display(),
                hex(sha256)
            )));
        }
        return Ok(loaded);
    }
    match installed::by_sha256(sha256)? {
        Some(model) => open_installed(&model, limits),
        None => {
            let wanted = hex(sha256);
            Err(Error::Model(format!("the model with SHA-256 {wanted} is needed and not here")))
        }
    }
}

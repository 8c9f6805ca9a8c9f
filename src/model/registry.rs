//! Finding models: built in, or in a file.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::vocab::Tokenizer;

use super::weights::Model;

/// A model that is part of the program.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its safetensors file.
    pub bytes: &'static [u8],
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Its engine fingerprint (numeric profile `q8f32-1`).
    pub fingerprint: u64,
}

/// The shipped models, best last. Replacing one means replacing its file and its line here;
/// a test says what to write.
pub static BUILT_IN: [BuiltIn; 1] = [BuiltIn {
    name: "small",
    bytes: include_bytes!("../../models/small.safetensors"),
    sha256: [0; 32],
    fingerprint: 0,
}];

/// A model with the tokenizer that belongs to it.
pub type Loaded = Arc<(Model, Tokenizer)>;

/// The built-in model of this name, loaded once per process.
pub fn built_in(name: &str) -> Result<Loaded> {
    static LOADED: [OnceLock<Loaded>; BUILT_IN.len()] = [const { OnceLock::new() }; BUILT_IN.len()];
    let index = BUILT_IN
        .iter()
        .position(|b| b.name == name)
        .ok_or_else(|| Error::Model(format!("there is no built-in model {name:?}")))?;
    if let Some(loaded) = LOADED[index].get() {
        return Ok(loaded.clone());
    }
    let model = &BUILT_IN[index];
    let loaded = Arc::new(Model::from_safetensors(model.bytes, model.sha256)?);
    Ok(LOADED[index].get_or_init(|| loaded).clone())
}

/// A model from a safetensors file.
pub fn open(path: &Path) -> Result<Loaded> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let sha256 = Sha256::digest(&bytes).into();
    match BUILT_IN.iter().find(|b| b.sha256 == sha256) {
        Some(b) => built_in(b.name),
        None => Ok(Arc::new(Model::from_safetensors(&bytes, sha256)?)),
    }
}

/// The model with this SHA-256: built in, or the file given.
pub fn find(sha256: &[u8; 32], file: Option<&Path>) -> Result<Loaded> {
    if let Some(built) = BUILT_IN.iter().find(|b| b.sha256 == *sha256) {
        return built_in(built.name);
    }
    let wanted = hex(sha256);
    let Some(path) = file else {
        return Err(Error::Model(format!(
            "this archive needs the model with SHA-256 {wanted}; give its file with --model"
        )));
    };
    let loaded = open(path)?;
    if loaded.0.sha256() != *sha256 {
        return Err(Error::Model(format!(
            "{} is not the model this archive needs (SHA-256 {wanted})",
            path.display()
        )));
    }
    Ok(loaded)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

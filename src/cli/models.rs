//! The program finds models here: built in, in a file, or in the folder of installed ones.
//!
//! The library looks into no folder and no environment variable by itself; this is what hands models over to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;
use llz::{
    BUILT_IN_MODELS, BuiltInModels, Error, Limits, Model, ModelFolder, ModelStore, Result, hex,
};

/// The folder of installed models: `$LLZ_MODELS`, or else `llz/models` in the user's data directory
/// (`$XDG_DATA_HOME`, `~/.local/share`; on Windows `%APPDATA%`).
///
/// # Errors
/// [`Error::Usage`] where the system knows no such directory.
pub fn folder(limit: u64) -> Result<ModelFolder> {
    let path = match std::env::var_os("LLZ_MODELS").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => {
            let unknown =
                |_| Error::Usage("no directory for models is known here; set LLZ_MODELS".into());
            etcetera::choose_base_strategy().map_err(unknown)?.data_dir().join("llz").join("models")
        }
    };
    Ok(ModelFolder::new(path, limit))
}

/// The model that `--model` names: a built-in or installed model, or else a file. A name comes before a file or
/// directory that happens to be called so; `./NAME` is always a path.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read, [`Error::Limit`] for one beyond the memory limit, [`Error::Model`]
/// for one that is no model, and for a name that nothing has.
pub fn open(given: &Path, limits: &Limits) -> Result<Model> {
    let Some(name) = given.to_str().filter(|name| !name.contains(std::path::is_separator)) else {
        return Model::open(given, limits.memory);
    };
    if BUILT_IN_MODELS.iter().any(|built| built.name == name) {
        return Model::built_in(name);
    }
    if let Ok(folder) = folder(limits.memory)
        && let Some(model) = folder.by_name(name)?
    {
        return folder.load(&model);
    }
    if given.is_dir() {
        let why = "a directory has this name, and no model that is built in or installed";
        return Err(Error::Model(format!("{name:?}: {why}")));
    }
    if given.exists() {
        return Model::open(given, limits.memory);
    }
    Err(Error::Model(format!("{name:?} is neither a file nor an installed model")))
}

/// The files that belong to what `--model` names.
pub fn files(given: &Path, limits: &Limits) -> Vec<PathBuf> {
    let installed = given
        .to_str()
        .and_then(|name| folder(limits.memory).ok()?.by_name(name).ok()?)
        .map(|model| model.path);
    installed.into_iter().chain([given.to_owned()]).collect()
}

/// The models for reading an archive: those built in, the one given, those installed.
#[derive(Debug)]
struct ProgramModels {
    given: Option<PathBuf>,
    limits: Limits,
}

/// The models for reading under these limits; `given` is what `--model` says.
pub fn store(given: Option<&Path>, limits: Limits) -> Arc<dyn ModelStore> {
    Arc::new(ProgramModels { given: given.map(Path::to_owned), limits })
}

impl ModelStore for ProgramModels {
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Model>> {
        if let Some(found) = BuiltInModels.find(sha256)? {
            return Ok(Some(found));
        }
        if let Some(given) = &self.given {
            let model = open(given, &self.limits)?;
            if model.sha256() != *sha256 {
                let (given, wanted) = (given.display(), hex(sha256));
                return Err(Error::Model(format!(
                    "{given} is not the model this archive needs (SHA-256 {wanted})"
                )));
            }
            return Ok(Some(model));
        }
        match folder(self.limits.memory) {
            Ok(folder) => folder.find(sha256),
            // Nothing is installed where there is no place for it.
            Err(_) => Ok(None),
        }
    }
}

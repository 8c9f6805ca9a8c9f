//! Models that a user installed: safetensors files in one directory, found by name or by content.
//!
//! An archive names its model by SHA-256 and nothing else, so a file's name is `NAME-SHA256.safetensors`:
//! unpacking finds the right one without being told, and two versions of a model can lie side by side.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::load::read;
use super::loaded::Loaded;
use super::registry::{hex, is_built_in, known};
use super::store::ModelStore;

const EXTENSION: &str = "safetensors";
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;
/// Most bytes of a name.
const NAME: usize = 64;

/// A model in the directory of installed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// SHA-256 of the file, in hexadecimal, as its name says; opening it checks.
    pub sha256: String,
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// A folder of installed models.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    path: PathBuf,
    /// Most bytes of a model file.
    limit: u64,
}

impl ModelFolder {
    /// The models in the folder `path`, which need not exist, none of them longer than `limit` bytes.
    pub fn new(path: impl Into<PathBuf>, limit: u64) -> Self {
        ModelFolder { path: path.into(), limit }
    }

    /// The installed models, by name. Files of other names are passed over.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<Installed>> {
        let failed = |error| Error::io(&self.path, error);
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let Some((name, sha256)) = parse(&path) else { continue };
            // A file that went away meanwhile is not installed.
            let Ok(metadata) = path.metadata() else { continue };
            if metadata.is_file() {
                found.push(Installed { name, sha256, bytes: metadata.len(), path });
            }
        }
        found.sort_by(|a, b| (&a.name, &a.sha256).cmp(&(&b.name, &b.sha256)));
        Ok(found)
    }

    /// The installed model of this name, which may go on with a part of its SHA-256 (`base-4f09`) where several
    /// have the name.
    ///
    /// # Errors
    /// [`Error::Model`] when there are several, and as [`ModelFolder::list`].
    pub fn by_name(&self, given: &str) -> Result<Option<Installed>> {
        let mut fitting = self.list()?;
        fitting.retain(|model| {
            let digits = given.strip_prefix(&model.name);
            digits == Some("")
                || digits
                    .and_then(|d| d.strip_prefix('-'))
                    .is_some_and(|d| !d.is_empty() && model.sha256.starts_with(d))
        });
        if fitting.len() > 1 {
            let names: Vec<String> = fitting.iter().map(Installed::short).collect();
            let names = names.join(", ");
            return Err(Error::Model(format!("{given:?} may be any of {names}")));
        }
        Ok(fitting.pop())
    }

    /// The installed model with this SHA-256.
    ///
    /// # Errors
    /// As [`ModelFolder::list`].
    pub fn by_sha256(&self, sha256: &[u8; 32]) -> Result<Option<Installed>> {
        let wanted = hex(sha256);
        Ok(self.list()?.into_iter().find(|model| model.sha256 == wanted))
    }

    /// Loads an installed model if its content still is what its name says.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Limit`], and [`Error::Model`] for a file that was changed.
    pub fn load(&self, model: &Installed) -> Result<Loaded> {
        let loaded = Loaded::open(&model.path, self.limit)?;
        if hex(&loaded.sha256()) != model.sha256 {
            let path = model.path.display();
            return Err(Error::Model(format!("{path} was changed; install the model again")));
        }
        Ok(loaded)
    }

    /// Copies a model file into the folder, under `name` or the one in its metadata, after making sure that it is
    /// a model. The copy appears whole or not at all; installing a model again changes nothing.
    ///
    /// # Errors
    /// [`Error::Model`] for a file that is no model, is built in, or has no usable name; [`Error::Limit`] for one
    /// that is too long; [`Error::Io`].
    pub fn install(&self, file: &Path, name: Option<&str>) -> Result<Installed> {
        self.install_bytes(&read(file, self.limit)?, name)
    }

    /// [`ModelFolder::install`] for a model file in memory, such as one out of an archive.
    ///
    /// # Errors
    /// As [`ModelFolder::install`].
    pub fn install_bytes(&self, bytes: &[u8], name: Option<&str>) -> Result<Installed> {
        let loaded = Loaded::from_bytes(bytes)?;
        let sha256 = loaded.sha256();
        if let Some(built) = known(&sha256) {
            return Err(Error::Model(format!("this is {}, which is built in", built.name)));
        }
        #[cfg(feature = "encode")]
        loaded.tokenizer()?;
        let name = name.unwrap_or_else(|| loaded.name()).to_owned();
        if !is_name(&name) {
            let why = format!("letters, digits, '-', '_' and '.', {NAME} at most");
            return Err(Error::ModelName { name, why });
        }
        if is_built_in(&name) {
            let why = "a built-in model has this name".into();
            return Err(Error::ModelName { name, why });
        }
        if let Some(there) = self.by_sha256(&sha256)?.filter(|there| there.name == name) {
            return Ok(there);
        }
        let sha256 = hex(&sha256);
        let path = self.path.join(format!("{name}-{sha256}.{EXTENSION}"));
        let failed = |error| Error::io(&path, error);
        fs::create_dir_all(&self.path).map_err(failed)?;
        let mut copy = tempfile::NamedTempFile::new_in(&self.path).map_err(failed)?;
        copy.write_all(bytes).and_then(|()| copy.as_file().sync_all()).map_err(failed)?;
        copy.persist(&path).map_err(|error| failed(error.error))?;
        Ok(Installed { name, sha256, bytes: bytes.len() as u64, path })
    }

    /// Takes an installed model away.
    ///
    /// # Errors
    /// [`Error::Model`] when there is none of this name or there are several; [`Error::Io`].
    pub fn remove(&self, name: &str) -> Result<Installed> {
        let model = self
            .by_name(name)?
            .ok_or_else(|| Error::Model(format!("no installed model is called {name:?}")))?;
        fs::remove_file(&model.path).map_err(|error| Error::io(&model.path, error))?;
        Ok(model)
    }
}

impl ModelStore for ModelFolder {
    fn find(&self, sha256: &[u8; 32]) -> Result<Option<Loaded>> {
        self.by_sha256(sha256)?.map(|model| self.load(&model)).transpose()
    }
}

impl Installed {
    /// Its name with as much of its SHA-256 as tells it apart.
    pub fn short(&self) -> String {
        format!("{}-{}", self.name, &self.sha256[..12])
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= NAME
        && name.chars().all(plain)
}

/// Name and SHA-256 of a file's name.
fn parse(path: &Path) -> Option<(String, String)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let (name, sha256) = stem.rsplit_once('-')?;
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let fits = is_name(name) && sha256.len() == DIGITS && sha256.chars().all(digit);
    fits.then(|| (name.to_owned(), sha256.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_models_are_read_as_such() {
        let digits = "0123456789abcdef".repeat(4);
        let read = |name: String| parse(Path::new(&name));
        assert_eq!(
            read(format!("a-b.1-{digits}.safetensors")),
            Some(("a-b.1".into(), digits.clone()))
        );
        for other in [
            format!("{digits}.safetensors"),
            format!("-{digits}.safetensors"),
            format!("a-{}.safetensors", &digits[1..]),
            format!("a-{}.safetensors", digits.to_uppercase()),
            format!("a b-{digits}.safetensors"),
            format!("a-{digits}.st"),
            format!("a-{digits}"),
        ] {
            assert_eq!(read(other.clone()), None, "{other}");
        }
    }
}

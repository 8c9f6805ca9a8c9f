//! The archive that is being written: it is never packed into itself, and nothing is lost for it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::identity::FileId;
use crate::format::MAGIC;
use crate::{Error, Result};

/// The file that the archive is written to, which is never packed into itself.
#[derive(Debug, Default)]
pub(crate) struct Own<'a> {
    id: Option<&'a FileId>,
    /// Its only name that counts, if it is about to be replaced: the file keeps its others, and
    /// they are not the archive.
    place: Option<PathBuf>,
}

impl<'a> Own<'a> {
    pub(crate) fn new(id: Option<&'a FileId>, place: Option<&Path>) -> Self {
        Own { id, place: place.and_then(|place| place.canonicalize().ok()) }
    }

    /// Fails if one of `paths` is the archive itself, under whatever name. Nothing is written yet.
    pub(crate) fn check(&self, paths: &[PathBuf], directory: &Path) -> Result<()> {
        let Some(own) = self.id else { return Ok(()) };
        let is_own = |path: &Path| FileId::of_path(path).is_ok_and(|id| id == *own);
        match paths.iter().find(|path| is_own(&directory.join(path))) {
            Some(path) => Err(Error::Usage(format!(
                "{} is to be read and is the output as well: name another output",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    /// Fails if a listed path is what the archive replaces, unless that is an archive, or empty: then it is there
    /// because the list was made after it, and is left out.
    pub(super) fn check_listed(&self, place: &Path) -> Result<()> {
        if self.id.is_none_or(|own| FileId::of_path(place).is_ok_and(|id| id != *own)) {
            return Ok(());
        }
        let mut begin = Vec::new();
        let length = MAGIC.len() as u64;
        let read = File::open(place).and_then(|file| file.take(length).read_to_end(&mut begin));
        match read {
            Ok(_) if !begin.is_empty() && begin != MAGIC => self.check(&[place.into()], Path::new("")),
            _ => Ok(()),
        }
    }

    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.id.is_some_and(|id| id.is_at(path))
    }

    /// Whether `path`, which is this file, is the name that will be the archive's.
    pub(super) fn is_named(&self, path: &Path) -> bool {
        match &self.place {
            Some(place) => path.canonicalize().is_ok_and(|path| path == *place),
            None => true,
        }
    }
}

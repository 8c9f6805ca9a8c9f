//! Unpacking.

use std::io::Read;
use std::path::Path;

use super::{UnpackOptions, UnpackSummary};
use crate::{Error, Progress, Result};

/// Unpacks an archive that arrives in order, such as from a pipe.
pub fn unpack_reader(
    reader: &mut dyn Read,
    dest: &Path,
    options: &UnpackOptions,
    progress: &Progress,
) -> Result<UnpackSummary> {
    let _ = (reader, dest, options, progress);
    Err(Error::Unsupported("unpack: on its way".into()))
}

//! Packing.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{PackOptions, PackSummary};
use crate::{Error, Progress, Result};

/// Packs `paths` into `out` in one forward pass.
pub fn pack(
    paths: &[PathBuf],
    out: &mut dyn Write,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    let _ = (paths, out, options, progress);
    Err(Error::Unsupported("pack: on its way".into()))
}

/// Packs `paths` into the file `out`, which appears only once it is complete and verified.
pub fn pack_to_path(
    paths: &[PathBuf],
    out: &Path,
    force: bool,
    options: &PackOptions,
    progress: &Progress,
) -> Result<PackSummary> {
    let _ = (paths, out, force, options, progress);
    Err(Error::Unsupported("pack: on its way".into()))
}

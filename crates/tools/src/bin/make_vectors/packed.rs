//! Archives that the packer makes of files, always the same bytes.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use llz::{EncodeOptions, Level, PackOptions, Progress};

use crate::Result;

/// Packs `files` at this level.
pub fn packed(level: u8, chunk_size: usize, files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let (level, chunk_size) = (Level::new(level)?, Some(chunk_size));
    let encode = EncodeOptions { level, chunk_size, ..Default::default() };
    packed_with(&PackOptions { encode, ..Default::default() }, files)
}

/// Packs `files`, below one folder, all with fixed times and permissions.
pub fn packed_with(options: &PackOptions, files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("v");
    fs::create_dir(&root)?;
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        match name.strip_suffix(".link") {
            #[cfg(unix)]
            Some(link) => {
                std::os::unix::fs::symlink(std::str::from_utf8(content)?, root.join(link))?
            }
            _ => fs::write(path, content)?,
        }
    }
    fix(&root, &mut 0)?;
    // Packed from within, so that stored paths do not begin with where this ran.
    let here = std::env::current_dir()?;
    std::env::set_current_dir(dir.path())?;
    let mut bytes = Vec::new();
    let packed = llz::pack(&[PathBuf::from("v")], &mut bytes, options, &Progress::default());
    std::env::set_current_dir(here)?;
    packed?;
    Ok(bytes)
}

/// Gives everything at and below `path` a time and permissions of its own, always the same.
fn fix(path: &Path, count: &mut u64) -> Result<()> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Ok(()); // neither is stored for links
    }
    if metadata.is_dir() {
        let mut children: Vec<_> =
            fs::read_dir(path)?.map(|child| Ok(child?.path())).collect::<Result<_>>()?;
        children.sort();
        children.iter().try_for_each(|child| fix(child, count))?;
    }
    *count += 1;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if metadata.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000 + *count * 60, 123_456_789);
    File::open(path)?.set_times(FileTimes::new().set_modified(time))?;
    Ok(())
}

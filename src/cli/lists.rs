//! Lists that come from a file or from standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use llz::{Error, Result};

use super::streams;

/// The paths listed in a file, one per line, or each ended by a NUL as `find -print0` does; no path holds a NUL, so
/// the list tells which, unless the caller knows (`by_nul`). Empty lines and a byte order mark mean nothing.
pub fn paths(list: &Path, by_nul: bool) -> Result<Vec<PathBuf>> {
    items(list, by_nul)?.iter().map(|item| path_from_bytes(list, item)).collect()
}

/// The patterns listed in a file, in the same form.
pub fn patterns(list: &Path) -> Result<Vec<String>> {
    let not_text = |_| Error::Usage(format!("{}: a pattern is not UTF-8", name(list)));
    items(list, false)?.into_iter().map(|item| String::from_utf8(item).map_err(not_text)).collect()
}

/// The name of a list in messages.
pub fn name(list: &Path) -> String {
    if list == Path::new("-") { "standard input".into() } else { list.display().to_string() }
}

fn items(list: &Path, by_nul: bool) -> Result<Vec<Vec<u8>>> {
    let mut bytes = Vec::new();
    if list == Path::new("-") {
        streams::input()?.read_to_end(&mut bytes).map_err(|e| Error::io("-", e))?;
    } else {
        bytes = std::fs::read(list).map_err(|e| Error::io(list, e))?;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let by_nul = by_nul || bytes.contains(&0);
    let items = bytes.split(|&b| b == if by_nul { 0 } else { b'\n' });
    let items = items.map(|item| match by_nul {
        true => item,
        false => item.strip_suffix(b"\r").unwrap_or(item),
    });
    Ok(items.filter(|item| !item.is_empty()).map(<[u8]>::to_vec).collect())
}

#[cfg(unix)]
fn path_from_bytes(_list: &Path, bytes: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_from_bytes(list: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let not_text = |_| Error::Usage(format!("{}: a path is not UTF-8", list.display()));
    std::str::from_utf8(bytes).map(PathBuf::from).map_err(not_text)
}

//! Directories in paths without one: the current directory is meant, which has the name `.`.

use std::path::Path;

/// This directory, or `.` where the path is empty.
pub(crate) fn directory(path: &Path) -> &Path {
    if path == Path::new("") { Path::new(".") } else { path }
}

/// The directory that `path` lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    directory(path.parent().unwrap_or(Path::new("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_directory_lies_in_the_current_one() {
        for (path, above) in [("a", "."), ("a/b", "a"), ("./a", "."), ("/a", "/"), ("", "."), ("/", ".")] {
            assert_eq!(parent(Path::new(path)), Path::new(above), "{path}");
        }
        assert_eq!(directory(Path::new("a")), Path::new("a"));
    }
}

//! Properties that could not be kept, counted by kind: one file system that lacks something lacks it for every
//! file, and a line for each would hide the others.

use std::path::{Path, PathBuf};

/// One kind of thing that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The kind of property, such as `permissions`.
    pub what: &'static str,
    /// How many files, directories or links lost it.
    pub count: u64,
    /// The first of them.
    pub first: PathBuf,
    /// Why, for the first of them.
    pub why: String,
}

/// Counts one more loss of this kind.
pub(crate) fn count(losses: &mut Vec<Loss>, what: &'static str, path: &Path, why: &dyn ToString) {
    match losses.iter_mut().find(|loss| loss.what == what) {
        Some(loss) => loss.count += 1,
        None => losses.push(Loss { what, count: 1, first: path.into(), why: why.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_kind() {
        let mut losses = Vec::new();
        count(&mut losses, "times", Path::new("a"), &"too old");
        count(&mut losses, "times", Path::new("b"), &"too new");
        count(&mut losses, "permissions", Path::new("b"), &"no chmod");
        let seen: Vec<_> = losses.iter().map(|l| (l.what, l.count, &*l.why)).collect();
        assert_eq!(seen, [("times", 2, "too old"), ("permissions", 1, "no chmod")]);
    }
}

//! Glob patterns of paths, in which a character is a character, however many bytes it takes.
//!
//! The patterns are those of `globset`: `?` and `*` stay within a name, `**` does not, and there are `[a-z]`, `[!a-z]`
//! and `{one,other}`.

use globset::GlobBuilder;
use regex::{RegexSet, RegexSetBuilder};

use crate::{Error, Result};

/// Several patterns, compared with whole texts.
#[derive(Debug)]
pub(crate) struct Globs(RegexSet);

impl Globs {
    pub(crate) fn new<'p>(patterns: impl Iterator<Item = &'p str>) -> Result<Self> {
        let regexes = patterns.map(regex).collect::<Result<Vec<String>>>()?;
        let set = RegexSetBuilder::new(regexes).dot_matches_new_line(true).build();
        set.map(Globs).map_err(|error| Error::Usage(format!("patterns: {error}")))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which of the patterns match, by their numbers.
    pub(crate) fn matching(&self, text: &str) -> impl Iterator<Item = usize> + use<> {
        self.0.matches(text).into_iter()
    }
}

/// The regular expression that `globset` makes of a pattern. It is meant for bytes: in it, a character beyond ASCII is
/// several escaped bytes, and `?` is one byte. With the characters put back it is one for text.
fn regex(pattern: &str) -> Result<String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| Error::Usage(format!("pattern {pattern:?}: {}", error.kind())))?;
    let bytes = glob.regex();
    let mut rest = bytes.strip_prefix("(?-u)").unwrap_or(bytes);
    let mut text = Vec::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        text.extend_from_slice(&rest.as_bytes()[..at]);
        // An escaped byte of ASCII is not written in this way.
        let byte = rest[at..].strip_prefix("\\x").and_then(|digits| digits.get(..2));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|byte| *byte >= 0x80) {
            Some(byte) => {
                text.push(byte);
                rest = &rest[at + 4..];
            }
            // What follows a backslash is no backslash that begins anything.
            None => {
                let end = rest[at + 1..].chars().next().map_or(at + 1, |c| at + 1 + c.len_utf8());
                text.extend_from_slice(&rest.as_bytes()[at..end]);
                rest = &rest[end..];
            }
        }
    }
    text.extend_from_slice(rest.as_bytes());
    String::from_utf8(text).map_err(|_| Error::Usage(format!("pattern {pattern:?} has no meaning")))
}

/// Whether `text` has characters that mean something in a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// A path or pattern without `.` between slashes, without doubled slashes and without one at its end. A slash at its
/// beginning stays.
pub(crate) fn tidy(path: &str) -> String {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", names.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_characters() {
        for (pattern, yes, no) in [
            ("?", &["a", "ä", "日"][..], &["", "ab", "/"][..]),
            ("gr?n", &["grün"], &["grn"]),
            ("[äö]x", &["äx", "öx"], &["üx", "x", "Ãx"]),
            ("[а-я]", &["ж"], &["z", "Ж"]),
            ("[!ä]", &["a", "ö"], &["ä"]),
            ("*ä*", &["ä", "bäume"], &["a", "a/ä"]),
            ("{ä,b}.o", &["ä.o", "b.o"], &["a.o"]),
            ("**/ä?", &["äb", "x/äö", "x/y/äz"], &["ä", "äb/c"]),
            ("a.c", &["a.c"], &["abc"]),
            ("\\*\\xe4", &["*xe4"], &["\\*\\xe4", "*ä"]),
            ("x*", &["x\ny"], &["x/y"]),
        ] {
            let globs = Globs::new([pattern].into_iter()).unwrap();
            let matches = |text: &&&str| globs.matching(text).next().is_some();
            let (yes, no) = (yes.iter().collect::<Vec<_>>(), no.iter().collect::<Vec<_>>());
            assert!(yes.iter().all(matches), "{pattern}: {}", regex(pattern).unwrap());
            assert!(!no.iter().any(matches), "{pattern}: {}", regex(pattern).unwrap());
        }
        assert!(matches!(Globs::new(["["].into_iter()), Err(Error::Usage(_))));
    }

    #[test]
    fn tidy_paths() {
        for (path, tidied) in [
            ("./a//b/", "a/b"),
            ("/a/./b/", "/a/b"),
            (".", ""),
            ("/", "/"),
            ("../a", "../a"),
            ("", ""),
        ] {
            assert_eq!(tidy(path), tidied);
        }
    }
}

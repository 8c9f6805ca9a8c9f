//! The kind of a file's content, by its name and its first bytes.
//!
//! [`content`] judges bytes by their look; the names of files and formats are known here.

use crate::codec::content;

/// Bytes of a file that are looked at.
pub(crate) const SAMPLE: usize = 4096;

/// Kinds of content, in the order in which they follow each other in the raw stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Prose,
    Markup,
    Code,
    Data,
    Log,
    Binary,
    /// Already compressed, encrypted or random.
    Packed,
}

/// The family of similar files: a kind, and a name for the language or format within it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Family {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

/// Extensions of one language or format, by kind. The first one names the family.
const FAMILIES: &[(Kind, &[&str])] = &[
    (Kind::Prose, &["txt", "text", "me", "1st", "srt"]),
    (Kind::Prose, &["md", "markdown", "mdx", "rst", "adoc", "org", "pod"]),
    (Kind::Prose, &["tex", "bib", "sty", "cls", "ltx"]),
    (Kind::Prose, &["wiki", "mediawiki"]),
    (Kind::Prose, &["po", "pot"]),
    (Kind::Markup, &["html", "htm", "xhtml", "vue", "svelte", "php", "jsp", "erb", "hbs"]),
    (Kind::Markup, &["xml", "xsl", "xslt", "xsd", "rss", "atom", "plist", "xaml", "dtd", "kml"]),
    (Kind::Markup, &["svg"]),
    (Kind::Markup, &["css", "scss", "sass", "less"]),
    (Kind::Code, &["c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "inl", "m", "mm", "ino"]),
    (Kind::Code, &["cs"]),
    (Kind::Code, &["java", "kt", "kts", "scala", "groovy", "gradle"]),
    (Kind::Code, &["js", "mjs", "cjs", "jsx", "ts", "tsx", "mts", "cts"]),
    (Kind::Code, &["py", "pyi", "pyx"]),
    (Kind::Code, &["rs"]),
    (Kind::Code, &["go"]),
    (Kind::Code, &["rb", "rake", "gemspec"]),
    (Kind::Code, &["pl", "pm", "t"]),
    (Kind::Code, &["sh", "bash", "zsh", "fish", "ps1", "bat", "cmd"]),
    (Kind::Code, &["swift"]),
    (Kind::Code, &["hs", "ml", "mli", "fs", "elm", "ex", "exs", "erl", "clj", "lisp", "el", "scm"]),
    (Kind::Code, &["lua", "r", "jl", "nim", "zig", "d", "dart"]),
    (Kind::Code, &["asm", "s"]),
    (Kind::Code, &["sql"]),
    (Kind::Code, &["mk", "cmake", "am", "ac", "m4", "bzl", "nix", "dockerfile", "makefile"]),
    (Kind::Data, &["json", "jsonl", "ndjson", "geojson", "ipynb", "map"]),
    (Kind::Data, &["yaml", "yml"]),
    (
        Kind::Data,
        &["toml", "ini", "cfg", "conf", "properties", "env", "desktop", "service", "lock"],
    ),
    (Kind::Data, &["csv", "tsv", "tab", "psv"]),
    (Kind::Data, &["diff", "patch"]),
    (Kind::Log, &["log", "out", "err", "trace"]),
];

/// Beginnings of formats that are compressed already.
const PACKED: &[&[u8]] = &[
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"ID3",
    b"OggS",
    b"fLaC",
    b"\x1a\x45\xdf\xa3",
    b"wOF2",
    b"wOFF",
    b"%PDF",
    b"\x04\x22\x4d\x18",
    b"\x89LLZ",
];

/// The family of a file of this name that begins with `sample`.
pub(crate) fn classify(path: &str, sample: &[u8]) -> Family {
    let kind_only = |kind| Family { kind, name: String::new() };
    let extension = extension(path);
    if is_packed(sample) {
        return Family { kind: Kind::Packed, name: extension };
    }
    if !content::is_plain_text(sample) {
        return Family { kind: Kind::Binary, name: extension };
    }
    if let Some((kind, names)) = FAMILIES.iter().find(|(_, names)| names.contains(&&*extension)) {
        return Family { kind: *kind, name: names[0].into() };
    }
    let start = sample.trim_ascii_start();
    if start.starts_with(b"#!") {
        kind_only(Kind::Code)
    } else if start.starts_with(b"<") {
        kind_only(Kind::Markup)
    } else if start.starts_with(b"{") || start.starts_with(b"[") {
        kind_only(Kind::Data)
    } else if start.first().is_some_and(u8::is_ascii_digit) {
        kind_only(Kind::Log)
    } else {
        kind_only(Kind::Prose)
    }
}

/// The part of the name after its last dot, or the whole name of one without; in lower case.
fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_prefix('.').unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase()
}

/// Whether the sample begins like a compressed format or is as even as noise.
fn is_packed(sample: &[u8]) -> bool {
    PACKED.iter().any(|magic| sample.starts_with(magic))
        || sample.get(4..8) == Some(b"ftyp")
        || (sample.starts_with(b"RIFF") && sample.get(8..12) == Some(b"WEBP"))
        || content::is_even(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn kinds_by_name_and_content() {
        for (path, sample, kind, name) in [
            ("a/b.RS", &b"fn main() {}"[..], Kind::Code, "rs"),
            ("x.hpp", b"#pragma once", Kind::Code, "c"),
            ("README.md", b"# Title", Kind::Prose, "md"),
            ("Makefile", b"all:\n", Kind::Code, "mk"),
            ("video.ts", b"G\x40\x00\x10\x00\x00", Kind::Binary, "ts"),
            ("run", b"#!/bin/sh\n", Kind::Code, ""),
            ("x", b" <?xml version='1.0'?>", Kind::Markup, ""),
            ("syslog.1", b"2024-01-01 up\n", Kind::Log, ""),
            ("letter", b"Dear", Kind::Prose, ""),
            ("empty", b"", Kind::Prose, ""),
            ("a.png", b"\x89PNG\r\n\x1a\n", Kind::Packed, "png"),
            ("clip.mp4", b"\0\0\0\x20ftypisom", Kind::Packed, "mp4"),
        ] {
            assert_eq!(classify(path, sample), Family { kind, name: name.into() }, "{path}");
        }
    }

    #[test]
    fn noise_is_packed_and_text_is_not() {
        for len in [512, 1000, 4096] {
            assert_eq!(classify("x", &noise(len)).kind, Kind::Packed, "{len}");
        }
        let text = include_bytes!("classify.rs");
        assert_eq!(classify("x.rs", &text[..SAMPLE]).kind, Kind::Code);
        let base64: Vec<u8> = noise(4096).iter().map(|byte| b'A' + byte % 64).collect();
        assert_ne!(classify("x.txt", &base64).kind, Kind::Packed);
    }
}

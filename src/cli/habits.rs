//! People type some words out of habit of other programs: such a word is read where it has one meaning, and answered
//! with the right command where it has not.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::{Cli, Verb, streams};

/// Short options that take a value; what follows them in one word is the value.
const VALUED: [char; 3] = ['T', 'o', 'C'];

/// Says what is wrong with levels like `-19`, which zstd has and which would be read as `-1 -9` here.
pub fn wrong_level(args: &[OsString]) -> Option<String> {
    let words =
        args.iter().skip(1).take_while(|word| *word != "--").filter_map(|word| word.to_str());
    for word in words {
        let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
            continue;
        };
        let letters: String =
            letters.chars().take_while(|letter| !VALUED.contains(letter)).collect();
        if letters.as_bytes().windows(2).any(|two| two.iter().all(u8::is_ascii_digit)) {
            return Some(format!("{word}: the levels are -1 to -9"));
        }
    }
    None
}

/// The filter, if that is meant: tar, and whoever else takes compressors by their names, runs `llz` and `llz -d` between
/// pipes and files.
pub fn filter(args: &[OsString], refused: &clap::Error) -> Option<Cli> {
    let may_be_meant = matches!(
        refused.kind(),
        ErrorKind::UnknownArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if !may_be_meant || !streams::has_input() {
        return None;
    }
    let (program, options) = args.split_first()?;
    let filter = OsString::from("filter");
    let line = [program, &filter].into_iter().chain(options);
    let cli = Cli::try_parse_from(line).ok()?;
    match &cli.verb {
        Verb::Filter(args) if args.decompress || !std::io::stdout().is_terminal() => Some(cli),
        _ => None,
    }
}

/// Says what to type instead, where the first word of a command line is no verb of this program.
pub fn suggestion(args: &[OsString], refused: &clap::Error) -> Option<(String, String)> {
    if !matches!(refused.kind(), ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument) {
        return None;
    }
    let words: Vec<String> =
        args.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let first = words.iter().find(|word| !word.starts_with('-'));
    let command = Cli::command();
    if first.is_some_and(|first| command.find_subcommand(first).is_some()) {
        return None;
    }
    if words.iter().any(|word| is_decompress(word)) {
        let hint = first.and_then(|file| reads(file)).unwrap_or_else(|| {
            "llz unpack ARCHIVE unpacks an archive; llz filter -d < FILE > OUT decodes a stream"
                .into()
        });
        return Some(("-d decodes standard input, and takes no file".into(), hint));
    }
    let bundle = words.first().and_then(|word| bundle(word));
    let word = bundle.or(first.map(String::as_str))?;
    if let Some(hint) = verb(word, &words) {
        let typed = if bundle.is_some() { &words[0] } else { word };
        return Some((format!("there is no verb {typed:?}"), hint));
    }
    if !Path::new(word).exists() {
        return None;
    }
    let hint = reads(word).unwrap_or_else(|| format!("llz pack {word} makes {word}.llz"));
    Some((format!("{word:?} is a file and no verb"), hint))
}

fn is_decompress(word: &str) -> bool {
    let short = word.strip_prefix('-').is_some_and(|letters| {
        letters.starts_with('d') && letters.chars().all(|letter| "dckfqv".contains(letter))
    });
    short || matches!(word, "--decompress" | "--uncompress")
}

/// The first letter of what tar takes for its verb and options in one, such as `xvf` or `-czf`.
fn bundle(word: &str) -> Option<&str> {
    let letters = word.strip_prefix('-').unwrap_or(word);
    let is_bundle = letters.len() > 1
        && letters.starts_with(['c', 'x', 't'])
        && letters.contains('f')
        && letters.chars().all(|letter| "cxtvfzjJap".contains(letter));
    is_bundle.then(|| &letters[..1])
}

/// Finds the verb that does what other programs call by this word.
fn verb(word: &str, words: &[String]) -> Option<String> {
    let pack = "llz pack PATH... -o ARCHIVE makes an archive";
    let unpack = "llz unpack ARCHIVE unpacks one, llz unpack ARCHIVE PATH... a part of it";
    let list = "llz list ARCHIVE shows what is in one";
    let test = "llz test ARCHIVE checks one";
    let cat = "llz cat ARCHIVE PATH... writes files to standard output";
    Some(match word {
        "c" => format!("{pack}; {cat}"),
        "a" | "add" | "archive" | "compress" | "create" | "zip" => pack.into(),
        "p" | "print" | "show" => format!("{cat}; {pack}"),
        "x" | "e" | "decompress" | "expand" | "extract" | "uncompress" | "unzip" => unpack.into(),
        "t" => format!("{list}; {test}"),
        "contents" | "ls" | "toc" => list.into(),
        "check" | "verify" => test.into(),
        "help" => match words.get(1) {
            Some(verb) => format!("llz {verb} --help"),
            None => "llz --help, llz VERB --help".into(),
        },
        "version" => "llz --version".into(),
        _ => return None,
    })
}

/// Names the verb that reads a file, if it is an archive or a stream.
fn reads(file: &str) -> Option<String> {
    let mut begin = [0; 8];
    let length = File::open(file).and_then(|mut file| file.read(&mut begin)).ok()?;
    match &begin[..length] {
        [0x8D, b'l', b'z', ..] => Some(format!("llz filter -d < {file} > OUT decodes this stream")),
        [0x89, b'L', b'L', b'Z', ..] => {
            Some(format!("llz list {file} shows what is in it, llz unpack {file} unpacks it"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_are_no_level() {
        let wrong = |line: &str| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            wrong_level(&args).is_some()
        };
        for line in
            ["llz pack -22 x", "llz pack -15 x", "llz filter -q19", "llz -10", "llz pack -f00"]
        {
            assert!(wrong(line), "{line}");
        }
        for line in [
            "llz pack -1 -9 x",
            "llz pack -1qf x",
            "llz pack -T12 x",
            "llz pack -9T12 x",
            "llz pack -o22 x",
            "llz unpack -C22 x",
            "llz pack --level=22 x",
            "llz pack 22 x-22",
            "llz pack -- -22",
        ] {
            assert!(!wrong(line), "{line}");
        }
    }

    #[test]
    fn bundles_of_tar_are_known() {
        for (word, verb) in [
            ("xvf", Some("x")),
            ("-xf", Some("x")),
            ("-czf", Some("c")),
            ("tf", Some("t")),
            ("x", None),
            ("-x", None),
            ("calf", None),
            ("f", None),
        ] {
            assert_eq!(bundle(word), verb, "{word}");
        }
    }
}

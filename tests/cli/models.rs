//! Models besides the built-in ones: from a file, and installed.

use std::fs;
use std::path::Path;

use predicates::prelude::*;

use super::{llz, scratch, write};

/// Writes a model that is not built in: `nano` under a name of the same length, so another file.
fn another_model(path: &Path, name: &str) {
    let mut bytes =
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano.safetensors")).unwrap();
    let (old, new) = (br#""name":"nano""#, format!(r#""name":"{name}""#));
    let at = bytes.windows(old.len()).position(|w| w == old).unwrap();
    assert_eq!(old.len(), new.len());
    bytes[at..][..old.len()].copy_from_slice(new.as_bytes());
    fs::write(path, bytes).unwrap();
}

/// The names that `llz model list` shows.
fn names(dir: &Path) -> Vec<String> {
    let ran = llz(dir).args(["model", "list"]).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    text.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog does not mind.\n";

#[test]
fn an_archive_finds_the_installed_model_it_was_made_with() {
    let dir = scratch();
    let dir = dir.path();
    write(dir.join("text"), TEXT.repeat(20));
    another_model(&dir.join("file.safetensors"), "mini");
    assert_eq!(names(dir), ["nano", "small"]);
    llz(dir).args(["model", "install", "file.safetensors"]).assert().success();
    llz(dir).args(["model", "install", "file.safetensors"]).assert().success();
    assert_eq!(names(dir), ["nano", "small", "mini"]);
    fs::remove_file(dir.join("file.safetensors")).unwrap();

    llz(dir).args(["pack", "--model", "mini", "text"]).assert().success();
    llz(dir)
        .args(["info", "text.llz"])
        .assert()
        .success()
        .stdout(predicate::str::contains("mini, "));
    llz(dir).args(["unpack", "text.llz", "-C", "out"]).assert().success();
    assert_eq!(fs::read_to_string(dir.join("out/text")).unwrap(), TEXT.repeat(20));

    llz(dir).args(["model", "remove", "mini"]).assert().success();
    assert_eq!(names(dir), ["nano", "small"]);
    let refused = llz(dir).args(["test", "text.llz"]).assert().code(8);
    refused.stderr(predicate::str::contains("SHA-256").and(predicate::str::contains("--model")));
    llz(dir)
        .args(["info", "text.llz"])
        .assert()
        .success()
        .stdout(predicate::str::contains("not installed"));
}

#[test]
fn the_larger_model_installs_and_packs_smaller() {
    let dir = scratch();
    let dir = dir.path();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = &fs::read(root.join("LICENSE-APACHE")).unwrap()[..3000];
    fs::write(dir.join("text"), text).unwrap();
    llz(dir)
        .args(["model", "install"])
        .arg(root.join("models/base.safetensors"))
        .assert()
        .success();
    assert_eq!(names(dir), ["nano", "small", "base"]);
    llz(dir).args(["pack", "text", "-o", "small.llz"]).assert().success();
    llz(dir).args(["pack", "--model", "base", "text", "-o", "base.llz"]).assert().success();
    let size = |name| fs::metadata(dir.join(name)).unwrap().len();
    assert!(size("base.llz") < size("small.llz"));
    llz(dir).args(["unpack", "base.llz", "-C", "out"]).assert().success();
    assert_eq!(fs::read(dir.join("out/text")).unwrap(), text);
}

#[test]
fn a_model_file_is_given_both_ways() {
    let dir = scratch();
    let dir = dir.path();
    write(dir.join("text"), TEXT.repeat(20));
    another_model(&dir.join("a.safetensors"), "onex");
    another_model(&dir.join("b.safetensors"), "twox");
    let with = |model| ["--model", model];
    llz(dir).args(["pack", "text"]).args(with("a.safetensors")).assert().success();
    llz(dir).args(["test", "text.llz"]).args(with("a.safetensors")).assert().success();
    llz(dir).args(["test", "text.llz"]).assert().code(8);
    let other = llz(dir).args(["test", "text.llz"]).args(with("b.safetensors")).assert().code(8);
    other.stderr(predicate::str::contains("not the model this archive needs"));
    llz(dir).args(["pack", "-f", "text"]).args(with("nano")).assert().success();
    llz(dir).args(["test", "text.llz"]).assert().success();
}

#[test]
fn two_models_of_one_name_are_told_apart() {
    let dir = scratch();
    let dir = dir.path();
    write(dir.join("text"), TEXT);
    for name in ["onex", "twox"] {
        another_model(&dir.join("file"), name);
        llz(dir).args(["model", "install", "file", "--name", "same"]).assert().success();
    }
    assert_eq!(names(dir), ["nano", "small", "same", "same"]);
    let either = llz(dir).args(["pack", "--model", "same", "text"]).assert().code(8);
    let said = String::from_utf8(either.get_output().stderr.clone()).unwrap();
    let exact = said.split([' ', ',', '\n']).find(|word| word.starts_with("same-")).unwrap();
    llz(dir).args(["pack", "--model", exact, "text"]).assert().success();
    llz(dir).args(["model", "remove", exact]).assert().success();
    assert_eq!(names(dir), ["nano", "small", "same"]);
}

#[test]
fn what_is_no_model_is_not_installed() {
    let dir = scratch();
    let dir = dir.path();
    let install = |arguments: &[&str]| llz(dir).args(["model", "install"]).args(arguments).assert();
    write(dir.join("junk"), "not a model");
    install(&["junk"]).code(8).stderr(predicate::str::contains("safetensors"));
    install(&["missing"]).code(1);
    install(&["-"]).code(2).stderr(predicate::str::contains("not from standard input"));
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano.safetensors");
    install(&[built_in]).code(8).stderr(predicate::str::contains("built in"));
    another_model(&dir.join("file"), "mini");
    for name in ["../up", "", "a b", ".hidden", "small", "x\u{1b}"] {
        install(&["file", "--name", name]).code(8);
    }
    install(&["file", "--limit-memory", "1M"])
        .code(6)
        .stderr(predicate::str::contains("--limit-memory"));
    assert_eq!(names(dir), ["nano", "small"]);
    assert!(!dir.join("models").exists(), "nothing is left of what failed");
    llz(dir).args(["model", "remove", "mini"]).assert().code(8);
}

#[test]
fn an_installed_model_that_was_changed_is_not_used() {
    let dir = scratch();
    let dir = dir.path();
    write(dir.join("text"), TEXT);
    another_model(&dir.join("file"), "mini");
    llz(dir).args(["model", "install", "file"]).assert().success();
    let place = fs::read_dir(dir.join("models")).unwrap().next().unwrap().unwrap().path();
    another_model(&place, "maxi");
    let refused = llz(dir).args(["pack", "--model", "mini", "text"]).assert().code(8);
    refused.stderr(predicate::str::contains("was changed"));
}

#[test]
fn a_model_needs_a_level_that_uses_one() {
    let dir = scratch();
    write(dir.path().join("text"), TEXT);
    let refused = llz(dir.path()).args(["pack", "-1", "--model", "nano", "text"]).assert().code(2);
    refused.stderr(predicate::str::contains("level 1 uses no model"));
    llz(dir.path()).args(["pack", "--model", "nothing", "text"]).assert().code(8);
}

#[test]
fn an_archive_can_bring_its_model() {
    let dir = scratch();
    let dir = dir.path();
    write(dir.join("text"), TEXT.repeat(20));
    another_model(&dir.join("file"), "mini");
    let pack = |arguments: &[&str]| llz(dir).args(["pack", "-f", "text"]).args(arguments).assert();
    pack(&["--model", "file", "--embed-model", "--verify"]).success();
    fs::remove_file(dir.join("file")).unwrap();
    let info = llz(dir).args(["info", "text.llz"]).assert().success();
    info.stdout(predicate::str::contains("mini (in the archive), "));
    let info = llz(dir).args(["info", "--json", "text.llz"]).assert().success();
    info.stdout(predicate::str::contains(r#""is_embedded":true,"is_here":false,"name":"mini""#));

    llz(dir).args(["test", "text.llz"]).assert().success();
    llz(dir).args(["unpack", "text.llz", "-C", "out"]).assert().success();
    let bytes = fs::read(dir.join("text.llz")).unwrap();
    let piped = llz(dir).args(["unpack", "-", "-C", "piped"]).write_stdin(bytes.clone()).assert();
    piped.success();
    for out in ["out", "piped"] {
        assert_eq!(fs::read_to_string(dir.join(out).join("text")).unwrap(), TEXT.repeat(20));
    }
    // The room for taking it out is bounded, from a pipe as well.
    for limit in ["1M", "4M", "10M"] {
        let limited = ["--limit-memory", limit, "-C", "none"];
        llz(dir).args(["unpack", "text.llz"]).args(limited).assert().code(6);
        let piped =
            llz(dir).args(["unpack", "-"]).args(limited).write_stdin(bytes.clone()).assert();
        piped.code(6);
    }
    assert!(!dir.join("none").exists());

    llz(dir).args(["model", "install", "text.llz"]).assert().success();
    assert_eq!(names(dir), ["nano", "small", "mini"]);
    let info = llz(dir).args(["info", "text.llz"]).assert().success();
    info.stdout(predicate::str::contains("mini (in the archive), "));

    // A built-in model can be brought as well; where there is none, that is said.
    pack(&["--embed-model", "-4"]).success();
    assert!(fs::metadata(dir.join("text.llz")).unwrap().len() > 1_000_000);
    llz(dir).args(["test", "text.llz"]).assert().success();
    let refused = llz(dir).args(["model", "install", "text.llz"]).assert().code(8);
    refused.stderr(predicate::str::contains("built in"));
    pack(&["--embed-model", "-1"]).code(2).stderr(predicate::str::contains("uses none"));
    pack(&["-4"]).success();
    let refused = llz(dir).args(["model", "install", "text.llz"]).assert().code(8);
    refused.stderr(predicate::str::contains("no model in it"));
}

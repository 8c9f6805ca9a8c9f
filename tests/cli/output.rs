//! What is printed, and where: totals on standard error, facts on standard output, JSON that parses.

use serde_json::Value;

use super::{llz, sample_tree, scratch};

fn packed() -> tempfile::TempDir {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "-q", "tree"]).assert().success().stdout("").stderr("");
    dir
}

#[test]
fn totals_say_size_ratio_and_speed() {
    let dir = packed();
    let ran = llz(dir.path()).args(["pack", "-f", "-v", "tree"]).assert().success().stdout("");
    let stderr = String::from_utf8(ran.get_output().stderr.clone()).unwrap();
    for part in ["tree.llz: ", " files, ", " → ", " %, ", " bits/byte) in ", "B/s", "chunk"] {
        assert!(stderr.contains(part), "{part:?} in {stderr}");
    }
    let ran = llz(dir.path()).args(["unpack", "tree.llz", "-C", "out"]).assert().success();
    let stderr = String::from_utf8(ran.get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("out: ") && stderr.contains("B/s"), "{stderr}");
}

#[test]
fn every_json_parses() {
    let dir = packed();
    let json = |args: &[&str]| {
        let ran = llz(dir.path()).args(args).assert().success();
        serde_json::from_slice::<Value>(&ran.get_output().stdout).unwrap()
    };
    let pack = json(&["pack", "-f", "--json", "tree"]);
    let info = json(&["info", "--json", "tree.llz"]);
    let test = json(&["test", "--json", "tree.llz"]);
    let unpack = json(&["unpack", "--json", "tree.llz", "-C", "out"]);
    for key in ["files", "directories", "links", "raw_bytes"] {
        assert!(pack[key].is_u64() && pack[key] == info[key] && pack[key] == unpack[key], "{key}");
    }
    assert_eq!(pack["archive_bytes"], info["archive_bytes"]);
    assert_eq!(pack["archive_bytes"], dir.path().join("tree.llz").metadata().unwrap().len());
    for (codec, tally) in pack["chunks"].as_object().unwrap() {
        assert_eq!(tally["chunks"], info["chunks"][codec]["chunks"]);
        assert_eq!(tally["raw_bytes"], info["chunks"][codec]["raw_bytes"]);
    }
    assert_eq!(test["raw_bytes"], pack["raw_bytes"]);
    let listed = llz(dir.path()).args(["list", "--json", "tree.llz"]).assert().success();
    let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    let entries: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
    assert_eq!(pack["files"], kinds("file"));
    assert_eq!(pack["directories"], kinds("directory"));
    assert_eq!(pack["links"], kinds("link"));
    let readme = entries.iter().find(|entry| entry["path"] == "tree/readme.txt").unwrap();
    assert_eq!(readme["size"], 4200);
    assert_eq!(readme["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn info_names_everything_that_matters() {
    let dir = packed();
    let ran = llz(dir.path()).args(["info", "tree.llz"]).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    for part in ["tree.llz: llz archive, format ", "contents", "bits/byte", "level", "6", "small"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn list_is_one_path_per_line() {
    let dir = packed();
    let ran = llz(dir.path()).args(["list", "tree.llz"]).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for line in ["tree/readme.txt", "tree/Grüße/日本語.txt", "tree/empty dir/inside/"] {
        assert!(lines.contains(&line), "{line} in {text}");
    }
}

#[test]
fn help_teaches() {
    let dir = scratch();
    let help = |args: &[&str]| {
        let ran = llz(dir.path()).args(args).assert().success();
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    };
    assert!(help(&["--help"]).contains("Exit codes:"));
    for verb in ["pack", "unpack", "list", "info", "cat", "filter", "completions", "man"] {
        assert!(help(&[verb, "--help"]).contains("Examples:"), "{verb}");
        assert!(help(&["man", verb]).starts_with(".ie"), "{verb}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(help(&["completions", shell]).contains("unpack"), "{shell}");
    }
    assert!(help(&["man"]).contains("130"));
}

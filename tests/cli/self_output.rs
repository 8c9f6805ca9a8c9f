//! What is read is never written: an output that is an input too, under whatever name.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use super::{llz, names, scratch, sh, stderr, write};

const TEXT: &str = "what must not be lost\n";

/// Runs a command line that must be refused, and must leave every file as it is.
#[track_caller]
fn refused(dir: &Path, line: &str) {
    let before = super::snapshot(dir);
    let ran = sh(dir, line);
    assert_eq!(ran.status.code(), Some(2), "{line}: {}", stderr(&ran));
    assert!(stderr(&ran).contains("output"), "{line}: {}", stderr(&ran));
    assert!(super::snapshot(dir) == before, "{line} changed something");
}

fn packed_names(dir: &Path, archive: &str) -> Vec<String> {
    let ran = llz(dir).args(["list", archive]).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A directory with a file of several names, and a list of it.
fn files() -> tempfile::TempDir {
    let dir = scratch();
    write(dir.path().join("in"), TEXT);
    fs::hard_link(dir.path().join("in"), dir.path().join("hard")).unwrap();
    symlink("in", dir.path().join("soft")).unwrap();
    write(dir.path().join("list"), "in\n");
    write(dir.path().join("other"), TEXT);
    dir
}

#[test]
fn a_named_input_is_never_the_output() {
    let dir = files();
    for line in [
        "llz pack -1 in -o in",
        "llz pack -1 -f in -o in",
        "llz pack -1 -f other in -o ./in",
        "llz pack -1 -f in -o hard",
        "llz pack -1 -f hard -o in",
        "llz pack -1 -f in -o soft",
        "llz pack -1 -f soft -o in",
        "llz pack -1 -f soft -o soft",
        "llz pack -1 -f --files-from list -o in",
        "llz pack -1 -f --files-from list -o soft",
        "echo in | llz pack -1 -f --files-from - -o hard",
        "printf 'other\\nin\\n' | llz pack -1 -f --files-from - -o in",
        "llz pack -1 -o - in >> in",
        "llz pack -1 -o - soft >> in",
        "llz pack -1 -o - in 1<> hard",
        "llz pack -1 -o /dev/stdout in >> in",
        "llz pack -1 -o /dev/fd/3 in 3>> in",
    ] {
        refused(dir.path(), line);
    }
}

#[test]
fn neither_are_the_list_and_the_model() {
    let dir = files();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano.safetensors");
    fs::copy(model, dir.path().join("model")).unwrap();
    fs::create_dir(dir.path().join("models")).unwrap();
    let digits = "0123456789abcdef".repeat(4);
    let installed = dir.path().join(format!("models/mine-{digits}.safetensors"));
    fs::hard_link(dir.path().join("model"), installed).unwrap();
    for line in [
        "llz pack -1 -f --files-from list -o list",
        "llz pack -1 -f --files-from - -o list < list",
        "llz pack -1 -f --files-from - -o - < list >> list",
        "llz pack -f --model model other -o model",
        "llz pack -f --model mine other -o model",
        "llz pack --model model other -o - >> model",
        "llz filter --model model < other >> model",
        "llz filter < in >> in",
        "llz filter < in 1<> hard",
        "llz filter -d < in >> soft",
    ] {
        refused(dir.path(), line);
    }
}

#[test]
fn what_is_read_from_an_archive_is_not_appended_to_it() {
    let dir = files();
    llz(dir.path()).args(["pack", "-1", "in", "-o", "a.llz"]).assert().success();
    for line in [
        "llz cat a.llz in >> a.llz",
        "llz list a.llz >> a.llz",
        "llz info - < a.llz >> a.llz",
        "llz unpack --json -f a.llz >> a.llz",
    ] {
        refused(dir.path(), line);
    }
}

#[test]
fn an_archive_does_not_unpack_over_itself() {
    let dir = scratch();
    write(dir.path().join("a.llz"), TEXT);
    llz(dir.path()).args(["pack", "-1", "a.llz", "-o", "b"]).assert().success();
    fs::rename(dir.path().join("b"), dir.path().join("a.llz")).unwrap();
    let before = fs::read(dir.path().join("a.llz")).unwrap();
    for line in ["llz unpack -f a.llz", "llz unpack -f - < a.llz"] {
        let ran = sh(dir.path(), line);
        assert_eq!(ran.status.code(), Some(9), "{line}: {}", stderr(&ran));
        assert!(fs::read(dir.path().join("a.llz")).unwrap() == before);
    }
}

/// The archive was left out, and a message says so; that is no failure.
#[track_caller]
fn left_out(ran: &Output, name: &str) {
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(ran));
    assert!(stderr(ran).contains("left out") && stderr(ran).contains(name), "{}", stderr(ran));
}

#[test]
fn an_output_found_while_walking_is_left_out_with_a_word() {
    let dir = scratch();
    write(dir.path().join("tree/file"), TEXT);
    let first = sh(dir.path(), "llz pack -1 tree -o tree/a.llz");
    assert_eq!((first.status.code(), stderr(&first).contains("left out")), (Some(0), false));
    left_out(&sh(dir.path(), "llz pack -1 -f tree -o tree/a.llz"), "tree/a.llz");
    assert_eq!(packed_names(dir.path(), "tree/a.llz"), ["tree/", "tree/file"]);
    // Under another name of the directory, and through a link to the file.
    symlink("tree", dir.path().join("again")).unwrap();
    left_out(&sh(dir.path(), "llz pack -1 -f tree -o again/a.llz"), "tree/a.llz");
    symlink("tree/a.llz", dir.path().join("link")).unwrap();
    left_out(&sh(dir.path(), "llz pack -1 -f tree -o link"), "tree/a.llz");
    assert_eq!(packed_names(dir.path(), "link"), ["tree/", "tree/file"]);
    assert!(dir.path().join("link").is_symlink());
}

#[test]
fn standard_output_redirected_into_the_tree_is_left_out_with_a_word() {
    let dir = scratch();
    write(dir.path().join("tree/file"), TEXT);
    for out in ["-", "/dev/stdout", "/dev/fd/1"] {
        let ran = sh(dir.path(), &format!("llz pack -1 tree -o {out} > tree/a.llz"));
        left_out(&ran, "tree/a.llz");
        assert_eq!(packed_names(dir.path(), "tree/a.llz"), ["tree/", "tree/file"]);
    }
    let ran = sh(dir.path(), "cd tree && llz pack -1 . -o /dev/fd/3 3> b.llz");
    left_out(&ran, "b.llz");
    let args = ["pack", "-1", "-fq", "--json", "tree", "-o", "tree/a.llz"];
    let json = llz(dir.path()).args(args).assert().success();
    let summary: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(summary["left_out"][0], "tree/a.llz");
}

#[test]
fn another_name_of_a_replaced_archive_is_skipped() {
    let dir = scratch();
    write(dir.path().join("tree/file"), TEXT);
    write(dir.path().join("tree/old"), TEXT);
    fs::hard_link(dir.path().join("tree/old"), dir.path().join("out.llz")).unwrap();
    let ran = sh(dir.path(), "llz pack -1 -f tree -o out.llz");
    assert_eq!(ran.status.code(), Some(4), "{}", stderr(&ran));
    assert!(stderr(&ran).contains("tree/old"), "{}", stderr(&ran));
    assert_eq!(fs::read_to_string(dir.path().join("tree/old")).unwrap(), TEXT);
    assert_eq!(packed_names(dir.path(), "out.llz"), ["tree/", "tree/file"]);
}

#[test]
fn installing_an_installed_model_loses_nothing() {
    let dir = scratch();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/base.safetensors");
    llz(dir.path()).args(["model", "install", model]).assert().success();
    let name = names(&dir.path().join("models")).remove(0);
    let path = dir.path().join("models").join(&name);
    let moved = dir.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    symlink(&moved, &path).unwrap();
    llz(dir.path()).args(["model", "install", "moved"]).assert().success();
    llz(dir.path()).args(["model", "install"]).arg(&path).assert().success();
    assert!(path.is_symlink() && fs::read(&moved).unwrap() == fs::read(model).unwrap());
}

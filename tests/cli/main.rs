//! The program as its users run it.

mod bench;
mod beside;
mod coders;
mod contents;
mod errors;
mod explain;
mod filter;
mod habits;
mod inputs;
mod interrupt;
mod lab;
mod levels;
mod limits;
mod links;
mod models;
mod names;
mod odd;
mod options;
mod output;
mod pipes;
mod poor;
mod publish;
mod records;
mod restore;
mod resume;
mod salvage;
mod select;
mod self_output;
mod streams;
mod times;
mod update;
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The program, to be run in a directory.
fn llz(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("llz"));
    // No test sees the models that its user has installed.
    command.current_dir(dir).env("NO_COLOR", "1").env("LLZ_MODELS", dir.join("models"));
    command.env_remove("SOURCE_DATE_EPOCH");
    command
}

/// A fresh directory that goes away with the value.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file, with the directories above it.
fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A small tree with everything that an archive can hold.
fn sample_tree(root: &Path) {
    write(root.join("readme.txt"), "Words, words, words.\n".repeat(200));
    write(root.join("src/main.rs"), "fn main() { println!(\"hello\"); }\n");
    write(root.join("src/deep/er/est.json"), r#"{"key": [1, 2, 3]}"#.repeat(50));
    write(root.join("empty"), "");
    write(root.join(".hidden"), "hidden files are files\n");
    write(root.join("Grüße/日本語.txt"), "Unicode names, Unicode text: ÄÖÜ 漢字 👋\n");
    write(root.join("bytes.bin"), (0..=255).cycle().take(5000).collect::<Vec<u8>>());
    write(root.join("latin1.txt"), b"caf\xe9 na\xefve \xff\xfe\n".repeat(30));
    fs::create_dir_all(root.join("empty dir/inside")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        write(root.join("run.sh"), "#!/bin/sh\necho run\n");
        fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("readme.txt", root.join("link")).unwrap();
        symlink("../readme.txt", root.join("src/up")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
    }
}

/// Everything below a directory that an archive must bring back, in one comparable value.
fn snapshot(root: &Path) -> Vec<(PathBuf, String)> {
    let walk = walkdir::WalkDir::new(root).sort_by_file_name().min_depth(1);
    walk.into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(root).unwrap().to_owned();
            (name, describe(entry.path(), &entry.path().symlink_metadata().unwrap()))
        })
        .collect()
}

fn describe(path: &Path, metadata: &fs::Metadata) -> String {
    if metadata.is_symlink() {
        return format!("link to {:?}", fs::read_link(path).unwrap());
    }
    let mode = mode(metadata);
    let modified = metadata.modified().unwrap();
    if metadata.is_dir() {
        format!("directory {mode:o} {modified:?}")
    } else {
        format!("file {mode:o} {modified:?} {:?}", fs::read(path).unwrap())
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode(_metadata: &fs::Metadata) -> u32 {
    0
}

/// Runs a line of shell in which `llz` is the program.
#[cfg(unix)]
fn sh(dir: &Path, line: &str) -> std::process::Output {
    let program = assert_cmd::cargo::cargo_bin!("llz");
    let mut command = std::process::Command::new("sh");
    let script = format!("llz() {{ {:?} \"$@\"; }}\n{line}", program);
    command.current_dir(dir).args(["-c", &script]).stdin(std::process::Stdio::null());
    command.env("NO_COLOR", "1").env("LLZ_MODELS", dir.join("models")).output().unwrap()
}

/// What a program said.
#[cfg(unix)]
fn stderr(ran: &std::process::Output) -> String {
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

/// Fails unless two directories hold the same.
#[track_caller]
fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (snapshot(left), snapshot(right));
    let names = |side: &[(PathBuf, String)]| -> Vec<PathBuf> {
        side.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&left), names(&right));
    for ((name, was), (_, is)) in left.iter().zip(&right) {
        assert!(was == is, "{} differs", name.display());
    }
}

/// The names in a directory.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

//! Every archive and stream in `spec/vectors/` behaves as its line in README.md says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use llz::{Archive, DecodeOptions, Error, Progress, UnpackOptions, unpack_reader};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors")
}

/// The lines of README.md: file name and expectation.
fn lines() -> BTreeMap<String, String> {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let cells = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.trim_end_matches('`').to_string(), cells.next()?.to_string()))
    };
    readme.lines().filter_map(cells).collect()
}

fn outcome<T>(result: llz::Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Corrupt(_) | Error::Foreign { .. } | Error::Trailing { .. }) => "corrupt",
        Err(Error::Unsupported(_)) => "unsupported",
        Err(Error::Unsafe { .. }) => "unsafe",
        Err(Error::Model(_)) => "model",
        Err(other) => panic!("an unexpected kind of error: {other}"),
    }
}

/// Paths, and content of files, below `root`.
fn tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let below = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.unwrap());
    let content = |entry: &walkdir::DirEntry| {
        entry.file_type().is_file().then(|| fs::read(entry.path()).unwrap())
    };
    below.map(|entry| (entry.path().strip_prefix(root).unwrap().into(), content(&entry))).collect()
}

#[test]
fn every_file_has_a_line() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.retain(|name| name.ends_with(".llz") || name.ends_with(".llzs"));
    files.sort();
    assert_eq!(files, lines().into_keys().collect::<Vec<_>>());
    assert!(files.len() > 50);
}

/// The SHA-256 of each file that the good vectors hold, by `VECTOR/PATH`.
fn contents() -> BTreeMap<String, String> {
    let list = fs::read_to_string(folder().join("trees.sha256")).unwrap();
    let parts = list.lines().map(|line| line.split_once("  ").unwrap());
    parts.map(|(sum, name)| (name.into(), sum.into())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_stream_behaves_as_described() {
    let contents = contents();
    for (name, expected) in lines().into_iter().filter(|(name, _)| name.ends_with(".llzs")) {
        let decoded = llz::decode(&fs::read(folder().join(&name)).unwrap());
        let sum = decoded.as_ref().ok().map(|raw| hex(&Sha256::digest(raw)));
        assert_eq!(sum.as_ref(), contents.get(&name), "{name}");
        assert_eq!(outcome(decoded), expected, "{name}");
    }
}

#[test]
fn every_archive_behaves_as_described() {
    let (decode, progress) = (DecodeOptions::default(), Progress::default());
    for (name, expected) in lines().into_iter().filter(|(name, _)| name.ends_with(".llz")) {
        let bytes = fs::read(folder().join(&name)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let [seek, pipe] = ["seek", "pipe"].map(|name| dir.path().join(name));
        let options = UnpackOptions::default();
        let unpacked = Archive::from_bytes(bytes.clone(), decode.clone())
            .and_then(|archive| archive.unpack(&seek, &options, &progress));
        assert_eq!(outcome(unpacked), expected, "{name}");
        let piped = unpack_reader(&mut &bytes[..], &pipe, &decode, &options, &progress);
        assert_eq!(outcome(piped), expected, "{name} from a pipe");
        if expected == "ok" {
            let archive = Archive::from_bytes(bytes, decode.clone()).unwrap();
            archive.test(&progress).unwrap();
            assert_eq!(tree(&seek), tree(&pipe), "{name}");
            assert_eq!(archive.info().files as usize, tree(&seek).values().flatten().count());
        } else {
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{name}: something is left");
        }
    }
}

#[test]
fn a_file_needs_only_the_model_of_its_chunks() {
    let bytes = fs::read(folder().join("good-two-models.llz")).unwrap();
    let models = std::sync::Arc::new(llz::Model::built_in("nano").unwrap());
    let decode = DecodeOptions { models, ..DecodeOptions::default() };
    let archive = Archive::from_bytes(bytes.clone(), decode.clone()).unwrap();
    let progress = Progress::default();
    let read = |path| archive.read_file(path, &progress);
    // Stored, by `small`, by `nano`.
    assert!(read("a").is_ok() && read("c").is_ok());
    assert!(matches!(read("b"), Err(Error::Model(what)) if what.contains("\"small\"")));
    let dir = tempfile::tempdir().unwrap();
    let unpack = |only: &[&str], to| {
        let only = only.iter().map(|path| path.to_string()).collect();
        let options = UnpackOptions { only, ..UnpackOptions::default() };
        archive.unpack(&dir.path().join(to), &options, &progress)
    };
    assert_eq!(unpack(&["a", "c", "e"], "some").unwrap().files, 3);
    assert!(matches!(unpack(&[], "all"), Err(Error::Model(_))));
    let piped = dir.path().join("pipe");
    let options = UnpackOptions::default();
    let refused = unpack_reader(&mut &bytes[..], &piped, &decode, &options, &progress);
    assert!(matches!(refused, Err(Error::Model(_))));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

//! Everything in `spec/vectors/released/` is decoded to the bytes that it always had. Nothing in there is ever made anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use llz::{Archive, BuiltInModels, DecodeOptions, EntryKind, Model, ModelStore, Progress};
use sha2::{Digest, Sha256};

/// The models built in, and those that lie in the repository.
#[derive(Debug)]
struct Kept;

impl ModelStore for Kept {
    fn find(&self, sha256: &[u8; 32]) -> llz::Result<Option<Model>> {
        if let Some(model) = BuiltInModels.find(sha256)? {
            return Ok(Some(model));
        }
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "safetensors") {
                let bytes = fs::read(&path).unwrap();
                if Sha256::digest(&bytes)[..] == sha256[..] {
                    return Model::from_bytes(&bytes).map(Some);
                }
            }
        }
        Ok(None)
    }
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What decoding every archive and stream below `folder` gives: the SHA-256 of each file, by `NAME/PATH`.
fn decoded(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut sums = BTreeMap::new();
    let progress = Progress::default();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = entry.path();
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
        let failed = |error: llz::Error| format!("{name}: {error}");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("llzs") => {
                let raw = llz::decode(&fs::read(path).unwrap()).map_err(failed)?;
                sums.insert(name, sum(&raw));
            }
            Some("llz") => {
                let decode = DecodeOptions { models: Arc::new(Kept), ..DecodeOptions::default() };
                let archive = Archive::open(path, decode).map_err(failed)?;
                archive.test(&progress).map_err(failed)?;
                for entry in archive.entries() {
                    if matches!(entry.kind, EntryKind::File { .. }) {
                        let raw = archive.read_file(&entry.path, &progress).map_err(failed)?;
                        sums.insert(format!("{name}/{}", entry.path), sum(&raw));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(sums)
}

/// The lines of `trees.sha256` in `folder`.
fn listed(folder: &Path) -> BTreeMap<String, String> {
    let list = fs::read_to_string(folder.join("trees.sha256")).unwrap();
    let parts = list.lines().map(|line| line.split_once("  ").unwrap());
    parts.map(|(sum, name)| (name.into(), sum.into())).collect()
}

fn check(folder: &Path) -> Result<(), String> {
    let (found, wanted) = (decoded(folder)?, listed(folder));
    if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
}

fn vectors() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors")
}

#[test]
fn what_releases_wrote_stays_readable() {
    check(&vectors().join("released")).unwrap();
}

/// The folder of releases is empty before the first: this shows that the check finds what it is to find.
#[test]
fn the_check_notices_what_is_not_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "good-small.llz",
        "good-two-models.llz",
        "good-repeats.llz",
        "good-one-byte.llz",
        "good-message-level4.llzs",
    ];
    let folder = dir.path().join("1.0.0");
    fs::create_dir(&folder).unwrap();
    for name in names {
        fs::copy(vectors().join(name), folder.join(name)).unwrap();
    }
    let all = fs::read_to_string(vectors().join("trees.sha256")).unwrap();
    let is_ours =
        |line: &&str| names.iter().any(|name| line[66..].split('/').next() == Some(*name));
    let lines: Vec<String> =
        all.lines().filter(is_ours).map(|line| line.replacen("  ", "  1.0.0/", 1)).collect();
    assert!(lines.len() > 10);
    let list = dir.path().join("trees.sha256");
    fs::write(&list, lines.join("\n")).unwrap();
    check(dir.path()).unwrap();

    fs::write(&list, lines[1..].join("\n")).unwrap();
    check(dir.path()).unwrap_err();
    fs::write(&list, lines.join("\n").replacen(&lines[0][..4], "0000", 1)).unwrap();
    check(dir.path()).unwrap_err();
    fs::write(&list, lines.join("\n")).unwrap();
    let damaged = folder.join("good-one-byte.llz");
    let mut bytes = fs::read(&damaged).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    check(dir.path()).unwrap_err();
    fs::remove_file(&damaged).unwrap();
    check(dir.path()).unwrap_err();
}

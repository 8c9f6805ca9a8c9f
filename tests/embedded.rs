//! An archive that brings the model `base`, for readers that have only the built-in ones.

use std::fs;
use std::path::{Path, PathBuf};

use llz::{
    Archive, DecodeOptions, EncodeOptions, Error, Model, PackOptions, Progress, UnpackOptions,
    pack, unpack_reader,
};

const TEXT: &str = "Call me Ishmael. Some years ago, never mind how long precisely, having little \
    or no money in my purse, and nothing particular to interest me on shore, I thought I would \
    sail about a little and see the watery part of the world.\n";

/// A folder, the archive of one text in it, and where the section `mfil` begins.
fn packed(embed_model: bool) -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    fs::write(&text, TEXT).unwrap();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/base.safetensors");
    let model = Some(Model::open(&base, 64 << 20).unwrap());
    let encode = EncodeOptions { model, ..EncodeOptions::default() };
    let options = PackOptions { encode, embed_model, ..PackOptions::default() };
    let mut bytes = Vec::new();
    pack(&[text], &mut bytes, &options, &Progress::default()).unwrap();
    (dir, bytes)
}

/// Unpacks by the index and as from a pipe.
fn both_ways(bytes: &[u8], dir: &Path) -> [llz::Result<PathBuf>; 2] {
    let (decode, options) = (DecodeOptions::default(), UnpackOptions::default());
    let progress = Progress::default();
    let [seek, pipe] = ["seek", "pipe"].map(|name| dir.join(name));
    let unpacked = Archive::from_bytes(bytes.to_vec(), decode.clone())
        .and_then(|archive| archive.unpack(&seek, &options, &progress));
    let piped = unpack_reader(&mut &bytes[..], &pipe, &decode, &options, &progress);
    [unpacked.map(|_| seek), piped.map(|_| pipe)]
}

/// The only file below `dir`.
fn content(dir: &Path) -> String {
    let below = walkdir::WalkDir::new(dir).into_iter().map(|entry| entry.unwrap());
    let files: Vec<_> = below.filter(|entry| entry.file_type().is_file()).collect();
    assert_eq!(files.len(), 1);
    fs::read_to_string(files[0].path()).unwrap()
}

#[test]
fn a_reader_without_the_model_takes_it_out_of_the_archive() {
    let (dir, bytes) = packed(true);
    for unpacked in both_ways(&bytes, dir.path()) {
        assert_eq!(content(&unpacked.unwrap()), TEXT);
    }
    let archive = Archive::from_bytes(bytes, DecodeOptions::default()).unwrap();
    let info = archive.info();
    assert!(info.models.len() == 1 && info.models[0].is_embedded);
    assert_eq!(info.models[0].model.name.as_deref(), Some("base"));
    let file = archive.model_file(0).unwrap().unwrap();
    assert_eq!(Model::from_bytes(&file).unwrap().name(), "base");
    assert!(archive.model_file(1).unwrap().is_none());
}

#[test]
fn a_damaged_model_is_named_and_nothing_is_written() {
    let (dir, mut bytes) = packed(true);
    let at = bytes.windows(4).position(|kind| kind == b"mfil").unwrap();
    bytes[at + 1_000_000] ^= 1;
    for refused in both_ways(&bytes, dir.path()) {
        match refused.unwrap_err() {
            Error::Corrupt(found) => {
                assert_eq!(found.part.as_deref(), Some("section mfil"));
                assert_eq!(found.offset, Some(at as u64));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // Whoever only lists it does not read the model; a test reads all.
    let archive = Archive::from_bytes(bytes.clone(), DecodeOptions::default()).unwrap();
    assert_eq!(archive.entries().len(), 1);
    assert!(matches!(archive.test(&Progress::default()), Err(Error::Corrupt(_))));
    let (_, damage) = Archive::recover_reader(&bytes[..], DecodeOptions::default()).unwrap();
    assert_eq!(damage.len(), 1);
}

#[test]
fn without_its_file_the_model_is_missing_by_name() {
    let (dir, bytes) = packed(false);
    for refused in both_ways(&bytes, dir.path()) {
        assert!(
            matches!(refused, Err(Error::Model(what)) if what.contains("\"base\" with SHA-256"))
        );
    }
}

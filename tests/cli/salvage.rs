//! Damaged archives: what is whole comes out, what is lost is named, and the exit code says so.

use std::fs;
use std::path::Path;

use super::{llz, scratch, write};

const FILES: usize = 40;
const SIZE: usize = 100_000;

/// Bytes that do not compress: chunks are stored, so that places in the archive are places in files.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..SIZE).map(|_| next()).collect()
}

/// A directory with `t`, which has 40 files and a copy of one, and `t.llz`; returns the archive.
fn packed() -> (tempfile::TempDir, Vec<u8>) {
    let dir = scratch();
    for number in 0..FILES {
        write(dir.path().join(format!("t/f{number:02}")), noise(number as u64));
    }
    fs::copy(dir.path().join("t/f01"), dir.path().join("t/z")).unwrap();
    write(dir.path().join("t/empty"), "");
    llz(dir.path()).args(["pack", "-q", "-1", "--chunk-size", "512k", "t"]).assert().success();
    let archive = fs::read(dir.path().join("t.llz")).unwrap();
    (dir, archive)
}

/// Unpacks what is left of an archive; returns how many files came out and what was said. No file that came out
/// differs from what was packed.
#[track_caller]
fn salvage(dir: &Path, archive: &[u8], code: i32) -> (usize, String) {
    fs::write(dir.join("hurt.llz"), archive).unwrap();
    let mut command = llz(dir);
    let ran = command.args(["unpack", "-q", "--keep-going", "hurt.llz", "-C", "out"]).assert();
    let ran = ran.code(code);
    let mut whole = 0;
    let out = dir.join("out/t");
    for entry in fs::read_dir(&out).into_iter().flatten() {
        let name = entry.unwrap().file_name();
        assert!(fs::read(out.join(&name)).unwrap() == fs::read(dir.join("t").join(&name)).unwrap());
        whole += 1;
    }
    if dir.join("out").exists() {
        fs::remove_dir_all(dir.join("out")).unwrap();
    }
    (whole, String::from_utf8_lossy(&ran.get_output().stderr).into_owned())
}

/// Where the nth section of a kind begins.
fn section(archive: &[u8], kind: &[u8; 4], n: usize) -> usize {
    let mut at = 24;
    let mut met = 0;
    loop {
        let len = u32::from_le_bytes(archive[at + 4..at + 8].try_into().unwrap()) as usize;
        if &archive[at..at + 4] == kind {
            if met == n {
                return at;
            }
            met += 1;
        }
        at += 16 + len;
    }
}

#[test]
fn a_damaged_chunk_costs_only_the_files_in_it() {
    let (dir, archive) = packed();
    let mut hurt = archive.clone();
    let middle = section(&archive, b"CHNK", 3) + 1000;
    hurt[middle..middle + 4].copy_from_slice(b"XXXX");
    let (whole, said) = salvage(dir.path(), &hurt, 4);
    assert!((FILES - 8..FILES).contains(&whole), "{whole}: {said}");
    assert!(said.contains("lost t/f") && said.contains("section CHNK at byte"), "{said}");
    // Without --keep-going nothing comes out.
    llz(dir.path()).args(["unpack", "-q", "hurt.llz", "-C", "none"]).assert().code(5);
    assert!(!dir.path().join("none").exists());
    // The copy of a lost file is lost with it.
    let mut hurt = archive.clone();
    hurt[section(&archive, b"CHNK", 0) + 150_000] ^= 1;
    let (_, said) = salvage(dir.path(), &hurt, 4);
    assert!(said.contains("lost t/f01") && said.contains("lost t/z"), "{said}");
}

#[test]
fn test_names_all_that_is_damaged() {
    let (dir, archive) = packed();
    let mut hurt = archive.clone();
    for chunk in [1, 5] {
        hurt[section(&archive, b"CHNK", chunk) + 77] ^= 0xFF;
    }
    write(dir.path().join("hurt.llz"), &hurt);
    let ran = llz(dir.path()).args(["test", "--keep-going", "--json", "hurt.llz"]).assert().code(4);
    let json: serde_json::Value = serde_json::from_slice(&ran.get_output().stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["damage"].as_array().unwrap().len(), 2);
    let lost = json["lost"].as_array().unwrap().len();
    assert!((10..=16).contains(&lost), "{json}");
    llz(dir.path()).args(["test", "--keep-going", "t.llz"]).assert().success();
}

#[test]
fn a_cut_archive_gives_what_was_complete() {
    let (dir, archive) = packed();
    // A table is written once 512 KiB have gone by, and then at the end of a chunk, of 512 KiB at most.
    let half = FILES / 2 - (1 << 20) / SIZE - 1;
    for (len, least) in [(archive.len() - 1, FILES + 2), (archive.len() / 2, half)] {
        let (whole, said) = salvage(dir.path(), &archive[..len], 4);
        assert!(
            whole >= least && (said.contains("damaged") || said.contains("ends early")),
            "{whole} {said}"
        );
    }
    let (whole, _) = salvage(dir.path(), &archive[..100_000], 5);
    assert_eq!(whole, 0);
}

#[test]
fn whatever_is_damaged_the_rest_comes_out() {
    let (dir, archive) = packed();
    let all = FILES + 2;
    for (what, at, least) in [
        ("header", 3, all),
        ("model or first table", section(&archive, b"ENTS", 0) + 20, all - 12),
        ("a table in the middle", section(&archive, b"ENTS", 2) + 20, all - 12),
        ("the head of a chunk", section(&archive, b"CHNK", 2) + 5, all - 8),
        ("index", section(&archive, b"INDX", 0) + 20, all),
        ("footer", archive.len() - 20, all),
    ] {
        let mut hurt = archive.clone();
        hurt[at] ^= 0x10;
        let (whole, said) = salvage(dir.path(), &hurt, 4);
        assert!(whole >= least, "{what}: {whole} of {all}: {said}");
    }
}

#[test]
fn what_follows_an_archive_does_not_keep_it_from_coming_out() {
    let (dir, archive) = packed();
    for (more, said_so) in
        [(&b"\n"[..], "1 byte follows it"), (&archive, "another archive begins there")]
    {
        let (whole, said) = salvage(dir.path(), &[&archive[..], more].concat(), 4);
        assert_eq!(whole, FILES + 2);
        assert!(said.contains(said_so), "{said}");
    }
    // Of a pipe too.
    let mut command = llz(dir.path());
    command.args(["unpack", "-q", "--keep-going", "-", "-C", "piped"]);
    command.write_stdin([&archive[..], b"\n"].concat()).assert().code(4);
    assert_eq!(fs::read_dir(dir.path().join("piped/t")).unwrap().count(), FILES + 2);
}

#[test]
fn cat_writes_the_files_that_are_whole_and_names_the_others() {
    let (dir, archive) = packed();
    let content = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let cat = |archive: &[u8], files: &[&str], code: i32| {
        fs::write(dir.path().join("hurt.llz"), archive).unwrap();
        let mut command = llz(dir.path());
        let ran = command.args(["cat", "--keep-going", "hurt.llz"]).args(files).assert().code(code);
        let said = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
        (ran.get_output().stdout.clone(), said)
    };
    let mut hurt = archive.clone();
    hurt[section(&archive, b"CHNK", 0) + 150_000] ^= 1;
    let (written, said) = cat(&hurt, &["t/f39", "t/f01", "t/empty", "t/z", "t/f38"], 4);
    assert!(written == [content("t/f39"), content("t/f38")].concat(), "{said}");
    assert!(said.contains("lost t/f01") && said.contains("lost t/z"), "{said}");
    assert!(said.contains("2 files lost"), "{said}");
    let (written, said) = cat(&hurt, &["t/f01"], 5);
    assert!(written.is_empty() && said.contains("lost t/f01"), "{said}");
    // An entry that a cut archive has lost, and one that a whole one never had.
    let (written, said) = cat(&archive[..archive.len() / 2], &["t/f39", "t/f00"], 4);
    assert!(written == content("t/f00") && said.contains("lost t/f39"), "{said}");
    assert!(cat(&archive, &["t/f00"], 0).0 == content("t/f00"));
    cat(&archive, &["t/none"], 2);
}

//! Numbers, records, and letters at random: the codec that `info` names, and what it makes.

use std::fs;
use std::path::Path;

use super::{llz, scratch, write};

/// Random bits, always the same (the generator of Numerical Recipes).
fn random(seed: u32) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |bits| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> (32 - bits)
    }
}

/// Sound of 16 bits in one channel, behind a header: a tone that swings slowly, and noise of six bits.
fn sound() -> Vec<u8> {
    let mut noise = random(7);
    let (mut x, mut y) = (0i32, 9000i32);
    let samples = (0..30_000).flat_map(|_| {
        x += y / 30;
        y -= x / 30;
        ((x + noise(6) as i32) as i16).to_le_bytes()
    });
    [&b"RIFF, and a header that nobody reads"[..], &samples.collect::<Vec<u8>>()].concat()
}

/// Packs `raw` at this level, unpacks it again, and gives the size and what `info` says.
fn packed(dir: &Path, level: &str, raw: &[u8]) -> (u64, String) {
    write(dir.join("f"), raw);
    llz(dir).args(["pack", "-q", "-f", level, "-o", "f.llz", "f"]).assert().success();
    fs::remove_file(dir.join("f")).unwrap();
    llz(dir).args(["unpack", "-q", "f.llz"]).assert().success();
    assert!(fs::read(dir.join("f")).unwrap() == raw, "it does not come back");
    let said = llz(dir).args(["info", "f.llz"]).assert().success().get_output().stdout.clone();
    let size = fs::metadata(dir.join("f.llz")).unwrap().len();
    (size, String::from_utf8(said).unwrap())
}

/// `xz -9e` makes 35,476 bytes of it. Six of sixteen bits are noise, 22,500 bytes.
#[test]
fn sound_is_coded_as_numbers() {
    let dir = scratch();
    for level in ["-2", "-6"] {
        let (size, said) = packed(dir.path(), level, &sound());
        assert!(said.contains("records") && !said.contains("stored"), "{said}");
        assert!(size < 25_000, "{size}");
    }
}

/// Records of bytes have no numbers that are near to each other, but a column for each.
#[test]
fn a_table_is_coded_as_records() {
    let dir = scratch();
    let mut noise = random(9);
    let record = |i: u32| {
        let [low, high, ..] = (i * 3).to_le_bytes();
        [7, 0, low, high, noise(8) as u8, 1, 2, 0, 0, 255, 128]
    };
    let (size, said) = packed(dir.path(), "-3", &(0..5000).flat_map(record).collect::<Vec<u8>>());
    assert!(said.contains("records"), "{said}");
    // Of eleven bytes one is noise: 5,000 bytes.
    assert!(size < 5600, "{size}");
}

/// The model is not run for digits of noise: it would see nothing in them.
#[test]
fn letters_at_random_do_not_run_the_model() {
    let dir = scratch();
    let mut noise = random(11);
    let digits: Vec<u8> = (0..40_000).map(|_| b"0123456789abcdef"[noise(4) as usize]).collect();
    let mut letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').collect();
    letters.extend(b"+/");
    let line = |noise: &mut dyn FnMut(u32) -> u32| {
        let line = (0..76).map(|_| letters[noise(6) as usize]).chain([b'\n']);
        line.collect::<Vec<u8>>()
    };
    let lines: Vec<u8> = (0..500).flat_map(|_| line(&mut noise)).collect();
    for (raw, least) in [(digits, 20_000), (lines, 28_500)] {
        let (size, said) = packed(dir.path(), "-6", &raw);
        assert!(!said.contains("neural") && said.contains("none needed"), "{said}");
        assert!(size < least + least / 50, "{size}");
    }
}

//! `llz filter`: between other programs.

use std::process::Command;

use super::{assert_same, llz, sample_tree, scratch};

fn filter(args: &[&str], input: &[u8]) -> Vec<u8> {
    let dir = scratch();
    let ran = llz(dir.path()).arg("filter").args(args).write_stdin(input).assert().success();
    assert!(ran.get_output().stderr.is_empty(), "a filter is silent");
    ran.get_output().stdout.clone()
}

#[test]
fn tar_compresses_and_extracts_through_it() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    let program = format!("{} filter", assert_cmd::cargo::cargo_bin!("llz").display());
    let tar = |args: &[&str]| {
        let tar =
            Command::new("tar").current_dir(dir.path()).args(["-I", &program]).args(args).status();
        assert!(tar.unwrap().success());
    };
    tar(&["--format=posix", "-cf", "x.tar.llz", "tree"]);
    std::fs::create_dir(dir.path().join("back")).unwrap();
    tar(&["-xf", "x.tar.llz", "-C", "back"]);
    assert_same(&dir.path().join("tree"), &dir.path().join("back/tree"));
}

#[test]
fn bytes_come_back_at_every_level() {
    let text = "a line of text that a filter sees\n".repeat(100);
    for level in ["-1", "-6", "-9", "--level=3"] {
        let coded = filter(&[level], text.as_bytes());
        assert!(coded.len() < text.len() / 4);
        assert_eq!(filter(&["-d"], &coded), text.as_bytes());
    }
}

#[test]
fn nothing_and_noise_cost_a_dozen_bytes() {
    assert!(filter(&[], b"").len() <= 13);
    assert_eq!(filter(&["-d"], &filter(&[], b"")), b"");
    let noise: Vec<u8> =
        (0..2000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let coded = filter(&[], &noise);
    assert!(coded.len() <= noise.len() + 13);
    assert_eq!(filter(&["-d"], &coded), noise);
}

#[test]
fn outputs_can_be_concatenated() {
    let coded = [filter(&[], b"first, "), filter(&["-1"], b"second")].concat();
    assert_eq!(filter(&["-d"], &coded), b"first, second");
}

#[test]
fn threads_and_chunks_do_not_change_the_meaning() {
    let text = "0123456789 some more words\n".repeat(2000);
    let one = filter(&["-1", "-T1", "--chunk-size=16k"], text.as_bytes());
    let two = filter(&["-1", "-T2", "--chunk-size=16k"], text.as_bytes());
    assert!(one == two);
    assert!(filter(&["-d", "-T2"], &one) == text.as_bytes());
}

#[test]
fn totals_appear_only_when_asked() {
    let dir = scratch();
    let ran = llz(dir.path()).args(["filter", "-v"]).write_stdin("text ".repeat(99)).assert();
    let stderr = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
    assert!(stderr.contains("bits/byte"), "{stderr}");
}

#[test]
fn wrong_input_has_the_right_exit_code() {
    let dir = scratch();
    let decode = |args: &[&str], input: &[u8]| {
        llz(dir.path()).args(["filter", "-d"]).args(args).write_stdin(input).assert()
    };
    let coded = filter(&[], "some text to be damaged ".repeat(40).as_bytes());
    decode(&[], b"plain text").code(5);
    decode(&[], b"").code(5);
    decode(&[], &coded[..coded.len() - 1]).code(5);
    decode(&[], b"\x8D\x6C\x7A\xFA").code(3);
    decode(&["--limit-size", "100"], &coded).code(6);
    let mut damaged = coded.clone();
    let middle = coded.len() / 2;
    damaged[middle] ^= 4;
    decode(&[], &damaged).code(5);
}

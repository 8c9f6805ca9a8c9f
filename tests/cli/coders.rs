//! `--coder`: recorded in what is written, and no matter to whoever reads it.

use super::{llz, scratch, write};

const CODERS: [&str; 7] =
    ["mix", "arith", "rans", "huffman", "rank-zstd", "rank-brotli", "rank-ans"];

fn text() -> String {
    "A line of text that every coder sees, and one more.\n".repeat(30)
}

#[test]
fn archives_of_every_coder_say_so_and_unpack() {
    let dir = scratch();
    write(dir.path().join("in/a.txt"), text());
    write(dir.path().join("in/bytes"), (0..=255).cycle().take(900).collect::<Vec<u8>>());
    for coder in CODERS {
        let out = format!("{coder}.llz");
        let pack = ["pack", "-4", "-q", "--verify", "--coder", coder, "-o", &out, "in"];
        llz(dir.path()).args(pack).assert().success();
        let info = llz(dir.path()).args(["info", &out]).assert().success();
        let info = String::from_utf8(info.get_output().stdout.clone()).unwrap();
        let shown = if coder == "mix" { "neural" } else { coder };
        assert!(info.contains(shown), "{coder}: {info}");
        llz(dir.path()).args(["test", "-q", &out]).assert().success();
        llz(dir.path()).args(["cat", &out, "in/a.txt"]).assert().success().stdout(text());
    }
}

#[test]
fn streams_of_every_coder_come_back() {
    let dir = scratch();
    for coder in CODERS {
        let coded =
            llz(dir.path()).args(["filter", "-4", "--coder", coder]).write_stdin(text()).assert();
        let coded = coded.success().get_output().stdout.clone();
        assert!(coded.len() < text().len() / 2, "{coder}");
        let back = llz(dir.path()).args(["filter", "-d"]).write_stdin(coded).assert().success();
        assert_eq!(back.get_output().stdout, text().as_bytes(), "{coder}");
    }
}

#[test]
fn wrong_names_and_levels_without_a_model_are_wrong_usage() {
    let dir = scratch();
    write(dir.path().join("a"), text());
    llz(dir.path()).args(["pack", "--coder", "lzma", "a"]).assert().code(2);
    let refused = llz(dir.path()).args(["pack", "-3", "--coder", "rans", "a"]).assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("coder rans needs a model"), "{said}");
    assert!(!dir.path().join("a.llz").exists());
}

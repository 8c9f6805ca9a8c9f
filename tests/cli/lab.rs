//! `llz lab` and `llz generate`, as pipes use them.

use super::{llz, scratch};

fn run(args: &[&str], input: impl Into<Vec<u8>>) -> Vec<u8> {
    let dir = scratch();
    let ran = llz(dir.path()).args(args).write_stdin(input.into()).assert().success();
    ran.get_output().stdout.clone()
}

#[test]
fn six_stages_bring_the_bytes_back() {
    let text =
        "Call me Ishmael. Some years ago, never mind how long precisely\n\0\u{1f40b}".repeat(3);
    for coder in ["arith", "mix", "rank-brotli"] {
        let tokens = run(&["lab", "tokens", "-4"], text.clone());
        let ranks = run(&["lab", "ranks", "--best", "2"], tokens.clone());
        let coded = run(&["lab", "code", "--coder", coder], ranks);
        let ranks = run(&["lab", "decode"], coded);
        let again = run(&["lab", "unranks"], ranks);
        assert!(again == tokens, "{coder}");
        assert_eq!(run(&["lab", "untokens"], again), text.as_bytes(), "{coder}");
    }
}

#[test]
fn wrong_lines_have_an_exit_code_and_are_named() {
    let dir = scratch();
    let refuse = |args: &[&str], input: &[u8], code: i32, said: &str| {
        let ran = llz(dir.path()).args(args).write_stdin(input).assert().code(code);
        let error = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
        assert!(error.contains(said), "{error}");
    };
    let tokens = run(&["lab", "tokens", "-4"], "some words");
    refuse(&["lab", "ranks"], b"no json\n", 5, "line 1: no JSON");
    refuse(&["lab", "unranks"], &tokens, 5, "line 1, field \"llz\"");
    let cut = &tokens[..tokens.len() / 2];
    refuse(&["lab", "untokens"], cut, 5, "line ");
    let other = String::from_utf8(tokens).unwrap().replace("\"model\":\"", "\"model\":\"00");
    refuse(&["lab", "untokens"], other.as_bytes(), 5, "field \"model\"");
    refuse(&["lab", "tokens", "-3"], b"", 2, "level 3 uses no model");
    refuse(&["lab", "nothing"], b"", 2, "nothing");
}

#[test]
fn a_model_that_is_not_here_is_named() {
    let dir = scratch();
    let line = format!("{{\"llz\":\"tokens\",\"version\":1,\"model\":\"{}\"}}\n", "ab".repeat(32));
    let ran = llz(dir.path()).args(["lab", "untokens"]).write_stdin(line).assert().code(8);
    let said = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
    assert!(said.contains(&"ab".repeat(32)), "{said}");
}

#[test]
fn generated_text_is_the_same_again_and_steered_text_is_said() {
    let say = ["generate", "-4", "--prompt", "The", "--length", "30"];
    let zeros = run(&say, "");
    assert_eq!(run(&say, ""), zeros);
    assert_eq!(run(&[&say[..], &["--top-k", "1", "--seed", "3"]].concat(), ""), zeros);
    let drawn = run(&[&say[..], &["--seed", "3", "--temperature", "1.2"]].concat(), "");
    assert_ne!(drawn, zeros);
    let text = "anything at all: \u{1f40b}";
    let bits = run(&["lab", "steer", "-q", "-4", "--prompt", "The", text], "");
    let said = run(&["generate", "-4", "--prompt", "The", "--bits", "-", "--length", "40"], bits);
    assert!(said.starts_with(text.as_bytes()), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn generate_refuses_what_makes_no_sense() {
    let dir = scratch();
    for args in
        [&["--temperature", "0"][..], &["-3"], &["--seed", "1", "--bits", "x"], &["--seed", "x"]]
    {
        llz(dir.path()).arg("generate").args(args).assert().code(2);
    }
    llz(dir.path()).args(["generate", "--bits", "missing"]).assert().code(1);
}

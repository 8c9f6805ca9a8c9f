//! `llz bench`: every combination, verified, in every form.

use super::{llz, scratch, write};

#[test]
fn combinations_are_measured_and_told_in_every_form() {
    let dir = scratch();
    write(
        dir.path().join("in/a.txt"),
        "Some words that are measured, again and again.\n".repeat(40),
    );
    write(dir.path().join("in/b/c.txt"), "And a few more.\n");
    let run = |more: &[&str]| {
        let args = ["bench", "-q", "in", "--no-others", "--levels", "1,4"];
        let ran = llz(dir.path()).args(args).args(more).assert().success();
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    };
    let shown = run(&["--coders", "mix,huffman", "--context", "7", "--repeat", "2"]);
    for name in [
        "llz -1 ",
        "llz -4 ",
        "llz -4 huffman",
        "lab nano mix context 7",
        "lab nano huffman context 7",
    ] {
        assert!(shown.contains(&format!("| {name}")), "{name}: {shown}");
    }
    assert!(!shown.contains("llz -1 huffman"), "{shown}");
    let csv = run(&["--csv", "--chunk-sizes", "4k,1M"]);
    assert_eq!(csv.lines().count(), 5, "{csv}");
    assert!(csv.contains("llz -4 chunks 4k,"), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!(json["raw_bytes"], 1896);
    assert_eq!(json["rows"][0]["name"], "llz -1");
    assert!(json["rows"][1]["model_bytes"].as_u64().unwrap() > 100_000);
    run(&["--html", "r.html"]);
    let page = std::fs::read_to_string(dir.path().join("r.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("llz -4") && !page.contains("script"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let dir = scratch();
    write(dir.path().join("empty"), "");
    llz(dir.path()).args(["bench", "empty"]).assert().code(2);
    llz(dir.path()).args(["bench", "missing"]).assert().code(1);
    write(dir.path().join("a"), "a");
    llz(dir.path()).args(["bench", "a", "--others", "nonesuch"]).assert().code(2);
    llz(dir.path()).args(["bench", "a", "--coders", "nonesuch"]).assert().code(2);
}

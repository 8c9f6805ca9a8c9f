//! `llz explain`: in the terminal and as a page.

use super::{llz, scratch, write};

const TEXT: &str =
    "It was the best of times.\nIt was the worst of times: \u{65e5}\u{672c} zyx\x1b[31m!\n\tend";

fn explain(args: &[&str]) -> String {
    let dir = scratch();
    write(dir.path().join("a.txt"), TEXT);
    let ran = llz(dir.path()).args(["explain", "-4", "a.txt"]).args(args).assert().success();
    String::from_utf8(ran.get_output().stdout.clone()).unwrap()
}

#[test]
fn without_colours_each_line_has_its_bits() {
    let said = explain(&[]);
    assert!(!said.contains('\x1b'), "{said}");
    assert!(said.contains("│ It was the best of times.\n"), "{said}");
    assert!(said.contains("日本 zyx\\x1b[31m!\n") && said.contains("│     end\n"), "{said}");
    for way in ["mixed", "model", "contexts"] {
        assert!(
            said.lines().any(|line| line.starts_with(way) && line.ends_with("bits/byte")),
            "{said}"
        );
    }
}

#[test]
fn colours_end_where_they_begin_and_the_text_is_there() {
    for columns in ["20", "200"] {
        let dir = scratch();
        write(dir.path().join("a.txt"), TEXT);
        let args = ["explain", "-4", "a.txt", "--color", "always", "--by", "contexts", "--lines"];
        let ran = llz(dir.path()).env("COLUMNS", columns).args(args).assert().success();
        let said = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
        assert_eq!(said.matches("\x1b[48").count(), said.matches("\x1b[0m").count());
        assert!(said.contains("0.5–1.5"), "{said}");
        if columns == "20" {
            let legend = said.lines().take_while(|line| !line.is_empty()).count();
            assert!(legend > 3, "a narrow terminal gets more lines: {said}");
        }
    }
}

#[test]
fn pages_stand_alone_and_replace_nothing_unasked() {
    let dir = scratch();
    write(dir.path().join("a.txt"), "</script><b>&amp; \u{1f40b} text of a page\n".repeat(20));
    let args =
        ["explain", "-4", "-q", "a.txt", "--html", "p.html", "--beside", "small", "--best", "2"];
    llz(dir.path()).args(args).assert().success().stdout("");
    let page = std::fs::read_to_string(dir.path().join("p.html")).unwrap();
    // Nothing is fetched: no address but that of SVG's names.
    assert_eq!(
        page.matches("http").count(),
        page.matches("http://www.w3.org/2000/svg").count() + 1
    );
    assert_eq!(page.matches("</script>").count(), 2, "data cannot end its element");
    assert!(page.contains("\"model\":\"nano\"") && page.contains("\"model\":\"small\""));
    llz(dir.path()).args(args).assert().code(9);
    llz(dir.path()).args(args).arg("-f").assert().success();
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2, "nothing unfinished stays");
}

#[test]
fn odd_input_is_no_trouble() {
    let dir = scratch();
    for text in [&b""[..], b"\xff\xfe\x00\xe2\x82", b"\n\n\n", &[b'x'; 3000]] {
        llz(dir.path()).args(["explain", "-4", "-"]).write_stdin(text).assert().success();
        let page = ["explain", "-4", "-q", "-f", "--html", "p.html", "-"];
        llz(dir.path()).args(page).write_stdin(text).assert().success();
    }
    llz(dir.path()).args(["explain", "missing"]).assert().code(1);
    llz(dir.path()).args(["explain", "-3", "-"]).write_stdin("a").assert().code(2);
}

//! What is to be packed: paths, lists of paths, another directory's paths, standard input.

use std::fs;
use std::path::Path;

use super::{llz, names, scratch, write};

/// What an archive holds, as `list` shows it.
#[track_caller]
fn listed(dir: &Path, archive: &str) -> String {
    let ran = llz(dir).args(["list", archive]).assert().success();
    String::from_utf8(ran.get_output().stdout.clone()).unwrap().replace('\n', " ")
}

/// Runs `pack -1 -f` with a standard input and returns what it says.
#[track_caller]
fn pack(dir: &Path, args: &[&str], input: &[u8], code: i32) -> String {
    let mut command = llz(dir);
    command.args(["pack", "-1", "-f"]).args(args).write_stdin(input);
    let ran = command.assert().code(code);
    String::from_utf8(ran.get_output().stderr.clone()).unwrap()
}

#[test]
fn lists_of_every_kind_say_the_same() {
    let dir = scratch();
    for name in ["a b", "c", "t/d"] {
        write(dir.path().join(name), name);
    }
    for (list, options) in [
        ("a b\nc\nt\n", &[][..]),
        ("a b\nc\nt", &[]),
        ("\n\na b\n\nc\nt/\n", &[]),
        ("\u{feff}a b\r\nc\r\nt\r\n", &[]),
        ("a b\0c\0t\0", &[]),
        ("a b\0c\0t\0", &["-0"]),
        ("\u{feff}a b\0c\0t", &["--null"]),
        ("./a b\nc\nt/d\nt\n./t/d\nc\n", &[]),
    ] {
        write(dir.path().join("list"), list);
        for from in ["list", "-"] {
            let args = [&["--files-from", from, "-o", "x.llz"], options].concat();
            pack(dir.path(), &args, list.as_bytes(), 0);
            assert_eq!(listed(dir.path(), "x.llz"), "a b c t/ t/d ", "{list:?} {from}");
        }
    }
    // With -0 a line end is part of a name.
    let said = pack(dir.path(), &["-0", "--files-from", "-", "c", "-o", "x.llz"], b"a b\nc", 4);
    assert!(said.contains("skipped a b\\x0ac: "), "{said}");
    llz(dir.path()).args(["pack", "-0", "c"]).assert().code(2);
}

#[test]
fn what_is_listed_and_gone_is_named() {
    let dir = scratch();
    write(dir.path().join("a"), "a");
    let said = pack(dir.path(), &["--files-from", "-", "-o", "x.llz"], b"gone\na\ngone2\n", 4);
    assert!(said.contains("skipped gone: ") && said.contains("skipped gone2: "), "{said}");
    assert_eq!(listed(dir.path(), "x.llz"), "a ");
    let said = pack(dir.path(), &["--files-from", "-", "-o", "x.llz"], b"a\nx/../a\n", 4);
    assert!(said.contains("skipped x/../a: '..'"), "{said}");
    pack(dir.path(), &["--files-from", "-", "-o", "y.llz"], b"\n\n", 2);
    pack(dir.path(), &["--files-from", "-"], b"a\n", 2);
    assert_eq!(names(dir.path()), ["a", "x.llz"]);
}

#[cfg(unix)]
#[test]
fn find_makes_a_list_that_just_works() {
    use super::{sh, stderr};
    let dir = scratch();
    write(dir.path().join("a"), "a");
    write(dir.path().join("d/e/f"), "f");
    // The second time the archive is there, and in the list.
    for line in [
        "find . | llz pack -1 --files-from - -o x.llz",
        "find . -print0 | llz pack -1f --files-from - -o x.llz",
        "find . -type f | llz pack -1f --files-from - -o x.llz",
        "find . | llz pack -1 --files-from - -o - > x.llz",
    ] {
        let ran = sh(dir.path(), line);
        assert_eq!(ran.status.code(), Some(0), "{line}: {}", stderr(&ran));
        let all = listed(dir.path(), "x.llz").replace("d/ d/e/ ", "");
        assert_eq!(all, "a d/e/f ", "{line}: {}", stderr(&ran));
    }
    let ran = sh(dir.path(), "find . | llz pack -1f --files-from - -o x.llz");
    assert!(stderr(&ran).contains("left out ./x.llz"), "{}", stderr(&ran));
    // What would be lost is no archive, or all that there is.
    for line in [
        "find . | llz pack -1f --files-from - -o a",
        "echo x.llz | llz pack -1f --files-from - -o x.llz",
    ] {
        let before = fs::read(dir.path().join("x.llz")).unwrap();
        let ran = sh(dir.path(), line);
        assert_eq!(ran.status.code(), Some(2), "{line}: {}", stderr(&ran));
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"a");
        assert!(fs::read(dir.path().join("x.llz")).unwrap() == before);
    }
}

#[cfg(unix)]
#[test]
fn what_is_excluded_is_left_out_of_a_list_with_all_that_it_has_of_it() {
    use super::{sh, stderr};
    let dir = scratch();
    for name in ["t/a", "t/drop/b", "t/drop/deep/c", "t/keep/drop.txt"] {
        write(dir.path().join(name), name);
    }
    let here = dir.path().canonicalize().unwrap();
    for find in [
        "find t",
        "find ./t -type f",
        "find t -depth",
        &format!("find {}/t -type f", here.display()),
    ] {
        for pattern in ["drop", "drop/", &format!("{}/t/drop", here.display())] {
            let line =
                format!("{find} | llz pack -1qf --exclude '{pattern}' --files-from - -o x.llz");
            let ran = sh(dir.path(), &line);
            assert_eq!(ran.status.code(), Some(0), "{line}: {}", stderr(&ran));
            let all = listed(dir.path(), "x.llz");
            assert!(all.contains("t/keep/drop.txt") && !all.contains("/drop/"), "{line}: {all}");
        }
    }
    // What is named one by one is meant, whatever lies above it is called.
    pack(dir.path(), &["t/drop/b", "--exclude", "drop", "-o", "x.llz"], b"", 0);
    assert_eq!(listed(dir.path(), "x.llz"), "t/drop/b ");
}

#[test]
fn standard_input_has_a_limit() {
    let dir = scratch();
    let said = pack(dir.path(), &["-", "--name", "n", "--limit-size", "10"], b"more than ten", 6);
    assert!(said.contains("standard input exceeds the limit of 10"), "{said}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn what_is_odd_in_a_list_is_told_once() {
    let dir = scratch();
    write(dir.path().join("t/good"), "x");
    write(dir.path().join("t/two\u{7f}lines"), "x");
    let list = "t\nt/good\nt/two\u{7f}lines\n";
    let said = pack(dir.path(), &["-q", "--files-from", "-", "-o", "x.llz"], list.as_bytes(), 4);
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn paths_may_be_relative_to_another_directory() {
    let dir = scratch();
    write(dir.path().join("far/away/a"), "a");
    write(dir.path().join("far/away/sub/b"), "b");
    write(dir.path().join("here"), "h");
    let whole = dir.path().join("here");
    pack(
        dir.path(),
        &["-C", "far/away", "a", "sub", whole.to_str().unwrap(), "-o", "x.llz"],
        b"",
        0,
    );
    let all = listed(dir.path(), "x.llz");
    assert!(
        all.starts_with("a ")
            && all.contains("sub/ sub/b ")
            && !all.contains("far")
            && all.contains("/here"),
        "{all}"
    );
    // The list and the archive are here, what is listed is there.
    write(dir.path().join("list"), "sub/b\n");
    pack(dir.path(), &["-C", "far/away", "--files-from", "list", "-o", "y.llz"], b"", 0);
    assert_eq!(listed(dir.path(), "y.llz"), "sub/b ");
    pack(dir.path(), &["-C", "far", "away", "--exclude", "away/sub"], b"", 0);
    assert_eq!(listed(dir.path(), "away.llz"), "away/ away/a ");
    pack(dir.path(), &["-C", "far/away", "."], b"", 0);
    assert_eq!(listed(dir.path(), "away.llz"), "a sub/ sub/b ");
    let said = pack(dir.path(), &["-C", "nowhere", "a", "-o", "z.llz"], b"", 1);
    assert!(said.contains("nowhere: "), "{said}");
    let said = pack(dir.path(), &["-C", "far", "gone", "-o", "z.llz"], b"", 1);
    assert!(said.contains("far/gone"), "{said}");
    pack(dir.path(), &["-C", "here", "a", "-o", "z.llz"], b"", 2);
    // The archive is found there too.
    pack(dir.path(), &["-C", "far/away", "sub/b", "-o", "far/away/sub/b"], b"", 2);
    assert_eq!(fs::read(dir.path().join("far/away/sub/b")).unwrap(), b"b");
}

#[test]
fn standard_input_is_a_file_with_a_name() {
    let dir = scratch();
    let text = "something that comes through a pipe\n".repeat(3000);
    write(dir.path().join("a"), "a");
    pack(dir.path(), &["-", "--name", "logs/today.txt"], text.as_bytes(), 0);
    assert_eq!(listed(dir.path(), "today.txt.llz"), "logs/today.txt ");
    let shown = llz(dir.path()).args(["cat", "today.txt.llz", "*.txt"]).assert().success();
    assert!(shown.get_output().stdout == text.as_bytes());
    // Beside others, and with the content of one of them.
    pack(dir.path(), &["a", "-", "--name", "./b", "-o", "x.llz", "--verify"], b"a", 0);
    assert_eq!(listed(dir.path(), "x.llz"), "a b ");
    pack(dir.path(), &["-", "--name", "empty", "-o", "y.llz"], b"", 0);
    assert_eq!(listed(dir.path(), "y.llz"), "empty ");
    let piped = llz(dir.path())
        .args(["pack", "-1", "-", "--name", "n", "-o", "-"])
        .write_stdin("text")
        .assert()
        .success();
    fs::write(dir.path().join("z.llz"), &piped.get_output().stdout).unwrap();
    assert_eq!(listed(dir.path(), "z.llz"), "n ");
}

#[test]
fn standard_input_needs_a_name_and_is_read_once() {
    let dir = scratch();
    write(dir.path().join("a"), "a");
    let said = pack(dir.path(), &["-", "-o", "x.llz"], b"text", 2);
    assert!(said.contains("--name"), "{said}");
    for args in [
        &["a", "--name", "b"][..],
        &["-", "-", "--name", "b"],
        &["-", "--name", "b", "--files-from", "-"],
        &["a", "--files-from", "-", "--exclude-from", "-"],
        &["-", "--name", "../b"],
        &["-", "--name", "x/../b"],
        &["-", "--name", ""],
        &["-", "--name", "a\nb"],
        &["a", "-", "--name", "a"],
    ] {
        let args = [args, &["-o", "x.llz"]].concat();
        let is_relative = args.contains(&"../b");
        pack(dir.path(), &args, b"text", if is_relative { 0 } else { 2 });
        assert_eq!(dir.path().join("x.llz").exists(), is_relative, "{args:?}");
        _ = fs::remove_file(dir.path().join("x.llz"));
    }
}

//! What is left out when packing, and what is taken out of an archive: the same patterns everywhere.

use std::fs;
use std::path::Path;

use super::{llz, names, scratch, write};

/// A directory with `tree`, of which `paths` are files that hold their own names.
fn tree(paths: &[&str]) -> tempfile::TempDir {
    let dir = scratch();
    for path in paths {
        write(dir.path().join("tree").join(path), format!("{path}\n"));
    }
    dir
}

/// The files that `pack` with these arguments stores, and what it says.
#[track_caller]
fn packed(dir: &Path, args: &[&str]) -> (String, String) {
    let ran = llz(dir).args(["pack", "-1", "-f", "-o", "out.llz"]).args(args).assert().success();
    let said = String::from_utf8(ran.get_output().stderr.clone()).unwrap();
    (listed(dir, &["out.llz"]), said)
}

/// The files that `list` shows, without directories.
#[track_caller]
fn listed(dir: &Path, args: &[&str]) -> String {
    let ran = llz(dir).arg("list").args(args).assert().success();
    let text = String::from_utf8(ran.get_output().stdout.clone()).unwrap();
    let files: Vec<&str> = text.lines().filter(|line| !line.ends_with('/')).collect();
    files.join(" ")
}

#[cfg(unix)]
#[test]
fn a_pattern_knows_every_form_of_a_path() {
    let dir = tree(&["a", "drop/b", "sub/drop/c"]);
    let absolute = dir.path().canonicalize().unwrap().join("tree");
    let absolute = absolute.to_str().unwrap();
    for path in ["tree", "./tree", "tree/", ".//tree/."] {
        for pattern in ["tree/drop", "./tree/drop", "tree//drop/", &format!("{absolute}/drop")] {
            let (files, _) = packed(dir.path(), &[path, "--exclude", pattern]);
            assert_eq!(files, "tree/a tree/sub/drop/c", "{path} {pattern}");
        }
    }
    let stored = absolute.trim_start_matches('/');
    for pattern in [format!("{absolute}/drop"), format!("{stored}/drop")] {
        let (files, _) = packed(dir.path(), &[absolute, "--exclude", &pattern]);
        assert_eq!(files, format!("{stored}/a {stored}/sub/drop/c"), "{pattern}");
    }
    let inside = dir.path().join("tree/sub");
    let (files, _) = packed(&inside, &["../drop", "../a", "--exclude", "../a"]);
    assert_eq!(files, "drop/b");
    let (files, _) =
        packed(&dir.path().join("tree"), &[".", "--exclude", "./drop", "--exclude", "*.llz"]);
    assert_eq!(files, "a sub/drop/c");
}

#[test]
fn a_character_is_a_character_however_many_bytes_it_takes() {
    let dir = tree(&["grün", "gruen", "größe", "日本", "ab"]);
    for (pattern, left) in [
        ("gr?n", "tree/ab tree/gruen tree/größe tree/日本"),
        ("??", "tree/gruen tree/größe tree/grün"),
        ("gr[öü]*", "tree/ab tree/gruen tree/日本"),
        ("{gr*n,日*}", "tree/ab tree/größe"),
        ("tree/*[ß本]*", "tree/ab tree/gruen tree/grün"),
    ] {
        assert_eq!(packed(dir.path(), &["tree", "--exclude", pattern]).0, left, "{pattern}");
    }
}

#[test]
fn a_slash_at_the_end_means_a_directory() {
    let dir = tree(&["drop/x", "keep/drop"]);
    assert_eq!(packed(dir.path(), &["tree", "--exclude", "drop/"]).0, "tree/keep/drop");
    assert_eq!(packed(dir.path(), &["tree", "--exclude", "drop"]).0, "");
}

#[test]
fn a_pattern_that_does_nothing_is_told_when_asked() {
    let dir = tree(&["a", "b.o"]);
    let args = ["tree", "--exclude", "*.o", "--exclude", "*.obj", "--exclude-vcs"];
    let (files, said) = packed(dir.path(), &args);
    assert!(files == "tree/a" && !said.contains("left out nothing"), "{said}");
    let (_, said) = packed(dir.path(), &[&args[..], &["-v"]].concat());
    let notes: Vec<&str> = said.lines().filter(|line| line.contains("left out nothing")).collect();
    assert!(notes.len() == 1 && notes[0].contains("*.obj"), "{said}");
    let args = ["pack", "-1qf", "--json", "tree", "-o", "out.llz", "--exclude", "*.obj"];
    let json = llz(dir.path()).args(args).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["unused_patterns"][0], "*.obj");
}

#[test]
fn patterns_come_from_files_too() {
    let dir = tree(&["a", "b.o", "c/d", ".git/HEAD", ".gitignore", "e"]);
    write(dir.path().join("list"), "\u{feff}*.o\r\n\r\n./tree/c/\r\n");
    let (files, _) = packed(dir.path(), &["tree", "--exclude-from", "list"]);
    assert_eq!(files, "tree/.git/HEAD tree/.gitignore tree/a tree/e");
    let args = ["tree", "--exclude-from", "list", "--exclude", "e", "--exclude-vcs"];
    assert_eq!(packed(dir.path(), &args).0, "tree/a");
    let run = |list: &str| {
        llz(dir.path()).args(["pack", "tree", "-o", "x.llz", "--exclude-from", list]).assert()
    };
    let missing = run("nowhere").code(1);
    assert!(String::from_utf8_lossy(&missing.get_output().stderr).contains("nowhere"));
    write(dir.path().join("latin"), b"caf\xe9\n");
    run("latin").code(2);
    write(dir.path().join("wrong"), "[\n");
    let wrong = run("wrong").code(2);
    assert!(String::from_utf8_lossy(&wrong.get_output().stderr).contains("\"[\""));
}

#[test]
fn files_of_git_say_what_to_ignore() {
    let dir = tree(&[
        "a.rs",
        "a.o",
        "keep.o",
        "target/x",
        "sub/target",
        "sub/b.log",
        "sub/deep/c.log",
        "my.txt",
    ]);
    let at = |name: &str| dir.path().join("tree").join(name);
    write(at(".gitignore"), "*.o\n!keep.o\n/target/\n# a comment\n");
    write(at("sub/.gitignore"), "*.log\n");
    write(at(".llzignore"), "my.*\n");
    let all =
        "tree/.gitignore tree/.llzignore tree/a.rs tree/keep.o tree/sub/.gitignore tree/sub/target";
    assert_eq!(packed(dir.path(), &["tree", "--ignore"]).0, all);
    assert!(packed(dir.path(), &["tree"]).0.contains("tree/a.o"));
    // What is named is packed, and rules above it count up to the root of a repository.
    assert_eq!(
        packed(dir.path(), &["tree/a.o", "tree/sub", "--ignore"]).0,
        "tree/a.o tree/sub/.gitignore tree/sub/target"
    );
    write(at("sub/d.o"), "d");
    assert!(packed(dir.path(), &["tree/sub", "--ignore"]).0.contains("d.o"));
    fs::create_dir(at(".git")).unwrap();
    assert!(!packed(dir.path(), &["tree/sub", "--ignore"]).0.contains("d.o"));
}

#[test]
fn the_same_selections_are_read_by_every_verb() {
    let dir = tree(&["a.rs", "src/b.rs", "src/c.txt", "src/ä.rs", "[odd]"]);
    llz(dir.path()).args(["pack", "-1", "tree"]).assert().success();
    for (number, (wanted, files)) in [
        (&["tree/src"][..], "src/b.rs src/c.txt src/ä.rs"),
        (&["./tree/src/"], "src/b.rs src/c.txt src/ä.rs"),
        (&["/tree//src"], "src/b.rs src/c.txt src/ä.rs"),
        (&["*.rs"], "a.rs src/b.rs src/ä.rs"),
        (&["?.rs", "tree/src/c.txt"], "a.rs src/b.rs src/c.txt src/ä.rs"),
        (&["tree/*.rs"], "a.rs"),
        (&["tree/**/ä*"], "src/ä.rs"),
        (&["tree/[odd]"], "[odd]"),
        (&["s*c"], "src/b.rs src/c.txt src/ä.rs"),
    ]
    .into_iter()
    .enumerate()
    {
        let files: Vec<&str> = files.split(' ').collect();
        let stored: Vec<String> = files.iter().map(|file| format!("tree/{file}")).collect();
        let args = [&["tree.llz"][..], wanted].concat();
        assert_eq!(listed(dir.path(), &args), stored.join(" "), "{wanted:?}");

        let cat = llz(dir.path()).arg("cat").args(&args).assert().success();
        let cat = String::from_utf8(cat.get_output().stdout.clone()).unwrap();
        let mut lines: Vec<&str> = cat.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, files, "{wanted:?}");

        let test = llz(dir.path()).args(["test", "--json"]).args(&args).assert().success();
        let test: serde_json::Value = serde_json::from_slice(&test.get_output().stdout).unwrap();
        let bytes: usize = files.iter().map(|file| file.len() + 1).sum();
        assert_eq!(test["raw_bytes"], bytes, "{wanted:?}");

        let into = format!("into{number}");
        llz(dir.path()).arg("unpack").args(&args).args(["-C", &into]).assert().success();
        let piped = format!("piped{number}");
        let archive = fs::read(dir.path().join("tree.llz")).unwrap();
        let mut from_pipe = llz(dir.path());
        from_pipe.args(["unpack", "-", "-C", &piped]).args(wanted).write_stdin(archive);
        from_pipe.assert().success();
        for into in [into, piped] {
            let walk =
                walkdir::WalkDir::new(dir.path().join(&into).join("tree")).sort_by_file_name();
            let there =
                walk.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
            let there: Vec<String> =
                there.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect();
            assert_eq!(there.concat().lines().collect::<Vec<_>>(), files, "{wanted:?}");
        }
    }
}

#[test]
fn a_selection_of_nothing_is_named() {
    let dir = tree(&["a", "b/c"]);
    llz(dir.path()).args(["pack", "-1", "tree"]).assert().success();
    for verb in ["unpack", "list", "cat", "test"] {
        for wanted in ["nope", "tree/no*", "*.rs", "tree/a/b", "b"] {
            let ran = llz(dir.path()).args([verb, "tree.llz", "tree/a", wanted]).assert().code(2);
            let said = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
            assert!(said.contains(&format!("{wanted:?}")), "{verb} {wanted}: {said}");
            assert!(ran.get_output().stdout.is_empty());
        }
    }
    llz(dir.path()).args(["list", "tree.llz", "["]).assert().code(2);
    // As of a variable of a script that is not set.
    for verb in ["unpack", "list", "cat", "test"] {
        llz(dir.path()).args([verb, "tree.llz", ""]).assert().code(2);
    }
    assert_eq!(names(dir.path()), ["tree", "tree.llz"]);
}

#[test]
fn files_are_joined_in_the_order_asked_for() {
    let dir = tree(&["1.txt", "2.rs", "3.txt"]);
    write(dir.path().join("tree/4.bin"), "1.txt\n");
    write(dir.path().join("tree/empty"), "");
    llz(dir.path()).args(["pack", "-1", "tree"]).assert().success();
    let cat = |paths: &[&str]| {
        let ran = llz(dir.path()).args(["cat", "tree.llz"]).args(paths).assert().success();
        String::from_utf8(ran.get_output().stdout.clone()).unwrap().replace('\n', " ")
    };
    assert_eq!(cat(&["tree"]), "1.txt 2.rs 3.txt 1.txt ");
    assert_eq!(cat(&["tree/3.txt", "tree/1.txt", "tree/3.txt"]), "3.txt 1.txt 3.txt ");
    assert_eq!(cat(&["tree/4.bin", "tree/empty"]), "1.txt ");
    assert_eq!(cat(&["*.rs", "*.txt"]), "2.rs 1.txt 3.txt ");
}

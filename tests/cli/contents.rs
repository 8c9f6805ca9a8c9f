//! What goes in comes out: trees, pipes, single files, selections.

use std::fs;

use super::{assert_same, llz, names, sample_tree, scratch, snapshot, write};

#[test]
fn a_tree_comes_back_as_it_was() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    for level in ["-1", "-6", "-9"] {
        llz(dir.path()).args(["pack", level, "-f", "tree"]).assert().success();
        let back = dir.path().join(format!("back{level}"));
        llz(dir.path()).args(["unpack", "tree.llz", "-C"]).arg(&back).assert().success();
        assert_same(&dir.path().join("tree"), &back.join("tree"));
    }
}

#[test]
fn this_repository_comes_back_as_it_was() {
    let dir = scratch();
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let archive = dir.path().join("src.llz");
    llz(repository).args(["pack", "-1", "src", "-o"]).arg(&archive).assert().success();
    llz(dir.path()).args(["test", "src.llz"]).assert().success();
    llz(dir.path()).args(["unpack", "src.llz"]).assert().success();
    assert_same(&repository.join("src"), &dir.path().join("src"));
}

#[test]
fn a_pipe_is_as_good_as_a_file() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "tree"]).assert().success();
    let piped = llz(dir.path()).args(["pack", "tree", "-o", "-"]).assert().success();
    let archive = piped.get_output().stdout.clone();
    assert!(archive == fs::read(dir.path().join("tree.llz")).unwrap());
    let back = dir.path().join("back");
    fs::create_dir(&back).unwrap();
    llz(&back).args(["unpack", "-"]).write_stdin(archive.clone()).assert().success();
    assert_same(&dir.path().join("tree"), &back.join("tree"));
    let listed = llz(dir.path()).args(["list", "-"]).write_stdin(archive).assert().success();
    let expected = llz(dir.path()).args(["list", "tree.llz"]).assert().success();
    assert_eq!(listed.get_output().stdout, expected.get_output().stdout);
}

#[test]
fn single_files_of_every_size_class() {
    let dir = scratch();
    let mut state = 7u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ["tree ", "leaf ", "root\n", "branch ", "bark "][state as usize >> 16 & 3]
    };
    for size in [0, 1, 2, 4096, 1_000_000] {
        let mut text = String::new();
        while text.len() < size {
            text += word();
        }
        text.truncate(size);
        write(dir.path().join("file"), &text);
        llz(dir.path()).args(["pack", "-1", "-f", "file"]).assert().success();
        let cat = llz(dir.path()).args(["cat", "file.llz", "file"]).assert().success();
        assert!(cat.get_output().stdout == text.as_bytes(), "{size} bytes");
        let archive = fs::metadata(dir.path().join("file.llz")).unwrap().len();
        assert!(archive <= size as u64 + 260, "{size} bytes became {archive}");
    }
}

#[test]
fn an_empty_directory_is_something() {
    let dir = scratch();
    fs::create_dir(dir.path().join("nothing")).unwrap();
    llz(dir.path()).args(["pack", "nothing"]).assert().success();
    let back = dir.path().join("back");
    llz(dir.path()).args(["unpack", "nothing.llz", "-C"]).arg(&back).assert().success();
    assert_eq!(names(&back), ["nothing"]);
    assert_eq!(names(&back.join("nothing")), [""; 0]);
}

#[test]
fn several_paths_share_an_archive() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    write(dir.path().join("other.txt"), "another file\n");
    llz(dir.path()).args(["pack", "tree", "other.txt", "-o", "both.llz"]).assert().success();
    let back = dir.path().join("back");
    llz(dir.path()).args(["unpack", "both.llz", "-C"]).arg(&back).assert().success();
    assert_eq!(names(&back), ["other.txt", "tree"]);
    assert_same(&dir.path().join("tree"), &back.join("tree"));
}

#[test]
fn single_paths_can_be_unpacked() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "tree"]).assert().success();
    let back = dir.path().join("back");
    llz(dir.path())
        .args(["unpack", "tree.llz", "tree/src/", "tree/empty", "-C"])
        .arg(&back)
        .assert()
        .success();
    assert_eq!(names(&back.join("tree")), ["empty", "src"]);
    assert_same(&dir.path().join("tree/src"), &back.join("tree/src"));
}

#[test]
fn lists_of_paths_and_patterns_choose_what_is_packed() {
    let dir = scratch();
    for name in ["a.txt", "b.txt", "c.o", "keep/d.txt", "keep/e.o", "drop/f.txt"] {
        write(dir.path().join("tree").join(name), name);
    }
    let packed = |args: &[&str], input: &str| {
        let mut command = llz(dir.path());
        command.args(["pack", "-f", "-o", "out.llz"]).args(args).write_stdin(input);
        command.assert().success();
        let listed = llz(dir.path()).args(["list", "out.llz"]).assert().success();
        let text = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
        let files = text.lines().filter(|line| !line.ends_with('/'));
        files.map(str::to_owned).collect::<Vec<_>>()
    };
    let without = packed(&["tree", "--exclude", "*.o", "--exclude", "tree/drop"], "");
    assert_eq!(without, ["tree/a.txt", "tree/b.txt", "tree/keep/d.txt"]);
    let listed = packed(&["--files-from", "-"], "tree/a.txt\n\ntree/keep\n");
    assert!(listed.iter().any(|name| name.ends_with("a.txt")));
    assert!(listed.iter().any(|name| name.ends_with("e.o")));
    assert!(!listed.iter().any(|name| name.ends_with("b.txt")));
}

#[test]
fn cat_joins_files() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    llz(dir.path()).args(["pack", "tree"]).assert().success();
    let cat = llz(dir.path())
        .args(["cat", "tree.llz", "tree/src/main.rs", "tree/.hidden"])
        .assert()
        .success();
    let expected = "fn main() { println!(\"hello\"); }\nhidden files are files\n";
    assert_eq!(cat.get_output().stdout, expected.as_bytes());
}

#[test]
fn the_archive_depends_on_neither_threads_nor_the_place() {
    let (one, two) = (scratch(), scratch());
    for (dir, threads) in [(&one, "1"), (&two, "2")] {
        write(dir.path().join("tree/text"), "the same text again and again\n".repeat(1500));
        write(dir.path().join("tree/more"), "and another file\n".repeat(90));
        for name in ["tree/text", "tree/more", "tree"] {
            let touch = std::process::Command::new("touch")
                .args(["-d", "2026-01-02T03:04:05Z"])
                .arg(dir.path().join(name))
                .status();
            assert!(touch.unwrap().success());
        }
        let args = ["pack", "--chunk-size", "16k", "-T", threads, "tree"];
        llz(dir.path()).args(args).assert().success();
    }
    let archive = |dir: &tempfile::TempDir| fs::read(dir.path().join("tree.llz")).unwrap();
    assert!(archive(&one) == archive(&two));
    assert_eq!(snapshot(&one.path().join("tree")), snapshot(&two.path().join("tree")));
}

//! Limits hold for packing as they do for unpacking, and the path that breaks one is named.

use std::fs;

use super::{llz, names, sample_tree, scratch, write};

#[test]
fn pack_names_the_path_that_breaks_a_limit() {
    let dir = scratch();
    write(dir.path().join("tree/a"), "a".repeat(600));
    write(dir.path().join("tree/deep/er/est"), "b".repeat(600));
    write(dir.path().join("tree/a-long-name-that-is-too-long"), "");
    for (option, value, path) in [
        ("--limit-size", "1k", "tree/deep/er/est"),
        ("--limit-entries", "4", "tree/deep/er"),
        ("--limit-path", "17", "tree/a-long-name-that-is-too-long"),
        ("--limit-depth", "3", "tree/deep/er/est"),
    ] {
        for dry in [&[][..], &["-n"]] {
            let args = [&["pack", "-1", "tree", option, value], dry].concat();
            let ran = llz(dir.path()).args(args).assert().code(6);
            let said = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
            assert!(said.contains(&format!("\"{path}\"")), "{said}");
            assert!(said.contains("exceeds the limit of") && said.contains(option), "{said}");
            assert_eq!(names(dir.path()), ["tree"]);
        }
    }
    // One that is just kept.
    let kept = ["--limit-size=1200", "--limit-entries=6", "--limit-path=34", "--limit-depth=4"];
    llz(dir.path()).args(["pack", "-1", "tree"]).args(kept).assert().success();
    llz(dir.path()).args(["unpack", "tree.llz", "-C", "back"]).args(kept).assert().success();
}

#[cfg(unix)]
#[test]
fn the_target_of_a_link_has_a_length_too() {
    let dir = scratch();
    fs::create_dir(dir.path().join("tree")).unwrap();
    std::os::unix::fs::symlink("x".repeat(40), dir.path().join("tree/link")).unwrap();
    let ran = llz(dir.path()).args(["pack", "tree", "--limit-path", "39"]).assert().code(6);
    assert!(String::from_utf8_lossy(&ran.get_output().stderr).contains("\"tree/link\""));
    llz(dir.path()).args(["pack", "tree", "--limit-path", "40"]).assert().success();
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_hide_their_size_are_counted() {
    let dir = scratch();
    let args = ["pack", "-1", "/proc/version", "-o", "x.llz", "--limit-size", "10"];
    let ran = llz(dir.path()).args(args).assert().code(6);
    assert!(String::from_utf8_lossy(&ran.get_output().stderr).contains("proc/version"));
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_deep_tree_is_packed_with_a_higher_limit() {
    let dir = scratch();
    let deep = "d/".repeat(299);
    write(dir.path().join(&deep).join("leaf"), "leaf");
    let ran = llz(dir.path()).args(["pack", "-1", "d"]).assert().code(6);
    let said = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
    assert!(said.contains("d/d/d") && said.contains("--limit-depth") && said.len() < 500, "{said}");
    llz(dir.path()).args(["pack", "-1", "d", "--limit-depth", "300"]).assert().success();
    llz(dir.path()).args(["unpack", "d.llz", "-C", "back"]).assert().code(6);
    let args = ["unpack", "d.llz", "-C", "back", "--limit-depth", "300"];
    llz(dir.path()).args(args).assert().success();
    let leaf = fs::read(dir.path().join("back").join(&deep).join("leaf")).unwrap();
    assert_eq!(leaf, b"leaf");
}

#[test]
fn what_pack_takes_unpack_takes() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    let all = walkdir::WalkDir::new(dir.path().join("tree")).into_iter().count().to_string();
    let entries = |verb: &'static [&'static str], n: &str| {
        llz(dir.path()).args(verb).args(["--limit-entries", n]).assert()
    };
    entries(&["pack", "-1", "tree"], &all).success();
    entries(&["unpack", "tree.llz", "-C", "back"], &all).success();
    let less = (all.parse::<u32>().unwrap() - 1).to_string();
    entries(&["pack", "-1f", "tree"], &less).code(6);
    entries(&["unpack", "tree.llz", "-C", "other"], &less).code(6);
}

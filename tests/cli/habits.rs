//! What people type out of habit of other programs, and what they are told when it goes wrong.

use std::fs;
use std::path::Path;

use super::{assert_same, llz, names, sample_tree, scratch, write};

/// Runs and expects an exit code; returns what was said.
#[track_caller]
fn said(dir: &Path, args: &[&str], code: i32) -> String {
    let ran = llz(dir).args(args).assert().code(code);
    assert!(ran.get_output().stdout.is_empty(), "{args:?}");
    String::from_utf8(ran.get_output().stderr.clone()).unwrap()
}

/// A directory with a file, an archive of it and a stream.
fn ready() -> tempfile::TempDir {
    let dir = scratch();
    write(dir.path().join("file"), "content\n");
    llz(dir.path()).args(["pack", "-1q", "file", "-o", "a.llz"]).assert().success();
    for (name, text) in [("s.llzs", "text".to_owned()), ("long.llzs", "some text\n".repeat(300))] {
        let stream = llz(dir.path()).args(["filter", "-1"]).write_stdin(text).assert().success();
        write(dir.path().join(name), &stream.get_output().stdout);
    }
    dir
}

#[test]
fn verbs_of_others_are_answered_with_ours() {
    let dir = ready();
    for (args, hint) in [
        (&["c", "file"][..], "llz pack "),
        (&["create", "file"], "llz pack "),
        (&["a", "b.llz", "file"], "llz pack "),
        (&["compress", "file"], "llz pack "),
        (&["-cf", "b.llz", "file"], "llz pack "),
        (&["cvf", "b.llz", "file"], "llz pack "),
        (&["p", "file"], "llz pack "),
        (&["t", "a.llz"], "llz list "),
        (&["t", "a.llz"], "llz test "),
        (&["tf", "a.llz"], "llz list "),
        (&["ls", "a.llz"], "llz list "),
        (&["extract", "a.llz"], "llz unpack "),
        (&["e", "a.llz"], "llz unpack "),
        (&["-xf", "a.llz"], "llz unpack "),
        (&["xvf", "a.llz"], "llz unpack "),
        (&["verify", "a.llz"], "llz test "),
        (&["help"], "llz --help"),
        (&["help", "pack"], "llz pack --help"),
        (&["version"], "llz --version"),
        (&["-q", "create", "file"], "llz pack "),
        (&["a.llz"], "llz unpack a.llz"),
        (&["./a.llz"], "llz list ./a.llz"),
        (&["s.llzs"], "llz filter -d < s.llzs"),
        (&["file"], "llz pack file"),
        (&["-d", "a.llz"], "llz unpack a.llz"),
        (&["--decompress", "a.llz"], "llz unpack a.llz"),
        (&["-d", "s.llzs"], "llz filter -d < s.llzs"),
        (&["-dc", "gone"], "llz unpack"),
        (&["-d", "file"], "llz unpack"),
        (&["-9", "file"], "llz pack file"),
    ] {
        let text = said(dir.path(), args, 2);
        let answer = text.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        assert!(answer.contains(hint), "{args:?}: {text}");
        assert!(!text.contains("similar"), "{args:?}: {text}");
    }
    // These mean the same everywhere.
    llz(dir.path()).args(["l", "a.llz"]).assert().success().stdout("file\n");
    llz(dir.path()).args(["x", "a.llz", "-C", "out"]).assert().success();
    // What clap knows better stays with it.
    assert!(said(dir.path(), &["lst", "a.llz"], 2).contains("'list'"));
    assert!(said(dir.path(), &["unpack", "-z", "a.llz"], 2).contains("'-z'"));
}

#[test]
fn without_a_verb_it_is_the_filter_between_pipes() {
    let dir = scratch();
    let text = "a line of text\n".repeat(500);
    let run = |args: &[&str], input: &[u8]| {
        let ran = llz(dir.path()).args(args).write_stdin(input).assert().success();
        ran.get_output().stdout.clone()
    };
    for args in [&[][..], &["-1"], &["-9"], &["--level", "3"], &["-1", "-T2"], &["-q"]] {
        let coded = run(args, text.as_bytes());
        assert!(coded == run(&[&["filter"], args].concat(), text.as_bytes()), "{args:?}");
        for args in [&["-d"][..], &["-d", "-T1"], &["-dq"], &["--decompress"]] {
            assert!(run(args, &coded) == text.as_bytes(), "{args:?}");
        }
    }
    llz(dir.path()).arg("-d").write_stdin("no stream").assert().code(5);
    llz(dir.path()).arg("--nonsense").write_stdin("text").assert().code(2);
    let help = llz(dir.path()).arg("--help").write_stdin("text").assert().success();
    assert!(String::from_utf8_lossy(&help.get_output().stdout).contains("Exit codes"));
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_it_says_how_it_is_used() {
    use super::{sh, stderr};
    let dir = ready();
    for line in ["llz < /dev/null > out", "llz -d < /dev/null > out"] {
        let ran = sh(dir.path(), line);
        assert_eq!(ran.status.code(), Some(2), "{line}: {}", stderr(&ran));
        assert!(fs::read(dir.path().join("out")).unwrap().is_empty(), "{line}");
    }
    if sh(dir.path(), "script -qec true /dev/null").status.code() != Some(0) {
        eprintln!("skipped: there is no script, which makes terminals");
        return;
    }
    let program = assert_cmd::cargo::cargo_bin!("llz");
    for line in ["", " < file", " -9 < file"] {
        let line = format!("script -qec '{}{line}' /dev/null", program.display());
        let ran = sh(dir.path(), &line);
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.code() == Some(2) && !said.contains('\u{fffd}'), "{line}: {said}");
    }
    let ran = sh(dir.path(), &format!("script -qec '{} -d < s.llzs' /dev/null", program.display()));
    assert!(ran.stdout.starts_with(b"text"), "{ran:?}");
}

#[test]
fn tar_calls_it_by_its_name_alone() {
    let dir = scratch();
    sample_tree(&dir.path().join("tree"));
    fs::create_dir(dir.path().join("back")).unwrap();
    let program = assert_cmd::cargo::cargo_bin!("llz");
    let tar = |program: &str, args: &[&str]| {
        let mut tar = std::process::Command::new("tar");
        let ran = tar.current_dir(dir.path()).args(["-I", program]).args(args).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    };
    let program = program.to_str().unwrap();
    for program in [program.to_owned(), format!("{program} -1")] {
        tar(&program, &["--format=posix", "-cf", "x.tar.llz", "tree"]);
        tar(&program, &["-xf", "x.tar.llz", "-C", "back"]);
        assert_same(&dir.path().join("tree"), &dir.path().join("back/tree"));
        let listed = String::from_utf8(tar(&program, &["-tf", "x.tar.llz"])).unwrap();
        assert!(listed.contains("tree/readme.txt\n"), "{listed}");
    }
}

#[test]
fn levels_of_others_are_no_levels() {
    let dir = ready();
    for level in ["-22", "-15", "-19", "-10", "-00", "-q12"] {
        for args in [&["pack", level, "-f", "file"][..], &["filter", level], &[level]] {
            let text = said(dir.path(), args, 2);
            assert!(text.contains("the levels are -1 to -9"), "{args:?}: {text}");
        }
    }
    for args in [&["pack", "--level", "22", "file"][..], &["pack", "-0", "file"], &["filter", "-0"]]
    {
        said(dir.path(), args, 2);
    }
    llz(dir.path()).args(["pack", "-1", "-9", "-T12", "-f", "file"]).assert().success();
}

#[test]
fn sizes_are_read_and_shown_as_people_write_them() {
    let dir = ready();
    write(dir.path().join("big"), vec![0; 1_100_000]);
    llz(dir.path()).args(["pack", "-1q", "big"]).assert().success();
    let with = |limit: &str, code: i32| {
        let args = ["unpack", "big.llz", "-C", "out", "-f", "--limit-size", limit];
        let ran = llz(dir.path()).args(args).assert().code(code);
        String::from_utf8(ran.get_output().stderr.clone()).unwrap()
    };
    with("1.1MB", 0);
    with("1.05M", 0);
    for limit in ["1M", "1MiB", "1MB", "1.09MB", "1024k", "1049kB", "1048576"] {
        let text = with(limit, 6);
        let shown = if limit == "1048576" { "1048576" } else { limit };
        assert!(text.contains(&format!("exceeds the limit of {shown}\n")), "{limit}: {text}");
    }
    for limit in ["1.5", "1x", "M", "1.5.M", "-1"] {
        with(limit, 2);
    }
    let text = said(dir.path(), &["pack", "-1", "big", "-o", "x.llz", "--limit-size", "0.5M"], 6);
    assert!(text.contains("exceeds the limit of 0.5M"), "{text}");
}

#[test]
fn a_chunk_has_a_least_and_a_greatest_size() {
    let dir = ready();
    for (size, says) in
        [("1", "at least 4k"), ("4095", "at least 4k"), ("0", "at least 4k"), ("0.1G", "64M")]
    {
        let text = said(dir.path(), &["pack", "-1", "-f", "file", "--chunk-size", size], 2);
        assert!(text.contains(size) && text.contains(says), "{size}: {text}");
    }
    assert!(said(dir.path(), &["filter", "--chunk-size", "1"], 2).contains("1024"));
    llz(dir.path()).args(["pack", "-1", "-f", "file", "--chunk-size", "4k"]).assert().success();
}

#[test]
fn unpack_makes_the_directories_above_its_destination() {
    let dir = ready();
    let archive = fs::read(dir.path().join("a.llz")).unwrap();
    for into in ["new/deep/er", "./new2/deep/", "new3"] {
        llz(dir.path()).args(["unpack", "a.llz", "-C", into]).assert().success();
        assert_eq!(names(&dir.path().join(into)), ["file"]);
    }
    let whole = dir.path().join("whole/path");
    let mut piped = llz(dir.path());
    piped.args(["unpack", "-", "-C"]).arg(&whole).write_stdin(archive.clone()).assert().success();
    assert_eq!(names(&whole), ["file"]);
    // Nothing is left of it when something goes wrong.
    let before = names(dir.path());
    write(dir.path().join("cut"), &archive[..archive.len() - 3]);
    said(dir.path(), &["unpack", "cut", "-C", "no/such"], 5);
    llz(dir.path())
        .args(["unpack", "-", "-C", "no/such"])
        .write_stdin(&archive[..90])
        .assert()
        .code(5);
    fs::remove_file(dir.path().join("cut")).unwrap();
    assert_eq!(names(dir.path()), before);
    let text = said(dir.path(), &["unpack", "a.llz", "-C", "file/below"], 1);
    assert!(text.contains("file"), "{text}");
    said(dir.path(), &["unpack", "a.llz", "-C", "no/../such"], 1);
    assert_eq!(names(dir.path()), before);
}

#[test]
fn an_unknown_instruction_set_is_an_error() {
    let dir = ready();
    for args in
        [&["pack", "-1", "-f", "file"][..], &["list", "a.llz"], &["test", "a.llz"], &["filter"]]
    {
        let ran = llz(dir.path()).args(args).env("LLZ_KERNEL", "abacus").assert().code(2);
        let text = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
        assert!(text.starts_with("llz: LLZ_KERNEL=abacus: "), "{text}");
        assert!(text.contains("portable"), "{text}");
    }
    llz(dir.path()).args(["test", "a.llz"]).env("LLZ_KERNEL", "portable").assert().success();
}

#[test]
fn threads_beyond_reason_are_a_usage_error() {
    let dir = ready();
    for threads in ["1025", "99999", "-1", "many"] {
        said(dir.path(), &["test", "a.llz", "-T", threads], 2);
    }
}

#[test]
fn a_model_is_no_directory() {
    let dir = ready();
    fs::create_dir(dir.path().join("base")).unwrap();
    let text = said(dir.path(), &["pack", "--model", "base", "-f", "file"], 8);
    assert!(text.contains("\"base\": a directory has this name"), "{text}");
    // A name comes before a directory that is called so.
    fs::create_dir(dir.path().join("nano")).unwrap();
    llz(dir.path()).args(["pack", "--model", "nano", "-f", "file"]).assert().success();
}

#[test]
fn errors_say_what_is_there_instead() {
    let dir = ready();
    fs::create_dir(dir.path().join("dir")).unwrap();
    let before = names(dir.path());
    for verb in ["list", "info", "test", "unpack", "cat"] {
        let more: &[&str] = if verb == "cat" { &["file"] } else { &[] };
        let text = said(dir.path(), &[&[verb, "dir"][..], more].concat(), 5);
        assert!(
            text.contains("dir: a directory, not") && text.contains("llz pack"),
            "{verb}: {text}"
        );
        for stream in ["s.llzs", "long.llzs"] {
            let text = said(dir.path(), &[&[verb, stream][..], more].concat(), 5);
            assert!(
                text.contains("an llz stream, not") && text.contains("llz filter -d"),
                "{verb}: {text}"
            );
            assert!(!text.contains("damaged"), "{verb}: {text}");
        }
    }
    for stream in ["s.llzs", "long.llzs"] {
        let input = fs::read(dir.path().join(stream)).unwrap();
        let ran =
            llz(dir.path()).args(["unpack", "-", "-C", "out"]).write_stdin(input).assert().code(5);
        let text = String::from_utf8_lossy(&ran.get_output().stderr).into_owned();
        assert!(text.contains("an llz stream, not"), "{text}");
    }
    let text = said(dir.path(), &["pack", "-f", "-o", "dir", "file"], 2);
    assert!(text.contains("dir is a directory: name the archive itself"), "{text}");
    let text = said(dir.path(), &["pack", "-o", "nowhere/x.llz", "file"], 1);
    assert!(text.starts_with("llz: nowhere: ") && !text.contains(".llz-"), "{text}");
    let text = said(dir.path(), &["pack", "-"], 2);
    assert!(text.contains("--name"), "{text}");
    assert_eq!(names(dir.path()), before);
}

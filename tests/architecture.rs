//! The rooms of the house use each other only as the table in docs/ARCHITECTURE.md allows.
//!
//! A room is a folder of `src/`. What counts is every path that begins with `crate::` or `llz::`,
//! in imports and elsewhere; names that the crate's root exports again count as their room's.
//! Comments do not count. Tests inside a room do not count either: they may look into any room.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Rooms = BTreeMap<String, BTreeSet<String>>;

/// Single files that every room may use, and what these use themselves.
const BASE: [(&str, &[&str]); 4] =
    [("error", &["limits"]), ("limits", &[]), ("once", &["error"]), ("progress", &["error"])];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The words of a table's cell that stand in backticks.
fn backticked(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(|word| word.trim_matches('/').to_string()).collect()
}

/// The table's rows: room, and the rooms that it may use.
fn allowed() -> Rooms {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let lines = text.lines().skip_while(|line| !line.replace(' ', "").starts_with("|room|owns|"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let mut rooms = Rooms::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let room = backticked(cells[1]).pop_first().expect(row);
        let uses = backticked(cells[3]);
        assert!(rooms.insert(room, uses).is_none(), "a second row: {row}");
    }
    assert!(rooms.len() > 5, "the table of rooms is missing");
    rooms
}

/// All sources below `src/`, each with its room: its folder, or its own name.
fn sources() -> Vec<(String, PathBuf)> {
    let src = root().join("src");
    let files = walkdir::WalkDir::new(&src).sort_by_file_name().into_iter();
    let files = files.map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
        .map(|path| {
            let first = path.strip_prefix(&src).unwrap().components().next().unwrap();
            let room = first.as_os_str().to_str().unwrap().trim_end_matches(".rs");
            (room.to_string(), path)
        })
        .collect()
}

/// A source without comments and without its tests, which stand at its end or in files of their
/// own.
fn code(path: &Path) -> String {
    let name = path.file_stem().unwrap().to_str().unwrap();
    if name == "tests" || name.ends_with("_tests") {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> =
        text.lines().map(|line| line.split("//").next().unwrap_or(line)).collect();
    let is_test = |pair: &[&str]| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    let end = lines.windows(2).position(is_test).unwrap_or(lines.len());
    lines[..end].join("\n")
}

/// The name that `text` begins with.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first names of a path's rest: one, or those of a group in braces.
fn first_names(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// All names that directly follow `crate::` or `llz::` in `code`.
fn names_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for prefix in ["crate::", "llz::"] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && !matches!(before, '_' | ':' | '$') {
                used.extend(first_names(&code[at + prefix.len()..]).into_iter().map(String::from));
            }
        }
    }
    used
}

/// Names that the crate's root exports again, with the rooms they come from.
fn exports() -> BTreeMap<String, String> {
    let root = code(&root().join("src/lib.rs"));
    let mut exports = BTreeMap::new();
    for statement in root.split("pub use ").skip(1) {
        let path = statement.split(';').next().unwrap();
        let room = name(path);
        let rest =
            path[room.len()..].trim_matches(|c: char| c.is_whitespace() || ":{}".contains(c));
        // The last word counts: `BuiltIn as BuiltInModel` exports the latter.
        let names = rest.split(',').filter_map(|item| item.split_whitespace().last());
        exports.extend(names.map(|name| (name.to_string(), room.to_string())));
    }
    exports
}

/// What each room uses, with one file that does.
fn used() -> BTreeMap<(String, String), PathBuf> {
    let exports = exports();
    let sources = sources();
    let rooms: BTreeSet<&str> = sources.iter().map(|(room, _)| &**room).collect();
    let mut used = BTreeMap::new();
    for (room, path) in &sources {
        if matches!(&**room, "lib" | "main") {
            continue;
        }
        for name in names_used(&code(path)) {
            let target = exports.get(&name).unwrap_or(&name);
            assert!(rooms.contains(&**target), "{}: what is {name}?", path.display());
            if target != room {
                used.entry((room.clone(), target.clone())).or_insert_with(|| path.clone());
            }
        }
    }
    used
}

#[test]
fn rooms_use_what_the_table_allows() {
    let allowed = allowed();
    for ((room, target), path) in used() {
        let base = BASE.iter().find(|(name, _)| *name == room);
        let fits = match base {
            Some((_, uses)) => uses.contains(&&*target),
            None => {
                BASE.iter().any(|(name, _)| *name == target)
                    || allowed.get(&room).is_some_and(|uses| uses.contains(&target))
            }
        };
        assert!(fits, "{} uses {target}, which {room} may not", path.display());
    }
}

#[test]
fn every_room_has_a_row_and_every_row_a_room() {
    let allowed = allowed();
    let mut rooms: BTreeSet<String> = sources().into_iter().map(|(room, _)| room).collect();
    let is_base = |room: &String| BASE.iter().any(|(name, _)| name == room);
    rooms.retain(|room| !matches!(&**room, "lib" | "main") && !is_base(room));
    assert_eq!(allowed.keys().cloned().collect::<BTreeSet<_>>(), rooms);
    for (room, uses) in &allowed {
        let strange: Vec<_> = uses.iter().filter(|used| !rooms.contains(*used)).collect();
        assert!(strange.is_empty(), "{room} may use {strange:?}, which are no rooms");
    }
}

/// Rooms can be put in an order in which each uses only those before it.
#[test]
fn the_table_has_no_cycle() {
    let mut left = allowed();
    while !left.is_empty() {
        let before = left.len();
        let there: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|_, uses| uses.iter().any(|used| there.contains(used)));
        assert!(left.len() < before, "these use each other: {:?}", left.keys());
    }
}

#[test]
fn paths_are_read_as_written() {
    let names = |code: &str| names_used(code).into_iter().collect::<Vec<_>>();
    assert_eq!(names("use crate::a::{b, c};"), ["a"]);
    assert_eq!(names("use llz::{a::{x, y::{z}}, B, self as c,};"), ["B", "a", "self"]);
    assert_eq!(names("fn f(x: crate::a::X) -> crate::b::Y"), ["a", "b"]);
    assert_eq!(names("xcrate::a, $crate::b, other::crate::c"), [""; 0]);
    // Of the real sources, some arrows that are sure to be there.
    assert!(used().contains_key(&("archive".into(), "format".into())));
    assert!(used().contains_key(&("cli".into(), "archive".into())));
    assert_eq!(exports().get("Level").map(String::as_str), Some("codec"));
}

/// docs/situations.md says which test holds what it promises.
#[test]
fn the_tests_of_the_situations_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/situations.md")).unwrap();
    let names = page.split('`').filter(|word| word.contains("::") && !word.contains(' '));
    let mut count = 0;
    for name in names {
        let (file, test) = name.split_once("::").unwrap();
        let source =
            std::fs::read_to_string(root.join(format!("tests/cli/{file}.rs"))).unwrap_or_default();
        assert!(source.contains(&format!("#[test]\nfn {test}(")), "there is no test {name}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}

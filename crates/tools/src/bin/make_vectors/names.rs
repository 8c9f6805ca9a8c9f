//! Archives with entries that must not be created: most refuse the whole archive, links that lead out only
//! themselves.

use crate::samples::RAW;
use crate::sections::{Item, Sections, dir, file, link};
use crate::vectors::{Expect, Vectors};

pub fn add_to(vectors: &mut Vectors) {
    let mut refuse = |name: &str, about: &str, items: &[Item]| {
        let items: Vec<Item> = [&[file("f", RAW)], items].concat();
        vectors.hostile(name, about, Sections::new().chunk(RAW).entries(&items).archive());
    };
    refuse("path-absolute", "an absolute path", &[dir("/tmp/llz")]);
    refuse("path-parent", "a path that begins with ..", &[dir("../llz")]);
    refuse("path-inner-parent", "a path with .. in it", &[dir("a/../../llz")]);
    refuse("path-dot", "a path with . in it", &[dir("a/./b")]);
    refuse("path-empty-part", "a path with an empty component", &[dir("a//b")]);
    refuse("path-slash", "a path that ends with /", &[dir("a/")]);
    refuse("path-nul", "a path with a NUL", &[dir("a\0b")]);
    refuse("path-escape", "a path with a terminal's escape sequence", &[dir("\x1b[2Ja")]);
    refuse("path-newline", "a path with a line feed", &[dir("a\nb")]);
    refuse("path-c1", "a path with a control character of Latin-1", &[dir("a\u{9b}b")]);
    refuse("path-twice", "two entries with one path", &[dir("d"), dir("d")]);
    refuse("below-file", "an entry below a file", &[dir("f/d")]);
    refuse("below-link", "an entry below a symbolic link", &[link("l", "f"), dir("l/d")]);
    refuse(
        "link-late",
        "a symbolic link where a folder is implied already",
        &[dir("l/d"), link("l", "f")],
    );
    refuse(
        "below-outward-link",
        "an entry below a symbolic link to an absolute path",
        &[link("l", "/tmp/llz"), dir("l/d")],
    );
    refuse("link-empty", "a symbolic link to nothing", &[link("l", "")]);
    refuse("link-newline", "a symbolic link with a line feed in its target", &[link("l", "f\n")]);
    let mut leave_out = |name: &str, about: &str, link: Item| {
        let bytes = Sections::new().chunk(RAW).entries(&[file("f", RAW), link]).archive();
        vectors.add(&format!("good-link-{name}"), Expect::Ok, about, bytes);
    };
    leave_out("absolute", "a symbolic link to an absolute path, to be left out", link("l", "/etc"));
    leave_out("out", "a symbolic link that leads out, to be left out", link("d/l", "../../x"));
    let about = "a symbolic link with .. after a name, to be left out";
    leave_out("winding", about, link("l", "d/../f"));
    let items =
        [file("f", RAW), dir("d"), link("l", "d/../f"), link("d/l", "e/.././../f"), dir("d/e")];
    let bytes = Sections::new().chunk(RAW).entries(&items).archive();
    let about = "symbolic links with .. after directories of the archive, to be made";
    vectors.add("good-link-inside", Expect::Ok, about, bytes);
}

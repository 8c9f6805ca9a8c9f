//! Archives that were updated: what counts, what is gone, and gaps.

use llz::format::{Footer, Header, Layout};
use llz::{EncodeOptions, Level, Limits, PackOptions, Progress, UpdateOptions};

use crate::Result;
use crate::packed::packed;
use crate::repeats::repeats;
use crate::samples::{CODE, RAW, TALE, plain, with};
use crate::sections::{Sections, copy, dir, file, varint};
use crate::vectors::{Expect, Vectors};

/// A section GONE of these paths.
fn gone(paths: &[&str]) -> Vec<u8> {
    let mut out = vec![0];
    varint(&mut out, paths.len() as u64);
    for path in paths {
        varint(&mut out, 0);
        varint(&mut out, path.len() as u64);
        out.extend(path.as_bytes());
    }
    out
}

/// These sections as another generation of an archive.
fn append(mut archive: Vec<u8>, sections: &Sections) -> Vec<u8> {
    let more = sections.archive();
    let footer: [u8; Footer::LEN] = *more.last_chunk().expect("an archive has a footer");
    let mut footer = Footer::parse(&footer).expect("made just now");
    footer.index_offset += (archive.len() - Header::LEN) as u64;
    archive.extend(&more[Header::LEN..more.len() - Footer::LEN]);
    archive.extend(footer.to_bytes());
    archive
}

/// A file that is replaced, one that is deleted, and one that is added, in three generations.
fn three() -> [Vec<u8>; 3] {
    let (old, new) = (b"old content".as_slice(), b"new content, which is longer".as_slice());
    let first = Sections::new()
        .chunk(old)
        .chunk(RAW)
        .entries(&[dir("d"), file("d/replaced", old), file("d/deleted", RAW)])
        .archive();
    let second = Sections::new()
        .chunk(new)
        .entries(&[file("d/replaced", new), copy("added", 2)])
        .other(b"GONE", &gone(&["d/replaced"]));
    let second = append(first.clone(), &second);
    let third = Sections::new()
        .other(b"GONE", &gone(&["d/deleted", "d/replaced"]))
        .entries(&[copy("d/replaced", 4)]);
    [first, second.clone(), append(second, &third)]
}

pub fn add_to(vectors: &mut Vectors) -> Result<()> {
    let [first, second, third] = three();
    let ok = Expect::Ok;
    let about =
        "three generations: a file is replaced twice, one deleted, one added as a copy of it";
    vectors.add("good-updated", ok, about, third.clone());
    let about = "an update that was not finished, after a generation that is whole";
    vectors.add("good-unfinished", ok, about, third[..third.len() - 30].to_vec());
    let zeros = with(second.clone(), |bytes| {
        bytes.extend(&third[second.len()..second.len() + 16]);
        bytes.extend([0; 600]);
    });
    vectors.add(
        "good-unfinished-zeros",
        ok,
        "zeros of an update that did not come to the disk",
        zeros,
    );
    vectors.add(
        "good-levels",
        ok,
        "generations of other levels, and a model of the first in the last",
        levels()?,
    );
    vectors.add(
        "good-compacted",
        ok,
        "what compacting makes: chunks in which some files are gone",
        compacted()?,
    );

    let damaged = |at: usize| with(third.clone(), |bytes| bytes[at] ^= 1);
    let about = "a flipped bit in the footer of the last generation, which must not bring back the one before";
    vectors.bad("update-footer-bit", about, damaged(third.len() - 20));
    let inner = first.len() - 20;
    vectors.bad(
        "update-first-footer-bit",
        "a flipped bit in the footer of the first of three generations",
        damaged(inner),
    );
    let about = "a flipped bit in the first section of the last generation";
    vectors.bad("update-section-bit", about, damaged(second.len() + 5));
    let on = |sections: &Sections| append(first.clone(), sections);
    let going = |paths: &[&str]| Sections::new().other(b"GONE", &gone(paths));
    vectors.bad("gone-nothing", "a path that no entry has is gone", on(&going(&["d/other"])));
    vectors.bad("gone-twice", "a path is gone twice", on(&going(&["d/deleted", "d/deleted"])));
    let again = append(on(&going(&["d/deleted"])), &going(&["d/deleted"]));
    vectors.bad("gone-already", "a path is gone that went before", again);
    let own = Sections::new().entries(&[dir("e")]).other(b"GONE", &gone(&["e"]));
    vectors.bad("gone-own", "an entry of the same generation is gone", on(&own));
    let early = plain().other(b"GONE", &gone(&["f"])).archive();
    vectors.bad("gone-first", "an entry of the first generation is gone in it", early);
    let cut = with(gone(&["d/deleted"]), |bytes| bytes.truncate(4));
    vectors.bad("gone-cut", "a path that is cut short", on(&Sections::new().other(b"GONE", &cut)));
    let without = Sections::default().entries(&[dir("e")]);
    vectors.bad("update-no-params", "a generation without section PARM", on(&without));
    let unowned = Sections::new().chunk(RAW);
    let late = append(on(&unowned), &Sections::new().entries(&[file("late", RAW)]));
    vectors.bad(
        "update-unowned",
        "content that a generation gives to no file, though the next does",
        late,
    );
    let both = Sections::new().entries(&[dir("d")]);
    let about = "an entry in the place of one that is not gone";
    vectors.add("bad-update-twice", Expect::Unsafe, about, on(&both));
    let below =
        Sections::new().other(b"GONE", &gone(&["d"])).chunk(b"d").entries(&[file("d", b"d")]);
    vectors.add(
        "bad-update-below",
        Expect::Unsafe,
        "a file in the place of a directory that is not empty",
        on(&below),
    );

    let gap = |table: &[(u64, u64, u64)], len: usize| {
        Sections::with_reach(32)
            .chunk(RAW)
            .other(b"REPS", &repeats(table))
            .entries(&[file("f", &vec![0; len])])
            .archive()
    };
    let len = RAW.len();
    let content = [&RAW[5..10], &RAW[..5], &RAW[20..]].concat();
    let sound = Sections::with_reach(32)
        .chunk(RAW)
        .other(b"REPS", &repeats(&[(0, 0, 5), (5, 10, 5), (0, 0, 10)]))
        .entries(&[file("f", &content)]);
    vectors.add(
        "good-gaps",
        ok,
        "gaps at the beginning and in the middle, and a repeat out of one",
        sound.archive(),
    );
    vectors.bad("gap-empty", "a gap of length 0", gap(&[(5, 0, 0)], len));
    vectors.bad("gap-beyond", "a gap that ends beyond the chunks", gap(&[(5, 0, 99)], 5));
    vectors.bad("gap-overflow", "a gap that ends beyond 64 bits", gap(&[(5, 0, u64::MAX)], 5));
    let after = Sections::new()
        .chunk(RAW)
        .entries(&[file("f", RAW)])
        .other(b"REPS", &repeats(&[(5, 0, 5)]))
        .archive();
    vectors.bad("gap-late", "a gap in content that a file has already", after);
    Ok(())
}

fn options(level: u8) -> Result<PackOptions> {
    let encode =
        EncodeOptions { level: Level::new(level)?, chunk_size: Some(4000), ..Default::default() };
    Ok(PackOptions { encode, ..Default::default() })
}

/// An archive of level 4 to which level 1 and then level 4 have added, in a folder of its own.
fn levels() -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let archive = dir.path().join("a.llz");
    std::fs::write(&archive, packed(4, 4000, &[("tale.txt", TALE.repeat(9).into_bytes())])?)?;
    for (level, name, content) in
        [(1, "code.rs", CODE.repeat(20)), (4, "more.txt", TALE.repeat(12))]
    {
        let place = dir.path().join(name);
        std::fs::write(&place, content)?;
        let time =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        std::fs::File::options().write(true).open(&place)?.set_modified(time)?;
        set_plain_mode(&place)?;
        let pack = PackOptions { directory: dir.path().into(), ..options(level)? };
        let options = UpdateOptions { pack, ..UpdateOptions::default() };
        llz::add(&archive, &[name.into()], &options, &Progress::default())?;
    }
    Ok(std::fs::read(archive)?)
}

/// An archive out of which some files were deleted.
fn compacted() -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let archive = dir.path().join("a.llz");
    let text = |number: usize, len: usize| {
        let lines: String = (0..len)
            .map(|line| format!("{}\n", (line + number * 31).pow(2) * 7919 % 10_007))
            .collect();
        lines.as_bytes()[..len].to_vec()
    };
    let files: Vec<(String, Vec<u8>)> = [3000, 200, 3000, 9000, 100, 400]
        .into_iter()
        .enumerate()
        .map(|(number, len)| (format!("{number}.txt"), text(number, len)))
        .collect();
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, content)| (&**name, content.clone())).collect();
    std::fs::write(&archive, packed(1, 4000, &files)?)?;
    llz::delete(
        &archive,
        &["v/1.txt".into(), "v/4.txt".into()],
        Limits::default(),
        &Progress::default(),
    )?;
    let options = UpdateOptions { pack: options(1)?, ..UpdateOptions::default() };
    llz::compact(&archive, &options, &Progress::default())?;
    let bytes = std::fs::read(archive)?;
    let gaps = Layout::open(&bytes, &Limits::default())?;
    let content: u64 = gaps.entries().iter().map(llz::Entry::size).sum();
    assert!(
        gaps.raw_len() > content / 2 && bytes.windows(4).any(|kind| kind == b"REPS"),
        "gaps are written"
    );
    Ok(bytes)
}

fn set_plain_mode(_place: &std::path::Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(_place, std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

//! Links that lead out: made only if asked for, and no way out for what is unpacked.

use std::fs;
use std::path::Path;

use super::hostile_tests::{archive, file, link};
use crate::format::Entry;
use crate::{
    Archive, DecodeOptions, Error, Progress, UnpackLinks, UnpackOptions, unpack_reader,
};

/// An entry below a link is unsafe also for those who let links lead out.
#[test]
fn links_that_lead_out_let_nothing_out() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let target = outside.to_str().unwrap();
    let links = UnpackLinks::All;
    let options = UnpackOptions { links, ..UnpackOptions::default() };
    let (decode, progress) = (DecodeOptions::default(), Progress::default());
    let unpack = |entries: &[Entry], pipe, dest: &Path| {
        let bytes = archive(b"x", entries);
        if pipe {
            return unpack_reader(&mut &bytes[..], dest, &decode, &options, &progress);
        }
        Archive::from_bytes(bytes, decode.clone())?.unpack(dest, &options, &progress)
    };
    let (out, below) = (link("a", target), file("a/b", b"x"));
    for pipe in [false, true] {
        let dest = dir.path().join("dest");
        for entries in [[out.clone(), below.clone()], [below.clone(), out.clone()]] {
            let refused = unpack(&entries, pipe, &dest);
            assert!(matches!(refused, Err(Error::Unsafe { .. })), "{refused:?}");
            assert!(!dest.exists());
        }
        // The link is there already, and the next archive has something below its name.
        let summary = unpack(&[out.clone(), file("b", b"x")], pipe, &dest).unwrap();
        assert_eq!((summary.symlinks, summary.skipped.len()), (1, 0));
        assert_eq!(fs::read_link(dest.join("a")).unwrap(), outside);
        let refused = unpack(std::slice::from_ref(&below), pipe, &dest);
        assert!(matches!(refused, Err(Error::Exists(_))), "{refused:?}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        fs::remove_dir_all(&dest).unwrap();
    }
}

#[test]
fn links_that_lead_out_are_not_made_unless_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let outward = [("a", "/etc"), ("b", ".."), ("d/c", "../../x"), ("d/e", "f/../g")];
    let mut entries = vec![file("f", b"x"), link("d/in", "../f"), link("nowhere", "n")];
    entries.extend(outward.map(|(path, target)| link(path, target)));
    let bytes = archive(b"x", &entries);
    let names: Vec<_> = outward.iter().map(|(path, _)| Path::new(path)).collect();
    for (number, pipe) in [false, true].into_iter().enumerate() {
        let (decode, progress) = (DecodeOptions::default(), Progress::default());
        let unpack = |links| {
            let options = UnpackOptions { links, ..UnpackOptions::default() };
            let dest = dir.path().join(format!("{number}{links:?}"));
            let summary = match pipe {
                true => unpack_reader(&mut &bytes[..], &dest, &decode, &options, &progress),
                false => Archive::from_bytes(bytes.clone(), decode.clone())
                    .and_then(|archive| archive.unpack(&dest, &options, &progress)),
            };
            (summary.unwrap(), dest)
        };
        let (summary, dest) = unpack(UnpackLinks::Inside);
        let skipped: Vec<_> = summary.skipped.iter().map(|(path, _)| &**path).collect();
        assert_eq!((summary.files, summary.symlinks, skipped), (1, 2, names.clone()));
        assert!(names.iter().all(|name| dest.join(name).symlink_metadata().is_err()));
        assert_eq!(fs::read(dest.join("d/in")).unwrap(), b"x");

        let (summary, dest) = unpack(UnpackLinks::All);
        assert_eq!((summary.symlinks, summary.skipped.len(), summary.losses.len()), (6, 0, 0));
        for (path, target) in outward {
            assert_eq!(fs::read_link(dest.join(path)).unwrap(), Path::new(target));
        }
        let (summary, _) = unpack(UnpackLinks::Skip);
        assert_eq!((summary.files, summary.symlinks, summary.skipped.len()), (1, 0, 6));
    }
}

//! Archives that are updated hold what a plain list says they hold, however they are read.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use llz::{
    Archive, DecodeOptions, EncodeOptions, EntryKind, Error, Level, Limits, PackOptions, Progress,
    UnpackOptions, UpdateOptions,
};
use proptest::prelude::*;

/// What is at a path.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    File(Vec<u8>),
    Directory,
    Link(String),
}

/// A step of somebody's work.
#[derive(Debug, Clone)]
enum Step {
    /// Writes a file of this size and seed.
    Write(&'static str, u16, u8),
    Link(&'static str, &'static str),
    /// Removes what is there from the disk, but not from the archive.
    Remove(&'static str),
    /// Gives a file another time and no other content.
    Touch(&'static str),
    Add {
        path: &'static str,
        by_content: bool,
        level: u8,
    },
    Delete(&'static str),
    Compact {
        level: u8,
    },
    /// Leaves behind the archive what an update that was not finished leaves.
    Crash(u16),
}

const PATHS: [&str; 7] = ["a", "d", "d/a", "d/b", "d/e", "d/e/a", "f"];

fn any_step() -> impl Strategy<Value = Step> {
    let path = || prop::sample::select(&PATHS[..]);
    let size = prop_oneof![0u16..3, 1u16..300, 4000u16..9000];
    prop_oneof![
        4 => (path(), size, 0u8..4).prop_map(|(path, size, seed)| Step::Write(path, size, seed)),
        1 => (path(), path()).prop_map(|(path, target)| Step::Link(path, target)),
        1 => path().prop_map(Step::Remove),
        1 => path().prop_map(Step::Touch),
        4 => (prop::sample::select(&["", "a", "d", "d/a", "d/e", "f"][..]), any::<bool>(), 1u8..3)
            .prop_map(|(path, by_content, level)| Step::Add { path, by_content, level }),
        2 => path().prop_map(Step::Delete),
        1 => (1u8..3).prop_map(|level| Step::Compact { level }),
        1 => (1u16..200).prop_map(Step::Crash),
    ]
}

struct World {
    dir: tempfile::TempDir,
    /// What the archive is to hold.
    held: BTreeMap<String, Node>,
    /// Every file is written at a time of its own.
    clock: u64,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("disk")).unwrap();
        let world = World { dir, held: BTreeMap::new(), clock: 0 };
        fs::write(world.disk("first"), "the first").unwrap();
        let first = [PathBuf::from("first")];
        llz::pack_to_path(&first, &world.archive(), false, &world.options(1), &Progress::default())
            .unwrap();
        fs::remove_file(world.disk("first")).unwrap();
        World {
            held: BTreeMap::from([("first".into(), Node::File(b"the first".to_vec()))]),
            ..world
        }
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("a.llz")
    }

    fn disk(&self, path: &str) -> PathBuf {
        self.dir.path().join("disk").join(path)
    }

    fn options(&self, level: u8) -> PackOptions {
        let encode = EncodeOptions {
            level: Level::new(level).unwrap(),
            chunk_size: Some(3000),
            threads: 1,
            ..EncodeOptions::default()
        };
        PackOptions { encode, directory: self.dir.path().join("disk"), ..PackOptions::default() }
    }

    /// Makes room for something at `path`.
    fn clear(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            let above = self.disk(&path[..end]);
            if above.symlink_metadata().is_ok_and(|there| !there.is_dir()) {
                fs::remove_file(&above).unwrap();
            }
        }
        let place = self.disk(path);
        match place.symlink_metadata() {
            Ok(there) if there.is_dir() => fs::remove_dir_all(&place).unwrap(),
            Ok(_) => fs::remove_file(&place).unwrap(),
            Err(_) => {}
        }
        fs::create_dir_all(place.parent().unwrap()).unwrap();
    }

    fn touch(&mut self, path: &str) {
        self.clock += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + self.clock);
        if let Ok(file) = File::options().write(true).open(self.disk(path)) {
            file.set_modified(time).unwrap();
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Write(path, size, seed) => {
                self.clear(path);
                let content: Vec<u8> = (0..size).map(|index| (index / 9) as u8 ^ seed).collect();
                fs::write(self.disk(path), content).unwrap();
                self.touch(path);
            }
            Step::Link(path, target) => {
                self.clear(path);
                std::os::unix::fs::symlink(target, self.disk(path)).unwrap();
            }
            Step::Remove(path) => self.clear(path),
            Step::Touch(path) => self.touch(path),
            Step::Add { path, by_content, level } => self.add(path, by_content, level),
            Step::Delete(path) => self.delete(path),
            Step::Compact { level } => self.compact(level),
            Step::Crash(len) => {
                // A generation that was not finished is the beginning of one that was. The next run cuts it off first.
                let archive = Archive::open(&self.archive(), DecodeOptions::default()).unwrap();
                if archive.unfinished() > 0 {
                    return;
                }
                let mut bytes = fs::read(self.archive()).unwrap();
                let params = 24..24 + 16 + usize::from(bytes[28]);
                let rest: Vec<u8> =
                    bytes[params].iter().copied().cycle().take(len.into()).collect();
                bytes.extend(rest);
                fs::write(self.archive(), bytes).unwrap();
            }
        }
    }

    fn add(&mut self, path: &str, by_content: bool, level: u8) {
        let before = fs::read(self.archive()).unwrap();
        let options =
            UpdateOptions { pack: self.options(level), by_content, ..UpdateOptions::default() };
        // All of the directory is named by what is in it.
        let paths: Vec<PathBuf> = match path {
            "" => fs::read_dir(self.disk(""))
                .unwrap()
                .map(|item| item.unwrap().file_name().into())
                .collect(),
            path => vec![path.into()],
        };
        let added = llz::add(&self.archive(), &paths, &options, &Progress::default());
        let there =
            paths.iter().any(|path| self.disk(path.to_str().unwrap()).symlink_metadata().is_ok());
        if !there {
            assert_eq!(added.is_err(), !paths.is_empty());
            return;
        }
        let summary = added.unwrap();
        let after = fs::read(self.archive()).unwrap();
        let kept = before.len() - summary.unfinished_bytes as usize;
        assert_eq!(after.len() as u64, kept as u64 + summary.written_bytes);
        assert!(after.starts_with(&before[..kept]), "what was there is not written again");
        for root in &paths {
            self.hold(root.to_str().unwrap());
        }
        let again = llz::add(&self.archive(), &paths, &options, &Progress::default()).unwrap();
        assert_eq!(again.written_bytes, 0, "what has not changed costs nothing");
    }

    /// The plain list takes in what is on the disk.
    fn hold(&mut self, path: &str) {
        let place = self.disk(path);
        let Ok(there) = place.symlink_metadata() else { return };
        let node = match () {
            () if there.is_dir() => Node::Directory,
            () if there.is_symlink() => {
                Node::Link(place.read_link().unwrap().to_str().unwrap().into())
            }
            () => Node::File(fs::read(&place).unwrap()),
        };
        if node != Node::Directory {
            self.held.retain(|other, _| !is_below(other, path));
        }
        for (end, _) in path.match_indices('/') {
            if self.held.get(&path[..end]).is_some_and(|above| *above != Node::Directory) {
                self.held.remove(&path[..end]);
            }
        }
        self.held.insert(path.into(), node);
        if there.is_dir() {
            for item in fs::read_dir(&place).unwrap() {
                let name = item.unwrap().file_name();
                self.hold(&format!("{path}/{}", name.to_str().unwrap()));
            }
        }
    }

    fn delete(&mut self, path: &str) {
        let deleted =
            llz::delete(&self.archive(), &[path.into()], Limits::default(), &Progress::default());
        let is_there = |other: &String| other == path || is_below(other, path);
        if !self.held.keys().any(is_there) {
            assert!(matches!(deleted, Err(Error::Usage(_))));
            return;
        }
        let summary = deleted.unwrap();
        let count = self.held.keys().filter(|other| is_there(other)).count() as u64;
        assert_eq!(summary.files + summary.dirs + summary.symlinks, count);
        self.held.retain(|other, _| !is_there(other));
    }

    fn compact(&self, level: u8) {
        let pack = PackOptions { verify: true, ..self.options(level) };
        let options = UpdateOptions { pack, ..UpdateOptions::default() };
        let summary = llz::compact(&self.archive(), &options, &Progress::default()).unwrap();
        assert_eq!(fs::read(self.archive()).unwrap().len() as u64, summary.bytes);
        let beside: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 2, "nothing is left behind: {beside:?}");
        // What one run has freed leaves nothing for the next.
        let again = llz::compact(&self.archive(), &options, &Progress::default()).unwrap();
        assert!(again.bytes <= summary.bytes, "{summary:?} {again:?}");
    }

    /// Compares the archive, read in every way, with the plain list.
    fn check(&self) {
        let archive = Archive::open(&self.archive(), DecodeOptions::default()).unwrap();
        let listed: BTreeMap<String, Node> = (archive.entries().iter())
            .map(|entry| {
                let node = match &entry.kind {
                    EntryKind::File { .. } => {
                        Node::File(archive.read_file(&entry.path, &Progress::default()).unwrap())
                    }
                    EntryKind::Directory => Node::Directory,
                    EntryKind::Symlink { target } => Node::Link(target.clone()),
                };
                (entry.path.clone(), node)
            })
            .collect();
        assert_eq!(listed, self.held);
        archive.test(&Progress::default()).unwrap();
        let (options, progress) = (UnpackOptions::default(), Progress::default());
        let (by_index, by_pipe) = (self.dir.path().join("1"), self.dir.path().join("2"));
        archive.unpack(&by_index, &options, &progress).unwrap();
        let mut reader = File::open(self.archive()).unwrap();
        let decode = DecodeOptions::default();
        llz::unpack_reader(&mut reader, &by_pipe, &decode, &options, &progress).unwrap();
        for tree in [&by_index, &by_pipe] {
            for (path, node) in &self.held {
                let place = tree.join(path);
                match node {
                    Node::File(content) => {
                        assert_eq!(&fs::read(&place).unwrap(), content, "{path}")
                    }
                    Node::Directory => {
                        assert!(place.symlink_metadata().unwrap().is_dir(), "{path}")
                    }
                    Node::Link(target) => {
                        assert_eq!(place.read_link().unwrap(), Path::new(target), "{path}");
                    }
                }
            }
            assert_eq!(count(tree), self.on_disk(), "nothing else is there");
            fs::remove_dir_all(tree).unwrap();
        }
    }

    /// How many things there are when all that is held is unpacked, with the directories that only a path implies.
    fn on_disk(&self) -> usize {
        let above = |path: &String| -> Vec<String> {
            path.match_indices('/')
                .map(|(end, _)| path[..end].to_owned())
                .chain([path.clone()])
                .collect()
        };
        self.held.keys().flat_map(above).collect::<std::collections::BTreeSet<_>>().len()
    }
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

fn count(tree: &Path) -> usize {
    let Ok(items) = fs::read_dir(tree) else { return 0 };
    items
        .map(|item| {
            let item = item.unwrap();
            1 + if item.file_type().unwrap().is_dir() { count(&item.path()) } else { 0 }
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_updated_archive_holds_what_it_should(steps in prop::collection::vec(any_step(), 1..14)) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.check();
    }
}

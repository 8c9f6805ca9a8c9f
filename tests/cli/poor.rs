//! File systems that lack what Unix has. A FAT image is mounted where the machine allows that; where
//! it does not, the test says so and ends.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{llz, names, scratch, write};

/// A mounted FAT file system; unmounted at the end.
struct Fat(PathBuf);

impl Fat {
    fn mount(dir: &Path) -> Option<Fat> {
        let (image, at) = (dir.join("image"), dir.join("fat"));
        fs::File::create(&image).ok()?.set_len(16 << 20).ok()?;
        fs::create_dir(&at).ok()?;
        let runs = |command: &mut Command| command.output().is_ok_and(|ran| ran.status.success());
        let made = runs(Command::new("mkfs.vfat").arg(&image));
        let mounted = made
            && runs(Command::new("mount").args(["-t", "vfat", "-o", "loop"]).arg(&image).arg(&at));
        mounted.then(|| Fat(at))
    }
}

impl Drop for Fat {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn packing_onto_fat_and_unpacking_onto_it_works() {
    let dir = scratch();
    let Some(fat) = Fat::mount(dir.path()) else {
        eprintln!("skipped: no FAT file system can be mounted here");
        return;
    };
    write(dir.path().join("t/private"), "p\n");
    fs::set_permissions(dir.path().join("t/private"), fs::Permissions::from_mode(0o600)).unwrap();
    write(dir.path().join("t/a:b"), "colon\n");
    write(dir.path().join("t/plain"), "plain\n");
    symlink("plain", dir.path().join("t/link")).unwrap();
    let archive = fat.0.join("t.llz");
    for force in [&[][..], &["-f"]] {
        llz(dir.path())
            .args(["pack", "-1", "t", "-o"])
            .arg(&archive)
            .args(force)
            .assert()
            .success();
    }
    assert_eq!(names(&fat.0), ["t.llz"]);
    let into = fat.0.join("back");
    let done = llz(dir.path()).arg("unpack").arg(&archive).arg("-C").arg(&into).assert().code(4);
    let text = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    assert!(text.contains("not kept: symbolic link of t/link"), "{text}");
    assert!(text.contains("not kept: name of t/a:b"), "{text}");
    assert_eq!(names(&into.join("t")), ["plain", "private"]);
    assert_eq!(fs::read(into.join("t/plain")).unwrap(), b"plain\n");
}

//! Reads one file out of an archive to standard output, decoding no more than the chunks that it lies in. Without
//! a file's name it lists the archive.
//!
//! ```sh
//! cargo run --release --example read_file -- notes.llz
//! cargo run --release --example read_file -- notes.llz notes/today.txt
//! ```

use std::path::Path;

use llz::{Archive, DecodeOptions, Progress};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (archive, file) = match arguments.as_slice() {
        [archive] => (archive, None),
        [archive, file] => (archive, Some(file)),
        _ => return Err("usage: read_file ARCHIVE [FILE]".into()),
    };
    let archive = Archive::open(Path::new(archive), DecodeOptions::default())?;
    match file {
        Some(file) => {
            let output = &mut std::io::stdout().lock();
            archive.copy_file(file, output, &Progress::default())?;
        }
        None => {
            for entry in archive.entries() {
                println!("{:>12} {}", entry.size(), entry.path);
            }
        }
    }
    Ok(())
}

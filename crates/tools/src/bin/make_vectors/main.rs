//! Makes `spec/vectors/`: archives and streams that are good, bad, or from the future, one line
//! about each in its README.md. `cargo run --release -p llz-tools --bin make_vectors` writes them all anew;
//! `tests/vectors.rs` checks that each behaves as its line says.

mod container;
mod content;
mod embedded;
mod future;
mod generations;
mod good;
mod messages;
mod names;
mod packed;
mod records;
mod repeats;
mod samples;
mod sections;
mod small;
mod two_models;
mod vectors;

use std::error::Error;
use std::fs;
use std::path::Path;

use vectors::{Expect, Vector, Vectors};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let mut vectors = Vectors::default();
    good::add_to(&mut vectors)?;
    container::add_to(&mut vectors);
    content::add_to(&mut vectors);
    names::add_to(&mut vectors);
    future::add_to(&mut vectors);
    repeats::add_to(&mut vectors)?;
    generations::add_to(&mut vectors)?;
    small::add_to(&mut vectors);
    embedded::add_to(&mut vectors)?;
    messages::add_to(&mut vectors)?;
    records::add_to(&mut vectors)?;
    write(&folder, &vectors.0)
}

fn write(folder: &Path, vectors: &[Vector]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "llz" || extension == "llzs") {
            fs::remove_file(path)?;
        }
    }
    let mut readme = String::from(README);
    for vector in vectors {
        let expect = match vector.expect {
            Expect::Ok => "ok",
            Expect::Corrupt => "corrupt",
            Expect::Unsafe => "unsafe",
            Expect::Unsupported => "unsupported",
            Expect::Model => "model",
        };
        fs::write(folder.join(&vector.name), &vector.bytes)?;
        readme += &format!("| `{}` | {expect} | {} |\n", vector.name, vector.about);
    }
    fs::write(folder.join("README.md"), readme)?;
    println!("{} vectors in {}", vectors.len(), folder.display());
    Ok(())
}

const README: &str = "\
# Test vectors

Made by `cargo run --release -p llz-tools --bin make_vectors`, checked by `tests/vectors.rs`. A reader must
accept every `ok`, with the sizes and checksums that the archive itself states, and refuse every
other: `corrupt` because its bytes contradict themselves, `unsafe` because of what it would create,
`unsupported` because it is whole but needs something newer, `model` because it needs a model that
does not exist. Nothing may be left behind by a refusal. A symbolic link that leads out is left out, and
nothing else. `.llzs` are streams and messages.
`trees.sha256` lists what the good ones hold.

| file | a reader says | because |
|---|---|---|
";

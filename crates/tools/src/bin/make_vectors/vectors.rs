//! The list of vectors, and what a reader must make of each.

/// What a reader must make of a vector, in the words of README.md.
#[derive(Clone, Copy)]
pub enum Expect {
    Ok,
    Corrupt,
    Unsafe,
    Unsupported,
    Model,
}

/// A file of spec/vectors with its line in README.md.
pub struct Vector {
    pub name: String,
    pub expect: Expect,
    pub about: String,
    pub bytes: Vec<u8>,
}

/// All vectors, in the order of README.md.
#[derive(Default)]
pub struct Vectors(pub Vec<Vector>);

impl Vectors {
    /// Adds an archive, unless the name says what else it is.
    pub fn add(&mut self, name: &str, expect: Expect, about: &str, bytes: Vec<u8>) {
        let name = if name.contains('.') { name.into() } else { format!("{name}.llz") };
        let about = about.into();
        self.0.push(Vector { name, expect, about, bytes });
    }

    /// Adds an archive that contradicts itself.
    pub fn bad(&mut self, name: &str, about: &str, bytes: Vec<u8>) {
        self.add(&format!("bad-{name}"), Expect::Corrupt, about, bytes);
    }

    /// Adds an archive that would create what nothing may create.
    pub fn hostile(&mut self, name: &str, about: &str, bytes: Vec<u8>) {
        self.add(&format!("bad-{name}"), Expect::Unsafe, about, bytes);
    }

    /// Adds an archive that needs something newer.
    pub fn unsupported(&mut self, name: &str, about: &str, bytes: Vec<u8>) {
        self.add(&format!("unsupported-{name}"), Expect::Unsupported, about, bytes);
    }
}

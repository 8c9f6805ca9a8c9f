//! The `llz` program.
fn main() {}

//! Encodes one message with the library: standard input to standard output, `-d` decodes.
//!
//! ```sh
//! cargo run --release --example message < letter.txt > letter.llzs
//! cargo run --release --example message -- -d < letter.llzs
//! ```

use std::io::{Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let decode = std::env::args().any(|argument| argument == "-d");
    let output = if decode { llz::decode(&input)? } else { llz::encode(&input) };
    std::io::stdout().lock().write_all(&output)?;
    Ok(())
}

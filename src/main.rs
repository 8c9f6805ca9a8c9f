//! The `llz` program.
#![deny(unsafe_code)]

mod cli;
#[allow(unsafe_code)]
#[path = "sys/early.rs"]
mod early;

fn main() -> std::process::ExitCode {
    cli::main()
}

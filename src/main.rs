//! The `llz` program.
#![deny(unsafe_code)]

mod cli;
#[allow(unsafe_code)]
mod process;

use process::memory;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

fn main() -> std::process::ExitCode {
    memory::set_clean_up(cli::OUT_OF_MEMORY, llz::remove_unfinished);
    cli::main()
}

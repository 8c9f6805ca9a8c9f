//! The `llz` program.
#![deny(unsafe_code)]

mod cli;
#[allow(unsafe_code)]
#[path = "sys/early.rs"]
mod early;
#[allow(unsafe_code)]
#[path = "sys/memory.rs"]
mod memory;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

fn main() -> std::process::ExitCode {
    memory::set_clean_up(llz::remove_unfinished);
    cli::main()
}

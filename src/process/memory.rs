//! Running out of memory as an error with words and an exit code, instead of an abort.
//!
//! Rust offers no way to fail softly once an ordinary allocation has failed, and an allocator must
//! not unwind. So the program's allocator ends the process itself: it says why in the words it was given, removes the file
//! that is being written, and exits. What is not a file is swept by the next run.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The words to say and the work to do before the process ends.
static CLEAN_UP: OnceLock<(&str, fn())> = OnceLock::new();

/// Sets the words that the program says before it ends for lack of memory, and the work that it does then.
pub fn set_clean_up(words: &'static str, clean_up: fn()) {
    // Set once, at the start of the program.
    let _ = CLEAN_UP.set((words, clean_up));
}

/// The system's allocator, which never answers that there is nothing left.
pub struct Allocator;

// SAFETY: every call goes to the system's allocator as it came, and what that answers is handed on
// unless it is a failure; then the process ends and nothing is answered.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        given(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        given(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        given(unsafe { System.realloc(block, layout, size) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline(always)]
fn given(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        give_up();
    }
    block
}

#[cold]
fn give_up() -> ! {
    static ASKED: AtomicBool = AtomicBool::new(false);
    // Cleaning up may allocate and fail again, or another thread may fail meanwhile.
    if !ASKED.swap(true, Ordering::Relaxed)
        && let Some((words, clean_up)) = CLEAN_UP.get()
    {
        say(words.as_bytes());
        clean_up();
    }
    leave()
}

#[cfg(unix)]
fn say(text: &[u8]) {
    // SAFETY: the pointer and the length are those of a slice. Nothing is to be done about a
    // failure.
    let _ = unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

#[cfg(not(unix))]
fn say(text: &[u8]) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text);
}

#[cfg(unix)]
fn leave() -> ! {
    // SAFETY: it takes a number and ends the process without running anything of ours.
    unsafe { libc::_exit(1) }
}

#[cfg(not(unix))]
fn leave() -> ! {
    std::process::exit(1)
}

//! Finds the standard streams that were closed when the program was started.
//!
//! Rust's runtime opens `/dev/null` in place of a closed standard stream before `main`, so that no
//! other file gets its number. From then on a closed output looks like a null device: everything
//! is lost and every write succeeds. It cannot be told from one that was meant: Python's `DEVNULL`
//! and Node's `'ignore'` open `/dev/null` for reading and writing, just as Rust does. So the
//! streams are looked at earlier, by a function that the loader calls before the runtime starts.

/// Says whether descriptor 0, 1 or 2 was closed. On Windows there is nothing like it.
pub fn was_closed(descriptor: u8) -> bool {
    #[cfg(unix)]
    return unix::CLOSED.load(std::sync::atomic::Ordering::Relaxed) >> descriptor & 1 == 1;
    #[cfg(not(unix))]
    {
        let _ = descriptor;
        false
    }
}

/// Makes a write beyond the permitted file size fail, instead of ending the process by SIGXFSZ.
pub fn ignore_file_size_signal() {
    #[cfg(unix)]
    // SAFETY: it installs no function, only the system's own way of ignoring a signal.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

#[cfg(unix)]
mod unix {
    use std::sync::atomic::{AtomicU8, Ordering};

    /// One bit per descriptor.
    pub static CLOSED: AtomicU8 = AtomicU8::new(0);

    // SAFETY: the section holds addresses of functions that the loader calls once, on the only
    // thread there is, with arguments that a C function may ignore. `look` needs nothing of Rust's
    // runtime, which has not started: it makes system calls and changes an atomic.
    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static LOOK: extern "C" fn() = look;

    extern "C" fn look() {
        for descriptor in 0..3 {
            // SAFETY: F_GETFD takes any number and touches no memory; it fails for one that is not
            // open.
            if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
                CLOSED.fetch_or(1 << descriptor, Ordering::Relaxed);
            }
        }
    }
}

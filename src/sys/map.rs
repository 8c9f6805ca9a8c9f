//! Read-only memory maps with a safe interface.

use std::fs::File;
use std::io;
use std::ops::Deref;

/// A whole file mapped read-only.
///
/// Someone else may still truncate or rewrite the file while it is mapped, and its disk may fail. Where a page
/// cannot be read any more it reads as zeros, on Unix by a handler of SIGBUS that concerns itself with these maps
/// only. On Windows a mapped file cannot be truncated. Nothing read from the map is ever trusted without a check, so
/// zeros in place of what was there make a checksum fail.
#[derive(Debug)]
pub struct Map {
    /// Given up before the map is: a guard of memory that is someone else's would do harm.
    #[cfg(unix)]
    guard: guard::Guard,
    map: memmap2::Mmap,
}

impl Map {
    /// Maps `file` from its first to its last byte. An empty file gives an empty slice.
    pub fn open(file: &File) -> io::Result<Self> {
        // SAFETY: the map is read-only and private to this value, and it is only ever handed out
        // as `&[u8]`. The bytes may change underneath if another process writes the file. Every
        // length read from the map is used through a bounds-checked slice; a change between check
        // and use gives other bytes, never an access outside.
        let map = unsafe { memmap2::Mmap::map(file)? };
        #[cfg(unix)]
        let guard = guard::Guard::of(&map)?;
        Ok(Map {
            #[cfg(unix)]
            guard,
            map,
        })
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        #[cfg(unix)]
        let _ = &self.guard;
        &self.map
    }
}

/// Pages that cannot be read, as zeros.
#[cfg(unix)]
mod guard {
    use std::io;
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Maps at a time. Each lasts for the moment in which an archive is opened.
    const PLACES: usize = 64;

    /// The place where a guarded map begins and ends; a place that is free ends at 0.
    struct Place {
        start: AtomicUsize,
        end: AtomicUsize,
        /// 1 while a guard has this place.
        taken: AtomicUsize,
    }

    static GUARDED: [Place; PLACES] = [const {
        Place { start: AtomicUsize::new(0), end: AtomicUsize::new(0), taken: AtomicUsize::new(0) }
    }; PLACES];

    /// The size of a page, and what was done on SIGBUS before.
    static BEFORE: OnceLock<(usize, libc::sigaction)> = OnceLock::new();

    /// Guards a map until it is dropped.
    #[derive(Debug)]
    pub struct Guard(usize);

    impl Guard {
        /// Guards `map`, which must outlive this value.
        pub fn of(map: &[u8]) -> io::Result<Self> {
            if BEFORE.get().is_none() {
                install()?;
            }
            loop {
                for (number, place) in GUARDED.iter().enumerate() {
                    if place.taken.swap(1, Ordering::Acquire) == 0 {
                        let start = map.as_ptr() as usize;
                        place.start.store(start, Ordering::Release);
                        place.end.store(start + map.len(), Ordering::Release);
                        return Ok(Guard(number));
                    }
                }
                std::thread::yield_now();
            }
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            let place = &GUARDED[self.0];
            place.end.store(0, Ordering::Release);
            place.taken.store(0, Ordering::Release);
        }
    }

    fn install() -> io::Result<()> {
        // SAFETY: it takes a number and touches no memory.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(|_| io::Error::last_os_error())?;
        let mut before = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: asking only; the system fills in `before` where it answers 0.
        let before = unsafe {
            if libc::sigaction(libc::SIGBUS, ptr::null(), before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            before.assume_init()
        };
        if BEFORE.set((page, before)).is_err() {
            return Ok(()); // another thread was faster
        }
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_bus;
        // SAFETY: zeros are a valid `sigaction`; the handler makes one system call that is allowed in handlers and
        // reads atomics.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            if libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    /// Puts a page of zeros where a guarded page could not be read. Any other fault is left to what was there before:
    /// the instruction is tried again, and fails again.
    extern "C" fn on_bus(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        let Some(&(page, before)) = BEFORE.get() else { return };
        // SAFETY: the system hands over a valid description of the fault.
        let at = unsafe { (*info).si_addr() } as usize;
        let is_guarded = GUARDED.iter().any(|place| {
            let end = place.end.load(Ordering::Acquire);
            at < end && at >= place.start.load(Ordering::Acquire)
        });
        if is_guarded {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
            // SAFETY: the page belongs to a map that is read-only and outlives its guard; only that one page of it
            // is replaced, and nothing could be read there.
            let zeros = unsafe {
                let start = (at & !(page - 1)) as *mut libc::c_void;
                libc::mmap(start, page, libc::PROT_READ, flags, -1, 0)
            };
            if zeros != libc::MAP_FAILED {
                return;
            }
        }
        // SAFETY: `before` is what the system itself answered.
        unsafe { libc::sigaction(libc::SIGBUS, &raw const before, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[cfg(unix)]
    #[test]
    fn what_was_cut_off_reads_as_zeros() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7; 300_000];
        file.write_all(&bytes).unwrap();
        let (whole, cut) = (Map::open(&file).unwrap(), Map::open(&file).unwrap());
        assert_eq!(&whole[..], &bytes[..]);
        file.set_len(1).unwrap();
        assert_eq!(cut[0], 7);
        assert!(cut[1..].iter().chain(&whole[1..]).all(|&byte| byte == 0));
        drop(cut);
        assert_eq!(whole[200_000], 0);
    }

    #[test]
    fn an_empty_file_is_an_empty_slice() {
        assert!(Map::open(&tempfile::tempfile().unwrap()).unwrap().is_empty());
    }
}

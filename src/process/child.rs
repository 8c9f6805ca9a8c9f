//! Waiting for another program, and the memory that it took.

use std::io;
use std::process::{Child, ExitStatus};

/// Waits for the end of a program. Also returns the most bytes of memory that it had, where the system says so.
///
/// A child begins as a copy of its parent, and Linux counts what that had. So a child that had no more is not known.
#[cfg(unix)]
pub fn wait(child: Child) -> io::Result<(ExitStatus, Option<u64>)> {
    use std::os::unix::process::ExitStatusExt;
    /// The bytes of the unit in which the system counts memory (getrusage(2)).
    const UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    let mut status = 0;
    // SAFETY: all zeros are a valid `rusage`, which is plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // The identifier fits: it came from the system as this type.
    let pid = child.id() as libc::pid_t;
    loop {
        // SAFETY: both pointers are to values that live on; the child has not been waited for, since it is owned here.
        let waited = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
        if waited == pid {
            let most = usage.ru_maxrss;
            // SAFETY: the pointer is to a value that lives on.
            let is_own_known = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) } == 0;
            let is_more = is_own_known && most > usage.ru_maxrss;
            let bytes = u64::try_from(most).unwrap_or(0) * UNIT;
            return Ok((ExitStatus::from_raw(status), is_more.then_some(bytes)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Waits for the end of a program.
#[cfg(not(unix))]
pub fn wait(mut child: Child) -> io::Result<(ExitStatus, Option<u64>)> {
    Ok((child.wait()?, None))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn status_and_memory_are_those_of_the_child() {
        let run = |script: &str| Command::new("sh").args(["-c", script]).spawn().unwrap();
        assert_eq!(wait(run("exit 7")).unwrap().0.code(), Some(7));
    }
}

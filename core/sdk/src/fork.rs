//! Knowing that the process was forked, without asking for its id on every call.
//!
//! After fork(2) the child has a copy of everything but the threads: locks may be held by nobody
//! for ever, and two processes would write to one link. A handler that runs in every forked
//! child counts the forks; a session compares that count with the one at its birth, which costs
//! a load instead of a system call.

use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};

/// How many forks lie between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The socket of the latest session, -1 for none: a forked child lets go of it, so that the core
/// sees the link close when the parent dies.
static LINK: AtomicI32 = AtomicI32::new(-1);

static REGISTER: Once = Once::new();

// SAFETY: as the C library declares it.
unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> i32;
}

/// Tells whether the process is still the one that made it.
#[derive(Debug)]
pub(crate) struct ForkGuard {
    forks: u32,
}

impl ForkGuard {
    pub(crate) fn new(link: BorrowedFd<'_>) -> Self {
        REGISTER.call_once(|| {
            // SAFETY: the handler lives as long as the process (this code is never unloaded) and
            // calls only what is allowed between fork and exec.
            unsafe { pthread_atfork(None, None, Some(in_child)) };
        });
        LINK.store(link.as_raw_fd(), Ordering::Relaxed);
        Self { forks: FORKS.load(Ordering::Relaxed) }
    }

    pub(crate) fn is_forked(&self) -> bool {
        FORKS.load(Ordering::Relaxed) != self.forks
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        LINK.store(-1, Ordering::Relaxed);
    }
}

/// Runs in every forked child, before fork(2) returns there.
extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    let link = LINK.swap(-1, Ordering::Relaxed);
    if link < 0 {
        return;
    }
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    if let Ok(null) = rustix::fs::open(c"/dev/null", flags, Mode::empty()) {
        // SAFETY: the number is that of the session's socket, which is open as long as it is in
        // LINK; the wrapper does not close it.
        let mut link = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(link) });
        // A failure leaves the child as it would be without this courtesy.
        let _ = rustix::io::dup2(&null, &mut link);
    }
}

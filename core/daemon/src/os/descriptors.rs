//! File descriptors: how many there may be, and which peers have hung up.
//!
//! A server that runs out of descriptors stops accepting, so the core takes all that the hard
//! limit allows. And hyper does not read a connection while a response is being made, so the core
//! asks the kernel itself who left.

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::FdFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::Timespec;

/// Below this many descriptors `serve` warns. 4096: a thousand clients with a spooled body each,
/// and the processes' links and pipes, with room to spare.
pub const DESCRIPTORS_FEW: u64 = 4096;

/// Most descriptors that one `poll(2)` is asked about. The kernel refuses more than the limit of
/// open files in one call, and a bounded array bounds the memory.
const POLL_MAX: usize = 1024;

/// Raises the soft limit of open files to the hard one and returns it; `None`: without limit.
///
/// # Errors
/// The kernel refused, which it does not do up to the hard limit.
pub fn raise_limit() -> io::Result<Option<u64>> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    }
    Ok(limit.maximum)
}

/// Keeps every descriptor that this process has by now, above the standard three, from the
/// programs that it starts. Its own are kept from them anyway; those that it got from whoever
/// started it are not, and an app that holds them keeps somebody else's pipe or socket open.
pub fn keep_from_children() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    for number in names.filter_map(|name| name.parse().ok()).filter(|number: &i32| *number > 2) {
        // SAFETY: the kernel has just listed it. Where it was closed since, the call fails, and
        // where it was opened anew, it has the flag already.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC);
    }
}

/// Which of the peers of `sockets` hung up, at least for writing. Does not wait.
///
/// A peer that only shut down its writing side counts as hung up too: the two cannot be told
/// apart on TCP before something is written.
#[must_use]
pub fn hung_up(sockets: &[BorrowedFd<'_>]) -> Vec<bool> {
    let mut gone = Vec::with_capacity(sockets.len());
    for chunk in sockets.chunks(POLL_MAX) {
        let mut fds: Vec<_> =
            chunk.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::RDHUP)).collect();
        // A poll that fails tells nothing, and the next sweep asks again.
        let answered = poll(&mut fds, Some(&Timespec::default())).is_ok();
        let signs = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        gone.extend(fds.iter().map(|fd| answered && fd.revents().intersects(signs)));
    }
    gone
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let limit = raise_limit().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, limit);
    }

    #[test]
    fn only_those_who_left_have_hung_up() {
        let (here, stays) = UnixStream::pair().unwrap();
        let (there, leaves) = UnixStream::pair().unwrap();
        drop(leaves);
        assert_eq!(hung_up(&[here.as_fd(), there.as_fd()]), [false, true]);
        drop(stays);
        assert_eq!(hung_up(&[here.as_fd()]), [true]);
    }

    #[test]
    fn unread_data_does_not_hide_a_hang_up() {
        let (here, mut there) = UnixStream::pair().unwrap();
        io::Write::write_all(&mut there, b"GET / HTTP/1.1\r\n").unwrap();
        assert_eq!(hung_up(&[here.as_fd()]), [false]);
        there.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(hung_up(&[here.as_fd()]), [true]);
    }

    #[test]
    fn more_sockets_than_one_poll_takes_are_all_asked() {
        let (here, _there) = UnixStream::pair().unwrap();
        let many = vec![here.as_fd(); POLL_MAX + 1];
        assert_eq!(hung_up(&many).len(), POLL_MAX + 1);
    }
}

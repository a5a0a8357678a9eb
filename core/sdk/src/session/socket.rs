//! The link's socket: reading into a buffer that is used again, writing without waiting.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use bytes::BytesMut;
use maitred_proto::frame;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv};

use super::spin::{HINTS, LOOK_MAX, Spin};

/// Room for one read. 16 KiB: a dozen requests with ordinary headers, and small enough to stay
/// in the processor's first cache from one request to the next.
const READ_LEN: usize = 16_384;

/// Room below which the buffer is renewed before a read: less would cut frames into many reads.
const READ_LEN_MIN: usize = 4_096;

/// The bytes that came and are not a whole frame yet. Whoever holds it may read the socket.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) buf: BytesMut,
    spin: Spin,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Something.
    Bytes,
    /// Nothing yet; only when asked not to wait.
    Nothing,
    /// The other side closed the link.
    Closed,
}

impl Reader {
    /// Reads once. `wait`: until there is something.
    pub(crate) fn fill(&mut self, socket: &OwnedFd, wait: bool) -> io::Result<Filled> {
        let room = self.buf.capacity() - self.buf.len();
        if room < READ_LEN_MIN.max(frame::missing(&self.buf)) {
            // Uses the same memory again once nobody holds a slice of it.
            self.buf.reserve(READ_LEN.max(frame::missing(&self.buf)));
        }
        if wait && self.spin.is_worthwhile() {
            let found = self.look(socket);
            self.spin.looked(!matches!(found, Ok(Filled::Nothing)));
            if !matches!(found, Ok(Filled::Nothing)) {
                return found;
            }
        }
        if wait {
            // A thread that blocks in `recv` on a Unix stream socket is also woken whenever the
            // peer reads, in vain; one that blocks in `poll` is not: 4 us less per request.
            wait_readable(socket);
        }
        self.receive(socket, wait)
    }

    /// Looks again and again for a moment.
    fn look(&mut self, socket: &OwnedFd) -> io::Result<Filled> {
        let began = Instant::now();
        loop {
            let found = self.receive(socket, false);
            if !matches!(found, Ok(Filled::Nothing)) || began.elapsed() > LOOK_MAX {
                return found;
            }
            (0..HINTS).for_each(|_| std::hint::spin_loop());
        }
    }

    fn receive(&mut self, socket: &OwnedFd, wait: bool) -> io::Result<Filled> {
        let flags = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        loop {
            let len = self.buf.len();
            match recv(socket, self.buf.spare_capacity_mut(), flags) {
                Ok((_, 0)) => return Ok(Filled::Closed),
                Ok((_, n)) => {
                    // SAFETY: the kernel has written `n` bytes into the spare capacity.
                    unsafe { self.buf.set_len(len + n) };
                    return Ok(Filled::Bytes);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !wait => return Ok(Filled::Nothing),
                Err(Errno::CONNRESET | Errno::PIPE) => return Ok(Filled::Closed),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// The clock that both ends of a link read, in microseconds.
pub(crate) fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

/// Writes what fits without waiting; `None`: nothing does.
pub(crate) fn send(socket: &OwnedFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    loop {
        match rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(n) => return Ok(Some(n)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits until there is room in the socket, or until it is of no use any more.
pub(crate) fn wait_writable(socket: &OwnedFd) {
    wait(socket, PollFlags::OUT);
}

/// Waits until there is something to read, or the other side closed the link.
pub(crate) fn wait_readable(socket: &OwnedFd) {
    wait(socket, PollFlags::IN);
}

fn wait(socket: &OwnedFd, what: PollFlags) {
    // An error is as good as an answer: the read or write that follows finds out.
    let _ = poll(&mut [PollFd::new(socket, what)], None);
}

//! One read from a socket that tells whether it emptied it.
//!
//! A runtime with edge-triggered readiness has to read until "would block". A read that did not
//! fill its room has emptied the socket already: to know that saves the system call which would
//! only say so, once per request on either side of the core.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The first so many bytes of the room are initialised now. 0: the peer has closed.
    pub len: usize,
    /// There was no more to read.
    pub emptied: bool,
}

/// Receives into `room`, which must not be empty.
///
/// # Errors
/// `WouldBlock` when nothing is there; what the system says.
pub fn recv(socket: impl AsFd, room: &mut [MaybeUninit<u8>]) -> io::Result<Received> {
    let ((filled, rest), _) = rustix::net::recv(socket, room, RecvFlags::empty())?;
    Ok(Received { len: filled.len(), emptied: !filled.is_empty() && !rest.is_empty() })
}

/// Watches a socket for one kind of readiness only.
///
/// # Errors
/// The system has no room for one more.
pub fn watch(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: a `UnixStream` always answers with the same descriptor and closes it only when it
    // is dropped, and from here on the `AsyncFd` alone owns it.
    let watched = unsafe { AsyncFd::register_with_interest(socket, interest) };
    watched.map_err(|error| error.into_parts().1)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_read_that_has_room_left_has_emptied_the_socket() {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(b"123").unwrap();
        let mut room = [MaybeUninit::uninit(); 8];
        let received = recv(&here, &mut room[..2]).unwrap();
        assert_eq!(received, Received { len: 2, emptied: false });
        let received = recv(&here, &mut room).unwrap();
        assert_eq!(received, Received { len: 1, emptied: true });
        drop(there);
        let received = recv(&here, &mut room).unwrap();
        assert_eq!(received, Received { len: 0, emptied: false });
    }
}

//! How much of what was written to a socket has not reached the peer.
//!
//! The only sign of life of a client that reads slowly: the kernel holds megabytes for it, and
//! room to write more may come minutes apart although the client reads all the time.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// `SIOCOUTQ`, which has the number of `TIOCOUTQ`: the same on all but a few old architectures,
/// where the call fails and no connection ever counts as stalled.
const SIOCOUTQ: Opcode = 0x5411;

/// Bytes in the queue of `socket` that its peer has not taken.
///
/// # Errors
/// It is not a socket.
pub fn unsent(socket: impl AsFd) -> io::Result<u32> {
    // SAFETY: this request writes one C int, and nothing else.
    let queued = unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new()) }?;
    Ok(u32::try_from(queued).unwrap_or(0))
}

/// Has the kernel forget what `socket` still holds when it is closed, and tell its peer so.
pub fn reset_on_close(socket: impl AsFd) {
    let _best_effort = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_the_peer_has_taken_is_not_unsent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut here, _) = listener.accept().unwrap();
        here.set_nonblocking(true).unwrap();
        assert_eq!(unsent(&here).unwrap(), 0);
        let mut written = 0;
        while let Ok(more) = here.write(&[0; 65536]) {
            written += more;
        }
        assert!(unsent(&here).unwrap() > 0);
        there.read_exact(&mut vec![0; written]).unwrap();
        while unsent(&here).unwrap() > 0 {
            std::thread::yield_now();
        }
    }
}

//! Who is at the other end of a Unix socket.

use std::io;
use std::os::fd::AsFd;

/// What the kernel knows of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its process id when it connected.
    pub pid: u32,
    /// Its effective user when it connected.
    pub uid: u32,
}

impl Peer {
    /// It is this process's own user, or root: the only ones that a link is served to.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.uid == 0 || self.uid == own_uid()
    }
}

/// The effective user of this process.
#[must_use]
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Asks who connected.
///
/// # Errors
/// It is not a connected Unix socket.
pub fn of(socket: impl AsFd) -> io::Result<Peer> {
    // A peer outside of our pid namespace has number 0, which rustix's type cannot hold; it is
    // then an error, and such a peer is not one of our processes anyway.
    let known = rustix::net::sockopt::socket_peercred(socket)?;
    let pid = u32::try_from(known.pid.as_raw_nonzero().get()).unwrap_or_default();
    Ok(Peer { pid, uid: known.uid.as_raw() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_peer_of_our_own_is_trusted() {
        let (here, _there) = UnixStream::pair().unwrap();
        let peer = of(&here).unwrap();
        assert_eq!(peer, Peer { pid: std::process::id(), uid: own_uid() });
        assert!(peer.is_trusted());
    }

    #[test]
    fn a_stranger_is_not_trusted() {
        assert!(!Peer { pid: 1, uid: own_uid() + 1 }.is_trusted());
    }
}

//! The end of a connection whose client may still be sending.
//!
//! A socket that is closed with unread data in it is reset, and a reset may destroy the answer
//! before the client has read it: a 413 would be lost on just the clients that it is for. So the
//! core says that it is done, reads on for a moment, and closes then (RFC 9112, 9.6).

use std::io;
use std::time::Duration;

use tokio::io::Interest;

use super::{Conn, Socket};

/// How long the core reads on. Default 1 s: a client that listens while it sends has its answer
/// within a round trip.
const LINGER_MAX: Duration = Duration::from_secs(1);

/// How much it reads, in bytes. Default 4 MiB: more than the kernels on both sides hold of a
/// connection.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that are read at once. Default 16 KiB: nobody looks at them.
const READ_SIZE: usize = 16 * 1024;

impl Conn {
    /// Lets the client read its answer before the connection is closed. `forced`: although every
    /// body that was announced was read.
    pub async fn linger(&self, forced: bool) {
        if !forced && !self.has_unread() {
            return;
        }
        let _ = rustix::net::shutdown(self, rustix::net::Shutdown::Write);
        // Boxed: hardly any connection ends like this.
        let _ = tokio::time::timeout(LINGER_MAX, Box::pin(self.read_on())).await;
    }

    async fn read_on(&self) -> io::Result<()> {
        let mut room = vec![0; READ_SIZE];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            let read = match &self.socket {
                Socket::Tcp(stream) => {
                    stream.ready(Interest::READABLE).await?;
                    stream.try_read(&mut room)
                }
                Socket::Unix(stream) => {
                    stream.ready(Interest::READABLE).await?;
                    stream.try_read(&mut room)
                }
            };
            match read {
                Ok(0) => break,
                Ok(read) => left = left.saturating_sub(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

//! The transport that hyper drives: the socket of a connection, read and written.
//!
//! It is hyper's alone, while the connection is shared: that it is dropped says that nothing more
//! will reach the client.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::{Conn, Phase, Socket};
use crate::os::receive::{self, Received};

/// The transport that hyper drives.
#[derive(Debug)]
pub struct ClientIo {
    conn: Arc<Conn>,
}

impl ClientIo {
    /// The transport of `conn`.
    pub fn new(conn: Arc<Conn>) -> Self {
        Self { conn }
    }
}

impl Drop for ClientIo {
    fn drop(&mut self) {
        self.conn.closed();
    }
}

/// Receives once; `None`: nothing is there, wait. A read that emptied the socket is reported to
/// the runtime as *would block*: see [`receive`].
fn recv(
    room: &mut [MaybeUninit<u8>],
    try_io: impl FnOnce(&mut dyn FnMut() -> io::Result<()>) -> io::Result<()>,
    fd: impl AsFd,
) -> Option<io::Result<usize>> {
    let mut received = None;
    let tried = try_io(&mut || {
        let Received { len, emptied } = receive::recv(&fd, room)?;
        received = Some(len);
        if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match (received, tried) {
        (Some(len), _) => Some(Ok(len)),
        (None, Err(e)) if e.kind() == io::ErrorKind::WouldBlock => None,
        (None, result) => Some(result.map(|()| 0)),
    }
}

/// Polls one direction of the socket: tries the call, and waits for readiness when it would block.
macro_rules! poll_io {
    ($self:ident, $cx:ident, $ready:ident, $stream:ident => $call:expr) => {
        match &$self.conn.socket {
            Socket::Tcp($stream) => loop {
                std::task::ready!($stream.$ready($cx))?;
                match $call {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    result => break Poll::Ready(result),
                }
            },
            Socket::Unix($stream) => loop {
                std::task::ready!($stream.$ready($cx))?;
                match $call {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    result => break Poll::Ready(result),
                }
            },
        }
    };
}

impl AsyncRead for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let conn = &self.conn;
        // SAFETY: `recv` only ever writes initialised bytes into what it is lent.
        let room = unsafe { buf.unfilled_mut() };
        let result = match &conn.socket {
            Socket::Tcp(stream) => loop {
                std::task::ready!(conn.poll_read(cx, |cx| stream.poll_read_ready(cx)))?;
                if let Some(result) = recv(room, |f| stream.try_io(Interest::READABLE, f), stream) {
                    break result;
                }
            },
            Socket::Unix(stream) => loop {
                std::task::ready!(conn.poll_read(cx, |cx| stream.poll_read_ready(cx)))?;
                if let Some(result) = recv(room, |f| stream.try_io(Interest::READABLE, f), stream) {
                    break result;
                }
            },
        };
        let n = result?;
        // SAFETY: the kernel has just filled the first `n` bytes of the unfilled part.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        if n > 0 && conn.phase().0 == Phase::Idle {
            conn.enter(Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_io!(self, cx, poll_write_ready, stream => stream.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_io!(self, cx, poll_write_ready, stream => stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.conn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = rustix::net::shutdown(self.conn.as_fd(), rustix::net::Shutdown::Write);
        // A client that is gone already needs no farewell.
        Poll::Ready(match done {
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(e) => Err(e.into()),
        })
    }
}

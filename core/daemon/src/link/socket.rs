//! One task per process reads and writes the socket of its link.
//!
//! Requests are appended to a link by whoever dispatches them. Here is the one place that touches
//! the socket, so that what has gathered goes out in few writes, and what came in is read in
//! portions that fit what the process sends.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use maitred_engine::id::ProcessId;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

use crate::driver::Driver;
use crate::link::Link;
use crate::os::receive::{self, Received};

/// Bytes read from a link at once, at least. Default 16 KiB: several small answers.
const READ_SIZE_MIN: usize = 16 * 1024;

/// Bytes read from a link at once, at most. Default 256 KiB: the first window of a stream.
const READ_SIZE_MAX: usize = 256 * 1024;

/// Reads and writes the socket of `process` until the link ends.
pub async fn run(driver: &Arc<Driver>, process: ProcessId, socket: UnixStream, buf: BytesMut) {
    let ended = match Task::new(driver, process, socket, buf) {
        Ok(mut task) => std::future::poll_fn(|cx| task.poll(cx)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(%process, %error, "link broke");
    }
    driver.link_lost(process);
}

struct Task<'a> {
    driver: &'a Arc<Driver>,
    process: ProcessId,
    /// Waits for input only: a process that reads would otherwise wake the core each time,
    /// because there is room to write again.
    socket: AsyncFd<StdUnixStream>,
    /// The same socket, while output waits for room.
    blocked: Option<AsyncFd<StdUnixStream>>,
    buf: BytesMut,
    read_size: usize,
}

impl<'a> Task<'a> {
    fn new(
        driver: &'a Arc<Driver>,
        process: ProcessId,
        socket: UnixStream,
        buf: BytesMut,
    ) -> io::Result<Self> {
        let socket = receive::watch(socket.into_std()?, Interest::READABLE)?;
        Ok(Self { driver, process, socket, blocked: None, buf, read_size: READ_SIZE_MIN })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(len)) => {
                    self.adapt(len);
                    if !self.driver.link_received(self.process, &mut self.buf) {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        let written = self.poll_write(cx);
        if let Poll::Ready(Err(_)) = &written {
            // Who cannot be written to any more may have written something itself.
            self.read_rest()?;
        }
        written
    }

    /// Reads what is in the socket and does not wait for more. Asks the kernel, because the
    /// runtime may not have heard of it yet.
    fn read_rest(&mut self) -> io::Result<()> {
        loop {
            match receive_into(&mut self.buf, self.read_size, &self.socket) {
                Ok(Received { len: 0, .. }) => return Ok(()),
                Ok(_) if self.driver.link_received(self.process, &mut self.buf) => {}
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            match receive_into(&mut self.buf, self.read_size, ready.get_inner()) {
                Ok(Received { len, emptied }) => {
                    if emptied {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(len));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes what has gathered. Ready: the link ends here.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(blocked) = &self.blocked
                && let Poll::Ready(ready) = blocked.poll_write_ready(cx)
            {
                ready?.clear_ready();
                self.blocked = None;
            }
            let has_room = self.blocked.is_none();
            let socket = self.socket.get_ref();
            let written = self.driver.with_link(self.process, |link| {
                // Under the lock, and after all that was read has had its effect: who has
                // something to write or to say from now on wakes this task.
                link.task = Some(cx.waker().clone());
                match (link.exiting, has_room) {
                    (true, _) => Ok(Next::Exit),
                    (false, true) => write(link, socket),
                    (false, false) => Ok(Next::Wait),
                }
            });
            match written {
                Some(Ok(Next::Wait)) => return Poll::Pending,
                Some(Ok(Next::Exit)) => return Poll::Ready(self.read_rest()),
                Some(Ok(Next::Close)) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    let again = self.socket.get_ref().try_clone()?;
                    self.blocked = Some(receive::watch(again, Interest::WRITABLE)?);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Small reads for small answers, so that an answer which waits for a slow client does not
    /// pin a large buffer; large reads for downloads.
    fn adapt(&mut self, n: usize) {
        if n >= self.read_size {
            self.read_size = (self.read_size * 2).min(READ_SIZE_MAX);
        } else if n < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(READ_SIZE_MIN);
        }
    }
}

/// What is left to do when all is written.
enum Next {
    /// Wait for more.
    Wait,
    /// Close the link.
    Close,
    /// The process is gone: take what it wrote, and close the link.
    Exit,
}

fn write(link: &mut Link, mut socket: &StdUnixStream) -> io::Result<Next> {
    loop {
        let out = link.proto.transmit();
        if out.is_empty() {
            return Ok(if link.closing { Next::Close } else { Next::Wait });
        }
        let written = socket.write(out)?;
        link.proto.transmitted(written);
    }
}

fn receive_into(buf: &mut BytesMut, room: usize, socket: impl AsFd) -> io::Result<Received> {
    // The rest of an earlier room serves small answers: no allocation for each.
    if buf.capacity() - buf.len() < room / 4 {
        buf.reserve(room);
    }
    let received = receive::recv(socket, buf.spare_capacity_mut())?;
    // SAFETY: the kernel has just filled that much of the spare capacity.
    unsafe { buf.set_len(buf.len() + received.len) };
    Ok(received)
}

#[cfg(test)]
mod tests;

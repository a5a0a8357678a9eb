//! The core's end of a link: one task per process reads and writes its socket.
//!
//! The protocol's state machine and the streams live in the driver, under its lock, so that a
//! dispatch can append a request to the link from whatever task caused it. The task is then woken
//! once and writes all that has gathered: many requests, one system call.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use http::HeaderMap;
use maitred_engine::event::{CancelReason, DrainReason};
use maitred_engine::id::{ProcessId, RequestId};
use maitred_proto::link::CoreLink;
use rustc_hash::FxHashMap;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use crate::body::upload::RequestBody;
use crate::driver::{Driver, wake};
use crate::exchange::Exchange;
use crate::http::head;
use crate::os::receive::{self, Received};

pub mod accept;

/// Bytes read from a link at once, at least. Default 16 KiB: several small answers.
const READ_SIZE_MIN: usize = 16 * 1024;

/// Bytes read from a link at once, at most. Default 256 KiB: the first window of a stream.
const READ_SIZE_MAX: usize = 256 * 1024;

/// A body up to this long is sent together with the head of its request. Default 64 KiB: one
/// frame, and a quarter of the stream's first window.
const WITH_HEAD_MAX: usize = 64 * 1024;

/// A process and what goes on between it and the core.
#[derive(Debug)]
pub struct Link {
    /// The state machine of the protocol.
    pub proto: CoreLink,
    /// Streams whose slot has not said ready, by number.
    pub streams: FxHashMap<u64, StreamRecord>,
    /// The stream that each slot runs.
    slots: Vec<Option<u64>>,
    task: Option<Waker>,
    closing: bool,
    exiting: bool,
    /// Set when the link was lost.
    pub lost: CancellationToken,
}

/// What the core keeps of a stream.
#[derive(Debug)]
pub struct StreamRecord {
    /// The slot that it was dispatched to.
    pub slot: u32,
    /// The request that runs in it.
    pub exchange: Arc<Exchange>,
    /// It gave its slot back; it lives on until its response ends.
    pub detached: bool,
    /// Its response is complete or broken off.
    pub ended: bool,
    /// CANCEL was sent: the process reads nothing more of it.
    pub cancelled: bool,
    /// Who waits to send more of the request's body.
    pub writable: Option<Waker>,
}

impl Link {
    /// A link on which `slots` slots were offered.
    #[must_use]
    pub fn new(proto: CoreLink, slots: u32) -> Self {
        Self {
            proto,
            streams: FxHashMap::default(),
            slots: vec![None; slots as usize],
            task: None,
            closing: false,
            exiting: false,
            lost: CancellationToken::new(),
        }
    }

    /// Appends the request to what is written next. Returns its stream and whether its body has
    /// to be sent still; `None`: its head does not fit in a frame.
    pub fn send_request(
        &mut self,
        exchange: &Arc<Exchange>,
        slot: u32,
        waited: Duration,
    ) -> Option<(u64, bool)> {
        let body = exchange.body();
        let alone = matches!(body, RequestBody::None);
        let head = |out: &mut BytesMut| exchange.head.encode(out, &body, waited);
        let stream = self.proto.request(alone, head).ok()?;
        *self.slots.get_mut(slot as usize)? = Some(stream);
        let record = StreamRecord {
            slot,
            exchange: Arc::clone(exchange),
            detached: false,
            ended: false,
            cancelled: false,
            writable: None,
        };
        self.streams.insert(stream, record);
        match body {
            RequestBody::None => Some((stream, false)),
            RequestBody::Memory(held)
                if held.trailers.is_none() && held.data.len() <= WITH_HEAD_MAX =>
            {
                self.proto.body(stream, held.data.clone(), true);
                Some((stream, false))
            }
            _ => Some((stream, true)),
        }
    }

    /// The request's body is complete.
    pub fn end_request(&mut self, stream: u64, trailers: Option<&HeaderMap>) {
        if !self.streams.contains_key(&stream) {
            return;
        }
        // Trailers that do not fit in a frame are left out, as any intermediary may do.
        let sent = trailers.map(|map| self.proto.trailers(stream, &head::pack_trailers(map)));
        if !matches!(sent, Some(Ok(()))) {
            self.proto.end(stream);
        }
    }

    /// Tells the app that nobody wants the response that `slot` works on.
    pub fn cancel(&mut self, slot: u32, why: CancelReason) {
        if let Some(stream) = self.slots.get(slot as usize).copied().flatten() {
            self.cancel_stream(stream, why);
        }
    }

    /// The same for a request that gave its slot back.
    pub fn cancel_detached(&mut self, request: RequestId, why: CancelReason) {
        let of_request = |record: &StreamRecord| record.detached && record.exchange.id == request;
        let found = self.streams.iter().find(|(_, record)| of_request(record));
        if let Some(stream) = found.map(|(stream, _)| *stream) {
            self.cancel_stream(stream, why);
        }
    }

    /// Tells the app that nobody wants the response of `stream`.
    pub fn cancel_stream(&mut self, stream: u64, why: CancelReason) {
        if let Some(record) = self.streams.get_mut(&stream) {
            record.cancelled = true;
            wake(&mut record.writable);
            self.proto.cancel(stream, head::cancel_reason(why));
        }
    }

    /// Sends DRAIN.
    pub fn drain(&mut self, why: DrainReason) {
        self.proto.drain(head::drain_reason(why));
    }

    /// Closes the link once everything is written.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// The process is gone. What it wrote before still counts; once that is read the link ends,
    /// whether or not a forked grandchild holds the other end open.
    pub fn exiting(&mut self) {
        self.exiting = true;
        self.wake();
    }

    /// The stream gave its slot back and lives on without it.
    pub fn detached(&mut self, stream: u64) {
        if let Some(record) = self.streams.get_mut(&stream) {
            record.detached = true;
        }
    }

    /// The response of `stream` ended.
    pub fn ended(&mut self, stream: u64) {
        let Some(record) = self.streams.get_mut(&stream) else { return };
        record.ended = true;
        if record.detached {
            // Its slot said ready already, or does so in the next frame.
            let busy = self.slots.get(record.slot as usize) == Some(&Some(stream));
            if !busy {
                self.forget(stream);
            }
        }
    }

    /// The slot of `stream` is free.
    pub fn ready(&mut self, stream: u64) {
        let Some(record) = self.streams.get(&stream) else { return };
        let (slot, ended) = (record.slot, record.ended);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = None;
        }
        if ended {
            self.forget(stream);
        }
    }

    /// Whether a slot is taken by `stream`.
    #[must_use]
    pub fn is_in_slot(&self, stream: u64) -> bool {
        self.streams
            .get(&stream)
            .is_some_and(|record| self.slots.get(record.slot as usize) == Some(&Some(stream)))
    }

    /// Nothing more is to be expected of `stream`.
    pub fn forget(&mut self, stream: u64) -> Option<u32> {
        let mut record = self.streams.remove(&stream)?;
        wake(&mut record.writable);
        if let Some(place) = self.slots.get_mut(record.slot as usize)
            && *place == Some(stream)
        {
            *place = None;
        }
        Some(record.slot)
    }

    /// Slots whose request was never handed to the kernel.
    pub fn unstarted_slots(&self) -> Vec<u32> {
        let streams = self.proto.unstarted();
        streams.filter_map(|stream| Some(self.streams.get(&stream)?.slot)).collect()
    }

    /// Has the link's task write what has gathered.
    pub fn wake(&mut self) {
        wake(&mut self.task);
    }

    /// Wakes everybody who waits for this link, because it is gone.
    pub fn wake_all(&mut self) {
        self.lost.cancel();
        self.wake();
        for record in self.streams.values_mut() {
            wake(&mut record.writable);
        }
    }
}

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
        // Before anything is read, so that a dispatch by another task cannot be missed.
        let exiting = self.driver.with_link(self.process, |link| {
            link.task = Some(cx.waker().clone());
            link.exiting
        });
        if exiting == Some(true) {
            return Poll::Ready(self.read_rest());
        }
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
            if let Some(blocked) = &self.blocked {
                ready!(blocked.poll_write_ready(cx))?.clear_ready();
                self.blocked = None;
            }
            let mut socket = self.socket.get_ref();
            let written: Option<io::Result<bool>> = self.driver.with_link(self.process, |link| {
                loop {
                    let out = link.proto.transmit();
                    if out.is_empty() {
                        return Ok(link.closing);
                    }
                    let written = socket.write(out)?;
                    link.proto.transmitted(written);
                }
            });
            match written {
                Some(Ok(false)) => return Poll::Pending,
                Some(Ok(true)) | None => return Poll::Ready(Ok(())),
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

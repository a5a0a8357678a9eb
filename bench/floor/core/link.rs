//! The core's end of the link: the queue, and the one task that reads and writes the socket.
//!
//! What maitred decides in an engine is a `VecDeque` and a limit here. The rules of
//! docs/decisions/0001 hold: what was dispatched together is one write, a batch of answers is one
//! read, and the reactor is asked for input only.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};
use maitred_proto::frame::{Flags, Header, Kind};
use maitred_proto::message::{self, RequestHead, encode_request};
use parking_lot::Mutex;
use rustix::net::{SendFlags, send};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

use crate::frames;
use crate::{Answer, bare};

/// The addresses of a connection, as text.
pub(crate) struct Ends {
    client: (String, u16),
    server: (String, u16),
}

impl Ends {
    pub(crate) fn new(client: SocketAddr, server: SocketAddr) -> Self {
        let text = |address: SocketAddr| (address.ip().to_canonical().to_string(), address.port());
        Self { client: text(client), server: text(server) }
    }
}

/// A request without a slot.
struct Waiting {
    head: Parts,
    ends: Arc<Ends>,
    answer: oneshot::Sender<Answer>,
}

/// The queue and the slots.
pub(crate) struct Link {
    state: Mutex<State>,
}

struct State {
    /// First come, first served.
    waiting: VecDeque<Waiting>,
    /// What is in the process: at most as many as it has slots.
    running: Vec<(u64, oneshot::Sender<Answer>)>,
    slots: usize,
    /// The number of the next stream.
    stream: u64,
    /// The head of the response whose body comes next.
    head: Option<message::Response>,
    /// What is written next.
    out: BytesMut,
    /// The task of the socket.
    task: Option<Waker>,
}

impl Link {
    pub(crate) fn new(slots: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            running: Vec::with_capacity(slots),
            slots,
            stream: 2,
            head: None,
            out: BytesMut::new(),
            task: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Queues a request. An answer that never comes is an error of the receiver.
    pub(crate) fn give(&self, head: Parts, ends: Arc<Ends>) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        state.waiting.push_back(Waiting { head, ends, answer });
        if state.dispatch()
            && let Some(task) = &state.task
        {
            task.wake_by_ref();
        }
        answered
    }
}

impl State {
    /// Gives requests to the slots that are free. Whether there is something to write.
    fn dispatch(&mut self) -> bool {
        while self.running.len() < self.slots
            && let Some(Waiting { head, ends, answer }) = self.waiting.pop_front()
        {
            if answer.is_closed() {
                continue; // its client has left
            }
            let write = |out: &mut BytesMut| encode(out, &head, &ends);
            frames::put(&mut self.out, (Kind::Request, Flags::END), self.stream, write);
            self.running.push((self.stream, answer));
            self.stream += 2;
        }
        !self.out.is_empty()
    }

    /// A frame of the process.
    fn take_in(&mut self, header: Header, payload: Bytes) -> io::Result<()> {
        match Kind::from_number(header.kind) {
            Some(Kind::Response) => {
                self.head = Some(message::decode_response(payload).map_err(io::Error::other)?);
            }
            Some(Kind::Body) if header.flags.has(Flags::of(true, true)) => {
                let running = self.running.iter().position(|(stream, _)| *stream == header.stream);
                let (Some(running), Some(head)) = (running, self.head.take()) else {
                    return Err(io::Error::other("a body without a request or a head"));
                };
                let (_, answer) = self.running.swap_remove(running);
                // It is for nobody when the client has left.
                let _left = answer.send(response(&head, payload));
            }
            _ => return Err(io::Error::other(format!("unexpected frame: {header:?}"))),
        }
        Ok(())
    }
}

/// Appends the head of a request.
fn encode(out: &mut BytesMut, head: &Parts, ends: &Ends) {
    let headers = head.headers.iter();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let head = RequestHead {
        method: head.method.as_str().as_bytes(),
        target: target.as_bytes(),
        version: if head.version == Version::HTTP_10 { 10 } else { 11 },
        scheme: b"http",
        client: ends.client.0.as_bytes(),
        client_port: ends.client.1,
        server: ends.server.0.as_bytes(),
        server_port: ends.server.1,
        request_id: b"",
        wait_us: 0,
        upstream_us: 0,
        idempotent: false,
        early_at_us: 0,
        headers: headers.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())),
    };
    encode_request(out, head);
}

/// The app's response, or 502 where its head is none.
fn response(head: &message::Response, body: Bytes) -> Answer {
    let status = u16::try_from(head.status).ok().and_then(|it| StatusCode::from_u16(it).ok());
    let mut answer = Answer::new(body.into());
    *answer.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    answer.headers_mut().reserve(head.headers.len() / 2 + 1);
    for (name, value) in message::pairs(&head.headers) {
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_maybe_shared(value.clone());
        let (Ok(name), Ok(value)) = (name, value) else { return bare(StatusCode::BAD_GATEWAY) };
        answer.headers_mut().append(name, value);
    }
    answer
}

/// The socket of the link, of which there is one task.
pub(crate) struct Socket {
    link: Arc<Link>,
    /// Waits for input only: the process would wake us each time that it reads, because there is
    /// room to write again.
    socket: AsyncFd<UnixStream>,
    /// The same socket, while output waits for room.
    blocked: Option<AsyncFd<UnixStream>>,
    buf: BytesMut,
}

impl Socket {
    pub(crate) fn new(link: Arc<Link>, socket: UnixStream) -> io::Result<Self> {
        let socket = watch(socket, Interest::READABLE)?;
        Ok(Self { link, socket, blocked: None, buf: BytesMut::new() })
    }

    /// Reads and writes; ends only by an error.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = Arc::clone(&self.link);
        let mut state = link.state.lock();
        if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            state.task = Some(cx.waker().clone());
        }
        while self.poll_read(cx)?.is_ready() {
            while let Some((header, payload)) = frames::take(&mut self.buf)? {
                state.take_in(header, payload)?;
            }
            state.dispatch();
        }
        self.poll_write(cx, &mut state.out)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            match frames::receive(ready.get_inner(), &mut self.buf) {
                Ok((0, _)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok((_, emptied)) => {
                    if emptied {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<io::Result<()>> {
        while !out.is_empty() {
            if let Some(blocked) = &self.blocked {
                ready!(blocked.poll_write_ready(cx))?.clear_ready();
                self.blocked = None;
            }
            match send(self.socket.get_ref(), out, SendFlags::NOSIGNAL).map_err(io::Error::from) {
                Ok(sent) if sent == out.len() => out.clear(),
                Ok(sent) => out.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let again = self.socket.get_ref().try_clone()?;
                    self.blocked = Some(watch(again, Interest::WRITABLE)?);
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }
}

/// Watches a socket for one kind of readiness only.
fn watch(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: a `UnixStream` always answers with the same descriptor and closes it only when it
    // is dropped, and from here on the `AsyncFd` alone owns it.
    let watched = unsafe { AsyncFd::register_with_interest(socket, interest) };
    watched.map_err(|error| error.into_parts().1)
}

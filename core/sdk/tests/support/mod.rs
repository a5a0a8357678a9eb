//! A core that a test plays: the other end of the link, with a socket and without decisions.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use maitred_proto::link::{CoreEvent, CoreLink};
use maitred_proto::message::{
    OobDone, OobRequest, OobStart, Reject, RequestHead, Welcome, encode_request,
};
use maitred_sdk::message::{Hello, ResponseHead};
use maitred_sdk::{Connect, ConnectError, Session};
use rustix::net::RecvFlags;

/// What one request got for an answer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u32,
    pub(crate) body: Vec<u8>,
    pub(crate) ended: bool,
    pub(crate) aborted: bool,
    pub(crate) readies: u32,
    pub(crate) failed: u32,
    /// END and READY came in one frame.
    pub(crate) merged: bool,
}

/// The test's end of a link.
pub(crate) struct Core {
    pub(crate) link: CoreLink,
    pub(crate) answers: BTreeMap<u64, Answer>,
    pub(crate) unstarted: Option<Vec<u64>>,
    pub(crate) pongs: u32,
    pub(crate) drain_wanted: bool,
    pub(crate) wishes: Vec<OobRequest>,
    pub(crate) done: Vec<OobDone>,
    /// Whether bodies are given back at once, which opens their windows.
    pub(crate) consumes: bool,
    /// HELLO was taken.
    greeted: bool,
    socket: UnixStream,
    buf: BytesMut,
}

/// A session with `slots` slots, and the core that it is linked to.
pub(crate) fn pair(slots: usize, ready_merge_us: u32) -> (Session, Core) {
    let welcome = Welcome {
        version: 1,
        ready_merge_us,
        capabilities: vec!["early".to_owned()],
        ..Welcome::default()
    };
    let (session, core) = meet(slots, move |core| core.link.welcome(&welcome));
    (session.expect("the core welcomes"), core)
}

/// A session that is refused.
pub(crate) fn refused(reject: Reject) -> ConnectError {
    meet(1, move |core| core.link.reject(&reject)).0.expect_err("the core refuses")
}

fn meet(
    slots: usize,
    answer: impl FnOnce(&mut Core) + Send,
) -> (Result<Session, ConnectError>, Core) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).expect("a socket");
    let has_oob = false;
    let connect = Connect { path, token: [7; 16], slots, has_oob, hello: Hello::default() };
    thread::scope(|scope| {
        let core = scope.spawn(move || {
            let (socket, _) = listener.accept().expect("a process");
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
            let mut core = Core {
                link: CoreLink::new(),
                answers: BTreeMap::new(),
                unstarted: None,
                pongs: 0,
                drain_wanted: false,
                wishes: Vec::new(),
                done: Vec::new(),
                greeted: false,
                consumes: true,
                socket,
                buf: BytesMut::new(),
            };
            while !matches!(core.link.poll_event(), Some(CoreEvent::Hello(_))) {
                assert!(core.read(), "HELLO comes first");
            }
            core.greeted = true;
            answer(&mut core);
            core.write();
            core
        });
        let session = Session::connect(connect);
        (session, core.join().expect("the core lives"))
    })
}

impl Core {
    /// Sends a request without a body.
    pub(crate) fn request(&mut self) -> u64 {
        self.open(true)
    }

    /// Sends the head of a request whose body follows.
    pub(crate) fn request_with_body(&mut self) -> u64 {
        self.open(false)
    }

    /// Sends a request ahead of a slot, at this time of the clock that both sides read.
    pub(crate) fn request_early(&mut self, at_us: u64) -> u64 {
        self.requests([at_us])[0]
    }

    /// Sends several in one write; those with a time other than 0 are sent ahead.
    pub(crate) fn requests<const N: usize>(&mut self, early_at_us: [u64; N]) -> [u64; N] {
        let streams = early_at_us.map(|at_us| self.say_head(true, at_us));
        self.write();
        streams
    }

    fn open(&mut self, end: bool) -> u64 {
        let stream = self.say_head(end, 0);
        self.write();
        stream
    }

    fn say_head(&mut self, end: bool, early_at_us: u64) -> u64 {
        let headers = [(&b"host"[..], &b"example.org"[..])];
        let head = RequestHead {
            method: b"GET",
            target: b"/",
            version: 11,
            scheme: b"http",
            client: b"",
            client_port: 0,
            server: b"",
            server_port: 0,
            request_id: b"r",
            wait_us: 0,
            early_at_us,
            upstream_us: 0,
            idempotent: true,
            headers: headers.into_iter(),
        };
        let stream = self.link.request(end, |out| encode_request(out, head)).expect("it fits");
        self.answers.insert(stream, Answer::default());
        stream
    }

    pub(crate) fn body(&mut self, stream: u64, data: &[u8], end: bool) {
        self.link.body(stream, Bytes::copy_from_slice(data), end);
        self.write();
    }

    /// Takes what the process says until the condition holds.
    pub(crate) fn until(&mut self, condition: impl Fn(&Self) -> bool) {
        while !condition(self) {
            assert!(self.read(), "the process closed the link: {:?}", self.answers);
        }
    }

    /// The answer to a request, once its slot is free.
    pub(crate) fn answer(&mut self, stream: u64) -> Answer {
        self.until(|core| core.answers[&stream].readies > 0);
        self.answers[&stream].clone()
    }

    /// Takes the process out of band.
    pub(crate) fn oob_start(&mut self, kind: &str) {
        let kind = kind.to_owned();
        self.link.oob_start(&OobStart { kind, requested_by: 1, lease_ms: 60_000 });
        self.write();
    }

    pub(crate) fn close(self) {
        drop(self.socket);
    }

    pub(crate) fn write(&mut self) {
        while self.link.wants_transmit() {
            let n = self.socket.write(self.link.transmit()).expect("the process takes it");
            self.link.transmitted(n);
        }
    }

    /// Takes in what is here, without waiting.
    pub(crate) fn look(&mut self) {
        self.socket.set_nonblocking(true).expect("a socket");
        let mut byte = [0];
        let is_there = rustix::net::recv(&self.socket, &mut byte, RecvFlags::PEEK).is_ok();
        self.socket.set_nonblocking(false).expect("a socket");
        if is_there {
            self.read();
        }
    }

    fn read(&mut self) -> bool {
        let mut chunk = [0; 65_536];
        let n = match self.socket.read(&mut chunk) {
            Ok(0) => return false,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
            Err(error) => panic!("the process said nothing: {error}"),
        };
        self.buf.extend_from_slice(&chunk[..n]);
        self.link.receive(&mut self.buf).expect("the process keeps to the protocol");
        if !self.greeted {
            // HELLO is for whoever waits for it.
            return true;
        }
        while let Some(event) = self.link.poll_event() {
            self.on_event(event);
        }
        self.write();
        true
    }

    fn at(&mut self, stream: u64, end: bool, ready: bool) -> &mut Answer {
        let answer = self.answers.get_mut(&stream).expect("a stream of ours");
        answer.ended |= end;
        answer.readies += u32::from(ready);
        answer.merged |= end && ready;
        answer
    }

    fn on_event(&mut self, event: CoreEvent) {
        match event {
            CoreEvent::Response { stream, head, end, ready } => {
                self.at(stream, end, ready).status = head.status;
            }
            CoreEvent::Body { stream, data, end, ready } => {
                self.at(stream, end, ready).body.extend_from_slice(&data);
                if self.consumes {
                    self.link.consumed(stream, data.len());
                }
            }
            CoreEvent::End { stream, ready, .. } => {
                self.at(stream, true, ready);
            }
            CoreEvent::Abort { stream, ready, .. } => self.at(stream, true, ready).aborted = true,
            CoreEvent::Ready { stream, ready } => {
                self.at(stream, false, true).failed = ready.failed
            }
            CoreEvent::OobRequest(request) => self.wishes.push(request),
            CoreEvent::OobDone(done) => self.done.push(done),
            CoreEvent::Pong { .. } => self.pongs += 1,
            CoreEvent::DrainWanted { .. } => self.drain_wanted = true,
            CoreEvent::Goodbye { unstarted } => self.unstarted = Some(unstarted),
            other => panic!("not expected here: {other:?}"),
        }
    }
}

/// A head with this status and one header.
pub(crate) fn head(
    status: u16,
) -> ResponseHead<impl Iterator<Item = (&'static [u8], &'static [u8])>> {
    ResponseHead { status, headers: [(&b"x"[..], &b"y"[..])].into_iter() }
}

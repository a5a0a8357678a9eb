//! One client connection: its socket as hyper sees it, and what the core keeps of it.
//!
//! The socket is wrapped for one reason: only here can be seen when the kernel has accepted the
//! last byte of a response. hyper calls `poll_flush` of its transport exactly when its own buffer
//! is empty; with a response marked as *delivering* by then, that is the moment.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use maitred_engine::id::RequestId;
use maitred_engine::time::Time;
use parking_lot::Mutex;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;

use crate::driver::Driver;

mod linger;
pub mod transport;

/// Nothing is being delivered.
const NOTHING: u64 = u64::MAX;
/// An answer of the core itself is being delivered: no request of the engine.
const OWN_ANSWER: u64 = u64::MAX - 1;
/// The transport is gone: what hyper has taken since then reaches nobody.
const CLOSED: u64 = u64::MAX - 2;

/// A client that leaves with all that it can get, before its app has said so (HEAD, or a body as
/// long as was declared), ends its request after this time. Default 1 s: most apps are done at
/// once, and one that goes on for ever must not hold its slot for nobody.
const EARLY_GRACE: Duration = Duration::from_secs(1);

/// Where a connection is between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Waits for the first byte of a request.
    Idle = 0,
    /// Part of a request's head has been read.
    Head = 1,
    /// A request is being read, run or answered.
    Busy = 2,
    /// It is answered, but its body still comes in.
    Uploading = 3,
}

/// What the core keeps of a connection, shared by its task, the driver and the sweeper.
#[derive(Debug)]
pub struct Conn {
    /// The client's address; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// What the client connected to.
    pub local: Local,
    /// The connection's task, to end it from outside.
    pub task: OnceLock<AbortHandle>,
    socket: Socket,
    driver: Arc<Driver>,
    /// The phase, and when it was entered: one word, so that nobody sees one without the other.
    state: AtomicU64,
    /// The head of a response was handed to hyper since the phase was entered.
    sending: AtomicBool,
    /// The request whose response hyper has taken whole.
    delivering: AtomicU64,
    /// Requests whose client has all that it can get although the app has not ended.
    early: Mutex<Vec<RequestId>>,
    /// hyper waits for input, so it will see by itself when the client leaves.
    reading: AtomicBool,
    /// How many requests with a body there were.
    uploads: AtomicU64,
    /// The body of the last request is being read.
    upload_open: AtomicBool,
    /// Nobody read the body of the last request to its end.
    unread: AtomicBool,
}

/// The listening side of a connection.
#[derive(Debug, Clone)]
pub enum Local {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(Arc<str>),
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Conn {
    /// A TCP connection that was just accepted.
    pub fn tcp(
        stream: TcpStream,
        peer: SocketAddr,
        local: SocketAddr,
        driver: Arc<Driver>,
    ) -> Self {
        Self::new(Socket::Tcp(stream), Some(peer), Local::Tcp(local), driver)
    }

    /// A connection over a Unix socket.
    pub fn unix(stream: UnixStream, path: Arc<str>, driver: Arc<Driver>) -> Self {
        Self::new(Socket::Unix(stream), None, Local::Unix(path), driver)
    }

    fn new(socket: Socket, peer: Option<SocketAddr>, local: Local, driver: Arc<Driver>) -> Self {
        let state = AtomicU64::new(pack(Phase::Idle, driver.clock.now()));
        Self {
            peer,
            local,
            task: OnceLock::new(),
            socket,
            driver,
            state,
            sending: AtomicBool::new(false),
            delivering: AtomicU64::new(NOTHING),
            early: Mutex::default(),
            reading: AtomicBool::new(false),
            uploads: AtomicU64::new(0),
            upload_open: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        }
    }

    /// The phase and when it was entered.
    pub fn phase(&self) -> (Phase, Time) {
        let state = self.state.load(Relaxed);
        let phase = match state & PHASE_MASK {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Uploading,
        };
        (phase, Time(state >> PHASE_BITS))
    }

    /// Enters a phase, now.
    fn enter(&self, phase: Phase) -> Time {
        let now = self.driver.clock.now();
        self.sending.store(false, Relaxed);
        self.state.store(pack(phase, now), Relaxed);
        now
    }

    /// The head of a request was read. Returns when.
    pub fn begins(&self) -> Time {
        self.upload_open.store(false, Relaxed);
        self.unread.store(false, Relaxed);
        self.enter(Phase::Busy)
    }

    /// A body follows the head. Returns its number.
    pub fn upload_begins(&self) -> u64 {
        self.upload_open.store(true, Relaxed);
        self.uploads.fetch_add(1, Relaxed) + 1
    }

    /// Nobody reads that body any more, because all of it was read or because nobody wants it.
    pub fn upload_ends(&self, number: u64, whole: bool) {
        if self.uploads.load(Relaxed) != number || !self.upload_open.swap(false, Relaxed) {
            return; // hyper is at a later request already
        }
        self.unread.store(!whole, Relaxed);
        if self.phase().0 == Phase::Uploading {
            self.enter(Phase::Idle);
        }
    }

    /// Somebody reads the body of the last request.
    pub fn is_uploading(&self) -> bool {
        self.upload_open.load(Relaxed)
    }

    /// The client may still be sending a body that nobody reads.
    fn has_unread(&self) -> bool {
        self.unread.load(Relaxed) || self.is_uploading()
    }

    /// hyper gets the head of a response now.
    pub fn sending(&self) {
        self.sending.store(true, Relaxed);
    }

    /// hyper has taken the whole response of `request`; the next flush delivers it. hyper drops
    /// the transport of a connection before its response, and then no flush will come.
    pub fn delivering(&self, request: RequestId) {
        if self.delivering.load(Relaxed) == CLOSED {
            self.driver.client_gone(request);
        } else {
            self.delivering.store(request.0, Relaxed);
        }
    }

    /// hyper has taken an answer that the core made itself.
    pub fn delivering_own_answer(&self) {
        if self.delivering.load(Relaxed) != CLOSED {
            self.delivering.store(OWN_ANSWER, Relaxed);
        }
    }

    /// A response is being sent or waits to be.
    pub fn is_sending(&self) -> bool {
        let delivering = self.delivering.load(Relaxed);
        delivering != CLOSED && (self.sending.load(Relaxed) || delivering != NOTHING)
    }

    /// hyper does not read now, so a client that leaves goes unnoticed by it.
    pub fn is_blind(&self) -> bool {
        !self.reading.load(Relaxed)
    }

    /// Ends the connection's task.
    pub fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Writes `bytes` if the kernel takes them at once; for the last words to a client whose task
    /// is about to be ended.
    pub fn try_write(&self, bytes: &[u8]) {
        let _best_effort = match &self.socket {
            Socket::Tcp(stream) => stream.try_write(bytes),
            Socket::Unix(stream) => stream.try_write(bytes),
        };
    }

    /// Waits for input, and remembers whether hyper does.
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        ready: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let poll = ready(cx);
        self.reading.store(poll.is_pending(), Relaxed);
        poll
    }

    fn flushed(&self) {
        let id = self.delivering.swap(NOTHING, Relaxed);
        if id == NOTHING {
            return;
        }
        let phase = if self.is_uploading() { Phase::Uploading } else { Phase::Idle };
        let now = self.enter(phase);
        if id != OWN_ANSWER && !self.driver.delivered(RequestId(id), now) {
            let mut early = self.early.lock();
            early.retain(|request| self.driver.is_open(*request));
            early.push(RequestId(id));
        }
    }

    /// hyper has let go of the transport: nothing more reaches the client.
    fn closed(&self) {
        let id = self.delivering.swap(CLOSED, Relaxed);
        if id < CLOSED {
            self.driver.client_gone(RequestId(id));
        }
        let early = std::mem::take(&mut *self.early.lock());
        if let (false, Ok(runtime)) = (early.is_empty(), tokio::runtime::Handle::try_current()) {
            let driver = Arc::clone(&self.driver);
            runtime.spawn(async move {
                tokio::time::sleep(EARLY_GRACE).await;
                early.into_iter().for_each(|request| driver.client_gone(request));
            });
        }
    }
}

/// Bits of a connection's state that tell its phase; the others tell the time, in nanoseconds:
/// enough for a century.
const PHASE_BITS: u32 = 2;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;

fn pack(phase: Phase, since: Time) -> u64 {
    since.0 << PHASE_BITS | phase as u64
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests;

//! A session: one link to the core, shared by the threads of one app process.
//!
//! All calls take `&self` and may come from any thread. What the link knows sits behind one
//! mutex that is never held while a thread sleeps: reading the socket, waiting for room in it
//! and waiting for each other all happen outside. At one request at a time that makes one write,
//! one poll and one read per request, and nothing else; under load the poll and the read are
//! shared by all requests that came together, and so is the write if they are short.

mod batch;
mod interrupt;
mod oob;
mod response;
pub(crate) mod socket;
mod spin;
mod state;
mod turn;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use maitred_proto::frame::SLOTS_MAX;
use maitred_proto::link::{ProcessEvent, ProcessLink};
use maitred_proto::message::{self, Hello, Welcome, capability, reason};
use maitred_proto::version::SPOKEN;
use parking_lot::{Condvar, Mutex};

pub use self::interrupt::{Interrupt, Interruption};
pub use self::oob::{OobOutcome, OobWish};
use self::socket::{Filled, Reader};
pub(crate) use self::state::State;
use crate::error::{ConnectError, Error};
use crate::fork::ForkGuard;

/// How old the core's last word may be when a slot takes a request that was sent ahead. 100 us:
/// a CANCEL that came meanwhile might as well have come a moment later, and to look costs more
/// than a tenth of a short request.
const HEARD_MAX: Duration = Duration::from_micros(100);

/// What it takes to open a session.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The path of the core's socket, from `MAITRED_LINK`.
    pub path: PathBuf,
    /// The one-time token, from `MAITRED_TOKEN`; see [`parse_token`].
    pub token: [u8; 16],
    /// Requests that the host can run at once.
    pub slots: usize,
    /// The host will call [`Session::next_oob`]: out-of-band work that is granted before that
    /// waits for it.
    pub has_oob: bool,
    /// What the host is: SDK, runtime, kind, readiness. The session fills in the rest.
    pub hello: Hello,
}

/// A request that was given to a slot.
#[derive(Debug)]
pub struct Request {
    /// The number that every call about this request names.
    pub stream: u64,
    /// Method, target, headers and what the core knows about it.
    pub head: message::Request,
    /// Its body, as far as it is here.
    pub body: Body,
}

/// The body of a request at the moment when it is given to a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// It has none.
    Empty,
    /// All of it.
    Whole(Bytes),
    /// There is more to come: [`Session::read`].
    Streamed,
}

/// Whether bytes may wait a moment for what follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// They go out now.
    No,
    /// They may wait for ready, at most as long as the core allows (plus a tick of the minder).
    Moment,
}

/// What became of bytes that were pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// How many were taken.
    pub taken: usize,
    /// Whether all that was taken so far is in the kernel's hands, or held on purpose. If not,
    /// call [`Session::wait`] before long.
    pub flushed: bool,
}

/// How a session came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The core said DRAIN and closed the link when all was done.
    Drained,
    /// The core is gone.
    CoreGone,
    /// The core broke the protocol.
    Broken(String),
}

/// One link to the core with its slots and its minder thread.
#[derive(Debug)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    welcome: Welcome,
}

/// What the threads of a session share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) socket: OwnedFd,
    pub(crate) fork: ForkGuard,
    pub(crate) state: Mutex<State>,
    /// One per slot: its thread sleeps here while it has nothing to do.
    pub(crate) slots: Vec<Condvar>,
    /// Threads sleep here for a body to arrive or for a window to open.
    pub(crate) progress: Condvar,
    /// The host's thread for out-of-band work sleeps here.
    pub(crate) oob: Condvar,
    /// The minder sleeps here when the session is over.
    pub(crate) leaving: Condvar,
    /// How long a complete response may wait for what shares its write.
    pub(crate) merge: Duration,
}

impl Session {
    /// Connects to the core and waits for its welcome. Call it when the app is loaded and the
    /// process will not fork any more: requests may follow at once.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] tells what to do in its text.
    pub fn connect(options: Connect) -> Result<Self, ConnectError> {
        let slots = options.slots;
        let offered = u32::try_from(slots).ok().filter(|n| (1..=SLOTS_MAX).contains(n));
        let Some(offered) = offered else { return Err(ConnectError::Slots { slots }) };
        let path = options.path;
        let socket = match UnixStream::connect(&path) {
            Ok(socket) => OwnedFd::from(socket),
            Err(source) => return Err(ConnectError::Connect { path, source }),
        };
        let mut link = ProcessLink::new();
        link.hello(&Hello {
            version_min: SPOKEN.min,
            version_max: SPOKEN.max,
            token: Bytes::copy_from_slice(&options.token),
            pid: std::process::id(),
            slots: offered,
            capabilities: vec![capability::EARLY.to_owned()],
            ..options.hello
        });
        let mut reader = Reader::default();
        let welcome = shake_hands(&socket, &mut link, &mut reader)?;
        let merge = Duration::from_micros(u64::from(welcome.ready_merge_us));
        let shared = Arc::new(Shared {
            fork: ForkGuard::new(socket.as_fd()),
            socket,
            state: Mutex::new(State::new(link, reader, slots, options.has_oob)),
            slots: (0..slots).map(|_| Condvar::new()).collect(),
            progress: Condvar::new(),
            oob: Condvar::new(),
            leaving: Condvar::new(),
            merge,
        });
        // Requests may have come in one read with the welcome.
        shared.take_in(&mut shared.state.lock());
        crate::minder::spawn(Arc::clone(&shared))?;
        Ok(Self { shared, welcome })
    }

    /// What the core said when it took this process in.
    #[must_use]
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// How many slots it has.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.shared.slots.len()
    }

    /// Says that slot number `slot` (from 0) is idle, sends what its last request left to send,
    /// and waits for the next one. `None`: the session is over. Call it without the host's lock.
    ///
    /// Where the next one is there already, and such requests are over in microseconds, what is
    /// to be sent may wait for it: as long as the core allows (plus a tick of the minder).
    ///
    /// A request that the slot did not finish is broken off first.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`], [`Error::NoSlot`].
    pub fn next(&self, slot: usize) -> Result<Option<Request>, Error> {
        self.check()?;
        let slots = self.slots();
        if slot >= slots {
            return Err(Error::NoSlot { slot, slots });
        }
        Ok(self.shared.next(slot))
    }

    /// Wishes to be drained, as a process does that was told to leave. It goes on serving until
    /// the core agrees. Never blocks, does nothing the second time.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`].
    pub fn request_drain(&self) -> Result<(), Error> {
        self.check()?;
        let mut state = self.shared.state.lock();
        state.link.drain_wanted(reason::SIGNAL);
        // What does not fit now is sent by whoever writes next, at the latest the minder.
        self.shared.flush_some(&mut state);
        Ok(())
    }

    /// Whether this process is on its way out: the core said DRAIN, or the session is over. False
    /// in a forked child.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        if self.shared.fork.is_forked() {
            return false;
        }
        let state = self.shared.state.lock();
        state.draining || state.ending.is_some()
    }

    /// How the session ended, if it did. `None` in a forked child, too.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        if self.shared.fork.is_forked() { None } else { self.shared.state.lock().ending.clone() }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.shared.fork.is_forked() { Err(Error::Forked) } else { Ok(()) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // In a forked child the socket and the lock are the parent's business.
        if !self.shared.fork.is_forked() {
            let mut state = self.shared.state.lock();
            state.abandoned = true;
            self.shared.end(&mut state, Ending::CoreGone);
        }
    }
}

/// Reads the token as it stands in the environment: 32 hexadecimal digits.
///
/// # Errors
///
/// [`ConnectError::Token`].
pub fn parse_token(text: &str) -> Result<[u8; 16], ConnectError> {
    let digits = text.trim().as_bytes();
    let mut token = [0; 16];
    if digits.len() != 2 * token.len() {
        return Err(ConnectError::Token);
    }
    for (byte, pair) in token.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).ok_or(ConnectError::Token);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Ok(token)
}

/// Sends HELLO and waits for the answer, however long the core takes: it has a lease for that.
fn shake_hands(
    socket: &OwnedFd,
    link: &mut ProcessLink,
    reader: &mut Reader,
) -> Result<Welcome, ConnectError> {
    while link.wants_transmit() {
        match socket::send(socket, link.transmit()) {
            Ok(Some(n)) => link.transmitted(n),
            Ok(None) => socket::wait_writable(socket),
            // The core may have said why before it closed.
            Err(_) => break,
        }
    }
    loop {
        match link.poll_event() {
            Some(ProcessEvent::Welcome(welcome)) => return Ok(*welcome),
            Some(ProcessEvent::Reject(reject)) => {
                let message::Reject { code, message } = *reject;
                return Err(ConnectError::Rejected { code, message });
            }
            // Nothing else comes before the welcome: the link sees to that.
            Some(_) | None => {}
        }
        match reader.fill(socket, true)? {
            Filled::Bytes => link.receive(&mut reader.buf)?,
            Filled::Nothing => {}
            Filled::Closed => return Err(ConnectError::Closed),
        }
    }
}

impl Shared {
    fn next(&self, slot: usize) -> Option<Request> {
        let mut state = self.state.lock();
        let mut now = Instant::now();
        state.came_back(slot, now);
        loop {
            if state.has_ahead() && now.saturating_duration_since(state.heard_at) > HEARD_MAX {
                // It lay here while the slot was busy, and may be wanted no more: what the core
                // has said since is heard first.
                self.read_at_once(&mut state);
            }
            if !state.may_batch(now, self.merge) && !self.flush(&mut state) {
                // That took a while, in which the core may have said something.
                now = Instant::now();
                continue;
            }
            if state.ending.is_some() {
                return None;
            }
            if let Some(request) = state.claim(slot, now) {
                self.share(&mut state);
                return Some(request);
            }
            match state.reader.take() {
                Some(reader) => {
                    self.read_from(&mut state, reader);
                    now = state.heard_at;
                }
                None => {
                    self.sleep(&mut state, slot);
                    now = Instant::now();
                }
            }
        }
    }
}

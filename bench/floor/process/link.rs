//! The process's end of the link, shared by the threads of its slots.
//!
//! One of the threads that have nothing to do reads, the leader; it runs the first request that it
//! finds by itself. The others, the followers, sleep. A leader that goes to run a request wakes
//! nobody: a short request is over before a follower would be awake and have the interpreter's
//! lock. For one that is not, one follower, the deputy, looks around every millisecond.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bytes::BytesMut;
use maitred_proto::frame::Kind;
use maitred_proto::message::{Request, decode_request};
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::net::{SendFlags, send};

use crate::frames;

/// How often the deputy looks around while requests come and go. 1 ms, as in maitred: a waking
/// thread costs some microseconds, a hundredth of that.
const TICK: Duration = Duration::from_millis(1);

/// A request and the number of its stream.
type Given = (u64, Request);

/// The link.
pub(crate) struct Link {
    socket: OwnedFd,
    state: Mutex<State>,
    /// The deputy sleeps here.
    deputy: Condvar,
    /// The other followers sleep here.
    followers: Condvar,
}

struct State {
    /// Bytes that are no whole frame yet. `None`: the leader has them, and reads.
    buf: Option<BytesMut>,
    /// Requests that no slot has.
    waiting: VecDeque<Given>,
    /// How many requests slots were given.
    given: u64,
    has_deputy: bool,
    /// The deputy looks around by itself.
    ticking: bool,
    ended: bool,
}

impl State {
    /// Somebody reads, and nothing waits.
    fn is_looked_after(&self) -> bool {
        self.buf.is_none() && self.waiting.is_empty()
    }

    /// Makes requests of what was read.
    fn take_in(&mut self, buf: &mut BytesMut) -> io::Result<()> {
        while let Some((header, payload)) = frames::take(buf)? {
            if Kind::from_number(header.kind) != Some(Kind::Request) {
                return Err(io::Error::other(format!("unexpected frame: {header:?}")));
            }
            let head = decode_request(payload).map_err(io::Error::other)?;
            self.waiting.push_back((header.stream, head));
        }
        Ok(())
    }
}

impl Link {
    pub(crate) fn from_stdin() -> io::Result<Self> {
        let state = State {
            buf: Some(BytesMut::new()),
            waiting: VecDeque::new(),
            given: 0,
            has_deputy: false,
            ticking: true,
            ended: false,
        };
        Ok(Self {
            socket: io::stdin().as_fd().try_clone_to_owned()?,
            state: Mutex::new(state),
            deputy: Condvar::new(),
            followers: Condvar::new(),
        })
    }

    /// Sends an answer and waits for the next request. `None`: the link has ended. To be called
    /// without the interpreter's lock.
    pub(crate) fn next(&self, answer: &mut BytesMut) -> io::Result<Option<Given>> {
        // Held while an answer is sent, so that it stays in one piece. The core always reads.
        let mut state = self.state.lock();
        self.send(answer)?;
        while !state.ended {
            if let Some(given) = state.waiting.pop_front() {
                state.given += 1;
                if !state.ticking {
                    self.deputy.notify_one();
                }
                return Ok(Some(given));
            }
            match state.buf.take() {
                Some(buf) => self.lead(&mut state, buf)?,
                None => self.follow(&mut state),
            }
        }
        Ok(None)
    }

    fn send(&self, answer: &mut BytesMut) -> io::Result<()> {
        let mut rest = &answer[..];
        while !rest.is_empty() {
            let sent = retry_on_intr(|| send(&self.socket, rest, SendFlags::NOSIGNAL))?;
            rest = &rest[sent..];
        }
        answer.clear();
        Ok(())
    }

    /// Reads once, and takes in what came.
    fn lead(&self, state: &mut MutexGuard<'_, State>, mut buf: BytesMut) -> io::Result<()> {
        let read = MutexGuard::unlocked(state, || self.read(&mut buf));
        let taken = read.and_then(|open| state.take_in(&mut buf).map(|()| open));
        state.buf = Some(buf);
        if !matches!(taken, Ok(true)) {
            state.ended = true;
            self.deputy.notify_all();
            self.followers.notify_all();
        }
        taken.map(drop)
    }

    /// Waits for bytes and reads them. False: the link has ended.
    fn read(&self, buf: &mut BytesMut) -> io::Result<bool> {
        // A thread that blocks in `recv` is also woken whenever the core reads, in vain.
        retry_on_intr(|| poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], None))?;
        Ok(frames::receive(&self.socket, buf)?.0 > 0)
    }

    /// Sleeps until there may be something to do.
    fn follow(&self, state: &mut MutexGuard<'_, State>) {
        if state.has_deputy {
            self.followers.wait(state);
            return;
        }
        state.has_deputy = true;
        while !state.ended {
            let given = state.given;
            self.deputy.wait_for(state, TICK);
            if state.given != given {
                continue;
            }
            if !state.is_looked_after() {
                break;
            }
            state.ticking = false;
            self.deputy.wait(state);
            state.ticking = true;
        }
        state.has_deputy = false;
        // For what waits, and for the office of the deputy.
        for _ in 0..=state.waiting.len() {
            self.followers.notify_one();
        }
    }
}

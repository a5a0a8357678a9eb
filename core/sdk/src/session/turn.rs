//! Whose turn it is to read.
//!
//! At most one thread reads the socket. An idle slot's thread that finds nobody reading becomes
//! the *leader*: it blocks in the read with no lock held, and runs the request that it finds by
//! itself, so that a request is never handed from thread to thread unless it has to. The others
//! are *followers* and sleep. When the leader goes to run a request it either wakes a follower
//! or leaves the socket unread: for short requests it will be back sooner than the follower
//! would be awake, and if it is not, the minder steps in.

use std::io;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::socket::{self, Filled, Reader};
use super::state::State;
use super::{Ending, Shared};

type Guard<'a> = MutexGuard<'a, State>;

impl Shared {
    /// Reads once, for as long as it takes, and takes in what came. `reader` was taken out of
    /// the state, which is what makes this thread the leader.
    pub(crate) fn read_from(&self, state: &mut Guard<'_>, mut reader: Reader) {
        let result = MutexGuard::unlocked(state, || reader.fill(&self.socket, true));
        state.reader = Some(reader);
        self.took_turn(state, result);
    }

    /// Reads what is there, without waiting. False: nothing is.
    pub(crate) fn read_at_once(&self, state: &mut Guard<'_>) -> bool {
        let Some(reader) = &mut state.reader else { return false };
        let result = reader.fill(&self.socket, false);
        if matches!(result, Ok(Filled::Nothing)) {
            state.heard_at = Instant::now();
            return false;
        }
        self.took_turn(state, result);
        true
    }

    fn took_turn(&self, state: &mut Guard<'_>, result: io::Result<Filled>) {
        state.reads += 1;
        state.heard_at = Instant::now();
        match result {
            Ok(Filled::Bytes) => self.take_in(state),
            Ok(Filled::Nothing) => {}
            Ok(Filled::Closed) if state.draining => self.end(state, Ending::Drained),
            Ok(Filled::Closed) => self.end(state, Ending::CoreGone),
            Err(error) => self.end(state, Ending::Broken(error.to_string())),
        }
    }

    /// Makes of the bytes that were read what they mean, and answers what has to be answered.
    pub(crate) fn take_in(&self, state: &mut Guard<'_>) {
        match state.receive() {
            Ok(progress) => {
                if progress && state.blocked > 0 {
                    self.progress.notify_all();
                }
                if state.is_oob_granted() {
                    self.oob.notify_one();
                }
            }
            Err(error) => {
                let why = format!("{error} ({})", error.code());
                self.end(state, Ending::Broken(why));
            }
        }
        // PONG, GOODBYE, WINDOW, and with them what waits for the next request to be over; most
        // reads bring nothing but requests, and find nothing to write.
        if state.link.wants_transmit() {
            self.flush_some(state);
        }
    }

    /// Sleeps until there is something for this slot to do.
    pub(crate) fn sleep(&self, state: &mut Guard<'_>, slot: usize) {
        // Whoever wakes it takes it off the list.
        state.idle.push(slot);
        self.slots[slot].wait(state);
    }

    /// Called by a thread that leaves to run host code: lets others see to the rest.
    pub(crate) fn share(&self, state: &mut Guard<'_>) {
        if state.blocked > 0 && state.reader.is_some() {
            self.progress.notify_one();
        }
        if state.is_short() {
            return;
        }
        // Those that are offered, and one to read.
        let wanted = state.offered.len() + usize::from(state.reader.is_some());
        self.wake(state, wanted);
    }

    /// Called by a thread that cannot run requests itself: they must not wait for it.
    pub(crate) fn hand_out(&self, state: &mut Guard<'_>) {
        let wanted = state.offered.len();
        self.wake(state, wanted);
    }

    /// Called when nobody reads: finds a thread that can. False: there is none.
    pub(crate) fn find_leader(&self, state: &mut Guard<'_>) -> bool {
        if state.blocked > 0 {
            return self.progress.notify_one();
        }
        self.wake(state, 1) > 0
    }

    fn wake(&self, state: &mut Guard<'_>, wanted: usize) -> usize {
        for woken in 0..wanted {
            let Some(slot) = state.idle.pop() else { return woken };
            self.slots[slot].notify_one();
        }
        wanted
    }

    /// Sleeps until `done`, or until the session is over. Reads the socket when nobody does.
    pub(crate) fn wait_until(&self, state: &mut Guard<'_>, done: impl Fn(&State) -> bool) {
        while state.ending.is_none() && !done(state) {
            // What waits for this request to be over waits no longer.
            self.flush_some(state);
            if let Some(reader) = state.reader.take() {
                self.read_from(state, reader);
                self.hand_out(state);
            } else {
                state.blocked += 1;
                self.progress.wait(state);
                state.blocked -= 1;
            }
        }
        self.share(state);
    }

    /// Writes what the socket takes now. True: all of it, or there is no use in writing.
    pub(crate) fn flush_some(&self, state: &mut State) -> bool {
        while state.link.wants_transmit() {
            match socket::send(&self.socket, state.link.transmit()) {
                Ok(Some(n)) => state.link.transmitted(n),
                Ok(None) => {
                    state.batch.stuck();
                    return false;
                }
                // The reader finds out why.
                Err(_) => break,
            }
        }
        state.batch.written();
        true
    }

    /// Writes everything. The core always reads, so this takes as long as the core is busy.
    /// True: there was room for it at once.
    pub(crate) fn flush(&self, state: &mut Guard<'_>) -> bool {
        let mut at_once = true;
        while !self.flush_some(state) {
            at_once = false;
            MutexGuard::unlocked(state, || socket::wait_writable(&self.socket));
        }
        at_once
    }

    /// The session is over: everybody who sleeps wakes up and sees it.
    pub(crate) fn end(&self, state: &mut State, ending: Ending) {
        state.ending.get_or_insert(ending);
        // Wakes the leader and the minder; they may be blocked on the socket.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        for slot in state.idle.drain(..) {
            self.slots[slot].notify_one();
        }
        self.progress.notify_all();
        self.oob.notify_all();
        self.leaving.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Duration;

    use maitred_proto::link::ProcessLink;
    use maitred_proto::message::Hello;
    use parking_lot::{Condvar, Mutex};

    use super::*;
    use crate::fork::ForkGuard;

    /// A session that has something to write, without a minder, and the socket's other end.
    fn shared() -> (Shared, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut link = ProcessLink::new();
        link.hello(&Hello::default());
        let socket = OwnedFd::from(ours);
        let shared = Shared {
            fork: ForkGuard::new(socket.as_fd()),
            socket,
            state: Mutex::new(State::new(link, Reader::default(), 1, false)),
            slots: vec![Condvar::new()],
            progress: Condvar::new(),
            oob: Condvar::new(),
            leaving: Condvar::new(),
            merge: Duration::ZERO,
        };
        (shared, theirs)
    }

    #[test]
    fn who_is_going_to_wait_writes_first() {
        let (shared, mut theirs) = shared();
        let expected = shared.state.lock().link.transmit().to_vec();
        thread::scope(|scope| {
            let peer = scope.spawn(move || {
                let mut written = vec![0; expected.len()];
                theirs.read_exact(&mut written).map(|()| written == expected)
            });
            // Until the other side is gone.
            shared.wait_until(&mut shared.state.lock(), |_| false);
            assert!(peer.join().unwrap().unwrap());
        });
    }

    #[test]
    fn while_the_socket_is_full_nothing_is_made_to_wait_for_more() {
        let (shared, _theirs) = shared();
        let mut state = shared.state.lock();
        for _ in 0..1_000 {
            state.batch.took(Duration::ZERO);
        }
        let may_wait = |state: &State| {
            state.batch.may_wait(Instant::now(), Duration::ZERO, Duration::from_secs(1), 0)
        };
        assert!(may_wait(&state));
        while socket::send(&shared.socket, &[0; 4096]).unwrap().is_some() {}
        assert!(!shared.flush_some(&mut state));
        assert!(!may_wait(&state));
    }
}

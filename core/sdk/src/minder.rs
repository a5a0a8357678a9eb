//! The minder: a thread of the session that never touches the host language.
//!
//! Slots read the socket themselves, as long as one of them is idle. When all of them run, or
//! when a host's lock is stuck, somebody has to answer PING, to note CANCEL and DRAIN, and to
//! see that the core is gone. That is the minder. It also writes what was held back for something
//! that takes longer than was expected. It costs the slots nothing: it wakes up by
//! the same bytes that they do, looks around every millisecond while requests come and go, and
//! lies down on the socket again as soon as it has nothing to do.
//!
//! ```text
//!   asleep on the socket ──bytes──▶ ticking ──a tick without anything──▶ asleep
//!            ╰──────────── the session is over ──▶ sees the process out
//! ```

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use maitred_proto::link::ProcessLink;
use parking_lot::MutexGuard;

use crate::session::socket;
use crate::session::{Ending, Shared, State};

/// How often it looks while requests come and go. 1 ms: what a surprise may cost a client (a
/// close() that was always quick and is not, a request behind a short one that is not). A tick
/// costs 5 to 20 microseconds, mostly for waking up, which is why there are none without need.
const TICK: Duration = Duration::from_millis(1);

/// How long a process may finish what it runs when the core is gone (the link protocol,
/// section 7).
const ORPHAN_GRACE: Duration = Duration::from_secs(5);

/// How long a process may take to exit after it was drained. 30 s: more than a core gives by
/// default before it kills, so this is for cores that are gone by then.
const LEAVE_GRACE: Duration = Duration::from_secs(30);

/// The exit status of a process that did not leave by itself.
const OVERSTAYED: i32 = 70;

/// The stack of the thread: it needs next to nothing.
const STACK_LEN: usize = 256 * 1024;

// SAFETY: as the C library declares it.
unsafe extern "C" {
    fn _exit(status: i32) -> !;
}

pub(crate) fn spawn(shared: Arc<Shared>) -> io::Result<()> {
    let run = move || {
        while mind(&shared) {}
        see_out(&shared);
    };
    thread::Builder::new().name("maitred-minder".to_owned()).stack_size(STACK_LEN).spawn(run)?;
    Ok(())
}

/// Sleeps until bytes come, then ticks until there is nothing to do. False: the session is over.
fn mind(shared: &Shared) -> bool {
    socket::wait_readable(&shared.socket);
    let mut state = shared.state.lock();
    state.ticking = true;
    loop {
        let before = (state.reads, state.last_given);
        MutexGuard::unlocked(&mut state, || thread::sleep(TICK));
        if state.ending.is_some() {
            return false;
        }
        flush_held(shared, &mut state);
        let still = before == (state.reads, state.last_given);
        if still && settle(shared, &mut state) && !state.has_unsent() {
            state.ticking = false;
            return true;
        }
    }
}

/// Ends that were held for a ready that does not come, and responses that wait for a request that
/// is not over: the clients get them now.
fn flush_held(shared: &Shared, state: &mut MutexGuard<'_, State>) {
    let now = Instant::now();
    let State { link, streams, .. } = &mut **state;
    for (&stream, open) in streams.iter_mut() {
        let due = |since| now.saturating_duration_since(since) >= shared.merge;
        if let Some(held) = open.held.take_if(|held| due(held.since)) {
            release(link, stream, held.end);
        }
    }
    shared.flush_some(state);
}

fn release(link: &mut ProcessLink, stream: u64, end: bool) {
    if end {
        link.end(stream, false);
    }
}

/// A tick went by in which nobody read and nobody took a request. True: that is as it should
/// be, since somebody reads, or nobody but the minder could.
fn settle(shared: &Shared, state: &mut MutexGuard<'_, State>) -> bool {
    if !state.offered.is_empty() && !state.idle.is_empty() {
        shared.hand_out(state);
        return false;
    }
    if state.reader.is_none() {
        return true;
    }
    !shared.find_leader(state) && !read_all(shared, state)
}

/// Reads what is there. True: something was.
fn read_all(shared: &Shared, state: &mut MutexGuard<'_, State>) -> bool {
    let mut any = false;
    while state.ending.is_none() && shared.read_at_once(state) {
        shared.hand_out(state);
        any = true;
    }
    any
}

/// The session is over: the host is on its way out, or has to be helped.
fn see_out(shared: &Shared) {
    let mut state = shared.state.lock();
    let grace = match state.ending {
        Some(Ending::Drained) => LEAVE_GRACE,
        _ => ORPHAN_GRACE,
    };
    let deadline = Instant::now() + grace;
    while !state.abandoned {
        if shared.leaving.wait_until(&mut state, deadline).timed_out() && !state.abandoned {
            // SAFETY: ends the process without running anything of it; that is the point, since
            // its host may be stuck.
            unsafe { _exit(OVERSTAYED) };
        }
    }
}

//! Looks after connections from outside, a few times a second, so that none needs a timer.
//!
//! Four things end a connection without its own doing: it idles for too long, the head of its
//! request takes too long, its client takes nothing of its response, or its client is gone while
//! hyper does not read (pipelined data, a body that waits). The last is found by asking the kernel
//! about all such sockets at once.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use maitred_engine::time::Time;
use parking_lot::Mutex;
use slab::Slab;

use super::conn::{Conn, Phase};
use super::stall::{Progress, STALL_INTERVAL};
use crate::clock::Clock;
use crate::os;

/// How often connections are looked at. Default 250 ms: a client that left is noticed well
/// within a second.
const INTERVAL: Duration = Duration::from_millis(250);

/// What a client gets whose head took too long.
const HEAD_TIMEOUT_ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\
    content-length: 0\r\nx-maitred-reason: head_stalled\r\n\r\n";

/// All open client connections.
#[derive(Debug)]
pub struct Registry {
    conns: Mutex<Slab<(Arc<Conn>, Progress)>>,
    clock: Clock,
    keep_alive: Duration,
    head_max: Duration,
}

/// Takes the connection out again when dropped.
#[derive(Debug)]
pub struct Registered {
    registry: Arc<Registry>,
    key: usize,
}

impl Registry {
    /// `keep_alive`: longest idling; `head_max`: longest reading of a head.
    #[must_use]
    pub fn new(clock: Clock, keep_alive: Duration, head_max: Duration) -> Arc<Self> {
        Arc::new(Self { conns: Mutex::new(Slab::new()), clock, keep_alive, head_max })
    }

    /// Adds a connection.
    pub fn add(self: &Arc<Self>, conn: Arc<Conn>) -> Registered {
        let key = self.conns.lock().insert((conn, Progress::default()));
        Registered { registry: Arc::clone(self), key }
    }

    /// How many there are, and how many of them are being sent something.
    pub fn count(&self) -> (usize, usize) {
        let conns = self.conns.lock();
        (conns.len(), conns.iter().filter(|(_, (conn, _))| conn.is_sending()).count())
    }

    /// Sweeps for ever.
    pub async fn run(self: Arc<Self>) {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked = self.clock.now();
        loop {
            interval.tick().await;
            self.sweep();
            if self.clock.now().since(looked) >= STALL_INTERVAL {
                looked = self.clock.now();
                self.end_stalled(looked);
            }
        }
    }

    fn sweep(&self) {
        let now = self.clock.now();
        let mut blind = Vec::new();
        let mut over = Vec::new();
        for (_, (conn, _)) in self.conns.lock().iter() {
            let state @ (phase, since) = conn.phase();
            match phase {
                Phase::Idle if now.since(since) > self.keep_alive => {
                    over.push((Arc::clone(conn), state));
                }
                Phase::Head if now.since(since) > self.head_max => {
                    over.push((Arc::clone(conn), state));
                }
                Phase::Busy | Phase::Uploading if conn.is_blind() => blind.push(Arc::clone(conn)),
                _ => {}
            }
        }
        for (conn, state) in over {
            end_if_still(&conn, state);
        }
        let fds: Vec<_> = blind.iter().map(|conn| conn.as_fd()).collect();
        for (conn, hung_up) in blind.iter().zip(os::hung_up(&fds)) {
            if hung_up {
                conn.end();
            }
        }
    }

    fn end_stalled(&self, now: Time) {
        let mut stalled = Vec::new();
        for (_, (conn, progress)) in self.conns.lock().iter_mut() {
            if progress.is_stalled(conn, now) {
                stalled.push(Arc::clone(conn));
            }
        }
        stalled.iter().for_each(|conn| conn.end());
    }
}

/// Ends a connection that took too long in `state`, unless it has come out of it meanwhile.
fn end_if_still(conn: &Conn, state: (Phase, Time)) {
    if conn.phase() != state {
        return;
    }
    if state.0 == Phase::Head {
        conn.try_write(HEAD_TIMEOUT_ANSWER);
    }
    conn.end();
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.conns.lock().remove(self.key);
    }
}

#[cfg(test)]
mod tests;

//! Whether a client takes what it is sent.
//!
//! A client that stops reading holds a connection, a spool file and, once the disk is full, an
//! app's slot. What it has taken is asked of the kernel: that the core can write nothing more for
//! a while says only that the client is slow.

use std::time::Duration;

use maitred_engine::time::Time;

use super::conn::Conn;
use crate::os::unsent::{reset_on_close, unsent};

/// How long a client that is sent a response may take nothing of it. Default 60 s: as long as
/// other servers wait between two writes; a slow one takes something within seconds.
pub(super) const SEND_STALL_MAX: Duration = Duration::from_secs(60);

/// How often that is looked at. Default 5 s: a system call for each connection that is being
/// sent something.
pub(super) const STALL_INTERVAL: Duration = Duration::from_secs(5);

/// What was seen of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// Bytes that the client had not taken, and since when it is so many.
    unsent: Option<(u32, Time)>,
}

impl Progress {
    /// Looks at `conn`. True: it is over, and its kernel buffers are not worth keeping.
    pub(super) fn is_stalled(&mut self, conn: &Conn, now: Time) -> bool {
        let waiting = conn.is_sending().then(|| unsent(conn).unwrap_or(0));
        let stalled = self.note(waiting.unwrap_or(0), now);
        if stalled {
            reset_on_close(conn);
        }
        stalled
    }

    fn note(&mut self, unsent: u32, now: Time) -> bool {
        match self.unsent {
            Some((before, since)) if before == unsent && unsent > 0 => {
                now.since(since) > SEND_STALL_MAX
            }
            _ => {
                self.unsent = Some((unsent, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_that_takes_nothing_for_a_minute_is_over() {
        let mut progress = Progress::default();
        assert!(!progress.note(1000, at(0)));
        assert!(!progress.note(1000, at(55)));
        assert!(progress.note(1000, at(61)));
    }

    #[test]
    fn a_client_that_takes_a_little_now_and_then_is_not() {
        let mut progress = Progress::default();
        for minute in 0..10 {
            assert!(!progress.note(1000 - minute, at(u64::from(minute) * 60)));
        }
    }

    #[test]
    fn a_client_for_whom_there_is_nothing_is_not() {
        let mut progress = Progress::default();
        assert!(!progress.note(0, at(0)));
        assert!(!progress.note(0, at(600)));
    }
}

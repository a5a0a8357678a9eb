//! What slots finished and is kept for a moment, so that short requests share a write.
//!
//! Where requests wait in the process and are over in microseconds, to write each response by
//! itself is a good part of their cost, on both sides. So a thread that has its next request at
//! hand goes on to that one first, as long as it is expected to be over before what was finished
//! has waited for as long as it may. If it is not, the minder writes.
//!
//! To the core the slot of a kept request still runs it. So a kept READY is no place for a
//! request that was sent ahead, and a process that dies breaks no more responses than it has
//! slots, with this as without.

use std::time::{Duration, Instant};

/// How many bytes may be kept. 16 KiB: a dozen small responses; more are worth a write of their
/// own.
const BYTES_MAX: usize = 16 * 1024;

/// Finished requests whose READY was not written yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    slots: usize,
    /// When the first of them was finished.
    since: Option<Instant>,
}

impl Kept {
    /// One more.
    pub(super) fn add(&mut self, now: Instant) {
        self.slots += 1;
        self.since.get_or_insert(now);
    }

    /// Of how many slots.
    pub(super) const fn slots(&self) -> usize {
        self.slots
    }

    /// Whether `bytes` may wait for a request that is expected to take `next`, if all of it is
    /// to be on its way within `limit`.
    pub(super) fn may_wait(
        &self,
        now: Instant,
        next: Duration,
        limit: Duration,
        bytes: usize,
    ) -> bool {
        let waited =
            self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        bytes <= BYTES_MAX && waited + next <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(50);
    const SHORT: Duration = Duration::from_micros(10);

    /// Something was finished, and the time after that many microseconds.
    fn kept(waited: u64) -> (Kept, Instant) {
        let mut kept = Kept::default();
        let now = Instant::now();
        kept.add(now);
        (kept, now + Duration::from_micros(waited))
    }

    #[test]
    fn it_waits_as_long_as_the_next_one_is_expected_to_be_over_in_time() {
        let (kept, now) = kept(40);
        assert!(kept.may_wait(now, SHORT, LIMIT, 100));
        assert!(!kept.may_wait(now, SHORT * 2, LIMIT, 100));
    }

    #[test]
    fn the_first_one_counts_however_many_follow() {
        let (mut kept, now) = kept(45);
        kept.add(now);
        assert_eq!(kept.slots(), 2);
        assert!(!kept.may_wait(now, SHORT, LIMIT, 100));
    }

    #[test]
    fn much_does_not_wait() {
        let (kept, now) = kept(0);
        assert!(!kept.may_wait(now, SHORT, LIMIT, BYTES_MAX + 1));
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        let (kept, now) = kept(0);
        assert!(!kept.may_wait(now, SHORT, Duration::ZERO, 0));
    }
}

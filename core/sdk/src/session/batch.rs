//! Responses of short requests that go out in one write.
//!
//! Where requests wait in the process and are over in microseconds, to write each response by
//! itself is a good part of their cost, on both sides. So a thread that has its next request at
//! hand goes on to that one first, as long as it is expected to be over before the oldest of what
//! was finished has waited for as long as it may. If it is not, the minder writes.
//!
//! To the core the slot of a finished request still runs it, until its READY was written. So that
//! READY makes no room yet for a request that was sent ahead; and a process that dies breaks no
//! more responses than it has slots, with batches as without.

use std::time::{Duration, Instant};

/// How many bytes may wait. 16 KiB: a dozen small responses; more are worth a write of their own.
const BYTES_MAX: usize = 16 * 1024;

/// A request that takes longer is a surprise to those that wait for it. 1 ms: the tick of the
/// minder, which bounds what a surprise costs.
const SURPRISE: Duration = Duration::from_millis(1);

/// So many requests in a row without a surprise, and responses may wait for each other. 256: of a
/// process with eight slots one response in forty at most waits for a surprise.
const CALM_MIN: u32 = 256;

/// What was finished and may not be written yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Batch {
    /// At most so many READYs are not written.
    readies: usize,
    /// Since when the first of them has waited.
    since: Option<Instant>,
    /// Requests in a row without a surprise.
    calm: u32,
    /// The socket took no more: room is waited for, not made use of.
    is_stuck: bool,
}

impl Batch {
    /// One more READY.
    pub(super) fn add(&mut self, now: Instant) {
        self.readies += 1;
        self.begin(now);
    }

    /// Something complete has waited since then.
    pub(super) fn begin(&mut self, since: Instant) {
        self.since.get_or_insert(since);
    }

    /// Learns how long a request held its slot.
    pub(super) fn took(&mut self, time: Duration) {
        self.calm = if time < SURPRISE { self.calm.saturating_add(1) } else { 0 };
    }

    /// How many READYs are not written, at most.
    pub(super) const fn readies(&self) -> usize {
        self.readies
    }

    /// The socket takes no more.
    pub(super) fn stuck(&mut self) {
        self.is_stuck = true;
    }

    /// All is written, or there is no use in writing.
    pub(super) fn written(&mut self) {
        *self = Self { calm: self.calm, ..Self::default() };
    }

    /// Whether it, with its `bytes`, may wait for a request that is expected to take `next`, if
    /// all of it is to be on its way within `limit` (zero: never).
    pub(super) fn may_wait(
        &self,
        now: Instant,
        next: Duration,
        limit: Duration,
        bytes: usize,
    ) -> bool {
        let since = self.since.unwrap_or(now);
        self.calm >= CALM_MIN
            && !self.is_stuck
            && bytes <= BYTES_MAX
            && now.saturating_duration_since(since) + next < limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(50);
    const SHORT: Duration = Duration::from_micros(10);

    /// The batch of a calm process in which something was finished, and the time after that
    /// many microseconds.
    fn batch(waited: u64) -> (Batch, Instant) {
        let mut batch = Batch::default();
        for _ in 0..CALM_MIN {
            batch.took(SHORT);
        }
        let now = Instant::now();
        batch.add(now);
        (batch, now + Duration::from_micros(waited))
    }

    #[test]
    fn it_waits_as_long_as_the_next_one_is_expected_to_be_over_in_time() {
        let (batch, now) = batch(39);
        assert!(batch.may_wait(now, SHORT, LIMIT, 100));
        assert!(!batch.may_wait(now, SHORT * 2, LIMIT, 100));
    }

    #[test]
    fn the_first_one_counts_however_many_follow() {
        let (mut batch, now) = batch(45);
        batch.add(now);
        assert_eq!(batch.readies(), 2);
        assert!(!batch.may_wait(now, SHORT, LIMIT, 100));
        batch.written();
        batch.add(now);
        assert!(batch.may_wait(now, SHORT, LIMIT, 100), "what is written waits no more");
    }

    #[test]
    fn an_end_that_was_held_for_ready_has_waited_for_that_as_well() {
        let (mut batch, now) = batch(45);
        batch.written();
        batch.begin(now - SHORT * 4);
        batch.add(now);
        assert!(!batch.may_wait(now, SHORT, LIMIT, 100));
    }

    #[test]
    fn much_does_not_wait() {
        let (batch, now) = batch(0);
        assert!(!batch.may_wait(now, SHORT, LIMIT, BYTES_MAX + 1));
    }

    #[test]
    fn after_a_surprise_nothing_waits_for_many_requests() {
        let (mut batch, now) = batch(0);
        batch.took(SURPRISE);
        for _ in 1..CALM_MIN {
            batch.took(SHORT);
            assert!(!batch.may_wait(now, SHORT, LIMIT, 100));
        }
        batch.took(SHORT);
        assert!(batch.may_wait(now, SHORT, LIMIT, 100));
    }

    #[test]
    fn who_waits_for_room_in_the_socket_is_not_made_to_wait_for_more() {
        let (mut batch, now) = batch(0);
        batch.stuck();
        assert!(!batch.may_wait(now, SHORT, LIMIT, 100));
        batch.written();
        assert!(batch.may_wait(now, SHORT, LIMIT, 100));
    }

    #[test]
    fn a_limit_of_zero_lets_nothing_wait() {
        let (batch, now) = batch(0);
        assert!(!batch.may_wait(now, Duration::ZERO, Duration::ZERO, 0));
    }
}

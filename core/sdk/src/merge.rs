//! Whether the end of a response may wait a moment for the slot's ready.
//!
//! Nearly every framework returns bodies with a `close()`. Most of those calls do next to
//! nothing: then *complete* and *ready* should share one write. Some work for long: then the
//! client must not wait for them. Nobody can tell beforehand, but bodies of one type behave
//! alike, so the rule learns per type: it flushes first until it has seen several quick ones in
//! a row, and again after each slow one. A surprise is bounded by the minder, which flushes what
//! was held too long.

use std::time::Duration;

use rustc_hash::FxHashMap;

/// Quick closes in a row before a type is trusted. 4: warm after a handful of requests, while a
/// type that is slow now and then mostly stays in the careful state.
const TRUST_AFTER: u8 = 4;

/// Types that are remembered. 64: apps have a handful; beyond it the memory starts afresh, so
/// that types made at run time cost no memory for ever.
const TYPES_MAX: usize = 64;

/// What one slot knows about how bodies of each type end.
#[derive(Debug)]
pub struct MergeRule {
    limit: Duration,
    quick: FxHashMap<usize, u8>,
}

impl MergeRule {
    /// A rule that knows nothing yet. `limit` is how long an end may wait; zero: never.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, quick: FxHashMap::default() }
    }

    /// How long an end may wait.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the end of a body of this type may wait for ready. The key stands for the type:
    /// its address will do.
    #[must_use]
    pub fn may_hold(&self, key: usize) -> bool {
        self.quick.get(&key).is_some_and(|&quick| quick >= TRUST_AFTER)
    }

    /// Learns how long it took from the last byte of a body of this type to ready.
    pub fn took(&mut self, key: usize, time: Duration) {
        if self.limit.is_zero() {
            return;
        }
        if self.quick.len() >= TYPES_MAX && !self.quick.contains_key(&key) {
            self.quick.clear();
        }
        let quick = self.quick.entry(key).or_default();
        *quick = if time <= self.limit { quick.saturating_add(1) } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(5);
    const SLOW: Duration = Duration::from_millis(5);

    fn rule() -> MergeRule {
        MergeRule::new(Duration::from_micros(50))
    }

    #[test]
    fn an_unknown_type_is_flushed_first() {
        assert!(!rule().may_hold(1));
    }

    #[test]
    fn a_type_is_trusted_after_a_row_of_quick_closes() {
        let mut rule = rule();
        for _ in 0..TRUST_AFTER {
            assert!(!rule.may_hold(1));
            rule.took(1, QUICK);
        }
        assert!(rule.may_hold(1));
        assert!(!rule.may_hold(2), "another type has to earn its own trust");
    }

    #[test]
    fn one_slow_close_loses_the_trust() {
        let mut rule = rule();
        for _ in 0..100 {
            rule.took(1, QUICK);
        }
        rule.took(1, SLOW);
        assert!(!rule.may_hold(1));
        rule.took(1, QUICK);
        assert!(!rule.may_hold(1), "one quick close does not win it back");
    }

    #[test]
    fn a_limit_of_zero_never_holds() {
        let mut rule = MergeRule::new(Duration::ZERO);
        for _ in 0..100 {
            rule.took(1, Duration::ZERO);
        }
        assert!(!rule.may_hold(1));
    }

    #[test]
    fn types_made_at_run_time_do_not_fill_the_memory() {
        let mut rule = rule();
        for key in 0..10_000 {
            rule.took(key, QUICK);
        }
        assert!(rule.quick.len() <= TYPES_MAX);
    }
}

//! Whether a pool is overloaded, and what may be done then (rules R3 and R5).
//!
//! The shadow follows for how long somebody has waited above the target, and holds the picture
//! against that.

use std::time::Duration;

use maitred_engine::id::PoolId;
use maitred_engine::snapshot::PoolPicture;
use maitred_engine::time::Time;

use super::{Request, Shadow};
use crate::coverage::Fact;
use crate::rule::{Checked, must};

/// What is known of a pool's overload.
#[derive(Debug, Default)]
pub(super) struct Overload {
    /// Since when the longest wait has been above the target.
    above: Option<Time>,
    /// As the last picture said.
    pub(super) since: Option<Time>,
    /// When somebody's wait was last as long as the target, or the overload began.
    reached: Time,
    /// When it last ended.
    calm: Time,
}

impl Overload {
    /// Whether somebody was refused at this moment because the wait was over.
    pub(super) fn reached_at(&self, now: Time) -> bool {
        self.reached == now
    }
}

impl Shadow {
    /// Time has passed, or the queue has changed.
    pub(super) fn note_overloads(&mut self) {
        let pools: Vec<PoolId> = self.pools.keys().copied().collect();
        for pool in pools {
            let reaches = self.reaches_target(pool).filter(|at| *at <= self.now);
            if let Some(pool) = self.pools.get_mut(&pool) {
                let above = &mut pool.overload.above;
                *above = reaches.map(|at| above.unwrap_or(at));
            }
        }
    }

    /// When the longest wait is, or was, as long as the target.
    fn reaches_target(&self, pool: PoolId) -> Option<Time> {
        let record = &self.pools[&pool];
        let target = record.limits.overload?.target;
        let first = record.first_hello?;
        let normal = self.waiting(pool).filter(|(_, it)| !it.is_suspect());
        let entered = normal.filter_map(|(_, it)| it.waiting_since()).min()?;
        Some(entered.max(first) + target)
    }

    /// When the pool has to be overloaded at the latest, if nothing changes.
    pub(super) fn overload_due(&self, pool: PoolId) -> Option<Time> {
        let record = &self.pools[&pool];
        let interval = record.limits.overload?.interval;
        if record.overload.since.is_some() {
            return None;
        }
        let since = record.overload.above.or_else(|| self.reaches_target(pool))?;
        // After an overload has ended the wait that began in it does not count.
        (record.overload.calm <= since).then(|| since + interval)
    }

    /// The longest wait in a pool that has booted.
    pub(super) fn wait_max(&self, pool: PoolId, overloaded: bool) -> Duration {
        let limits = &self.pools[&pool].limits;
        match limits.overload.filter(|_| overloaded) {
            Some(overload) => overload.target.min(limits.queue_wait_max),
            None => limits.queue_wait_max,
        }
    }

    /// Whether the pool may have become overloaded since the engine last rested.
    pub(super) fn may_be_overloaded(&self, pool: PoolId) -> bool {
        let record = &self.pools[&pool];
        let Some(limits) = record.limits.overload else { return false };
        let above = record.overload.above;
        record.overload.since.is_some() || above.is_some_and(|at| self.now >= at + limits.interval)
    }

    /// Somebody was refused because the wait was over.
    pub(super) fn target_reached(&mut self, pool: PoolId) {
        let now = self.now;
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.overload.reached = now;
        }
    }

    /// Takes from the picture whether a pool is overloaded, if that may be.
    pub(super) fn note_overload(&mut self, picture: &PoolPicture) -> Checked {
        let (pool, shown, now) = (picture.pool, picture.queue.overloaded_since, self.now);
        let before = self.pools[&pool].overload.since;
        self.check_turns(pool, before, shown)?;
        let normal = |(_, it): (_, &Request)| !it.is_suspect();
        let waits = self.waiting(pool).any(normal);
        let record = &self.pools[&pool];
        let Some(limits) = record.limits.overload else {
            must!(R5, shown.is_none(), "{pool} is overloaded, and has no policy for that");
            return super::FINE;
        };
        let over = record.overload.above.is_some_and(|at| now >= at + limits.interval);
        match (before, shown) {
            (None, Some(since)) => {
                must!(R5, since == now && over, "{pool} is overloaded since {since:?}");
                self.fact(Fact::Overloaded);
            }
            (Some(_), None) => {
                let old = now >= record.overload.reached + limits.interval;
                must!(R5, old || !waits, "{pool} is not overloaded any more, and requests wait");
                self.fact(Fact::Calm);
            }
            (Some(old), Some(since)) => {
                must!(R5, old == since || since == now, "{pool} is overloaded since {since:?}");
            }
            // That it begins in time is checked with the leases.
            (None, None) => {}
        }
        must!(R5, shown.is_none() || waits, "{pool} is overloaded and nobody waits");
        if let Some(pool) = self.pools.get_mut(&pool) {
            let overload = &mut pool.overload;
            if shown != before && shown.is_some() {
                overload.reached = now;
            }
            if shown.is_none() && before.is_some() {
                overload.calm = now;
            }
            overload.since = shown;
        }
        super::FINE
    }
}

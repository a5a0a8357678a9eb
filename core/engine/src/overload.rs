//! What to do while more comes than can be served: an optional policy, off by default.
//!
//! First come, first served is the worst order in a lasting overload: everybody waits for as long
//! as the limit allows, and most are given up by their clients just before they are served. This
//! policy tells a burst from an overload as CoDel does (K. Nichols and V. Jacobson, "Controlling
//! Queue Delay", ACM Queue 10(5), 2012): not by the length of the queue, but by a wait that stays
//! above a target for a whole interval. While that lasts the newest request goes first, because
//! its client is the likeliest to be still there, and a wait ends at the target, as B. Maurer
//! describes it ("Fail at Scale", ACM Queue 13(8), 2015). Priorities hold all the same.
//!
//! ```text
//!   calm ──the longest wait is above the target for an interval──▶ overloaded
//!    ▲                                                                 │
//!    └── nobody waits, or nobody reached the target for an interval ◀──┘
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::pool::Pool;
use crate::queue::Waiting;
use crate::time::Time;

/// Whether a pool is overloaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Overload {
    #[default]
    Calm,
    /// The longest wait has been above the target since then.
    Above { since: Time },
    /// `reached`: when somebody's wait was last as long as the target.
    Overloaded { since: Time, reached: Time },
}

impl Overload {
    /// Since when the pool is overloaded.
    pub(crate) fn since(self) -> Option<Time> {
        match self {
            Self::Overloaded { since, .. } => Some(since),
            Self::Calm | Self::Above { .. } => None,
        }
    }
}

impl Pool {
    /// Whether the newest request goes first.
    pub(crate) fn is_newest_first(&self) -> bool {
        self.overload.since().is_some()
    }

    /// Since when the patience of a request counts. Who waited for the first boot starts anew when
    /// that is done: otherwise the boot would end with a wave of refusals.
    pub(crate) fn patient_since(&self, wait: &Waiting) -> Time {
        self.boot.first_at.map_or(wait.entered, |first| first.max(wait.entered))
    }

    /// Looks at the one that waits longest, and moves the state to where it is by now.
    pub(crate) fn note_overload(&mut self, now: Time) {
        let Some(limits) = self.limits.overload else { return };
        let Some(reaches) = self.reaches_target(limits.target) else {
            self.overload = Overload::Calm;
            return;
        };
        self.overload = match self.overload {
            Overload::Overloaded { reached, .. }
                if now >= reached + limits.interval && reaches > reached + limits.interval =>
            {
                Overload::Calm
            }
            overloaded @ Overload::Overloaded { .. } => overloaded,
            Overload::Above { .. } | Overload::Calm if reaches > now => Overload::Calm,
            Overload::Above { since } => Overload::Above { since },
            Overload::Calm => Overload::Above { since: reaches },
        };
        if let Overload::Above { since } = self.overload
            && now >= since + limits.interval
        {
            self.overload = Overload::Overloaded { since: now, reached: now };
        }
    }

    /// Somebody's wait was as long as the target.
    pub(crate) fn note_target_reached(&mut self, now: Time) {
        if let Overload::Overloaded { reached, .. } = &mut self.overload {
            *reached = now;
        }
    }

    /// When the wait of the one that waits longest is as long as the target.
    fn reaches_target(&self, target: Duration) -> Option<Time> {
        let first = self.queue.first_entered().filter(|_| self.has_booted())?;
        Some(self.patient_since(first) + target)
    }

    /// When the pool will be overloaded if nothing changes.
    pub(crate) fn next_overload(&self) -> Option<Time> {
        let limits = self.limits.overload?;
        let since = match self.overload {
            Overload::Overloaded { .. } => return None,
            Overload::Above { since } => since,
            Overload::Calm => self.reaches_target(limits.target)?,
        };
        Some(since + limits.interval)
    }
}

impl Engine {
    /// Moves the state of every pool to where it is by now.
    pub(crate) fn note_overloads(&mut self) {
        let now = self.now;
        for pool in self.pools.values_mut() {
            pool.note_overload(now);
        }
    }
}

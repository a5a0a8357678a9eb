//! What balancers ask all the time, without a picture of everything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::pool::Pool;
use crate::time::Time;

/// Whether clients are served, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The core is leaving.
    pub draining: bool,
    /// Every pool has had a process that booted. Whether one lives now is not asked: the queue
    /// bridges what a restart takes, and its age says when it does not.
    pub booted: bool,
    /// A pool is overloaded, and refuses early.
    pub overloaded: bool,
    /// Age of the oldest request that waits anywhere.
    pub oldest: Option<Duration>,
}

impl Engine {
    /// How things stand. Looks at pools, not at processes or requests; with a line per process, at
    /// each line.
    #[must_use]
    pub fn standing(&self, now: Time) -> Standing {
        let now = now.max(self.now);
        let pools = || self.pools.values();
        Standing {
            draining: self.departure.is_some(),
            booted: !self.pools.is_empty() && pools().all(Pool::has_booted),
            overloaded: pools().any(Pool::is_newest_first),
            oldest: pools().filter_map(Pool::oldest_arrival).min().map(|came| now.since(came)),
        }
    }
}

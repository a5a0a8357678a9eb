//! The leases of a pool's slots: how long each thing may take, and what is done then (rule R7).
//!
//! The other leases (boot, queue, drain, isolation) are single limits of the pool itself. These
//! have steps, because what overstays is the operator's own code: it is first reported, then told,
//! and its process is replaced only in the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a lease limits. Each has its own limit and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LeaseKind {
    /// Spawn to hello.
    Boot,
    /// Dispatch to the first of the response.
    FirstByte,
    /// Dispatch to response complete.
    Request,
    /// Response complete to ready.
    Deferred,
    /// A slot runs, and the host gives no sign of life.
    Hang,
    /// Out-of-band work.
    Oob,
    /// DRAIN to all slots ready.
    Drain,
}

/// The steps of one lease. Times count from the beginning of what is limited; `None`: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// It is said in the log, and counted.
    pub warn: Option<Duration>,
    /// Whether the process is asked for its stacks then. At the end of the lease it always is.
    pub warn_dumps: bool,
    /// The end of the lease: the app is told, and a client that still waits gets its answer.
    pub max: Option<Duration>,
    /// Time after `max` at which an error is raised in the slot.
    pub raise_after: Option<Duration>,
    /// Time after `max` at which the process is retired: replaced first, then drained, then
    /// ended by signals when the drain lease runs out as well.
    pub retire_after: Option<Duration>,
}

/// The leases of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leases {
    /// Dispatch to the first of the response. Warns at 60 s by default: no browser's user waits
    /// that long for nothing.
    pub first_byte: Lease,
    /// Dispatch to response complete. Warns at 60 s by default, once the response has begun, and
    /// without stacks: a long download is not stuck.
    pub request: Lease,
    /// Response complete to ready. By default warns at 30 s and retires at 300 s: what takes
    /// minutes belongs into a queue of jobs, and nobody else ever ends it.
    pub deferred: Lease,
    /// A slot runs and the host is silent: it holds its lock, or is stopped. Retires at 60 s by
    /// default. Longer than any collection of garbage.
    pub hang: Lease,
    /// Shortest time between two dumps of one process. Default 10 s: each has the stacks of all
    /// its threads, and slots that overstay often do so together.
    pub dump_pause: Duration,
}

impl Lease {
    /// From told to retired. Default 5 s: an app that heeds the cancellation keeps its process.
    pub const GRACE: Duration = Duration::from_secs(5);

    /// Nothing overstays.
    pub const NEVER: Self =
        Self { warn: None, warn_dumps: true, max: None, raise_after: None, retire_after: None };
}

impl Default for Leases {
    fn default() -> Self {
        let warn = Some(Duration::from_secs(60));
        let warns = Lease { warn, retire_after: Some(Lease::GRACE), ..Lease::NEVER };
        Self {
            first_byte: warns,
            request: Lease { warn_dumps: false, ..warns },
            deferred: Lease {
                warn: Some(Duration::from_secs(30)),
                max: Some(Duration::from_secs(300)),
                retire_after: Some(Duration::ZERO),
                ..Lease::NEVER
            },
            hang: Lease {
                max: Some(Duration::from_secs(60)),
                retire_after: Some(Duration::ZERO),
                ..Lease::NEVER
            },
            dump_pause: Duration::from_secs(10),
        }
    }
}

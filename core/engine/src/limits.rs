//! Every limit of a pool: name, unit, default and reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod leases;

pub use leases::{Lease, LeaseKind, Leases};

/// Requests that are sent ahead at once, by default. 8: a process and the core take turns of a few
/// requests each, instead of waking each other for every one; with 16 they do no better.
pub const EARLY_MAX: u32 = 8;

/// Whose queue a request waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Routing {
    /// In the one of the pool: it goes to whichever slot is free first.
    #[default]
    Global,
    /// In that of a process, the shortest one when it came: it waits for that process alone.
    PerProcess,
}

/// When a pool counts as overloaded, and what a wait is bounded by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverloadLimits {
    /// The wait that is still good. Default 1 s: what people notice, and far above the wait that a
    /// pool at its usual load causes.
    pub target: Duration,
    /// How long the longest wait has to stay above the target. Default 5 s: a burst that the pool
    /// works off in less is none of its business.
    pub interval: Duration,
}

impl Default for OverloadLimits {
    fn default() -> Self {
        Self { target: Duration::from_secs(1), interval: Duration::from_secs(5) }
    }
}

/// The limits of one pool. Defaults are what an operator gets without any configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLimits {
    /// Processes to keep alive. Default 2: one may die or drain while the other serves.
    pub processes: u32,
    /// Boot the first process alone, and then no more than there is memory for. Default false: a
    /// number that somebody wrote is meant.
    pub measure_first: bool,
    /// Requests waiting at once. Default 1000. Beyond this a client is better served by a fast
    /// 503 than by an answer after its own timeout.
    pub queue_len_max: u32,
    /// The same while no process has booted yet. Default 1000 as well: it is a budget of its own,
    /// because a deploy may want to hold more, or less, than a busy minute.
    pub booting_len_max: u32,
    /// Requests that are sent to a busy process ahead of their turn, at most, if that process is
    /// alone in its pool. 0: none. Default [`EARLY_MAX`].
    pub early_max: u32,
    /// Longest wait for a slot. Default 25 s: below the 30 s after which common proxies give up.
    pub queue_wait_max: Duration,
    /// Longest wait while no process has booted yet. Default 60 s: large apps boot slowly, and
    /// waiting for a boot ends for all at once.
    pub booting_wait_max: Duration,
    /// Whose queue a request waits in. Default: the one of the pool.
    pub routing: Routing,
    /// What to do in a lasting overload. Default: nothing but the limits above.
    pub overload: Option<OverloadLimits>,
    /// Boot lease: spawn to hello. Default 90 s; then the process is killed.
    pub boot_max: Duration,
    /// Failed boots in a row, before any process ever booted, after which the core gives up.
    /// Default 3: a typo should not be retried for ever in front of the person who made it.
    pub boot_attempts_max: u32,
    /// First pause after a failed boot. Default 500 ms, doubled per failure up to
    /// `boot_backoff_max`.
    pub boot_backoff: Duration,
    /// Longest pause between failed boots. Default 30 s.
    pub boot_backoff_max: Duration,
    /// Drain lease: DRAIN to all slots ready. Default 25 s; then the process is killed.
    pub drain_max: Duration,
    /// Link closed to process exit. Default 5 s; then the process is killed. The SDKs end
    /// themselves within this time.
    pub exit_max: Duration,
    /// Crashes that are charged to one request before it gets 502. Default 2 (rule R13).
    pub poison_crashes_max: u32,
    /// Crashes that one request may have been present at, alone or not, before it gets 502.
    /// Default 5: bounds the retries of a request that never came to run alone.
    pub suspicions_max: u32,
    /// Isolation lease: how long a process may be withdrawn to become empty for a suspect, and
    /// again how long for the suspect to run alone in it. Default 10 s: the slots beside it stand
    /// idle meanwhile. When it runs out the process serves on, and no other is withdrawn for this
    /// purpose for the same time.
    pub isolation_max: Duration,
    /// SIGTERM at the end of a core's drain to SIGKILL. Default 1 s: whoever stops the core has
    /// waited for `stop_at` already.
    pub cut_exit_max: Duration,
    /// Out-of-band work.
    pub oob: OobLimits,
    /// How long a slot may be busy with one thing (rule R7). Boxed: they are large, and told once.
    pub leases: Box<Leases>,
}

/// The limits of out-of-band work (rule R8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OobLimits {
    /// Processes of the pool that may be quiescing or out at once. Default 1: what one does the
    /// others do soon, and each that is away is capacity that its clients miss.
    pub concurrent: u32,
    /// Processes that must stay able to serve while another is away. Default 1: a pool that
    /// serves nobody for a moment is an outage of that moment.
    pub min_ready: u32,
    /// OOB lease: told to begin, to the app's word that it is done. Default 60 s: a full
    /// collection of a large heap takes seconds; what takes longer is stuck. The process is
    /// drained and replaced then.
    pub lease: Duration,
    /// How long an ask waits for a quiet moment if it says nothing itself. Default 60 s: long
    /// enough for a quiet moment at any load that leaves one, short enough for memory not to
    /// grow far. After that any moment is good enough.
    pub overdue_after: Duration,
    /// Quiescing lease: how long a process may be withdrawn to become empty, and again how long
    /// before the next try. Default 25 s, as the drain lease: the idle slots beside a request
    /// that does not end get nothing to do meanwhile.
    pub quiesce_max: Duration,
}

impl Default for OobLimits {
    fn default() -> Self {
        Self {
            concurrent: 1,
            min_ready: 1,
            lease: Duration::from_secs(60),
            overdue_after: Duration::from_secs(60),
            quiesce_max: Duration::from_secs(25),
        }
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            processes: 2,
            measure_first: false,
            queue_len_max: 1000,
            booting_len_max: 1000,
            early_max: EARLY_MAX,
            queue_wait_max: Duration::from_secs(25),
            booting_wait_max: Duration::from_secs(60),
            routing: Routing::Global,
            overload: None,
            boot_max: Duration::from_secs(90),
            boot_attempts_max: 3,
            boot_backoff: Duration::from_millis(500),
            boot_backoff_max: Duration::from_secs(30),
            drain_max: Duration::from_secs(25),
            exit_max: Duration::from_secs(5),
            poison_crashes_max: 2,
            suspicions_max: 5,
            isolation_max: Duration::from_secs(10),
            cut_exit_max: Duration::from_secs(1),
            oob: OobLimits::default(),
            leases: Box::default(),
        }
    }
}

//! A read-only picture of the engine, derived from the tables that dispatch uses (rule R10).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::event::{Failure, OobAsk, OobOutcome, Refusal};
use crate::id::{PoolId, ProcessId, RequestId};
use crate::limits::{LeaseKind, Routing};
use crate::time::Time;

mod standing;
mod take;

pub use standing::Standing;

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Time,
    /// The core is leaving.
    pub draining: bool,
    /// One picture per pool.
    pub pools: Vec<PoolPicture>,
}

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolPicture {
    /// Its number.
    pub pool: PoolId,
    /// Its generation.
    pub generation: u32,
    /// When that generation began.
    pub generation_since: Time,
    /// A process has booted since the core started.
    pub ever_booted: bool,
    /// Processes that did not boot, in a row.
    pub boot_failures: u32,
    /// When the next boot is tried, while backing off.
    pub next_boot_at: Option<Time>,
    /// Where requests wait.
    pub queue: QueuePicture,
    /// Out-of-band work.
    pub oob: OobPicture,
    /// Sums over the slot table.
    pub slots: SlotCounts,
    /// Outcomes since start.
    pub totals: Totals,
    /// Its processes, oldest first.
    pub processes: Vec<ProcessPicture>,
}

/// The queue of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueuePicture {
    /// Requests waiting.
    pub waiting: u64,
    /// Limit of `waiting`, as it is now (booting or not).
    pub max: u64,
    /// Limit of a wait, as it is now (booting, overloaded or neither).
    pub wait_max: Duration,
    /// Those waiting by class, the most urgent one first.
    pub by_class: [u64; Class::COUNT],
    /// Whose queue they wait in.
    pub routing: Routing,
    /// Since when the pool is overloaded, and serves the newest first.
    pub overloaded_since: Option<Time>,
    /// Age of the oldest one that waits.
    pub oldest: Option<Duration>,
    /// Most that ever waited at once, and when.
    pub peak: u64,
    /// When the peak was reached.
    pub peak_at: Time,
    /// The longest wait so far.
    pub longest_wait: Duration,
}

/// The out-of-band work of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OobPicture {
    /// Processes that may be quiescing or out at once.
    pub concurrent: u32,
    /// Processes that must stay able to serve meanwhile.
    pub min_ready: u32,
    /// The pool is too small ever to spare a process: out-of-band work is done on an empty queue.
    pub small_pool: bool,
    /// Most processes that were quiescing or out at once.
    pub peak: u32,
    /// Wishes without an outcome, oldest first.
    pub asks: Vec<OobAskPicture>,
}

/// A wish for out-of-band work that has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OobAskPicture {
    /// The process that it is about.
    pub process: ProcessId,
    /// What was asked for.
    pub what: OobAsk,
    /// How long ago it was asked for.
    pub age: Duration,
    /// It did not begin before its deadline.
    pub overdue: bool,
    /// Asks that it stands for, beside the first one.
    pub coalesced: u32,
    /// How often quiescing was given up for it.
    pub given_up: u32,
    /// What it waits for. `None`: it is out.
    pub waits_for: Option<OobWaitsFor>,
    /// How long it has been out.
    pub out: Option<Duration>,
}

/// What a wish for out-of-band work waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OobWaitsFor {
    /// Its process is quiescing: for the slots that are still taken.
    Slots,
    /// As many processes as are allowed are away.
    Limit,
    /// Too few others would be able to serve.
    Floor,
    /// The pool is too small for the floor: for an empty queue and an idle process.
    EmptyQueue,
    /// Requests wait in the queue.
    Queue,
    /// No other process has an idle slot.
    IdleSlot,
    /// Its process is withdrawn for something else.
    Process,
    /// Its process did not become empty in time; it is tried again.
    NextTry,
}

/// Slots by state; each slot is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotCounts {
    /// A request is in the app, its response is not complete.
    pub running: u64,
    /// The response is complete, the slot is not free.
    pub deferred: u64,
    /// May take a request.
    pub idle: u64,
    /// Free, but its process is quiescing for out-of-band work, or out.
    pub out_of_band: u64,
    /// Free, but its process gets no requests for now for another reason.
    pub withdrawn: u64,
}

/// `arrived = completed + failed + refused + abandoned + in_flight + queued` (rule R4).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Requests that could be dispatched, and those refused when they were announced.
    pub arrived: u64,
    /// Delivered.
    pub completed: u64,
    /// By reason.
    pub failed: BTreeMap<Failure, u64>,
    /// By reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// The client went away.
    pub abandoned: u64,
    /// Dispatched, without an outcome.
    pub in_flight: u64,
    /// Waiting.
    pub queued: u64,
    /// Sent to another process.
    pub retried: u64,
    /// Responses after which the slot was not free at once.
    pub deferred: u64,
    /// Pieces of deferred work that raised an error.
    pub deferred_failed: u64,
    /// Slots whose deferred work ended with their process.
    pub deferred_lost: u64,
    /// What was done about leases that ran out.
    pub leases: BTreeMap<LeaseKind, LeaseCounts>,
    /// Slots freed by reconciliation.
    pub reconciled: u64,
    /// Readies for slots that were not taken.
    pub stray_readies: u64,
    /// Wishes for out-of-band work, by outcome.
    pub oob: BTreeMap<OobOutcome, u64>,
    /// How often quiescing was given up.
    pub oob_given_up: u64,
}

/// How often each step was taken about one kind of lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeaseCounts {
    /// Said in the log.
    pub warned: u64,
    /// The app was told, and a client that still waited got its answer from the core.
    pub told: u64,
    /// An error was raised in the slot.
    pub raised: u64,
    /// The process was retired.
    pub retired: u64,
    /// The process got SIGTERM.
    pub terminated: u64,
    /// The process got SIGKILL.
    pub killed: u64,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPicture {
    /// The engine's number for it.
    pub process: ProcessId,
    /// Its operating system id, once it runs.
    pub pid: Option<u32>,
    /// Where it is in its life.
    pub phase: PhasePicture,
    /// The lease because of which it is replaced.
    pub retired: Option<LeaseKind>,
    /// The generation that it belongs to.
    pub generation: u32,
    /// When it was spawned.
    pub spawned_at: Time,
    /// When it said hello.
    pub booted_at: Option<Time>,
    /// Its slots, in order.
    pub slots: Vec<SlotPicture>,
    /// Requests dispatched to it.
    pub requests: u64,
    /// When the latest one was.
    pub last_dispatch_at: Option<Time>,
    /// Requests that wait for it alone.
    pub queued: u64,
    /// Streams that live without a slot.
    pub detached: u32,
    /// Slot time in each state since it booted.
    pub running: Duration,
    /// See `running`.
    pub deferred: Duration,
    /// See `running`.
    pub idle: Duration,
    /// See `running`.
    pub withdrawn: Duration,
    /// See `running`.
    pub out_of_band: Duration,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PhasePicture {
    /// Spawned, not yet ready.
    Booting,
    /// Takes requests.
    Serving,
    /// Withdrawn so that a suspect can run alone in it.
    Isolated,
    /// Withdrawn so that it becomes empty for out-of-band work.
    Quiescing,
    /// Busy with out-of-band work.
    Out,
    /// Is replaced, because a lease in it ran out. It serves on until the replacement is up.
    Retiring,
    /// Was told to finish.
    Draining,
    /// Its link is closed, it has not exited yet.
    Leaving,
}

/// One slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotPicture {
    /// Runs this request.
    Running(RequestId),
    /// Works on after this request.
    Deferred(RequestId),
    /// May take a request.
    Idle,
    /// Free, but its process is quiescing for out-of-band work, or out.
    OutOfBand,
    /// Free, but its process gets no requests for now.
    Withdrawn,
}

//! The only words in and out of the engine.
//!
//! The daemon translates what happens in the world into an [`Input`], and performs every
//! [`Output`]. Both are plain serde data without header values, bodies or tokens, so that a run
//! can be recorded, replayed and simulated (rule R11).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::limits::{LeaseKind, PoolLimits};
use crate::time::Time;

mod lease;

pub use lease::{Deadlines, Interrupt, Step};

/// Everything the engine can be told. Nothing else changes its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are named after their types; variants say what they mean")]
pub enum Input {
    /// A pool exists from now on; the engine starts its processes.
    PoolAdded { pool: PoolId, limits: Box<PoolLimits> },
    /// The head of a request was read and its body is still to come. It is refused now or not
    /// counted yet: [`Input::Arrived`] follows when it may be dispatched.
    Announced { request: RequestId, pool: PoolId, class: Class },
    /// A request may be dispatched from now on.
    Arrived { request: RequestId, pool: PoolId, traits: Traits },
    /// The client went away before the last byte of its response was accepted by the kernel.
    ClientGone { request: RequestId },
    /// The last byte of the response was accepted by the kernel.
    Delivered { request: RequestId },

    /// The final head of a response arrived: from here on the request can no longer be retried.
    ResponseStarted { slot: SlotId },
    /// The response is complete: the client can have all of it.
    ResponseComplete { slot: SlotId },
    /// [`Self::ResponseComplete`] and [`Self::Ready`] in one frame, as most requests end.
    Finished { slot: SlotId },
    /// The response ends here and is broken, whether or not it had started.
    ResponseAborted { slot: SlotId, why: Abort },
    /// The app says that the slot is free. Told with the `now` of what ended its response, it did
    /// not defer.
    Ready { slot: SlotId },
    /// A long stream gave its slot back; its response lives on without it.
    Detached { slot: SlotId },
    /// The response of a detached stream is complete. Its old slot may run another request by
    /// now, so the stream is named by the process that holds it.
    DetachedComplete { process: ProcessId, request: RequestId },
    /// The response of a detached stream ends here and is broken.
    DetachedAborted { process: ProcessId, request: RequestId, why: Abort },
    /// The process returns a request that it never gave to the app.
    Bounced { slot: SlotId },
    /// The process does not hold this slot's request any more, although it never said ready.
    Reconciled { slot: SlotId },

    /// The process asked for by [`Output::Spawn`] runs as `pid`.
    Spawned { process: ProcessId, pid: u32 },
    /// It could not even be started (no such interpreter, no memory).
    SpawnFailed { process: ProcessId },
    /// It opened its link: its app is loaded and all its slots are ready.
    Hello { process: ProcessId, slots: u32 },
    /// It can keep requests until one of its slots is ready: [`Output::HandEarly`].
    EarlyWanted { process: ProcessId },
    /// It will not run a request that it was handed early, and never gave it to the app.
    EarlyReturned { process: ProcessId, request: RequestId },
    /// The answer to [`Output::Measure`]: it takes `rss` bytes of RAM, and together they may take
    /// `memory` bytes. 0: that is not known.
    Measured { process: ProcessId, rss: u64, memory: u64 },
    /// It would like to be drained (it got SIGTERM).
    DrainWanted { process: ProcessId },
    /// Out-of-band work is asked for: by its app, by a header of its response, or by an operator.
    OobAsked { process: ProcessId, what: Box<OobAsk> },
    /// Its app does not want out-of-band work of this kind any more.
    OobWithdrawn { process: ProcessId, kind: String },
    /// Its app is done with the out-of-band work that it was granted.
    OobDone { process: ProcessId, word: OobWord },
    /// It answered DRAIN. `unstarted`: slots whose request it never gave to the app.
    Goodbye { process: ProcessId, unstarted: Vec<u32> },
    /// Its link closed or broke. `unstarted`: slots whose request was never handed to the kernel.
    LinkLost { process: ProcessId, unstarted: Vec<u32> },
    /// It answered PING. Its host's own code last gave a sign of life so long ago.
    Pong { process: ProcessId, host_age: Duration },
    /// So many pieces of the slot's deferred work raised an error. [`Input::Ready`] follows.
    DeferredFailed { slot: SlotId, pieces: u32 },
    /// It broke the protocol and must be replaced. [`Input::LinkLost`] follows.
    Misbehaved { process: ProcessId },
    /// The operating system says that it is gone. If it had a link, read that to its end and
    /// report [`Self::LinkLost`] first: what it still wrote counts, and only the link knows
    /// which requests had not started.
    Exited { process: ProcessId, status: ExitStatus },

    /// The core will leave by `stop_at`, but clients may still send requests: processes serve on,
    /// and none that wants to leave is replaced. [`Self::Drain`] follows.
    Leaving { stop_at: Time },
    /// Leave: finish what was admitted, refuse the rest, be done by `stop_at`.
    Drain { stop_at: Time },
    /// Time has passed; see [`crate::Engine::next_deadline`].
    Tick,
}

/// What the engine must know of a request to decide about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traits {
    /// The method is idempotent (RFC 9110, 9.2.2), so the request may run twice.
    pub idempotent: bool,
    /// The whole body is held by the core, so the request can be sent again.
    pub body_held: bool,
    /// Which requests go before it.
    pub class: Class,
    /// What its route, or the request itself, says about its leases.
    pub deadlines: Deadlines,
}

/// A wish for out-of-band work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OobAsk {
    /// What the work is, in the app's own word ("gc"). Asks of one kind coalesce.
    pub kind: String,
    /// Why, for people. May be empty.
    pub reason: String,
    /// Who asks.
    pub by: OobBy,
    /// How long the app thinks that it will take.
    pub expected: Option<Duration>,
    /// How long it may wait for a quiet moment, if the app says so.
    pub not_later_than: Option<Duration>,
}

/// Who asks for out-of-band work. Of asks that coalesce the greater one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OobBy {
    /// A header of a response.
    Header,
    /// A call in the app.
    App,
    /// An operator.
    Operator,
}

/// The app's word at the end of out-of-band work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OobWord {
    /// It is done.
    Done,
    /// The handler raised an error.
    Failed,
    /// There is no handler for this kind.
    NoHandler,
}

/// How a wish for out-of-band work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OobOutcome {
    /// The app did it.
    Done,
    /// The app's handler raised an error.
    Failed,
    /// The app has no handler for this kind.
    NoHandler,
    /// The app took its wish back.
    Withdrawn,
    /// Its process leaves, or asked for too many kinds: it never began.
    Dropped,
    /// Its process died, or was ended, while it was out.
    Lost,
    /// It exceeded its lease; the process is replaced.
    Overstayed,
}

/// The story of one wish for out-of-band work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OobRecord {
    /// What was asked for, and by whom.
    pub what: OobAsk,
    /// When it was asked for.
    pub asked_at: Time,
    /// From then to its beginning, or to its end if it never began.
    pub waited: Duration,
    /// How long it was out. `None`: it never began.
    pub took: Option<Duration>,
    /// It did not begin before its deadline.
    pub overdue: bool,
    /// Asks that it stood for, beside the first one.
    pub coalesced: u32,
    /// How often quiescing was given up for it.
    pub given_up: u32,
    /// How it ended.
    pub outcome: OobOutcome,
}

/// Why a response was broken off by the app's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Abort {
    /// The app raised an error.
    AppError,
    /// The app's response was not valid.
    InvalidResponse,
    /// The answer to CANCEL.
    Cancelled,
    /// The core cut it (a body longer than the limit, a client that broke its own body).
    ByCore,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// It called exit with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

/// Everything the engine can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are named after their types; variants say what they mean")]
pub enum Output {
    /// Hand the request to the slot now. `waited`: its time in the queue, all attempts together.
    Dispatch { request: RequestId, slot: SlotId, waited: Duration },
    /// Send the request ahead: the process gives it to its app when a slot is ready and all that
    /// were sent ahead before have theirs.
    /// `waited`: its time in the queue so far, which goes on.
    HandEarly { request: RequestId, process: ProcessId, waited: Duration },
    /// The request that was handed early is in this slot now; nothing is sent. `waited`: as in
    /// [`Self::Dispatch`].
    Taken { request: RequestId, slot: SlotId, waited: Duration },
    /// Answer 503 with `Retry-After`.
    Refuse { request: RequestId, why: Refusal, retry_after: Duration },
    /// Answer 502, or break the connection visibly if bytes were sent.
    Fail { request: RequestId, why: Failure },
    /// Tell the app that nobody wants the response any more.
    Cancel { slot: SlotId, why: CancelReason },
    /// The same for a detached stream, which has no slot any more.
    CancelDetached { process: ProcessId, request: RequestId, why: CancelReason },
    /// The same for a request that was handed early and is in no slot yet.
    CancelEarly { process: ProcessId, request: RequestId, why: CancelReason },
    /// Ask the process for the stacks of its threads, or have it raise an error in what the slot
    /// does.
    Interrupt { slot: SlotId, what: Interrupt },
    /// Start a process; answer `Spawned` or `SpawnFailed`.
    Spawn { process: ProcessId, pool: PoolId, generation: u32 },
    /// Answer [`Input::Measured`]: how many more are started hangs on it.
    Measure { process: ProcessId },
    /// Send DRAIN on its link.
    Drain { process: ProcessId, why: DrainReason },
    /// Tell it to do its out-of-band work: no request is in it, and none will be sent.
    StartOob { process: ProcessId, kind: String, by: OobBy, lease: Duration },
    /// Close its link: the process exits.
    CloseLink { process: ProcessId },
    /// Send SIGTERM.
    Terminate { process: ProcessId },
    /// Send SIGKILL.
    Kill { process: ProcessId, why: KillReason },
    /// The request has its one outcome (rule R4). Comes after Refuse and Fail, once per request.
    Ended { request: RequestId, pool: PoolId, outcome: Outcome, times: Times },
    /// The slot said ready: what it was occupied with cost this much.
    Freed { slot: SlotId, request: RequestId, service: Duration, deferred: Duration },
    /// Something an operator should read.
    Notice(Notice),
    /// Every process is gone and every request has an outcome: the core may exit.
    Closed,
}

/// Why a request was refused. Each has its own counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// The queue is full and all slots are taken.
    QueueFull,
    /// It waited too long for a slot.
    QueueWait,
    /// It waited longer than is allowed while the pool is overloaded.
    Overload,
    /// The queue is full and no process has booted yet.
    BootingFull,
    /// It waited too long and no process has booted yet.
    BootingWait,
    /// The core is leaving.
    Draining,
}

/// Why a request failed. Each has its own counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Failure {
    /// Its process died and it may not be retried.
    ProcessDied,
    /// It was alone in its process when that died, as often as is allowed.
    Poison,
    /// The app raised an error.
    AppError,
    /// The app's response was not valid.
    InvalidResponse,
    /// The core broke it off.
    Broken,
    /// The process does not hold it any more.
    Lost,
    /// It was cut when the core left.
    Cut,
    /// Its response did not begin within its lease.
    FirstByteLease,
    /// Its response was not complete within its lease.
    RequestLease,
}

/// The one outcome of a request (rule R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The last byte of the response was accepted by the kernel.
    Completed,
    /// The client went away.
    Abandoned,
    /// 503.
    Refused(Refusal),
    /// 502, or a visibly broken response.
    Failed(Failure),
}

/// How long the steps of a request took; `None`: it never came to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Time spent in the queue, all attempts together.
    pub wait: Duration,
    /// Dispatch to response complete.
    pub service: Option<Duration>,
    /// Response complete to the last byte accepted by the kernel.
    pub delivery: Option<Duration>,
    /// How many processes it was sent to.
    pub attempts: u32,
}

/// Why an app is told to stop working on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelReason {
    /// The client went away.
    ClientGone,
    /// A lease ran out.
    Deadline,
    /// The core is leaving.
    Shutdown,
}

/// Why a process is drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrainReason {
    /// The core is leaving.
    Shutdown,
    /// Another process takes over.
    Replaced,
    /// A lease ran out.
    Deadline,
}

/// Why a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillReason {
    /// It did not say hello within the boot lease.
    BootLease,
    /// It did not finish within the drain lease, or was still there when the core left.
    DrainLease,
    /// It broke the protocol.
    Misbehaved,
    /// Its link is gone but it did not exit.
    LinkLost,
}

/// What an operator should read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are named after their types; variants say what they mean")]
pub enum Notice {
    /// A process booted in this time.
    Booted { process: ProcessId, took: Duration },
    /// A process ended before it had booted; the next try comes at `retry_at`.
    BootFailed { process: ProcessId, failures: u32, retry_at: Time },
    /// There is memory for so few processes only, where each takes `rss` of `memory` bytes.
    NoRoom { pool: PoolId, wanted: u32, processes: u32, rss: u64, memory: u64 },
    /// No process ever booted and the tries are used up (`boot_attempts_max`).
    BootGivenUp { pool: PoolId },
    /// A process that served ended without being asked to; `suspects` ran in it.
    Died { process: ProcessId, suspects: Vec<RequestId> },
    /// A request will be tried again in another process.
    Retried { request: RequestId, attempts: u32 },
    /// A request was alone in a process that died, too often: it gets 502.
    Poison { request: RequestId },
    /// A process is taken out so that a suspect can run alone in it.
    Isolated { process: ProcessId },
    /// A wish for out-of-band work is past its deadline and has not begun.
    OobOverdue { process: ProcessId, kind: String },
    /// A wish for out-of-band work has its outcome.
    OobEnded { process: ProcessId, record: Box<OobRecord> },
    /// The process said ready twice, or for a slot that was not taken.
    StrayReady { slot: SlotId },
    /// A slot overstays: `lease` began so long ago, and this step is taken. The request may have
    /// its outcome already.
    Overstayed { slot: SlotId, request: RequestId, lease: LeaseKind, step: Step, after: Duration },
    /// The process is retired, because a lease in it ran out.
    Retired { process: ProcessId, lease: LeaseKind },
    /// Deferred work ended with its process, after so long.
    DeferredLost { slot: SlotId, request: RequestId, after: Duration },
}

//! A second opinion: what must be true, worked out from what the world saw.
//!
//! The shadow is told what went over the wires and what clients did, and what the engine asked
//! for. From that it keeps tables of its own, shares no code with the engine, and holds the
//! engine to the rules. A rule that both understood wrongly would go unnoticed, so the checks
//! follow the rules' wording, not the engine's ways; where several answers are right, all pass.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use maitred_engine::class::Class;
use maitred_engine::event::{Deadlines, Failure, OobOutcome, Outcome, Refusal, Traits};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::{LeaseKind, PoolLimits};
use maitred_engine::snapshot::LeaseCounts;
use maitred_engine::time::Time;

use crate::coverage::{Coverage, Fact};
use crate::rule::{Checked, Rule, Violation};

mod clients;
mod dispatch;
mod early;
mod leases;
mod lines;
mod oob;
mod outputs;
mod overload;
mod processes;
mod rest;
mod slots;

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    pub(crate) now: Time,
    pub(crate) pools: BTreeMap<PoolId, Pool>,
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    /// Requests without an outcome.
    pub(crate) requests: BTreeMap<RequestId, Request>,
    /// Outcomes that the engine must give before it rests, and the rule that says so.
    expected: BTreeMap<RequestId, (Outcome, Rule)>,
    /// Slots whose client left: the app must be told before the engine rests.
    tell: BTreeSet<SlotId>,
    /// Requests that had started in a process that died: that they run again must be told.
    again: BTreeSet<RequestId>,
    /// Requests that were sent ahead and end: their process must be told.
    told_early: BTreeSet<RequestId>,
    /// A request of this class came into a full queue: one of a lower class must go.
    evict: Option<(PoolId, Class)>,
    freed: Option<(SlotId, RequestId, Duration, Duration)>,
    /// How many wishes for out-of-band work there were.
    asked: u64,
    /// Wishes that must end before the engine rests.
    oob_due: Vec<(ProcessId, oob::Ask, OobOutcome)>,
    /// Those that ended because their process leaves: it must.
    must_leave: Vec<(ProcessId, OobOutcome)>,
    /// Processes that began to be away since the engine last rested.
    granted: BTreeSet<ProcessId>,
    /// Processes that were sent a request since then.
    sent_to: BTreeSet<ProcessId>,
    /// Turns of which the picture will tell whether they were right.
    turns: Vec<dispatch::Turn>,
    /// Processes whose line closed for a moment, or may have.
    wobbled: BTreeSet<ProcessId>,
    /// Deferred work that ended with its process: that must be told.
    must_lose: BTreeSet<(SlotId, RequestId)>,
    /// Requests that left the line of a process: it must have been withdrawn.
    must_wobble: Vec<(RequestId, ProcessId)>,
    pub(crate) departure: Option<Departure>,
    cut_noted: bool,
    closed: bool,
    uses: u64,
    pub(crate) coverage: Coverage,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub(crate) stop_at: Time,
    pub(crate) open: bool,
}

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) limits: PoolLimits,
    first_hello: Option<Time>,
    failed_boots: u32,
    round: u32,
    pause_until: Option<Time>,
    isolation_ran_out: Option<Time>,
    overload: overload::Overload,
    /// Requests that waited when the engine last rested, and those that came back since.
    waited: u64,
    count: Count,
}

/// The shadow's own sums.
#[derive(Debug, Default)]
struct Count {
    arrived: u64,
    completed: u64,
    abandoned: u64,
    failed: BTreeMap<Failure, u64>,
    refused: BTreeMap<Refusal, u64>,
    retried: u64,
    deferred: u64,
    reconciled: u64,
    stray_readies: u64,
    leases: BTreeMap<LeaseKind, LeaseCounts>,
    deferred_failed: u64,
    deferred_lost: u64,
    oob: BTreeMap<OobOutcome, u64>,
    oob_given_up: u64,
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pool: PoolId,
    spawned_at: Time,
    round: u32,
    hello_at: Option<Time>,
    pub(crate) slots: Vec<Slot>,
    detached: BTreeSet<RequestId>,
    wants_drain: bool,
    /// It can keep a request until a slot is ready.
    takes_early: bool,
    /// The one that it keeps, which may be over, and where that begins in what the core sends.
    early: VecDeque<(RequestId, u64)>,
    drained_at: Option<Time>,
    goodbye: bool,
    /// The core had it ended for its own reasons: its requests are not to blame.
    blameless: bool,
    /// TERM was sent because the drain lease ran out: KILL is due.
    kill_at: Option<Time>,
    /// Only its exit is awaited.
    leaving: bool,
    /// Until then; then it is killed.
    exit_by: Option<Time>,
    killed: bool,
    misbehaved: bool,
    /// Withdrawn for a suspect, since when.
    isolated: Option<Time>,
    /// Wishes for out-of-band work, oldest first.
    asks: Vec<oob::Ask>,
    /// When the engine last rested.
    seen_at: Time,
    /// The last sign of life of its host, and when the core first heard of one.
    alive: Option<Time>,
    watched_since: Time,
    /// When its stacks were asked for.
    dumped: Option<Time>,
    retired: Option<LeaseKind>,
    /// Steps about slots that overstay, as long as they do.
    steps_taken: BTreeSet<leases::Taken>,
    /// It lied about what its app saw.
    pub(crate) liar: bool,
    times: Times,
    used: u64,
}

/// Slot time in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    running: Duration,
    deferred: Duration,
    idle: Duration,
    withdrawn: Duration,
    out_of_band: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) state: State,
    /// Where its REQUEST begins in what the core sends.
    begins_at: u64,
    /// What its request says about its leases.
    deadlines: Deadlines,
    /// The response has begun.
    began: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    Running { request: RequestId, since: Time },
    Deferred { request: RequestId, since: Time, service: Duration },
}

#[derive(Debug)]
pub(crate) struct Request {
    pool: PoolId,
    traits: Traits,
    arrived: Time,
    place: Place,
    /// Whose line it waits in.
    line: lines::Line,
    /// Time in the queue before the present stay.
    wait: Duration,
    dispatched: Time,
    responded: bool,
    attempts: u32,
    crashes: u32,
    suspicions: u32,
    /// The process whose app was given it last.
    seen_by: Option<ProcessId>,
    /// A liar said that it does not keep it: it may run there all the same.
    lied_about: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting { since: Time },
    Running(SlotId),
    Detached(ProcessId),
    Delivering { since: Time, service: Duration },
}

impl Request {
    fn waiting_since(&self) -> Option<Time> {
        match self.place {
            Place::Waiting { since } => Some(since),
            _ => None,
        }
    }

    /// Waits among those whose turn depends on their class and age.
    fn is_in_line(&self) -> bool {
        let ahead = matches!(self.line, lines::Line::Ahead(_));
        self.waiting_since().is_some() && !self.is_suspect() && !ahead
    }

    fn is_suspect(&self) -> bool {
        self.suspicions > 0
    }
}

impl Process {
    /// It will go on, as far as anyone knows.
    fn is_staying(&self) -> bool {
        !self.leaving && self.drained_at.is_none()
    }

    fn is_up(&self) -> bool {
        self.is_staying() && self.hello_at.is_some()
    }

    /// Its idle slots may take requests.
    fn is_usable(&self) -> bool {
        self.is_up() && self.isolated.is_none() && !self.is_away()
    }

    fn taken(&self) -> usize {
        self.slots.iter().filter(|slot| slot.state != State::Idle).count()
    }

    fn has_idle_slot(&self) -> bool {
        self.taken() < self.slots.len()
    }

    fn is_empty(&self) -> bool {
        self.taken() == 0 && self.detached.is_empty() && self.early.is_empty()
    }
}

impl Shadow {
    /// Time has come this far; what every slot did meanwhile is added up.
    pub(crate) fn pass(&mut self, now: Time) {
        let span = now.since(self.now);
        self.now = now;
        if span.is_zero() {
            return;
        }
        self.note_overloads();
        for process in self.processes.values_mut() {
            let (usable, away) = (process.is_usable(), process.is_away());
            for slot in &process.slots {
                *match slot.state {
                    State::Running { .. } => &mut process.times.running,
                    State::Deferred { .. } => &mut process.times.deferred,
                    State::Idle if usable => &mut process.times.idle,
                    State::Idle if away => &mut process.times.out_of_band,
                    State::Idle => &mut process.times.withdrawn,
                } += span;
            }
        }
    }

    pub(crate) fn pool_added(&mut self, id: PoolId, limits: PoolLimits) {
        let pool = Pool {
            limits,
            first_hello: None,
            failed_boots: 0,
            round: 0,
            pause_until: None,
            isolation_ran_out: None,
            overload: overload::Overload::default(),
            waited: 0,
            count: Count::default(),
        };
        self.pools.insert(id, pool);
    }

    /// The core leaves by `stop_at`.
    pub(crate) fn leaves(&mut self, stop_at: Time, open: bool) {
        let cut = self.is_cut();
        let departure = self.departure.get_or_insert(Departure { stop_at, open });
        if !cut {
            departure.stop_at = departure.stop_at.min(stop_at);
            departure.open &= open;
        }
    }

    /// Nothing goes on and nothing is missing.
    pub(crate) fn is_at_rest(&self) -> bool {
        let rests =
            |process: &Process| process.is_up() && process.is_empty() && process.asks.is_empty();
        let full = |pool: &PoolId| self.staff(*pool) >= self.wanted(*pool);
        self.requests.is_empty()
            && self.processes.values().all(rests)
            && self.pools.keys().all(full)
    }

    /// From the cut on, those that leave already have less time.
    fn note_cut(&mut self) {
        if self.cut_noted || !self.is_cut() {
            return;
        }
        self.cut_noted = true;
        for process in self.processes.values_mut() {
            let by = self.now + self.pools[&process.pool].limits.cut_exit_max;
            process.exit_by = process.exit_by.map(|at| at.min(by));
        }
    }

    fn is_cut(&self) -> bool {
        self.departure.is_some_and(|departure| self.now >= departure.stop_at)
    }

    pub(crate) fn slot(&self, slot: SlotId) -> Option<Slot> {
        self.processes.get(&slot.process)?.slots.get(slot.index as usize).copied()
    }

    fn set(&mut self, slot: SlotId, state: State) {
        let process = self.processes.get_mut(&slot.process);
        if let Some(slot) = process.and_then(|it| it.slots.get_mut(slot.index as usize)) {
            slot.state = state;
            slot.began = false;
        }
    }

    /// The request that runs in a slot, if it has no outcome yet.
    fn live_in(&self, slot: SlotId) -> Option<RequestId> {
        let State::Running { request, .. } = self.slot(slot)?.state else { return None };
        let live = self.requests.get(&request)?;
        (live.place == Place::Running(slot) && !self.expected.contains_key(&request))
            .then_some(request)
    }

    fn pool_of(&mut self, process: ProcessId) -> Option<&mut Pool> {
        let pool = self.processes.get(&process)?.pool;
        self.pools.get_mut(&pool)
    }

    fn members(&self, pool: PoolId) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.processes.iter().map(|(id, it)| (*id, it)).filter(move |(_, it)| it.pool == pool)
    }

    fn waiting(&self, pool: PoolId) -> impl Iterator<Item = (RequestId, &Request)> {
        let waits = move |it: &&Request| it.pool == pool && it.waiting_since().is_some();
        self.requests.iter().filter(move |(_, it)| waits(it)).map(|(id, it)| (*id, it))
    }

    fn expect(&mut self, request: RequestId, outcome: Outcome, rule: Rule) {
        if self.requests.contains_key(&request) {
            self.expected.entry(request).or_insert((outcome, rule));
        }
    }

    /// Back to its place in the queue.
    fn requeue(&mut self, request: RequestId) {
        let now = self.now;
        let Some(record) = self.requests.get_mut(&request) else { return };
        record.place = Place::Waiting { since: now };
        record.line = lines::Line::Shared;
        record.responded = false;
        let pool = record.pool;
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.count.retried += 1;
            pool.waited += 1;
        }
    }

    fn fact(&mut self, fact: Fact) {
        self.coverage.fact(fact);
    }
}

/// A check failed.
fn broken<T>(rule: Rule, text: String) -> Result<T, Violation> {
    Err(Violation { rule, text })
}

/// Nothing to object.
const FINE: Checked = Ok(());

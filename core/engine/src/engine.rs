//! The engine: one enum in, one enum out. It routes and decides nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Deserializer, Serialize};

use crate::event::{Input, Output};
use crate::id::{PoolId, ProcessId, RequestId};
use crate::pool::Pool;
use crate::process::Process;
use crate::request::Request;
use crate::time::Time;

/// The format of the serialized state. It rises whenever an older engine could not go on from it.
pub const STATE_FORMAT: u32 = 4;

/// All that the core knows and decides by. Its state can be written down at any moment between
/// two inputs, and goes on identically from there (rule R11).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Engine {
    #[serde(deserialize_with = "known_format")]
    format: u32,
    pub(crate) now: Time,
    /// Looked up many times per input; mostly there is one, which is found without a search.
    pub(crate) pools: IndexMap<PoolId, Pool, FxBuildHasher>,
    /// Requests without an outcome.
    pub(crate) requests: IndexMap<RequestId, Request, FxBuildHasher>,
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    pub(crate) next_process: u64,
    pub(crate) uses: u64,
    pub(crate) timers: BTreeSet<(Time, Timer)>,
    pub(crate) departure: Option<Departure>,
    /// Pools in which a request might go to a slot now.
    touched: Vec<PoolId>,
    outputs: VecDeque<Output>,
}

/// What happens when a time has come. Queue waits are not here: the queue knows its next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// The lease of the phase that the process is in.
    Process(ProcessId),
    /// The next step about a slot of the process that overstays.
    Lease(ProcessId),
    /// Try again to boot.
    Boot(PoolId),
    /// The out-of-band work of a pool: a deadline, or another try.
    Oob(PoolId),
    /// Cut what is left.
    Stop,
}

/// The core is leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Departure {
    pub(crate) stop_at: Time,
    /// Clients may still send requests.
    pub(crate) open: bool,
    /// `stop_at` was reached.
    pub(crate) cut: bool,
    pub(crate) closed: bool,
}

/// A state that this engine cannot go on from is an error, not a surprise later on.
fn known_format<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let format = u32::deserialize(from)?;
    if format != STATE_FORMAT {
        let message = format!("the state has format {format}, this engine has {STATE_FORMAT}");
        return Err(serde::de::Error::custom(message));
    }
    Ok(format)
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine without pools.
    #[must_use]
    pub fn new() -> Self {
        Self {
            format: STATE_FORMAT,
            now: Time::default(),
            pools: IndexMap::default(),
            requests: IndexMap::default(),
            processes: BTreeMap::new(),
            next_process: 1,
            uses: Process::UNUSED,
            timers: BTreeSet::new(),
            departure: None,
            touched: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes note of what happened, and decides. Then call [`Self::poll_output`] until it is empty.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        self.note_overloads();
        self.route(input);
        self.run_timers();
        self.settle();
        self.expire_waits();
        self.settle();
        self.close_when_done();
    }

    /// What is still to be polled, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = &Output> {
        self.outputs.iter()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle`] with [`Input::Tick`] if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let waits = self.pools.values().filter_map(Pool::next_expiry).map(|(at, _)| at);
        let overloads = self.pools.values().filter_map(Pool::next_overload);
        waits.chain(overloads).chain(timer).min()
    }

    /// Whether the core may exit: see [`Output::Closed`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.departure.is_some_and(|departure| departure.closed)
    }

    fn route(&mut self, input: Input) {
        match input {
            Input::PoolAdded { pool, limits } => self.add_pool(pool, *limits),
            Input::Announced { request, pool, class } => self.announce(request, pool, class),
            Input::Arrived { request, pool, traits } => self.arrive(request, pool, traits),
            Input::ClientGone { request } => self.abandon(request),
            Input::Delivered { request } => self.deliver(request),

            Input::ResponseStarted { slot } => self.start_response(slot),
            Input::ResponseComplete { slot } => self.complete(slot),
            Input::Finished { slot } => self.finish(slot),
            Input::ResponseAborted { slot, why } => self.abort(slot, why),
            Input::DeferredFailed { slot, pieces } => self.deferred_failed(slot, pieces),
            Input::Ready { slot } => self.ready(slot),
            Input::Detached { slot } => self.detach(slot),
            Input::DetachedComplete { process, request } => {
                self.complete_detached(process, request);
            }
            Input::DetachedAborted { process, request, why } => {
                self.abort_detached(process, request, why);
            }
            Input::Bounced { slot } => self.bounce(slot),
            Input::Reconciled { slot } => self.reconcile(slot),

            Input::Spawned { process, pid } => self.spawned(process, pid),
            Input::SpawnFailed { process } => self.spawn_failed(process),
            Input::Hello { process, slots } => self.hello(process, slots),
            Input::EarlyWanted { process } => self.want_early(process),
            Input::EarlyReturned { process, request } => self.return_early(process, request),
            Input::Measured { process, rss, memory } => self.measured(process, rss, memory),
            Input::DrainWanted { process } => self.want_drain(process),
            Input::OobAsked { process, what } => self.ask_oob(process, *what),
            Input::OobWithdrawn { process, kind } => self.withdraw_oob(process, &kind),
            Input::OobDone { process, word } => self.oob_done(process, word),
            Input::Goodbye { process, unstarted } => self.goodbye(process, &unstarted),
            Input::LinkLost { process, unstarted } => self.link_lost(process, &unstarted),
            Input::Pong { process, host_age } => self.pong(process, host_age),
            Input::Misbehaved { process } => self.misbehaved(process),
            Input::Exited { process, status: _ } => self.exited(process),

            Input::Leaving { stop_at } => self.leave(stop_at, true),
            Input::Drain { stop_at } => self.leave(stop_at, false),
            Input::Tick => {}
        }
    }

    fn run_timers(&mut self) {
        while let Some(&(at, timer)) = self.timers.first()
            && at <= self.now
        {
            self.timers.pop_first();
            match timer {
                Timer::Process(process) => self.lease_ran_out(process),
                Timer::Lease(process) => self.run_leases(process),
                Timer::Boot(pool) => self.staff(pool),
                Timer::Oob(pool) => self.oob_alarm(pool),
                Timer::Stop => self.cut(),
            }
        }
    }

    /// Something changed in the pool that may let a request go to a slot.
    pub(crate) fn touch(&mut self, pool: PoolId) {
        if !self.touched.contains(&pool) {
            self.touched.push(pool);
        }
    }

    fn settle(&mut self) {
        while let Some(pool) = self.touched.pop() {
            self.dispatch(pool);
            self.settle_oob(pool);
            self.drain_what_rests(pool);
        }
    }

    fn close_when_done(&mut self) {
        let done = self.processes.is_empty() && self.requests.is_empty();
        if let Some(departure) = self.departure.as_mut().filter(|departure| !departure.closed)
            && done
        {
            departure.closed = true;
            self.put(Output::Closed);
        }
    }

    pub(crate) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn pool(&mut self, pool: PoolId) -> &mut Pool {
        self.pools.get_mut(&pool).expect("pools are never removed")
    }

    /// Sets the one timer of a process, in place of the one it had.
    pub(crate) fn set_timer(&mut self, process: ProcessId, at: Option<Time>) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let old = std::mem::replace(&mut record.timer, at);
        if let Some(old) = old {
            self.timers.remove(&(old, Timer::Process(process)));
        }
        if let Some(at) = at {
            self.timers.insert((at, Timer::Process(process)));
        }
    }

    /// Brings the process's place among the idle ones up to date.
    pub(crate) fn rerank(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let rank = record.rank_now();
        let pool = record.pool;
        let old = std::mem::replace(&mut record.rank, rank);
        if rank.is_some() && self.pool(pool).queue.waits_for(process) {
            self.pool(pool).due.push(process);
            self.touch(pool);
        }
        if old == rank {
            return;
        }
        let idle = &mut self.pool(pool).idle;
        if let Some(old) = old {
            idle.remove(&old);
        }
        if let Some(rank) = rank {
            idle.insert(rank);
        }
    }
}

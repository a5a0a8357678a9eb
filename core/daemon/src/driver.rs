//! The only owner of the engine: tells it what happened and performs what it asks for.
//!
//! Everything that happens in the core comes here as one method call, becomes one
//! [`Input`](maitred_engine::event::Input), and its outputs are performed before the call returns.
//! One lock guards the engine, the links and the exchanges together; it is held for microseconds
//! and nothing that blocks is done under it. Order of locks: the driver's, then an exchange's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;

use maitred_engine::Engine;
use maitred_engine::class::Class;
use maitred_engine::event::{Input, Refusal, Traits};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::snapshot::{Snapshot, Standing};
use maitred_engine::time::Time;
use maitred_proto::link::CoreEvent;
use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::body::budget::Budget;
use crate::body::upload;
use crate::clock::Clock;
use crate::exchange::Exchange;
use crate::link::Link;
use crate::recorder::FlightRecorder;
use crate::status::stats::Stats;
use crate::supervise::{Order, Roster};

mod bodies;
mod events;
mod lines;
mod notice;
pub mod oob;
mod perform;

/// Translates between the world and the engine.
#[derive(Debug)]
pub struct Driver {
    /// The core's clock.
    pub clock: Clock,
    /// What bodies may hold.
    pub budget: Arc<Budget>,
    /// How request bodies are taken in.
    pub uploads: upload::Policy,
    /// Facts about clients that no engine needs.
    pub counts: Counts,
    /// The core was told to leave, and may still serve for a while: clients should not be sent here
    /// any more.
    pub told_to_leave: AtomicBool,
    /// Set when the engine says that everything is over.
    pub closed: CancellationToken,
    /// Set when no process ever booted and the tries are used up.
    pub given_up: CancellationToken,
    /// Log a line per request.
    pub access_log: Option<crate::access::Log>,
    /// What the engine was told lately.
    pub recorder: FlightRecorder,
    next_request: AtomicU64,
    deadline_moved: Notify,
    inner: Mutex<Inner>,
}

/// Counters of the public side.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections accepted since start.
    pub accepted: AtomicU64,
    /// Connections open now.
    pub open: AtomicU64,
    /// Requests that were not HTTP.
    pub malformed: AtomicU64,
    /// Requests that the core answered without any pool.
    pub answered_by_core: AtomicU64,
}

/// What the lock guards.
#[derive(Debug)]
struct Inner {
    engine: Engine,
    exchanges: FxHashMap<RequestId, Arc<Exchange>>,
    links: FxHashMap<ProcessId, Link>,
    roster: Roster,
    stats: Stats,
    /// Lines for the access log that wait for the end of deferred work: one per slot at most.
    unwritten: FxHashMap<RequestId, crate::access::Line>,
    orders: mpsc::UnboundedSender<Order>,
    /// A response that has begun, which the engine was not told yet: mostly its end is in the same
    /// read, and says as much. `None` whenever the lock is free.
    started: Option<SlotId>,
    /// The answer to an announcement, on its way back to the caller.
    refused: Option<(Refusal, Duration)>,
    /// When the timer task wakes up next.
    armed: Time,
    /// The time of what is being told: one reading for all that came together, so that a slot
    /// which was ready with its response is not taken for one that deferred.
    now: Time,
}

/// What a driver is made of.
#[derive(Debug)]
pub struct Parts {
    /// The core's clock.
    pub clock: Clock,
    /// What bodies may hold.
    pub budget: Arc<Budget>,
    /// How request bodies are taken in.
    pub uploads: upload::Policy,
    /// Where spawn and kill orders go.
    pub orders: mpsc::UnboundedSender<Order>,
    /// Where request lines go.
    pub access_log: Option<crate::access::Log>,
}

impl Driver {
    /// A driver with an engine that knows no pool yet.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let inner = Inner {
            engine: Engine::new(),
            exchanges: FxHashMap::default(),
            links: FxHashMap::default(),
            roster: Roster::default(),
            stats: Stats::new(),
            unwritten: FxHashMap::default(),
            orders: parts.orders,
            started: None,
            refused: None,
            armed: Time::NEVER,
            now: Time::default(),
        };
        Arc::new(Self {
            clock: parts.clock,
            budget: parts.budget,
            uploads: parts.uploads,
            counts: Counts::default(),
            told_to_leave: AtomicBool::new(false),
            closed: CancellationToken::new(),
            given_up: CancellationToken::new(),
            access_log: parts.access_log,
            recorder: FlightRecorder::default(),
            next_request: AtomicU64::new(1),
            deadline_moved: Notify::new(),
            inner: Mutex::new(inner),
        })
    }

    // --- Clients ---------------------------------------------------------------------------

    /// A number for a new request.
    pub fn next_request(&self) -> RequestId {
        RequestId(self.next_request.fetch_add(1, Relaxed))
    }

    /// The head of a request with a body was read. `Some`: it is refused before its body is.
    pub fn announce(
        &self,
        request: RequestId,
        pool: PoolId,
        class: Class,
    ) -> Option<(Refusal, Duration)> {
        let mut inner = self.tell(Input::Announced { request, pool, class });
        inner.refused.take()
    }

    /// The request may be dispatched, as of `now`: a moment ago, so that nobody reads the clock
    /// twice.
    pub fn arrive(&self, exchange: &Arc<Exchange>, now: Time) {
        let traits = Traits {
            idempotent: exchange.head.method.is_idempotent(),
            body_held: exchange.body_held,
            class: exchange.settings.class,
            deadlines: exchange.settings.deadlines,
        };
        let mut inner = self.lock_at(now);
        inner.exchanges.insert(exchange.id, Arc::clone(exchange));
        self.handle(
            &mut inner,
            Input::Arrived { request: exchange.id, pool: exchange.pool, traits },
        );
    }

    /// The client went away before it had everything.
    pub fn client_gone(&self, request: RequestId) {
        drop(self.tell(Input::ClientGone { request }));
    }

    /// The kernel has just accepted, at `now`, all that the client of `request` can get. False:
    /// the app has not ended its response yet.
    pub fn delivered(&self, request: RequestId, now: Time) -> bool {
        let mut inner = self.lock_at(now);
        let Some(exchange) = inner.exchanges.get(&request) else { return true };
        let complete = exchange.delivered();
        if complete {
            self.handle(&mut inner, Input::Delivered { request });
        }
        complete
    }

    /// Whether the request has no outcome yet.
    pub fn is_open(&self, request: RequestId) -> bool {
        self.lock().exchanges.contains_key(&request)
    }

    /// The body of the request took this long to come in.
    pub fn uploaded(&self, pool: PoolId, took: Duration) {
        let mut inner = self.lock();
        let now = inner.now;
        inner.stats.uploaded(now, pool, took);
    }

    // --- Processes -------------------------------------------------------------------------

    /// Something about a process that the engine must know.
    pub fn process(&self, input: Input) {
        drop(self.tell(input));
    }

    /// Reads or changes what is known about processes.
    pub fn with_roster<T>(&self, f: impl FnOnce(&mut Roster) -> T) -> T {
        f(&mut self.lock().roster)
    }

    /// A process said hello on a link that is now open.
    pub fn link_opened(&self, process: ProcessId, slots: u32, link: Link) {
        let mut inner = self.lock();
        let early = link.takes_early;
        inner.links.insert(process, link);
        self.handle(&mut inner, Input::Hello { process, slots });
        if early {
            self.handle(&mut inner, Input::EarlyWanted { process });
        }
    }

    /// Bytes came in on a link. False: the link is broken.
    pub fn link_received(&self, process: ProcessId, buf: &mut bytes::BytesMut) -> bool {
        let mut inner = self.lock();
        let Some(link) = inner.links.get_mut(&process) else { return false };
        link.reads();
        let received = link.proto.receive(buf);
        while let Some(event) = inner.next_link_event(process) {
            self.link_event(&mut inner, process, event);
        }
        self.tell_start(&mut inner);
        if let Err(error) = received {
            let (code, pid) = (error.code(), inner.roster.pid_of(process));
            tracing::error!(pid, code, "the process broke the protocol: {error}");
            inner.roster.blame(process, format!("broke the protocol: {error}"));
            self.handle(&mut inner, Input::Misbehaved { process });
            return false;
        }
        true
    }

    /// Gives `f` the link of `process`, if it is open.
    pub fn with_link<T>(&self, process: ProcessId, f: impl FnOnce(&mut Link) -> T) -> Option<T> {
        self.lock().links.get_mut(&process).map(f)
    }

    /// Asks every process what it still holds.
    pub fn ping_all(&self) {
        for link in self.lock().links.values_mut() {
            link.proto.ping();
            link.wake();
        }
    }

    /// The link of `process` is closed or broken.
    pub fn link_lost(&self, process: ProcessId) {
        let mut inner = self.lock();
        let Some(link) = inner.links.get_mut(&process) else { return };
        let unstarted = link.unstarted_slots();
        link.wake_all();
        self.handle(&mut inner, Input::LinkLost { process, unstarted });
        self.write_lines_of(&mut inner, process);
        // Only now: it knows by name what was lost.
        inner.links.remove(&process);
    }

    // --- The whole core --------------------------------------------------------------------

    /// Runs the engine's timers until the engine is closed.
    pub async fn run_timers(self: Arc<Self>) {
        loop {
            let next = {
                let mut inner = self.lock();
                inner.armed = inner.engine.next_deadline().unwrap_or(Time::NEVER);
                inner.armed
            };
            let moved = self.deadline_moved.notified();
            if next == Time::NEVER {
                moved.await;
                continue;
            }
            let at = tokio::time::Instant::from_std(self.clock.instant(next));
            tokio::select! {
                () = tokio::time::sleep_until(at) => drop(self.tell(Input::Tick)),
                () = moved => {}
            }
        }
    }

    /// What the engine and the statistics hold at this moment.
    pub fn read<T>(&self, f: impl FnOnce(&Snapshot, &Stats, &Roster) -> T) -> T {
        let inner = self.lock();
        let snapshot = inner.engine.snapshot(inner.now);
        f(&snapshot, &inner.stats, &inner.roster)
    }

    /// How things stand, for balancers.
    pub fn standing(&self) -> Standing {
        let inner = self.lock();
        let standing = inner.engine.standing(inner.now);
        Standing { draining: standing.draining || self.told_to_leave.load(Relaxed), ..standing }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.lock_at(self.clock.now())
    }

    /// The same at a time that was read a moment before. Time never goes back.
    fn lock_at(&self, now: Time) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        inner.now = inner.now.max(now);
        inner
    }

    fn tell(&self, input: Input) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        self.handle(&mut inner, input);
        inner
    }

    /// Tells the engine and performs all that it asks for.
    fn handle(&self, inner: &mut Inner, input: Input) {
        if let Some(slot) = inner.started
            && matches!(input, Input::Finished { slot: its } | Input::ResponseComplete { slot: its }
                if its == slot)
        {
            inner.started = None;
        }
        self.tell_start(inner);
        self.recorder.handle(&mut inner.engine, inner.now, input);
        while let Some(output) = inner.engine.poll_output() {
            self.perform(inner, output);
        }
        if inner.engine.next_deadline().is_some_and(|next| next < inner.armed) {
            self.deadline_moved.notify_one();
        }
    }

    /// A response has begun, and its end is not here yet.
    fn tell_start(&self, inner: &mut Inner) {
        if let Some(slot) = inner.started.take() {
            self.handle(inner, Input::ResponseStarted { slot });
        }
    }
}

impl Inner {
    fn next_link_event(&mut self, process: ProcessId) -> Option<CoreEvent> {
        self.links.get_mut(&process)?.proto.poll_event()
    }
}

/// Wakes a task that waits for something, once.
pub(crate) fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests;

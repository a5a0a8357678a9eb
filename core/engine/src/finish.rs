//! Step 4 of a request's life: its three ends, which every other server merges into one.
//!
//! *Response complete*: the client can have all of it. *Delivered*: it has. *Ready*: the slot is
//! free. They come in this order or not, and only the last one frees the slot (rule R1). The
//! outcome of the request is fixed once, at the first of delivered, client gone, refusal or failure
//! (rule R4); its record ends there, while its slot may work on.

use std::time::Duration;

use crate::engine::Engine;
use crate::event::{Abort, CancelReason, Failure, Notice, Outcome, Output};
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::process::Phase;
use crate::request::Place;
use crate::slot::Slot;

impl Engine {
    /// The client went away.
    pub(crate) fn abandon(&mut self, request: RequestId) {
        let Some(record) = self.requests.get(&request) else { return };
        let why = CancelReason::ClientGone;
        match record.place {
            Place::Running(slot) => self.put(Output::Cancel { slot, why }),
            Place::Detached(process) => self.put(Output::CancelDetached { process, request, why }),
            Place::Waiting { .. } | Place::Delivering { .. } => {}
        }
        self.end(request, Outcome::Abandoned);
    }

    /// Counts only after the response is complete: before that the last byte cannot have left.
    pub(crate) fn deliver(&mut self, request: RequestId) {
        let Some(record) = self.requests.get(&request) else { return };
        if matches!(record.place, Place::Delivering { .. }) {
            self.end(request, Outcome::Completed);
        }
    }

    pub(crate) fn start_response(&mut self, slot: SlotId) {
        self.response_began(slot);
        if let Some(request) = self.live_request(slot) {
            self.requests[&request].started = true;
        }
    }

    pub(crate) fn complete(&mut self, slot: SlotId) {
        if let Some((request, service)) = self.defer(slot)
            && let Some(request) = request
        {
            self.requests[&request].place = Place::Delivering { since: self.now, service };
        }
    }

    /// Complete and ready at once: no time in between to account for, and no lease.
    pub(crate) fn finish(&mut self, slot: SlotId) {
        let Some(Slot::Running { request, since }) = self.slot(slot) else {
            return self.ready(slot);
        };
        let service = self.now.since(since);
        if let Some(live) = self.live_request(slot) {
            self.requests[&live].place = Place::Delivering { since: self.now, service };
        }
        self.put(Output::Freed { slot, request, service, deferred: Duration::ZERO });
        self.free(slot);
    }

    pub(crate) fn abort(&mut self, slot: SlotId, why: Abort) {
        if let Some((Some(request), _)) = self.defer(slot) {
            self.fail(request, failure(why));
        }
    }

    /// The stream goes on in the process; its slot only waits for ready.
    pub(crate) fn detach(&mut self, slot: SlotId) {
        let live = self.live_request(slot);
        let Some(Slot::Running { request, .. }) = self.slot(slot) else { return };
        self.defer(slot);
        if let Some(live) = live {
            self.requests[&live].place = Place::Detached(slot.process);
        }
        if let Some(process) = self.processes.get_mut(&slot.process) {
            process.detached.insert(request);
        }
        self.rerank(slot.process);
    }

    pub(crate) fn complete_detached(&mut self, process: ProcessId, request: RequestId) {
        let live = self.forget_detached(process, request);
        if let Some(record) = self.requests.get_mut(&request).filter(|_| live) {
            let service = self.now.since(record.dispatched);
            record.place = Place::Delivering { since: self.now, service };
        }
    }

    pub(crate) fn abort_detached(&mut self, process: ProcessId, request: RequestId, why: Abort) {
        if self.forget_detached(process, request) {
            self.fail(request, failure(why));
        }
    }

    /// Takes a stream from its process; whether the request still has no outcome.
    fn forget_detached(&mut self, process: ProcessId, request: RequestId) -> bool {
        let Some(record) = self.processes.get_mut(&process) else { return false };
        if !record.detached.remove(&request) {
            return false;
        }
        let pool = record.pool;
        self.rerank(process);
        self.close_when_empty(process);
        self.touch(pool);
        self.requests.get(&request).is_some_and(|record| record.place == Place::Detached(process))
    }

    /// The word that makes a slot idle.
    pub(crate) fn ready(&mut self, slot: SlotId) {
        match self.slot(slot) {
            Some(Slot::Deferred { request, since, service }) => {
                let deferred = self.now.since(since);
                self.put(Output::Freed { slot, request, service, deferred });
                let pool = self.free(slot);
                self.pool(pool).totals.deferred += u64::from(deferred > Duration::ZERO);
            }
            // The app cannot be done before it has answered: whatever it holds is not what the
            // core thinks it holds.
            Some(Slot::Running { .. }) => self.misbehaved(slot.process),
            Some(Slot::Idle { .. }) | None => self.stray_ready(slot),
        }
    }

    fn stray_ready(&mut self, slot: SlotId) {
        let Some(process) = self.processes.get(&slot.process) else { return };
        let pool = process.pool;
        self.pool(pool).totals.stray_readies += 1;
        self.put(Output::Notice(Notice::StrayReady { slot }));
    }

    /// The process does not hold the slot's request any more, but never said ready.
    pub(crate) fn reconcile(&mut self, slot: SlotId) {
        let live = self.live_request(slot);
        if self.slot(slot).is_none_or(|slot| slot.is_idle()) {
            return;
        }
        let pool = self.free(slot);
        self.pool(pool).totals.reconciled += 1;
        if let Some(request) = live {
            self.fail(request, Failure::Lost);
        }
    }

    /// The response of a slot is over. Returns its request, if that has no outcome yet, and the
    /// service time.
    fn defer(&mut self, slot: SlotId) -> Option<(Option<RequestId>, Duration)> {
        let Some(Slot::Running { request, since }) = self.slot(slot) else { return None };
        let live = self.live_request(slot);
        let now = self.now;
        let service = now.since(since);
        let process = self.processes.get_mut(&slot.process)?;
        process.set_slot(slot.index, Slot::Deferred { request, since: now, service }, now);
        let pool = process.pool;
        self.touch(pool);
        self.begin_lease(slot, None);
        Some((live, service))
    }

    /// Makes an occupied slot idle.
    pub(crate) fn free(&mut self, slot: SlotId) -> PoolId {
        self.uses += 1;
        let process = self.processes.get_mut(&slot.process).expect("the caller looked at its slot");
        process.release(slot.index, self.now);
        process.used = self.uses;
        if process.phase == (Phase::Isolated { guest: Some(slot.index) }) {
            process.set_phase(Phase::Isolated { guest: None }, self.now);
        }
        let pool = process.pool;
        if !self.take_early(slot) {
            self.rerank(slot.process);
        }
        self.close_when_empty(slot.process);
        self.touch(pool);
        pool
    }

    /// Answers 502, or breaks the response visibly.
    pub(crate) fn fail(&mut self, request: RequestId, why: Failure) {
        if self.requests.contains_key(&request) {
            self.put(Output::Fail { request, why });
            self.end(request, Outcome::Failed(why));
        }
    }

    /// Fixes the outcome of a request and forgets it: the only place that does.
    pub(crate) fn end(&mut self, request: RequestId, outcome: Outcome) {
        let now = self.now;
        let Some(record) = self.requests.swap_remove(&request) else { return };
        let times = record.times(now, outcome == Outcome::Completed);
        if record.is_waiting() && self.pools[&record.pool].early.has(request) {
            self.cancel_early(record.pool, request, outcome);
        }
        if record.is_waiting() {
            let pool = self.pool(record.pool);
            pool.unqueue(request);
            pool.note_wait(times.wait);
            // The line is shorter. Any other outcome changes nothing for the pool: a slot that
            // works on is still taken.
            self.touch(record.pool);
        }
        let pool = self.pool(record.pool);
        match outcome {
            Outcome::Completed => pool.totals.completed += 1,
            Outcome::Abandoned => pool.totals.abandoned += 1,
            Outcome::Refused(why) => *pool.totals.refused.entry(why).or_default() += 1,
            Outcome::Failed(why) => *pool.totals.failed.entry(why).or_default() += 1,
        }
        self.put(Output::Ended { request, pool: record.pool, outcome, times });
    }

    pub(crate) fn slot(&self, slot: SlotId) -> Option<Slot> {
        self.processes.get(&slot.process)?.slot(slot.index)
    }

    /// The request that a slot runs, if it has no outcome yet.
    pub(crate) fn live_request(&self, slot: SlotId) -> Option<RequestId> {
        let Some(Slot::Running { request, .. }) = self.slot(slot) else { return None };
        let record = self.requests.get(&request)?;
        (record.place == Place::Running(slot)).then_some(request)
    }
}

fn failure(why: Abort) -> Failure {
    match why {
        Abort::AppError => Failure::AppError,
        Abort::InvalidResponse => Failure::InvalidResponse,
        Abort::Cancelled | Abort::ByCore => Failure::Broken,
    }
}

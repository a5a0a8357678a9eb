//! Handing a request over early, so that a process need not sleep between two requests.
//!
//! When a slot becomes ready, the core hears of it, decides, and writes; the process sleeps
//! meanwhile. Under load that costs more than the request itself does in either of them. So while
//! requests wait and all slots of a process are taken, the oldest one is sent ahead: the process
//! keeps it, and gives it to its app when the next slot of its own is ready, without asking. The
//! app still gets a request only in a slot that said ready (rule R1).
//!
//! Only a process that is alone in its pool gets one, because then no other slot could have taken
//! it before: who comes first is still served first (rule R3), and none waits while a slot that
//! may take it is idle (rule R2). Nor does it get one where the first to come need not be the first
//! to be served: with classes of priority, or with a policy for overload. For the engine the
//! request waits until READY says which slot has it now: it counts as queued, may run out of
//! patience, and its client may leave.
//!
//! The process writes READY before it gives the next request to its app, so as long as no READY
//! has come, the request has not started there. That needs no word of the process, also when it
//! dies (rule R12).

use crate::engine::Engine;
use crate::event::{CancelReason, Outcome, Output, Refusal};
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::limits::Routing;
use crate::process::Phase;
use crate::request::Place;

impl Engine {
    /// The process can keep a request until a slot is ready.
    pub(crate) fn want_early(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        record.takes_early = true;
        let pool = record.pool;
        self.touch(pool);
    }

    /// Sends the oldest request ahead, if that can hurt nobody.
    pub(crate) fn hand_early(&mut self, pool: PoolId) {
        let Some((request, process)) = self.may_go_ahead(pool) else { return };
        let now = self.now;
        let waited = self.requests[&request].times(now, false).wait;
        let record = self.pool(pool);
        if let Some(wait) = record.queue.remove(request) {
            record.early.push(wait);
        }
        if let Some(record) = self.processes.get_mut(&process) {
            record.early = Some(request);
        }
        self.put(Output::HandEarly { request, process, waited });
    }

    fn may_go_ahead(&self, pool: PoolId) -> Option<(RequestId, ProcessId)> {
        let record = &self.pools[&pool];
        let may = record.limits.hand_early
            && record.limits.processes == 1
            && record.limits.routing == Routing::Global
            && record.limits.overload.is_none()
            && !record.ranked
            && record.members.len() == 1
            && record.suspects.is_empty()
            && self.departure.is_none();
        let process = &self.processes[record.members.first().filter(|_| may)?];
        let waits = process.takes_early
            && process.early.is_none()
            && process.phase == Phase::Serving
            && !process.wants_drain
            && process.idle.is_empty();
        let request = record.queue.next(false).filter(|_| waits)?.request;
        // It may have to go to another process after all.
        self.requests[&request].traits.body_held.then_some((request, process.id))
    }

    /// A slot is free: if its process keeps a request, it has that one by now, also if nobody
    /// wants its answer any more.
    pub(crate) fn take_early(&mut self, slot: SlotId) {
        let Some(record) = self.processes.get_mut(&slot.process) else { return };
        let Some(request) = record.early.take() else { return };
        self.occupy(request, slot.process, |request, slot, waited| Output::Taken {
            request,
            slot,
            waited,
        });
    }

    /// The process will not run the request that it was handed early: it goes back to its place,
    /// and its patience begins anew as that of a retried one does.
    pub(crate) fn return_early(&mut self, process: ProcessId) {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&process) else { return };
        let Some(request) = record.early.take() else { return };
        let pool = record.pool;
        if let Some(record) = self.requests.get_mut(&request) {
            record.wait = record.times(now, false).wait;
            record.place = Place::Waiting { since: now };
            let wait = record.waiting(request, now);
            let record = self.pool(pool);
            record.early.remove(request);
            record.queue.push_by_age(wait);
        }
        self.close_when_empty(process);
        self.touch(pool);
    }

    /// The request has its outcome; its process may not have given it to the app yet.
    pub(crate) fn cancel_early(&mut self, pool: PoolId, request: RequestId, outcome: Outcome) {
        let why = match outcome {
            Outcome::Completed | Outcome::Abandoned => CancelReason::ClientGone,
            Outcome::Refused(Refusal::Draining) | Outcome::Failed(_) => CancelReason::Shutdown,
            Outcome::Refused(_) => CancelReason::Deadline,
        };
        let holder = self.members(pool).find(|process| process.early == Some(request));
        if let Some(process) = holder.map(|process| process.id) {
            self.put(Output::CancelEarly { process, request, why });
        }
    }
}

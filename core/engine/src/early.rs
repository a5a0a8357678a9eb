//! Handing requests over early, so that a process need not sleep between two of them.
//!
//! When a slot becomes ready, the core hears of it, decides, and writes; the process sleeps
//! meanwhile. Under load that costs more than the request itself does in either of them. So while
//! requests wait and all slots of a process are taken, the oldest few are sent ahead: the process
//! keeps them, and whenever a slot of its own is ready it gives the oldest to its app, without
//! asking. The app still gets a request only in a slot that said ready (rule R1).
//!
//! Only a process that is alone in its pool gets any, because then no other slot could have taken
//! them before: who comes first is still served first (rule R3), and none waits while a slot that
//! may take it is idle (rule R2). Nor does it get any where the first to come need not be the first
//! to be served: with classes of priority, or with a policy for overload. For the engine such a
//! request waits until READY says which slot has it now: it counts as queued, may run out of
//! patience, and its client may leave.
//!
//! The process gives one of them to its app for each READY that it has written, so as long as no
//! READY has come, the first of them has not started there. It needs no word of the process, also
//! when it dies (rule R12).

use crate::engine::Engine;
use crate::event::{CancelReason, Outcome, Output, Refusal};
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::limits::Routing;
use crate::process::Phase;
use crate::request::Place;

impl Engine {
    /// The process can keep requests until a slot is ready.
    pub(crate) fn want_early(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        record.takes_early = true;
        let pool = record.pool;
        self.touch(pool);
    }

    /// Sends the oldest requests ahead, if that can hurt nobody.
    pub(crate) fn hand_early(&mut self, pool: PoolId) {
        let now = self.now;
        while let Some((request, process)) = self.may_go_ahead(pool) {
            let waited = self.requests[&request].times(now, false).wait;
            let record = self.pool(pool);
            if let Some(wait) = record.queue.remove(request) {
                record.early.push_by_age(wait);
            }
            if let Some(record) = self.processes.get_mut(&process) {
                record.early.push_back(request);
            }
            self.put(Output::HandEarly { request, process, waited });
        }
    }

    fn may_go_ahead(&self, pool: PoolId) -> Option<(RequestId, ProcessId)> {
        let record = &self.pools[&pool];
        let may = record.limits.processes == 1
            && record.limits.routing == Routing::Global
            && record.limits.overload.is_none()
            && !record.ranked
            && record.members.len() == 1
            && record.suspects.is_empty()
            && self.departure.is_none();
        let process = &self.processes[record.members.first().filter(|_| may)?];
        let waits = process.takes_early
            && process.early.len() < record.limits.early_max as usize
            && process.phase == Phase::Serving
            && !process.wants_drain
            && process.idle.is_empty();
        let request = record.queue.next(false).filter(|_| waits)?.request;
        // It may have to go to another process after all.
        self.requests[&request].traits.body_held.then_some((request, process.id))
    }

    /// A slot is free: if its process keeps requests, it has the oldest one by now, also if nobody
    /// wants its answer any more. Whether it has one.
    pub(crate) fn take_early(&mut self, slot: SlotId) -> bool {
        let Some(record) = self.processes.get_mut(&slot.process) else { return false };
        let Some(request) = record.early.pop_front() else { return false };
        self.occupy(request, slot.process, |request, slot, waited| Output::Taken {
            request,
            slot,
            waited,
        });
        true
    }

    /// The process will not run a request that it was handed early.
    pub(crate) fn return_early(&mut self, process: ProcessId, request: RequestId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let Some(place) = record.early.iter().position(|kept| *kept == request) else { return };
        record.early.remove(place);
        self.back_in_line(process, [request]);
    }

    /// It will run none of them.
    pub(crate) fn return_all_early(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let kept = std::mem::take(&mut record.early);
        if !kept.is_empty() {
            self.back_in_line(process, kept);
        }
    }

    /// Each goes back to its place, and its patience begins anew as that of a retried one does.
    fn back_in_line(&mut self, process: ProcessId, kept: impl IntoIterator<Item = RequestId>) {
        let (now, pool) = (self.now, self.processes[&process].pool);
        for request in kept {
            // Without an outcome it waits still.
            let Some(record) = self.requests.get_mut(&request) else { continue };
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
        let holder = self.members(pool).find(|process| process.early.contains(&request));
        if let Some(process) = holder.map(|process| process.id) {
            self.put(Output::CancelEarly { process, request, why });
        }
    }
}

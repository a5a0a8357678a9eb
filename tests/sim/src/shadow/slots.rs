//! What processes say about their slots, as the core heard it.

use maitred_engine::event::{Abort, Failure, Outcome};
use maitred_engine::id::{ProcessId, RequestId, SlotId};

use super::{Place, Shadow, State};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

impl Shadow {
    /// The app of `process` was given the request. Told when it happens there.
    pub(crate) fn app_saw(&mut self, process: ProcessId, request: RequestId) -> Checked {
        let Some(record) = self.requests.get_mut(&request) else { return super::FINE };
        let again = record.seen_by.is_some();
        let may = record.traits.idempotent && record.traits.body_held || record.lied_about;
        must!(R13, !again || may, "{request} may not run twice, and reached a second app");
        record.seen_by = Some(process);
        if !may {
            self.fact(Fact::OnlyOnce);
        }
        super::FINE
    }

    pub(crate) fn heard_response(&mut self, slot: SlotId) {
        let process = self.processes.get_mut(&slot.process);
        if let Some(slot) = process.and_then(|it| it.slots.get_mut(slot.index as usize)) {
            slot.began = true;
        }
        if let Some(request) = self.live_in(slot)
            && let Some(record) = self.requests.get_mut(&request)
        {
            record.responded = true;
        }
    }

    pub(crate) fn heard_complete(&mut self, slot: SlotId) {
        let live = self.live_in(slot);
        let Some(State::Running { since, .. }) = self.slot(slot).map(|slot| slot.state) else {
            return;
        };
        let service = self.now.since(since);
        self.defer(slot);
        if let Some(record) = live.and_then(|request| self.requests.get_mut(&request)) {
            record.place = Place::Delivering { since: self.now, service };
        }
    }

    pub(crate) fn heard_abort(&mut self, slot: SlotId, why: Abort) {
        let live = self.live_in(slot);
        self.defer(slot);
        if let Some(request) = live {
            self.expect(request, Outcome::Failed(failure(why)), Rule::R4);
        }
    }

    pub(crate) fn heard_detach(&mut self, slot: SlotId) {
        let live = self.live_in(slot);
        let Some(State::Running { request, .. }) = self.slot(slot).map(|slot| slot.state) else {
            return;
        };
        self.defer(slot);
        if let Some(record) = live.and_then(|request| self.requests.get_mut(&request)) {
            record.place = Place::Detached(slot.process);
        }
        if let Some(process) = self.processes.get_mut(&slot.process) {
            process.detached.insert(request);
        }
    }

    /// A stream without a slot ended.
    pub(crate) fn heard_detached_end(
        &mut self,
        process: ProcessId,
        request: RequestId,
        abort: Option<Abort>,
    ) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        if !record.detached.remove(&request) {
            return;
        }
        let now = self.now;
        let Some(record) = self.requests.get_mut(&request) else { return };
        if record.place != Place::Detached(process) {
            return;
        }
        match abort {
            Some(why) => self.expect(request, Outcome::Failed(failure(why)), Rule::R4),
            None => {
                let service = now.since(record.dispatched);
                record.place = Place::Delivering { since: now, service };
            }
        }
    }

    /// READY came: from now on the slot is idle.
    pub(crate) fn heard_ready(&mut self, slot: SlotId) {
        match self.slot(slot).map(|slot| slot.state) {
            Some(State::Deferred { request, since, service }) => {
                let deferred = self.now.since(since);
                self.freed = Some((slot, request, service, deferred));
                self.free(slot);
                if let Some(pool) = self.pool_of(slot.process) {
                    pool.count.deferred += u64::from(!deferred.is_zero());
                }
                if !self.requests.contains_key(&request) {
                    self.fact(Fact::OccupiedAfterLeave);
                }
            }
            // The link lets no READY through before the end. But where a READY was lost, what was
            // sent ahead may have ended before the core knew that it had begun.
            Some(State::Running { .. }) => {
                if self.processes.get(&slot.process).is_some_and(|it| it.liar) {
                    self.misbehaved(slot.process);
                }
            }
            Some(State::Idle) | None => {
                if let Some(pool) = self.pool_of(slot.process) {
                    pool.count.stray_readies += 1;
                }
            }
        }
    }

    /// The process returned the request: its app never saw it.
    pub(crate) fn heard_bounce(&mut self, slot: SlotId) -> Checked {
        if let Some(request) = self.live_in(slot) {
            self.not_seen(slot.process, request)?;
            self.requeue(request);
            self.fact(Fact::Returned);
        }
        self.free(slot);
        if let Some(process) = self.processes.get_mut(&slot.process) {
            process.used = 0;
        }
        super::FINE
    }

    /// The process does not hold this slot's request any more.
    pub(crate) fn heard_lost(&mut self, slot: SlotId) {
        let live = self.live_in(slot);
        if self.slot(slot).is_none_or(|slot| slot.state == State::Idle) {
            return;
        }
        self.free(slot);
        if let Some(pool) = self.pool_of(slot.process) {
            pool.count.reconciled += 1;
        }
        self.fact(Fact::Reconciled);
        if let Some(request) = live {
            self.expect(request, Outcome::Failed(Failure::Lost), Rule::R4);
        }
    }

    /// GOODBYE came, and left these out.
    pub(crate) fn heard_goodbye(&mut self, process: ProcessId, unstarted: &[u32]) -> Checked {
        let draining = |it: &&mut super::Process| it.drained_at.is_some() && !it.leaving;
        let Some(record) = self.processes.get_mut(&process).filter(draining) else {
            return super::FINE;
        };
        record.goodbye = true;
        self.all_early_returned(process)?;
        for &index in unstarted {
            let slot = SlotId { process, index };
            if let Some(request) = self.live_in(slot) {
                self.not_seen(process, request)?;
                self.requeue(request);
                self.fact(Fact::Returned);
            }
            self.free(slot);
        }
        super::FINE
    }

    /// A request counts as not started: then no app may have seen it. A liar's word is taken, as
    /// the core cannot know better.
    pub(super) fn not_seen(&mut self, process: ProcessId, request: RequestId) -> Checked {
        let liar = self.processes.get(&process).is_some_and(|it| it.liar);
        let Some(record) = self.requests.get_mut(&request) else { return super::FINE };
        if liar {
            record.seen_by = None;
        }
        must!(
            R12,
            record.seen_by != Some(process),
            "{request} counts as not started, but the app of {process} has seen it"
        );
        super::FINE
    }

    fn defer(&mut self, slot: SlotId) {
        if let Some(State::Running { request, since }) = self.slot(slot).map(|slot| slot.state) {
            let now = self.now;
            self.set(slot, State::Deferred { request, since: now, service: now.since(since) });
        }
    }

    fn free(&mut self, slot: SlotId) {
        self.set(slot, State::Idle);
        self.uses += 1;
        if let Some(process) = self.processes.get_mut(&slot.process) {
            process.used = self.uses;
        }
    }
}

fn failure(why: Abort) -> Failure {
    match why {
        Abort::AppError => Failure::AppError,
        Abort::InvalidResponse => Failure::InvalidResponse,
        Abort::Cancelled | Abort::ByCore => Failure::Broken,
    }
}

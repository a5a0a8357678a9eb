//! When a process dies: which of its requests run again, alone, or never (rule R13).
//!
//! A process may die at any moment, and the core cannot know which of the requests in it did that.
//!
//! * Not started there: it goes back to its place in the queue, under no suspicion.
//! * Its client is gone: it has its outcome already.
//! * Idempotent, its whole body held, nothing of its response seen: it is a *suspect*, and runs
//!   again alone in a process. Only a crash while alone is charged to it; the second one is the
//!   last (502, and a line that names it). Who was merely present is never charged.
//! * Everything else fails with 502.
//!
//! To be alone a suspect needs a process in which nothing goes on. If there is none, one process
//! of the pool is withdrawn until it is empty. Requests behind a suspect do not wait for it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::Engine;
use crate::event::{Failure, Notice, Output};
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::process::{Phase, Process};
use crate::request::Place;
use crate::slot::Slot;

/// Looking for a process to withdraw means looking at all of them, so it is not done for each input
/// while there is none: 10 ms is short beside any request that is worth waiting for.
const ISOLATION_SEARCH_PAUSE: Duration = Duration::from_millis(10);

/// What was going on in a process when it died.
#[derive(Default)]
struct Remains {
    /// Requests without an outcome that had not started.
    unstarted: Vec<RequestId>,
    /// Requests without an outcome that had.
    suspects: Vec<RequestId>,
    /// Slots in which anything may have been the reason, whether it has its outcome or not.
    present: usize,
}

impl Engine {
    /// Ends the occupancy of all slots of a process that is gone, and decides its requests.
    pub(crate) fn bury(&mut self, process: ProcessId, unstarted: &[u32]) {
        let Some(record) = self.processes.get(&process).filter(|it| !it.slots.is_empty()) else {
            return;
        };
        let (blame, asked) = match record.phase {
            Phase::Leaving { blame, .. } => (blame, !blame || record.is_empty()),
            Phase::Draining { terminated, .. } => {
                (!terminated || record.watch.is_hung(), record.is_empty())
            }
            _ => (true, false),
        };
        let remains = self.sift(record, unstarted);
        self.return_all_early(process);
        let Some(record) = self.processes.get_mut(&process) else { return };
        let closed = record.close_slots(self.now);
        let detached = std::mem::take(&mut record.detached);
        let pool = record.pool;
        self.rerank(process);
        self.touch(pool);

        let alone = remains.present == 1 && detached.is_empty();
        if !asked {
            let suspects = remains.suspects.clone();
            self.put(Output::Notice(Notice::Died { process, suspects }));
        }
        self.end_leases(process);
        self.lose_deferred(process, &closed, unstarted);
        for request in remains.unstarted {
            self.requeue(request);
        }
        for request in remains.suspects {
            self.judge(request, blame, alone);
        }
        for request in detached {
            self.fail(request, Failure::ProcessDied);
        }
    }

    fn sift(&self, process: &Process, unstarted: &[u32]) -> Remains {
        let unstarted: BTreeSet<u32> = unstarted.iter().copied().collect();
        let mut remains = Remains::default();
        for (index, slot) in (0..).zip(&process.slots) {
            let &Slot::Running { request, .. } = slot else {
                let present = !slot.is_idle() && !unstarted.contains(&index);
                remains.present += usize::from(present);
                continue;
            };
            let live = self.live_request(process.slot_id(index)).map(|live| &self.requests[&live]);
            if unstarted.contains(&index) && live.is_none_or(|record| !record.started) {
                remains.unstarted.extend(live.map(|_| request));
            } else {
                remains.present += 1;
                remains.suspects.extend(live.map(|_| request));
            }
        }
        remains
    }

    /// Decides about a request that had started in a process that died. `blame`: it may have been
    /// the reason. `alone`: nothing else may have been.
    fn judge(&mut self, request: RequestId, blame: bool, alone: bool) {
        let Some(record) = self.requests.get_mut(&request) else { return };
        record.suspicions += u32::from(blame);
        record.crashes += u32::from(blame && alone);
        let (crashes, suspicions, attempts) = (record.crashes, record.suspicions, record.attempts);
        let traits = record.traits;
        let may_run_again = traits.idempotent && traits.body_held && !record.started;
        let limits = &self.pools[&record.pool].limits;
        if crashes >= limits.poison_crashes_max {
            self.put(Output::Notice(Notice::Poison { request }));
            self.fail(request, Failure::Poison);
        } else if may_run_again && suspicions < limits.suspicions_max {
            self.put(Output::Notice(Notice::Retried { request, attempts }));
            self.requeue(request);
        } else {
            self.fail(request, Failure::ProcessDied);
        }
    }

    /// Back to its place in the queue, by its age (rule R3).
    pub(crate) fn requeue(&mut self, request: RequestId) {
        let now = self.now;
        let Some(record) = self.requests.get_mut(&request) else { return };
        record.place = Place::Waiting { since: now };
        let (pool, suspect) = (record.pool, record.is_suspect());
        let wait = record.waiting(request, now);
        let pool_record = self.pool(pool);
        pool_record.totals.retried += 1;
        let queue = if suspect { &mut pool_record.suspects } else { &mut pool_record.queue };
        queue.push_by_age(wait);
        self.touch(pool);
    }

    /// The process gives back a request that its app never saw. Its turn is not over, and another
    /// process is asked first: this one is now the least recently used.
    pub(crate) fn bounce(&mut self, slot: SlotId) {
        // Where the core broke the request off before its app saw it, the slot is deferred.
        if self.slot(slot).is_none_or(|slot| slot.is_idle()) {
            return;
        }
        let live = self.live_request(slot);
        if live.is_some_and(|request| self.requests[&request].started) {
            return self.misbehaved(slot.process);
        }
        if let Some(request) = live {
            self.requeue(request);
        }
        self.free(slot);
        if let Some(record) = self.processes.get_mut(&slot.process) {
            record.used = Process::UNUSED - 1;
            // Empty if the slot went to a request that was handed early.
            if let Some(slot) = record.idle.pop() {
                record.idle.insert(0, slot);
            }
        }
        self.rerank(slot.process);
    }

    /// Lets the oldest suspect run, if a process is empty and it is its turn.
    pub(crate) fn dispatch_suspect(&mut self, pool: PoolId) -> bool {
        let Some(wait) = self.pools[&pool].suspects.next(false) else { return false };
        let Some(process) = self.room_for_one(pool) else { return false };
        if self.processes[&process].slots.len() > 1 {
            // The one that was being emptied for this is not needed any more.
            if let Some(other) = self.pools[&pool].isolated.filter(|other| *other != process) {
                self.end_isolation(other);
            }
            self.isolate(process);
        }
        self.hand_over(wait.request, process);
        let record = self.requests.get(&wait.request).map(|record| record.place);
        if let Some(Place::Running(slot)) = record
            && self.pools[&pool].isolated == Some(process)
        {
            self.change_phase(process, Phase::Isolated { guest: Some(slot.index) });
        }
        true
    }

    /// An empty process for the oldest suspect. Only one of several slots is kept from other
    /// requests by that, so there is at most one such process in a pool.
    fn room_for_one(&self, pool: PoolId) -> Option<ProcessId> {
        let record = &self.pools[&pool];
        if let Some(process) = record.isolated
            && self.processes[&process].is_empty()
        {
            return Some(process);
        }
        let process = record.empty_process().filter(|_| self.is_suspects_turn(pool))?;
        let one_slot = self.processes[&process].slots.len() == 1;
        let has_guest = record.isolated.is_some_and(|isolated| {
            self.processes[&isolated].phase != Phase::Isolated { guest: None }
        });
        (one_slot || (!has_guest && record.spares_one())).then_some(process)
    }

    fn is_suspects_turn(&self, pool: PoolId) -> bool {
        let record = &self.pools[&pool];
        let Some(suspect) = record.suspects.next(false) else { return false };
        record.queue.first_of_all().is_none_or(|next| suspect.is_before(&next))
    }

    /// Withdraws a process for the oldest suspect, if none is empty: the one that is likely to be
    /// empty first. One with detached streams may never be. The last one that serves is spared
    /// while another boots: that one will be empty.
    pub(crate) fn isolate_for_suspect(&mut self, pool: PoolId) {
        let record = &self.pools[&pool];
        let may = record.isolated.is_none() && self.now >= record.isolation_pause_until;
        if !may || !self.is_suspects_turn(pool) {
            return;
        }
        let again = self.now + ISOLATION_SEARCH_PAUSE;
        let last = record.budget.serving < 2;
        if !record.spares_one() || (last && !record.roll.booting.is_empty()) {
            self.pool(pool).isolation_pause_until = again;
            return;
        }
        let can = |process: &ProcessId| {
            let process = &self.processes[process];
            process.phase == Phase::Serving
                && process.slots.len() > 1
                && process.detached.is_empty()
                && !process.wants_drain
        };
        // Where all are full, the oldest: one look, however many there are.
        let idle = record.idle.iter().map(|rank| rank.process);
        let best = idle.chain(record.members.iter().copied()).find(can);
        match best {
            Some(process) => self.isolate(process),
            None => self.pool(pool).isolation_pause_until = again,
        }
    }

    /// Its idle slots get nothing but suspects, for the length of a lease.
    fn isolate(&mut self, process: ProcessId) {
        let record = &self.processes[&process];
        let lease = self.pools[&record.pool].limits.isolation_max;
        if record.phase == Phase::Serving {
            self.change_phase(process, Phase::Isolated { guest: None });
            self.put(Output::Notice(Notice::Isolated { process }));
        }
        self.set_timer(process, Some(self.now + lease));
    }

    /// The isolated process serves on when no suspect is left. Whether it does.
    pub(crate) fn release_isolated(&mut self, pool: PoolId) -> bool {
        let record = &self.pools[&pool];
        let Some(process) = record.isolated.filter(|_| record.suspects.is_empty()) else {
            return false;
        };
        let released = self.processes[&process].phase == Phase::Isolated { guest: None };
        if released {
            self.end_isolation(process);
        }
        released
    }

    fn end_isolation(&mut self, process: ProcessId) {
        self.set_timer(process, None);
        self.change_phase(process, Phase::Serving);
    }

    /// It was withdrawn long enough: it serves on, and the pool is left at full strength for a
    /// while.
    pub(crate) fn isolation_lease_ran_out(&mut self, process: ProcessId) {
        let now = self.now;
        let pool = self.processes[&process].pool;
        let record = self.pool(pool);
        record.isolation_pause_until = now + record.limits.isolation_max;
        self.end_isolation(process);
    }
}

//! Step 3 of a request's life: which idle slot takes it?
//!
//! No request waits while a slot that may take it is idle (rule R2), within a class the oldest goes
//! first (rule R3), and only to a slot whose app has said ready (rule R1). Among idle slots the
//! choice is: newest generation, then smallest occupied share of the process, then most recently
//! used.

use std::time::Duration;

use crate::engine::Engine;
use crate::event::Output;
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::request::Place;

impl Engine {
    /// Does what can be done for those that wait, and notes how many are left.
    pub(crate) fn dispatch(&mut self, pool: PoolId) {
        let record = &self.pools[&pool];
        let any = record.waiting() > 0 || record.isolated.is_some();
        if any && !record.is_busy() {
            self.hand_out(pool);
        }
        if any {
            self.hand_early(pool);
        }
        let now = self.now;
        let record = self.pool(pool);
        if record.waiting() == 0 {
            record.due.clear();
        }
        record.note_waiting(now);
        record.note_overload(now);
    }

    /// Hands out requests until none that waits may go anywhere.
    fn hand_out(&mut self, pool: PoolId) {
        loop {
            while self.dispatch_suspect(pool)
                || self.dispatch_private(pool)
                || self.dispatch_shared(pool)
            {}
            if !self.release_isolated(pool) {
                break;
            }
        }
        self.pool(pool).queue.share_out();
        self.isolate_for_suspect(pool);
    }

    /// Gives the first in the line of a process to that process.
    fn dispatch_private(&mut self, pool: PoolId) -> bool {
        while let Some(process) = self.pool(pool).due.pop() {
            let record = &self.pools[&pool];
            let wait = record.queue.next_for(process, record.is_newest_first());
            let is_idle = self.processes.get(&process).is_some_and(|it| it.rank.is_some());
            if let Some(wait) = wait.filter(|_| is_idle) {
                // Ranked anew it is due again, if it has another idle slot.
                self.hand_over(wait.request, process);
                return true;
            }
        }
        false
    }

    /// Gives the first in the shared line to the best idle slot.
    fn dispatch_shared(&mut self, pool: PoolId) -> bool {
        let record = &self.pools[&pool];
        let wait = record.queue.next(record.is_newest_first());
        let (Some(wait), Some(rank)) = (wait, record.idle.first()) else { return false };
        self.hand_over(wait.request, rank.process);
        true
    }

    /// Gives a waiting request to the most recently used idle slot of a process.
    pub(crate) fn hand_over(&mut self, request: RequestId, process: ProcessId) {
        self.occupy(request, process, |request, slot, waited| Output::Dispatch {
            request,
            slot,
            waited,
        });
    }

    /// The same, said by `told`. A request that has its outcome takes the slot without a word of
    /// its own wait.
    pub(crate) fn occupy(
        &mut self,
        request: RequestId,
        process: ProcessId,
        told: impl FnOnce(RequestId, SlotId, Duration) -> Output,
    ) {
        let now = self.now;
        let Some(runner) = self.processes.get_mut(&process) else { return };
        let Some(slot) = runner.occupy(request, now) else { return };
        self.uses += 1;
        runner.used = self.uses;
        runner.requests += 1;
        runner.last_dispatch_at = Some(now);
        let terms = self.requests.get(&request).map(|record| record.traits.deadlines);
        let waited = self.begin(request, slot);
        self.rerank(process);
        self.put(told(request, slot, waited));
        self.begin_lease(slot, Some(terms.unwrap_or_default()));
    }

    /// The end of its wait. Returns how long that was, all attempts together.
    fn begin(&mut self, request: RequestId, slot: SlotId) -> Duration {
        let now = self.now;
        let Some(record) = self.requests.get_mut(&request) else { return Duration::ZERO };
        let wait = record.times(now, false).wait;
        let stay = wait - record.wait;
        record.wait = wait;
        record.attempts += 1;
        record.dispatched = now;
        record.started = false;
        record.place = Place::Running(slot);
        let (pool, waited) = (record.pool, record.wait);
        let pool = self.pool(pool);
        pool.unqueue(request);
        if !stay.is_zero() {
            pool.drain_rate.count();
        }
        pool.note_wait(waited);
        waited
    }
}

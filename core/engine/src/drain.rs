//! Letting go: of one process when another takes over, of all when the core leaves.
//!
//! A process is drained in steps: DRAIN, its GOODBYE, all its slots ready, its link closed, its
//! exit. Each step has a lease. When the core leaves, clients finish first, then the queue is
//! worked off; while any
//! request waits or runs, one process is kept undrained beside those that run, because the request
//! may need it for a retry. At `stop_at` everything that is left is cut.

use crate::engine::{Departure, Engine, Timer};
use crate::event::{CancelReason, DrainReason, Failure, KillReason, Output, Refusal};
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::limits::LeaseKind;
use crate::process::{Phase, Process};
use crate::request::Place;
use crate::slot::Slot;
use crate::time::Time;

impl Engine {
    /// It goes on serving until a replacement has booted.
    pub(crate) fn want_drain(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process).filter(|it| it.is_up()) else { return };
        record.wants_drain = true;
        let pool = record.pool;
        self.call_the_roll(process);
        self.staff(pool);
        self.touch(pool);
    }

    pub(crate) fn drain_process(&mut self, process: ProcessId, why: DrainReason) {
        let pool = self.processes[&process].pool;
        let lease = self.pools[&pool].limits.drain_max;
        self.set_timer(process, Some(self.now + lease));
        self.change_phase(process, Phase::Draining { goodbye: false, terminated: false });
        self.put(Output::Drain { process, why });
    }

    /// It answered DRAIN; what it never gave to its app goes to another process.
    pub(crate) fn goodbye(&mut self, process: ProcessId, unstarted: &[u32]) {
        let Some(Phase::Draining { terminated, .. }) = self.phase(process) else { return };
        self.return_all_early(process);
        for &index in unstarted {
            let slot = SlotId { process, index };
            let live = self.live_request(slot);
            let idle = self.slot(slot).is_none_or(|slot| slot.is_idle());
            if idle || live.is_some_and(|request| self.requests[&request].started) {
                continue;
            }
            if let Some(request) = live {
                self.requeue(request);
            }
            self.free(slot);
        }
        self.change_phase(process, Phase::Draining { goodbye: true, terminated });
        self.close_when_empty(process);
    }

    /// Closes the link of a process that has finished.
    pub(crate) fn close_when_empty(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get(&process) else { return };
        let done = record.is_empty() && record.out.is_none();
        if matches!(record.phase, Phase::Draining { goodbye: true, .. }) && done {
            let exit_max = self.pools[&record.pool].limits.exit_max;
            self.put(Output::CloseLink { process });
            self.part(process, KillReason::LinkLost, Some(exit_max));
        }
    }

    /// The time of its phase is up.
    pub(crate) fn lease_ran_out(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        record.timer = None;
        let exit_max = self.pools[&record.pool].limits.exit_max;
        match record.phase {
            Phase::Booting => self.boot_lease_ran_out(process),
            Phase::Serving => {}
            Phase::Isolated { .. } => self.isolation_lease_ran_out(process),
            Phase::Quiescing { ask } => self.quiescing_lease_ran_out(process, ask),
            Phase::Out { ask } => self.oob_lease_ran_out(process, ask),
            Phase::Draining { goodbye, terminated: false } => {
                self.set_timer(process, Some(self.now + exit_max));
                self.count_lease(process, LeaseKind::Drain).terminated += 1;
                self.change_phase(process, Phase::Draining { goodbye, terminated: true });
                self.tell_deferred(process);
                self.put(Output::Terminate { process });
            }
            Phase::Draining { terminated: true, .. } => {
                self.count_lease(process, LeaseKind::Drain).killed += 1;
                self.put(Output::Kill { process, why: KillReason::DrainLease });
                self.part(process, KillReason::DrainLease, None);
            }
            Phase::Leaving { kill, .. } => self.put(Output::Kill { process, why: kill }),
        }
    }

    /// Deferred work is told that its process is about to end. Requests are not: what is told
    /// breaks off its response, and what is killed may be run again elsewhere.
    fn tell_deferred(&mut self, process: ProcessId) {
        let slots = (0..).zip(&self.processes[&process].slots);
        let deferred = slots.filter(|(_, slot)| matches!(slot, Slot::Deferred { .. }));
        let told: Vec<u32> = deferred.map(|(index, _)| index).collect();
        self.count_lease(process, LeaseKind::Drain).told += told.len() as u64;
        for index in told {
            let slot = SlotId { process, index };
            self.put(Output::Cancel { slot, why: CancelReason::Deadline });
        }
    }

    /// The core leaves. Said again, it may only be in more of a hurry.
    pub(crate) fn leave(&mut self, stop_at: Time, open: bool) {
        let departure = Departure { stop_at, open, cut: false, closed: false };
        let departure = self.departure.get_or_insert(departure);
        if departure.cut {
            return;
        }
        departure.open &= open;
        let old = departure.stop_at;
        departure.stop_at = old.min(stop_at);
        let stop_at = departure.stop_at;
        self.timers.remove(&(old, Timer::Stop));
        self.timers.insert((stop_at, Timer::Stop));
        let pools: Vec<PoolId> = self.pools.keys().copied().collect();
        for pool in pools {
            self.touch(pool);
        }
    }

    /// While the core leaves: drains each process in which no request runs, if none waits for it.
    pub(crate) fn drain_what_rests(&mut self, pool: PoolId) {
        if self.departure.is_none_or(|departure| departure.cut) {
            return;
        }
        if self.pools[&pool].waiting() > 0 {
            return self.staff(pool);
        }
        if self.departure.is_some_and(|departure| departure.open) {
            return;
        }
        let spare = usize::from(self.members(pool).any(Process::any_running));
        let rests = |process: &&Process| process.is_staying() && !process.any_running();
        let mut resting: Vec<&Process> = self.members(pool).filter(rests).collect();
        // The spare one is the one that could take a retry soonest.
        resting.sort_by_key(|process| {
            (!process.is_up(), process.out, process.wants_drain, process.rank_if_idle())
        });
        let resting: Vec<ProcessId> =
            resting.into_iter().skip(spare).map(|process| process.id).collect();
        for process in resting {
            if self.phase(process) == Some(Phase::Booting) {
                let exit_max = self.pools[&pool].limits.exit_max;
                self.put(Output::Terminate { process });
                self.part(process, KillReason::DrainLease, Some(exit_max));
            } else {
                self.drain_process(process, DrainReason::Shutdown);
            }
        }
    }

    /// `stop_at` is reached: nothing is waited for any more.
    pub(crate) fn cut(&mut self) {
        let Some(departure) = &mut self.departure else { return };
        departure.cut = true;
        let mut requests: Vec<RequestId> = self.requests.keys().copied().collect();
        requests.sort_unstable();
        for request in requests {
            self.cut_request(request);
        }
        let processes: Vec<ProcessId> = self.processes.keys().copied().collect();
        for process in processes {
            self.cut_process(process);
        }
    }

    fn cut_request(&mut self, request: RequestId) {
        let why = CancelReason::Shutdown;
        match self.requests[&request].place {
            Place::Waiting { .. } => return self.refuse(request, Refusal::Draining),
            Place::Running(slot) => self.put(Output::Cancel { slot, why }),
            Place::Detached(process) => self.put(Output::CancelDetached { process, request, why }),
            Place::Delivering { .. } => {}
        }
        self.fail(request, Failure::Cut);
    }

    fn cut_process(&mut self, process: ProcessId) {
        let record = &self.processes[&process];
        let patience = self.pools[&record.pool].limits.cut_exit_max;
        if !matches!(record.phase, Phase::Leaving { .. }) {
            if record.booted_at.is_some() {
                self.put(Output::CloseLink { process });
            }
            self.put(Output::Terminate { process });
            self.part(process, KillReason::DrainLease, Some(patience));
        } else if record.timer.is_some_and(|at| at > self.now + patience) {
            self.set_timer(process, Some(self.now + patience));
        }
    }

    pub(crate) fn phase(&self, process: ProcessId) -> Option<Phase> {
        self.processes.get(&process).map(|record| record.phase)
    }
}

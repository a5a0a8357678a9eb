//! Keeping a pool staffed: processes come and go, requests do not notice (rules R9 and R12).
//!
//! A process that served and is gone is replaced at once. One that could not even boot is tried
//! again after a pause that doubles, one at a time: a broken deploy should not keep all CPUs busy
//! with failing. Neither fails a request that waits; only the limits of the queue do.

use std::time::Duration;

use crate::engine::{Engine, Timer};
use crate::event::{DrainReason, KillReason, Notice, Output};
use crate::id::{PoolId, ProcessId};
use crate::limits::LeaseKind;
use crate::process::{Phase, Process};

/// Slots that one process may have: as many as a link takes.
const SLOTS_MAX: u32 = 4_096;

impl Engine {
    /// Whether any process of the pool will go on.
    pub(crate) fn has_staff(&self, pool: PoolId) -> bool {
        self.pools[&pool].roll.staying() > 0
    }

    /// The processes of a pool, oldest first.
    pub(crate) fn members(&self, pool: PoolId) -> impl Iterator<Item = &Process> {
        self.pools[&pool].members.iter().map(|process| &self.processes[process])
    }

    /// Starts the processes that are missing, then lets those go that were replaced.
    pub(crate) fn staff(&mut self, pool: PoolId) {
        while self.wants_another(pool) {
            self.spawn(pool);
        }
        self.drain_replaced(pool);
    }

    fn wants_another(&self, pool: PoolId) -> bool {
        let record = &self.pools[&pool];
        let wanted = match self.departure {
            None => self.wanted(pool),
            // Someone has to work off the queue.
            Some(departure) => usize::from(!departure.cut && record.waiting() > 0),
        };
        let parting = if self.departure.is_some() { 0 } else { record.roll.parting.len() };
        if record.roll.staying() - parting >= wanted {
            return false;
        }
        let boot = &record.boot;
        let is_trial = |process: &ProcessId| self.processes[process].boot_round == boot.round;
        let pausing = boot.next_at.is_some_and(|at| self.now < at);
        boot.failures == 0 || !(pausing || record.roll.booting.iter().any(is_trial))
    }

    fn spawn(&mut self, pool: PoolId) {
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        let now = self.now;
        let record = self.pool(pool);
        record.boot.next_at = None;
        record.members.insert(id);
        let (generation, lease) = (record.generation, record.limits.boot_max);
        let process = Process::new(id, pool, (generation, record.boot.round), now);
        self.processes.insert(id, process);
        self.call_the_roll(id);
        self.set_timer(id, Some(now + lease));
        self.put(Output::Spawn { process: id, pool, generation });
    }

    pub(crate) fn spawned(&mut self, process: ProcessId, pid: u32) {
        if let Some(record) = self.processes.get_mut(&process) {
            record.pid.get_or_insert(pid);
        }
    }

    /// It never ran. It may have been told to leave meanwhile, and nothing else will ever be heard
    /// of it, so its record ends in any phase.
    pub(crate) fn spawn_failed(&mut self, process: ProcessId) {
        if self.processes.get(&process).is_some_and(|record| record.pid.is_none()) {
            self.exited(process);
        }
    }

    /// Its app is loaded and all its slots are ready.
    pub(crate) fn hello(&mut self, process: ProcessId, slots: u32) {
        match self.phase(process) {
            Some(Phase::Booting) => {}
            // Nobody waits for it any more; without a link it exits.
            Some(Phase::Leaving { .. }) | None => return self.put(Output::CloseLink { process }),
            Some(_) => return,
        }
        if slots == 0 || slots > SLOTS_MAX {
            return self.misbehaved(process);
        }
        let now = self.now;
        self.set_timer(process, None);
        let Some(record) = self.processes.get_mut(&process) else { return };
        record.open_slots(slots, now);
        record.booted_at = Some(now);
        let (pool, took) = (record.pool, now.since(record.spawned_at));
        let boot = &mut self.pool(pool).boot;
        boot.first_at.get_or_insert(now);
        boot.failures = 0;
        if let Some(at) = boot.next_at.take() {
            self.timers.remove(&(at, Timer::Boot(pool)));
        }
        self.put(Output::Notice(Notice::Booted { process, took }));
        self.change_phase(process, Phase::Serving);
        self.measure(process);
        self.staff(pool);
    }

    /// While more than enough have booted, those that asked to leave may, the oldest first.
    fn drain_replaced(&mut self, pool: PoolId) {
        if self.departure.is_some() {
            return;
        }
        let record = &self.pools[&pool];
        let spare = record.roll.up.len().saturating_sub(record.limits.processes as usize);
        let replaced: Vec<ProcessId> =
            record.roll.parting.intersection(&record.roll.up).copied().take(spare).collect();
        for process in replaced {
            let retired = self.processes[&process].watch.retired.is_some();
            let why = if retired { DrainReason::Deadline } else { DrainReason::Replaced };
            self.drain_process(process, why);
        }
    }

    pub(crate) fn link_lost(&mut self, process: ProcessId, unstarted: &[u32]) {
        let Some(record) = self.processes.get(&process) else { return };
        let (pool, phase) = (record.pool, record.phase);
        if phase == Phase::Booting {
            self.boot_failed(process);
        }
        self.bury(process, unstarted);
        if !matches!(phase, Phase::Leaving { .. }) {
            let exit_max = self.pools[&pool].limits.exit_max;
            self.part(process, KillReason::LinkLost, Some(exit_max));
        }
        self.staff(pool);
    }

    /// It broke the protocol. Its requests are decided when its link is gone, which tells which
    /// of them had not started.
    pub(crate) fn misbehaved(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get(&process) else { return };
        let (pool, phase) = (record.pool, record.phase);
        match phase {
            Phase::Leaving { .. } => return,
            Phase::Booting => self.boot_failed(process),
            _ => {}
        }
        self.put(Output::Kill { process, why: KillReason::Misbehaved });
        self.part(process, KillReason::Misbehaved, None);
        self.staff(pool);
    }

    pub(crate) fn exited(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get(&process) else { return };
        let pool = record.pool;
        if self.is_booting(process) {
            self.boot_failed(process);
        }
        self.bury(process, &[]);
        self.set_timer(process, None);
        self.end_leases(process);
        self.change_phase(process, Phase::Leaving { kill: KillReason::LinkLost, blame: false });
        self.processes.remove(&process);
        self.pool(pool).members.remove(&process);
        self.staff(pool);
    }

    /// From now on only its exit is awaited: for so long, or for ever once it was killed.
    pub(crate) fn part(
        &mut self,
        process: ProcessId,
        kill: KillReason,
        patience: Option<Duration>,
    ) {
        // Whatever one does that was told to end, its requests did not make it do; unless it hung.
        let told = matches!(self.phase(process), Some(Phase::Draining { terminated: true, .. }));
        let hung = self.processes.get(&process).is_some_and(|record| record.watch.is_hung());
        let blame = hung || (kill != KillReason::DrainLease && !told);
        self.set_timer(process, patience.map(|patience| self.now + patience));
        self.change_phase(process, Phase::Leaving { kill, blame });
    }

    /// It did not say hello in time.
    pub(crate) fn boot_lease_ran_out(&mut self, process: ProcessId) {
        let pool = self.processes[&process].pool;
        self.count_lease(process, LeaseKind::Boot).killed += 1;
        self.boot_failed(process);
        self.put(Output::Kill { process, why: KillReason::BootLease });
        self.part(process, KillReason::BootLease, None);
        self.staff(pool);
    }

    /// Counts a failed boot, and says when the next one is tried.
    fn boot_failed(&mut self, process: ProcessId) {
        let now = self.now;
        let (pool, round) = {
            let record = &self.processes[&process];
            (record.pool, record.boot_round)
        };
        let record = self.pool(pool);
        if round == record.boot.round {
            let pause = record.boot_pause();
            record.boot.failures += 1;
            record.boot.round += 1;
            record.boot.next_at = Some(now + pause);
            self.timers.insert((now + pause, Timer::Boot(pool)));
        }
        let boot = &mut self.pool(pool).boot;
        let (failures, retry_at) = (boot.failures, boot.next_at.unwrap_or(now));
        self.put(Output::Notice(Notice::BootFailed { process, failures, retry_at }));
        let record = self.pool(pool);
        let used_up = record.boot.failures >= record.limits.boot_attempts_max;
        if used_up && !record.has_booted() && !record.boot.given_up {
            record.boot.given_up = true;
            self.put(Output::Notice(Notice::BootGivenUp { pool }));
        }
    }

    fn is_booting(&self, process: ProcessId) -> bool {
        self.processes.get(&process).is_some_and(|record| record.phase == Phase::Booting)
    }

    /// Moves a process to another phase, and all that follows from it: what it may take, and
    /// who may wait for it alone, and whether it is the isolated one of its pool.
    pub(crate) fn change_phase(&mut self, process: ProcessId, phase: Phase) {
        let now = self.now;
        self.end_asks_of_leaver(process, phase);
        let Some(record) = self.processes.get_mut(&process) else { return };
        let old = record.phase;
        record.set_phase(phase, now);
        self.call_the_roll(process);
        let Some(record) = self.processes.get(&process) else { return };
        let (pool, serves) = (record.pool, !record.is_withdrawn());
        let pool_record = self.pool(pool);
        pool_record.budget.moved(process, old, phase);
        if !serves {
            pool_record.queue.close_line(process);
        } else if pool_record.is_per_process() {
            pool_record.queue.open_line(process);
        }
        let isolated = &mut self.pool(pool).isolated;
        if matches!(phase, Phase::Isolated { .. }) {
            *isolated = Some(process);
        } else if *isolated == Some(process) {
            *isolated = None;
        }
        self.rerank(process);
        self.touch(pool);
    }
}

//! What becomes of processes, and of the requests in those that die.

use maitred_engine::event::{Deadlines, Failure, Outcome};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};

use super::{Place, Process, Shadow, Slot, State, Times};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

/// What was found in a process that died.
#[derive(Default)]
struct Found {
    unstarted: Vec<RequestId>,
    started: Vec<RequestId>,
    deferred: Vec<(SlotId, RequestId)>,
    /// Everything in it that had started, requests with and without an outcome.
    present: usize,
}

impl Shadow {
    pub(super) fn spawned(&mut self, id: ProcessId, pool: PoolId) {
        let process = Process {
            pool,
            spawned_at: self.now,
            round: self.pools[&pool].round,
            hello_at: None,
            slots: Vec::new(),
            detached: std::collections::BTreeSet::new(),
            wants_drain: false,
            takes_early: false,
            early: std::collections::VecDeque::new(),
            drained_at: None,
            goodbye: false,
            blameless: false,
            kill_at: None,
            leaving: false,
            exit_by: None,
            killed: false,
            misbehaved: false,
            isolated: None,
            asks: Vec::new(),
            seen_at: self.now,
            alive: None,
            watched_since: self.now,
            dumped: None,
            retired: None,
            steps_taken: std::collections::BTreeSet::new(),
            liar: false,
            times: Times::default(),
            used: 0,
        };
        self.processes.insert(id, process);
    }

    pub(crate) fn hello(&mut self, process: ProcessId, slots: u32) {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&process) else { return };
        if record.leaving {
            return;
        }
        record.hello_at = Some(now);
        let slot =
            Slot { state: State::Idle, begins_at: 0, deadlines: Deadlines::NONE, began: false };
        record.slots = vec![slot; slots as usize];
        if let Some(pool) = self.pool_of(process) {
            pool.first_hello.get_or_insert(now);
            pool.failed_boots = 0;
            pool.pause_until = None;
        }
    }

    pub(crate) fn drain_wanted(&mut self, process: ProcessId) {
        if let Some(record) = self.processes.get_mut(&process).filter(|it| it.is_up()) {
            record.wants_drain = true;
        }
    }

    pub(crate) fn misbehaved(&mut self, process: ProcessId) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        record.misbehaved = true;
        self.fact(Fact::Misbehaved);
        self.boot_may_have_failed(process);
    }

    /// Its link is gone, and the core had handed `sent` bytes to the kernel.
    pub(crate) fn link_lost(&mut self, process: ProcessId, sent: u64) -> Checked {
        self.boot_may_have_failed(process);
        self.all_early_returned(process)?;
        let Some(record) = self.processes.get(&process) else { return super::FINE };
        let blame = !record.blameless || record.is_hung();
        let found = self.look_into(process, sent);
        let Some(record) = self.processes.get_mut(&process) else { return super::FINE };
        record.slots.clear();
        let detached = std::mem::take(&mut record.detached);
        if !record.leaving {
            record.leaving = true;
            record.exit_by = Some(self.now + self.pools[&record.pool].limits.exit_max);
        }
        let alone = found.present == 1 && detached.is_empty();
        if found.present > 0 {
            self.fact(Fact::Died);
            if !found.unstarted.is_empty() {
                self.fact(Fact::UnstartedMany);
            }
        }
        self.must_lose.extend(found.deferred);
        for request in found.unstarted {
            self.not_seen(process, request)?;
            self.requeue(request);
            self.fact(Fact::Unstarted);
        }
        for request in found.started {
            self.judge(request, blame, alone);
        }
        for request in detached {
            let here = |it: &super::Request| it.place == Place::Detached(process);
            if self.requests.get(&request).is_some_and(here) {
                self.expect(request, Outcome::Failed(Failure::ProcessDied), Rule::R13);
            }
        }
        super::FINE
    }

    fn look_into(&self, process: ProcessId, sent: u64) -> Found {
        let mut found = Found::default();
        for (index, slot) in (0..).zip(&self.processes[&process].slots) {
            match slot.state {
                State::Idle => {}
                State::Deferred { request, .. } => {
                    if slot.begins_at < sent {
                        found.present += 1;
                        found.deferred.push((SlotId { process, index }, request));
                    }
                }
                State::Running { .. } => {
                    let live = self.live_in(SlotId { process, index });
                    let responded = live.is_some_and(|request| self.requests[&request].responded);
                    if slot.begins_at >= sent && !responded {
                        found.unstarted.extend(live);
                    } else {
                        found.present += 1;
                        found.started.extend(live);
                    }
                }
            }
        }
        found
    }

    /// Rule R13, for a request that had started in a process that died.
    fn judge(&mut self, request: RequestId, blame: bool, alone: bool) {
        let Some(record) = self.requests.get_mut(&request) else { return };
        record.suspicions += u32::from(blame);
        record.crashes += u32::from(blame && alone);
        let limits = &self.pools[&record.pool].limits;
        let again = record.traits.idempotent && record.traits.body_held && !record.responded;
        if record.crashes >= limits.poison_crashes_max {
            self.expect(request, Outcome::Failed(Failure::Poison), Rule::R13);
        } else if again && record.suspicions < limits.suspicions_max {
            self.requeue(request);
            self.again.insert(request);
            self.fact(Fact::RanAgain);
        } else {
            self.expect(request, Outcome::Failed(Failure::ProcessDied), Rule::R13);
            self.fact(Fact::NotAgain);
        }
    }

    pub(crate) fn exited(&mut self, process: ProcessId) -> Checked {
        self.boot_may_have_failed(process);
        if let Some(record) = self.processes.remove(&process) {
            must!(R12, record.slots.is_empty(), "{process} exited before its link was lost");
        }
        super::FINE
    }

    /// Rule R9: a process that ends before its hello, without having been told to, did not boot.
    /// Those that were started together count once.
    pub(super) fn boot_may_have_failed(&mut self, process: ProcessId) {
        let now = self.now;
        let Some(record) = self.processes.get(&process) else { return };
        if record.hello_at.is_some() || record.leaving {
            return;
        }
        let round = record.round;
        self.fact(Fact::BootFailed);
        if let Some(pool) = self.pool_of(process)
            && pool.round == round
        {
            let times = 2_u32.pow(pool.failed_boots.min(16));
            let pause = pool.limits.boot_backoff * times;
            pool.pause_until = Some(now + pause.min(pool.limits.boot_backoff_max));
            pool.failed_boots += 1;
            pool.round += 1;
        }
    }
}

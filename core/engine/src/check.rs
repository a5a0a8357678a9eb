//! What must hold after every input.
//!
//! Indexes exist so that decisions are quick; the tables are the truth. Here every index is
//! rebuilt from its table and compared. Tests and the simulator call this after each input.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Engine, Timer};
use crate::id::{PoolId, SlotId};
use crate::oob::Stage;
use crate::pool::Pool;
use crate::process::{Phase, Process};
use crate::request::Place;
use crate::roll::Roll;
use crate::slot::Slot;

impl Engine {
    /// Checks all tables against each other.
    ///
    /// # Panics
    ///
    /// If anything does not hold.
    pub fn check_invariants(&self) {
        for (&id, pool) in &self.pools {
            self.check_pool(id, pool);
        }
        for (id, process) in &self.processes {
            assert_eq!(*id, process.id);
            check_process(process);
            assert!(self.pools[&process.pool].members.contains(id), "{id} is in no pool");
        }
        self.check_requests();
        self.check_timers();
        if self.is_closed() {
            assert!(self.processes.is_empty() && self.requests.is_empty(), "closed too early");
        }
    }

    fn check_pool(&self, id: PoolId, pool: &Pool) {
        pool.queue.check();
        pool.suspects.check();
        pool.early.check();
        let ranks: BTreeSet<_> = self.members(id).filter_map(Process::rank_now).collect();
        assert_eq!(pool.idle, ranks, "{id}: the idle set is not what the slots say");
        let isolated = |process: &&Process| matches!(process.phase, Phase::Isolated { .. });
        let isolated: Vec<_> = self.members(id).filter(isolated).map(|it| it.id).collect();
        assert_eq!(Vec::from_iter(pool.isolated), isolated, "{id}: at most one is isolated");
        let mut roll = Roll::default();
        self.members(id).for_each(|process| roll.note(process));
        assert_eq!(pool.roll, roll, "{id}: the roll is not what the processes say");
        self.check_oob(id, pool);
        self.check_nobody_waits_needlessly(id, pool);
        for (wait, _) in pool.early.iter() {
            let held = self.members(id).filter(|process| process.early.contains(&wait.request));
            assert_eq!(held.count(), 1, "{} was sent ahead to one process", wait.request);
        }
        let queues = [(&pool.queue, false), (&pool.suspects, true), (&pool.early, false)];
        for (queue, suspect) in queues {
            for (wait, _) in queue.iter() {
                let request = &self.requests[&wait.request];
                assert!(request.is_waiting(), "{} is in a queue and elsewhere", wait.request);
                assert_eq!(request.is_suspect(), suspect, "{} is in the wrong queue", wait.request);
                assert_eq!((request.pool, request.arrived), (id, wait.arrived));
                assert_eq!(request.traits.class, wait.class);
            }
        }
        self.check_equation(id, pool);
    }

    /// Rule R8.
    fn check_oob(&self, id: PoolId, pool: &Pool) {
        let out = |process: &&Process| process.phase.is_out_of_band();
        let out: BTreeSet<_> = self.members(id).filter(out).map(|process| process.id).collect();
        assert!(out.len() <= pool.limits.oob.concurrent as usize, "{id}: too many are away");
        assert_eq!(pool.budget.taken, out, "{id}: the budget is not what the phases say");
        let serving = self.members(id).filter(|it| it.phase == Phase::Serving).count();
        assert_eq!(pool.budget.serving, serving, "{id}: the budget counts wrong");
        for &process in &out {
            let Phase::Quiescing { ask } = self.processes[&process].phase else { continue };
            assert!(pool.has_floor(), "{id}: {process} quiesces below the floor");
            let due = pool.oob.asks[&ask].deadline <= self.now;
            assert!(due || pool.waiting() == 0, "{id}: {process} quiesces while a request waits");
        }
        let mut lines = (BTreeSet::new(), BTreeSet::new());
        for (&id, ask) in &pool.oob.asks {
            assert!(self.processes[&ask.process].asks.contains(&id), "an ask of nobody");
            match ask.stage {
                Stage::Waiting if ask.deadline <= self.now => {
                    lines.1.insert((ask.deadline, id));
                }
                Stage::Waiting => {
                    lines.0.insert(id);
                }
                _ => {}
            }
        }
        assert_eq!((&pool.oob.line, &pool.oob.overdue), (&lines.0, &lines.1), "{id}: asks in line");
    }

    /// Rule R2, in both modes.
    fn check_nobody_waits_needlessly(&self, id: PoolId, pool: &Pool) {
        assert!(pool.due.is_empty(), "{id}: a process is due between two inputs");
        assert!(pool.suspects.is_all_shared(), "{id}: a suspect waits for one process");
        for process in self.members(id) {
            let has_line = pool.queue.has_line(process.id);
            let serves = process.phase == Phase::Serving;
            assert_eq!(has_line, serves && pool.is_per_process(), "{}: its line", process.id);
            let waits = pool.queue.waits_for(process.id) && process.rank.is_some();
            assert!(!waits, "{}: a request waits for it needlessly", process.id);
        }
        let served = if pool.is_per_process() {
            self.members(id).any(|process| process.phase == Phase::Serving)
        } else {
            !pool.idle.is_empty()
        };
        assert!(pool.queue.next(false).is_none() || !served, "{id}: a request waits needlessly");
    }

    /// Rule R4.
    fn check_equation(&self, id: PoolId, pool: &Pool) {
        let mine = || self.requests.values().filter(|request| request.pool == id);
        let waiting = mine().filter(|request| request.is_waiting()).count();
        assert_eq!(pool.waiting(), waiting, "{id}: a request waits nowhere");
        let totals = &pool.totals;
        let ended = totals.completed
            + totals.abandoned
            + totals.failed.values().sum::<u64>()
            + totals.refused.values().sum::<u64>();
        assert_eq!(totals.arrived, ended + mine().count() as u64, "{id}: requests do not add up");
    }

    fn check_requests(&self) {
        let mut taken: BTreeMap<SlotId, _> = BTreeMap::new();
        for (&id, request) in &self.requests {
            match request.place {
                Place::Running(slot) => {
                    let held = self.slot(slot);
                    assert!(
                        matches!(held, Some(Slot::Running { request, .. }) if request == id),
                        "{id} thinks that it runs in {slot}, which is {held:?}"
                    );
                    assert_eq!(taken.insert(slot, id), None, "{slot} runs two requests");
                }
                Place::Detached(process) => {
                    let holds = self.processes[&process].detached.contains(&id);
                    assert!(holds, "{id} is detached in {process}, which does not know it");
                }
                Place::Waiting { .. } | Place::Delivering { .. } => {}
            }
        }
    }

    fn check_timers(&self) {
        let wanted = |(id, process): (&_, &Process)| Some((process.timer?, Timer::Process(*id)));
        let wanted: BTreeSet<_> = self.processes.iter().filter_map(wanted).collect();
        let set = self.timers.iter().filter(|(_, timer)| matches!(timer, Timer::Process(_)));
        assert_eq!(wanted, set.copied().collect(), "timers are not what the processes want");
        let wanted = |(id, process): (&_, &Process)| Some((process.watch.next?, Timer::Lease(*id)));
        let wanted: BTreeSet<_> = self.processes.iter().filter_map(wanted).collect();
        let set = self.timers.iter().filter(|(_, timer)| matches!(timer, Timer::Lease(_)));
        assert_eq!(wanted, set.copied().collect(), "leases are not what the processes want");
        self.check_leases();
    }
}

fn check_process(process: &Process) {
    let id = process.id;
    let stack: BTreeSet<u32> = process.idle.iter().copied().collect();
    assert_eq!(stack.len(), process.idle.len(), "{id}: a slot is idle twice");
    for (index, slot) in (0..).zip(&process.slots) {
        assert_eq!(slot.is_idle(), stack.contains(&index), "{id}.{index} is {slot:?}");
    }
    assert!(process.early.is_empty() || stack.is_empty(), "{id} keeps a request beside idle slots");
    match process.phase {
        Phase::Booting => assert!(process.slots.is_empty(), "{id} has slots before hello"),
        Phase::Serving => assert!(!process.slots.is_empty(), "{id} serves without slots"),
        Phase::Isolated { guest: Some(guest) } => {
            // It may have detached, and then it is there twice.
            let alone = process.occupied() == 1 && process.detached.len() <= 1;
            assert!(alone && !stack.contains(&guest), "{id}: its suspect is not alone");
        }
        Phase::Out { ask } => {
            assert_eq!((process.occupied(), process.out), (0, Some(ask)), "{id} is out and busy");
        }
        Phase::Quiescing { ask } => {
            assert!(process.asks.contains(&ask), "{id} quiesces for nothing")
        }
        Phase::Isolated { guest: None } | Phase::Draining { .. } | Phase::Leaving { .. } => {}
    }
    assert_eq!(process.rank, process.rank_now(), "{id}: its rank is old");
}

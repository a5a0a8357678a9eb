//! Whose turn it is to go out of band, and what the others wait for.

use crate::engine::Engine;
use crate::event::{Notice, Output};
use crate::id::{PoolId, ProcessId};
use crate::oob::{Ask, AskId, Stage};
use crate::pool::Pool;
use crate::process::Phase;
use crate::snapshot::OobWaitsFor;
use crate::withdraw::Shortage;

impl Engine {
    /// Looks after the asks of a pool, once its requests have been handed out.
    pub(crate) fn settle_oob(&mut self, pool: PoolId) {
        if self.pools[&pool].oob.asks.is_empty() {
            return self.arm_oob(pool);
        }
        if self.departure.is_some() {
            self.drop_waiting_asks(pool);
        }
        self.look_after_quiescing(pool);
        while let Some(ask) = self.next_ask(pool) {
            self.quiesce(pool, ask);
        }
        self.arm_oob(pool);
    }

    /// Puts an ask where it is looked for: by age, or by deadline once that has passed.
    pub(super) fn line_up(&mut self, pool: PoolId, id: AskId) {
        let now = self.now;
        let oob = &mut self.pool(pool).oob;
        let Some(ask) = oob.asks.get_mut(&id) else { return };
        ask.stage = Stage::Waiting;
        if ask.deadline <= now {
            oob.line.remove(&id);
            oob.overdue.insert((ask.deadline, id));
        } else {
            oob.line.insert(id);
        }
    }

    /// Deadlines have passed, or tries may be made again.
    pub(crate) fn oob_alarm(&mut self, pool: PoolId) {
        let now = self.now;
        self.pool(pool).oob.armed = None;
        while let Some(&(at, id)) = self.pools[&pool].oob.alarms.first()
            && at <= now
        {
            let oob = &mut self.pool(pool).oob;
            oob.alarms.pop_first();
            let Some(ask) = oob.asks.get(&id) else { continue };
            let (process, stage) = (ask.process, ask.stage);
            if at == ask.deadline && !stage.is_out() && ask.is_overdue(now) {
                let kind = ask.what.kind.clone();
                self.put(Output::Notice(Notice::OobOverdue { process, kind }));
            }
            let rested = matches!(stage, Stage::Resting { until } if until <= now);
            if rested || stage == Stage::Waiting {
                self.line_up(pool, id);
            }
        }
        self.touch(pool);
    }

    fn drop_waiting_asks(&mut self, pool: PoolId) {
        let waits = |(id, ask): (&AskId, &Ask)| (!ask.stage.is_out()).then_some((*id, ask.process));
        let asks: Vec<_> = self.pools[&pool].oob.asks.iter().filter_map(waits).collect();
        for (ask, process) in asks {
            if self.phase(process) == Some(Phase::Quiescing { ask }) {
                self.serve_on(process);
            }
            self.end_oob(pool, ask, crate::event::OobOutcome::Dropped);
        }
    }

    /// Each process that is quiescing goes out as soon as it is empty, unless it is needed.
    fn look_after_quiescing(&mut self, pool: PoolId) {
        let taken: Vec<ProcessId> = self.pools[&pool].budget.taken.iter().copied().collect();
        for process in taken {
            let Some(Phase::Quiescing { ask }) = self.phase(process) else { continue };
            let record = &self.pools[&pool];
            let overdue = record.oob.asks[&ask].deadline <= self.now;
            let needed = record.waiting() > 0 && (!overdue || record.is_small());
            if needed || !(record.has_floor() || record.is_small()) {
                self.give_up_oob(pool, ask, Stage::Waiting);
            } else if self.processes[&process].occupied() == 0 {
                self.go_out(pool, process, ask);
            }
        }
    }

    /// The oldest ask that may be granted now, those past their deadline first.
    fn next_ask(&self, pool: PoolId) -> Option<AskId> {
        let record = &self.pools[&pool];
        let overdue = record.oob.overdue.iter().map(|(_, ask)| ask);
        let all = overdue.chain(&record.oob.line);
        let mut may_go = all.filter(|ask| self.serves(record, **ask));
        match record.shortage() {
            Some(Shortage::Limit | Shortage::Floor) => None,
            Some(Shortage::SmallPool) if record.waiting() > 0 => None,
            Some(Shortage::SmallPool) => may_go.find(|ask| self.rests(record, **ask)).copied(),
            None if record.waiting() > 0 && record.oob.overdue.is_empty() => None,
            None => may_go.find(|ask| self.is_quiet_for(record, **ask)).copied(),
        }
    }

    fn serves(&self, pool: &Pool, ask: AskId) -> bool {
        self.processes[&pool.oob.asks[&ask].process].phase == Phase::Serving
    }

    /// Whether no request is in the process that asks.
    fn rests(&self, pool: &Pool, ask: AskId) -> bool {
        self.processes[&pool.oob.asks[&ask].process].occupied() == 0
    }

    /// Whether the moment is quiet enough for the ask: past its deadline every moment is.
    fn is_quiet_for(&self, pool: &Pool, id: AskId) -> bool {
        let ask = &pool.oob.asks[&id];
        if ask.deadline <= self.now {
            return true;
        }
        let elsewhere = pool.idle.iter().take(2).any(|rank| rank.process != ask.process);
        let alone = pool.budget.serving == 1 && self.rests(pool, id);
        pool.waiting() == 0 && (elsewhere || alone)
    }

    /// Takes a process away from its pool until it is empty.
    fn quiesce(&mut self, pool: PoolId, id: AskId) {
        let lease = self.pools[&pool].limits.oob.quiesce_max;
        let oob = &mut self.pool(pool).oob;
        let Some(ask) = oob.asks.get_mut(&id) else { return };
        ask.stage = Stage::Quiescing;
        let process = ask.process;
        oob.line.remove(&id);
        oob.overdue.remove(&(ask.deadline, id));
        self.set_timer(process, Some(self.now + lease));
        self.change_phase(process, Phase::Quiescing { ask: id });
        if self.processes[&process].occupied() == 0 {
            self.go_out(pool, process, id);
        }
    }

    fn go_out(&mut self, pool: PoolId, process: ProcessId, id: AskId) {
        let now = self.now;
        let lease = self.pools[&pool].limits.oob.lease;
        let Some(ask) = self.pool(pool).oob.asks.get_mut(&id) else { return };
        ask.stage = Stage::Out { since: now };
        let (kind, by) = (ask.what.kind.clone(), ask.what.by);
        if let Some(record) = self.processes.get_mut(&process) {
            record.out = Some(id);
        }
        self.set_timer(process, Some(now + lease));
        self.change_phase(process, Phase::Out { ask: id });
        self.put(Output::StartOob { process, kind, by, lease });
    }

    /// The process is needed, or did not become empty: it serves on and its ask waits again.
    pub(super) fn give_up_oob(&mut self, pool: PoolId, id: AskId, stage: Stage) {
        let record = self.pool(pool);
        record.totals.oob_given_up += 1;
        let Some(ask) = record.oob.asks.get_mut(&id) else { return };
        ask.given_up += 1;
        ask.stage = stage;
        let process = ask.process;
        match stage {
            Stage::Resting { until } => _ = record.oob.alarms.insert((until, id)),
            _ => self.line_up(pool, id),
        }
        self.serve_on(process);
    }

    /// What keeps an ask waiting. `None`: it does not wait.
    pub(crate) fn oob_waits_for(&self, pool: &Pool, id: AskId) -> Option<OobWaitsFor> {
        let ask = &pool.oob.asks[&id];
        match ask.stage {
            Stage::Quiescing => return Some(OobWaitsFor::Slots),
            Stage::Out { .. } | Stage::Overstayed => return None,
            Stage::Resting { .. } => return Some(OobWaitsFor::NextTry),
            Stage::Waiting => {}
        }
        let queue = pool.waiting() > 0;
        Some(match pool.shortage() {
            _ if !self.serves(pool, id) => OobWaitsFor::Process,
            Some(Shortage::Limit) => OobWaitsFor::Limit,
            Some(Shortage::Floor) => OobWaitsFor::Floor,
            Some(Shortage::SmallPool) => OobWaitsFor::EmptyQueue,
            None if queue => OobWaitsFor::Queue,
            None => OobWaitsFor::IdleSlot,
        })
    }
}

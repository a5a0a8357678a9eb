//! Out-of-band work: done by a process while the core sends it nothing (rule R8).
//!
//! It is granted, not taken:
//!
//! ```text
//!              ┌────── the queue fills, too few others serve, or it lasts too long ───┐
//!              ▼                                                                      │
//!   ask ──▶ Waiting ──its turn, a quiet moment──▶ Quiescing ──all slots idle──▶ Out ──done──▶
//!                                                                                └─ lease ──▶
//! ```
//! An ask waits for a quiet moment: nobody waits in the queue, and another process has an idle
//! slot. Past its deadline it waits for that no longer and is *overdue*; the limit and the floor
//! of the budget hold all the same (`withdraw.rs`). Who overstays its lease is drained and
//! replaced, and never put back to work. `grant.rs` says whose turn it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Timer};
use crate::event::{Notice, OobAsk, OobBy, OobOutcome, OobRecord, OobWord, Output};
use crate::id::{PoolId, ProcessId};
use crate::limits::LeaseKind;
use crate::process::Phase;
use crate::time::Time;

mod grant;

/// Kinds that one process may ask for at once. 16: apps have two or three; beyond it an ask is
/// dropped, so that kinds made at run time fill no memory.
const KINDS_MAX: usize = 16;

/// The number of an ask. A later ask has a higher one.
pub(crate) type AskId = u64;

/// The asks of a pool that have no outcome yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Oob {
    next: AskId,
    /// All of them, oldest first.
    pub(crate) asks: BTreeMap<AskId, Ask>,
    /// Those that wait for a quiet moment, by age.
    pub(crate) line: BTreeSet<AskId>,
    /// Those that wait past their deadline, by deadline.
    pub(crate) overdue: BTreeSet<(Time, AskId)>,
    /// When an ask becomes overdue, or may be tried again.
    pub(crate) alarms: BTreeSet<(Time, AskId)>,
    /// The one of `alarms` that the engine's timers know.
    pub(crate) armed: Option<Time>,
}

/// A wish for out-of-band work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) process: ProcessId,
    pub(crate) what: OobAsk,
    pub(crate) asked_at: Time,
    pub(crate) deadline: Time,
    /// Asks of the same kind from the same process that this one stands for, beside itself.
    pub(crate) coalesced: u32,
    /// How often it was quiescing and went back to wait.
    pub(crate) given_up: u32,
    pub(crate) stage: Stage,
}

/// How far an ask has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    Waiting,
    /// It was tried and its process did not become empty.
    Resting {
        until: Time,
    },
    Quiescing,
    Out {
        since: Time,
    },
    /// It has its outcome, but the app is not done yet.
    Overstayed,
}

impl Engine {
    /// The app, a response's header or an operator asks for out-of-band work in a process.
    pub(crate) fn ask_oob(&mut self, process: ProcessId, what: OobAsk) {
        let Some(record) = self.processes.get(&process).filter(|it| it.is_up()) else { return };
        let pool = record.pool;
        let same = |ask: &&AskId| {
            let ask = &self.pools[&pool].oob.asks[*ask];
            ask.what.kind == what.kind && !ask.stage.is_out()
        };
        if let Some(&ask) = record.asks.iter().find(same) {
            return self.coalesce(pool, ask, what);
        }
        let full = record.asks.len() >= KINDS_MAX;
        let now = self.now;
        let record = self.pool(pool);
        let within = what.not_later_than.unwrap_or(record.limits.oob.overdue_after);
        record.oob.next += 1;
        let id = record.oob.next;
        let ask = Ask {
            process,
            what,
            asked_at: now,
            deadline: now + within,
            coalesced: 0,
            given_up: 0,
            stage: Stage::Waiting,
        };
        if full || self.departure.is_some() {
            return self.tell_oob(pool, &ask, OobOutcome::Dropped);
        }
        let record = self.pool(pool);
        record.oob.alarms.insert((ask.deadline, id));
        record.oob.asks.insert(id, ask);
        if let Some(record) = self.processes.get_mut(&process) {
            record.asks.push(id);
        }
        self.line_up(pool, id);
        self.touch(pool);
    }

    /// One more ask of the same kind from the same process: it keeps the first one's age, and the
    /// earlier of the two deadlines.
    fn coalesce(&mut self, pool: PoolId, id: AskId, what: OobAsk) {
        let now = self.now;
        let limits = &self.pools[&pool].limits.oob;
        let deadline = now + what.not_later_than.unwrap_or(limits.overdue_after);
        let oob = &mut self.pool(pool).oob;
        let Some(ask) = oob.asks.get_mut(&id) else { return };
        ask.coalesced += 1;
        ask.what.by = ask.what.by.max(what.by);
        ask.what.expected = what.expected.or(ask.what.expected);
        if !what.reason.is_empty() {
            ask.what.reason = what.reason;
        }
        if deadline < ask.deadline {
            oob.alarms.remove(&(ask.deadline, id));
            oob.overdue.remove(&(ask.deadline, id));
            ask.deadline = deadline;
            oob.alarms.insert((deadline, id));
            if ask.stage == Stage::Waiting {
                self.line_up(pool, id);
            }
        }
        self.touch(pool);
    }

    /// The app does not want it any more. What is out already is only ended by its own word.
    pub(crate) fn withdraw_oob(&mut self, process: ProcessId, kind: &str) {
        let Some(record) = self.processes.get(&process) else { return };
        let pool = record.pool;
        let oob = &self.pools[&pool].oob;
        let same = |ask: &&AskId| {
            let ask = &oob.asks[*ask];
            ask.what.kind == kind && !ask.stage.is_out()
        };
        let Some(&ask) = record.asks.iter().find(same) else { return };
        if record.phase == (Phase::Quiescing { ask }) {
            self.serve_on(process);
        }
        self.end_oob(pool, ask, OobOutcome::Withdrawn);
    }

    /// The app is done with what it was granted.
    pub(crate) fn oob_done(&mut self, process: ProcessId, word: OobWord) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let Some(ask) = record.out.take() else { return };
        let (pool, phase) = (record.pool, record.phase);
        if self.pools[&pool].oob.asks[&ask].stage == Stage::Overstayed {
            self.forget_oob(pool, ask);
        } else {
            let outcome = match word {
                OobWord::Done => OobOutcome::Done,
                OobWord::Failed => OobOutcome::Failed,
                OobWord::NoHandler => OobOutcome::NoHandler,
            };
            self.end_oob(pool, ask, outcome);
        }
        if matches!(phase, Phase::Out { .. }) {
            self.serve_on(process);
        } else {
            // It was told to leave meanwhile, and may have waited for nothing else.
            self.close_when_empty(process);
        }
    }

    /// The lease of quiescing is up: the process serves on, and tries again after as long.
    pub(crate) fn quiescing_lease_ran_out(&mut self, process: ProcessId, ask: AskId) {
        let pool = self.processes[&process].pool;
        let until = self.now + self.pools[&pool].limits.oob.quiesce_max;
        self.give_up_oob(pool, ask, Stage::Resting { until });
    }

    /// It is out for too long: whatever it does, it is not put back to work.
    pub(crate) fn oob_lease_ran_out(&mut self, process: ProcessId, ask: AskId) {
        let pool = self.processes[&process].pool;
        let record = self.pools[&pool].oob.asks[&ask].clone();
        self.tell_oob(pool, &record, OobOutcome::Overstayed);
        if let Some(record) = self.pool(pool).oob.asks.get_mut(&ask) {
            record.stage = Stage::Overstayed;
        }
        self.retire(process, LeaseKind::Oob);
    }

    /// A process moves to another phase: one that leaves takes its asks along.
    pub(crate) fn end_asks_of_leaver(&mut self, process: ProcessId, phase: Phase) {
        let gone = match phase {
            Phase::Draining { .. } => false,
            Phase::Leaving { .. } => true,
            _ => return,
        };
        let Some(record) = self.processes.get_mut(&process) else { return };
        let (pool, asks) = (record.pool, record.asks.clone());
        if gone {
            record.out = None;
        }
        for ask in asks {
            match self.pools[&pool].oob.asks[&ask].stage {
                Stage::Overstayed if gone => _ = self.forget_oob(pool, ask),
                Stage::Out { .. } if gone => self.end_oob(pool, ask, OobOutcome::Lost),
                Stage::Out { .. } | Stage::Overstayed => {}
                _ => self.end_oob(pool, ask, OobOutcome::Dropped),
            }
        }
    }

    /// Back to work.
    fn serve_on(&mut self, process: ProcessId) {
        self.set_timer(process, None);
        self.change_phase(process, Phase::Serving);
    }

    /// Fixes the outcome of an ask and forgets it.
    fn end_oob(&mut self, pool: PoolId, ask: AskId, outcome: OobOutcome) {
        if let Some(record) = self.forget_oob(pool, ask) {
            self.tell_oob(pool, &record, outcome);
        }
    }

    fn forget_oob(&mut self, pool: PoolId, ask: AskId) -> Option<Ask> {
        let oob = &mut self.pool(pool).oob;
        let record = oob.asks.remove(&ask)?;
        oob.line.remove(&ask);
        oob.overdue.remove(&(record.deadline, ask));
        oob.alarms.remove(&(record.deadline, ask));
        if let Stage::Resting { until } = record.stage {
            oob.alarms.remove(&(until, ask));
        }
        if let Some(process) = self.processes.get_mut(&record.process) {
            process.asks.retain(|it| *it != ask);
        }
        self.touch(pool);
        Some(record)
    }

    fn tell_oob(&mut self, pool: PoolId, ask: &Ask, outcome: OobOutcome) {
        let started = ask.began();
        let record = OobRecord {
            what: ask.what.clone(),
            asked_at: ask.asked_at,
            waited: started.unwrap_or(self.now).since(ask.asked_at),
            took: started.map(|since| self.now.since(since)),
            overdue: ask.is_overdue(started.unwrap_or(self.now)),
            coalesced: ask.coalesced,
            given_up: ask.given_up,
            outcome,
        };
        *self.pool(pool).totals.oob.entry(outcome).or_default() += 1;
        self.put(Output::Notice(Notice::OobEnded {
            process: ask.process,
            record: Box::new(record),
        }));
    }

    /// Sets the one timer that the asks of a pool need.
    fn arm_oob(&mut self, pool: PoolId) {
        let oob = &mut self.pool(pool).oob;
        let next = oob.alarms.first().map(|(at, _)| *at);
        let old = std::mem::replace(&mut oob.armed, next);
        if old == next {
            return;
        }
        if let Some(old) = old {
            self.timers.remove(&(old, Timer::Oob(pool)));
        }
        if let Some(next) = next {
            self.timers.insert((next, Timer::Oob(pool)));
        }
    }
}

impl Stage {
    /// Whether the process was told to begin.
    pub(crate) fn is_out(self) -> bool {
        matches!(self, Self::Out { .. } | Self::Overstayed)
    }
}

impl Ask {
    /// Whether it is past its deadline. What an operator asks for is never meant to wait for a
    /// quiet moment, so it is not late by that.
    pub(crate) fn is_overdue(&self, now: Time) -> bool {
        self.deadline <= now && self.what.by != OobBy::Operator
    }

    /// When the process was told to begin.
    pub(crate) fn began(&self) -> Option<Time> {
        match self.stage {
            Stage::Out { since } => Some(since),
            _ => None,
        }
    }
}

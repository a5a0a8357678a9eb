//! Out-of-band work: who asked, who may go, who is away, and how it ended (rule R8).
//!
//! No output tells that a process begins or ceases to quiesce. The shadow takes that from the
//! picture, and checks there that it may be.

use std::time::Duration;

use maitred_engine::event::{OobAsk, OobBy, OobOutcome, OobRecord, OobWord};
use maitred_engine::id::ProcessId;
use maitred_engine::time::Time;

use super::{Process, Shadow, broken};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

mod rest;

/// Kinds that one process may ask for at once.
const KINDS_MAX: usize = 16;

/// A wish for out-of-band work without an outcome.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// Counts all asks, so that their age is known.
    number: u64,
    what: OobAsk,
    asked_at: Time,
    deadline: Time,
    coalesced: u32,
    given_up: u32,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    /// It was tried, and is tried again then.
    Resting(Time),
    Quiescing(Time),
    Out(Time),
    /// It has its outcome, and the app is not done.
    Overstayed,
}

impl Ask {
    fn began(&self) -> Option<Time> {
        match self.stage {
            Stage::Out(since) => Some(since),
            _ => None,
        }
    }

    pub(super) fn is_out(&self) -> bool {
        matches!(self.stage, Stage::Out(_) | Stage::Overstayed)
    }

    /// Past its deadline before it began; an operator's never is.
    fn is_overdue(&self, now: Time) -> bool {
        let at = self.began().unwrap_or(now);
        self.deadline <= at && self.what.by != OobBy::Operator
    }
}

impl Process {
    /// Withdrawn for out-of-band work, not yet or no longer leaving.
    pub(super) fn is_away(&self) -> bool {
        let away = |ask: &Ask| matches!(ask.stage, Stage::Quiescing(_) | Stage::Out(_));
        self.is_up() && self.asks.iter().any(away)
    }

    /// Told to begin, and not done.
    pub(super) fn is_out(&self) -> bool {
        self.asks.iter().any(Ask::is_out)
    }

    fn is_serving(&self) -> bool {
        self.is_up() && self.isolated.is_none() && !self.is_away()
    }

    /// When something has to happen to its asks.
    pub(super) fn oob_leases(&self, lease: Duration, quiesce: Duration) -> Option<Time> {
        let at = |ask: &Ask| match ask.stage {
            Stage::Out(since) if self.is_up() => Some(since + lease),
            Stage::Quiescing(since) => Some(since + quiesce),
            Stage::Resting(until) => Some(until),
            // Past its deadline it waits for others, not for time.
            Stage::Waiting => Some(ask.deadline).filter(|at| *at > self.seen_at),
            Stage::Out(_) | Stage::Overstayed => None,
        };
        self.asks.iter().filter_map(at).min()
    }
}

impl Shadow {
    pub(crate) fn oob_asked(&mut self, process: ProcessId, what: &OobAsk) {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&process).filter(|it| it.is_up()) else { return };
        let limits = &self.pools[&record.pool].limits.oob;
        let deadline = now + what.not_later_than.unwrap_or(limits.overdue_after);
        let same = |ask: &&mut Ask| ask.what.kind == what.kind && !ask.is_out();
        if let Some(ask) = record.asks.iter_mut().find(same) {
            ask.coalesced += 1;
            ask.what.by = ask.what.by.max(what.by);
            ask.deadline = ask.deadline.min(deadline);
            return self.fact(Fact::OobCoalesced);
        }
        self.asked += 1;
        let ask = Ask {
            number: self.asked,
            what: what.clone(),
            asked_at: now,
            deadline,
            coalesced: 0,
            given_up: 0,
            stage: Stage::Waiting,
        };
        if self.departure.is_some() || record.asks.len() >= KINDS_MAX {
            self.oob_due.push((process, ask, OobOutcome::Dropped));
        } else {
            record.asks.push(ask);
        }
    }

    pub(crate) fn oob_withdrawn(&mut self, process: ProcessId, kind: &str) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let same = |ask: &Ask| ask.what.kind == kind && !ask.is_out();
        if let Some(place) = record.asks.iter().position(same) {
            let ask = record.asks.remove(place);
            self.oob_due.push((process, ask, OobOutcome::Withdrawn));
        }
    }

    pub(crate) fn oob_done(&mut self, process: ProcessId, word: OobWord) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let Some(place) = record.asks.iter().position(Ask::is_out) else { return };
        let ask = record.asks.remove(place);
        if ask.stage != Stage::Overstayed {
            let outcome = match word {
                OobWord::Done => OobOutcome::Done,
                OobWord::Failed => OobOutcome::Failed,
                OobWord::NoHandler => OobOutcome::NoHandler,
            };
            self.oob_due.push((process, ask, outcome));
        }
    }

    /// A process is told to begin.
    pub(super) fn oob_started(
        &mut self,
        process: ProcessId,
        (kind, by): (&str, OobBy),
        lease: Duration,
    ) -> Checked {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&process) else {
            return broken(Rule::R8, format!("{process} is gone and was told to begin"));
        };
        must!(R8, record.is_up(), "{process} leaves and was told to begin");
        must!(R8, record.taken() == 0, "{process} is busy and was told to begin");
        must!(R8, !record.is_out(), "{process} is out and was told to begin again");
        let limits = &self.pools[&record.pool].limits.oob;
        must!(R8, lease == limits.lease, "{process} has a lease of {lease:?}");
        let same = |ask: &&mut Ask| ask.what.kind == kind;
        let Some(ask) = record.asks.iter_mut().find(same) else {
            return broken(Rule::R8, format!("{process} never asked for {kind}"));
        };
        must!(R8, ask.what.by == by, "{kind} of {process} is asked for by {:?}", ask.what.by);
        if !matches!(ask.stage, Stage::Quiescing(_)) {
            self.granted.insert(process);
        }
        ask.stage = Stage::Out(now);
        super::FINE
    }

    /// A wish has its outcome.
    pub(super) fn oob_ended(&mut self, process: ProcessId, told: &OobRecord) -> Checked {
        let kind = &told.what.kind;
        let outcome = told.outcome;
        let due = |(id, ask, right): &(ProcessId, Ask, OobOutcome)| {
            *id == process && ask.what.kind == *kind && *right == outcome
        };
        let ask = match self.oob_due.iter().position(due) {
            Some(place) => self.oob_due.remove(place).1,
            None => self.end_unasked(process, told)?,
        };
        let waited = ask.began().unwrap_or(self.now).since(ask.asked_at);
        let took = ask.began().map(|since| self.now.since(since));
        let right = (ask.asked_at, waited, took, ask.is_overdue(self.now), ask.coalesced);
        let said = (told.asked_at, told.waited, told.took, told.overdue, told.coalesced);
        must!(R8, right == said, "{kind} of {process} ended {told:?}, and should {right:?}");
        let given_up = u64::from(told.given_up.saturating_sub(ask.given_up));
        must!(R8, told.given_up >= ask.given_up, "{kind} of {process} was given up less often");
        if let Some(pool) = self.pool_of(process) {
            *pool.count.oob.entry(outcome).or_default() += 1;
            pool.count.oob_given_up += given_up;
        }
        self.fact(match outcome {
            OobOutcome::Done | OobOutcome::Failed | OobOutcome::NoHandler => Fact::OobWord,
            OobOutcome::Withdrawn => Fact::OobWithdrawn,
            OobOutcome::Dropped => Fact::OobDropped,
            OobOutcome::Lost => Fact::OobLost,
            OobOutcome::Overstayed => Fact::OobOverstayed,
        });
        super::FINE
    }

    /// Outcomes that nobody asked for: by the end of the process, or of its lease. That the process
    /// leaves is checked when the engine rests.
    fn end_unasked(
        &mut self,
        process: ProcessId,
        told: &OobRecord,
    ) -> Result<Ask, super::Violation> {
        let outcome = told.outcome;
        let wrong = || format!("{} of {process} ended {outcome:?} for no reason", told.what.kind);
        let Some(record) = self.processes.get_mut(&process) else {
            return broken(Rule::R8, wrong());
        };
        let out = |ask: &Ask| matches!(ask.stage, Stage::Out(_));
        let begun = outcome != OobOutcome::Dropped;
        let stage = |ask: &Ask| if begun { out(ask) } else { !ask.is_out() };
        let same = |ask: &Ask| ask.what.kind == told.what.kind && stage(ask);
        let Some(place) = record.asks.iter().position(same) else {
            return broken(Rule::R8, wrong());
        };
        let lease = self.pools[&record.pool].limits.oob.lease;
        let ask = record.asks[place].clone();
        match outcome {
            OobOutcome::Overstayed => {
                let over = ask.began().is_some_and(|since| self.now >= since + lease);
                must!(R8, over, "{}", wrong());
                record.asks[place].stage = Stage::Overstayed;
            }
            OobOutcome::Lost | OobOutcome::Dropped => _ = record.asks.remove(place),
            _ => return broken(Rule::R8, wrong()),
        }
        self.must_leave.push((process, outcome));
        Ok(ask)
    }

    /// A deadline has passed.
    pub(super) fn oob_overdue(&self, process: ProcessId, kind: &str) -> Checked {
        let late = |ask: &Ask| ask.what.kind == kind && !ask.is_out() && ask.is_overdue(self.now);
        let late = self.processes.get(&process).is_some_and(|it| it.asks.iter().any(late));
        must!(R8, late, "{kind} of {process} is called overdue");
        super::FINE
    }
}

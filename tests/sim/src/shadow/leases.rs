//! Leases of slots: each step is taken when it is due, once, and no other is (rule R7).

use std::time::Duration;

use maitred_engine::event::{Failure, Interrupt, Outcome, Step};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::{Lease, LeaseKind, Leases};
use maitred_engine::snapshot::{LeaseCounts, PoolPicture};
use maitred_engine::time::Time;

use super::{Process, Shadow, State, broken};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

/// A step about a slot: which, of which lease, and when that began.
pub(super) type Taken = (u32, LeaseKind, Time, u8);

/// A step that is due some time.
struct Due {
    at: Time,
    taken: Taken,
    step: Step,
    /// Nobody could know of it in time.
    late: bool,
    /// It is part of another warning.
    said: bool,
}

fn number(step: Step) -> u8 {
    match step {
        Step::Warn => 0,
        Step::Tell => 1,
        Step::Raise => 2,
        Step::Retire => 3,
    }
}

/// What is done at the end of a lease. A host that is silent hears nothing.
fn end(kind: LeaseKind) -> (Step, u8) {
    // The warning at the end of the lease of a host is another one than the one before.
    if kind == LeaseKind::Hang { (Step::Warn, 4) } else { (Step::Tell, number(Step::Tell)) }
}

impl Process {
    /// Every step that any slot may come to from the state that it is in.
    fn steps(&self, leases: &Leases) -> Vec<Due> {
        let mut all = Vec::new();
        for (index, slot) in (0..).zip(&self.slots) {
            let own = |lease: Lease, max: Option<std::num::NonZeroU32>| {
                let max = max.map(|ms| Duration::from_millis(ms.get().into()));
                Lease { max: max.or(lease.max), ..lease }
            };
            let mut add = |kind, since: Time, lease: Lease| {
                let end = end(kind);
                let after = |pause: Option<Duration>| Some(lease.max? + pause?);
                let steps = [
                    (lease.warn, Step::Warn, number(Step::Warn)),
                    (lease.max, end.0, end.1),
                    (after(lease.raise_after), Step::Raise, number(Step::Raise)),
                    (after(lease.retire_after), Step::Retire, number(Step::Retire)),
                ];
                for (at, step, number) in steps {
                    let Some(at) = at.map(|span| since + span) else { continue };
                    let late = kind == LeaseKind::Hang && at <= self.watched_since;
                    let first = leases.first_byte.warn;
                    let first = first.is_some_and(|first| Some(first) <= leases.request.warn);
                    let warns = kind == LeaseKind::Request && step == Step::Warn;
                    let said = warns && first && !slot.began;
                    all.push(Due { at, taken: (index, kind, since, number), step, late, said });
                }
            };
            match slot.state {
                State::Idle => {}
                State::Running { since, .. } => {
                    if !slot.began {
                        let lease = own(leases.first_byte, slot.deadlines.first_byte);
                        add(LeaseKind::FirstByte, since, lease);
                    }
                    let lease = own(leases.request, slot.deadlines.request);
                    add(LeaseKind::Request, since, lease);
                    if let Some(alive) = self.alive {
                        add(LeaseKind::Hang, since.max(alive), leases.hang);
                    }
                }
                State::Deferred { since, .. } => {
                    let lease = own(leases.deferred, slot.deadlines.deferred);
                    add(LeaseKind::Deferred, since, lease);
                }
            }
        }
        all
    }

    /// When the next step is due.
    pub(super) fn lease_due(&self, leases: &Leases, now: Time) -> Option<Time> {
        let to_come = self.steps(leases).into_iter().map(|due| due.at).filter(|at| *at > now);
        to_come.min().filter(|_| !self.leaving)
    }

    pub(super) fn is_hung(&self) -> bool {
        self.retired == Some(LeaseKind::Hang)
    }
}

impl Shadow {
    /// The process lives; its host did so long ago.
    pub(crate) fn pong(&mut self, process: ProcessId, age: Duration) {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&process) else { return };
        let alive = Time(now.0.saturating_sub(age.as_nanos() as u64));
        if record.alive.is_none_or(|before| before < alive) {
            record.watched_since = now;
        }
        record.alive = Some(record.alive.map_or(alive, |before| before.max(alive)));
    }

    pub(crate) fn deferred_failed(&mut self, slot: SlotId, pieces: u32) {
        let deferred = matches!(self.slot(slot).map(|it| it.state), Some(State::Deferred { .. }));
        if let Some(pool) = self.pool_of(slot.process).filter(|_| deferred) {
            pool.count.deferred_failed += u64::from(pieces);
        }
    }

    /// A step is told.
    pub(super) fn overstayed(
        &mut self,
        (slot, request): (SlotId, RequestId),
        (lease, step): (LeaseKind, Step),
        after: Duration,
    ) -> Checked {
        let Some(process) = self.processes.get(&slot.process) else {
            return broken(Rule::R7, format!("{slot} is gone and overstays"));
        };
        let held = match self.slot(slot).map(|it| it.state) {
            Some(State::Running { request, .. } | State::Deferred { request, .. }) => Some(request),
            _ => None,
        };
        must!(R7, held == Some(request), "{slot} overstays with {request}, and holds {held:?}");
        let since = Time(self.now.0 - after.as_nanos() as u64);
        let steps = process.steps(&self.pools[&process.pool].limits.leases);
        let is = |due: &&Due| {
            let (index, kind, began, _) = due.taken;
            (index, kind, began, due.step) == (slot.index, lease, since, step)
                && due.at <= self.now
                && !process.steps_taken.contains(&due.taken)
        };
        // A host has two warnings, of which the first may have come too late to be said.
        let Some(due) = steps.iter().filter(is).max_by_key(|due| due.at) else {
            let text = format!("{slot}: {step:?} of {lease:?} after {after:?} is not due");
            return broken(Rule::R7, text);
        };
        let taken = due.taken;
        must!(R7, !due.said, "{slot}: one silence is warned of twice");
        let live = self.live_in(slot);
        if let Some(process) = self.processes.get_mut(&slot.process) {
            process.steps_taken.insert(taken);
        }
        let fact = match step {
            Step::Warn => Fact::Warned,
            Step::Tell => Fact::Told,
            Step::Raise => Fact::Raised,
            Step::Retire => return broken(Rule::R7, format!("{slot}: to retire is told twice")),
        };
        self.fact(fact);
        let counts = self.lease_counts(slot.process, lease);
        match step {
            Step::Warn => counts.warned += 1,
            Step::Tell => counts.told += 1,
            _ => counts.raised += 1,
        }
        if step == Step::Tell {
            self.tell.insert(slot);
            let failure = match lease {
                LeaseKind::FirstByte => Failure::FirstByteLease,
                _ => Failure::RequestLease,
            };
            if let Some(request) = live {
                self.expect(request, Outcome::Failed(failure), Rule::R7);
                self.fact(Fact::Answered);
            }
        }
        super::FINE
    }

    fn lease_counts(&mut self, process: ProcessId, lease: LeaseKind) -> &mut LeaseCounts {
        let pool = self.pool_of(process).expect("its process was looked at");
        pool.count.leases.entry(lease).or_default()
    }

    /// A process is retired.
    pub(super) fn retired(&mut self, process: ProcessId, lease: LeaseKind) -> Checked {
        let leaves = self.departure.is_some();
        let Some(record) = self.processes.get(&process).filter(|it| it.is_up()) else {
            return broken(Rule::R7, format!("{process} does not serve and is retired"));
        };
        let steps = record.steps(&self.pools[&record.pool].limits.leases);
        let is = |due: &Due| due.step == Step::Retire && due.taken.1 == lease && due.at <= self.now;
        let overstays = |ask: &super::oob::Ask| ask.stage == super::oob::Stage::Overstayed;
        let why = match lease {
            LeaseKind::Oob => record.asks.iter().any(overstays),
            _ => steps.iter().any(is),
        };
        must!(R7, why, "{process} is retired because of {lease:?}, of which nothing ran out");
        let serves = !matches!(lease, LeaseKind::Hang | LeaseKind::Oob);
        let again = serves && (record.retired.is_some() || leaves);
        must!(R7, !again, "{process} is retired again, or although the core leaves");
        if let Some(record) = self.processes.get_mut(&process) {
            record.retired = Some(lease);
            record.wants_drain = true;
        }
        self.lease_counts(process, lease).retired += 1;
        self.fact(Fact::Retired);
        super::FINE
    }

    /// Stacks are asked for, or an error is raised.
    pub(super) fn interrupted(&mut self, slot: SlotId, what: Interrupt) -> Checked {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&slot.process) else { return super::FINE };
        let pause = self.pools[&record.pool].limits.leases.dump_pause;
        if what == Interrupt::Dump {
            let soon = record.dumped.is_some_and(|at| now < at + pause);
            must!(R7, !soon, "{} is asked for its stacks again too soon", slot.process);
            record.dumped = Some(now);
            self.fact(Fact::Dumped);
        }
        super::FINE
    }

    /// Deferred work ended with its process.
    pub(super) fn deferred_lost(&mut self, slot: SlotId, request: RequestId) -> Checked {
        let known = self.must_lose.remove(&(slot, request));
        must!(R12, known, "{slot} lost the deferred work of {request}, which it did not have");
        if let Some(pool) = self.pool_of(slot.process) {
            pool.count.deferred_lost += 1;
        }
        self.fact(Fact::DeferredLost);
        super::FINE
    }

    /// All that is due was done.
    pub(super) fn check_steps(&mut self) -> Checked {
        let lost = self.must_lose.pop_first();
        must!(R12, lost.is_none(), "the deferred work of {lost:?} was lost silently");
        let (now, leaves) = (self.now, self.departure.is_some());
        for (id, process) in &mut self.processes {
            let steps = process.steps(&self.pools[&process.pool].limits.leases);
            for due in steps.iter().filter(|due| due.at <= now && !due.late && !process.leaving) {
                if due.said {
                    process.steps_taken.insert(due.taken);
                    continue;
                }
                let done = match due.step {
                    Step::Retire => process.retired.is_some() || !process.is_up() || leaves,
                    _ => process.steps_taken.contains(&due.taken),
                };
                must!(R7, done, "{id}: {:?} of {:?} was due and not done", due.step, due.taken);
            }
            let still = |taken: &Taken| steps.iter().any(|due| due.taken == *taken);
            process.steps_taken.retain(still);
        }
        super::FINE
    }

    /// Counts are what was told.
    pub(super) fn check_lease_counts(&self, pool: PoolId, picture: &PoolPicture) -> Checked {
        let count = &self.pools[&pool].count;
        let steps = |it: &LeaseCounts| (it.warned, it.told, it.raised, it.retired);
        for kind in [
            LeaseKind::FirstByte,
            LeaseKind::Request,
            LeaseKind::Deferred,
            LeaseKind::Hang,
            LeaseKind::Oob,
        ] {
            let mine = count.leases.get(&kind).map(steps).unwrap_or_default();
            let shown = picture.totals.leases.get(&kind).map(steps).unwrap_or_default();
            must!(R10, mine == shown, "{pool}: {kind:?} is counted {shown:?}, and was {mine:?}");
        }
        let mine = (count.deferred_failed, count.deferred_lost);
        let shown = (picture.totals.deferred_failed, picture.totals.deferred_lost);
        must!(R10, mine == shown, "{pool}: deferred work is counted {shown:?}, and was {mine:?}");
        super::FINE
    }
}

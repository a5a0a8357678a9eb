//! What the engine asks for, held against the rules at the moment when it does.

use std::time::Duration;

use maitred_engine::class::Class;
use maitred_engine::event::{Failure, KillReason, Notice, Outcome, Output, Refusal};
use maitred_engine::id::{PoolId, ProcessId, RequestId};
use maitred_engine::time::Time;

use super::{Place, Request, Shadow, broken};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

impl Shadow {
    /// `begins_at`: where the next REQUEST to that process would begin in what the core sends.
    pub(crate) fn output(&mut self, output: &Output, begins_at: u64) -> Checked {
        self.note_cut();
        match *output {
            Output::Dispatch { request, slot, waited } => {
                self.dispatched(request, slot, (waited, begins_at))
            }
            Output::Refuse { retry_after, .. } => {
                let seconds = retry_after.as_secs();
                must!(R5, (1..=60).contains(&seconds), "Retry-After of {retry_after:?}");
                self.fact(Fact::RetryAfter);
                super::FINE
            }
            Output::Ended { request, pool, outcome, times } => {
                self.ended(request, pool, outcome)?;
                let record = self.requests.remove(&request);
                record.map_or(super::FINE, |record| self.check_times(request, &record, &times))
            }
            Output::Cancel { slot, .. } => {
                self.tell.remove(&slot);
                super::FINE
            }
            Output::Spawn { process, pool, .. } => {
                self.check_spawn(pool)?;
                self.spawned(process, pool);
                if let Some(pool) = self.pools.get_mut(&pool) {
                    pool.pause_until = None;
                }
                super::FINE
            }
            Output::Drain { process, .. } => self.drained(process),
            Output::CloseLink { process } => self.close_link(process),
            Output::Terminate { process } => self.terminated(process),
            Output::Kill { process, why } => self.killed(process, why),
            Output::Freed { slot, request, service, deferred } => {
                let expected = self.freed.take();
                let told = Some((slot, request, service, deferred));
                must!(R10, expected == told, "freed {told:?}, and the wire said {expected:?}");
                super::FINE
            }
            Output::Notice(Notice::Isolated { process }) => {
                let now = self.now;
                self.wobbled.insert(process);
                if let Some(record) = self.processes.get_mut(&process) {
                    record.isolated = Some(now);
                }
                super::FINE
            }
            Output::Notice(Notice::Retried { request, .. }) => {
                let started = self.again.remove(&request);
                must!(R12, started, "{request} had not started, and is treated as if it had");
                super::FINE
            }
            Output::StartOob { process, ref kind, by, lease } => {
                self.oob_started(process, (kind, by), lease)
            }
            Output::Notice(Notice::OobEnded { process, ref record }) => {
                self.oob_ended(process, record)
            }
            Output::Notice(Notice::OobOverdue { process, ref kind }) => {
                self.oob_overdue(process, kind)
            }
            Output::Closed => {
                let empty = self.requests.is_empty() && self.processes.is_empty();
                must!(R4, empty && !self.closed, "closed although something is left, or again");
                self.closed = true;
                self.fact(Fact::Closed);
                super::FINE
            }
            Output::HandEarly { request, process, waited } => {
                self.handed_early(request, process, (waited, begins_at))
            }
            Output::Taken { request, slot, waited } => self.early_taken(request, slot, waited),
            Output::CancelEarly { process, request, .. } => {
                let its = self.processes.get(&process).map(|it| &it.early);
                let kept = its.is_some_and(|its| its.iter().any(|(kept, _)| *kept == request));
                must!(R6, kept, "{process} is told of {request}, and keeps {its:?}");
                self.told_early.insert(request);
                super::FINE
            }
            Output::Measure { .. } => broken(Rule::R2, "a written number is meant".into()),
            Output::Interrupt { slot, what } => self.interrupted(slot, what),
            Output::Notice(Notice::Overstayed { slot, request, lease, step, after }) => {
                self.overstayed((slot, request), (lease, step), after)
            }
            Output::Notice(Notice::Retired { process, lease }) => self.retired(process, lease),
            Output::Notice(Notice::DeferredLost { slot, request, .. }) => {
                self.deferred_lost(slot, request)
            }
            Output::Fail { .. } | Output::CancelDetached { .. } | Output::Notice(_) => super::FINE,
        }
    }

    /// Rule R4: one outcome, and one that something explains.
    fn ended(&mut self, request: RequestId, pool: PoolId, outcome: Outcome) -> Checked {
        let Some(record) = self.requests.get(&request) else {
            return broken(Rule::R4, format!("{request} ended again or never came: {outcome:?}"));
        };
        must!(R4, record.pool == pool, "{request} ended in the wrong pool");
        if matches!(record.line, super::lines::Line::Ahead(_)) && record.waiting_since().is_some() {
            let told = self.told_early.remove(&request);
            must!(R6, told, "{request} ended, and the process that keeps it is not told");
            self.coverage.fact(Fact::EarlyCancelled);
        }
        let Some(record) = self.requests.get(&request) else { return super::FINE };
        let overload = outcome == Outcome::Refused(Refusal::Overload);
        let (waits, due) = (record.waiting_since().is_some(), self.patience(record, overload));
        let expected = self.expected.remove(&request);
        if let Some((right, rule)) = expected
            && right != outcome
        {
            return broken(rule, format!("{request} ended {outcome:?}, and not {right:?}"));
        }
        match outcome {
            Outcome::Refused(
                why @ (Refusal::QueueWait | Refusal::BootingWait | Refusal::Overload),
            ) => {
                let booted = self.pools[&pool].first_hello.is_some();
                let overload = why == Refusal::Overload && self.may_be_overloaded(pool);
                let right = match booted {
                    true if overload => Refusal::Overload,
                    true => Refusal::QueueWait,
                    false => Refusal::BootingWait,
                };
                must!(R5, waits && why == right, "{request} was refused: {why:?}");
                must!(R5, self.now >= due, "{request} was refused before its time");
                self.target_reached(pool);
            }
            Outcome::Refused(why @ (Refusal::QueueFull | Refusal::BootingFull))
                if expected.is_none() =>
            {
                must!(R5, why == self.full(pool), "{request} was refused: {why:?}");
                self.check_evicted(request, pool)?;
            }
            Outcome::Refused(Refusal::Draining) | Outcome::Failed(Failure::Cut) => {
                let explained = expected.is_some() || self.is_cut();
                must!(R4, explained, "{request} was cut although nobody leaves yet");
                self.fact(Fact::Cut);
            }
            Outcome::Failed(Failure::ProcessDied | Failure::Poison) if expected.is_none() => {
                must!(R12, !waits, "{request} had not started in any process: {outcome:?}");
                must!(R13, false, "{request} may run again: {outcome:?}");
            }
            _ => must!(
                R4,
                expected.is_some(),
                "{request} ended {outcome:?}, and nothing explains that"
            ),
        }
        self.count(pool, outcome);
        super::FINE
    }

    /// Who makes room for a higher class is the last of the lowest one.
    fn check_evicted(&mut self, request: RequestId, pool: PoolId) -> Checked {
        let record = &self.requests[&request];
        let lower = |class: Class| record.traits.class > class;
        let asked = self.evict.take().is_some_and(|(its, class)| its == pool && lower(class));
        let waits = record.waiting_since().is_some() && !record.is_suspect();
        must!(R5, asked && waits, "{request} was turned out of the queue for nobody");
        let turn = (record.traits.class, record.arrived);
        let behind = |it: &Request| (it.traits.class, it.arrived) > turn && it.is_in_line();
        let behind = self.waiting(pool).find(|(_, it)| behind(it)).map(|(id, _)| id);
        must!(R3, behind.is_none(), "{request} made room although {behind:?} is behind it");
        self.fact(Fact::Evicted);
        super::FINE
    }

    fn count(&mut self, pool: PoolId, outcome: Outcome) {
        let Some(pool) = self.pools.get_mut(&pool) else { return };
        let count = &mut pool.count;
        let fact = match outcome {
            Outcome::Completed => {
                count.completed += 1;
                Fact::Completed
            }
            Outcome::Abandoned => {
                count.abandoned += 1;
                Fact::Abandoned
            }
            Outcome::Refused(why) => {
                *count.refused.entry(why).or_default() += 1;
                match why {
                    Refusal::QueueFull => self.coverage.fact(Fact::QueueFull),
                    Refusal::BootingFull => self.coverage.fact(Fact::BootingFull),
                    Refusal::QueueWait => self.coverage.fact(Fact::QueueWait),
                    Refusal::BootingWait => self.coverage.fact(Fact::BootingWait),
                    Refusal::Overload => self.coverage.fact(Fact::OverloadWait),
                    Refusal::Draining => {}
                }
                Fact::Refused
            }
            Outcome::Failed(why) => {
                *count.failed.entry(why).or_default() += 1;
                if why == Failure::Poison {
                    self.coverage.fact(Fact::Poison);
                }
                Fact::Failed
            }
        };
        self.coverage.fact(fact);
    }

    fn check_times(
        &mut self,
        request: RequestId,
        record: &Request,
        times: &maitred_engine::event::Times,
    ) -> Checked {
        let now = self.now;
        let stay = record.waiting_since().map_or(Duration::ZERO, |since| now.since(since));
        let wait = record.wait + stay;
        must!(R4, times.wait == wait, "{request} waited {wait:?}, and is said {times:?}");
        let attempts = record.attempts;
        must!(R4, times.attempts == attempts, "{request}: {attempts} attempts, not {times:?}");
        let service = match record.place {
            Place::Delivering { service, .. } => Some(service),
            _ => None,
        };
        must!(R4, times.service == service, "{request}: service {service:?}, not {times:?}");
        self.fact(Fact::Times);
        super::FINE
    }

    /// Rule R9: never too many, and not while the pool waits after a failed boot.
    fn check_spawn(&mut self, pool: PoolId) -> Checked {
        let record = &self.pools[&pool];
        let wanted = self.wanted(pool);
        let staff = self.staff(pool);
        must!(R9, staff < wanted, "{pool}: a process too many: {staff} of {wanted}");
        if record.failed_boots > 0 {
            let due = record.pause_until.unwrap_or(self.now);
            must!(R9, self.now >= due, "{pool}: a boot before the pause was over");
            must!(R9, !self.has_trial(pool), "{pool}: two trials at once");
            self.fact(Fact::Backoff);
        }
        super::FINE
    }

    fn drained(&mut self, process: ProcessId) -> Checked {
        let now = self.now;
        let leaves = self.departure.is_some();
        let spare = self.processes.get(&process).map(|it| it.pool).is_some_and(|pool| {
            let up = self.members(pool).filter(|(_, it)| it.is_up()).count();
            up > self.pools[&pool].limits.processes as usize
        });
        let Some(record) = self.processes.get_mut(&process) else {
            return broken(Rule::R7, format!("{process} is gone and was drained"));
        };
        must!(R7, record.is_up(), "{process} was drained although it does not serve");
        let overstayed = |ask: &super::oob::Ask| ask.stage == super::oob::Stage::Overstayed;
        let hung = record.is_hung();
        let asked = hung || (record.wants_drain && spare) || record.asks.iter().any(overstayed);
        must!(R7, leaves || asked, "{process} was drained for no reason");
        record.drained_at = Some(now);
        record.isolated = None;
        super::FINE
    }

    fn close_link(&mut self, process: ProcessId) -> Checked {
        let (now, cut) = (self.now, self.is_cut());
        let Some(record) = self.processes.get_mut(&process) else { return super::FINE };
        let finished = record.drained_at.is_some() && record.goodbye && record.is_empty();
        let finished = finished && !record.is_out();
        let allowed = finished || cut || record.leaving;
        must!(R12, allowed, "the link of {process} was closed although it had not finished");
        if finished && !record.leaving {
            let limits = &self.pools[&record.pool].limits;
            record.leaving = true;
            record.exit_by = Some(now + limits.exit_max);
        }
        super::FINE
    }

    fn terminated(&mut self, process: ProcessId) -> Checked {
        let (now, cut) = (self.now, self.is_cut());
        let leaves = self.departure.is_some();
        let Some(record) = self.processes.get_mut(&process) else { return super::FINE };
        let limits = &self.pools[&record.pool].limits;
        record.blameless = true;
        if cut {
            record.leaving = true;
            record.exit_by = Some(now + limits.cut_exit_max);
            return super::FINE;
        }
        if record.hello_at.is_none() {
            must!(R7, leaves, "{process} was told to end while it boots");
            record.leaving = true;
            record.exit_by = Some(now + limits.exit_max);
            return super::FINE;
        }
        let due = record.drained_at.map_or(Time::NEVER, |at| at + limits.drain_max);
        must!(R7, now >= due, "{process} was told to end before its drain lease ran out");
        record.kill_at = Some(now + limits.exit_max);
        self.fact(Fact::DrainLease);
        super::FINE
    }

    fn killed(&mut self, process: ProcessId, why: KillReason) -> Checked {
        let now = self.now;
        let Some(record) = self.processes.get(&process) else { return super::FINE };
        let limits = &self.pools[&record.pool].limits;
        let exit_due = record.leaving && record.exit_by.is_some_and(|at| now >= at);
        let (explained, fact) = match why {
            KillReason::BootLease => {
                let due = now >= record.spawned_at + limits.boot_max;
                (record.hello_at.is_none() && due, Some(Fact::BootLease))
            }
            KillReason::DrainLease => {
                let due = record.kill_at.is_some_and(|at| now >= at) && !record.leaving;
                let fact = if due { Fact::DrainKill } else { Fact::ExitLease };
                (due || exit_due, Some(fact))
            }
            KillReason::Misbehaved => (record.misbehaved, None),
            KillReason::LinkLost => (exit_due, Some(Fact::ExitLease)),
        };
        must!(R7, explained, "{process} was killed ({why:?}) without a reason");
        if why == KillReason::BootLease {
            self.boot_may_have_failed(process);
        }
        if let Some(fact) = fact {
            self.fact(fact);
        }
        if let Some(record) = self.processes.get_mut(&process) {
            record.blameless |= why == KillReason::DrainLease;
            record.leaving = true;
            record.killed = true;
            record.exit_by = None;
            record.isolated = None;
        }
        super::FINE
    }
}

//! Leases: how long a slot may be busy with one thing before the core acts (rule R7).
//!
//! ```text
//!   warn ──▶ the lease ends: tell, dump stacks ──▶ raise (opt-in) ──▶ retire
//!                                                                      │
//!            SIGKILL ◀── SIGTERM ◀── the drain lease ◀── drain ◀── replaced
//! ```
//! A process that is retired serves on until its replacement is up, so that one slot that overstays
//! costs the others nothing. What cannot serve anyway, because its host is silent or it is out of
//! band, is drained at once.
//!
//! There is one timer per process, not one per slot: it is set to the earliest step of any slot,
//! and left alone when that slot finishes. So a request costs no timer, and a busy process is
//! looked at about once per shortest lease. Which steps were taken follows from when that was last.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Timer};
use crate::event::{
    CancelReason, Deadlines, DrainReason, Failure, Interrupt, Notice, Output, Step,
};
use crate::id::{ProcessId, RequestId, SlotId};
use crate::limits::{Lease, LeaseKind, Leases};
use crate::process::Process;
use crate::slot::Slot;
use crate::snapshot::LeaseCounts;
use crate::time::Time;

/// What is known of a process for its leases.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// What each slot's present request said about its leases.
    slots: Vec<Terms>,
    /// When to look at it next.
    pub(crate) next: Option<Time>,
    /// When it was looked at last: steps that were due by then were taken.
    seen: Time,
    /// The last sign of life of its host; `None`: it was never asked.
    alive: Option<Time>,
    /// When its stacks were asked for.
    dumped: Option<Time>,
    /// Why it is replaced.
    pub(crate) retired: Option<LeaseKind>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Terms {
    deadlines: Deadlines,
    /// The response has begun.
    began: bool,
}

/// A step of a slot, and what it is about.
struct Overstay {
    at: Time,
    slot: SlotId,
    request: RequestId,
    lease: LeaseKind,
    since: Time,
    step: Step,
    /// The stacks of the process are asked for as well.
    dumps: bool,
}

impl Watch {
    pub(crate) fn open(&mut self, slots: u32) {
        self.slots = vec![Terms::default(); slots as usize];
    }

    /// Whether its host was silent for so long that it is replaced.
    pub(crate) fn is_hung(&self) -> bool {
        self.retired == Some(LeaseKind::Hang)
    }

    fn terms(&self, slot: u32) -> Terms {
        self.slots.get(slot as usize).copied().unwrap_or_default()
    }
}

impl Engine {
    /// A slot was given a request with these deadlines, or its response is complete.
    pub(crate) fn begin_lease(&mut self, slot: SlotId, deadlines: Option<Deadlines>) {
        let Some(record) = self.processes.get_mut(&slot.process) else { return };
        if let Some(terms) = record.watch.slots.get_mut(slot.index as usize) {
            *terms = Terms { deadlines: deadlines.unwrap_or(terms.deadlines), began: false };
        }
        let leases = &self.pools[&record.pool].limits.leases;
        let mut first = Time::NEVER;
        each_step(record, slot.index, leases, |step| first = first.min(step.at));
        if first < record.watch.next.unwrap_or(Time::NEVER) {
            self.set_lease_timer(slot.process, Some(first));
        }
    }

    /// From here on the first-byte lease is kept.
    pub(crate) fn response_began(&mut self, slot: SlotId) {
        let record = self.processes.get_mut(&slot.process);
        if let Some(terms) = record.and_then(|it| it.watch.slots.get_mut(slot.index as usize)) {
            terms.began = true;
        }
    }

    /// The process lives; its host did so long ago.
    pub(crate) fn pong(&mut self, process: ProcessId, host_age: Duration) {
        let now = self.now;
        if let Some(record) = self.processes.get_mut(&process) {
            let alive = Time::default() + now.since(Time::default() + host_age);
            let watch = &mut record.watch;
            watch.alive = Some(watch.alive.map_or(alive, |before| before.max(alive)));
            // It may not have been watched for this, or all steps of an earlier silence were taken.
            let next = self.next_step(process);
            if next.is_some_and(|at| self.processes[&process].watch.next.is_none_or(|it| at < it)) {
                self.set_lease_timer(process, next);
            }
        }
    }

    /// Takes the steps that are due about a process, and sets the time of the next one.
    pub(crate) fn run_leases(&mut self, process: ProcessId) {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&process) else { return };
        record.watch.next = None;
        let seen = std::mem::replace(&mut record.watch.seen, now);
        let mut due = Vec::new();
        self.each_step_of(process, |step| {
            if step.at > seen && step.at <= now && !self.is_said(&step) {
                due.push(step);
            }
        });
        due.sort_by_key(|step| step.at);
        self.look_again(process);
        for step in due {
            self.take_step(&step);
        }
    }

    /// A response that does not begin is not complete either: that is one warning, not two.
    fn is_said(&self, step: &Overstay) -> bool {
        let record = &self.processes[&step.slot.process];
        let leases = &self.pools[&record.pool].limits.leases;
        let first = leases.first_byte.warn.is_some_and(|first| Some(first) <= leases.request.warn);
        let is_warning = step.lease == LeaseKind::Request && step.step == Step::Warn;
        is_warning && first && !record.watch.terms(step.slot.index).began
    }

    fn take_step(&mut self, overstay: &Overstay) {
        let &Overstay { slot, request, lease, step, .. } = overstay;
        if step == Step::Retire {
            return self.retire(slot.process, lease);
        }
        let after = self.now.since(overstay.since);
        self.put(Output::Notice(Notice::Overstayed { slot, request, lease, step, after }));
        if step == Step::Tell {
            self.put(Output::Cancel { slot, why: CancelReason::Deadline });
            if let Some(live) = self.live_request(slot) {
                self.fail(live, failure(lease));
            }
        }
        if overstay.dumps {
            self.dump(slot);
        }
        if step == Step::Raise {
            self.put(Output::Interrupt { slot, what: Interrupt::Raise });
        }
        let counts = self.count_lease(slot.process, lease);
        match step {
            Step::Warn => counts.warned += 1,
            Step::Tell => counts.told += 1,
            Step::Raise => counts.raised += 1,
            Step::Retire => {}
        }
    }

    /// Asks for the stacks of a process, unless it was asked a moment ago.
    fn dump(&mut self, slot: SlotId) {
        let now = self.now;
        let Some(record) = self.processes.get_mut(&slot.process) else { return };
        let pause = self.pools[&record.pool].limits.leases.dump_pause;
        if record.watch.dumped.is_some_and(|at| now < at + pause) {
            return;
        }
        record.watch.dumped = Some(now);
        self.put(Output::Interrupt { slot, what: Interrupt::Dump });
    }

    /// Lets go of a process in which a lease ran out: its replacement first, then no new requests,
    /// then the drain lease for what still runs in it, then signals. Until the replacement is up
    /// it serves on, if it can. While the core leaves, that has an end anyway.
    pub(crate) fn retire(&mut self, process: ProcessId, lease: LeaseKind) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let can_serve = lease != LeaseKind::Hang && lease != LeaseKind::Oob;
        let again = record.watch.retired.is_some();
        let left_alone = can_serve && (again || self.departure.is_some());
        if left_alone || !record.is_up() {
            return;
        }
        record.watch.retired = Some(lease);
        record.wants_drain = true;
        let pool = record.pool;
        self.call_the_roll(process);
        self.put(Output::Notice(Notice::Retired { process, lease }));
        self.count_lease(process, lease).retired += 1;
        if !can_serve {
            self.drain_process(process, DrainReason::Deadline);
        }
        self.staff(pool);
        self.touch(pool);
    }

    /// Its slots are no more.
    pub(crate) fn end_leases(&mut self, process: ProcessId) {
        self.set_lease_timer(process, None);
    }

    /// Deferred work that ended with its process is named, since nobody else knows of it.
    pub(crate) fn lose_deferred(&mut self, process: ProcessId, slots: &[Slot], unstarted: &[u32]) {
        for (index, slot) in (0..).zip(slots) {
            let &Slot::Deferred { request, since, .. } = slot else { continue };
            // Broken off by the core before the app had heard of it.
            if unstarted.contains(&index) {
                continue;
            }
            let pool = self.processes[&process].pool;
            self.pool(pool).totals.deferred_lost += 1;
            let (slot, after) = (SlotId { process, index }, self.now.since(since));
            self.put(Output::Notice(Notice::DeferredLost { slot, request, after }));
        }
    }

    /// Counted only where there is deferred work that can have failed.
    pub(crate) fn deferred_failed(&mut self, slot: SlotId, pieces: u32) {
        if let Some(Slot::Deferred { .. }) = self.slot(slot) {
            let pool = self.processes[&slot.process].pool;
            self.pool(pool).totals.deferred_failed += u64::from(pieces);
        }
    }

    pub(crate) fn count_lease(&mut self, process: ProcessId, lease: LeaseKind) -> &mut LeaseCounts {
        let pool = self.processes[&process].pool;
        self.pool(pool).totals.leases.entry(lease).or_default()
    }

    /// Sets the timer of a process to the earliest step that is still to come.
    fn look_again(&mut self, process: ProcessId) {
        let next = self.next_step(process);
        self.set_lease_timer(process, next);
    }

    /// The earliest step that was not taken yet. It may be due already.
    fn next_step(&self, process: ProcessId) -> Option<Time> {
        let mut next = Time::NEVER;
        let seen = self.processes[&process].watch.seen;
        self.each_step_of(process, |step| {
            if step.at > seen {
                next = next.min(step.at);
            }
        });
        (next != Time::NEVER).then_some(next)
    }

    fn each_step_of(&self, process: ProcessId, mut tell: impl FnMut(Overstay)) {
        let record = &self.processes[&process];
        let leases = &self.pools[&record.pool].limits.leases;
        for index in 0..record.watch.slots.len() as u32 {
            each_step(record, index, leases, &mut tell);
        }
    }

    fn set_lease_timer(&mut self, process: ProcessId, at: Option<Time>) {
        let Some(record) = self.processes.get_mut(&process) else { return };
        let old = std::mem::replace(&mut record.watch.next, at);
        if let Some(old) = old {
            self.timers.remove(&(old, Timer::Lease(process)));
        }
        if let Some(at) = at {
            self.timers.insert((at, Timer::Lease(process)));
        }
    }

    /// Panics if a step could be missed.
    pub(crate) fn check_leases(&self) {
        for (id, process) in &self.processes {
            self.each_step_of(*id, |step| {
                let watched = process.watch.next.is_some_and(|next| next <= step.at);
                assert!(step.at <= self.now || watched, "{}: a lease is not watched", step.slot);
            });
            let leaves = process.wants_drain || !process.is_up();
            assert!(process.watch.retired.is_none() || leaves, "{id} is retired and stays");
        }
    }
}

/// Tells every step that the state of a slot may come to, from its beginning on.
fn each_step(process: &Process, index: u32, leases: &Leases, mut tell: impl FnMut(Overstay)) {
    let terms = process.watch.terms(index);
    let own = |lease: Lease, max: Option<std::num::NonZeroU32>| match max {
        Some(max) => Lease { max: Some(Duration::from_millis(max.get().into())), ..lease },
        None => lease,
    };
    let slot = process.slot_id(index);
    match process.slot(index) {
        Some(Slot::Running { request, since }) => {
            if !terms.began {
                let lease = own(leases.first_byte, terms.deadlines.first_byte);
                steps(slot, request, (LeaseKind::FirstByte, since), lease, &mut tell);
            }
            let lease = own(leases.request, terms.deadlines.request);
            steps(slot, request, (LeaseKind::Request, since), lease, &mut tell);
            if let Some(alive) = process.watch.alive {
                let since = since.max(alive);
                steps(slot, request, (LeaseKind::Hang, since), leases.hang, &mut tell);
            }
        }
        Some(Slot::Deferred { request, since, .. }) => {
            let lease = own(leases.deferred, terms.deadlines.deferred);
            steps(slot, request, (LeaseKind::Deferred, since), lease, &mut tell);
        }
        Some(Slot::Idle { .. }) | None => {}
    }
}

fn steps(
    slot: SlotId,
    request: RequestId,
    (kind, since): (LeaseKind, Time),
    lease: Lease,
    tell: &mut impl FnMut(Overstay),
) {
    let mut step = |after: Option<Duration>, step: Step, dumps: bool| {
        if let Some(after) = after {
            tell(Overstay { at: since + after, slot, request, lease: kind, since, step, dumps });
        }
    };
    let after_max = |pause: Option<Duration>| Some(lease.max?.saturating_add(pause?));
    step(lease.warn, Step::Warn, lease.warn_dumps);
    // A host that is silent hears nothing, and its requests may be without fault.
    step(lease.max, if kind == LeaseKind::Hang { Step::Warn } else { Step::Tell }, true);
    step(after_max(lease.raise_after), Step::Raise, false);
    step(after_max(lease.retire_after), Step::Retire, false);
}

fn failure(lease: LeaseKind) -> Failure {
    if lease == LeaseKind::FirstByte { Failure::FirstByteLease } else { Failure::RequestLease }
}

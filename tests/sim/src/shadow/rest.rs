//! What must hold whenever the engine has answered and waits for the next input.

use maitred_engine::class::Class;
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::snapshot::{PhasePicture, PoolPicture, ProcessPicture, SlotPicture, Snapshot};
use maitred_engine::time::Time;

use super::{Process, Request, Shadow, State, broken};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

impl Shadow {
    /// Holds the picture and the engine's next deadline against the tables.
    pub(crate) fn rest(&mut self, snapshot: &Snapshot, deadline: Option<Time>) -> Checked {
        self.note_cut();
        self.note_isolation(snapshot)?;
        self.note_away(snapshot)?;
        if let Some((request, (outcome, rule))) = self.expected.pop_first() {
            return broken(rule, format!("{request} did not end although it must: {outcome:?}"));
        }
        if let Some(slot) = self.tell.pop_first() {
            return broken(Rule::R6, format!("the app in {slot} is not told that its client left"));
        }
        let again = self.again.pop_first();
        must!(R13, again.is_none(), "{again:?} must run again, and nobody is told");
        for picture in &snapshot.pools {
            self.note_lines(picture)?;
            self.note_overload(picture)?;
        }
        self.note_overloads();
        self.wobbled.clear();
        let pools: Vec<PoolId> = self.pools.keys().copied().collect();
        for &pool in &pools {
            self.check_waits(pool)?;
            self.check_staff(pool)?;
        }
        self.check_steps()?;
        self.check_leases(deadline)?;
        let evict = self.evict.take();
        must!(R5, evict.is_none(), "nobody made room in a full queue: {evict:?}");
        let freed = self.freed.take();
        must!(R10, freed.is_none(), "a slot was freed and that was not told: {freed:?}");
        for picture in &snapshot.pools {
            self.check_picture(picture)?;
        }
        if self.is_cut() {
            must!(R4, self.requests.is_empty(), "the core must leave and requests are left");
        }
        super::FINE
    }

    /// Takes from the picture which processes are withdrawn for a suspect, which no output tells
    /// the end of; whether that may be is checked here and in [`Self::check_waits`].
    fn note_isolation(&mut self, snapshot: &Snapshot) -> Checked {
        let now = self.now;
        for pool in &snapshot.pools {
            let mut isolated = 0;
            for picture in &pool.processes {
                let is = picture.phase == PhasePicture::Isolated;
                isolated += u32::from(is);
                let Some(process) = self.processes.get_mut(&picture.process) else { continue };
                let since = process.isolated;
                must!(R2, !is || since.is_some(), "{} was isolated silently", picture.process);
                if !is && let Some(since) = since {
                    let lease = self.pools[&pool.pool].limits.isolation_max;
                    let ran_out = now >= since + lease && process.is_up();
                    process.isolated = None;
                    self.wobbled.insert(picture.process);
                    if ran_out {
                        self.fact(Fact::IsolationLease);
                        if let Some(pool) = self.pools.get_mut(&pool.pool) {
                            pool.isolation_ran_out = Some(now);
                        }
                    }
                }
            }
            must!(R2, isolated <= 1, "{} processes are withdrawn for suspects", isolated);
        }
        super::FINE
    }

    /// Rules R2 and R5.
    fn check_waits(&mut self, pool: PoolId) -> Checked {
        let mut waiting = 0;
        let (mut suspect, mut normal) = (None, None);
        for (id, request) in self.waiting(pool) {
            let due = self.waits_until(request);
            must!(R5, self.now < due, "{id} waits for longer than it may");
            waiting += 1;
            let turn = (request.traits.class, request.arrived, id);
            let first = match request.is_in_line() {
                true => &mut normal,
                false if request.is_suspect() => &mut suspect,
                false => continue,
            };
            *first = Some(first.map_or(turn, |first: (_, _, _)| turn.min(first)));
        }
        // What came while booting may be more than what may come later.
        let limits = &self.pools[&pool].limits;
        let max = u64::from(limits.queue_len_max.max(limits.booting_len_max));
        // Who comes back from a process that died is not refused.
        let max = max.max(self.pools[&pool].waited);
        must!(R5, waiting <= max, "{pool}: {waiting} requests wait, and {max} may");
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.waited = waiting;
        }
        let idle: Option<ProcessId> = self
            .members(pool)
            .find(|(_, process)| process.is_usable() && process.has_idle_slot())
            .map(|(id, _)| id);
        if let Some((_, _, request)) = normal {
            if self.is_per_process(pool) {
                self.check_private(pool)?;
            } else if let Some(process) = idle {
                return broken(Rule::R2, format!("{request} waits, {process} is idle"));
            }
            self.fact(Fact::NobodyWaits);
        }
        self.check_withdrawn(pool, suspect.is_some())?;
        let Some((_, _, request)) = suspect else { return super::FINE };
        let turn = normal.is_none_or(|normal| suspect < Some(normal));
        self.check_suspect(pool, request, turn)
    }

    /// A suspect does not wait while a process is empty that may be its own. `turn`: it is before
    /// all that may run beside others.
    fn check_suspect(&self, pool: PoolId, request: RequestId, turn: bool) -> Checked {
        let has_guest =
            |(_, process): (ProcessId, &Process)| process.isolated.is_some() && !process.is_empty();
        let has_guest = self.members(pool).any(has_guest);
        let away = self.members(pool).any(|(_, process)| process.is_away());
        let floor = self.pools[&pool].limits.oob.min_ready as usize;
        let serving = self.members(pool).filter(|(_, process)| process.is_usable()).count();
        // While one runs alone no second process is withdrawn for that, and none below the floor;
        // of unequal processes the engine looks at one only.
        let may_withdraw = !has_guest && (!away || serving > floor);
        let one_slot = self.members(pool).all(|(_, process)| process.slots.len() < 2);
        let room = |(_, process): &(ProcessId, &Process)| {
            let may = process.isolated.is_some() || (turn && (may_withdraw || one_slot));
            let empty = !process.slots.is_empty() && process.is_empty();
            process.is_up() && empty && may && !process.is_away()
        };
        match self.members(pool).find(room) {
            Some((id, _)) => {
                broken(Rule::R2, format!("the suspect {request} waits, {id} is empty"))
            }
            None => super::FINE,
        }
    }

    /// A process that gets nothing because of suspects: there is one, and it is not for ever.
    fn check_withdrawn(&mut self, pool: PoolId, suspect_waits: bool) -> Checked {
        let lease = self.pools[&pool].limits.isolation_max;
        let now = self.now;
        let mut seen = 0;
        for (id, process) in self.members(pool) {
            let Some(since) = process.isolated else { continue };
            let guest = process.slots.iter().any(|slot| match slot.state {
                State::Idle => false,
                State::Running { request, .. } | State::Deferred { request, .. } => {
                    self.requests.get(&request).is_none_or(Request::is_suspect)
                }
            });
            must!(R2, suspect_waits || guest, "{id} is withdrawn for a suspect that is not");
            must!(R2, now < since + lease, "{id} is withdrawn for longer than its lease");
            seen += u64::from(process.has_idle_slot());
        }
        for _ in 0..seen {
            self.fact(Fact::Withdrawn);
        }
        super::FINE
    }

    /// When a waiting request runs out of patience.
    pub(super) fn waits_until(&self, request: &Request) -> Time {
        let overloaded = self.pools[&request.pool].overload.since.is_some();
        self.patience(request, overloaded)
    }

    /// The same for a pool that is overloaded or is not.
    pub(super) fn patience(&self, request: &Request, overloaded: bool) -> Time {
        let Some(since) = request.waiting_since() else { return Time::NEVER };
        let pool = &self.pools[&request.pool];
        match pool.first_hello {
            Some(first) => since.max(first) + self.wait_max(request.pool, overloaded),
            None => since + pool.limits.booting_wait_max,
        }
    }

    /// Processes that the pool should have.
    pub(super) fn wanted(&self, pool: PoolId) -> usize {
        match self.departure {
            None => self.pools[&pool].limits.processes as usize,
            Some(_) => usize::from(!self.is_cut() && self.waiting(pool).next().is_some()),
        }
    }

    /// Processes that count as being there.
    pub(super) fn staff(&self, pool: PoolId) -> usize {
        let leaves = self.departure.is_some();
        let counts = |process: &Process| process.is_staying() && (leaves || !process.wants_drain);
        self.members(pool).filter(|(_, process)| counts(process)).count()
    }

    pub(super) fn has_trial(&self, pool: PoolId) -> bool {
        let round = self.pools[&pool].round;
        self.members(pool).any(|(_, it)| it.is_staying() && !it.is_up() && it.round == round)
    }

    /// Rule R9: who is missing is started, at once or after the pause.
    fn check_staff(&mut self, pool: PoolId) -> Checked {
        let record = &self.pools[&pool];
        let (staff, wanted) = (self.staff(pool), self.wanted(pool));
        if staff < wanted {
            let pausing = record.pause_until.is_some_and(|at| at > self.now);
            let reason = record.failed_boots > 0 && (pausing || self.has_trial(pool));
            must!(R9, reason, "{pool}: {staff} processes of {wanted}, and none is started");
        } else {
            self.fact(Fact::Staffed);
        }
        super::FINE
    }

    /// Rule R7: no lease has run out unnoticed, and the engine will be woken for the next one.
    fn check_leases(&mut self, deadline: Option<Time>) -> Checked {
        let mut next: Option<(Time, String)> = None;
        let mut note = |at: Time, what: &dyn Fn() -> String| {
            if next.as_ref().is_none_or(|(earliest, _)| at < *earliest) {
                next = Some((at, what()));
            }
        };
        for (id, request) in &self.requests {
            note(self.waits_until(request), &|| format!("the wait of {id}"));
        }
        for (id, process) in &self.processes {
            let limits = &self.pools[&process.pool].limits;
            let at = if process.leaving {
                process.exit_by
            } else if let Some(drained) = process.drained_at {
                let finished = process.goodbye && process.is_empty() && !process.is_out();
                must!(R7, !finished, "{id} has finished and its link is open");
                Some(process.kill_at.unwrap_or(drained + limits.drain_max))
            } else if process.hello_at.is_none() {
                Some(process.spawned_at + limits.boot_max)
            } else {
                process.isolated.map(|since| since + limits.isolation_max)
            };
            if let Some(at) = process.lease_due(&limits.leases, self.now) {
                note(at, &|| format!("a lease of a slot of {id}: {process:?}"));
            }
            let oob = process.oob_leases(limits.oob.lease, limits.oob.quiesce_max);
            if let Some(at) = oob {
                note(at, &|| format!("out-of-band work of {id}: {process:?}"));
            }
            if let Some(at) = at {
                note(at, &|| format!("a lease of {id}: {process:?}"));
            }
        }
        for (id, pool) in &self.pools {
            if let Some(at) = self.overload_due(*id) {
                note(at, &|| format!("the overload of {id}"));
            }
            if let Some(at) = pool.pause_until.filter(|_| self.staff(*id) < self.wanted(*id)) {
                note(at, &|| format!("the next boot of {id}"));
            }
        }
        if let Some(departure) = self.departure.filter(|_| !self.is_cut() && !self.closed) {
            note(departure.stop_at, &|| "the end".to_owned());
        }
        let Some((at, what)) = next.filter(|(at, _)| *at != Time::NEVER) else {
            return super::FINE;
        };
        must!(R7, at > self.now, "{what} ran out and nothing happened");
        let awake = deadline.is_some_and(|deadline| deadline <= at);
        must!(R7, awake, "nobody will wake up at {at:?} for {what}, but at {deadline:?}");
        self.fact(Fact::Awake);
        super::FINE
    }

    /// Rules R4 and R10.
    fn check_picture(&mut self, picture: &PoolPicture) -> Checked {
        let id = picture.pool;
        let count = &self.pools[&id].count;
        let totals = &picture.totals;
        let waiting = self.waiting(id).count() as u64;
        let live = self.requests.values().filter(|request| request.pool == id).count() as u64;
        let mine = (count.arrived, count.completed, count.abandoned, waiting, live - waiting);
        let theirs =
            (totals.arrived, totals.completed, totals.abandoned, totals.queued, totals.in_flight);
        must!(R4, mine == theirs, "{id}: counts are {theirs:?}, and should be {mine:?}");
        let mine = (&count.failed, &count.refused, count.retried);
        let theirs = (&totals.failed, &totals.refused, totals.retried);
        must!(R4, mine == theirs, "{id}: counts are {theirs:?}, and should be {mine:?}");
        let ended = count.completed
            + count.abandoned
            + count.failed.values().sum::<u64>()
            + count.refused.values().sum::<u64>();
        must!(R4, count.arrived == ended + live, "{id}: requests do not add up");
        let mine = (count.deferred, count.reconciled, count.stray_readies);
        let theirs = (totals.deferred, totals.reconciled, totals.stray_readies);
        must!(R10, mine == theirs, "{id}: counts are {theirs:?}, and should be {mine:?}");
        self.check_lease_counts(id, picture)?;
        let mut by_class = [0; Class::COUNT];
        for (_, request) in self.waiting(id) {
            by_class[request.traits.class as usize] += 1;
        }
        let shown = (picture.queue.waiting, picture.queue.by_class);
        must!(R10, shown == (waiting, by_class), "{id}: {shown:?} wait, and {by_class:?} should");
        self.fact(Fact::Equation);

        let known: Vec<ProcessId> = self.members(id).map(|(id, _)| id).collect();
        let shown: Vec<ProcessId> = picture.processes.iter().map(|it| it.process).collect();
        must!(R10, known == shown, "{id}: shows {shown:?}, and there are {known:?}");
        let mut sums = [0; 5];
        for process in &picture.processes {
            self.check_process(process)?;
            for slot in &process.slots {
                sums[state_of(slot)] += 1;
            }
        }
        let slots = &picture.slots;
        let shown = [slots.running, slots.deferred, slots.idle, slots.withdrawn, slots.out_of_band];
        must!(R10, sums == shown, "{id}: gauges are {shown:?}, and the table says {sums:?}");
        super::FINE
    }

    fn check_process(&mut self, picture: &ProcessPicture) -> Checked {
        let id = picture.process;
        let process = &self.processes[&id];
        let phase = if process.leaving {
            PhasePicture::Leaving
        } else if process.drained_at.is_some() {
            PhasePicture::Draining
        } else if process.hello_at.is_none() {
            PhasePicture::Booting
        } else if process.isolated.is_some() {
            PhasePicture::Isolated
        } else if process.is_out() {
            PhasePicture::Out
        } else if process.is_away() {
            PhasePicture::Quiescing
        } else if process.retired.is_some() {
            PhasePicture::Retiring
        } else {
            PhasePicture::Serving
        };
        must!(R10, phase == picture.phase, "{id} is {phase:?}, not {:?}", picture.phase);
        if process.leaving {
            return super::FINE;
        }
        let (usable, away) = (process.is_usable(), process.is_away());
        for (index, (mine, shown)) in (0..).zip(process.slots.iter().zip(&picture.slots)) {
            let right = match mine.state {
                State::Running { request, .. } => SlotPicture::Running(request),
                State::Deferred { request, .. } => SlotPicture::Deferred(request),
                State::Idle if usable => SlotPicture::Idle,
                State::Idle if away => SlotPicture::OutOfBand,
                State::Idle => SlotPicture::Withdrawn,
            };
            let slot = SlotId { process: id, index };
            must!(R10, right == *shown, "{slot} is {right:?}, and is shown as {shown:?}");
        }
        let (mine, shown) = (process.slots.len(), picture.slots.len());
        must!(R10, mine == shown, "{id} has {mine} slots, and {shown} are shown");
        let mine = process.times;
        let mine = [mine.running, mine.deferred, mine.idle, mine.withdrawn, mine.out_of_band];
        let shown = [picture.running, picture.deferred, picture.idle, picture.withdrawn];
        let shown = [shown[0], shown[1], shown[2], shown[3], picture.out_of_band];
        must!(R10, mine == shown, "{id}: slot times are {shown:?}, and were {mine:?}");
        let beside = !process.early.is_empty() && process.has_idle_slot();
        must!(R2, !beside, "{id} keeps {:?} beside an idle slot", process.early);
        let detached = process.detached.len();
        must!(R10, detached == picture.detached as usize, "{id} has {detached} detached");
        self.fact(Fact::SameTable);
        self.fact(Fact::SameTimes);
        super::FINE
    }
}

fn state_of(slot: &SlotPicture) -> usize {
    match slot {
        SlotPicture::Running(_) => 0,
        SlotPicture::Deferred(_) => 1,
        SlotPicture::Idle => 2,
        SlotPicture::Withdrawn => 3,
        SlotPicture::OutOfBand => 4,
    }
}

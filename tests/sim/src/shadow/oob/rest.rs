//! Who is away, and who waits for it, whenever the engine rests (rule R8).

use maitred_engine::event::OobOutcome;
use maitred_engine::id::{PoolId, ProcessId};
use maitred_engine::snapshot::{OobAskPicture, OobWaitsFor, Snapshot};
use maitred_engine::time::Time;

use super::{Ask, Stage};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};
use crate::shadow::{self, Process, Shadow, broken};

impl Shadow {
    /// Takes from the picture who quiesces, and checks all of rule R8 that must hold at rest.
    pub(in crate::shadow) fn note_away(&mut self, snapshot: &Snapshot) -> Checked {
        if let Some((process, ask, outcome)) = self.oob_due.pop() {
            let kind = ask.what.kind;
            return broken(Rule::R8, format!("{kind} of {process} did not end {outcome:?}"));
        }
        let leaves = self.departure.is_some();
        for (process, outcome) in std::mem::take(&mut self.must_leave) {
            let record = self.processes.get(&process);
            let stays = record.is_some_and(Process::is_staying);
            let fine = !stays || (leaves && outcome == OobOutcome::Dropped);
            must!(R8, fine, "the work of {process} ended {outcome:?}, and it stays");
        }
        let now = self.now;
        for (id, process) in &mut self.processes {
            process.seen_at = now;
            if process.leaving {
                process.asks.retain(|ask| ask.stage != Stage::Overstayed);
            }
            let left = process.asks.iter().find(|ask| !process.is_up() && !ask.is_out());
            let gone = process.leaving && !process.asks.is_empty();
            must!(R8, left.is_none() && !gone, "{id} leaves and its asks do not: {process:?}");
        }
        for pool in &snapshot.pools {
            self.note_asks(pool.pool, &pool.oob.asks)?;
            self.check_away(pool.pool)?;
            for ask in &pool.oob.asks {
                self.check_patience(pool.pool, ask)?;
            }
            let count = &self.pools[&pool.pool].count;
            let right = (&count.oob, count.oob_given_up);
            let shown = (&pool.totals.oob, pool.totals.oob_given_up);
            must!(R8, right == shown, "{}: counts are {shown:?}, not {right:?}", pool.pool);
        }
        self.granted.clear();
        self.sent_to.clear();
        shadow::FINE
    }

    /// Compares asks with those that are shown, and takes over what is not told otherwise.
    fn note_asks(&mut self, pool: PoolId, shown: &[OobAskPicture]) -> Checked {
        let now = self.now;
        let limits = self.pools[&pool].limits.oob.clone();
        let mut asks: Vec<(u64, ProcessId)> = Vec::new();
        for (id, process) in self.members(pool) {
            let open = process.asks.iter().filter(|ask| ask.stage != Stage::Overstayed);
            asks.extend(open.map(|ask| (ask.number, id)));
        }
        asks.sort_unstable();
        // Somebody waited for a moment: all that quiesced came back, and one got the request.
        let sent_to = |(id, it): (ProcessId, &Process)| it.is_away() && self.sent_to.contains(&id);
        let needed = self.members(pool).any(sent_to) || self.is_needed(pool);
        let (mine, theirs) = (asks.len(), shown.len());
        must!(R8, mine == theirs, "{pool}: {theirs} asks are shown of {mine}");
        for ((number, id), shown) in asks.into_iter().zip(shown) {
            let Some(process) = self.processes.get_mut(&id) else { continue };
            let Some(ask) = process.asks.iter_mut().find(|ask| ask.number == number) else {
                continue;
            };
            let right = (id, &ask.what.kind, ask.coalesced, ask.is_overdue(now), ask.began());
            let since = shown.out.map(|span| Time(now.0 - span.as_nanos() as u64));
            let said = (shown.process, &shown.what.kind, shown.coalesced, shown.overdue, since);
            must!(R8, right == said, "{pool}: an ask is {right:?}, and is shown as {said:?}");
            let given_up = shown.given_up.saturating_sub(ask.given_up);
            must!(R8, shown.given_up >= ask.given_up, "{id}: given up less often than before");
            ask.given_up = shown.given_up;
            let quiescing = shown.waits_for == Some(OobWaitsFor::Slots);
            let mut new = false;
            match ask.stage {
                Stage::Quiescing(since) if quiescing && given_up == 0 => {
                    must!(R8, now < since + limits.quiesce_max, "{id} quiesces for too long");
                }
                Stage::Quiescing(since) if !quiescing => {
                    let over = now >= since + limits.quiesce_max;
                    must!(R8, over || needed, "{id} gave up quiescing for no reason");
                    must!(R8, given_up > 0, "{id} gave up quiescing and does not count it");
                    let rests = shown.waits_for == Some(OobWaitsFor::NextTry);
                    must!(R8, over || !rests, "{id} rests although its lease is not over");
                    ask.stage = match rests {
                        true => Stage::Resting(now + limits.quiesce_max),
                        false => Stage::Waiting,
                    };
                }
                Stage::Waiting | Stage::Resting(_) | Stage::Quiescing(_) if quiescing => {
                    let rests = matches!(ask.stage, Stage::Resting(until) if now < until);
                    must!(R8, !rests, "{id} quiesces again before it may");
                    ask.stage = Stage::Quiescing(now);
                    new = true;
                }
                Stage::Resting(until) => {
                    let rests = shown.waits_for == Some(OobWaitsFor::NextTry);
                    must!(R8, rests == (now < until), "{id} rests until {until:?}: {shown:?}");
                    if !rests {
                        ask.stage = Stage::Waiting;
                    }
                }
                Stage::Waiting | Stage::Quiescing(_) | Stage::Out(_) | Stage::Overstayed => {}
            }
            if new {
                self.granted.insert(id);
            }
            if new || given_up > 0 {
                self.wobbled.insert(id);
            }
            if given_up > 0 {
                self.fact(Fact::OobGivenUp);
                if let Some(pool) = self.pools.get_mut(&pool) {
                    pool.count.oob_given_up += u64::from(given_up);
                }
            }
        }
        shadow::FINE
    }

    /// Whether a process that quiesces may be needed: somebody waits, or too few serve.
    fn is_needed(&self, pool: PoolId) -> bool {
        let floor = self.pools[&pool].limits.oob.min_ready as usize;
        let serving = self.members(pool).filter(|(_, it)| it.is_serving()).count();
        self.departure.is_some() || self.waiting(pool).next().is_some() || serving < floor
    }

    /// Never more than the limit away, never fewer than the floor left, and only at a quiet moment.
    fn check_away(&mut self, pool: PoolId) -> Checked {
        let limits = &self.pools[&pool].limits;
        let (limit, floor) = (limits.oob.concurrent as usize, limits.oob.min_ready as usize);
        let small = limits.processes as usize <= floor;
        let away: Vec<(ProcessId, Ask)> = self
            .members(pool)
            .filter(|(_, it)| it.is_away())
            .filter_map(|(id, it)| {
                let away = |ask: &&Ask| matches!(ask.stage, Stage::Quiescing(_) | Stage::Out(_));
                Some((id, it.asks.iter().find(away)?.clone()))
            })
            .collect();
        let count = away.len();
        must!(R8, count <= limit, "{pool}: {count} processes are away, and {limit} may be");
        let serving = self.members(pool).filter(|(_, it)| it.is_serving()).count();
        let waits = self.waiting(pool).count();
        for (id, ask) in away {
            let late = ask.deadline <= ask.began().unwrap_or(self.now);
            let new = self.granted.contains(&id);
            let quiesces = ask.began().is_none();
            if quiesces || new {
                must!(R8, serving >= floor || small, "{id} is away, and {serving} serve");
                let quiet = late && (!small || serving >= floor);
                must!(R8, quiet || waits == 0, "{id} goes away while {waits} requests wait");
            }
            if !new {
                continue;
            }
            let idle = |other: &Process| other.is_usable() && other.has_idle_slot();
            let idle = self.members(pool).any(|(other, it)| other != id && idle(it));
            let alone = serving == 0;
            must!(R8, late || idle || alone || small, "{id} goes away and no slot is idle");
            self.fact(if late { Fact::OobLate } else { Fact::OobQuiet });
            if small {
                self.fact(Fact::OobSmall);
            }
        }
        shadow::FINE
    }

    /// An ask waits for a reason that holds.
    fn check_patience(&mut self, pool: PoolId, shown: &OobAskPicture) -> Checked {
        let Some(reason) = shown.waits_for else { return shadow::FINE };
        let limits = &self.pools[&pool].limits;
        let (limit, floor) = (limits.oob.concurrent as usize, limits.oob.min_ready as usize);
        let small = limits.processes as usize <= floor;
        let members = || self.members(pool);
        let away = members().filter(|(_, it)| it.is_away()).count();
        let serving = members().filter(|(_, it)| it.is_serving()).count();
        let waits = self.waiting(pool).next().is_some();
        let its = &self.processes[&shown.process];
        let same = |ask: &&Ask| ask.what.kind == shown.what.kind && !ask.is_out();
        let late = its.asks.iter().find(same).is_some_and(|ask| ask.deadline <= self.now);
        let idle = |other: &Process| other.is_usable() && other.has_idle_slot();
        let idle = members().any(|(other, it)| other != shown.process && idle(it));
        let holds = match reason {
            OobWaitsFor::Slots => its.taken() > 0 && its.is_away(),
            OobWaitsFor::Limit => away >= limit,
            OobWaitsFor::Floor => serving <= floor && !small,
            OobWaitsFor::EmptyQueue => small && (waits || its.taken() > 0),
            OobWaitsFor::Queue => waits && !late,
            OobWaitsFor::IdleSlot => !idle && !late,
            OobWaitsFor::Process => !its.is_serving(),
            // Compared above.
            OobWaitsFor::NextTry => true,
        };
        let kind = &shown.what.kind;
        must!(R8, holds, "{kind} of {} waits for no reason: {shown:?}", shown.process);
        self.fact(Fact::OobWaits);
        shadow::FINE
    }
}

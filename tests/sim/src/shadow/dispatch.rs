//! A request goes to a slot: may it, is it its turn, is that the right slot, and is it alone where
//! it has to be (rules R1, R3 and R13)?

use std::fmt::Display;
use std::time::Duration;

use maitred_engine::id::{PoolId, RequestId, SlotId};
use maitred_engine::time::Time;

use super::lines::Line;
use super::{Place, Process, Request, Shadow, State, broken};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

/// A request that was sent, and who else of its class waited in the same line.
#[derive(Debug)]
pub(super) struct Turn {
    pool: PoolId,
    request: RequestId,
    older: Option<RequestId>,
    newer: Option<RequestId>,
}

impl Shadow {
    pub(super) fn dispatched(
        &mut self,
        request: RequestId,
        slot: SlotId,
        what: (Duration, u64),
    ) -> Checked {
        let (waited, begins_at) = what;
        let Some(record) = self.requests.get(&request) else {
            return broken(Rule::R6, format!("{request} has an outcome and was dispatched"));
        };
        must!(
            R6,
            !self.expected.contains_key(&request),
            "{request} was dispatched although it is over"
        );
        let Some(since) = record.waiting_since() else {
            return broken(Rule::R4, format!("{request} was dispatched while it runs"));
        };
        let ahead = matches!(record.line, Line::Ahead(_));
        must!(R4, !ahead, "{request} was sent ahead, and is sent again to {slot}");
        let wait = record.wait + self.now.since(since);
        must!(R4, waited == wait, "{request} waited {wait:?}, and is said to have {waited:?}");
        self.check_slot(record.pool, request, slot)?;
        self.check_company(record, request, slot)?;
        self.check_line(request, slot)?;
        self.check_turn(request, &slot)?;
        self.check_choice(request, slot)?;
        self.occupied(request, slot, (wait, begins_at));
        super::FINE
    }

    /// A request is in a slot from now on.
    pub(super) fn occupied(&mut self, request: RequestId, slot: SlotId, what: (Duration, u64)) {
        let (wait, begins_at) = what;
        let deadlines = self.requests.get(&request).map(|record| record.traits.deadlines);
        let now = self.now;
        self.sent_to.insert(slot.process);
        self.uses += 1;
        if let Some(process) = self.processes.get_mut(&slot.process) {
            process.used = self.uses;
            if let Some(place) = process.slots.get_mut(slot.index as usize) {
                place.state = State::Running { request, since: now };
                place.begins_at = begins_at;
                place.began = false;
                place.deadlines = deadlines.unwrap_or_default();
            }
        }
        self.fact(Fact::ToIdleSlot);
        let Some(record) = self.requests.get_mut(&request) else { return };
        record.wait = wait;
        record.dispatched = now;
        record.attempts += 1;
        record.place = Place::Running(slot);
        if record.is_suspect() {
            let process = self.processes.get_mut(&slot.process).expect("its slot was looked at");
            process.isolated = process.isolated.map(|_| now);
            self.fact(Fact::Alone);
        }
    }

    /// Rule R1.
    pub(super) fn check_slot(&self, pool: PoolId, request: RequestId, slot: SlotId) -> Checked {
        let Some(process) = self.processes.get(&slot.process) else {
            return broken(Rule::R1, format!("{request} was sent to {slot}, which is gone"));
        };
        let state = process.slots.get(slot.index as usize).map(|slot| slot.state);
        must!(
            R1,
            state == Some(State::Idle),
            "{request} was sent to {slot}, which never said ready: {state:?}"
        );
        must!(R1, process.is_up(), "{request} was sent to {slot}, whose process is leaving");
        must!(R8, !process.is_out(), "{request} was sent to {slot}, which is out of band");
        must!(R1, process.pool == pool, "{request} was sent to another pool: {slot}");
        super::FINE
    }

    /// Rule R3: of those that wait in the same line it is this one's turn.
    pub(super) fn check_turn(&mut self, request: RequestId, to: &dyn Display) -> Checked {
        let record = &self.requests[&request];
        let (pool, class, line) = (record.pool, record.traits.class, record.line);
        if line == Line::Unknown {
            return super::FINE;
        }
        let (suspect, again) = (record.is_suspect(), record.attempts > 0);
        let kin = |it: &Request| it.is_suspect() == suspect && it.line == line;
        let (mut others, mut lower) = (0, false);
        let (mut older, mut newer) = (None, None);
        for (id, other) in self.waiting(pool).filter(|(id, it)| *id != request && kin(it)) {
            if self.expected.contains_key(&id) {
                continue;
            }
            let higher = other.traits.class < class;
            must!(R3, !higher, "{request} was sent to {to} before {id}, of a higher class");
            if other.traits.class == class {
                let first = if other.arrived < record.arrived { &mut older } else { &mut newer };
                if other.arrived != record.arrived {
                    first.get_or_insert(id);
                }
            }
            lower |= other.traits.class > class && other.arrived < record.arrived;
            others += 1;
        }
        // Suspects wait in the order of their age whatever comes.
        let newer = if suspect { Some(request) } else { newer };
        self.turns.push(Turn { pool, request, older, newer });
        if others > 0 {
            self.fact(Fact::Oldest);
            if again {
                self.fact(Fact::KeptAge);
            }
            if lower {
                self.fact(Fact::Priority);
            }
        }
        super::FINE
    }

    /// Whether the oldest goes first or the newest depends on whether the pool is overloaded.
    pub(super) fn check_turns(
        &mut self,
        pool: PoolId,
        before: Option<Time>,
        after: Option<Time>,
    ) -> Checked {
        // It may have become overloaded and worked that off between two looks.
        let calm = before.is_none() && after.is_none() && !self.may_be_overloaded(pool);
        for turn in self.turns.extract_if(.., |turn| turn.pool == pool) {
            let Turn { request, older, newer, .. } = turn;
            let suspect = newer == Some(request);
            if calm || suspect {
                must!(R3, older.is_none(), "{request} was sent before {older:?}, whose turn it is");
            } else if before.is_some() && before == after {
                must!(R3, newer.is_none(), "{request} was sent before {newer:?}, in an overload");
                self.coverage.fact(Fact::Newest);
            }
        }
        super::FINE
    }

    /// Which of the idle slots is the right one: of the process with the smallest share taken.
    fn check_choice(&mut self, request: RequestId, slot: SlotId) -> Checked {
        let record = &self.requests[&request];
        let pool = record.pool;
        let quiet = |process: &Process| process.isolated.is_none() && !process.is_away();
        let quiet = self.members(pool).all(|(_, process)| quiet(process));
        if record.is_suspect() || !quiet || record.line != Line::Shared {
            return super::FINE;
        }
        let share = |process: &Process| (process.taken() as u64, process.slots.len() as u64);
        let (taken, of) = share(&self.processes[&slot.process]);
        for (id, other) in self.members(pool) {
            let (its, all) = share(other);
            let better = other.is_usable() && other.has_idle_slot() && its * of < taken * all;
            must!(R1, !better, "{request} was sent to {slot}, and {id} has more slots idle");
        }
        self.fact(Fact::Choice);
        super::FINE
    }

    /// Rule R13: a suspect runs alone, and nobody joins it.
    fn check_company(&self, record: &Request, request: RequestId, slot: SlotId) -> Checked {
        let process = &self.processes[&slot.process];
        if record.is_suspect() {
            must!(R13, process.is_empty(), "{request} is a suspect and not alone in {slot}");
        }
        for place in &process.slots {
            let held = match place.state {
                State::Idle => continue,
                State::Running { request, .. } | State::Deferred { request, .. } => request,
            };
            let Some(guest) = self.requests.get(&held).filter(|it| it.is_suspect()) else {
                continue;
            };
            let lease = self.pools[&guest.pool].limits.isolation_max;
            let over = self.now >= guest.dispatched + lease;
            must!(R13, over, "{request} was sent to {slot}, beside the suspect {held}");
        }
        super::FINE
    }
}

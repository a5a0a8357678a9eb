//! Requests that are sent ahead: only to who is alone, and they start in no slot but one that said
//! ready (rules R1 to R3, R6 and R12).

use std::time::Duration;

use maitred_engine::id::{ProcessId, RequestId, SlotId};
use maitred_engine::limits::Routing;

use super::lines::Line;
use super::{Place, Shadow, broken};
use crate::coverage::Fact;
use crate::rule::{Checked, Rule, must};

impl Shadow {
    pub(crate) fn early_wanted(&mut self, process: ProcessId) {
        if let Some(record) = self.processes.get_mut(&process) {
            record.takes_early = true;
        }
    }

    /// A request is sent to a process whose slots are all taken.
    pub(super) fn handed_early(
        &mut self,
        request: RequestId,
        process: ProcessId,
        (waited, begins_at): (Duration, u64),
    ) -> Checked {
        let over = self.expected.contains_key(&request);
        let Some(record) = self.requests.get(&request).filter(|_| !over) else {
            return broken(Rule::R6, format!("{request} is over and was sent ahead"));
        };
        let waits = record.is_in_line();
        must!(R4, waits, "{request} was sent ahead although it does not wait in line");
        let stay = record.waiting_since().map_or(Duration::ZERO, |since| self.now.since(since));
        let wait = record.wait + stay;
        must!(R4, waited == wait, "{request} waited {wait:?}, and is said to have {waited:?}");
        must!(R12, record.traits.body_held, "{request} was sent ahead and could not come back");
        let pool = record.pool;
        let limits = &self.pools[&pool].limits;
        let shared = limits.routing == Routing::Global && limits.overload.is_none();
        must!(R3, shared, "{request} was sent ahead in {pool}");
        let others = self.members(pool).filter(|(id, _)| *id != process).count();
        let alone = limits.processes == 1 && others == 0;
        must!(R2, alone, "{request} was sent ahead to {process}, which is not alone");
        let Some(its) = self.processes.get(&process).filter(|it| it.is_up()) else {
            return broken(Rule::R1, format!("{request} was sent ahead to {process}"));
        };
        must!(R2, !its.has_idle_slot(), "{request} was sent ahead beside an idle slot");
        let max = if its.takes_early { limits.early_max as usize } else { 0 };
        must!(
            R1,
            its.early.len() < max,
            "{process} cannot keep {request}: it keeps {:?}",
            its.early
        );
        self.check_turn(request, &process)?;
        if let Some(record) = self.requests.get_mut(&request) {
            record.line = Line::Ahead(process);
        }
        if let Some(record) = self.processes.get_mut(&process) {
            record.early.push_back((request, begins_at));
        }
        self.fact(Fact::SentAhead);
        super::FINE
    }

    /// The slot that said ready has what was sent ahead.
    pub(super) fn early_taken(
        &mut self,
        request: RequestId,
        slot: SlotId,
        waited: Duration,
    ) -> Checked {
        let Some(process) = self.processes.get_mut(&slot.process) else {
            return broken(Rule::R1, format!("{slot} is gone and took {request}"));
        };
        let (pool, kept) = (process.pool, process.early.pop_front());
        let its = kept.map(|(request, _)| request);
        must!(R1, its == Some(request), "{slot} took {request}, and its process keeps {its:?}");
        let state = self.slot(slot).map(|slot| slot.state);
        let idle = state == Some(super::State::Idle);
        must!(R1, idle, "{slot} took {request} and never said ready: {state:?}");
        let stay = self.requests.get(&request).and_then(|record| {
            record.waiting_since().map(|since| record.wait + self.now.since(since))
        });
        let wait = stay.unwrap_or_default();
        must!(R4, waited == wait, "{request} waited {wait:?}, and is said to have {waited:?}");
        must!(R1, self.processes[&slot.process].pool == pool, "{request} is in another pool");
        let begins_at = kept.map_or(0, |(_, begins_at)| begins_at);
        self.occupied(request, slot, (wait, begins_at));
        self.fact(Fact::EarlyTaken);
        super::FINE
    }

    /// The process keeps nothing any more of what was sent ahead to it.
    pub(super) fn all_early_returned(&mut self, process: ProcessId) -> Checked {
        let kept = self.processes.get(&process).map(|it| it.early.clone()).unwrap_or_default();
        kept.iter().try_for_each(|(request, _)| self.early_returned(process, *request))
    }

    /// The process does not keep a request any more that was sent ahead to it, and its app never
    /// saw that.
    pub(crate) fn early_returned(&mut self, process: ProcessId, request: RequestId) -> Checked {
        let now = self.now;
        let Some(its) = self.processes.get_mut(&process) else { return super::FINE };
        its.early.retain(|(kept, _)| *kept != request);
        self.not_seen(process, request)?;
        let liar = self.processes.get(&process).is_some_and(|it| it.liar);
        let Some(record) = self.requests.get_mut(&request) else { return super::FINE };
        record.lied_about |= liar;
        let Place::Waiting { since } = record.place else { return super::FINE };
        record.wait += now.since(since);
        record.place = Place::Waiting { since: now };
        record.line = Line::Shared;
        self.fact(Fact::EarlyReturned);
        super::FINE
    }
}

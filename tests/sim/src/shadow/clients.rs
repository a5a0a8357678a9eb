//! What clients do, and what must come of it.

use maitred_engine::class::Class;
use maitred_engine::event::{Outcome, Refusal, Traits};
use maitred_engine::id::{PoolId, RequestId};

use super::{Place, Process, Request, Shadow};
use crate::coverage::Fact;
use crate::rule::Rule;

impl Shadow {
    /// A request whose body is still to come. Whether it must be refused now.
    pub(crate) fn announced(&mut self, request: RequestId, pool: PoolId, class: Class) {
        let Some(why) = self.must_refuse(pool, class) else { return };
        self.fact(Fact::AnnouncedRefused);
        self.enter(request, pool, Traits::default());
        self.expect(request, Outcome::Refused(why), Rule::R5);
    }

    pub(crate) fn arrived(&mut self, request: RequestId, pool: PoolId, traits: Traits) {
        let refused = self.must_refuse(pool, traits.class);
        let full = self.is_full(pool);
        self.enter(request, pool, traits);
        if let Some(why) = refused {
            self.expect(request, Outcome::Refused(why), Rule::R5);
        } else if full {
            // Somebody of a lower class has to make room.
            self.evict = Some((pool, traits.class));
        }
    }

    fn enter(&mut self, request: RequestId, pool: PoolId, traits: Traits) {
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.count.arrived += 1;
        }
        let now = self.now;
        let record = Request {
            pool,
            traits,
            arrived: now,
            place: Place::Waiting { since: now },
            line: super::lines::Line::Shared,
            wait: std::time::Duration::ZERO,
            dispatched: now,
            responded: false,
            attempts: 0,
            crashes: 0,
            suspicions: 0,
            seen_by: None,
            lied_about: false,
        };
        self.requests.insert(request, record);
    }

    /// Rule R5: refused at once is who would wait although the queue is full, or who comes when
    /// nobody is left to serve.
    fn must_refuse(&self, pool: PoolId, class: Class) -> Option<Refusal> {
        let nobody = !self.members(pool).any(|(_, process)| process.is_staying());
        if self.departure.is_some() && (self.is_cut() || nobody) {
            return Some(Refusal::Draining);
        }
        let lower = |it: &Request| it.is_in_line() && it.traits.class > class;
        if !self.is_full(pool) || self.waiting(pool).any(|(_, it)| lower(it)) {
            return None;
        }
        Some(self.full(pool))
    }

    /// What a full queue is called.
    pub(super) fn full(&self, pool: PoolId) -> Refusal {
        let booted = self.pools[&pool].first_hello.is_some();
        if booted { Refusal::QueueFull } else { Refusal::BootingFull }
    }

    /// Whether one more would have to wait and may not.
    fn is_full(&self, pool: PoolId) -> bool {
        let idle = |process: &Process| process.is_usable() && process.has_idle_slot();
        let record = &self.pools[&pool];
        let max = match record.first_hello {
            Some(_) => record.limits.queue_len_max,
            None => record.limits.booting_len_max,
        };
        let full = self.waiting(pool).count() >= max as usize;
        full && !self.members(pool).any(|(_, process)| idle(process))
    }

    /// Rule R6. Leaving is an outcome wherever the request is, and an app that has it is told.
    pub(crate) fn client_gone(&mut self, request: RequestId) {
        let Some(record) = self.requests.get(&request) else { return };
        let place = record.place;
        let rule = match place {
            Place::Waiting { .. } => {
                self.fact(Fact::LeftQueued);
                Rule::R6
            }
            Place::Running(slot) => {
                self.tell.insert(slot);
                self.fact(Fact::LeftRunning);
                Rule::R4
            }
            Place::Detached(_) | Place::Delivering { .. } => Rule::R4,
        };
        self.expect(request, Outcome::Abandoned, rule);
    }

    /// The kernel has taken the last byte of a response.
    pub(crate) fn delivered(&mut self, request: RequestId) {
        let complete = |record: &Request| matches!(record.place, Place::Delivering { .. });
        if self.requests.get(&request).is_some_and(complete) {
            self.expect(request, Outcome::Completed, Rule::R4);
        }
    }
}

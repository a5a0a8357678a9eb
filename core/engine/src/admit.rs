//! Step 1 of a request's life: may it wait at all?
//!
//! A request that would only time out in the queue is better refused at once, and before its body
//! is read (rule R5). So is one that comes when the core's processes are on their way out.

use crate::class::Class;
use crate::engine::Engine;
use crate::event::{Failure, Outcome, Output, Refusal, Times, Traits};
use crate::id::{PoolId, RequestId};
use crate::limits::PoolLimits;
use crate::pool::Pool;
use crate::request::Request;

impl Engine {
    pub(crate) fn add_pool(&mut self, pool: PoolId, limits: PoolLimits) {
        let now = self.now;
        self.pools.entry(pool).or_insert_with(|| Pool::new(limits, now));
        self.staff(pool);
    }

    /// Refuses a request whose body is still to come, if it would be refused afterwards.
    pub(crate) fn announce(&mut self, request: RequestId, pool: PoolId, class: Class) {
        if self.requests.contains_key(&request) || self.fail_without_pool(request, pool) {
            return;
        }
        if let Some(why) = self.refusal(pool, class) {
            self.turn_away(request, pool, why);
        }
    }

    pub(crate) fn arrive(&mut self, request: RequestId, pool: PoolId, traits: Traits) {
        if self.requests.contains_key(&request) || self.fail_without_pool(request, pool) {
            return;
        }
        if let Some(why) = self.refusal(pool, traits.class) {
            return self.turn_away(request, pool, why);
        }
        self.make_room(pool, traits.class);
        let now = self.now;
        let record = Request::new(pool, traits, now);
        let wait = record.waiting(request, now);
        self.requests.insert(request, record);
        let pool_record = self.pool(pool);
        pool_record.totals.arrived += 1;
        pool_record.ranked |= traits.class != Class::default();
        pool_record.queue.push(wait);
        self.touch(pool);
    }

    /// Why a request that came now would be refused.
    fn refusal(&self, pool: PoolId, class: Class) -> Option<Refusal> {
        let record = &self.pools[&pool];
        if self.departure.is_some_and(|departure| departure.cut || !self.has_staff(pool)) {
            return Some(Refusal::Draining);
        }
        let full = record.is_full() && record.queue.last_below(class).is_none();
        full.then(|| record.full())
    }

    /// In a full queue a request takes the place of the last one of a lower class: otherwise many
    /// that can wait would lock those out that cannot.
    fn make_room(&mut self, pool: PoolId, class: Class) {
        let record = &self.pools[&pool];
        if record.is_full()
            && let Some(last) = record.queue.last_below(class)
        {
            let why = record.full();
            self.refuse(last.request, why);
        }
    }

    /// Refuses a request that has no record.
    fn turn_away(&mut self, request: RequestId, pool: PoolId, why: Refusal) {
        let now = self.now;
        let record = self.pool(pool);
        let retry_after = record.retry_after(why, now);
        record.totals.arrived += 1;
        *record.totals.refused.entry(why).or_default() += 1;
        self.put(Output::Refuse { request, why, retry_after });
        let outcome = Outcome::Refused(why);
        self.put(Output::Ended { request, pool, outcome, times: Times::default() });
    }

    /// A pool that does not exist counts nothing; its client is not left waiting all the same.
    fn fail_without_pool(&mut self, request: RequestId, pool: PoolId) -> bool {
        let unknown = !self.pools.contains_key(&pool);
        if unknown {
            let why = Failure::Broken;
            self.put(Output::Fail { request, why });
            let (outcome, times) = (Outcome::Failed(why), Times::default());
            self.put(Output::Ended { request, pool, outcome, times });
        }
        unknown
    }

    /// Refuses all that have waited too long.
    pub(crate) fn expire_waits(&mut self) {
        let now = self.now;
        let overdue = |pool: &Pool| {
            let (at, request) = pool.next_expiry()?;
            (at <= now).then(|| (request, pool.waited_too_long()))
        };
        while let Some((request, why)) = self.pools.values().find_map(overdue) {
            let pool = self.requests[&request].pool;
            self.pool(pool).note_target_reached(now);
            self.refuse(request, why);
        }
    }

    /// Refuses a request that waits.
    pub(crate) fn refuse(&mut self, request: RequestId, why: Refusal) {
        let Some(record) = self.requests.get(&request) else { return };
        let pool = record.pool;
        let retry_after = self.pools[&pool].retry_after(why, self.now);
        self.put(Output::Refuse { request, why, retry_after });
        self.end(request, Outcome::Refused(why));
    }
}

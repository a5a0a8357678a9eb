//! How long things took over the last five minutes.
//!
//! The driver records every request here while it holds its lock, so recording never allocates,
//! locks or loops: a handful of additions and one histogram cell per measure. Reading merges the
//! windows and is done for people, a few times per second at most.

use std::time::Duration;

use maitred_engine::event::{Outcome, Times};
use maitred_engine::id::PoolId;
use maitred_engine::time::Time;
use rustc_hash::FxHashMap;

mod window;

use window::{Measure, Window};

/// Length of one window. Default 30 s: figures forget in steps of a tenth of what they cover.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Windows kept per pool. Default 10: five minutes, long enough for a p99 of a quiet app, short
/// enough that a deploy shows.
pub const WINDOWS: usize = 10;

/// What was measured lately, pool by pool. Bounded: about 0.7 MB per pool, whatever the traffic.
#[derive(Debug, Default)]
pub struct Stats {
    pools: FxHashMap<PoolId, Ring>,
}

/// The figures of one pool over [`Summary::window`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// What the figures cover: up to [`WINDOW`] times [`WINDOWS`], less after a start.
    pub window: Duration,
    /// Requests with an outcome.
    pub requests: u64,
    /// Of them: 5xx sent, or a response visibly broken.
    pub errors: u64,
    /// Of them: refused.
    pub refused: u64,
    /// Slots that said ready.
    pub freed: u64,
    /// Time for which slots were occupied until their response was complete.
    pub service_time: Duration,
    /// Time for which slots were occupied after that.
    pub deferred_time: Duration,
    /// Arrival to dispatch.
    pub wait: Quantiles,
    /// Dispatch to response complete.
    pub service: Quantiles,
    /// Response complete to ready, of those that deferred.
    pub deferred: Quantiles,
    /// Response complete to last byte accepted by the kernel.
    pub delivery: Quantiles,
    /// Request head to request body held.
    pub upload: Quantiles,
}

/// Some quantiles of a distribution; all zero without values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantiles {
    /// How many values there were.
    pub count: u64,
    /// Half of them were at most this.
    pub p50: Duration,
    /// 95 in 100 were at most this.
    pub p95: Duration,
    /// 99 in 100 were at most this.
    pub p99: Duration,
    /// The largest, exactly.
    pub max: Duration,
}

impl Stats {
    /// Nothing measured yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for a pool. Without this the first request of the pool pays for it.
    pub fn pool_added(&mut self, pool: PoolId) {
        self.ring(pool);
    }

    /// A request has its outcome. `status_code`: what the client was sent, 0 for nothing.
    #[expect(clippy::too_many_arguments, reason = "one output of the engine and what was sent")]
    pub fn ended(
        &mut self,
        now: Time,
        pool: PoolId,
        outcome: &Outcome,
        times: &Times,
        status_code: u16,
    ) {
        let window = self.ring(pool).at(now);
        window.requests += 1;
        let left = matches!(outcome, Outcome::Abandoned);
        let failed = matches!(outcome, Outcome::Failed(_));
        window.errors += u64::from(failed || (status_code >= 500 && !left));
        window.refused += u64::from(matches!(outcome, Outcome::Refused(_)));
        if times.attempts > 0 {
            window.record(Measure::Wait, times.wait);
        }
        if let Some(service) = times.service {
            window.record(Measure::Service, service);
        }
        if let Some(delivery) = times.delivery {
            window.record(Measure::Delivery, delivery);
        }
    }

    /// A slot said ready. `deferred`: zero when it was free with the end of its response.
    pub fn freed(&mut self, now: Time, pool: PoolId, service: Duration, deferred: Duration) {
        let window = self.ring(pool).at(now);
        window.freed += 1;
        window.service_time += service;
        window.deferred_time += deferred;
        if !deferred.is_zero() {
            window.record(Measure::Deferred, deferred);
        }
    }

    /// The body of a request was taken in whole before the request was dispatched.
    pub fn uploaded(&mut self, now: Time, pool: PoolId, took: Duration) {
        self.ring(pool).at(now).record(Measure::Upload, took);
    }

    /// The figures of `pool` as they are now.
    #[must_use]
    pub fn summary(&self, now: Time, pool: PoolId) -> Summary {
        let nothing = || Summary { window: covered(now), ..Summary::default() };
        self.pools.get(&pool).map_or_else(nothing, |ring| ring.summary(now))
    }

    fn ring(&mut self, pool: PoolId) -> &mut Ring {
        self.pools.entry(pool).or_default()
    }
}

impl Summary {
    /// Requests with an outcome, per second.
    #[must_use]
    pub fn requests_per_second(&self) -> f64 {
        share(self.requests as f64, self.window.as_secs_f64())
    }

    /// The share of requests that ended as errors, 0 to 1.
    #[must_use]
    pub fn error_share(&self) -> f64 {
        share(self.errors as f64, self.requests as f64)
    }

    /// The share of requests after which the slot was not free at once, 0 to 1.
    #[must_use]
    pub fn deferred_share(&self) -> f64 {
        share(self.deferred.count as f64, self.freed as f64)
    }

    /// The share of occupied slot time that was deferred, 0 to 1.
    #[must_use]
    pub fn deferred_time_share(&self) -> f64 {
        let deferred = self.deferred_time.as_secs_f64();
        share(deferred, deferred + self.service_time.as_secs_f64())
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The windows of one pool: each is used again for the time [`WINDOWS`] windows later.
#[derive(Debug)]
struct Ring {
    windows: [Window; WINDOWS],
}

impl Default for Ring {
    fn default() -> Self {
        Self { windows: std::array::from_fn(|number| Window::new(number as u64)) }
    }
}

impl Ring {
    /// The window of `now`, emptied if it still held what was measured five minutes ago.
    fn at(&mut self, now: Time) -> &mut Window {
        let number = number(now);
        let window = &mut self.windows[place(number)];
        // A late report never empties a newer window: it is counted there.
        if window.number < number {
            window.restart(number);
        }
        window
    }

    fn summary(&self, now: Time) -> Summary {
        let latest = number(now);
        let first = first(latest);
        let lasting: Vec<&Window> = self
            .windows
            .iter()
            .filter(|window| (first..=latest).contains(&window.number))
            .collect();
        let quantiles = |measure| window::quantiles(&lasting, measure);
        let sum = |count: fn(&Window) -> u64| lasting.iter().map(|window| count(window)).sum();
        Summary {
            window: covered(now),
            requests: sum(|window| window.requests),
            errors: sum(|window| window.errors),
            refused: sum(|window| window.refused),
            freed: sum(|window| window.freed),
            service_time: lasting.iter().map(|window| window.service_time).sum(),
            deferred_time: lasting.iter().map(|window| window.deferred_time).sum(),
            wait: quantiles(Measure::Wait),
            service: quantiles(Measure::Service),
            deferred: quantiles(Measure::Deferred),
            delivery: quantiles(Measure::Delivery),
            upload: quantiles(Measure::Upload),
        }
    }
}

const WINDOW_NS: u64 = WINDOW.as_nanos() as u64;

/// Windows are numbered from the start of the core.
fn number(now: Time) -> u64 {
    now.0 / WINDOW_NS
}

/// The oldest window that counts while `latest` is being filled.
fn first(latest: u64) -> u64 {
    (latest + 1).saturating_sub(WINDOWS as u64)
}

fn covered(now: Time) -> Duration {
    now.since(Time(first(number(now)) * WINDOW_NS))
}

fn place(number: u64) -> usize {
    (number % WINDOWS as u64) as usize
}

#[cfg(test)]
mod tests;

//! What is known of a pool: a set of equal processes with one queue.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Refusal;
use crate::id::{ProcessId, RequestId};
use crate::limits::{PoolLimits, Routing};
use crate::oob::Oob;
use crate::overload::Overload;
use crate::process::Rank;
use crate::queue::Queue;
use crate::roll::Roll;
use crate::snapshot::Totals;
use crate::time::Time;
use crate::withdraw::Budget;

/// One pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) limits: PoolLimits,
    pub(crate) generation: u32,
    pub(crate) generation_since: Time,
    /// Its processes, oldest first.
    pub(crate) members: BTreeSet<ProcessId>,
    pub(crate) roll: Roll,
    /// Those that may take a request, the best one first.
    pub(crate) idle: BTreeSet<Rank>,
    pub(crate) queue: Queue,
    /// Processes that have an idle slot and somebody who waits for them alone. Empty between two
    /// inputs.
    pub(crate) due: Vec<ProcessId>,
    pub(crate) overload: Overload,
    /// Requests that wait to run alone (rule R13). They are part of the queue for every count and
    /// limit, and apart from it so that they hold nobody up.
    pub(crate) suspects: Queue,
    /// A request of another class than most has come: the order of service is not that of arrival.
    pub(crate) ranked: bool,
    /// Requests that were sent ahead and are in no slot yet. They wait like the others.
    pub(crate) early: Queue,
    /// The process that is withdrawn for a suspect.
    pub(crate) isolated: Option<ProcessId>,
    /// None is withdrawn for a suspect before this.
    pub(crate) isolation_pause_until: Time,
    /// What is taken away from those that serve, and what must not be.
    pub(crate) budget: Budget,
    pub(crate) oob: Oob,
    pub(crate) boot: Boot,
    pub(crate) drain_rate: DrainRate,
    /// Outcomes and events since start. What can be derived is not kept here.
    pub(crate) totals: Totals,
    pub(crate) peak: Peak,
}

/// How booting goes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Boot {
    /// When the first process of the pool said hello.
    pub(crate) first_at: Option<Time>,
    /// Failed rounds in a row.
    pub(crate) failures: u32,
    /// Rises with each failure that counts. Processes started together fail for one reason, and
    /// count once: only a failure of the present round counts.
    pub(crate) round: u32,
    pub(crate) next_at: Option<Time>,
    pub(crate) given_up: bool,
}

/// The worst that was seen.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Peak {
    pub(crate) waiting: u64,
    pub(crate) at: Time,
    pub(crate) longest_wait: Duration,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits, now: Time) -> Self {
        Self {
            limits,
            generation: 1,
            generation_since: now,
            members: BTreeSet::new(),
            roll: Roll::default(),
            idle: BTreeSet::new(),
            queue: Queue::default(),
            due: Vec::new(),
            overload: Overload::Calm,
            suspects: Queue::default(),
            ranked: false,
            early: Queue::default(),
            isolated: None,
            isolation_pause_until: Time::default(),
            budget: Budget::default(),
            oob: Oob::default(),
            boot: Boot::default(),
            drain_rate: DrainRate::default(),
            totals: Totals::default(),
            peak: Peak::default(),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() + self.suspects.len() + self.early.len()
    }

    /// All that wait, wherever they do.
    pub(crate) fn waits(&self) -> [&Queue; 3] {
        [&self.queue, &self.suspects, &self.early]
    }

    /// When the oldest one that waits came.
    pub(crate) fn oldest_arrival(&self) -> Option<Time> {
        self.waits().iter().filter_map(|queue| queue.oldest_arrival()).min()
    }

    /// Whether one more would have to wait and may not. Where a slot is idle nobody waits (rule
    /// R2), so that one would not either.
    pub(crate) fn is_full(&self) -> bool {
        self.idle.is_empty() && self.waiting() >= self.len_max() as usize
    }

    /// Whether all slots are taken and nobody waits for anything but the next one: what a pool
    /// under full load finds after nearly every input.
    pub(crate) fn is_busy(&self) -> bool {
        let for_anyone = self.suspects.is_empty() && !self.is_per_process();
        for_anyone && self.idle.is_empty() && self.due.is_empty() && self.isolated.is_none()
    }

    pub(crate) fn has_booted(&self) -> bool {
        self.boot.first_at.is_some()
    }

    /// Takes a request out of whichever queue it is in.
    pub(crate) fn unqueue(&mut self, request: RequestId) {
        for queue in [&mut self.early, &mut self.queue, &mut self.suspects] {
            if queue.remove(request).is_some() {
                return;
            }
        }
    }

    /// The oldest fully idle process of the best rank, found without looking at the others: within
    /// a generation it would be the first.
    pub(crate) fn empty_process(&self) -> Option<ProcessId> {
        let mut best = self.idle.first()?;
        while !best.is_empty_process() {
            best = self.idle.range(best.next_generation()..).next()?;
        }
        Some(best.process)
    }

    /// How long to wait after one more failed boot: doubled per failure, within a limit.
    pub(crate) fn boot_pause(&self) -> Duration {
        let times = 1_u32.checked_shl(self.boot.failures).unwrap_or(u32::MAX);
        self.limits.boot_backoff.saturating_mul(times).min(self.limits.boot_backoff_max)
    }

    pub(crate) fn full(&self) -> Refusal {
        if self.has_booted() { Refusal::QueueFull } else { Refusal::BootingFull }
    }

    pub(crate) fn waited_too_long(&self) -> Refusal {
        match self.has_booted() {
            true if self.wait_max() < self.limits.queue_wait_max => Refusal::Overload,
            true => Refusal::QueueWait,
            false => Refusal::BootingWait,
        }
    }

    pub(crate) fn wait_max(&self) -> Duration {
        match self.limits.overload.filter(|_| self.is_newest_first()) {
            Some(overload) => overload.target.min(self.limits.queue_wait_max),
            None if self.has_booted() => self.limits.queue_wait_max,
            None => self.limits.booting_wait_max,
        }
    }

    pub(crate) fn len_max(&self) -> u32 {
        if self.has_booted() { self.limits.queue_len_max } else { self.limits.booting_len_max }
    }

    pub(crate) fn is_per_process(&self) -> bool {
        self.limits.routing == Routing::PerProcess
    }

    /// The next request to run out of patience, and when. Asked for after every input.
    pub(crate) fn next_expiry(&self) -> Option<(Time, RequestId)> {
        let mut next = None;
        for queue in [&self.queue, &self.suspects, &self.early] {
            if let Some(wait) = queue.first_entered() {
                let expiry = (self.patient_since(wait) + self.wait_max(), wait.request);
                next = Some(next.map_or(expiry, |other| expiry.min(other)));
            }
        }
        next
    }

    pub(crate) fn note_waiting(&mut self, now: Time) {
        let waiting = self.waiting() as u64;
        self.drain_rate.note(waiting > 0, now);
        if waiting > self.peak.waiting {
            self.peak.waiting = waiting;
            self.peak.at = now;
        }
    }

    pub(crate) fn note_wait(&mut self, wait: Duration) {
        self.peak.longest_wait = self.peak.longest_wait.max(wait);
    }

    /// What to answer a refused client: how long the queue as it is now takes to drain.
    pub(crate) fn retry_after(&self, why: Refusal, now: Time) -> Duration {
        match why {
            Refusal::Draining => RETRY_AFTER_MIN,
            Refusal::BootingFull | Refusal::BootingWait => RETRY_AFTER_BOOTING,
            Refusal::QueueFull | Refusal::QueueWait | Refusal::Overload => {
                self.drain_rate.time_for(self.waiting() as u64 + 1, now)
            }
        }
    }
}

/// `Retry-After` counts in seconds, and 0 would invite a storm.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// Longer promises are not worth making: processes may be replaced in the meantime.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// Nothing was ever dispatched, so there is no rate; typical apps boot within this.
const RETRY_AFTER_BOOTING: Duration = Duration::from_secs(5);

/// How fast requests leave the queue while any wait. What is dispatched at once says nothing about
/// that: it only shows how fast requests come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct DrainRate {
    left: u64,
    /// The time in which any waited.
    span: Duration,
    waiting_since: Option<Time>,
}

impl DrainRate {
    /// Older times count half from here on: long enough to average over slow requests, short enough
    /// to follow a change of load.
    const SPAN_MAX: Duration = Duration::from_secs(10);

    /// A request left the queue for a slot.
    pub(crate) fn count(&mut self) {
        self.left += 1;
    }

    /// Some wait, or none.
    pub(crate) fn note(&mut self, waiting: bool, now: Time) {
        if let Some(since) = self.waiting_since {
            self.span += now.since(since);
        }
        self.waiting_since = waiting.then_some(now);
        if self.span > Self::SPAN_MAX {
            self.span /= 2;
            self.left /= 2;
        }
    }

    /// How long so many requests take to leave, in whole seconds. Where nothing is known yet, one
    /// may leave any moment.
    fn time_for(&self, requests: u64, now: Time) -> Duration {
        let since = self.waiting_since.unwrap_or(now);
        let nanos = (self.span + now.since(since)).as_nanos() * u128::from(requests);
        let seconds = (nanos / u128::from(self.left.max(1))).div_ceil(1_000_000_000);
        let time = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
        time.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX)
    }
}

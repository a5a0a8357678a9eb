//! One consistent picture: the engine's snapshot, the statistics and the daemon's own facts.
//!
//! A pure function of the three, taken at one moment, so that no two figures of a reply
//! contradict each other.

use std::collections::BTreeMap;
use std::time::Duration;

use maitred_engine::event::{ExitStatus, Failure, Refusal};
use maitred_engine::id::{PoolId, ProcessId};
use maitred_engine::limits::Routing;
use maitred_engine::snapshot::{PhasePicture, PoolPicture, ProcessPicture, SlotPicture, Snapshot};
use maitred_engine::time::Time;
use maitred_proto::v1;

use super::stats::{Quantiles, Stats, Summary};
use crate::supervise::OobEnd;

mod lease;
mod oob;
mod reason;
mod waiting;

/// What only the daemon knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The core's version.
    pub version: String,
    /// The core's process id.
    pub pid: u32,
    /// The name of this instance.
    pub instance: String,
    /// The folder that it serves.
    pub root: String,
    /// When the core started, in microseconds since 1970 (UTC).
    pub started_unix_us: u64,
    /// Addresses it listens on.
    pub listen: Vec<String>,
    /// Clients.
    pub connections: v1::Connections,
    /// Bodies held.
    pub buffers: v1::Buffers,
    /// Memory of the core in RAM, in bytes.
    pub rss_bytes: u64,
    /// About pools. One that is missing here has no name yet.
    pub pools: BTreeMap<PoolId, PoolFacts>,
    /// About living processes.
    pub processes: BTreeMap<ProcessId, ProcessFacts>,
}

/// What only the daemon knows of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolFacts {
    /// Its name.
    pub name: String,
    /// The kind of its app: "wsgi".
    pub kind: String,
    /// "production"
    pub environment: String,
    /// Path and version; empty until it was resolved.
    pub interpreter: String,
    /// Revision of the app's code; empty when unknown.
    pub revision: String,
    /// Processes that ended, newest first.
    pub exits: Vec<ExitFacts>,
}

/// What only the daemon knows of a living process.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessFacts {
    /// Name and version of its SDK; empty before its hello.
    pub sdk: String,
    /// Name and version of its runtime; empty before its hello.
    pub runtime: String,
    /// "exact" or "response"; empty before its hello.
    pub readiness: String,
    /// CPU time per time over the last seconds: 1.0 is one core.
    pub cpu_share: f64,
    /// Its memory in RAM, in bytes.
    pub rss_bytes: u64,
}

/// A process that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitFacts {
    /// The engine's number for it.
    pub process: ProcessId,
    /// Its process id, 0: it was never started.
    pub pid: u32,
    /// When it ended.
    pub at: Time,
    /// How; `None`: it was never started.
    pub status: Option<ExitStatus>,
    /// The kernel killed it for want of memory: only where that is certain.
    pub out_of_memory: bool,
    /// Why, where the core knows better than the exit status tells.
    pub blame: Option<String>,
    /// It had said hello.
    pub booted: bool,
    /// The end of its output.
    pub last_lines: Vec<String>,
    /// From its end to the next process that booted.
    pub replaced_in: Option<Duration>,
}

impl ExitFacts {
    /// Why it ended: one line for people, without a full stop.
    #[must_use]
    pub fn reason(&self) -> String {
        reason::reason(self)
    }
}

/// The whole picture. `stats` is read as of the snapshot's moment.
#[must_use]
pub fn reply(facts: &Facts, snapshot: &Snapshot, stats: &Stats) -> v1::StatusReply {
    let pools = snapshot.pools.iter().map(|picture| {
        let view = View { facts, snapshot, picture };
        view.pool(&stats.summary(snapshot.now, picture.pool))
    });
    v1::StatusReply {
        version: facts.version.clone(),
        pid: facts.pid,
        instance: facts.instance.clone(),
        root: facts.root.clone(),
        now_us: facts.unix_us(snapshot.now),
        uptime_us: us(snapshot.now.since(Time::default())),
        listen: facts.listen.clone(),
        connections: Some(facts.connections),
        buffers: Some(facts.buffers),
        pools: pools.collect(),
        rss_bytes: facts.rss_bytes,
        draining: snapshot.draining,
    }
}

/// What waits and what is out at this moment, and `ends`, newest first.
#[must_use]
pub fn oob_history<'a>(
    facts: &Facts,
    snapshot: &Snapshot,
    ends: impl Iterator<Item = &'a OobEnd>,
) -> v1::OobHistoryReply {
    let pools = snapshot.pools.iter().map(|picture| {
        let name = facts.pools.get(&picture.pool).map(|own| own.name.clone());
        v1::OobPool { name: name.unwrap_or_default(), oob: Some(oob::oob(picture)) }
    });
    v1::OobHistoryReply {
        now_us: facts.unix_us(snapshot.now),
        pools: pools.collect(),
        history: ends.map(|end| oob::entry(end, facts)).collect(),
    }
}

impl Facts {
    fn unix_us(&self, time: Time) -> u64 {
        self.started_unix_us + us(time.since(Time::default()))
    }
}

/// One pool and all that is around it.
struct View<'a> {
    facts: &'a Facts,
    snapshot: &'a Snapshot,
    picture: &'a PoolPicture,
}

impl View<'_> {
    fn pool(&self, summary: &Summary) -> v1::Pool {
        let Self { facts, snapshot, picture } = self;
        let unnamed = PoolFacts::default();
        let own = facts.pools.get(&picture.pool).unwrap_or(&unnamed);
        v1::Pool {
            name: own.name.clone(),
            kind: own.kind.clone(),
            environment: own.environment.clone(),
            generation: picture.generation,
            generation_since_us: facts.unix_us(picture.generation_since),
            interpreter: own.interpreter.clone(),
            revision: own.revision.clone(),
            readiness: readiness(snapshot.draining, picture).into(),
            queue: Some(self.queue()),
            slots: Some(slots(picture)),
            totals: Some(totals(picture)),
            traffic: Some(traffic(summary)),
            processes: picture.processes.iter().map(|process| self.process(process)).collect(),
            exits: own.exits.iter().map(|exit| ended(exit, snapshot.now)).collect(),
            waiting_for: waiting::waiting_for(picture, snapshot.now),
            oob: Some(oob::oob(picture)),
        }
    }

    fn queue(&self) -> v1::Queue {
        let queue = &self.picture.queue;
        let [high, normal, low] = queue.by_class;
        let peak_at = if queue.peak > 0 { self.facts.unix_us(queue.peak_at) } else { 0 };
        v1::Queue {
            waiting: queue.waiting,
            max: queue.max,
            wait_max_us: us(queue.wait_max),
            // One that arrived this very microsecond is waiting, too.
            oldest_us: queue.oldest.map_or(0, |oldest| us(oldest).max(1)),
            peak: queue.peak,
            peak_at_us: peak_at,
            peak_oldest_us: us(queue.longest_wait),
            routing: match queue.routing {
                Routing::Global => v1::Routing::Global,
                Routing::PerProcess => v1::Routing::PerProcess,
            }
            .into(),
            waiting_high: high,
            waiting_normal: normal,
            waiting_low: low,
            // One that became overloaded this very microsecond is.
            overloaded_us: queue
                .overloaded_since
                .map_or(0, |since| us(self.snapshot.now.since(since)).max(1)),
        }
    }

    fn process(&self, picture: &ProcessPicture) -> v1::Process {
        let now = self.snapshot.now;
        let unknown = ProcessFacts::default();
        let own = self.facts.processes.get(&picture.process).unwrap_or(&unknown);
        v1::Process {
            id: picture.process.0,
            pid: picture.pid.unwrap_or_default(),
            state: state(picture.phase).to_owned(),
            generation: picture.generation,
            slots: picture.slots.iter().map(letter).collect(),
            requests: picture.requests,
            last_request_us: picture.last_dispatch_at.map_or(0, |at| us(now.since(at))),
            uptime_us: us(now.since(picture.spawned_at)),
            cpu_share: own.cpu_share,
            rss_bytes: own.rss_bytes,
            running_us: us(picture.running),
            deferred_us: us(picture.deferred),
            idle_us: us(picture.idle),
            withdrawn_us: us(picture.withdrawn),
            out_of_band_us: us(picture.out_of_band),
            oob: oob::kind_of(self.picture, picture.process),
            sdk: own.sdk.clone(),
            runtime: own.runtime.clone(),
            readiness: own.readiness.clone(),
            queued: picture.queued,
            retired: picture.retired.map_or("", lease::name).to_owned(),
        }
    }
}

fn readiness(draining: bool, pool: &PoolPicture) -> v1::Readiness {
    let serves = pool.processes.iter().any(|process| {
        !matches!(
            process.phase,
            PhasePicture::Booting | PhasePicture::Draining | PhasePicture::Leaving
        )
    });
    match (draining, serves, pool.boot_failures) {
        (true, ..) => v1::Readiness::Draining,
        (_, true, _) => v1::Readiness::Ready,
        (_, false, 0) => v1::Readiness::Booting,
        (_, false, _) => v1::Readiness::Failing,
    }
}

fn slots(pool: &PoolPicture) -> v1::Slots {
    let slots = pool.slots;
    v1::Slots {
        total: slots.running + slots.deferred + slots.idle + slots.withdrawn + slots.out_of_band,
        running: slots.running,
        deferred: slots.deferred,
        idle: slots.idle,
        withdrawn: slots.withdrawn,
        out_of_band: slots.out_of_band,
    }
}

fn totals(pool: &PoolPicture) -> v1::Totals {
    let totals = &pool.totals;
    let refused = totals.refused.iter().map(|(why, count)| (refusal(*why).to_owned(), *count));
    let failed = totals.failed.iter().map(|(why, count)| (failure(*why).to_owned(), *count));
    v1::Totals {
        arrived: totals.arrived,
        done: totals.completed,
        failed: totals.failed.values().sum(),
        refused: totals.refused.values().sum(),
        left: totals.abandoned,
        running: totals.in_flight,
        queued: totals.queued,
        retried: totals.retried,
        deferred: totals.deferred,
        deferred_failed: totals.deferred_failed,
        reconciled: totals.reconciled,
        refused_by_reason: refused.collect(),
        failed_by_reason: failed.collect(),
        deferred_lost: totals.deferred_lost,
        leases: lease::counts(&totals.leases),
    }
}

fn traffic(summary: &Summary) -> v1::Traffic {
    v1::Traffic {
        window_us: us(summary.window),
        requests_per_second: summary.requests_per_second(),
        errors_5xx_share: summary.error_share(),
        refused: summary.refused,
        wait: Some(quantiles(&summary.wait)),
        service: Some(quantiles(&summary.service)),
        deferred: Some(quantiles(&summary.deferred)),
        delivery: Some(quantiles(&summary.delivery)),
        upload: Some(quantiles(&summary.upload)),
        deferred_share: summary.deferred_share(),
        deferred_time_share: summary.deferred_time_share(),
    }
}

fn quantiles(quantiles: &Quantiles) -> v1::Quantiles {
    v1::Quantiles {
        count: quantiles.count,
        p50_us: us(quantiles.p50),
        p95_us: us(quantiles.p95),
        p99_us: us(quantiles.p99),
        max_us: us(quantiles.max),
    }
}

fn ended(exit: &ExitFacts, now: Time) -> v1::Exit {
    v1::Exit {
        id: exit.process.0,
        pid: exit.pid,
        ago_us: us(now.since(exit.at)),
        reason: reason::reason(exit),
        booted: exit.booted,
        last_lines: exit.last_lines.clone(),
        // Replaced at once is replaced, too.
        replaced_in_us: exit.replaced_in.map_or(0, |took| us(took).max(1)),
    }
}

/// Whether a process of this phase takes requests.
fn serves(phase: PhasePicture) -> bool {
    matches!(phase, PhasePicture::Serving | PhasePicture::Retiring)
}

fn state(phase: PhasePicture) -> &'static str {
    match phase {
        PhasePicture::Booting => "booting",
        PhasePicture::Serving => "serving",
        PhasePicture::Isolated => "isolated",
        PhasePicture::Quiescing => "quiescing",
        PhasePicture::Out => "oob",
        PhasePicture::Retiring => "retiring",
        PhasePicture::Draining => "draining",
        PhasePicture::Leaving => "leaving",
    }
}

fn letter(slot: &SlotPicture) -> char {
    match slot {
        SlotPicture::Running(_) => 'R',
        SlotPicture::Deferred(_) => 'D',
        SlotPicture::Idle => '.',
        SlotPicture::OutOfBand | SlotPicture::Withdrawn => '-',
    }
}

/// The words of `X-Maitred-Reason`.
fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::QueueFull => "queue_full",
        Refusal::QueueWait => "queue_wait",
        Refusal::Overload => "overload",
        Refusal::BootingFull => "booting_full",
        Refusal::BootingWait => "booting_wait",
        Refusal::Draining => "draining",
    }
}

/// The words of `X-Maitred-Reason`.
fn failure(why: Failure) -> &'static str {
    match why {
        Failure::ProcessDied => "process_died",
        Failure::Poison => "poison",
        Failure::AppError => "app_error",
        Failure::InvalidResponse => "invalid_response",
        Failure::Broken => "broken",
        Failure::Lost => "lost",
        Failure::Cut => "cut",
        Failure::FirstByteLease => "first_byte_lease",
        Failure::RequestLease => "request_lease",
    }
}

fn us(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

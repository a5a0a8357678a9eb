//! How the picture is taken: by looking at the tables, never by counting along (rule R10).

use std::collections::BTreeMap;

use super::{
    OobAskPicture, OobPicture, PhasePicture, PoolPicture, ProcessPicture, QueuePicture, SlotCounts,
    SlotPicture, Snapshot,
};
use crate::class::Class;
use crate::engine::Engine;
use crate::id::PoolId;
use crate::oob::{Ask, AskId, Stage};
use crate::pool::Pool;
use crate::process::{Phase, Process};
use crate::time::Time;

impl Engine {
    /// A picture of everything.
    #[must_use]
    pub fn snapshot(&self, now: Time) -> Snapshot {
        let now = now.max(self.now);
        let mut in_flight: BTreeMap<PoolId, u64> = BTreeMap::new();
        for request in self.requests.values().filter(|request| !request.is_waiting()) {
            *in_flight.entry(request.pool).or_default() += 1;
        }
        let in_flight = |pool| in_flight.get(pool).copied().unwrap_or_default();
        let pools = self.pools.iter();
        let pools = pools.map(|(id, pool)| self.pool_picture(*id, pool, in_flight(id), now));
        Snapshot { now, draining: self.departure.is_some(), pools: pools.collect() }
    }

    fn pool_picture(&self, id: PoolId, pool: &Pool, in_flight: u64, now: Time) -> PoolPicture {
        let processes: Vec<ProcessPicture> =
            self.members(id).map(|process| process_picture(process, pool, now)).collect();
        let mut totals = pool.totals.clone();
        totals.in_flight = in_flight;
        totals.queued = pool.waiting() as u64;
        PoolPicture {
            pool: id,
            generation: pool.generation,
            generation_since: pool.generation_since,
            ever_booted: pool.has_booted(),
            boot_failures: pool.boot.failures,
            next_boot_at: pool.boot.next_at,
            queue: queue_picture(pool, now),
            oob: self.oob_picture(pool, now),
            slots: count_slots(&processes),
            totals,
            processes,
        }
    }
}

impl Engine {
    fn oob_picture(&self, pool: &Pool, now: Time) -> OobPicture {
        let limits = &pool.limits.oob;
        // What overstayed has its outcome.
        let open = pool.oob.asks.iter().filter(|(_, ask)| ask.stage != Stage::Overstayed);
        let picture = |(id, ask): (&AskId, &Ask)| OobAskPicture {
            process: ask.process,
            what: ask.what.clone(),
            age: now.since(ask.asked_at),
            overdue: ask.is_overdue(ask.began().unwrap_or(now)),
            coalesced: ask.coalesced,
            given_up: ask.given_up,
            waits_for: self.oob_waits_for(pool, *id),
            out: ask.began().map(|since| now.since(since)),
        };
        OobPicture {
            concurrent: limits.concurrent,
            min_ready: limits.min_ready,
            small_pool: pool.is_small(),
            peak: u32::try_from(pool.budget.peak).unwrap_or(u32::MAX),
            asks: open.map(picture).collect(),
        }
    }
}

fn queue_picture(pool: &Pool, now: Time) -> QueuePicture {
    let oldest = pool.oldest_arrival().map(|arrived| now.since(arrived));
    let len_of = |class| pool.waits().iter().map(|queue| queue.len_of(class) as u64).sum();
    QueuePicture {
        waiting: pool.waiting() as u64,
        max: u64::from(pool.len_max()),
        wait_max: pool.wait_max(),
        by_class: Class::ALL.map(len_of),
        routing: pool.limits.routing,
        overloaded_since: pool.overload.since(),
        oldest,
        peak: pool.peak.waiting,
        peak_at: pool.peak.at,
        longest_wait: pool.peak.longest_wait,
    }
}

fn count_slots(processes: &[ProcessPicture]) -> SlotCounts {
    let mut counts = SlotCounts::default();
    for slot in processes.iter().flat_map(|process| &process.slots) {
        *match slot {
            SlotPicture::Running(_) => &mut counts.running,
            SlotPicture::Deferred(_) => &mut counts.deferred,
            SlotPicture::Idle => &mut counts.idle,
            SlotPicture::OutOfBand => &mut counts.out_of_band,
            SlotPicture::Withdrawn => &mut counts.withdrawn,
        } += 1;
    }
    counts
}

fn process_picture(process: &Process, pool: &Pool, now: Time) -> ProcessPicture {
    let withdrawn = process.withdrawal();
    let mut times = process.times;
    for &slot in &process.slots {
        times.add(slot, now, withdrawn);
    }
    ProcessPicture {
        process: process.id,
        pid: process.pid,
        phase: match process.phase {
            Phase::Booting => PhasePicture::Booting,
            Phase::Serving if process.watch.retired.is_some() => PhasePicture::Retiring,
            Phase::Serving => PhasePicture::Serving,
            Phase::Isolated { .. } => PhasePicture::Isolated,
            Phase::Quiescing { .. } => PhasePicture::Quiescing,
            Phase::Out { .. } => PhasePicture::Out,
            Phase::Draining { .. } => PhasePicture::Draining,
            Phase::Leaving { .. } => PhasePicture::Leaving,
        },
        retired: process.watch.retired,
        generation: process.generation,
        spawned_at: process.spawned_at,
        booted_at: process.booted_at,
        slots: process.slots.iter().map(|slot| slot.picture(withdrawn)).collect(),
        requests: process.requests,
        last_dispatch_at: process.last_dispatch_at,
        queued: pool.queue.len_for(process.id) as u64,
        detached: u32::try_from(process.detached.len()).unwrap_or(u32::MAX),
        running: times.running,
        deferred: times.deferred,
        idle: times.idle,
        withdrawn: times.withdrawn,
        out_of_band: times.out_of_band,
    }
}

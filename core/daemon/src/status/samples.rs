//! A core to draw pictures of, for the tests of this folder.

use std::collections::BTreeMap;
use std::time::Duration;

use maitred_engine::event::{
    ExitStatus, Failure, OobAsk, OobBy, OobOutcome, OobRecord, Outcome, Refusal, Times,
};
use maitred_engine::id::{PoolId, ProcessId, RequestId};
use maitred_engine::snapshot::{
    OobAskPicture, OobPicture, OobWaitsFor, PhasePicture, PoolPicture, ProcessPicture,
    QueuePicture, SlotCounts, SlotPicture, Snapshot, Totals,
};
use maitred_engine::time::Time;
use maitred_proto::v1;

use super::picture::{self, ExitFacts, Facts, PoolFacts, ProcessFacts};
use super::stats::Stats;
use crate::supervise::OobEnd;

/// The one pool of the samples.
pub(super) const POOL: PoolId = PoolId(1);

/// Three days and four hours after the start.
pub(super) const NOW: Time = Time(273_600 * 1_000_000_000);

/// All that a reply is made of.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) facts: Facts,
    pub(super) snapshot: Snapshot,
    pub(super) stats: Stats,
}

impl Sample {
    /// A pool that has just been added: no process, no request.
    pub(super) fn empty() -> Self {
        let pool = PoolFacts {
            name: "shop".to_owned(),
            kind: "wsgi".to_owned(),
            environment: "production".to_owned(),
            interpreter: "/srv/shop/.venv/bin/python 3.11.2".to_owned(),
            ..PoolFacts::default()
        };
        let facts = Facts {
            version: "0.1.0".to_owned(),
            pid: 4102,
            instance: "shop".to_owned(),
            root: "/srv/shop".to_owned(),
            started_unix_us: 1_700_000_000_000_000,
            listen: vec!["http://0.0.0.0:8000".to_owned()],
            connections: v1::Connections {
                open: 142,
                sending: 9,
                accepted: 9000,
                ..v1::Connections::default()
            },
            buffers: v1::Buffers {
                memory_max_bytes: 64 << 20,
                spool_max_bytes: 4 << 30,
                ..v1::Buffers::default()
            },
            rss_bytes: 14 << 20,
            pools: BTreeMap::from([(POOL, pool)]),
            processes: BTreeMap::new(),
        };
        let picture = PoolPicture {
            pool: POOL,
            generation: 1,
            generation_since: Time(0),
            ever_booted: false,
            boot_failures: 0,
            next_boot_at: None,
            queue: QueuePicture { max: 1000, wait_max: secs(25), ..QueuePicture::default() },
            oob: OobPicture::default(),
            slots: SlotCounts::default(),
            totals: Totals::default(),
            processes: Vec::new(),
        };
        let snapshot = Snapshot { now: NOW, draining: false, pools: vec![picture] };
        Self { facts, snapshot, stats: Stats::new() }
    }

    /// Two processes at work, one idle, one gone; some traffic.
    pub(super) fn serving() -> Self {
        let mut sample = Self::empty();
        sample.facts.pools.get_mut(&POOL).unwrap().revision = "4f2c91a".to_owned();
        sample.process(4121, PhasePicture::Serving, "RRD");
        sample.process(4127, PhasePicture::Serving, "R..");
        sample.process(4133, PhasePicture::Draining, "D--");
        sample.exit(ExitFacts {
            pid: 4098,
            status: Some(ExitStatus::Signal(9)),
            out_of_memory: true,
            booted: true,
            replaced_in: Some(Duration::from_millis(3100)),
            ..exit_of(1)
        });
        sample.traffic();
        let pool = sample.pool();
        pool.generation = 7;
        pool.generation_since = Time(0) + secs(273_600 - 11_520);
        pool.ever_booted = true;
        pool.queue.peak = 31;
        pool.queue.peak_at = Time(0) + secs(273_600 - 7_205);
        pool.queue.longest_wait = Duration::from_millis(412);
        pool.totals = Totals {
            arrived: 24_204_551,
            completed: 24_204_310,
            failed: BTreeMap::from([(Failure::ProcessDied, 3), (Failure::AppError, 9)]),
            refused: BTreeMap::from([(Refusal::QueueFull, 187)]),
            abandoned: 38,
            in_flight: 4,
            ..Totals::default()
        };
        sample
    }

    /// Adds a process that is out of band, while another one waits for its turn.
    pub(super) fn out_of_band(&mut self) -> &mut Self {
        self.process(4141, PhasePicture::Out, "---");
        let ask = |process, reason: &str, waits_for| OobAskPicture {
            process: ProcessId(process),
            what: oob_ask(reason),
            age: Duration::from_millis(700),
            overdue: false,
            coalesced: 0,
            given_up: 0,
            waits_for,
            out: waits_for.is_none().then_some(Duration::from_millis(212)),
        };
        let asks = vec![
            ask(141, "1000 requests", None),
            ask(121, "1000 requests", Some(OobWaitsFor::Limit)),
        ];
        let pool = self.pool();
        pool.oob = OobPicture { concurrent: 1, min_ready: 1, peak: 1, small_pool: false, asks };
        pool.totals.oob = BTreeMap::from([(OobOutcome::Done, 41), (OobOutcome::Failed, 1)]);
        self
    }

    /// Adds a process whose slots are drawn as in a reply.
    pub(super) fn process(&mut self, pid: u32, phase: PhasePicture, slots: &str) -> &mut Self {
        let number = ProcessId(u64::from(pid - 4000));
        let booted = phase != PhasePicture::Booting;
        let away = matches!(phase, PhasePicture::Quiescing | PhasePicture::Out);
        let slots: Vec<SlotPicture> = slots.chars().map(|letter| slot(letter, away)).collect();
        let hour = secs(3600);
        let picture = ProcessPicture {
            retired: None,
            process: number,
            pid: Some(pid),
            phase,
            generation: 7,
            spawned_at: Time(NOW.0 - if booted { 11_520_000_000_000 } else { 3_100_000_000 }),
            booted_at: booted.then_some(Time(NOW.0 - 11_518_000_000_000)),
            slots,
            requests: if booted { 345_612 } else { 0 },
            last_dispatch_at: booted.then_some(Time(NOW.0 - 400_000_000)),
            queued: 0,
            detached: 0,
            running: if booted { hour * 58 } else { Duration::ZERO },
            deferred: if booted { hour * 9 } else { Duration::ZERO },
            idle: if booted { hour * 32 } else { Duration::ZERO },
            withdrawn: Duration::ZERO,
            out_of_band: if booted { hour } else { Duration::ZERO },
        };
        let facts = ProcessFacts {
            sdk: if booted { "maitred-python 0.1.0".to_owned() } else { String::new() },
            runtime: if booted { "CPython 3.11.2".to_owned() } else { String::new() },
            readiness: if booted { "exact".to_owned() } else { String::new() },
            cpu_share: 0.61,
            rss_bytes: 212 << 20,
        };
        self.facts.processes.insert(number, facts);
        let pool = self.pool();
        for slot in &picture.slots {
            *match slot {
                SlotPicture::Running(_) => &mut pool.slots.running,
                SlotPicture::Deferred(_) => &mut pool.slots.deferred,
                SlotPicture::Idle => &mut pool.slots.idle,
                SlotPicture::OutOfBand => &mut pool.slots.out_of_band,
                SlotPicture::Withdrawn => &mut pool.slots.withdrawn,
            } += 1;
        }
        pool.processes.push(picture);
        self
    }

    /// Adds an exit, newer than those before.
    pub(super) fn exit(&mut self, exit: ExitFacts) -> &mut Self {
        self.facts.pools.get_mut(&POOL).unwrap().exits.insert(0, exit);
        self
    }

    /// Requests wait, the oldest for 1.2 s.
    pub(super) fn waiting(&mut self, requests: u64) -> &mut Self {
        let queue = &mut self.pool().queue;
        queue.waiting = requests;
        queue.by_class = [0, requests, 0];
        queue.oldest = Some(Duration::from_millis(1200));
        self
    }

    pub(super) fn pool(&mut self) -> &mut PoolPicture {
        &mut self.snapshot.pools[0]
    }

    /// With these outcomes, the newest first.
    pub(super) fn oob_history(&self, ends: &[OobEnd]) -> v1::OobHistoryReply {
        picture::oob_history(&self.facts, &self.snapshot, ends.iter())
    }

    pub(super) fn reply(&self) -> v1::StatusReply {
        picture::reply(&self.facts, &self.snapshot, &self.stats)
    }

    /// 28,000 requests over the last minutes, one in nine with deferred work.
    fn traffic(&mut self) {
        for n in 0..28_000 {
            let at = Time(NOW.0 - (n % 10) * 27_000_000_000);
            let service = Duration::from_micros(20_000 + (n % 997) * 400);
            let times = Times {
                wait: Duration::from_micros(100 + n % 500),
                service: Some(service),
                delivery: Some(Duration::from_micros(200)),
                attempts: 1,
            };
            let status = if n % 5_000 == 0 { 500 } else { 200 };
            self.stats.ended(at, POOL, &Outcome::Completed, &times, status);
            let deferred = if n % 9 == 0 { secs(1) / 18 } else { Duration::ZERO };
            self.stats.freed(at, POOL, service, deferred);
        }
    }
}

/// What became of an ask of a minute ago.
pub(super) fn oob_end(pid: u32, outcome: OobOutcome, took: Option<Duration>) -> OobEnd {
    let record = OobRecord {
        what: oob_ask("1000 requests"),
        asked_at: Time(NOW.0 - 60_000_000_000),
        waited: Duration::from_millis(35),
        took,
        overdue: false,
        coalesced: 0,
        given_up: 0,
        outcome,
    };
    OobEnd { process: ProcessId(u64::from(pid - 4000)), pid, record }
}

fn oob_ask(reason: &str) -> OobAsk {
    OobAsk {
        kind: "gc".to_owned(),
        reason: reason.to_owned(),
        by: OobBy::App,
        expected: None,
        not_later_than: None,
    }
}

/// A process that ended a bit more than four minutes ago.
pub(super) fn exit_of(number: u64) -> ExitFacts {
    ExitFacts {
        process: ProcessId(number),
        pid: 0,
        at: Time(NOW.0 - 246_000_000_000),
        status: None,
        out_of_memory: false,
        blame: None,
        booted: false,
        last_lines: Vec::new(),
        replaced_in: None,
    }
}

fn slot(letter: char, away: bool) -> SlotPicture {
    match letter {
        'R' => SlotPicture::Running(RequestId(1)),
        'D' => SlotPicture::Deferred(RequestId(2)),
        '.' => SlotPicture::Idle,
        '-' if away => SlotPicture::OutOfBand,
        '-' => SlotPicture::Withdrawn,
        other => panic!("{other} is no state of a slot"),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

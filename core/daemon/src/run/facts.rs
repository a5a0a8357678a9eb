//! What the status API shows and only the daemon knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use maitred_engine::id::ProcessId;
use maitred_engine::time::Time;
use maitred_proto::message::Hello;
use maitred_proto::v1;
use parking_lot::Mutex;

use super::POOL;
use crate::config::Config;
use crate::driver::Driver;
use crate::http::sweep::Registry;
use crate::os::figures::{self, Figures};
use crate::status::grpc::Source;
use crate::status::picture::{Facts, PoolFacts, ProcessFacts, oob_history, reply};
use crate::supervise::{Exit, Recipe, Roster};

/// CPU shares are measured over at least this long. Default 2 s: what happens now, but not the
/// jitter of one look.
const CPU_WINDOW: Duration = Duration::from_secs(2);

/// Answers status requests.
#[derive(Debug)]
pub(super) struct Desk {
    driver: Arc<Driver>,
    registry: Arc<Registry>,
    recipe: Arc<dyn Recipe>,
    /// What does not change: version, names, addresses.
    fixed: Facts,
    /// What does not change of the pool.
    pool: PoolFacts,
    /// The latest look at each process.
    looks: Mutex<BTreeMap<ProcessId, Look>>,
}

/// CPU time of a process at two moments.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Time,
    cpu: Duration,
    share: f64,
}

impl Source for Desk {
    fn status(&self) -> v1::StatusReply {
        let costs = self.costs();
        let rss_bytes = figures::own().rss;
        let (open, sending) = self.registry.count();
        let counts = &self.driver.counts;
        let (memory, memory_max) = self.driver.budget.memory();
        let (spool, spool_max) = self.driver.budget.disk();
        self.driver.read(|snapshot, stats, roster| {
            let facts = Facts {
                connections: v1::Connections {
                    open: open as u64,
                    sending: sending as u64,
                    accepted: counts.accepted.load(Relaxed),
                    malformed: counts.malformed.load(Relaxed),
                    answered_by_core: counts.answered_by_core.load(Relaxed),
                },
                buffers: v1::Buffers {
                    memory_bytes: memory,
                    memory_max_bytes: memory_max,
                    spool_bytes: spool,
                    spool_max_bytes: spool_max,
                },
                rss_bytes,
                pools: BTreeMap::from([(POOL, self.pool(roster))]),
                processes: processes(roster, &costs),
                ..self.fixed.clone()
            };
            reply(&facts, snapshot, stats)
        })
    }

    fn recording(&self) -> Vec<Bytes> {
        self.driver.recorder.file()
    }

    fn oob_history(&self) -> v1::OobHistoryReply {
        self.driver.read(|snapshot, _, roster| {
            let pools = BTreeMap::from([(POOL, self.pool.clone())]);
            let facts = Facts { pools, ..self.fixed.clone() };
            oob_history(&facts, snapshot, roster.oob_ends())
        })
    }

    fn run_oob(&self, pid: Option<u32>, kind: &str) -> Vec<u32> {
        self.driver.oob_by_operator(pid, kind)
    }
}

impl Desk {
    /// Answers for the core that `driver` drives.
    pub(super) fn new(
        driver: &Arc<Driver>,
        registry: &Arc<Registry>,
        recipe: Arc<dyn Recipe>,
    ) -> Self {
        Self {
            driver: Arc::clone(driver),
            registry: Arc::clone(registry),
            recipe,
            fixed: Facts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                started_unix_us: driver.clock.unix_us(Time::default()),
                ..Facts::default()
            },
            pool: PoolFacts { kind: "wsgi".to_owned(), ..PoolFacts::default() },
            looks: Mutex::default(),
        }
    }

    /// With what things are called: the app, the instance, the addresses.
    pub(super) fn with_names(
        mut self,
        config: &Config,
        (app, instance): (&str, &str),
        addresses: &[String],
    ) -> Self {
        self.fixed.instance = instance.to_owned();
        self.fixed.root = config.app.root.display().to_string();
        self.fixed.listen = addresses.to_vec();
        self.pool.name = app.to_owned();
        self.pool.environment = config.app.environment.clone();
        self
    }

    fn pool(&self, roster: &Roster) -> PoolFacts {
        PoolFacts {
            interpreter: self.recipe.interpreter(),
            exits: roster.exits().map(Exit::facts).collect(),
            ..self.pool.clone()
        }
    }

    /// Memory and CPU share of every process. Asked of the kernel before anything is locked.
    fn costs(&self) -> BTreeMap<ProcessId, (u64, f64)> {
        let pids: Vec<_> = self.driver.with_roster(|roster| roster.pids().collect());
        let now = self.driver.clock.now();
        let mut looks = self.looks.lock();
        looks.retain(|process, _| pids.iter().any(|(known, _)| known == process));
        let cost = |(process, pid): (ProcessId, u32)| {
            let Figures { rss, cpu } = figures::of(pid)?;
            let fresh = Look { at: now, cpu, share: 0.0 };
            let look = looks.entry(process).or_insert(fresh);
            let passed = now.since(look.at);
            if passed >= CPU_WINDOW {
                let share = cpu.saturating_sub(look.cpu).as_secs_f64() / passed.as_secs_f64();
                *look = Look { share, ..fresh };
            }
            Some((process, (rss, look.share)))
        };
        pids.into_iter().filter_map(cost).collect()
    }
}

fn processes(
    roster: &Roster,
    costs: &BTreeMap<ProcessId, (u64, f64)>,
) -> BTreeMap<ProcessId, ProcessFacts> {
    let facts = |(process, _): (ProcessId, u32)| {
        let none = Hello::default();
        let hello = roster.member(process)?.hello.as_ref().unwrap_or(&none);
        let (rss_bytes, cpu_share) = costs.get(&process).copied().unwrap_or_default();
        let name = |name: &str, version: &str| format!("{name} {version}").trim().to_owned();
        let facts = ProcessFacts {
            sdk: name(&hello.sdk, &hello.sdk_version),
            runtime: name(&hello.runtime, &hello.runtime_version),
            readiness: hello.readiness.clone(),
            cpu_share,
            rss_bytes,
        };
        Some((process, facts))
    };
    roster.pids().filter_map(facts).collect()
}

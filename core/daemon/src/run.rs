//! `maitred serve`: puts the parts together, waits for a wish to leave, leaves.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context;
use maitred_engine::event::Input;
use maitred_engine::id::PoolId;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access;
use crate::body::budget::Budget;
use crate::body::upload::Policy;
use crate::clock::Clock;
use crate::config::Config;
use crate::driver::{Driver, Parts};
use crate::http::accept::{Acceptor, Listener};
use crate::http::forwarded::Forwarding;
use crate::http::serve::Front;
use crate::http::sweep::Registry;
use crate::instance::Claimed;
use crate::link::accept::{Greeting, listen};
use crate::os::cgroup;
use crate::panics::{self, LastWords, end_the_core};
use crate::process::output::{Form, Outlets, Sink};
use crate::process::spawn::Spawner;
use crate::status::grpc;
use crate::status::observe::Observe;
use crate::supervise::{Recipe, Supervisor};
use crate::vitals::Vitals;

mod bind;
mod facts;
mod leave;
mod signals;

use bind::{bind_all, bind_observe};
use facts::Desk;
use leave::Leaving;
use signals::{Signals, Wish};

/// The one pool of this version.
const POOL: PoolId = PoolId(1);

/// How often links are pinged. Default 5 s: reconciles what a lost READY would hold for ever, and
/// is little beside the 60 s after which a host that is silent counts as hung.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// What cannot be started as asked: one line, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// What `serve` was asked to serve, found out before anything is started.
#[derive(Debug)]
pub struct Plan {
    /// The settings.
    pub config: Arc<Config>,
    /// How a process is started.
    pub recipe: Arc<dyn Recipe>,
    /// The instance directory, claimed.
    pub instance: Claimed,
    /// What the app is called.
    pub name: String,
    /// What was chosen and why, for the log.
    pub hints: Vec<String>,
    /// What looks wrong, for the log.
    pub warnings: Vec<String>,
}

/// Serves until told to leave.
///
/// # Errors
/// [`Unusable`] when an address cannot be listened on; anything else is a failure of the system.
pub async fn serve(plan: Plan) -> anyhow::Result<ExitCode> {
    let Plan { config, recipe, instance, name, hints, warnings } = plan;
    let mut signals = Signals::catch().context("cannot catch signals")?;
    // Before anything is said: an address in use is one line on standard error and nothing else.
    let listeners = bind_all(&config)?;
    let observe = config.observe.listen.as_ref().map(bind_observe).transpose()?;
    let clock = Clock::start();
    let sinks = Sinks::start(&config)?;
    crate::log::start(sinks.stderr.clone(), sinks.form, &config.log.level)?;
    hints.iter().for_each(|hint| tracing::info!("{hint}"));
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    raise_descriptors();

    let ending = CancellationToken::new();
    let (orders, orders_in) = mpsc::unbounded_channel();
    let driver = Driver::new(Parts {
        clock,
        budget: budget(&config),
        uploads: Policy { body_max: config.http.body_max },
        orders,
        access_log: sinks.access_log(&config),
    });
    end_the_core(LastWords {
        recorder: driver.recorder.clone(),
        files: panics::files(instance.folder(), instance.name()),
        sinks: [sinks.stderr.clone(), sinks.stdout.clone()],
    });
    let supervisor = supervisor(&config, &driver, &recipe, &sinks)?;
    let greeting = Greeting { pool: name.clone(), ready_merge_us: config.ready_merge_us };
    let watchers = supervisor.watchers.clone();
    tokio::spawn(reap_orphans(supervisor.spawner.clone()));
    tokio::spawn(supervisor.run(orders_in));
    tokio::spawn(listen(Arc::clone(&driver), instance.worker_listener()?, greeting));
    tokio::spawn(Arc::clone(&driver).run_timers());
    tokio::spawn(ping(Arc::clone(&driver), ping_interval(&config)));
    let public = Public::open(&config, &driver, listeners)?;
    let desk = Desk::new(&driver, &public.registry, recipe).with_names(
        &config,
        (&name, instance.name()),
        &public.addresses,
    );
    let observe = observe.map(|bound| observed(&config, &driver, bound));
    let admin = instance.admin_listener()?;
    let status = grpc::spawn_thread(admin, Arc::new(desk), observe, ending.clone())?;

    driver.process(Input::PoolAdded { pool: POOL, limits: Box::new(config.limits.clone()) });
    announce(&config, &public.addresses, &instance);
    let (code, stop_timeout) = wait(&config, &driver, &mut signals).await;
    public.leaving(&driver, stop_timeout, config.limits.cut_exit_max).run(&mut signals).await;
    watchers.close();
    // What apps wrote last is what people look for first.
    let _in_time = tokio::time::timeout(FLUSH_MAX, watchers.wait()).await;
    tracing::info!("stopped");
    ending.cancel();
    let _status_ended = status.join();
    drop(instance);
    sinks.flush();
    Ok(code)
}

/// Who keeps the processes.
fn supervisor(
    config: &Config,
    driver: &Arc<Driver>,
    recipe: &Arc<dyn Recipe>,
    sinks: &Sinks,
) -> anyhow::Result<Supervisor> {
    Ok(Supervisor {
        driver: Arc::clone(driver),
        spawner: Spawner::start()?,
        recipe: Arc::clone(recipe),
        memory: config.memory.or_else(cgroup::memory).unwrap_or(0),
        outlets: Outlets {
            stdout: sinks.stdout.clone(),
            stderr: sinks.stderr.clone(),
            mode: config.log.app,
        },
        watchers: TaskTracker::new(),
        children: Arc::default(),
    })
}

/// Answers probes with how this core is doing.
fn observed(
    config: &Config,
    driver: &Arc<Driver>,
    (listener, address): (std::net::TcpListener, String),
) -> Observe {
    tracing::info!("observed on {address}: /health and /ready");
    let age_max = config.observe.queue_age_max;
    Observe::new(listener, Vitals::new(Arc::clone(driver), Handle::current(), age_max))
}

/// Waits until somebody wants the core to leave, or there is nothing to stay for. Returns the exit
/// code and how long leaving may take.
async fn wait(config: &Config, driver: &Driver, signals: &mut Signals) -> (ExitCode, Duration) {
    tokio::select! {
        wish = signals.next() => {
            let stop_timeout = config.stop_timeout;
            driver.told_to_leave.store(true, Relaxed);
            tracing::info!("stopping: finishing what was admitted, at most {stop_timeout:?}");
            if wish == Wish::Stop && !config.drain_delay.is_zero() {
                signals.delay(config.drain_delay).await;
            }
            (ExitCode::SUCCESS, stop_timeout)
        }
        // Nobody will ever answer those who wait.
        () = driver.given_up.cancelled() => (ExitCode::FAILURE, Duration::ZERO),
    }
}

/// The public side.
struct Public {
    front: Arc<Front>,
    registry: Arc<Registry>,
    addresses: Vec<String>,
    listeners: TaskTracker,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Public {
    fn open(
        config: &Config,
        driver: &Arc<Driver>,
        bound: Vec<(Listener, String)>,
    ) -> anyhow::Result<Self> {
        let header = |name: &Option<String>| name.as_ref().map(|name| name.parse()).transpose();
        let front = Arc::new(Front {
            driver: Arc::clone(driver),
            pool: POOL,
            forwarding: Forwarding::new(config.http.trusted_proxies.clone()),
            request_id: config.http.request_id_header.parse().context("request_id_header")?,
            head_max: config.http.head_max,
            server_timing: config.http.server_timing,
            routes: config.http.routes.clone(),
            health_path: config.http.health_path.clone(),
            priority_header: header(&config.http.priority_header).context("priority_header")?,
            lease_header: header(&config.http.lease_header).context("leases.request_header")?,
            leaving: AtomicBool::new(false),
            close_idle: CancellationToken::new(),
        });
        let registry =
            Registry::new(driver.clock, config.http.keep_alive, config.http.head_timeout);
        tokio::spawn(Arc::clone(&registry).run());
        let public = Self {
            front,
            registry,
            addresses: bound.iter().map(|(_, address)| address.clone()).collect(),
            listeners: TaskTracker::new(),
            connections: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        for (listener, _) in bound {
            let acceptor = Acceptor {
                front: Arc::clone(&public.front),
                registry: Arc::clone(&public.registry),
                tasks: public.connections.clone(),
                stop: public.stop.clone(),
            };
            public.listeners.spawn(acceptor.run(listener));
        }
        Ok(public)
    }

    fn leaving(
        self,
        driver: &Arc<Driver>,
        stop_timeout: Duration,
        cut_exit_max: Duration,
    ) -> Leaving {
        Leaving {
            driver: Arc::clone(driver),
            front: self.front,
            stop_accepting: self.stop,
            listeners: self.listeners,
            connections: self.connections,
            stop_timeout,
            cut_exit_max,
        }
    }
}

/// The core's own output.
struct Sinks {
    stdout: Sink,
    stderr: Sink,
    form: Form,
}

/// How long the last lines may take to be written. Default 1 s: a stuck reader must not keep the
/// core from ending.
const FLUSH_MAX: Duration = Duration::from_secs(1);

impl Sinks {
    fn start(config: &Config) -> anyhow::Result<Self> {
        let form = config.log.form;
        Ok(Self { stdout: Sink::stdout(form)?, stderr: Sink::stderr(form)?, form })
    }

    fn access_log(&self, config: &Config) -> Option<access::Log> {
        let json = self.form == Form::Json;
        config.log.access.then(|| access::Log::new(self.stdout.clone(), json))
    }

    fn flush(&self) {
        self.stdout.flush(FLUSH_MAX);
        self.stderr.flush(FLUSH_MAX);
    }
}

fn raise_descriptors() {
    use crate::os::descriptors::{DESCRIPTORS_FEW, raise_limit};
    match raise_limit() {
        Ok(Some(limit)) if limit < DESCRIPTORS_FEW => {
            tracing::warn!(limit, "few file descriptors: raise the hard limit (ulimit -Hn)");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot raise the limit of file descriptors"),
    }
}

fn budget(config: &Config) -> Arc<Budget> {
    let buffer = &config.buffer;
    Budget::new(buffer.memory_max, buffer.disk_max, buffer.dir.clone())
}

fn announce(config: &Config, addresses: &[String], instance: &Claimed) {
    for address in addresses {
        tracing::info!("listening on {address}");
    }
    tracing::info!(
        "{}{} processes of {} slots; look inside with: maitred status --instance {}",
        if config.limits.measure_first { "up to " } else { "" },
        config.processes,
        config.slots,
        instance.name(),
    );
}

/// As process 1 of a container: waits for processes whose parents died before them.
async fn reap_orphans(spawner: Spawner) {
    if !crate::os::orphans::are_ours() {
        return;
    }
    let Ok(mut died) = signal(SignalKind::child()) else { return };
    while died.recv().await.is_some() {
        spawner.reap_orphans();
    }
}

/// Often enough to notice in time that a host is silent.
fn ping_interval(config: &Config) -> Duration {
    config.limits.leases.hang.max.map_or(PING_INTERVAL, |hang| PING_INTERVAL.min(hang / 4))
}

async fn ping(driver: Arc<Driver>, interval: Duration) {
    let mut interval = tokio::time::interval(interval);
    loop {
        interval.tick().await;
        driver.ping_all();
    }
}

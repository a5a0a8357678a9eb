//! Leaving without losing a request.
//!
//! First nobody new is let in: the listeners close. Then those who are connected finish: every
//! answer closes its connection, and idle connections are kept a moment for a request that is on
//! its way already. When no client is left, the engine lets the processes go.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use maitred_engine::event::Input;
use maitred_engine::time::Time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::signals::{Signals, Wish};
use crate::driver::Driver;
use crate::http::serve::Front;

/// How long an idle connection is kept open while the core leaves. Default 1 s: a client that
/// has just written its next request gets its answer instead of a reset.
const IDLE_GRACE: Duration = Duration::from_secs(1);

/// How long the last answers may take to be written. Default 500 ms: the clients are there, or
/// they are not.
const LAST_WORDS_MAX: Duration = Duration::from_millis(500);

/// How long killed processes may take to be gone. Default 3 s: one that is there even then hangs
/// in the kernel, or is held up before its start, and nobody can end it sooner.
const KILLED_EXIT_MAX: Duration = Duration::from_secs(3);

/// What has to be told that the core leaves.
#[derive(Debug)]
pub(super) struct Leaving {
    /// The driver.
    pub(super) driver: Arc<Driver>,
    /// The public side.
    pub(super) front: Arc<Front>,
    /// Stops the listeners.
    pub(super) stop_accepting: CancellationToken,
    /// The listeners.
    pub(super) listeners: TaskTracker,
    /// Client connections.
    pub(super) connections: TaskTracker,
    /// How long all of it may take.
    pub(super) stop_timeout: Duration,
    /// How long processes get after that, before they are killed.
    pub(super) cut_exit_max: Duration,
}

impl Leaving {
    /// Leaves. `signals`: a second SIGINT cuts everything.
    pub(super) async fn run(self, signals: &mut Signals) {
        let stop_at = self.driver.clock.now() + self.stop_timeout;
        self.driver.process(Input::Leaving { stop_at });
        self.front.leaving.store(true, Relaxed);
        self.stop_accepting.cancel();
        self.listeners.close();
        self.connections.close();
        tokio::select! {
            () = self.finish(stop_at) => {}
            () = hurry(signals) => {
                tracing::warn!("stopping at once");
                self.let_processes_go(self.driver.clock.now()).await;
            }
        }
        // Those who were cut off are still to be told.
        self.front.close_idle.cancel();
        let _in_time = tokio::time::timeout(LAST_WORDS_MAX, self.connections.wait()).await;
    }

    async fn finish(&self, stop_at: Time) {
        let clients = async {
            self.listeners.wait().await;
            if tokio::time::timeout(IDLE_GRACE, self.connections.wait()).await.is_err() {
                self.front.close_idle.cancel();
                self.connections.wait().await;
            }
        };
        if tokio::time::timeout_at(self.instant(stop_at), clients).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "clients are cut off");
        }
        self.let_processes_go(stop_at).await;
    }

    /// Until all are gone, or will not go.
    async fn let_processes_go(&self, stop_at: Time) {
        self.driver.process(Input::Drain { stop_at });
        let at = self.instant(stop_at + self.cut_exit_max + KILLED_EXIT_MAX);
        if tokio::time::timeout_at(at, self.driver.closed.cancelled()).await.is_err() {
            tracing::error!("leaving without waiting any longer for {}", self.left());
        }
    }

    /// What is not over.
    fn left(&self) -> String {
        let (processes, requests) = self.driver.read(|snapshot, _, _| {
            let processes = snapshot.pools.iter().flat_map(|pool| &pool.processes);
            let requests = snapshot.pools.iter().map(|pool| &pool.totals);
            let requests = requests.map(|totals| totals.queued + totals.in_flight).sum::<u64>();
            (processes.map(|process| process.pid).collect::<Vec<_>>(), requests)
        });
        let name = |pid: Option<u32>| match pid {
            Some(pid) => format!("process {pid}"),
            None => "a process that is being started".to_owned(),
        };
        let mut left: Vec<String> = processes.into_iter().map(name).collect();
        if requests > 0 {
            left.push(format!("{requests} requests"));
        }
        left.join(", ")
    }

    fn instant(&self, time: Time) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.driver.clock.instant(time))
    }
}

/// Waits for a second Ctrl-C.
async fn hurry(signals: &mut Signals) {
    while signals.next().await != Wish::StopNow {}
}

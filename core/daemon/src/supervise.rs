//! Starts, signals and watches app processes, as the engine orders.
//!
//! One task per process lives from its spawn to its exit and tells the engine about both. What
//! people want to know of a process, and the engine does not, is kept in the [`Roster`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use maitred_engine::event::Input;
use maitred_engine::id::{PoolId, ProcessId};
pub use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::driver::Driver;
use crate::os::figures;
use crate::process::output::{Capture, Label, Outlets};
use crate::process::spawn::{self, Child, Spawned, Spawner};

mod children;
mod oob;
mod roster;

pub use children::Children;
pub use oob::OobEnd;
pub use roster::{Credentials, Exit, Member, Roster};

/// Longest wait for the last output of a process that has exited. Default 500 ms: what it wrote is
/// in its pipes already; longer than that only a grandchild holds them open.
const SETTLE_MAX: Duration = Duration::from_millis(500);

/// Wait for the end of the link of a process that has exited. Default 100 ms: the link ends by
/// itself as soon as its task has had its turn; this is for a turn that never comes.
const LINK_END_MAX: Duration = Duration::from_millis(100);

/// What the engine wants done with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Start it.
    Spawn {
        /// Its number.
        process: ProcessId,
        /// The pool that it belongs to.
        pool: PoolId,
        /// That pool's generation.
        generation: u32,
    },
    /// Tell the engine how much memory it takes.
    Measure {
        /// Its number.
        process: ProcessId,
    },
    /// Send it a signal.
    Signal {
        /// Its number.
        process: ProcessId,
        /// Which one.
        signal: Signal,
    },
}

/// Knows how a process of the app is started.
pub trait Recipe: fmt::Debug + Send + Sync {
    /// The command for a new process. Resolves the interpreter anew; blocks for that.
    ///
    /// # Errors
    /// When there is no interpreter, or the SDK is missing in it; the text is for people.
    fn order(&self, credentials: &Credentials) -> anyhow::Result<spawn::Order>;

    /// What the app is called in logs.
    fn label(&self) -> Arc<str>;

    /// Path and version of the interpreter that was used last; empty before.
    fn interpreter(&self) -> String;
}

/// Performs orders.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// Told what happens to processes.
    pub driver: Arc<Driver>,
    /// Starts them.
    pub spawner: Spawner,
    /// How they are started.
    pub recipe: Arc<dyn Recipe>,
    /// Bytes of memory that they may take together, as far as that decides something; 0: not
    /// known.
    pub memory: u64,
    /// Where their output goes.
    pub outlets: Outlets,
    /// One task per process: it ends when the process has and its output was read.
    pub watchers: TaskTracker,
    /// Those that can be signalled.
    pub children: Arc<Children>,
}

impl Supervisor {
    /// Performs orders until the driver is gone.
    pub async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Spawn { process, pool, generation } => {
                    self.driver.with_roster(|roster| roster.add(process, pool, generation));
                    self.children.starting(process);
                    self.watchers.spawn(self.clone().watch(process));
                }
                Order::Measure { process } => self.measure(process),
                Order::Signal { process, signal } => self.children.signal(process, signal),
            }
        }
    }

    /// The same figure as in the status.
    fn measure(&self, process: ProcessId) {
        let pid = self.driver.with_roster(|roster| roster.pid_of(process));
        let rss = figures::of(pid).unwrap_or_default().rss;
        self.driver.process(Input::Measured { process, rss, memory: self.memory });
    }

    /// The life of one process.
    async fn watch(self, process: ProcessId) {
        match self.start(process).await {
            Ok((child, capture)) => self.wait(process, &child, &capture).await,
            Err(error) => {
                tracing::error!(%process, "cannot start a process: {error:#}");
                self.children.ended(process);
                let now = self.driver.clock.now();
                self.driver.with_roster(|roster| roster.not_started(process, now, &error));
                self.driver.process(Input::SpawnFailed { process });
            }
        }
    }

    async fn start(&self, process: ProcessId) -> anyhow::Result<(Arc<Child>, Capture)> {
        let credentials = Credentials::new()?;
        self.driver.with_roster(|roster| roster.expect(process, &credentials));
        let recipe = Arc::clone(&self.recipe);
        let order = tokio::task::spawn_blocking(move || recipe.order(&credentials)).await??;
        let Spawned { child, stdout, stderr } = self.spawner.spawn(order).await?;
        let pid = child.pid();
        let child = Arc::new(child);
        let label = Label { app: self.recipe.label(), pid };
        let capture = match self.outlets.capture(label, stdout, stderr) {
            Ok(capture) => capture,
            Err(error) => {
                discard(&child).await;
                return Err(error.into());
            }
        };
        self.children.started(process, Arc::clone(&child));
        self.driver.with_roster(|roster| roster.started(process, pid, capture.clone()));
        self.driver.process(Input::Spawned { process, pid });
        Ok((child, capture))
    }

    async fn wait(&self, process: ProcessId, child: &Child, capture: &Capture) {
        let status = loop {
            match child.exited().await {
                Ok(status) => break status,
                Err(error) => {
                    // Out of descriptors: the process lives on meanwhile.
                    tracing::warn!(%process, %error, "cannot watch the process for now");
                    tokio::time::sleep(SETTLE_MAX).await;
                }
            }
        };
        self.children.ended(process);
        self.read_to_end(process).await;
        let now = self.driver.clock.now();
        self.driver.with_roster(|roster| roster.exited(process, status, now));
        self.driver.process(Input::Exited { process, status });
        capture.settle(SETTLE_MAX).await;
    }

    /// What a process wrote before it ended still counts, and only its link knows which requests
    /// had not started in it: so the link ends first.
    async fn read_to_end(&self, process: ProcessId) {
        let lost = self.driver.with_link(process, |link| {
            link.exiting();
            link.lost.clone()
        });
        if let Some(lost) = lost {
            let _in_time = tokio::time::timeout(LINK_END_MAX, lost.cancelled()).await;
            self.driver.link_lost(process);
        }
    }
}

/// A process whose output nobody can read must not run.
async fn discard(child: &Child) {
    // It has just been started, so that both can only fail because it is gone already.
    let _ = child.signal(Signal::KILL);
    let _ = child.exited().await;
}

#[cfg(test)]
pub(crate) mod tests;

//! Starting processes, from one thread that never ends.
//!
//! The kernel ties "the parent died" to the *thread* that forked. A worker thread of a runtime may
//! end at any time and would take its processes along, so that all are started by a thread of
//! their own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;

use maitred_engine::event::ExitStatus;
use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::sync::oneshot;

use crate::os::pidfd::Pidfd;
use crate::os::{child, descriptors, orphans};

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The program and its arguments; the program is a path or is looked up in PATH.
    pub argv: Vec<OsString>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts. A symbolic link is resolved now, each time.
    pub cwd: PathBuf,
}

/// What was started.
#[derive(Debug)]
pub struct Spawned {
    /// The process.
    pub child: Child,
    /// Reading end of its standard output.
    pub stdout: OwnedFd,
    /// Reading end of its standard error.
    pub stderr: OwnedFd,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No program was named.
    #[error("the command is empty")]
    Empty,
    /// The folder is not there.
    #[error("cannot start in {cwd}: {source}")]
    Folder {
        /// Where it should start.
        cwd: String,
        /// What the system says.
        source: io::Error,
    },
    /// The program does not start.
    #[error("cannot start {program}: {source}")]
    Program {
        /// The first word of the command.
        program: String,
        /// What the system says.
        source: io::Error,
    },
}

/// A process that was started here.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    pidfd: Pidfd,
    children: Children,
}

impl Child {
    /// Its process id. After its end another process may have it: use [`Self::signal`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends `signal`; a process that is gone already is fine.
    ///
    /// # Errors
    /// It runs as another user by now.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.pidfd.signal(signal)
    }

    /// Waits for its end. Must run on a tokio runtime with I/O. Once only.
    ///
    /// # Errors
    /// No descriptors left.
    pub async fn exited(&self) -> io::Result<ExitStatus> {
        self.pidfd.exited().await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.children.0.lock().remove(&self.pid);
    }
}

/// Pids of the processes started here, so that the reaping of orphans leaves them alone.
#[derive(Debug, Clone, Default)]
struct Children(Arc<Mutex<BTreeSet<u32>>>);

/// Hands orders to the thread that never ends.
#[derive(Debug, Clone)]
pub struct Spawner {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Start(Order, oneshot::Sender<Result<Spawned, SpawnError>>),
    ReapOrphans,
}

impl Spawner {
    /// Starts the thread. Once per core.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start() -> io::Result<Self> {
        descriptors::keep_from_children();
        let (jobs, inbox) = mpsc::channel();
        thread::Builder::new().name("spawner".into()).spawn(move || work(&inbox))?;
        Ok(Self { jobs })
    }

    /// Starts a process; its standard input is `/dev/null`.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn spawn(&self, order: Order) -> Result<Spawned, SpawnError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Start(order, answer)).expect("the thread never ends");
        answered.await.expect("the thread answers every order")
    }

    /// Waits for dead orphans, soon: for the core as process 1, at each SIGCHLD.
    pub fn reap_orphans(&self) {
        self.jobs.send(Job::ReapOrphans).expect("the thread never ends");
    }
}

/// One job after the other, so that no process is started while orphans are looked for: it would
/// be taken for one.
fn work(inbox: &mpsc::Receiver<Job>) -> ! {
    let children = Children::default();
    while let Ok(job) = inbox.recv() {
        match job {
            // Nobody waits any more: dropping the child closes its pipes, not its life. That is
            // left to the end of the core.
            Job::Start(order, answer) => drop(answer.send(start(&order, &children))),
            Job::ReapOrphans => {
                orphans::reap(|pid| children.0.lock().contains(&pid));
            }
        }
    }
    // Processes may still live, and would get SIGTERM at the end of this thread.
    loop {
        thread::park();
    }
}

fn start(order: &Order, children: &Children) -> Result<Spawned, SpawnError> {
    let (program, arguments) = order.argv.split_first().ok_or(SpawnError::Empty)?;
    // Otherwise a missing folder would be reported as a missing program.
    std::fs::metadata(&order.cwd)
        .map_err(|source| SpawnError::Folder { cwd: order.cwd.display().to_string(), source })?;

    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(order.env.iter().cloned()).current_dir(&order.cwd);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    child::follow_parent(&mut command);
    let failed = |source| SpawnError::Program { program: program.display().to_string(), source };
    let mut started = command.spawn().map_err(failed)?;

    let pid = started.id();
    let pidfd = match Pidfd::open(pid) {
        Ok(pidfd) => pidfd,
        Err(source) => {
            // Out of descriptors: a process that cannot be watched must not run.
            let _ = started.kill();
            let _ = started.wait();
            return Err(failed(source));
        }
    };
    children.0.lock().insert(pid);
    child::prefer_when_out_of_memory(pid);
    let stdout = started.stdout.take().expect("it was asked for as a pipe");
    let stderr = started.stderr.take().expect("it was asked for as a pipe");
    Ok(Spawned {
        child: Child { pid, pidfd, children: children.clone() },
        stdout: stdout.into(),
        stderr: stderr.into(),
    })
}

#[cfg(test)]
mod tests;

//! Stories about processes that are wanted no more before they run.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};

use maitred_engine::event::ExitStatus;
use maitred_engine::limits::PoolLimits;

use super::*;
use crate::body::budget::Budget;
use crate::body::upload::Policy;
use crate::clock::Clock;
use crate::driver::Parts;
use crate::process::output::{Form, Mode, Sink};

/// Long enough for everything that is waited for; only a failing test waits so long.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The pool of these stories.
pub(crate) const POOL: PoolId = PoolId(1);

/// A driver with a pool of one process, and what it orders.
pub(crate) fn driver(mut limits: PoolLimits) -> (Arc<Driver>, mpsc::UnboundedReceiver<Order>) {
    limits.processes = 1;
    let (orders, ordered) = mpsc::unbounded_channel();
    let driver = Driver::new(Parts {
        clock: Clock::start(),
        budget: Budget::new(0, 0, "/var/tmp".into()),
        uploads: Policy { body_max: 0 },
        orders,
        access_log: None,
    });
    driver.process(Input::PoolAdded { pool: POOL, limits: Box::new(limits) });
    (driver, ordered)
}

fn sleeper() -> spawn::Order {
    let path = std::env::var_os("PATH").unwrap();
    spawn::Order {
        argv: vec!["sleep".into(), "60".into()],
        env: vec![("PATH".into(), path)],
        cwd: "/".into(),
    }
}

/// An interpreter that takes its time: until the test says what to start, or that there is none.
#[derive(Debug)]
struct Slow {
    asked: Sender<()>,
    answer: parking_lot::Mutex<Receiver<anyhow::Result<spawn::Order>>>,
}

impl Recipe for Slow {
    fn order(&self, _: &Credentials) -> anyhow::Result<spawn::Order> {
        self.asked.send(())?;
        self.answer.lock().recv()?
    }

    fn label(&self) -> Arc<str> {
        "shop".into()
    }

    fn interpreter(&self) -> String {
        String::new()
    }
}

/// The core is told to leave, and its patience ends, while a process is being started.
async fn leaves_although_starting(answer: anyhow::Result<spawn::Order>) -> Arc<Driver> {
    let (driver, ordered) =
        driver(PoolLimits { cut_exit_max: Duration::ZERO, ..PoolLimits::default() });
    let (asked, was_asked) = channel();
    let (answers, its_answer) = channel();
    let null = || OwnedFd::from(std::fs::File::options().write(true).open("/dev/null").unwrap());
    let sink = || Sink::start(null(), Form::Text).unwrap();
    let supervisor = Supervisor {
        memory: 0,
        driver: Arc::clone(&driver),
        spawner: Spawner::start().unwrap(),
        recipe: Arc::new(Slow { asked, answer: its_answer.into() }),
        outlets: Outlets { stdout: sink(), stderr: sink(), mode: Mode::Raw },
        watchers: TaskTracker::new(),
        children: Arc::default(),
    };
    tokio::spawn(supervisor.run(ordered));
    tokio::task::spawn_blocking(move || was_asked.recv().unwrap()).await.unwrap();
    driver.process(Input::Drain { stop_at: driver.clock.now() });
    driver.process(Input::Tick);
    tokio::task::yield_now().await;
    answers.send(answer).unwrap();
    tokio::time::timeout(LONG, driver.closed.cancelled()).await.expect("nothing is left");
    driver
}

#[tokio::test]
async fn a_process_that_was_killed_before_it_ran_ends_as_soon_as_it_runs() {
    let driver = leaves_although_starting(Ok(sleeper())).await;
    let how = driver.with_roster(|roster| roster.exits().next().unwrap().status);
    assert_eq!(how, Some(ExitStatus::Signal(Signal::KILL.as_raw())));
}

#[tokio::test]
async fn a_start_that_fails_after_the_kill_keeps_nobody() {
    let driver = leaves_although_starting(Err(anyhow::anyhow!("no such interpreter"))).await;
    let how = driver.with_roster(|roster| roster.exits().next().unwrap().status);
    assert_eq!(how, None);
}

async fn ended_by(signals: &[Signal]) -> ExitStatus {
    let (children, process) = (Children::default(), ProcessId(1));
    children.starting(process);
    for signal in signals {
        children.signal(process, *signal);
    }
    let child = Spawner::start().unwrap().spawn(sleeper()).await.unwrap().child;
    let child = Arc::new(child);
    children.started(process, Arc::clone(&child));
    tokio::time::timeout(LONG, child.exited()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_signal_for_a_process_that_does_not_run_yet_is_kept() {
    let term = Signal::TERM.as_raw();
    assert_eq!(ended_by(&[Signal::TERM]).await, ExitStatus::Signal(term));
}

#[tokio::test]
async fn of_two_kept_signals_the_harder_one_counts() {
    let killed = ExitStatus::Signal(Signal::KILL.as_raw());
    assert_eq!(ended_by(&[Signal::TERM, Signal::KILL]).await, killed);
    assert_eq!(ended_by(&[Signal::KILL, Signal::TERM]).await, killed);
}

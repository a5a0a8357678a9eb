//! A world: the real engine, real links, and everything around them made up.
//!
//! Nothing runs in parallel and no clock is read: each step draws an action from the seed and
//! does it, time passes only where an action says so. After each input of the engine the shadow
//! checks the rules.

use std::collections::BTreeMap;

use maitred_engine::Engine;
use maitred_engine::class::Class;
use maitred_engine::event::Input;
use maitred_engine::id::{PoolId, ProcessId, RequestId};
use maitred_engine::time::Time;
use maitred_recorder::Recorder;

use crate::core_end::CoreEnd;
use crate::coverage::{Action, Coverage};
use crate::mutant::{Mutant, Tamper};
use crate::plan::Plan;
use crate::process::Process;
use crate::random::Random;
use crate::rule::{Checked, Violation};
use crate::shadow::Shadow;
use crate::transcript::Transcript;

mod app;
mod clients;
mod core;
mod early;
mod end;
mod fault;
mod hear;
mod oob;
mod tell;
mod time;

/// Whether an action found something to do.
type Done = Result<bool, Violation>;

/// One world.
#[derive(Debug)]
pub struct World {
    random: Random,
    plan: Plan,
    total: u64,
    now: Time,
    engine: Engine,
    /// The engine as it was written down and read again, and for how many more inputs it is asked.
    twin: Option<(Engine, u32)>,
    tamper: Tamper,
    shadow: Shadow,
    clients: BTreeMap<RequestId, Client>,
    next_request: u64,
    ends: BTreeMap<ProcessId, CoreEnd>,
    processes: BTreeMap<ProcessId, Process>,
    closed: bool,
    recorder: Option<Recorder>,
    /// What happened, for people and for comparison.
    pub transcript: Transcript,
}

/// A client and its request.
#[derive(Debug)]
struct Client {
    pool: PoolId,
    class: Class,
    /// Length of the request's body.
    body: usize,
    /// How much of it has come in, for a body that is to be held whole.
    come: usize,
    idempotent: bool,
    body_held: bool,
    arrived: bool,
    /// The kernel takes whatever there is.
    eager: bool,
    route: Option<(ProcessId, u64)>,
    /// Body bytes of the response that it has not taken yet.
    untaken: usize,
    complete: bool,
    /// Nobody takes the response's body.
    discard: bool,
}

impl World {
    /// The world that belongs to the seed, with so many steps before its end.
    #[must_use]
    pub fn new(seed: u64, steps: u64) -> Self {
        Self::with(seed, steps, None)
    }

    /// The same with something wrong in it.
    #[must_use]
    pub fn with(seed: u64, steps: u64, mutant: Option<Mutant>) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random, steps);
        let total = plan.weights.iter().map(|(_, weight)| weight).sum();
        Self {
            random,
            plan,
            total,
            now: Time::default(),
            engine: Engine::new(),
            twin: None,
            tamper: Tamper::with(mutant),
            shadow: Shadow::default(),
            clients: BTreeMap::new(),
            next_request: 1,
            ends: BTreeMap::new(),
            processes: BTreeMap::new(),
            closed: false,
            recorder: None,
            transcript: Transcript::default(),
        }
    }

    /// From now on the engine's flight recorder runs.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// What the flight recorder has, as a file.
    #[must_use]
    pub fn recording(&mut self) -> Vec<u8> {
        let tape = self.recorder.as_mut().map(Recorder::tape);
        tape.map(|tape| tape.into_file("0").concat()).unwrap_or_default()
    }

    /// Plays the world to its end.
    ///
    /// # Errors
    ///
    /// A rule was broken.
    pub fn play(&mut self) -> Checked {
        self.begin()?;
        for _ in 0..self.plan.steps {
            self.step()?;
        }
        self.end()?;
        self.shadow.coverage.worlds += 1;
        Ok(())
    }

    /// What was done and checked so far.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.shadow.coverage
    }

    fn begin(&mut self) -> Checked {
        for (pool, limits) in (1..).map(PoolId).zip(self.plan.pools.clone()) {
            self.shadow.pool_added(pool, limits.clone());
            self.tell(Input::PoolAdded { pool, limits: Box::new(limits) })?;
        }
        Ok(())
    }

    /// Draws actions until one finds something to do.
    fn step(&mut self) -> Checked {
        loop {
            let action = self.plan.draw(&mut self.random, self.total);
            if self.act(action)? {
                return Ok(());
            }
        }
    }

    fn act(&mut self, action: Action) -> Done {
        let done = match action {
            Action::Arrive => self.arrive(),
            Action::ArriveWithBody => self.arrive_with_body(),
            Action::BodyComes => self.body_comes(),
            Action::ClientLeaves => self.client_leaves(),
            Action::ClientTakes => self.client_takes(),
            Action::BreakOff => self.break_off(),
            Action::Upload => Ok(self.upload()),
            Action::CoreWrites => self.core_writes(),
            Action::CoreReads => self.core_reads(),
            Action::Ping => Ok(self.ping()),
            Action::ProcessWrites => Ok(self.process_writes()),
            Action::ProcessReads => self.process_reads(),
            Action::Boot => self.boot(),
            Action::Reap => self.reap(),
            Action::ExitInTime => Ok(self.exit_in_time()),
            Action::AppStarts => self.app_starts(),
            Action::AppInforms => Ok(self.app_informs()),
            Action::AppAnswers => Ok(self.app_answers()),
            Action::AppSends => Ok(self.app_sends()),
            Action::AppEnds => Ok(self.app_ends()),
            Action::AppAborts => Ok(self.app_aborts()),
            Action::AppReady => Ok(self.app_ready()),
            Action::AppReads => Ok(self.app_reads()),
            Action::AppDetaches => Ok(self.app_detaches()),
            Action::AppBounces => Ok(self.app_bounces()),
            Action::OobAsk => Ok(self.oob_ask()),
            Action::OobTakeBack => Ok(self.oob_take_back()),
            Action::OobOrder => self.oob_order(),
            Action::OobEnd => Ok(self.oob_end()),
            Action::WantDrain => Ok(self.want_drain()),
            Action::SayGoodbye => Ok(self.say_goodbye(false)),
            Action::GoodbyeLies => Ok(self.say_goodbye(true)),
            Action::TimePasses => self.time_passes(),
            Action::NeedlessTick => self.tell(Input::Tick).map(|()| true),
            Action::Restore => Ok(self.restore()),
            Action::Leave | Action::Drain => Ok(false),
            fault => Ok(self.fault(fault)),
        }?;
        if done {
            self.done(action);
        }
        Ok(done)
    }

    fn done(&mut self, action: Action) {
        self.shadow.coverage.action(action);
        self.shadow.coverage.steps += 1;
        self.transcript.action(action);
    }

    /// One of the processes that fit.
    fn pick(&mut self, fits: impl Fn(&Process) -> bool) -> Option<ProcessId> {
        let count = self.processes.values().filter(|it| fits(it)).count();
        let nth = self.random.index(count);
        let mut fitting = self.processes.iter().filter(|(_, it)| fits(it));
        fitting.nth(nth).map(|(id, _)| *id)
    }

    fn process(&mut self, id: ProcessId) -> &mut Process {
        self.processes.get_mut(&id).expect("it was picked from the table")
    }

    /// When a piece that is sent now arrives.
    fn arrival(&mut self) -> Time {
        let delay = self.random.micros(0, self.plan.delay_max);
        self.now + delay
    }
}

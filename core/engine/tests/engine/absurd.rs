//! Whatever is said to the engine, in whatever order, it keeps its tables straight.

use std::collections::BTreeMap;
use std::time::Duration;

use maitred_engine::Engine;
use maitred_engine::class::Class;
use maitred_engine::event::{
    Abort, Deadlines, ExitStatus, Input, OobAsk, OobBy, OobWord, Output, Traits,
};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::{Lease, Leases, OobLimits, OverloadLimits, PoolLimits, Routing};
use maitred_engine::snapshot::{PhasePicture, ProcessPicture, Snapshot};
use maitred_engine::time::Time;
use proptest::prelude::*;

use crate::script::check_equation;

const POOLS: u32 = 2;

/// How a pool routes, and whether it has a policy for overload.
type Mode = (Routing, bool);

fn mode() -> impl Strategy<Value = Mode> {
    (prop::sample::select(&[Routing::Global, Routing::PerProcess][..]), any::<bool>())
}

/// The second pool has one process, which may get requests early.
fn limits(pool: u32, (routing, overload): Mode) -> PoolLimits {
    let target = Duration::from_millis(20);
    let overload = overload.then_some(OverloadLimits { target, interval: target * 3 });
    PoolLimits {
        processes: 2 - pool,
        // One way of counting or the other; which routing has which does not matter.
        measure_first: routing == Routing::PerProcess,
        queue_len_max: 6,
        booting_len_max: 8,
        routing,
        overload,
        queue_wait_max: Duration::from_millis(400),
        booting_wait_max: Duration::from_millis(900),
        boot_max: Duration::from_millis(700),
        boot_backoff: Duration::from_millis(20),
        boot_backoff_max: Duration::from_millis(100),
        drain_max: Duration::from_millis(200),
        exit_max: Duration::from_millis(50),
        isolation_max: Duration::from_millis(60),
        cut_exit_max: Duration::from_millis(10),
        oob: OobLimits {
            lease: Duration::from_millis(80),
            overdue_after: Duration::from_millis(60),
            quiesce_max: Duration::from_millis(30),
            ..OobLimits::default()
        },
        leases: Box::new(leases()),
        ..PoolLimits::default()
    }
}

fn leases() -> Leases {
    let ms = |ms| Some(Duration::from_millis(ms));
    let lease = |warn, max| Lease {
        warn: ms(warn),
        warn_dumps: true,
        max: ms(max),
        raise_after: ms(20),
        retire_after: ms(40),
    };
    Leases {
        first_byte: lease(100, 200),
        request: lease(150, 300),
        deferred: lease(80, 120),
        hang: lease(100, 250),
        dump_pause: Duration::from_millis(50),
    }
}

fn pool() -> impl Strategy<Value = PoolId> {
    // The last one does not exist.
    prop_oneof![20 => Just(PoolId(0)), 20 => Just(PoolId(1)), 1 => Just(PoolId(POOLS))]
}

fn request() -> impl Strategy<Value = RequestId> {
    (0..40_u64).prop_map(RequestId)
}

fn process() -> impl Strategy<Value = ProcessId> {
    (0..14_u64).prop_map(ProcessId)
}

fn slot() -> impl Strategy<Value = SlotId> {
    (process(), 0..4_u32).prop_map(|(process, index)| SlotId { process, index })
}

fn abort() -> impl Strategy<Value = Abort> {
    prop_oneof![
        Just(Abort::AppError),
        Just(Abort::InvalidResponse),
        Just(Abort::Cancelled),
        Just(Abort::ByCore)
    ]
}

fn kind() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("gc".to_owned()), 1 => Just("warm".to_owned())]
}

fn within() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![1 => Just(None), 2 => (0..60_u64).prop_map(|ms| Some(Duration::from_millis(ms)))]
}

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(&Class::ALL[..])
}

fn traits() -> impl Strategy<Value = Traits> {
    let ms =
        || prop::option::weighted(0.1, (1..200_u32).prop_map(|ms| ms.try_into().expect("from 1")));
    let may = || prop::bool::weighted(0.8);
    (may(), may(), class(), (ms(), ms(), ms())).prop_map(
        |(idempotent, body_held, class, (first_byte, request, deferred))| {
            let deadlines = Deadlines { first_byte, request, deferred };
            Traits { idempotent, body_held, class, deadlines }
        },
    )
}

/// Anything at all, mostly about things that do not exist or in the wrong order.
fn anything() -> impl Strategy<Value = Input> {
    let unstarted = || prop::collection::vec(0..4_u32, 0..3);
    let status = prop_oneof![Just(ExitStatus::Code(0)), Just(ExitStatus::Signal(9))];
    prop_oneof![
        8 => (request(), pool(), traits())
            .prop_map(|(request, pool, traits)| Input::Arrived { request, pool, traits }),
        2 => (request(), pool(), class())
            .prop_map(|(request, pool, class)| Input::Announced { request, pool, class }),
        3 => request().prop_map(|request| Input::ClientGone { request }),
        3 => request().prop_map(|request| Input::Delivered { request }),
        2 => slot().prop_map(|slot| Input::ResponseStarted { slot }),
        4 => slot().prop_map(|slot| Input::ResponseComplete { slot }),
        1 => (slot(), abort()).prop_map(|(slot, why)| Input::ResponseAborted { slot, why }),
        2 => slot().prop_map(|slot| Input::Finished { slot }),
        2 => slot().prop_map(|slot| Input::Ready { slot }),
        1 => slot().prop_map(|slot| Input::Detached { slot }),
        1 => (process(), request())
            .prop_map(|(process, request)| Input::DetachedComplete { process, request }),
        1 => (process(), request(), abort()).prop_map(|(process, request, why)| {
            Input::DetachedAborted { process, request, why }
        }),
        1 => slot().prop_map(|slot| Input::Bounced { slot }),
        1 => slot().prop_map(|slot| Input::Reconciled { slot }),
        1 => process().prop_map(|process| Input::Spawned { process, pid: 7 }),
        1 => process().prop_map(|process| Input::SpawnFailed { process }),
        8 => (process(), prop_oneof![9 => 1..5_u32, 1 => Just(0), 1 => Just(u32::MAX)])
            .prop_map(|(process, slots)| Input::Hello { process, slots }),
        2 => process().prop_map(|process| Input::EarlyWanted { process }),
        1 => (process(), request())
            .prop_map(|(process, request)| Input::EarlyReturned { process, request }),
        1 => (process(), 0..1_500_u64)
            .prop_map(|(process, rss)| Input::Measured { process, rss, memory: 1_000 }),
        1 => process().prop_map(|process| Input::DrainWanted { process }),
        1 => (process(), unstarted())
            .prop_map(|(process, unstarted)| Input::Goodbye { process, unstarted }),
        1 => (process(), unstarted())
            .prop_map(|(process, unstarted)| Input::LinkLost { process, unstarted }),
        3 => (process(), 0..500_u64).prop_map(|(process, age)| Input::Pong {
            process,
            host_age: Duration::from_millis(age),
        }),
        1 => (slot(), 0..3_u32).prop_map(|(slot, pieces)| Input::DeferredFailed { slot, pieces }),
        1 => process().prop_map(|process| Input::Misbehaved { process }),
        1 => (process(), status).prop_map(|(process, status)| Input::Exited { process, status }),
        2 => (process(), kind(), within()).prop_map(|(process, kind, not_later_than)| {
            let (reason, by, expected) = (String::new(), OobBy::App, None);
            let what = OobAsk { kind, reason, by, expected, not_later_than };
            Input::OobAsked { process, what: Box::new(what) }
        }),
        1 => (process(), kind()).prop_map(|(process, kind)| Input::OobWithdrawn { process, kind }),
        1 => process().prop_map(|process| Input::OobDone { process, word: OobWord::Failed }),
        5 => Just(Input::Tick),
    ]
}

/// What a daemon with a live app would say next.
#[derive(Debug, Clone)]
enum Move {
    Anything(Box<Input>),
    /// The oldest booting process says hello.
    Boot(u32),
    /// One slot that runs something is done with it: at once, or after it deferred.
    Finish(prop::sample::Index, bool),
    /// Any process dies.
    Crash(prop::sample::Index),
    /// Processes that were told to leave do.
    Obey,
    /// One that is up asks for out-of-band work.
    Ask(prop::sample::Index, String, Option<Duration>),
    /// Those that are out are done.
    Return,
    /// The state is written down and read again.
    Restore,
    Leave,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        20 => anything().prop_map(|input| Move::Anything(Box::new(input))),
        6 => (1..4_u32).prop_map(Move::Boot),
        14 => any::<(prop::sample::Index, bool)>()
            .prop_map(|(index, at_once)| Move::Finish(index, at_once)),
        2 => any::<prop::sample::Index>().prop_map(Move::Crash),
        2 => Just(Move::Obey),
        3 => (any::<prop::sample::Index>(), kind(), within())
            .prop_map(|(index, kind, within)| Move::Ask(index, kind, within)),
        2 => Just(Move::Return),
        1 => Just(Move::Restore),
    ]
}

/// An engine, and the little that its world must know of it.
struct World {
    engine: Engine,
    now: Time,
    /// What was asked for and is not done: processes that drain, and that must exit.
    drain: Vec<ProcessId>,
    exit: Vec<ProcessId>,
    /// Processes whose memory is asked for.
    measure: Vec<ProcessId>,
    /// Processes that are out of band.
    out: Vec<ProcessId>,
    /// Slots and the requests that they were given, as the outputs tell.
    held: BTreeMap<SlotId, RequestId>,
    ended: u64,
    /// The engine as it was written down and read again; it must decide the same, also when it
    /// hears in two words what was said in one.
    twin: Option<Engine>,
}

impl World {
    fn new(modes: [Mode; POOLS as usize]) -> Self {
        let mut world = Self {
            engine: Engine::new(),
            now: Time::default(),
            drain: Vec::new(),
            exit: Vec::new(),
            measure: Vec::new(),
            out: Vec::new(),
            held: BTreeMap::new(),
            ended: 0,
            twin: None,
        };
        for (pool, mode) in (0..POOLS).zip(modes) {
            world.tell(Input::PoolAdded {
                pool: PoolId(pool),
                limits: Box::new(limits(pool, mode)),
            });
        }
        world
    }

    fn tell(&mut self, input: Input) {
        match &input {
            Input::LinkLost { process, .. } | Input::Exited { process, .. } => {
                self.held.retain(|slot, _| slot.process != *process);
            }
            Input::Ready { slot }
            | Input::Finished { slot }
            | Input::Bounced { slot }
            | Input::Reconciled { slot } => {
                self.held.remove(slot);
            }
            Input::Goodbye { process, unstarted } => {
                let gone =
                    |slot: &SlotId| slot.process == *process && unstarted.contains(&slot.index);
                self.held.retain(|slot, _| !gone(slot));
            }
            _ => {}
        }
        if let Some(twin) = &mut self.twin {
            for input in in_two_words(&input) {
                twin.handle(self.now, input);
            }
        }
        let out = self.out.len();
        let at_once = matches!(input, Input::Finished { .. });
        self.engine.handle(self.now, input);
        let outputs: Vec<_> = std::iter::from_fn(|| self.engine.poll_output()).collect();
        if let Some(twin) = &mut self.twin {
            let mut its: Vec<_> = std::iter::from_fn(|| twin.poll_output()).collect();
            if at_once {
                // Between two words it may have decided something that follows from the first.
                its.sort_by_key(|output| outputs.iter().position(|it| it == output));
            }
            assert_eq!(its, outputs);
        }
        for output in outputs {
            self.perform(&output);
        }
        self.engine.check_invariants();
        check_floor(&self.engine.snapshot(self.now), &self.out[out..]);
        let snapshot = self.engine.snapshot(self.now);
        check_equation(&snapshot);
        let ended = snapshot.pools.iter().map(|pool| {
            let totals = &pool.totals;
            totals.arrived - totals.in_flight - totals.queued
        });
        assert_eq!(ended.sum::<u64>(), self.ended, "one `Ended` per outcome");
        if let Some(process) = self.measure.pop() {
            self.tell(Input::Measured { process, rss: 300, memory: 1_000 });
        }
    }

    fn perform(&mut self, output: &Output) {
        match *output {
            Output::Dispatch { request, slot, .. } | Output::Taken { request, slot, .. } => {
                // Rule R1.
                assert_eq!(self.held.insert(slot, request), None, "{slot} never said ready");
            }
            Output::Drain { process, .. } => self.drain.push(process),
            Output::Measure { process } => self.measure.push(process),
            Output::StartOob { process, .. } => {
                // Rule R8: nothing runs in it.
                assert!(self.held.keys().all(|slot| slot.process != process), "{process} is busy");
                self.out.push(process);
            }
            Output::CloseLink { process }
            | Output::Terminate { process }
            | Output::Kill { process, .. } => self.exit.push(process),
            Output::Ended { pool, .. } if pool.0 < POOLS => {
                self.ended += 1;
            }
            _ => {}
        }
    }

    fn play(&mut self, step: Move) {
        match step {
            Move::Anything(input) => self.tell(*input),
            Move::Boot(slots) => {
                let snapshot = self.engine.snapshot(self.now);
                let mut processes = snapshot.pools.iter().flat_map(|pool| &pool.processes);
                if let Some(process) = processes.find(|process| process.booted_at.is_none()) {
                    self.tell(Input::Hello { process: process.process, slots });
                    self.tell(Input::EarlyWanted { process: process.process });
                }
            }
            Move::Finish(index, at_once) if !self.held.is_empty() => {
                let slots: Vec<_> = self.held.iter().map(|(slot, it)| (*slot, *it)).collect();
                let (slot, request) = slots[index.index(slots.len())];
                if at_once {
                    self.tell(Input::Finished { slot });
                    return self.tell(Input::Delivered { request });
                }
                self.tell(Input::ResponseComplete { slot });
                self.tell(Input::Delivered { request });
                self.now = self.now + Duration::from_millis(3);
                self.tell(Input::Ready { slot });
            }
            Move::Finish(..) => {}
            Move::Crash(index) => {
                let snapshot = self.engine.snapshot(self.now);
                let processes = snapshot.pools.iter().flat_map(|pool| &pool.processes);
                let processes: Vec<_> = processes.map(|process| process.process).collect();
                if !processes.is_empty() {
                    self.die(processes[index.index(processes.len())]);
                }
            }
            Move::Obey => {
                for process in std::mem::take(&mut self.drain) {
                    self.tell(Input::Goodbye { process, unstarted: Vec::new() });
                }
                for process in std::mem::take(&mut self.exit) {
                    self.die(process);
                }
            }
            Move::Ask(index, kind, not_later_than) => {
                let snapshot = self.engine.snapshot(self.now);
                let processes = snapshot.pools.iter().flat_map(|pool| &pool.processes);
                let up = processes.filter(|process| process.booted_at.is_some());
                let up: Vec<_> = up.map(|process| process.process).collect();
                if !up.is_empty() {
                    let process = up[index.index(up.len())];
                    let (reason, by, expected) = (String::new(), OobBy::App, None);
                    let what = OobAsk { kind, reason, by, expected, not_later_than };
                    self.tell(Input::OobAsked { process, what: Box::new(what) });
                }
            }
            Move::Return => {
                for process in std::mem::take(&mut self.out) {
                    self.tell(Input::OobDone { process, word: OobWord::Done });
                }
            }
            Move::Restore => {
                let written = serde_json::to_string(&self.engine).expect("it is plain data");
                self.twin = Some(serde_json::from_str(&written).expect("it was written"));
            }
            Move::Leave => {
                let stop_at = self.now + Duration::from_millis(300);
                self.tell(Input::Drain { stop_at });
            }
        }
    }

    fn die(&mut self, process: ProcessId) {
        self.tell(Input::LinkLost { process, unstarted: vec![0] });
        self.tell(Input::Exited { process, status: ExitStatus::Signal(9) });
    }

    /// Time passes, deadline by deadline.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..1_000 {
            let Some(at) = self.engine.next_deadline().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.tell(Input::Tick);
        }
        assert!(self.engine.next_deadline().is_none_or(|at| at > until), "time stands still");
        self.now = until;
    }
}

/// What [`Input::Finished`] means; anything else is one word.
fn in_two_words(input: &Input) -> Vec<Input> {
    match *input {
        Input::Finished { slot } => vec![Input::ResponseComplete { slot }, Input::Ready { slot }],
        _ => vec![input.clone()],
    }
}

/// Rule R8: whoever has just gone out left enough others that serve, but in a pool that can never
/// have them.
fn check_floor(snapshot: &Snapshot, out: &[ProcessId]) {
    for pool in &snapshot.pools {
        let serves = |process: &&ProcessPicture| {
            matches!(process.phase, PhasePicture::Serving | PhasePicture::Retiring)
        };
        let serving = pool.processes.iter().filter(serves).count();
        let went = pool.processes.iter().any(|process| out.contains(&process.process));
        let enough = pool.oob.small_pool || serving >= pool.oob.min_ready as usize;
        assert!(!went || enough, "{pool:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_order_of_inputs_confuses_the_tables(
        modes in [mode(), mode()],
        story in prop::collection::vec((moves(), 0..40_u64), 1..150),
        ending in prop::collection::vec((moves(), 0..40_u64), 0..40),
    ) {
        let mut world = World::new(modes);
        let leave = std::iter::once((Move::Leave, 0));
        for (step, ms) in story.into_iter().chain(leave).chain(ending) {
            world.pass(Duration::from_millis(ms));
            world.play(step);
        }
        // Once the core leaves and everyone obeys, nothing is left.
        world.pass(Duration::from_millis(500));
        world.play(Move::Obey);
        world.pass(Duration::from_millis(500));
        world.play(Move::Obey);
        prop_assert!(world.engine.is_closed());
        prop_assert_eq!(world.engine.next_deadline(), None);
    }
}

//! What a decision of the engine costs, and that it does not grow with the pool.
//!
//! Everything that maitred decides is decided on one thread, under the traffic: what costs ten
//! microseconds here caps a core at 100,000 inputs a second. The budget is 1 us for a decision
//! with 1,000 processes and 10,000 requests in the queue.
//!
//! ```text
//! cargo bench -p maitred-engine
//! ```

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use maitred_engine::Engine;
use maitred_engine::event::{ExitStatus, Input, Output, Traits};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::PoolLimits;
use maitred_engine::time::Time;

const POOL: PoolId = PoolId(1);

/// (processes, requests in the queue).
const SIZES: [(u32, u32); 4] = [(1, 10), (10, 100), (100, 1_000), (1_000, 10_000)];

/// Slots of a process.
const SLOTS: u32 = 4;

/// An engine that is fed and listened to.
struct Core {
    engine: Engine,
    now: Time,
    requests: u64,
    processes: VecDeque<ProcessId>,
    /// Slots that were given a request, oldest first, and that request.
    busy: VecDeque<(SlotId, RequestId)>,
}

impl Core {
    /// All slots are busy, and so many requests wait beyond them.
    fn saturated(processes: u32, queued: u32) -> Self {
        let mut core = Self::idle(processes, queued);
        for _ in 0..processes * SLOTS + queued {
            core.arrive();
        }
        assert_eq!(core.busy.len() as u32, processes * SLOTS);
        core
    }

    /// All processes are up, and nothing is to be done.
    fn idle(processes: u32, queued: u32) -> Self {
        let mut core = Self {
            engine: Engine::new(),
            now: Time::default(),
            requests: 0,
            processes: VecDeque::new(),
            busy: VecDeque::new(),
        };
        let limits = PoolLimits {
            processes,
            measure_first: false,
            // Room for one more than waits, so that the length is that of the name.
            queue_len_max: queued + 2,
            ..PoolLimits::default()
        };
        core.tell(Input::PoolAdded { pool: POOL, limits: Box::new(limits) });
        for process in core.processes.clone() {
            core.tell(Input::Spawned { process, pid: 1 });
            core.tell(Input::Hello { process, slots: SLOTS });
        }
        core
    }

    fn tell(&mut self, input: Input) {
        self.now = self.now + Duration::from_micros(1);
        self.engine.handle(self.now, input);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Dispatch { request, slot, .. } => self.busy.push_back((slot, request)),
                Output::Spawn { process, .. } => self.processes.push_back(process),
                Output::Refuse { .. } => unreachable!("there is room"),
                other => _ = black_box(other),
            }
        }
    }

    fn arrive(&mut self) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.tell(Input::Arrived { request, pool: POOL, traits: Traits::default() });
        request
    }

    /// A request's whole life in five inputs; the one that becomes free takes the next in line.
    fn turn(&mut self) {
        self.arrive();
        let (slot, request) = self.busy.pop_front().expect("all slots are busy");
        self.tell(Input::ResponseStarted { slot });
        self.tell(Input::ResponseComplete { slot });
        self.tell(Input::Delivered { request });
        self.tell(Input::Ready { slot });
    }

    /// The oldest process dies. What ran in it fails, since it cannot be repeated.
    fn replace(&mut self) {
        let process = self.processes.pop_front().expect("it is replaced each time");
        self.busy.clear();
        self.tell(Input::Exited { process, status: ExitStatus::Signal(9) });
        let process = *self.processes.back().expect("it was asked for");
        self.tell(Input::Spawned { process, pid: 1 });
        self.tell(Input::Hello { process, slots: SLOTS });
        assert_eq!(self.busy.len() as u32, SLOTS);
        for _ in 0..SLOTS {
            self.arrive();
        }
    }
}

/// Five inputs: arrived, response started, complete, delivered, ready and with it a dispatch.
fn whole_requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a request's five inputs, all slots busy");
    group.throughput(Throughput::Elements(5));
    for (processes, queued) in SIZES {
        let mut core = Core::saturated(processes, queued);
        let name = format!("{processes} processes, {queued} queued");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| core.turn());
        });
    }
    group.finish();
}

/// Two inputs: somebody joins the queue, and leaves it from its middle.
fn clients_that_leave(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a client queues and leaves: two inputs");
    group.throughput(Throughput::Elements(2));
    for (processes, queued) in SIZES {
        let mut core = Core::saturated(processes, queued);
        let mut waiting: VecDeque<_> =
            (core.requests - u64::from(queued) + 1..=core.requests).map(RequestId).collect();
        waiting.rotate_left(queued as usize / 2);
        let name = format!("{processes} processes, {queued} queued");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                waiting.push_back(core.arrive());
                let request = waiting.pop_front().expect("as many wait as ever");
                core.tell(Input::ClientGone { request });
            });
        });
    }
    group.finish();
}

/// Five inputs, of which the first chooses among all processes: every slot is idle.
fn choices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a request's five inputs, all slots idle");
    group.throughput(Throughput::Elements(5));
    for (processes, _) in SIZES {
        let mut core = Core::idle(processes, 0);
        let name = format!("{processes} processes");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| core.turn());
        });
    }
    group.finish();
}

/// Seven inputs: a process dies with all that ran in it, its replacement boots and takes the next
/// in line, and as many come as have gone.
fn deaths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a process dies and is replaced: seven inputs");
    group.throughput(Throughput::Elements(7));
    for (processes, queued) in SIZES {
        let mut core = Core::saturated(processes, queued);
        let name = format!("{processes} processes, {queued} queued");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| core.replace());
        });
    }
    group.finish();
}

criterion_group!(benches, whole_requests, clients_that_leave, choices, deaths);
criterion_main!(benches);

//! Two ends talk over a wire that takes what it likes.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use maitred_proto::link::{CoreEvent, CoreLink, ProcessEvent, ProcessLink};
use maitred_proto::message::{Hello, OobStart, Ready, ResponseHead, Welcome, interrupt};
use proptest::collection::vec;
use proptest::prelude::*;

/// Steps after which a conversation that has not ended is stuck.
const STEPS_MAX: usize = 200_000;

/// Bytes that the wire takes at once at most.
const PORTION_MAX: usize = 50_000;

/// One body on its way.
#[derive(Debug, Default)]
struct Flow {
    total: usize,
    sent: usize,
    received: usize,
    taken: usize,
    end_sent: bool,
    end_received: bool,
}

impl Flow {
    /// The next piece of at most `max` bytes, and whether it is the last one.
    fn next(&mut self, stream: u64, max: usize) -> (Bytes, bool) {
        let n = max.min(self.total - self.sent);
        let data = pattern(stream, self.sent, n);
        self.sent += n;
        self.end_sent = self.sent == self.total;
        (data, self.end_sent)
    }

    fn arrived(&mut self, stream: u64, data: &Bytes) {
        assert_eq!(*data, pattern(stream, self.received, data.len()));
        self.received += data.len();
    }

    /// What may be given back: some of what arrived.
    fn take(&mut self, max: usize) -> usize {
        let n = max.min(self.received - self.taken);
        self.taken += n;
        n
    }
}

/// The body of a stream is different at every place and in every stream.
fn pattern(stream: u64, at: usize, length: usize) -> Bytes {
    (at..at + length).map(|i| (i as u64 * 31 + i as u64 / 256 + stream) as u8).collect()
}

/// What is to happen in one request.
#[derive(Debug, Clone)]
struct Plan {
    up: usize,
    down: usize,
    /// The app ends its response after it has read the whole request.
    patient: bool,
    /// The client leaves once it has so much of the response.
    cancel_at: Option<usize>,
}

#[derive(Debug)]
struct Exchange {
    plan: Plan,
    up: Flow,
    down: Flow,
    in_app: bool,
    cancelled: bool,
    readies: u32,
}

struct World {
    core: CoreLink,
    process: ProcessLink,
    to_core: BytesMut,
    to_process: BytesMut,
    exchanges: BTreeMap<u64, Exchange>,
    random: u64,
}

impl World {
    fn new(plans: Vec<Plan>, seed: u64) -> Self {
        let mut world = Self {
            core: CoreLink::new(),
            process: ProcessLink::new(),
            to_core: BytesMut::new(),
            to_process: BytesMut::new(),
            exchanges: BTreeMap::new(),
            random: seed,
        };
        world.process.hello(&Hello { slots: plans.len() as u32, ..Hello::default() });
        while world.process.wants_transmit() {
            world.carry_to_core();
        }
        assert!(matches!(world.core.poll_event(), Some(CoreEvent::Hello(_))));
        world.core.welcome(&Welcome { version: 1, ..Welcome::default() });
        for plan in plans {
            let stream = world.core.request(false, |_| {}).expect("an empty head fits");
            let flow = |total| Flow { total, ..Flow::default() };
            let (up, down) = (flow(plan.up), flow(plan.down));
            let exchange = Exchange { plan, up, down, in_app: false, cancelled: false, readies: 0 };
            world.exchanges.insert(stream, exchange);
        }
        world
    }

    /// The next of a sequence of random numbers that the seed decides.
    fn below(&mut self, n: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) as usize % n.max(1)
    }

    fn is_over(&self) -> bool {
        self.core.open_streams() == 0
            && self.process.open_streams() == 0
            && !self.core.wants_transmit()
            && !self.process.wants_transmit()
    }

    fn step(&mut self) {
        let nth = self.below(self.exchanges.len());
        let stream = *self.exchanges.keys().nth(nth).expect("there are exchanges");
        let some = self.below(100_000);
        match self.below(10) {
            0 => self.upload(stream, some),
            1 => self.download(stream, some),
            2 => {
                let n = self.exchange(stream).up.take(some);
                self.process.consumed(stream, n);
            }
            3 => {
                let n = self.exchange(stream).down.take(some);
                self.core.consumed(stream, n);
            }
            4..=6 => {
                self.carry_to_process();
                self.process_hears();
            }
            7 | 8 => {
                self.carry_to_core();
                self.core_hears();
            }
            _ if some.is_multiple_of(2) => {
                self.core.interrupt(stream, interrupt::DUMP);
            }
            _ => {
                self.core.ping();
            }
        }
    }

    fn exchange(&mut self, stream: u64) -> &mut Exchange {
        self.exchanges.get_mut(&stream).expect("a stream that was opened")
    }

    fn upload(&mut self, stream: u64, some: usize) {
        let max = some.min(self.core.capacity(stream));
        let exchange = self.exchange(stream);
        if !exchange.up.end_sent && !exchange.cancelled {
            let (data, end) = exchange.up.next(stream, max);
            self.core.body(stream, data, end);
        }
    }

    fn download(&mut self, stream: u64, some: usize) {
        let max = some.min(self.process.capacity(stream));
        let cancelled = self.process.is_cancelled(stream);
        let exchange = self.exchange(stream);
        let must_read = exchange.plan.patient && !exchange.up.end_received;
        if !exchange.in_app || exchange.down.end_sent || (must_read && !cancelled) {
            return;
        }
        let (data, mut end) = exchange.down.next(stream, max);
        end |= cancelled;
        exchange.down.end_sent = end;
        match some % 4 {
            3 if end => {
                self.process.defer(stream, "named");
                self.process.body(stream, data, true, false);
                self.process.ready(stream, Ready::default());
            }
            0 if end => {
                self.process.body(stream, data, true, false);
                self.process.ready(stream, Ready { failed: 1 });
            }
            1 if end => {
                self.process.body(stream, data, false, false);
                self.process.end(stream, true);
            }
            _ => self.process.body(stream, data, end, end),
        }
    }

    fn carry_to_process(&mut self) {
        let portion = self.below(PORTION_MAX);
        let unsent = self.core.transmit();
        let n = unsent.len().min(portion);
        self.to_process.extend_from_slice(&unsent[..n]);
        self.core.transmitted(n);
        self.process.receive(&mut self.to_process).expect("the core keeps the protocol");
    }

    fn carry_to_core(&mut self) {
        let portion = self.below(PORTION_MAX);
        let unsent = self.process.transmit();
        let n = unsent.len().min(portion);
        self.to_core.extend_from_slice(&unsent[..n]);
        self.process.transmitted(n);
        self.core.receive(&mut self.to_core).expect("the process keeps the protocol");
    }

    fn process_hears(&mut self) {
        while let Some(event) = self.process.poll_event() {
            match event {
                ProcessEvent::Request { stream, .. } => {
                    let head = ResponseHead { status: 200, headers: std::iter::empty() };
                    self.process.respond(stream, head, false, false).expect("a small head");
                    self.exchange(stream).in_app = true;
                }
                ProcessEvent::Body { stream, data, end } => {
                    let up = &mut self.exchange(stream).up;
                    up.arrived(stream, &data);
                    up.end_received = end;
                }
                ProcessEvent::End { stream } => self.exchange(stream).up.end_received = true,
                _ => {}
            }
        }
    }

    fn core_hears(&mut self) {
        while let Some(event) = self.core.poll_event() {
            match event {
                CoreEvent::Body { stream, data, end, ready } => {
                    let exchange = self.exchange(stream);
                    exchange.down.arrived(stream, &data);
                    exchange.down.end_received |= end;
                    exchange.readies += u32::from(ready);
                    let enough = exchange.plan.cancel_at;
                    if enough.is_some_and(|at| at <= exchange.down.received) {
                        exchange.cancelled |= !exchange.down.end_received;
                        self.core.cancel(stream, 1);
                    }
                }
                CoreEvent::End { stream, ready, .. } => {
                    let exchange = self.exchange(stream);
                    exchange.down.end_received = true;
                    exchange.readies += u32::from(ready);
                }
                CoreEvent::Ready { stream, .. } => self.exchange(stream).readies += 1,
                CoreEvent::Pong { lost, .. } => assert_eq!(lost, [], "nothing was lost"),
                _ => {}
            }
        }
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    let length = || prop_oneof![Just(0), 0..100_usize, 0..700_000_usize];
    let cancel_at = prop_oneof![3 => Just(None), 1 => (0..300_000_usize).prop_map(Some)];
    (length(), length(), any::<bool>(), cancel_at).prop_map(|(up, down, patient, cancel_at)| Plan {
        up,
        down,
        patient,
        cancel_at,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bodies_arrive_whole_and_every_slot_is_ready_once(
        plans in vec(plan(), 1..6),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(plans, seed);
        let mut steps = 0;
        while !world.is_over() {
            world.step();
            steps += 1;
            prop_assert!(steps < STEPS_MAX, "stuck: {:?}", world.exchanges);
        }
        world.core_hears();
        // All slots are ready on both sides: this is when a process can be taken out of band.
        world.core.oob_start(&OobStart { kind: "gc".into(), ..OobStart::default() });
        world.process.receive(&mut BytesMut::from(world.core.transmit())).expect("in order");
        prop_assert!(world.process.is_out());
        for (stream, exchange) in &world.exchanges {
            prop_assert_eq!(exchange.readies, 1, "stream {}", stream);
            prop_assert!(exchange.down.end_received, "stream {}", stream);
            if !exchange.cancelled {
                prop_assert_eq!(exchange.down.received, exchange.plan.down);
            }
            if exchange.plan.patient && !exchange.cancelled {
                prop_assert_eq!(exchange.up.received, exchange.plan.up);
            }
        }
        prop_assert_eq!(world.core.counters().second_readies, 0);
        prop_assert_eq!(world.core.counters().reconciled, 0);
    }
}

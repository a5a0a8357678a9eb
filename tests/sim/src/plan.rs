//! What a world is like: limits, habits and weights, all drawn from its seed.
//!
//! Worlds differ on purpose. One in which everything happens equally often never comes to the
//! corners: some have no faults of a kind, some little else, some one slot, some a full queue.

use std::time::Duration;

use maitred_engine::limits::{Lease, Leases, OobLimits, OverloadLimits, PoolLimits, Routing};

use crate::coverage::Action;
use crate::random::Random;

/// A world's habits.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The limits of its pools.
    pub(crate) pools: Vec<PoolLimits>,
    /// Slots that a process offers, at most.
    pub(crate) slots_max: u64,
    /// Bytes that the kernel holds in one direction of a link.
    pub(crate) socket_buffer: usize,
    /// The longest body, in bytes.
    pub(crate) body_max: u64,
    /// Longest way of a piece through the kernel, in microseconds.
    pub(crate) delay_max: u64,
    /// Boots that fail in some way, in a thousand.
    pub(crate) boot_faults: u64,
    /// Requests that may run twice, in a thousand.
    pub(crate) idempotent: u64,
    /// Requests that are not of the normal class, in a thousand.
    pub(crate) classes: u64,
    /// Processes that can keep a request until a slot is ready, in a thousand.
    pub(crate) early: u64,
    /// Requests that say something about their leases, in a thousand.
    pub(crate) deadlines: u64,
    /// Kinds of out-of-band work that there are.
    pub(crate) kinds: u64,
    /// How often each action is tried.
    pub(crate) weights: Vec<(Action, u64)>,
    /// Actions before the world comes to its end.
    pub(crate) steps: u64,
}

/// How often an action is tried in an average world.
const WEIGHTS: &[(Action, u64)] = &[
    (Action::Arrive, 70),
    (Action::ArriveWithBody, 20),
    (Action::BodyComes, 40),
    (Action::ClientLeaves, 16),
    (Action::ClientTakes, 90),
    (Action::BreakOff, 4),
    (Action::Upload, 30),
    (Action::CoreWrites, 160),
    (Action::CoreReads, 160),
    (Action::Ping, 12),
    (Action::ProcessWrites, 160),
    (Action::ProcessReads, 160),
    (Action::Boot, 60),
    (Action::Reap, 40),
    (Action::ExitInTime, 20),
    (Action::AppStarts, 100),
    (Action::AppInforms, 8),
    (Action::AppAnswers, 80),
    (Action::AppSends, 40),
    (Action::AppEnds, 80),
    (Action::AppAborts, 8),
    (Action::AppReady, 60),
    (Action::AppReads, 30),
    (Action::AppDetaches, 8),
    (Action::AppBounces, 6),
    (Action::OobAsk, 22),
    (Action::OobTakeBack, 8),
    (Action::OobOrder, 16),
    (Action::OobEnd, 25),
    (Action::WantDrain, 14),
    (Action::SayGoodbye, 25),
    (Action::TimePasses, 90),
    (Action::NeedlessTick, 4),
    (Action::Restore, 3),
    (Action::Die, 9),
    (Action::CloseLink, 3),
    (Action::Hang, 6),
    (Action::Wake, 10),
    (Action::LoseReady, 3),
    (Action::LoseEnd, 6),
    (Action::ReadyTwice, 3),
    (Action::ReadyEarly, 12),
    (Action::StrangeStream, 1),
    (Action::DeadStream, 3),
    (Action::Garbage, 1),
    (Action::PongForgets, 4),
    (Action::PongInvents, 4),
    (Action::BounceStarted, 6),
    (Action::GoodbyeLies, 2500),
];

impl Action {
    /// Whether a world without faults does it not.
    #[must_use]
    pub(crate) fn is_fault(self) -> bool {
        (Self::Die..=Self::GoodbyeLies).contains(&self) && self != Self::Wake
    }
}

impl Plan {
    /// The plan that belongs to a world's random numbers.
    #[must_use]
    pub(crate) fn new(random: &mut Random, steps: u64) -> Self {
        let pools = random.between(1, 2);
        let calm = random.chance(150);
        let weights = WEIGHTS.iter().map(|&(action, weight)| {
            let times = match random.below(10) {
                0 if action.is_fault() => 0,
                0..=2 => 2,
                3..=7 => 4,
                8 => 8,
                _ if action.is_fault() => 20,
                _ => 10,
            };
            (action, if calm && action.is_fault() { 0 } else { weight * times })
        });
        let weights = weights.collect();
        // A long body through a narrow socket is many steps of which none is new.
        let buffer_bits = random.between(7, 16);
        let body_bits = random.between(4, 19).min(buffer_bits + 3);
        // Requests are sent ahead only where one process serves them in the order of their age.
        let lonely = random.chance(300);
        let limits = |random: &mut Random| match lonely {
            true => self::lonely(limits(random)),
            false => limits(random),
        };
        let classes = random.pick(&[0, 300, 700]).unwrap_or_default();
        Self {
            pools: (0..pools).map(|_| limits(random)).collect(),
            slots_max: random.between(1, 4),
            socket_buffer: 1 << buffer_bits,
            body_max: 1 << body_bits,
            delay_max: 1 << random.between(1, 12),
            boot_faults: if calm { 0 } else { random.below(400) },
            idempotent: random.pick(&[500, 800, 1000]).unwrap_or(1000),
            classes: if lonely { 0 } else { classes },
            early: random.pick(&[0, 500, 1000]).unwrap_or_default(),
            deadlines: random.pick(&[0, 300]).unwrap_or_default(),
            kinds: random.pick(&[1, 3, 20]).unwrap_or(1),
            weights,
            steps,
        }
    }

    /// Draws an action.
    pub(crate) fn draw(&self, random: &mut Random, total: u64) -> Action {
        let mut at = random.below(total);
        for &(action, weight) in &self.weights {
            if at < weight {
                return action;
            }
            at -= weight;
        }
        Action::TimePasses
    }

    /// No more faults.
    pub(crate) fn heal(&mut self) {
        self.weights.retain(|(action, _)| !action.is_fault());
        self.boot_faults = 0;
    }
}

fn lonely(limits: PoolLimits) -> PoolLimits {
    PoolLimits { processes: 1, routing: Routing::Global, overload: None, ..limits }
}

fn limits(random: &mut Random) -> PoolLimits {
    let ms = |random: &mut Random, from, to| Duration::from_millis(random.between(from, to));
    PoolLimits {
        measure_first: false,
        processes: random.between(1, 4) as u32,
        queue_len_max: random.between(1, 12) as u32,
        booting_len_max: random.between(1, 12) as u32,
        queue_wait_max: ms(random, 20, 400),
        booting_wait_max: ms(random, 20, 600),
        boot_max: ms(random, 20, 300),
        boot_attempts_max: random.between(1, 5) as u32,
        boot_backoff: ms(random, 2, 30),
        boot_backoff_max: ms(random, 30, 120),
        drain_max: ms(random, 10, 200),
        exit_max: ms(random, 5, 60),
        poison_crashes_max: random.between(1, 3) as u32,
        suspicions_max: random.between(2, 5) as u32,
        isolation_max: ms(random, 5, 100),
        cut_exit_max: ms(random, 1, 20),
        routing: if random.chance(300) { Routing::PerProcess } else { Routing::Global },
        overload: random
            .chance(300)
            .then(|| OverloadLimits { target: ms(random, 2, 60), interval: ms(random, 5, 100) }),
        early_max: random.between(0, 4) as u32,
        oob: OobLimits {
            concurrent: random.between(1, 2) as u32,
            min_ready: random.between(0, 2) as u32,
            lease: ms(random, 5, 80),
            overdue_after: ms(random, 5, 150),
            quiesce_max: ms(random, 5, 60),
        },
        leases: leases(random),
    }
}

fn leases(random: &mut Random) -> Box<Leases> {
    let lease = |random: &mut Random, often: u64| {
        let ms = |random: &mut Random, often, from, to| {
            let span = Duration::from_millis(random.between(from, to));
            random.chance(often).then_some(span)
        };
        Lease {
            warn: ms(random, often, 2, 60),
            warn_dumps: random.chance(500),
            max: ms(random, often, 10, 150),
            raise_after: ms(random, 400, 1, 20),
            retire_after: ms(random, 600, 1, 30),
        }
    };
    let often = random.pick(&[0, 400, 800]).unwrap_or_default();
    Box::new(Leases {
        first_byte: lease(random, often),
        request: lease(random, often),
        deferred: lease(random, often),
        hang: lease(random, often),
        dump_pause: Duration::from_millis(random.between(0, 40)),
    })
}

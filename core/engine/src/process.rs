//! A process and its slots: the one table that every gauge is derived from (rule R10).
//!
//! ```text
//!   Booting ──hello──▶ Serving ◀──┐
//!      │                │  ▲ isolate │ its suspect is done, or the lease ran out
//!      │                │  └───────▶ Isolated
//!      │                │
//!      │                ├──▶ Quiescing ──all slots idle──▶ Out    and back to Serving
//!      │                ▼ drain       │
//!      │              Draining ◀──────┘
//!      ▼                ▼ goodbye and all slots ready
//!   Leaving ◀── from any phase: link lost, killed, told to exit
//!      ▼ exited
//!   (forgotten)
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::event::KillReason;
use crate::id::{PoolId, ProcessId, RequestId, SlotId};
use crate::lease::Watch;
use crate::oob::AskId;
use crate::slot::{Slot, SlotTimes, Withdrawal};
use crate::time::Time;

/// One OS process of a pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) pool: PoolId,
    pub(crate) generation: u32,
    /// The pool's count of boot rounds when it was spawned.
    pub(crate) boot_round: u32,
    pub(crate) pid: Option<u32>,
    pub(crate) phase: Phase,
    /// It asked to be drained; it serves until another one can take over.
    pub(crate) wants_drain: bool,
    pub(crate) spawned_at: Time,
    pub(crate) booted_at: Option<Time>,
    /// Empty before hello and after its link is gone.
    pub(crate) slots: Vec<Slot>,
    /// The idle ones of `slots`, the most recently used one last.
    pub(crate) idle: Vec<u32>,
    /// It can keep requests until a slot is ready.
    pub(crate) takes_early: bool,
    /// Those that it keeps, oldest first, whether or not they have their outcome.
    pub(crate) early: VecDeque<RequestId>,
    /// Streams that live here without a slot, whether or not they have their outcome.
    pub(crate) detached: BTreeSet<RequestId>,
    /// Its asks for out-of-band work that have no outcome yet, oldest first.
    pub(crate) asks: Vec<AskId>,
    /// The one that it works on. It may have been told to leave meanwhile.
    pub(crate) out: Option<AskId>,
    /// Its place among those that may take a request.
    pub(crate) rank: Option<Rank>,
    /// Rises with every use, so that ties go to the one whose caches are warm.
    pub(crate) used: u64,
    /// The one thing it has to do in time: boot, become empty, drain or exit.
    pub(crate) timer: Option<Time>,
    pub(crate) requests: u64,
    pub(crate) last_dispatch_at: Option<Time>,
    /// Without the present state of the slots.
    pub(crate) times: SlotTimes,
    pub(crate) watch: Watch,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Spawned; no hello yet.
    Booting,
    /// Takes requests.
    Serving,
    /// Withdrawn, so that a suspect can run alone in it; `guest` is its slot.
    Isolated { guest: Option<u32> },
    /// Withdrawn, to become empty for the out-of-band work of this ask.
    Quiescing { ask: AskId },
    /// Empty, and busy with the out-of-band work of this ask.
    Out { ask: AskId },
    /// Was told to finish. `terminated`: the lease ran out, and it got SIGTERM.
    Draining { goodbye: bool, terminated: bool },
    /// Only its exit is awaited. `kill`: what to say when that takes too long. `blame`: its
    /// requests may have been the reason.
    Leaving { kill: KillReason, blame: bool },
}

/// The order in which processes are offered requests: newest generation, then smallest occupied
/// share of the slots, then most recently used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rank {
    pub(crate) generation: Reverse<u32>,
    /// Occupied slots per slot, in units of 2^-40: fine enough to tell any two shares apart.
    pub(crate) share: u64,
    /// It holds detached streams.
    pub(crate) crowded: bool,
    used: Reverse<u64>,
    pub(crate) process: ProcessId,
}

impl Phase {
    /// Whether it is taken out of its pool's budget: quiescing or out.
    pub(crate) fn is_out_of_band(self) -> bool {
        matches!(self, Self::Quiescing { .. } | Self::Out { .. })
    }
}

impl Rank {
    /// Whether nothing at all goes on in the process.
    pub(crate) fn is_empty_process(&self) -> bool {
        self.share == 0 && !self.crowded
    }

    /// Before all processes of older generations, after all others.
    pub(crate) fn next_generation(&self) -> Self {
        Self {
            generation: self.generation,
            share: u64::MAX,
            crowded: true,
            used: Reverse(0),
            process: ProcessId(u64::MAX),
        }
    }
}

impl Process {
    /// `used` of a process that was never used. Less than this: do not use it again soon.
    pub(crate) const UNUSED: u64 = 1;

    /// Born in this generation and round of boots.
    pub(crate) fn new(id: ProcessId, pool: PoolId, birth: (u32, u32), now: Time) -> Self {
        let (generation, boot_round) = birth;
        Self {
            id,
            pool,
            generation,
            boot_round,
            pid: None,
            phase: Phase::Booting,
            wants_drain: false,
            spawned_at: now,
            booted_at: None,
            slots: Vec::new(),
            idle: Vec::new(),
            takes_early: false,
            early: VecDeque::new(),
            detached: BTreeSet::new(),
            asks: Vec::new(),
            out: None,
            rank: None,
            used: Self::UNUSED,
            timer: None,
            requests: 0,
            last_dispatch_at: None,
            times: SlotTimes::default(),
            watch: Watch::default(),
        }
    }

    /// Whether it will go on, as far as anyone knows.
    pub(crate) fn is_staying(&self) -> bool {
        self.phase == Phase::Booting || self.is_up()
    }

    /// Whether it has booted and will go on.
    pub(crate) fn is_up(&self) -> bool {
        match self.phase {
            Phase::Serving | Phase::Isolated { .. } => true,
            phase => phase.is_out_of_band(),
        }
    }

    /// Whether its idle slots get no requests.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.phase != Phase::Serving
    }

    /// Why its idle slots get no requests, if they do not.
    pub(crate) fn withdrawal(&self) -> Option<Withdrawal> {
        match self.phase {
            Phase::Serving => None,
            phase if phase.is_out_of_band() => Some(Withdrawal::OutOfBand),
            _ => Some(Withdrawal::Other),
        }
    }

    pub(crate) fn occupied(&self) -> usize {
        self.slots.len() - self.idle.len()
    }

    /// Whether nothing at all goes on in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.occupied() == 0 && self.detached.is_empty() && self.early.is_empty()
    }

    pub(crate) fn any_running(&self) -> bool {
        !self.early.is_empty() || (self.occupied() > 0 && self.slots.iter().any(Slot::is_running))
    }

    pub(crate) fn slot(&self, index: u32) -> Option<Slot> {
        self.slots.get(index as usize).copied()
    }

    pub(crate) fn slot_id(&self, index: u32) -> SlotId {
        SlotId { process: self.id, index }
    }

    /// Its slots come into being, all idle.
    pub(crate) fn open_slots(&mut self, count: u32, now: Time) {
        self.slots = vec![Slot::Idle { since: now }; count as usize];
        self.idle = (0..count).rev().collect();
        self.watch.open(count);
    }

    /// Its slots cease to be; what they were doing is returned.
    pub(crate) fn close_slots(&mut self, now: Time) -> Vec<Slot> {
        self.settle_times(now);
        self.idle.clear();
        std::mem::take(&mut self.slots)
    }

    /// Takes the most recently used idle slot out of the stack, for a request.
    pub(crate) fn occupy(&mut self, request: RequestId, now: Time) -> Option<SlotId> {
        let index = self.idle.pop()?;
        self.set_slot(index, Slot::Running { request, since: now }, now);
        Some(self.slot_id(index))
    }

    /// Makes an occupied slot idle again.
    pub(crate) fn release(&mut self, index: u32, now: Time) {
        self.set_slot(index, Slot::Idle { since: now }, now);
        self.idle.push(index);
    }

    /// The only way in which a slot changes, so that no slot time is lost.
    pub(crate) fn set_slot(&mut self, index: u32, slot: Slot, now: Time) {
        let withdrawn = self.withdrawal();
        let old = std::mem::replace(&mut self.slots[index as usize], slot);
        self.times.add(old, now, withdrawn);
    }

    /// The only way in which the phase changes: idle slots may become withdrawn by it, and
    /// withdrawn ones idle.
    pub(crate) fn set_phase(&mut self, phase: Phase, now: Time) {
        let withdrawn = self.withdrawal();
        self.phase = phase;
        if withdrawn != self.withdrawal() {
            for &index in &self.idle {
                let slot = &mut self.slots[index as usize];
                self.times.add(*slot, now, withdrawn);
                *slot = Slot::Idle { since: now };
            }
        }
    }

    fn settle_times(&mut self, now: Time) {
        let withdrawn = self.withdrawal();
        for &slot in &self.slots {
            self.times.add(slot, now, withdrawn);
        }
    }

    /// Its place among those that may take a request, if it may.
    pub(crate) fn rank_now(&self) -> Option<Rank> {
        let may = !self.is_withdrawn() && !self.idle.is_empty();
        may.then(|| self.rank_if_idle())
    }

    /// The place that it would have if it had an idle slot.
    pub(crate) fn rank_if_idle(&self) -> Rank {
        let slots = self.slots.len().max(1) as u64;
        Rank {
            generation: Reverse(self.generation),
            share: ((self.occupied() as u64) << 40) / slots,
            crowded: !self.detached.is_empty(),
            used: Reverse(self.used),
            process: self.id,
        }
    }
}

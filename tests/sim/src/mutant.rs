//! Mistakes made on purpose, between the engine and the world: each must be caught by the check
//! of the rule that it breaks. A shadow that lets one pass is blind.

use std::time::Duration;

use maitred_engine::class::Class;
use maitred_engine::event::{DrainReason, Input, Notice, Outcome, Output, Traits};
use maitred_engine::id::{ProcessId, RequestId, SlotId};
use maitred_engine::limits::{Lease, Leases, OobLimits, PoolLimits, Routing};
use maitred_engine::snapshot::Snapshot;

use crate::rule::{Rule, counted};

counted! {
    /// What is wrong.
    Mutant {
        BusySlot => "R1 a request goes to a slot that is taken",
        HeldBack => "R2 a request is held back although a slot is idle",
        PrivateLines => "R2 a request waits for one process while another is idle",
        OutOfTurn => "R3 two requests change their turn",
        NoClasses => "R10 requests are shown in another class than theirs",
        WrongLine => "R3 requests wait in one line where each process has its own",
        LostOutcome => "R4 an outcome is lost",
        SecondOutcome => "R4 an outcome is told twice",
        LongQueue => "R5 the queue is longer than its limit",
        ShortWait => "R5 a wait ends before its limit",
        ServesWhoLeft => "R6 who left while queued is served all the same",
        TellsNoKeeper => "R6 a process is not told to drop what was sent ahead",
        TellsNoApp => "R6 an app is not told that its client left",
        NoOverload => "R7 an overload may begin unnoticed",
        Warns => "R7 a slot that overstays is not named",
        NeverTells => "R7 a slot's lease ends and its client has no answer",
        EndlessDeferred => "R7 deferred work may last for ever",
        RetiresNobody => "R7 who overstays is not retired",
        EndlessWait => "R7 a wait for the first boot may last for ever",
        NoBootLease => "R7 a boot may last for ever",
        NoExitLease => "R7 an exit may last for ever",
        TwoAway => "R8 more than the limit are away at once",
        NoFloor => "R8 fewer than the floor are left to serve",
        NoQuiet => "R8 a process goes away at once, whatever waits",
        NeverBack => "R8 the outcome of out-of-band work is lost",
        BackToWork => "R8 one that overstayed is not retired",
        OutIsIdle => "R8 one that is out is sent a request",
        NoSpawn => "R9 a process that is missing is not started",
        NoBackoff => "R9 a failed boot is tried again at once",
        WrongGauge => "R10 a gauge is counted beside the table",
        WrongPhase => "R10 a process is shown in another phase than it is in",
        OtherTwin => "R11 a decision depends on more than the inputs",
        LosesUnstarted => "R12 what had not started is lost with its process",
        RunsTwice => "R13 what had started counts as not started",
    }
}

impl Mutant {
    /// The rule that it breaks.
    #[must_use]
    pub fn rule(self) -> Option<Rule> {
        Rule::of_text(self.text())
    }
}

/// A mutant, or none, at work in a world.
#[derive(Debug, Default)]
pub(crate) struct Tamper {
    mutant: Option<Mutant>,
    /// Slots that were given a request and were not freed since.
    taken: Vec<SlotId>,
    /// Processes that were told to begin out-of-band work, and did not end it since.
    out: Vec<ProcessId>,
    /// Requests that wait, as far as was told.
    queued: Vec<RequestId>,
}

impl Tamper {
    pub(crate) fn with(mutant: Option<Mutant>) -> Self {
        Self { mutant, ..Self::default() }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.mutant.is_none()
    }

    /// What the engine is told in place of this.
    pub(crate) fn input(&mut self, input: Input) -> Option<Input> {
        let Some(mutant) = self.mutant else { return Some(input) };
        match (mutant, input) {
            (_, Input::PoolAdded { pool, limits }) => {
                Some(Input::PoolAdded { pool, limits: Box::new(falsify(mutant, *limits)) })
            }
            (Mutant::ServesWhoLeft, Input::ClientGone { request })
                if self.queued.contains(&request) =>
            {
                None
            }
            (Mutant::LosesUnstarted, Input::LinkLost { process, .. }) => {
                Some(Input::LinkLost { process, unstarted: Vec::new() })
            }
            (Mutant::NoClasses, Input::Arrived { request, pool, traits }) => {
                let traits = Traits { class: Class::Normal, ..traits };
                Some(Input::Arrived { request, pool, traits })
            }
            (Mutant::RunsTwice, Input::LinkLost { process, .. }) => {
                Some(Input::LinkLost { process, unstarted: (0..100).collect() })
            }
            (_, input) => {
                match input {
                    Input::Arrived { request, .. } => self.queued.push(request),
                    Input::OobDone { process, .. } | Input::LinkLost { process, .. } => {
                        self.out.retain(|it| *it != process);
                    }
                    _ => {}
                }
                Some(input)
            }
        }
    }

    /// What is done in place of what the engine asked for.
    pub(crate) fn outputs(&mut self, mut outputs: Vec<Output>) -> Vec<Output> {
        let Some(mutant) = self.mutant else { return outputs };
        match mutant {
            Mutant::BusySlot => outputs.iter_mut().for_each(|output| self.send_elsewhere(output)),
            Mutant::OutIsIdle => outputs.iter_mut().for_each(|output| self.send_out(output)),
            Mutant::OutOfTurn => change_turns(&mut outputs),
            Mutant::SecondOutcome => {
                let again = outputs.iter().find(|it| matches!(it, Output::Ended { .. })).cloned();
                outputs.extend(again);
            }
            _ => outputs.retain(|output| !is_dropped(mutant, output)),
        }
        for output in &outputs {
            match *output {
                Output::Dispatch { request, slot, .. } => {
                    self.queued.retain(|it| *it != request);
                    self.taken.push(slot);
                }
                Output::StartOob { process, .. } => self.out.push(process),
                Output::Freed { slot, .. } => self.taken.retain(|it| *it != slot),
                _ => {}
            }
        }
        outputs
    }

    fn send_elsewhere(&self, output: &mut Output) {
        if let Output::Dispatch { slot, .. } = output
            && let Some(taken) = self.taken.iter().find(|it| it.process == slot.process)
        {
            *slot = *taken;
        }
    }

    fn send_out(&self, output: &mut Output) {
        if let Output::Dispatch { slot, .. } = output
            && let Some(process) = self.out.last()
        {
            *slot = SlotId { process: *process, index: 0 };
        }
    }

    /// What is shown in place of this.
    pub(crate) fn snapshot(&self, snapshot: &mut Snapshot) {
        let Some(pool) = snapshot.pools.first_mut() else { return };
        match self.mutant {
            Some(Mutant::WrongGauge) => pool.slots.idle += 1,
            Some(Mutant::WrongPhase) => {
                for process in &mut pool.processes {
                    process.phase = maitred_engine::snapshot::PhasePicture::Draining;
                }
            }
            _ => {}
        }
    }

    /// Whether the twin misses what the engine is told.
    pub(crate) fn is_hidden_from_twin(&self, input: &Input) -> bool {
        self.mutant == Some(Mutant::OtherTwin) && matches!(input, Input::Arrived { .. })
    }
}

fn falsify(mutant: Mutant, limits: PoolLimits) -> PoolLimits {
    let long = Duration::from_secs(3600);
    match mutant {
        Mutant::LongQueue => PoolLimits { queue_len_max: 1000, ..limits },
        Mutant::ShortWait => PoolLimits { queue_wait_max: limits.queue_wait_max / 2, ..limits },
        Mutant::PrivateLines => PoolLimits { routing: Routing::PerProcess, ..limits },
        Mutant::WrongLine => PoolLimits { routing: Routing::Global, ..limits },
        Mutant::NoOverload => PoolLimits { overload: None, ..limits },
        Mutant::Warns => lease(limits, |leases| leases.first_byte.warn = None),
        Mutant::EndlessDeferred => lease(limits, |leases| leases.deferred = Lease::NEVER),
        Mutant::RetiresNobody => lease(limits, |leases| leases.request.retire_after = None),
        Mutant::NeverTells => lease(limits, |leases| leases.request.max = None),
        Mutant::EndlessWait => PoolLimits { booting_wait_max: long, ..limits },
        Mutant::NoBootLease => PoolLimits { boot_max: long, ..limits },
        Mutant::NoExitLease => PoolLimits { exit_max: long, ..limits },
        Mutant::TwoAway => oob(limits, |oob| oob.concurrent += 1),
        Mutant::NoFloor => oob(limits, |oob| oob.min_ready = 0),
        Mutant::NoQuiet => oob(limits, |oob| oob.overdue_after = Duration::ZERO),
        Mutant::NoBackoff => PoolLimits { boot_backoff: Duration::ZERO, ..limits },
        _ => limits,
    }
}

fn lease(mut limits: PoolLimits, change: impl Fn(&mut Leases)) -> PoolLimits {
    change(&mut limits.leases);
    limits
}

fn oob(mut limits: PoolLimits, change: impl Fn(&mut OobLimits)) -> PoolLimits {
    change(&mut limits.oob);
    limits
}

/// Whether a mutant keeps this from being done.
fn is_dropped(mutant: Mutant, output: &Output) -> bool {
    match mutant {
        Mutant::HeldBack => matches!(output, Output::Dispatch { .. }),
        Mutant::LostOutcome => {
            matches!(output, Output::Ended { outcome: Outcome::Completed, .. })
        }
        Mutant::TellsNoKeeper => matches!(output, Output::CancelEarly { .. }),
        Mutant::TellsNoApp => matches!(output, Output::Cancel { .. }),
        Mutant::NeverBack => matches!(output, Output::Notice(Notice::OobEnded { .. })),
        Mutant::BackToWork => {
            matches!(output, Output::Drain { why: DrainReason::Deadline, .. })
        }
        Mutant::NoSpawn => matches!(output, Output::Spawn { .. }),
        _ => false,
    }
}

/// The first two requests that go to slots go to each other's.
fn change_turns(outputs: &mut [Output]) {
    let mut sent = outputs.iter_mut().filter_map(|output| match output {
        Output::Dispatch { request, waited, .. } => Some((request, waited)),
        _ => None,
    });
    if let (Some(first), Some(second)) = (sent.next(), sent.next())
        && *first.1 != *second.1
    {
        std::mem::swap(first.0, second.0);
        std::mem::swap(first.1, second.1);
    }
}

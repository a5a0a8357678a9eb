//! A small language for telling stories to the engine.
//!
//! Requests have names of one's own, processes are `p1`, `p2`, ... in the order in which the engine
//! starts them, slots are `p1.0`. Time is in milliseconds and moves only by `at`. After each step
//! the invariants and rule R4 are checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use maitred_engine::Engine;
use maitred_engine::class::Class;
use maitred_engine::event::{
    Abort, Deadlines, ExitStatus, Input, Notice, OobAsk, OobBy, OobRecord, OobWord, Outcome,
    Output, Times, Traits,
};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::PoolLimits;
use maitred_engine::snapshot::{PoolPicture, ProcessPicture, Snapshot};
use maitred_engine::time::Time;

/// The one pool of most stories.
pub(crate) const POOL: PoolId = PoolId(1);

/// An engine that wants to be woken so often in one moment will do so for ever.
const TICKS_MAX: u32 = 100;

/// A request that may run twice.
pub(crate) const SAFE: Traits =
    Traits { idempotent: true, body_held: true, class: Class::Normal, deadlines: Deadlines::NONE };

/// One process, no surprises.
pub(crate) fn limits() -> PoolLimits {
    PoolLimits { processes: 1, ..PoolLimits::default() }
}

/// A collection, whenever it suits.
pub(crate) fn gc() -> OobAsk {
    OobAsk {
        kind: "gc".to_owned(),
        reason: String::new(),
        by: OobBy::App,
        expected: None,
        not_later_than: None,
    }
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A time in milliseconds.
pub(crate) fn time(at: u64) -> Time {
    Time(at * 1_000_000)
}

/// A story so far.
pub(crate) struct Script {
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    names: BTreeMap<RequestId, String>,
    transcript: String,
    /// What the latest step made the engine ask for.
    pub(crate) outputs: Vec<Output>,
}

impl Script {
    /// A pool whose processes have been spawned.
    pub(crate) fn new(limits: PoolLimits) -> Self {
        let mut script = Self {
            engine: Engine::new(),
            now: 0,
            names: BTreeMap::new(),
            transcript: String::new(),
            outputs: Vec::new(),
        };
        script.tell("a pool", Input::PoolAdded { pool: POOL, limits: Box::new(limits) });
        script
    }

    /// A pool whose processes serve, each with so many slots; the transcript begins after that.
    pub(crate) fn serving(limits: PoolLimits, slots: u32) -> Self {
        let processes = limits.processes;
        let mut script = Self::new(limits);
        for process in 1..=u64::from(processes) {
            script.hello(process, slots);
        }
        script.transcript.clear();
        script
    }

    /// Time passes, and what is due by then happens when it is due.
    pub(crate) fn at(&mut self, ms: u64) -> &mut Self {
        let mut ticks = 0;
        while let Some(deadline) = self.engine.next_deadline()
            && deadline <= time(ms)
        {
            let due = deadline.0.div_ceil(1_000_000);
            ticks = if due == self.now { ticks + 1 } else { 0 };
            assert!(ticks < TICKS_MAX, "time stands still at {due} ms");
            self.now = due;
            self.tell("time passes", Input::Tick);
        }
        self.now = ms;
        self
    }

    pub(crate) fn arrive(&mut self, name: &str) -> &mut Self {
        self.arrive_with(name, Traits::default())
    }

    pub(crate) fn arrive_with(&mut self, name: &str, traits: Traits) -> &mut Self {
        let request = self.name(name);
        self.tell(&format!("{name} arrives"), Input::Arrived { request, pool: POOL, traits })
    }

    pub(crate) fn announce(&mut self, name: &str) -> &mut Self {
        let request = self.name(name);
        self.tell(
            &format!("{name} is announced"),
            Input::Announced { request, pool: POOL, class: Class::Normal },
        )
    }

    pub(crate) fn gone(&mut self, name: &str) -> &mut Self {
        let request = self.request(name);
        self.tell(&format!("client of {name} gone"), Input::ClientGone { request })
    }

    pub(crate) fn delivered(&mut self, name: &str) -> &mut Self {
        let request = self.request(name);
        self.tell(&format!("{name} delivered"), Input::Delivered { request })
    }

    pub(crate) fn started(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} response"), Input::ResponseStarted { slot: slot_id(slot) })
    }

    pub(crate) fn complete(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} complete"), Input::ResponseComplete { slot: slot_id(slot) })
    }

    pub(crate) fn aborted(&mut self, slot: &str, why: Abort) -> &mut Self {
        let input = Input::ResponseAborted { slot: slot_id(slot), why };
        self.tell(&format!("{slot} aborted: {why:?}"), input)
    }

    pub(crate) fn ready(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} ready"), Input::Ready { slot: slot_id(slot) })
    }

    /// The common case: a response whose last frame says that the slot is free as well.
    pub(crate) fn finished(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} finished"), Input::Finished { slot: slot_id(slot) })
    }

    /// The same in two frames.
    pub(crate) fn done(&mut self, slot: &str) -> &mut Self {
        self.complete(slot).ready(slot)
    }

    pub(crate) fn detached(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} detached"), Input::Detached { slot: slot_id(slot) })
    }

    pub(crate) fn detached_complete(&mut self, process: u64, name: &str) -> &mut Self {
        let (request, process) = (self.request(name), ProcessId(process));
        let input = Input::DetachedComplete { process, request };
        self.tell(&format!("{name} complete in {process}"), input)
    }

    pub(crate) fn bounced(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} bounced"), Input::Bounced { slot: slot_id(slot) })
    }

    pub(crate) fn reconciled(&mut self, slot: &str) -> &mut Self {
        self.tell(&format!("{slot} reconciled"), Input::Reconciled { slot: slot_id(slot) })
    }

    pub(crate) fn hello(&mut self, process: u64, slots: u32) -> &mut Self {
        let process = ProcessId(process);
        self.tell(&format!("{process} hello, {slots} slots"), Input::Hello { process, slots })
    }

    pub(crate) fn early_wanted(&mut self, process: u64) -> &mut Self {
        let process = ProcessId(process);
        self.tell(&format!("{process} takes requests early"), Input::EarlyWanted { process })
    }

    pub(crate) fn early_returned(&mut self, process: u64, name: &str) -> &mut Self {
        let (process, request) = (ProcessId(process), self.request(name));
        let text = format!("{process} returns {name}");
        self.tell(&text, Input::EarlyReturned { process, request })
    }

    pub(crate) fn spawned(&mut self, process: u64) -> &mut Self {
        let process = ProcessId(process);
        self.tell(&format!("{process} runs"), Input::Spawned { process, pid: 7 })
    }

    pub(crate) fn spawn_failed(&mut self, process: u64) -> &mut Self {
        let process = ProcessId(process);
        self.tell(&format!("{process} cannot be spawned"), Input::SpawnFailed { process })
    }

    pub(crate) fn link_lost(&mut self, process: u64, unstarted: &[u32]) -> &mut Self {
        let (process, unstarted) = (ProcessId(process), unstarted.to_vec());
        self.tell(&format!("{process} link lost"), Input::LinkLost { process, unstarted })
    }

    pub(crate) fn exited(&mut self, process: u64) -> &mut Self {
        let process = ProcessId(process);
        let input = Input::Exited { process, status: ExitStatus::Code(1) };
        self.tell(&format!("{process} exited"), input)
    }

    pub(crate) fn misbehaved(&mut self, process: u64) -> &mut Self {
        let process = ProcessId(process);
        self.tell(&format!("{process} misbehaved"), Input::Misbehaved { process })
    }

    pub(crate) fn measured(&mut self, process: u64, rss: u64, memory: u64) -> &mut Self {
        let process = ProcessId(process);
        let input = Input::Measured { process, rss, memory };
        self.tell(&format!("{process} takes {rss} of {memory} bytes"), input)
    }

    pub(crate) fn drain_wanted(&mut self, process: u64) -> &mut Self {
        let process = ProcessId(process);
        self.tell(&format!("{process} wants to be drained"), Input::DrainWanted { process })
    }

    /// The app asks for a collection, whenever it suits.
    pub(crate) fn ask(&mut self, process: u64) -> &mut Self {
        self.ask_for(process, &gc())
    }

    pub(crate) fn ask_for(&mut self, process: u64, what: &OobAsk) -> &mut Self {
        let (process, what) = (ProcessId(process), what.clone());
        let said = format!("{process} asks for {}", what.kind);
        self.tell(&said, Input::OobAsked { process, what: Box::new(what) })
    }

    pub(crate) fn ask_no_more(&mut self, process: u64, kind: &str) -> &mut Self {
        let (process, kind) = (ProcessId(process), kind.to_owned());
        self.tell(&format!("{process} wants no {kind}"), Input::OobWithdrawn { process, kind })
    }

    pub(crate) fn oob_done(&mut self, process: u64) -> &mut Self {
        self.oob_ended(process, OobWord::Done)
    }

    pub(crate) fn oob_ended(&mut self, process: u64, word: OobWord) -> &mut Self {
        let process = ProcessId(process);
        let said = format!("{process} out-of-band work: {word:?}");
        self.tell(&said, Input::OobDone { process, word })
    }

    pub(crate) fn pong(&mut self, process: u64, host_age: u64) -> &mut Self {
        let (process, host_age) = (ProcessId(process), ms(host_age));
        self.tell(&format!("{process} lives"), Input::Pong { process, host_age })
    }

    pub(crate) fn goodbye(&mut self, process: u64, unstarted: &[u32]) -> &mut Self {
        let (process, unstarted) = (ProcessId(process), unstarted.to_vec());
        self.tell(&format!("{process} goodbye"), Input::Goodbye { process, unstarted })
    }

    pub(crate) fn drain(&mut self, stop_at: u64) -> &mut Self {
        self.tell("the core leaves", Input::Drain { stop_at: time(stop_at) })
    }

    /// Tells the engine something, and writes down what it makes of it.
    pub(crate) fn tell(&mut self, what: &str, input: Input) -> &mut Self {
        self.engine.handle(time(self.now), input);
        self.outputs.clear();
        let _ = writeln!(self.transcript, "{:>6}ms {what}", self.now);
        while let Some(output) = self.engine.poll_output() {
            let line = self.describe(&output);
            let _ = writeln!(self.transcript, "           {line}");
            self.outputs.push(output);
        }
        self.engine.check_invariants();
        check_equation(&self.snapshot());
        self
    }

    /// What was told and decided since the beginning, or since the last transcript.
    pub(crate) fn transcript(&mut self) -> String {
        std::mem::take(&mut self.transcript)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.engine.snapshot(time(self.now))
    }

    pub(crate) fn pool(&self) -> PoolPicture {
        self.snapshot().pools.remove(0)
    }

    pub(crate) fn process(&self, process: u64) -> ProcessPicture {
        let mut processes = self.pool().processes.into_iter();
        processes.find(|it| it.process == ProcessId(process)).expect("the story has it")
    }

    /// Where the latest step sent a request, if it did.
    pub(crate) fn sent(&self) -> Vec<(String, String)> {
        let sent = |output: &Output| match output {
            Output::Dispatch { request, slot, .. } => {
                Some((self.names[request].clone(), slot.to_string()))
            }
            _ => None,
        };
        self.outputs.iter().filter_map(sent).collect()
    }

    fn name(&mut self, name: &str) -> RequestId {
        let request = RequestId(self.names.len() as u64 + 1);
        self.names.insert(request, name.to_owned());
        request
    }

    pub(crate) fn request(&self, name: &str) -> RequestId {
        let mut names = self.names.iter();
        *names.find(|(_, it)| *it == name).expect("the story has it").0
    }

    fn describe(&self, output: &Output) -> String {
        let name = |request: &RequestId| &self.names[request];
        match output {
            Output::Dispatch { request, slot, waited } => {
                format!("{} to {slot} after {waited:?}", name(request))
            }
            Output::HandEarly { request, process, waited } => {
                format!("{} early to {process} after {waited:?}", name(request))
            }
            Output::Taken { request, slot, waited } => {
                format!("{} taken by {slot} after {waited:?}", name(request))
            }
            Output::CancelEarly { process, request, why } => {
                format!("cancel {}, early in {process}: {why:?}", name(request))
            }
            Output::Refuse { request, why, retry_after } => {
                format!("refuse {}: {why:?}, retry after {retry_after:?}", name(request))
            }
            Output::Fail { request, why } => format!("fail {}: {why:?}", name(request)),
            Output::Cancel { slot, why } => format!("cancel {slot}: {why:?}"),
            Output::Interrupt { slot, what } => format!("interrupt {slot}: {what:?}"),
            Output::CancelDetached { process, request, why } => {
                format!("cancel {} in {process}: {why:?}", name(request))
            }
            Output::Spawn { process, .. } => format!("spawn {process}"),
            Output::Measure { process } => format!("measure {process}"),
            Output::Drain { process, why } => format!("drain {process}: {why:?}"),
            Output::StartOob { process, kind, by, .. } => {
                format!("{process} out of band: {kind}, by {by:?}")
            }
            Output::CloseLink { process } => format!("close the link of {process}"),
            Output::Terminate { process } => format!("terminate {process}"),
            Output::Kill { process, why } => format!("kill {process}: {why:?}"),
            Output::Ended { request, outcome, times, .. } => {
                format!("{} {}", name(request), describe_end(*outcome, times))
            }
            Output::Freed { slot, service, deferred, .. } => {
                format!("{slot} free, service {service:?}, deferred {deferred:?}")
            }
            Output::Notice(notice) => self.describe_notice(notice),
            Output::Closed => "closed".to_owned(),
        }
    }

    fn describe_notice(&self, notice: &Notice) -> String {
        let name = |request: &RequestId| self.names[request].clone();
        match notice {
            Notice::Booted { process, took } => format!("! {process} booted in {took:?}"),
            Notice::BootFailed { process, failures, retry_at } => {
                let retry_at = retry_at.0 / 1_000_000;
                format!("! {process} did not boot, {failures} in a row, next at {retry_at}ms")
            }
            Notice::NoRoom { wanted, processes, rss, memory, .. } => {
                format!("! room for {processes} of {wanted}: each {rss} of {memory} bytes")
            }
            Notice::BootGivenUp { .. } => "! given up".to_owned(),
            Notice::Died { process, suspects } => {
                let suspects: Vec<_> = suspects.iter().map(name).collect();
                format!("! {process} died, suspects {suspects:?}")
            }
            Notice::Retried { request, attempts } => {
                format!("! {} again, after {attempts} attempts", name(request))
            }
            Notice::Poison { request } => format!("! {} is poison", name(request)),
            Notice::Isolated { process } => format!("! {process} isolated"),
            Notice::OobOverdue { process, kind } => format!("! {kind} of {process} is overdue"),
            Notice::OobEnded { process, record } => describe_oob(*process, record),
            Notice::StrayReady { slot } => format!("! stray ready of {slot}"),
            Notice::Overstayed { slot, request, lease, step, after } => {
                format!("! {slot} {} overstays {lease:?}, {step:?} after {after:?}", name(request))
            }
            Notice::Retired { process, lease } => format!("! {process} retired: {lease:?}"),
            Notice::DeferredLost { slot, request, after } => {
                format!("! {slot} {} lost its deferred work after {after:?}", name(request))
            }
        }
    }
}

fn describe_oob(process: ProcessId, record: &OobRecord) -> String {
    let OobRecord { what, waited, took, overdue, coalesced, given_up, outcome, .. } = record;
    let mut text = format!("! {} of {process}: {outcome:?}, waited {waited:?}", what.kind);
    if let Some(took) = took {
        let _ = write!(text, ", took {took:?}");
    }
    if *overdue {
        text += ", overdue";
    }
    for (count, what) in [(*coalesced, "coalesced"), (*given_up, "given up")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

fn describe_end(outcome: Outcome, times: &Times) -> String {
    let mut text = format!("ended: {outcome:?}, waited {:?}", times.wait);
    if let Some(service) = times.service {
        let _ = write!(text, ", service {service:?}");
    }
    if let Some(delivery) = times.delivery {
        let _ = write!(text, ", delivery {delivery:?}");
    }
    text
}

/// `p2.1`
fn slot_id(slot: &str) -> SlotId {
    let (process, index) = slot[1..].split_once('.').expect("slots are written p1.0");
    let process = process.parse().expect("a number follows the p");
    let index = index.parse().expect("a number follows the point");
    SlotId { process: ProcessId(process), index }
}

/// Rule R4 at every snapshot.
pub(crate) fn check_equation(snapshot: &Snapshot) {
    for pool in &snapshot.pools {
        let totals = &pool.totals;
        let ended = totals.completed
            + totals.abandoned
            + totals.failed.values().sum::<u64>()
            + totals.refused.values().sum::<u64>();
        assert_eq!(totals.arrived, ended + totals.in_flight + totals.queued, "{totals:?}");
        let slots: usize = pool.processes.iter().map(|process| process.slots.len()).sum();
        let counts = pool.slots;
        let sum =
            counts.running + counts.deferred + counts.idle + counts.withdrawn + counts.out_of_band;
        assert_eq!(sum, slots as u64, "{counts:?}");
    }
}

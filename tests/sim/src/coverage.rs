//! How often each action was done and each check had something to check.
//!
//! A world that never does what a rule is about proves nothing about it: a run of normal length
//! fails when one of these counters stays low.

use std::fmt::Write as _;

use crate::rule::{Rule, counted};

counted! {
    /// What may happen in a step.
    Action {
        Arrive => "a request arrives",
        ArriveWithBody => "a request with a body is announced",
        BodyComes => "a piece of a request's body comes in",
        ClientLeaves => "a client leaves",
        ClientTakes => "a client takes what there is",
        BreakOff => "the core breaks a request off",
        Upload => "the core hands in more of a request's body",
        CoreWrites => "the core writes a piece",
        CoreReads => "the core reads a link",
        Ping => "the core asks what a process holds",
        ProcessWrites => "a process writes a piece",
        ProcessReads => "a process reads its link",
        Boot => "a process gets on with its boot",
        Reap => "the core hears of an exit",
        ExitInTime => "a process exits because its link is closed",
        AppStarts => "an app is given a request",
        AppInforms => "an app sends an informational head",
        AppAnswers => "an app sends a head",
        AppSends => "an app sends body",
        AppEnds => "an app ends its response",
        AppAborts => "an app breaks its response off",
        AppReady => "an app says ready",
        AppReads => "an app reads its request's body",
        AppDetaches => "an app gives its slot back early",
        AppBounces => "a process returns a request",
        OobAsk => "an app asks for out-of-band work",
        OobTakeBack => "an app takes such a wish back",
        OobOrder => "a header or an operator asks for out-of-band work",
        OobEnd => "an app is done with out-of-band work",
        WantDrain => "a process would like to be drained",
        SayGoodbye => "a process answers DRAIN",
        TimePasses => "time passes",
        NeedlessTick => "the engine is woken for nothing",
        Restore => "the state is written down and read again",
        Die => "fault: a process dies",
        CloseLink => "fault: a process closes its link and lives on",
        Hang => "fault: a process hangs",
        Wake => "a hung process wakes up",
        LoseReady => "fault: a ready is lost",
        LoseEnd => "fault: an end is lost",
        ReadyTwice => "fault: ready is said twice",
        ReadyEarly => "fault: ready is said before the end",
        StrangeStream => "fault: a stream that never was",
        DeadStream => "fault: a stream that is over",
        Garbage => "fault: a frame that nobody knows",
        PongForgets => "fault: PONG leaves a stream out",
        PongInvents => "fault: PONG names a stream too many",
        BounceStarted => "fault: a request is returned after the app saw it",
        GoodbyeLies => "fault: GOODBYE leaves out what the app saw",
        Leave => "the core announces that it will leave",
        Drain => "the core leaves",
    }
}

counted! {
    /// What was checked, each time that there was something to check.
    Fact {
        ToIdleSlot => "R1 a request went to a slot that was idle",
        Choice => "R1 it was of the process with the smallest share taken",
        OccupiedAfterLeave => "R1 a slot stayed taken although the client left",
        SentAhead => "R1 sent ahead to the only process, all of whose slots are taken",
        EarlyTaken => "R1 what was sent ahead went to the slot that said ready",
        NobodyWaits => "R2 requests wait and no slot that may take one is idle",
        Shortest => "R2 lines are as long as if each had gone to the shortest",
        Withdrawn => "R2 idle slots were withdrawn for a reason that holds",
        Oldest => "R3 the oldest of several went first",
        KeptAge => "R3 a retried request went before younger ones",
        Priority => "R3 a higher class went before an older request",
        OwnLine => "R3 went to the process that it waited for",
        Newest => "R3 in an overload none that is newer waited",
        Completed => "R4 completed",
        Abandoned => "R4 abandoned",
        Refused => "R4 refused",
        Failed => "R4 failed",
        Equation => "R4 the equation holds beside the shadow's own count",
        Times => "R4 wait, service and delivery times are the shadow's",
        QueueFull => "R5 refused: queue full",
        BootingFull => "R5 refused: full while booting",
        QueueWait => "R5 refused: waited too long",
        BootingWait => "R5 refused: waited too long while booting",
        OverloadWait => "R5 refused: waited too long in an overload",
        Overloaded => "R5 overloaded: waits were above the target for the interval",
        Calm => "R5 not overloaded any more",
        AnnouncedRefused => "R5 refused before its body came",
        Evicted => "R5 the last of the lowest class made room for a higher one",
        RetryAfter => "R5 Retry-After is between 1 s and 60 s",
        LeftQueued => "R6 left while queued",
        LeftRunning => "R6 left while running: the app was told",
        CancelHeard => "R6 an app heard that its client left",
        EarlyCancelled => "R6 it ended, and the process that keeps it was told",
        BootLease => "R7 killed: the boot lease ran out",
        DrainLease => "R7 told to end: the drain lease ran out",
        DrainKill => "R7 killed: the drain lease ran out and nothing helped",
        ExitLease => "R7 killed: its link was gone and it did not exit",
        Warned => "R7 a slot that overstays is named",
        Told => "R7 the end of a slot's lease: its app is told",
        Answered => "R7 the end of a slot's lease: its client has its answer",
        Raised => "R7 an error is raised in a slot that overstays",
        Dumped => "R7 a process is asked for its stacks",
        Retired => "R7 a process is retired",
        IsolationLease => "R7 back to work: the isolation lease ran out",
        Awake => "R7 the engine wakes up for every lease in time",
        Cut => "R7 cut when the core had to leave",
        OobQuiet => "R8 went away at a quiet moment: enough others serve",
        OobLate => "R8 went away past its deadline: enough others serve",
        OobSmall => "R8 went away in a pool too small for the floor",
        OobGivenUp => "R8 quiescing was given up",
        OobWaits => "R8 a wish waits for a reason that holds",
        OobCoalesced => "R8 a wish stands for one more",
        OobWord => "R8 back by the app's word",
        OobWithdrawn => "R8 taken back before it began",
        OobDropped => "R8 dropped: its process leaves, or too many kinds",
        OobLost => "R8 lost: its process died while it was out",
        OobOverstayed => "R8 overstayed its lease, and was retired",
        BootFailed => "R9 a failed boot failed no request",
        Backoff => "R9 the next boot waited for its pause",
        Staffed => "R9 no process is missing without a reason",
        SameTable => "R10 the picture is the shadow's table",
        SameTimes => "R10 slot times are the shadow's, to the nanosecond",
        Twin => "R11 an engine read from its written state decided the same",
        Unstarted => "R12 went back to the queue: it had not started",
        EarlyReturned => "R12 went back to the queue: it was sent ahead",
        UnstartedMany => "R12 a process died with some that had not started and some that had",
        Died => "R12 a process died with requests in it",
        Returned => "R12 went back to the queue: bounced, or above GOODBYE",
        DeferredLost => "R12 deferred work that ended with its process is named",
        Reconciled => "R12 a slot was freed because its process had forgotten it",
        RanAgain => "R13 a suspect was tried again",
        Alone => "R13 a suspect ran alone",
        Poison => "R13 given up: it crashed alone too often",
        NotAgain => "R13 failed: it may not run twice",
        OnlyOnce => "R13 what may not run twice reached one app only",
        Misbehaved => "Protocol a process that broke it was replaced",
        Quiet => "Liveness without faults all came to its end",
        Closed => "Liveness the core left in time",
    }
}

/// The counters of a run.
#[derive(Debug, Clone)]
pub struct Coverage {
    actions: Vec<u64>,
    facts: Vec<u64>,
    /// Inputs that the engine was told.
    pub inputs: u64,
    /// Actions done.
    pub steps: u64,
    /// Worlds played to their end.
    pub worlds: u64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            actions: vec![0; Action::ALL.len()],
            facts: vec![0; Fact::ALL.len()],
            inputs: 0,
            steps: 0,
            worlds: 0,
        }
    }
}

impl Coverage {
    pub(crate) fn action(&mut self, action: Action) {
        self.actions[action as usize] += 1;
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        self.facts[fact as usize] += 1;
    }

    /// How often this was done.
    #[must_use]
    pub fn of_action(&self, action: Action) -> u64 {
        self.actions[action as usize]
    }

    /// How often this was checked.
    #[must_use]
    pub fn of_fact(&self, fact: Fact) -> u64 {
        self.facts[fact as usize]
    }

    /// Takes the counts of another run in.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.actions.iter_mut().zip(&other.actions) {
            *mine += theirs;
        }
        for (mine, theirs) in self.facts.iter_mut().zip(&other.facts) {
            *mine += theirs;
        }
        self.inputs += other.inputs;
        self.steps += other.steps;
        self.worlds += other.worlds;
    }

    /// What was done or checked at most `limit` times.
    #[must_use]
    pub fn low(&self, limit: u64) -> Vec<&'static str> {
        let actions = Action::ALL.iter().filter(|it| self.of_action(**it) <= limit);
        let facts = Fact::ALL.iter().filter(|it| self.of_fact(**it) <= limit);
        actions.map(|it| it.text()).chain(facts.map(|it| it.text())).collect()
    }

    /// The table, for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::from("actions\n");
        for action in Action::ALL {
            let _infallible = writeln!(text, "{:>12}  {}", self.of_action(*action), action.text());
        }
        text.push_str("checks\n");
        for fact in Fact::ALL {
            let _infallible = writeln!(text, "{:>12}  {}", self.of_fact(*fact), fact.text());
        }
        text
    }
}

impl Fact {
    /// The rule that it belongs to.
    #[must_use]
    pub fn rule(self) -> Option<Rule> {
        Rule::of_text(self.text())
    }
}

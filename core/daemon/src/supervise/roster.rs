//! What is known about processes beyond what the engine needs to decide.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use maitred_engine::event::{ExitStatus, KillReason, Notice};
use maitred_engine::id::{PoolId, ProcessId};
use maitred_engine::time::Time;
use maitred_proto::message::Hello;
use rustc_hash::FxHashMap;

use super::oob::{OobEnd, OobEnds};
use crate::os::cgroup;
use crate::process::output::Capture;
use crate::status::picture::ExitFacts;

/// Exits that are remembered. Default 20: enough to see a pattern, little to read.
const EXITS_MAX: usize = 20;

/// Bytes of a token: 128 bits cannot be guessed.
const TOKEN_LEN: usize = 16;

/// SIGKILL.
const KILLED: i32 = 9;

/// The one-time secret with which a process opens its link.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    token: [u8; TOKEN_LEN],
}

/// A process that was ordered and has not exited.
#[derive(Debug)]
pub struct Member {
    /// The pool that it belongs to.
    pub pool: PoolId,
    /// That pool's generation when it was ordered.
    pub generation: u32,
    /// Its operating system id, once it runs.
    pub pid: Option<u32>,
    /// What it said of itself when it opened its link.
    pub hello: Option<Hello>,
    /// Since its host's own code last gave a sign of life, at the last PONG.
    pub host_age: Duration,
    capture: Option<Capture>,
    /// Why it is about to end, where the core knows better than the exit status tells.
    blame: Option<String>,
}

/// A process that ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Its number.
    pub process: ProcessId,
    /// The pool that it belonged to.
    pub pool: PoolId,
    /// 0: it never ran.
    pub pid: u32,
    /// When it ended.
    pub at: Time,
    /// How; `None`: it was never started.
    pub status: Option<ExitStatus>,
    /// The kernel killed it for want of memory.
    pub out_of_memory: bool,
    /// What the core had to do with it.
    pub blame: Option<String>,
    /// It had said hello.
    pub booted: bool,
    /// From its end to the next process that booted.
    pub replaced_in: Option<Duration>,
    capture: Option<Capture>,
}

impl Exit {
    /// As the status shows it.
    #[must_use]
    pub fn facts(&self) -> ExitFacts {
        ExitFacts {
            process: self.process,
            pid: self.pid,
            at: self.at,
            status: self.status,
            out_of_memory: self.out_of_memory,
            blame: self.blame.clone(),
            booted: self.booted,
            last_lines: self.last_lines(),
            replaced_in: self.replaced_in,
        }
    }

    /// The end of its output, as far as it was read.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.capture.as_ref().map(Capture::last_lines).unwrap_or_default()
    }
}

/// All processes, living and dead.
#[derive(Debug)]
pub struct Roster {
    tokens: FxHashMap<[u8; TOKEN_LEN], ProcessId>,
    members: BTreeMap<ProcessId, Member>,
    exits: VecDeque<Exit>,
    oob: OobEnds,
    /// How often the kernel has killed in our control group for want of memory.
    memory_kills: Option<u64>,
}

impl Credentials {
    /// Fresh ones.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let mut token = [0; TOKEN_LEN];
        getrandom::fill(&mut token).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Self { token })
    }

    /// As the process reads it from its environment.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.token.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self {
            tokens: FxHashMap::default(),
            members: BTreeMap::new(),
            exits: VecDeque::new(),
            oob: OobEnds::default(),
            memory_kills: cgroup::out_of_memory_kills(),
        }
    }
}

impl Roster {
    /// A process was ordered.
    pub fn add(&mut self, process: ProcessId, pool: PoolId, generation: u32) {
        let member = Member {
            pool,
            generation,
            pid: None,
            hello: None,
            host_age: Duration::ZERO,
            capture: None,
            blame: None,
        };
        self.members.insert(process, member);
    }

    /// It may open its link with these.
    pub fn expect(&mut self, process: ProcessId, credentials: &Credentials) {
        self.tokens.insert(credentials.token, process);
    }

    /// It runs.
    pub fn started(&mut self, process: ProcessId, pid: u32, capture: Capture) {
        if let Some(member) = self.members.get_mut(&process) {
            member.pid = Some(pid);
            member.capture = Some(capture);
        }
    }

    /// Whose token this is. It is good for one use.
    pub fn redeem(&mut self, token: &[u8]) -> Option<ProcessId> {
        let token: [u8; TOKEN_LEN] = token.try_into().ok()?;
        self.tokens.remove(&token)
    }

    /// It opened its link.
    pub fn opened(&mut self, process: ProcessId, hello: Hello) {
        if let Some(member) = self.members.get_mut(&process) {
            member.hello = Some(hello);
        }
    }

    /// It answered a PING.
    pub fn pong(&mut self, process: ProcessId, host_age_ms: u64) {
        if let Some(member) = self.members.get_mut(&process) {
            member.host_age = Duration::from_millis(host_age_ms);
        }
    }

    /// It did something for which it is about to end.
    pub fn blame(&mut self, process: ProcessId, why: impl Into<String>) {
        if let Some(member) = self.members.get_mut(&process) {
            member.blame.get_or_insert_with(|| why.into());
        }
    }

    /// The core kills it.
    pub fn killed(&mut self, process: ProcessId, why: KillReason) {
        self.blame(
            process,
            match why {
                KillReason::BootLease => "killed: it did not boot in time",
                KillReason::DrainLease => "killed: it did not finish in time",
                KillReason::Misbehaved => "killed: it broke the protocol",
                KillReason::LinkLost => "killed: its link was gone and it did not exit",
            },
        );
    }

    /// It could not be started.
    pub fn not_started(&mut self, process: ProcessId, at: Time, error: &anyhow::Error) {
        self.blame(process, format!("not started: {error:#}"));
        self.end(process, None, at);
    }

    /// It ended.
    pub fn exited(&mut self, process: ProcessId, status: ExitStatus, at: Time) {
        self.end(process, Some(status), at);
    }

    /// Keeps what a notice of the engine says about processes.
    pub fn note(&mut self, now: Time, notice: &Notice) {
        if let Notice::Booted { .. } = notice {
            for exit in self.exits.iter_mut().filter(|exit| exit.replaced_in.is_none()) {
                exit.replaced_in = Some(now.since(exit.at));
            }
        }
        if let Notice::OobEnded { process, record } = notice {
            let (process, pid) = (*process, self.pid_of(*process));
            self.oob.push(OobEnd { process, pid, record: record.as_ref().clone() });
        }
    }

    /// The pool of a process.
    #[must_use]
    pub fn pool_of(&self, process: ProcessId) -> PoolId {
        self.members.get(&process).map_or(PoolId(0), |member| member.pool)
    }

    /// A living process.
    #[must_use]
    pub fn member(&self, process: ProcessId) -> Option<&Member> {
        self.members.get(&process)
    }

    /// The pids of all that run.
    pub fn pids(&self) -> impl Iterator<Item = (ProcessId, u32)> {
        self.members.iter().filter_map(|(process, member)| Some((*process, member.pid?)))
    }

    /// The pid of a process, living or dead; 0: it never ran.
    #[must_use]
    pub fn pid_of(&self, process: ProcessId) -> u32 {
        let living = self.members.get(&process).and_then(|member| member.pid);
        let dead = || self.exits.iter().find(|exit| exit.process == process).map(|exit| exit.pid);
        living.or_else(dead).unwrap_or(0)
    }

    /// The living process with this pid.
    #[must_use]
    pub fn with_pid(&self, pid: u32) -> Option<ProcessId> {
        self.pids().find(|(_, known)| *known == pid).map(|(process, _)| process)
    }

    /// Why a process ended, as far as that is known by now.
    #[must_use]
    pub fn reason_of(&self, process: ProcessId) -> String {
        let dead = self.exits.iter().find(|exit| exit.process == process);
        match (dead, self.members.get(&process).and_then(|member| member.blame.clone())) {
            (Some(exit), _) => exit.facts().reason(),
            (None, Some(blame)) => blame,
            (None, None) => "its link broke".to_owned(),
        }
    }

    /// Those that ended, newest first.
    pub fn exits(&self) -> impl Iterator<Item = &Exit> {
        self.exits.iter()
    }

    /// What became of out-of-band work, newest first.
    pub fn oob_ends(&self) -> impl Iterator<Item = &OobEnd> {
        self.oob.iter()
    }

    fn end(&mut self, process: ProcessId, status: Option<ExitStatus>, at: Time) {
        self.tokens.retain(|_, owner| *owner != process);
        let Some(member) = self.members.remove(&process) else { return };
        // Signal 9 has many senders; a rise of the kernel's own count names one.
        let kills = cgroup::out_of_memory_kills();
        let rose = kills > self.memory_kills.replace(kills.unwrap_or(0));
        let out_of_memory = rose && status == Some(ExitStatus::Signal(KILLED));
        self.exits.truncate(EXITS_MAX - 1);
        self.exits.push_front(Exit {
            process,
            pool: member.pool,
            pid: member.pid.unwrap_or(0),
            at,
            status,
            out_of_memory,
            blame: member.blame,
            booted: member.hello.is_some(),
            replaced_in: None,
            capture: member.capture,
        });
    }
}

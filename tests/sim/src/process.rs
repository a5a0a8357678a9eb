//! An app process of the simulated world: the process's end of a real link, and an app that does
//! whatever the world makes it do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use maitred_engine::id::RequestId;
use maitred_proto::link::ProcessLink;

use crate::lie::Lie;
use crate::wire::Wire;

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) boot: Boot,
    pub(crate) link: ProcessLink,
    /// What it says, after lies, before the kernel has taken it.
    pub(crate) said: BytesMut,
    /// What the kernel gave it and is not a whole frame yet.
    pub(crate) heard: BytesMut,
    pub(crate) to_core: Wire,
    pub(crate) to_process: Wire,
    pub(crate) work: BTreeMap<u64, Work>,
    /// Slots that it offered.
    pub(crate) slots: usize,
    /// The highest stream that was given to its app.
    pub(crate) given: u64,
    /// Streams that are over.
    pub(crate) dead_streams: Vec<u64>,
    pub(crate) hung: bool,
    /// DRAIN came and was not answered.
    pub(crate) asked_to_leave: bool,
    /// Its link is closed or useless: it exits sooner or later.
    pub(crate) over: bool,
    /// It exited; the core has not heard of that yet.
    pub(crate) dead: bool,
    /// It keeps neither the protocol nor its word.
    pub(crate) liar: bool,
    pub(crate) lies: BTreeSet<Lie>,
}

/// How its boot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boot {
    /// It will say hello with so many slots; none is a mistake.
    Hello(u32),
    /// It ends before that.
    Exit,
    /// It hangs.
    Hang,
    /// It cannot even be started.
    NoSpawn,
    /// HELLO was said.
    Done,
}

/// A request in the process.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) request: RequestId,
    pub(crate) stage: Stage,
    /// It was sent ahead, and no slot of its own was ready yet.
    pub(crate) kept: bool,
    /// CANCEL came.
    pub(crate) cancelled: bool,
    /// An informational head was sent.
    pub(crate) informed: bool,
    pub(crate) detached: bool,
    pub(crate) ready: bool,
    /// Bytes of the request's body that the app has not read yet.
    pub(crate) unread: usize,
}

/// How far the app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Received, not given to the app.
    New,
    /// The app has it.
    Given,
    /// The head was sent.
    Answering,
    /// The response is complete.
    Ended,
}

impl Work {
    /// The app has it, and the core has heard nothing of that.
    pub(crate) fn is_silent(&self) -> bool {
        self.stage == Stage::Given && !self.detached && !self.informed
    }
}

impl Process {
    pub(crate) fn new(boot: Boot) -> Self {
        Self {
            boot,
            link: ProcessLink::new(),
            said: BytesMut::new(),
            heard: BytesMut::new(),
            to_core: Wire::default(),
            to_process: Wire::default(),
            work: BTreeMap::new(),
            slots: 0,
            given: 0,
            dead_streams: Vec::new(),
            hung: false,
            asked_to_leave: false,
            over: false,
            dead: false,
            liar: false,
            lies: BTreeSet::new(),
        }
    }

    /// Whether it does anything of its own accord.
    pub(crate) fn is_awake(&self) -> bool {
        !self.hung && !self.dead
    }

    /// Whether its app can talk.
    pub(crate) fn is_open(&self) -> bool {
        self.is_awake() && self.boot == Boot::Done && !self.over
    }

    /// Whether a request may be given to the app. One that was sent ahead begins in a slot that is
    /// ready, when all that was said before is on its way; and what came after it comes after it.
    pub(crate) fn may_start(&self, stream: u64) -> bool {
        let Some(work) = self.work.get(&stream) else { return false };
        let kept = |(_, work): (&u64, &Work)| work.kept;
        if work.stage != Stage::New || self.work.range(..stream).any(kept) {
            return false;
        }
        let taken = self.work.values().filter(|work| !work.ready && !work.kept).count();
        let told = !self.link.wants_transmit() && self.said.is_empty();
        !work.kept || (taken < self.slots && told)
    }

    /// Forgets a stream of which nothing is left to say.
    pub(crate) fn tidy(&mut self, stream: u64) {
        let over = |work: &Work| work.stage == Stage::Ended && work.ready;
        if self.work.get(&stream).is_some_and(over) {
            self.work.remove(&stream);
            self.dead_streams.push(stream);
        }
    }
}

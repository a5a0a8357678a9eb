//! Out-of-band work: who asks for it, and what apps make of it.

use std::time::Duration;

use maitred_engine::event::{Input, OobAsk, OobBy, OobWord};
use maitred_engine::id::ProcessId;
use maitred_proto::message::{OobDone, OobRequest, OobStart, outcome, requested_by};

use super::{Done, World};
use crate::process::Process;
use crate::rule::Checked;

impl World {
    fn kind(&mut self) -> String {
        format!("k{}", self.random.below(self.plan.kinds))
    }

    /// Milliseconds, or 0: nothing is said.
    fn some_ms(&mut self) -> u64 {
        if self.random.chance(500) { self.random.between(1, 100) } else { 0 }
    }

    pub(super) fn oob_ask(&mut self) -> bool {
        let Some(id) = self.pick(Process::is_open) else { return false };
        let request = OobRequest {
            kind: self.kind(),
            reason: "full".into(),
            expected_ms: self.some_ms(),
            not_later_than_ms: self.some_ms(),
        };
        self.process(id).link.oob_request(request)
    }

    pub(super) fn oob_take_back(&mut self) -> bool {
        let Some(id) = self.pick(Process::is_open) else { return false };
        let kind = self.kind();
        self.process(id).link.oob_withdraw(&kind);
        true
    }

    /// By a header of a response, or by an operator, who wants it at once.
    pub(super) fn oob_order(&mut self) -> Done {
        let Some(process) = self.pick(|_| true) else { return Ok(false) };
        let (by, within) = match self.random.chance(500) {
            true => (OobBy::Operator, Some(Duration::ZERO)),
            false => (OobBy::Header, None),
        };
        let what = OobAsk {
            kind: self.kind(),
            reason: String::new(),
            by,
            expected: None,
            not_later_than: within,
        };
        self.oob_asked(process, what)?;
        Ok(true)
    }

    fn oob_asked(&mut self, process: ProcessId, what: OobAsk) -> Checked {
        self.shadow.oob_asked(process, &what);
        self.tell(Input::OobAsked { process, what: Box::new(what) })
    }

    pub(super) fn oob_end(&mut self) -> bool {
        let out = |process: &Process| process.is_open() && process.link.is_out();
        let Some(id) = self.pick(out) else { return false };
        let words = [outcome::DONE, outcome::DONE, outcome::FAILED, outcome::NO_HANDLER];
        let word = self.random.pick(&words).expect("there are some");
        self.process(id).link.oob_done(word, 1);
        true
    }

    pub(super) fn start_oob(
        &mut self,
        process: ProcessId,
        (kind, by): (&str, OobBy),
        lease: Duration,
    ) {
        let requested_by = match by {
            OobBy::App => requested_by::APP,
            OobBy::Operator => requested_by::OPERATOR,
            OobBy::Header => requested_by::HEADER,
        };
        let lease_ms = lease.as_millis() as u64;
        if let Some(end) = self.ends.get_mut(&process) {
            end.link.oob_start(&OobStart { kind: kind.to_owned(), requested_by, lease_ms });
        }
    }

    pub(super) fn hear_oob_request(&mut self, process: ProcessId, said: OobRequest) -> Checked {
        let span = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        let what = OobAsk {
            kind: said.kind,
            reason: said.reason,
            by: OobBy::App,
            expected: span(said.expected_ms),
            not_later_than: span(said.not_later_than_ms),
        };
        self.oob_asked(process, what)
    }

    pub(super) fn hear_oob_done(&mut self, process: ProcessId, done: &OobDone) -> Checked {
        let word = match done.outcome {
            outcome::DONE => OobWord::Done,
            outcome::NO_HANDLER => OobWord::NoHandler,
            _ => OobWord::Failed,
        };
        self.shadow.oob_done(process, word);
        self.tell(Input::OobDone { process, word })
    }
}

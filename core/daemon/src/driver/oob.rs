//! Out-of-band work: what processes and headers ask for, told to the engine; what the engine
//! grants, told to processes; what became of it, told to operators.

use std::time::Duration;

use maitred_engine::event::{Input, OobAsk, OobBy, OobOutcome, OobRecord, OobWord};
use maitred_engine::id::ProcessId;
use maitred_engine::snapshot::{PhasePicture, ProcessPicture};
use maitred_proto::message::{OobDone, OobRequest, OobStart, outcome, requested_by};

use super::{Driver, Inner};

/// The kind of work that is meant where none is named: by a header, or by an operator. It is what
/// nearly all out-of-band work is for, and what the presets of the SDKs listen to.
pub const KIND_DEFAULT: &str = "gc";

/// What an operator asks for has waited long enough.
const AT_ONCE: Duration = Duration::ZERO;

impl Driver {
    /// An app asks.
    pub(super) fn oob_request(&self, inner: &mut Inner, process: ProcessId, request: OobRequest) {
        let span = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        let what = OobAsk {
            kind: request.kind,
            reason: request.reason,
            by: OobBy::App,
            expected: span(request.expected_ms),
            not_later_than: span(request.not_later_than_ms),
        };
        self.handle(inner, Input::OobAsked { process, what: Box::new(what) });
    }

    /// A response has the header that asks.
    pub(super) fn oob_header(&self, inner: &mut Inner, process: ProcessId) {
        self.handle(
            inner,
            Input::OobAsked { process, what: Box::new(ask(KIND_DEFAULT, OobBy::Header)) },
        );
    }

    /// An operator asks for work in the process with this pid, or in every one that is up. Returns
    /// the pids of those that were asked.
    pub fn oob_by_operator(&self, pid: Option<u32>, kind: &str) -> Vec<u32> {
        let up = |process: &&ProcessPicture| {
            !matches!(
                process.phase,
                PhasePicture::Booting
                    | PhasePicture::Retiring
                    | PhasePicture::Draining
                    | PhasePicture::Leaving
            )
        };
        let mut inner = self.lock();
        let snapshot = inner.engine.snapshot(inner.now);
        let processes = snapshot.pools.iter().flat_map(|pool| &pool.processes).filter(up);
        let known = processes.filter_map(|process| Some((process.process, process.pid?)));
        let meant: Vec<_> =
            known.filter(|(_, known)| pid.is_none_or(|pid| pid == *known)).collect();
        for &(process, _) in &meant {
            let what = OobAsk { not_later_than: Some(AT_ONCE), ..ask(kind, OobBy::Operator) };
            self.handle(&mut inner, Input::OobAsked { process, what: Box::new(what) });
        }
        meant.into_iter().map(|(_, pid)| pid).collect()
    }

    /// An app is done.
    pub(super) fn oob_done(&self, inner: &mut Inner, process: ProcessId, done: &OobDone) {
        let word = match done.outcome {
            outcome::DONE => OobWord::Done,
            outcome::NO_HANDLER => OobWord::NoHandler,
            _ => OobWord::Failed,
        };
        self.handle(inner, Input::OobDone { process, word });
    }
}

fn ask(kind: &str, by: OobBy) -> OobAsk {
    let (kind, reason) = (kind.to_owned(), String::new());
    OobAsk { kind, reason, by, expected: None, not_later_than: None }
}

/// A process is out of band from now on.
pub(super) fn start(
    inner: &mut Inner,
    process: ProcessId,
    (kind, by): (String, OobBy),
    lease: Duration,
) {
    let Some(link) = inner.links.get_mut(&process) else { return };
    let requested_by = match by {
        OobBy::App => requested_by::APP,
        OobBy::Operator => requested_by::OPERATOR,
        OobBy::Header => requested_by::HEADER,
    };
    let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
    link.proto.oob_start(&OobStart { kind, requested_by, lease_ms });
    link.wake();
}

/// A wish has its outcome.
pub(super) fn ended(inner: &Inner, process: ProcessId, record: &OobRecord) {
    let pid = inner.roster.pid_of(process);
    let kind = &record.what.kind;
    let waited = record.waited.as_secs_f64();
    let took = record.took.unwrap_or_default().as_secs_f64();
    match record.outcome {
        OobOutcome::Done => {
            tracing::debug!(
                pid,
                kind,
                "out-of-band work done in {took:.1} s, waited {waited:.1} s"
            );
        }
        OobOutcome::Withdrawn | OobOutcome::Dropped => {
            tracing::debug!(pid, kind, outcome = ?record.outcome, "out-of-band work never began");
        }
        OobOutcome::Failed => {
            tracing::warn!(pid, kind, "out-of-band work failed after {took:.1} s");
        }
        OobOutcome::NoHandler => {
            tracing::warn!(pid, kind, "out-of-band work was granted, but the app has no handler");
        }
        OobOutcome::Lost => {
            tracing::warn!(pid, kind, "out-of-band work was cut by the end of the process");
        }
        OobOutcome::Overstayed => {
            tracing::error!(
                pid,
                kind,
                "out-of-band work exceeds its lease of {took:.0} s: the process is replaced"
            );
        }
    }
}

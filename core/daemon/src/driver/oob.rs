//! Out-of-band work: what the engine grants, told to processes, and what becomes of it, told to
//! operators.

use maitred_engine::event::{Input, OobOutcome, OobRecord, OobWord};
use maitred_engine::id::ProcessId;

use super::{Driver, Inner};

impl Driver {
    /// A process is out of band from now on.
    pub(super) fn start_oob(&self, inner: &mut Inner, process: ProcessId) {
        // No frame of the link carries this yet, so that no process can have a handler.
        self.handle(inner, Input::OobDone { process, word: OobWord::NoHandler });
    }
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

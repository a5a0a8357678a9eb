//! What an operator should read, said in the log.
//!
//! The engine knows numbers; here they get the names that people know things by: pids, request ids,
//! methods and paths.

use maitred_engine::event::{Notice, Step};
use maitred_engine::id::{RequestId, SlotId};
use maitred_engine::limits::LeaseKind;

use super::{Driver, Inner, oob};

impl Driver {
    pub(super) fn notice(&self, inner: &mut Inner, notice: &Notice) {
        match notice {
            Notice::Booted { process, took } => {
                let pid = inner.roster.pid_of(*process);
                tracing::info!(pid, "process is ready after {:.1} s", took.as_secs_f64());
            }
            Notice::BootFailed { process, failures, retry_at } => {
                let pid = inner.roster.pid_of(*process);
                let reason = inner.roster.reason_of(*process);
                let retry_in = retry_at.since(inner.now).as_secs_f64();
                tracing::error!(
                    pid,
                    failures,
                    "process did not boot: {reason}; next try in {retry_in:.1} s"
                );
            }
            Notice::NoRoom { wanted, processes, rss, memory, .. } => {
                let (rss, memory) = (rss >> 20, memory >> 20);
                tracing::warn!(
                    "{wanted} processes of {rss} MiB would pass 70 % of {memory} MiB: \
                     {processes} instead; another number is taken as it is: --processes N"
                );
            }
            Notice::BootGivenUp { .. } => {
                tracing::error!("no process ever booted: giving up");
                self.given_up.cancel();
            }
            Notice::Died { process, suspects } => {
                let pid = inner.roster.pid_of(*process);
                let reason = inner.roster.reason_of(*process);
                tracing::error!(pid, in_flight = suspects.len(), "process died: {reason}");
            }
            Notice::Retried { request, attempts } => {
                tracing::warn!(%request, attempts, "request goes to another process");
            }
            Notice::Poison { request } => {
                let head = inner.exchanges.get(request).map(|exchange| exchange.head.line());
                tracing::error!(%request, head, "request ended every process that ran it: 502");
            }
            Notice::Isolated { process } => {
                let pid = inner.roster.pid_of(*process);
                tracing::warn!(pid, "process is taken out to run a suspect alone");
            }
            Notice::OobOverdue { process, kind } => {
                let pid = inner.roster.pid_of(*process);
                tracing::warn!(pid, kind, "out-of-band work is overdue");
            }
            Notice::OobEnded { process, record } => oob::ended(inner, *process, record),
            Notice::StrayReady { slot } => tracing::warn!(%slot, "ready from a slot that is free"),
            Notice::Overstayed { .. } | Notice::Retired { .. } | Notice::DeferredLost { .. } => {
                lease(inner, notice)
            }
        }
        inner.roster.note(inner.now, notice);
    }
}

/// What overstays, and what came of it.
fn lease(inner: &Inner, notice: &Notice) {
    match *notice {
        Notice::Overstayed { slot, request, lease, step, after } => {
            let (pid, name) = (inner.roster.pid_of(slot.process), inner.name(slot, request));
            let (id, line) = (name.id, name.line);
            let (what, after) = (overstays(lease), after.as_secs_f64());
            match step {
                Step::Warn => tracing::warn!(pid, request = id, "{line}: {what} for {after:.1} s"),
                Step::Tell => {
                    let told = told(lease);
                    tracing::error!(pid, request = id, "{line}: {what} for {after:.1} s: {told}");
                }
                Step::Raise => {
                    let told = "an error is raised in it";
                    tracing::error!(pid, request = id, "{line}: {what} for {after:.1} s: {told}");
                }
                Step::Retire => {}
            }
        }
        Notice::Retired { process, lease } => {
            let pid = inner.roster.pid_of(process);
            tracing::error!(pid, "process is replaced: a request in it {}", overstays(lease));
        }
        Notice::DeferredLost { slot, request, after } => {
            let (pid, name) = (inner.roster.pid_of(slot.process), inner.name(slot, request));
            let (id, line, after) = (name.id, name.line, after.as_secs_f64());
            let what = if name.deferred.is_empty() { "its work" } else { name.deferred };
            tracing::error!(
                pid,
                request = id,
                "{line}: lost after the response: {what}, {after:.1} s old"
            );
        }
        _ => {}
    }
}

/// What a request does that overstays, as a part of a sentence.
fn overstays(lease: LeaseKind) -> &'static str {
    match lease {
        LeaseKind::FirstByte => "has not begun to answer",
        LeaseKind::Request => "has not finished its response",
        LeaseKind::Deferred => "has worked on after its response",
        LeaseKind::Hang => "runs in a process that gives no sign of life",
        LeaseKind::Boot | LeaseKind::Oob | LeaseKind::Drain => "overstays",
    }
}

/// What is done at the end of a lease.
fn told(lease: LeaseKind) -> &'static str {
    match lease {
        LeaseKind::FirstByte | LeaseKind::Request => "the app is told to stop",
        _ => "its lease is over",
    }
}

/// What people know a request by.
struct Name<'a> {
    id: String,
    /// Method and path.
    line: String,
    /// What goes on after its response; often empty.
    deferred: &'a str,
}

impl Inner {
    /// A slot knows its request longer than anybody else.
    fn name(&self, slot: SlotId, request: RequestId) -> Name<'_> {
        let in_slot = self.links.get(&slot.process).and_then(|link| link.in_slot(slot.index));
        let exchange = in_slot.map(|record| &record.exchange);
        let deferred = in_slot.map_or("", |record| &record.deferred);
        match exchange.or_else(|| self.exchanges.get(&request)) {
            Some(exchange) => {
                let head = &exchange.head;
                Name { id: head.request_id().to_owned(), line: head.line(), deferred }
            }
            None => Name { id: request.to_string(), line: String::new(), deferred },
        }
    }
}

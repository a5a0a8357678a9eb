//! When the line of a request is written: at its outcome, or when its slot is free, if later.
//!
//! What a request costs is known only when its slot is free again, and that may be long after the
//! client has everything. A line that came before would have to leave the deferred time out.

use std::time::Duration;

use maitred_engine::id::{ProcessId, RequestId};

use super::{Driver, Inner};
use crate::access::Line;

impl Driver {
    /// A request has its outcome.
    pub(super) fn request_is_over(&self, inner: &mut Inner, line: Line) {
        let Some(log) = &self.access_log else { return };
        let has_slot = line.exchange.route().is_some_and(|route| {
            let link = inner.links.get(&route.process);
            link.is_some_and(|link| link.is_in_slot(route.stream))
        });
        if has_slot {
            inner.unwritten.insert(line.exchange.id, line);
        } else {
            log.write(&line);
        }
    }

    /// The slot that ran a request is free.
    pub(super) fn slot_is_free(&self, inner: &mut Inner, request: RequestId, deferred: Duration) {
        let Some(log) = &self.access_log else { return };
        if let Some(line) = inner.unwritten.remove(&request) {
            line.exchange.freed(deferred);
            log.write(&line);
        } else if let Some(exchange) = inner.exchanges.get(&request) {
            exchange.freed(deferred);
        }
    }

    /// The slot that ran a request will never be said to be free.
    pub(super) fn write_line_of(&self, inner: &mut Inner, request: RequestId) {
        let Some(log) = &self.access_log else { return };
        if let Some(line) = inner.unwritten.remove(&request) {
            log.write(&line);
        }
    }

    /// The link of a process is gone: its slots will never be said to be free.
    pub(super) fn write_lines_of(&self, inner: &mut Inner, process: ProcessId) {
        let Some(log) = &self.access_log else { return };
        let of_process = |line: &Line| line.exchange.route().map(|route| route.process);
        inner.unwritten.retain(|_, line| {
            let lost = of_process(line) == Some(process);
            if lost {
                log.write(line);
            }
            !lost
        });
    }
}

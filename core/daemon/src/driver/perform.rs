//! What the engine asks for, done.

use std::sync::Arc;
use std::time::Duration;

use maitred_engine::event::{
    Abort, CancelReason, DrainReason, Failure, Input, KillReason, Outcome, Output, Refusal, Times,
};
use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};

use super::{Driver, Inner, oob};
use crate::access::Line;
use crate::body::pump;
use crate::exchange::{Answer, Route};
use crate::http::head::Wait;
use crate::http::refuse::OwnAnswer;
use crate::supervise::{Order, Signal};

impl Driver {
    pub(super) fn perform(&self, inner: &mut Inner, output: Output) {
        match output {
            Output::Dispatch { request, slot, waited } => {
                self.dispatch(inner, request, slot, waited);
            }
            Output::HandEarly { request, process, waited } => {
                self.hand_early(inner, request, process, waited);
            }
            Output::Taken { slot, waited, request: _ } => taken(inner, slot, waited),
            Output::CancelEarly { process, request, why } => {
                if let Some(link) = inner.links.get_mut(&process) {
                    link.cancel_early(request, why);
                    link.wake();
                }
            }
            Output::Refuse { request, why, retry_after } => {
                refuse(inner, request, why, retry_after);
            }
            Output::Fail { request, why } => fail(inner, request, why),
            Output::Cancel { slot, why } => cancel(inner, slot, why),
            Output::Interrupt { slot, what } => {
                if let Some(link) = inner.links.get_mut(&slot.process) {
                    link.interrupt(slot.index, what);
                    link.wake();
                }
            }
            Output::Spawn { process, pool, generation } => {
                inner.order(Order::Spawn { process, pool, generation });
            }
            Output::Measure { process } => inner.order(Order::Measure { process }),
            Output::CancelDetached { process, request, why } => {
                if let Some(link) = inner.links.get_mut(&process) {
                    link.cancel_detached(request, why);
                    link.wake();
                }
            }
            Output::Drain { process, why } => drain(inner, process, why),
            Output::StartOob { process, kind, by, lease } => {
                oob::start(inner, process, (kind, by), lease);
            }
            Output::CloseLink { process } => close_link(inner, process),
            Output::Terminate { process } => {
                inner.order(Order::Signal { process, signal: Signal::TERM });
            }
            Output::Kill { process, why } => kill(inner, process, why),
            Output::Ended { request, pool, outcome, times } => {
                self.ended(inner, request, pool, (outcome, times));
            }
            Output::Freed { slot, request, service, deferred } => {
                let pool = inner.roster.pool_of(slot.process);
                inner.stats.freed(inner.now, pool, service, deferred);
                self.slot_is_free(inner, request, deferred);
            }
            Output::Notice(notice) => self.notice(inner, &notice),
            Output::Closed => self.closed.cancel(),
        }
    }

    fn dispatch(&self, inner: &mut Inner, request: RequestId, slot: SlotId, waited: Duration) {
        if !send(inner, request, (slot.process, Some(slot.index)), Wait::over(waited)) {
            // A slot must never be lost.
            self.handle(inner, Input::ResponseAborted { slot, why: Abort::ByCore });
            self.handle(inner, Input::Ready { slot });
        }
    }

    fn hand_early(
        &self,
        inner: &mut Inner,
        request: RequestId,
        process: ProcessId,
        waited: Duration,
    ) {
        let wait = Wait { so_far: waited, goes_on_at_us: self.clock.monotonic_us(inner.now) };
        if !send(inner, request, (process, None), wait) {
            fail(inner, request, Failure::Broken);
            self.handle(inner, Input::ClientGone { request });
            self.handle(inner, Input::EarlyReturned { process, request });
        }
    }

    fn ended(
        &self,
        inner: &mut Inner,
        request: RequestId,
        pool: PoolId,
        (outcome, times): (Outcome, Times),
    ) {
        let exchange = inner.exchanges.remove(&request);
        let (status, sent) = exchange.as_ref().map_or((503, 0), |exchange| exchange.end());
        inner.stats.ended(inner.now, pool, &outcome, &times, status);
        if let Some(exchange) = exchange {
            let at = self.clock.unix_us(inner.now);
            self.request_is_over(inner, Line { exchange, status, sent, outcome, times, at });
        }
    }
}

impl Inner {
    pub(super) fn order(&self, order: Order) {
        // The supervisor outlives the driver's work; when it is gone the core is ending.
        let _ended = self.orders.send(order);
    }
}

/// Sends a request to a slot of a process, or ahead of one. False: it cannot be sent at all.
fn send(
    inner: &mut Inner,
    request: RequestId,
    (process, slot): (ProcessId, Option<u32>),
    wait: Wait,
) -> bool {
    let Some(exchange) = inner.exchanges.get(&request) else { return true };
    let Some(link) = inner.links.get_mut(&process) else { return true };
    let exchange = Arc::clone(exchange);
    let sent = link.send_request(&exchange, slot, wait);
    link.wake();
    let Some((stream, body_follows)) = sent else {
        // Heads are measured before they are admitted (`head::fits`): not for clients to see.
        tracing::error!(%request, "a request's head outgrew its frame");
        return false;
    };
    let route = Route { process, stream };
    exchange.routed(route, wait.so_far, inner.now);
    if body_follows {
        pump::start(&exchange, route);
    }
    true
}

/// A slot has the request that was sent ahead: its wait is over.
fn taken(inner: &mut Inner, slot: SlotId, waited: Duration) {
    let Some(link) = inner.links.get_mut(&slot.process) else { return };
    let Some(stream) = link.take_early(slot.index) else { return };
    if let Some(record) = link.streams.get(&stream) {
        let route = Route { process: slot.process, stream };
        record.exchange.routed(route, waited, inner.now);
    }
}

fn refuse(inner: &mut Inner, request: RequestId, why: Refusal, retry_after: Duration) {
    match inner.exchanges.get(&request) {
        Some(exchange) => exchange.give_up(503, Answer::Refused(why, retry_after)),
        None => inner.refused = Some((why, retry_after)),
    }
}

fn fail(inner: &Inner, request: RequestId, why: Failure) {
    if let Some(exchange) = inner.exchanges.get(&request) {
        let status = OwnAnswer::status_of(why).as_u16();
        exchange.give_up(status, Answer::Failed(why));
    }
}

fn cancel(inner: &mut Inner, slot: SlotId, why: CancelReason) {
    if let Some(link) = inner.links.get_mut(&slot.process) {
        link.cancel(slot.index, why);
        link.wake();
    }
}

fn drain(inner: &mut Inner, process: ProcessId, why: DrainReason) {
    if let Some(link) = inner.links.get_mut(&process) {
        link.drain(why);
        link.wake();
    }
}

fn close_link(inner: &mut Inner, process: ProcessId) {
    if let Some(link) = inner.links.get_mut(&process) {
        link.close();
        link.wake();
    }
}

fn kill(inner: &mut Inner, process: ProcessId, why: KillReason) {
    inner.roster.killed(process, why);
    // What it did to deserve that was said when it did it.
    if why != KillReason::Misbehaved {
        let pid = inner.roster.pid_of(process);
        tracing::warn!(pid, "{}", inner.roster.reason_of(process));
    }
    inner.order(Order::Signal { process, signal: Signal::KILL });
}

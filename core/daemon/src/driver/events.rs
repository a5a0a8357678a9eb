//! What a process says on its link, told to the engine and to the exchange it is about.
//!
//! This is the hot path of an answer: head, body, end and ready of a small response usually come
//! in one read, and the next request goes out on the same link before the client's task has run.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use maitred_engine::event::{Abort, Input};
use maitred_engine::id::{ProcessId, SlotId};
use maitred_proto::link::CoreEvent;
use maitred_proto::message;

use super::{Driver, Inner, wake};
use crate::exchange::{Completion, Exchange, Route};
use crate::http::head::{self, InvalidResponse};
use crate::link::Link;

/// A stream that a frame is about.
struct Stream {
    number: u64,
    slot: SlotId,
    exchange: Arc<Exchange>,
    detached: bool,
}

impl Driver {
    pub(super) fn link_event(&self, inner: &mut Inner, process: ProcessId, event: CoreEvent) {
        if let Some(early) = inner.early_stream(process, &event) {
            return self.early_event(inner, process, early, &event);
        }
        match event {
            CoreEvent::Response { stream, head, end, ready } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                self.respond(inner, &stream, &head);
                self.close_stream(inner, &stream, (end, ready), None);
            }
            CoreEvent::Body { stream, data, end, ready } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                receive_body(inner, &stream, data);
                self.close_stream(inner, &stream, (end, ready), None);
            }
            CoreEvent::Trailers { stream, trailers, end, ready } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                let map = head::trailers(&trailers);
                self.close_stream(inner, &stream, (end, ready), Some(map));
            }
            CoreEvent::End { stream, ready, deferred } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                inner.with_link(&stream, |link, number| link.deferred(number, deferred));
                self.close_stream(inner, &stream, (true, ready), None);
            }
            CoreEvent::Deferred { stream, deferred } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                inner.with_link(&stream, |link, number| link.deferred(number, deferred));
            }
            CoreEvent::Abort { stream, mut abort, ready } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                let deferred = std::mem::take(&mut abort.deferred);
                inner.with_link(&stream, |link, number| {
                    link.ended(number);
                    link.deferred(number, deferred);
                });
                self.abort(inner, &stream, &abort);
                self.close_stream(inner, &stream, (false, ready), None);
            }
            CoreEvent::Ready { stream, ready } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                if ready.failed > 0 {
                    let (slot, pieces) = (stream.slot, ready.failed);
                    self.handle(inner, Input::DeferredFailed { slot, pieces });
                }
                self.close_stream(inner, &stream, (false, true), None);
            }
            CoreEvent::Detach { stream } => {
                let Some(stream) = inner.stream(process, stream) else { return };
                inner.with_link(&stream, |link, number| link.detached(number));
                self.handle(inner, Input::Detached { slot: stream.slot });
            }
            CoreEvent::Bounce { stream } => {
                if let Some(slot) = self.forget_stream(inner, process, stream) {
                    self.handle(inner, Input::Bounced { slot });
                }
            }
            CoreEvent::Writable { stream } => inner.wake_writer(process, stream),
            other => self.link_life(inner, process, other),
        }
    }

    /// What a process says of a request that was sent ahead, before a slot of its own is free.
    fn early_event(&self, inner: &mut Inner, process: ProcessId, number: u64, event: &CoreEvent) {
        match event {
            CoreEvent::Abort { ready: true, .. }
            | CoreEvent::Ready { .. }
            | CoreEvent::Bounce { .. } => self.early_returned(inner, process, number),
            // Its READY follows.
            CoreEvent::Abort { .. } => {}
            CoreEvent::Writable { .. } => inner.wake_writer(process, number),
            _ => {
                let why = "answered a request before it had a slot for it";
                tracing::error!(pid = inner.roster.pid_of(process), "the process {why}");
                inner.roster.blame(process, why.to_owned());
                self.handle(inner, Input::Misbehaved { process });
            }
        }
    }

    fn early_returned(&self, inner: &mut Inner, process: ProcessId, number: u64) {
        let record = inner.links.get(&process).and_then(|link| link.streams.get(&number));
        let Some(request) = record.map(|record| record.exchange.id) else { return };
        let _no_slot = self.forget_stream(inner, process, number);
        self.handle(inner, Input::EarlyReturned { process, request });
    }

    /// Events about the link itself.
    fn link_life(&self, inner: &mut Inner, process: ProcessId, event: CoreEvent) {
        match event {
            CoreEvent::Pong { lost, host_age_ms } => {
                inner.roster.pong(process, host_age_ms);
                let host_age = Duration::from_millis(host_age_ms);
                self.handle(inner, Input::Pong { process, host_age });
                for stream in lost {
                    self.lost(inner, process, stream);
                }
            }
            CoreEvent::OobRequest(request) => self.oob_request(inner, process, request),
            CoreEvent::OobWithdraw { kind } => {
                self.handle(inner, Input::OobWithdrawn { process, kind });
            }
            CoreEvent::OobDone(done) => self.oob_done(inner, process, &done),
            CoreEvent::DrainWanted { .. } => self.handle(inner, Input::DrainWanted { process }),
            CoreEvent::Goodbye { unstarted } => {
                let slots = unstarted
                    .into_iter()
                    .filter_map(|stream| self.forget_stream(inner, process, stream))
                    .map(|slot| slot.index)
                    .collect();
                self.handle(inner, Input::Goodbye { process, unstarted: slots });
            }
            _ => {}
        }
    }

    fn respond(&self, inner: &mut Inner, stream: &Stream, head: &message::Response) {
        // hyper cannot send informational responses; the app may go on without them.
        if head.status < 200 {
            return;
        }
        if head::asks_for_oob(head) {
            self.oob_header(inner, stream.slot.process);
        }
        match head::response(head) {
            Ok((parts, declared)) => {
                stream.exchange.respond(parts, declared);
                // The old slot of a detached stream may run another request by now.
                if !stream.detached {
                    // Another one may have begun in the same read.
                    self.tell_start(inner);
                    inner.started = Some(stream.slot);
                }
            }
            Err(error) => {
                self.invalid(inner, stream, &error);
                // Nobody will take its body.
                let _nothing_held = stream.exchange.discard();
                let process = stream.slot.process;
                inner.cancel_stream(Route { process, stream: stream.number });
            }
        }
    }

    /// The process does not hold this stream any more, although it never said so.
    fn lost(&self, inner: &mut Inner, process: ProcessId, number: u64) {
        let Some(link) = inner.links.get(&process) else { return };
        let in_slot = link.is_in_slot(number);
        if link.is_early(number) {
            tracing::warn!(%process, stream = number, "the process lost a request sent ahead");
            return self.early_returned(inner, process, number);
        }
        let Some(stream) = inner.stream(process, number) else { return };
        tracing::warn!(%process, stream = number, "the process lost a request");
        let _known = self.forget_stream(inner, process, number);
        if stream.detached {
            self.aborted(inner, &stream, Abort::ByCore);
        }
        if in_slot {
            self.handle(inner, Input::Reconciled { slot: stream.slot });
        }
    }

    /// The app's response cannot be sent to a client, or not all of it.
    fn invalid(&self, inner: &mut Inner, stream: &Stream, error: &InvalidResponse) {
        let request = stream.exchange.head.request_id();
        tracing::error!(request, %error, "the app's response is not valid: 502");
        self.aborted(inner, stream, Abort::InvalidResponse);
    }

    fn abort(&self, inner: &mut Inner, stream: &Stream, abort: &message::Abort) {
        let why = head::abort_reason(abort.reason);
        if why == Abort::InvalidResponse {
            let request = stream.exchange.head.request_id();
            tracing::error!(request, detail = abort.detail, "the app's response is not valid");
        }
        self.aborted(inner, stream, why);
    }

    fn aborted(&self, inner: &mut Inner, stream: &Stream, why: Abort) {
        let input = if stream.detached {
            let process = stream.slot.process;
            Input::DetachedAborted { process, request: stream.exchange.id, why }
        } else {
            Input::ResponseAborted { slot: stream.slot, why }
        };
        self.handle(inner, input);
    }

    /// What the flags of a frame say: the response is complete, the slot is free.
    fn close_stream(
        &self,
        inner: &mut Inner,
        stream: &Stream,
        (end, ready): (bool, bool),
        trailers: Option<HeaderMap>,
    ) {
        let mut finished = false;
        if end {
            inner.with_link(stream, |link, number| link.ended(number));
            match stream.exchange.complete(trailers) {
                // What came after CANCEL was dropped: that it is short says nothing.
                Completion::Short if inner.is_cancelled(stream) => {
                    self.aborted(inner, stream, Abort::Cancelled);
                }
                Completion::Short => self.invalid(inner, stream, &InvalidResponse::Short),
                completion => {
                    finished = ready && !stream.detached;
                    self.complete(inner, stream, finished, completion);
                }
            }
        }
        if ready && !finished {
            inner.with_link(stream, |link, number| link.ready(number));
            self.handle(inner, Input::Ready { slot: stream.slot });
        }
    }

    /// The client can have all of the response; `finished`: and the slot is free.
    fn complete(&self, inner: &mut Inner, stream: &Stream, finished: bool, completion: Completion) {
        let (slot, request) = (stream.slot, stream.exchange.id);
        let input = if stream.detached {
            Input::DetachedComplete { process: slot.process, request }
        } else if finished {
            inner.with_link(stream, |link, number| link.ready(number));
            Input::Finished { slot }
        } else {
            Input::ResponseComplete { slot }
        };
        self.handle(inner, input);
        if completion == Completion::Delivered {
            self.handle(inner, Input::Delivered { request });
        }
    }

    /// Nothing more is to be expected of a stream that never said that its slot is free.
    fn forget_stream(&self, inner: &mut Inner, process: ProcessId, number: u64) -> Option<SlotId> {
        let link = inner.links.get_mut(&process)?;
        let request = link.streams.get(&number)?.exchange.id;
        let index = link.forget(number)?;
        self.write_line_of(inner, request);
        Some(SlotId { process, index })
    }
}

fn receive_body(inner: &mut Inner, stream: &Stream, data: Bytes) {
    let taken = stream.exchange.push(data);
    if taken > 0
        && let Some(link) = inner.links.get_mut(&stream.slot.process)
    {
        link.proto.consumed(stream.number, taken);
    }
}

impl Inner {
    /// The stream that an event is about, if that was sent ahead and is in no slot yet.
    fn early_stream(&self, process: ProcessId, event: &CoreEvent) -> Option<u64> {
        let link = self.links.get(&process).filter(|link| !link.early.is_empty())?;
        event.stream().filter(|stream| link.is_early(*stream))
    }

    fn stream(&self, process: ProcessId, number: u64) -> Option<Stream> {
        let record = self.links.get(&process)?.streams.get(&number)?;
        Some(Stream {
            number,
            slot: SlotId { process, index: record.slot? },
            exchange: Arc::clone(&record.exchange),
            detached: record.detached,
        })
    }

    fn is_cancelled(&self, stream: &Stream) -> bool {
        let link = self.links.get(&stream.slot.process);
        let record = link.and_then(|link| link.streams.get(&stream.number));
        record.is_some_and(|record| record.cancelled)
    }

    fn wake_writer(&mut self, process: ProcessId, number: u64) {
        let link = self.links.get_mut(&process);
        if let Some(record) = link.and_then(|link| link.streams.get_mut(&number)) {
            wake(&mut record.writable);
        }
    }

    fn with_link(&mut self, stream: &Stream, f: impl FnOnce(&mut Link, u64)) {
        if let Some(link) = self.links.get_mut(&stream.slot.process) {
            f(link, stream.number);
        }
    }
}

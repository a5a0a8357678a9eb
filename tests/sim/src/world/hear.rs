//! What the core hears on a link, told to the shadow and to the engine.

use maitred_engine::event::{Abort, Input};
use maitred_engine::id::{ProcessId, RequestId, SlotId};
use maitred_proto::link::CoreEvent;
use maitred_proto::message::{self, reason};

use super::World;
use crate::core_end::Stream;
use crate::rule::Checked;

/// The status of a response that no client may see.
pub(super) const INVALID: u32 = 599;

impl World {
    pub(super) fn hear(&mut self, process: ProcessId, event: CoreEvent) -> Checked {
        let ahead =
            |number: &u64| self.ends.get(&process).is_some_and(|end| end.early.contains(number));
        if let Some(early) = event.stream().filter(ahead) {
            return self.hear_early(process, early, &event);
        }
        match event {
            CoreEvent::Hello(hello) => self.hear_hello(process, &hello),
            CoreEvent::Response { stream, head, end, ready } => {
                self.hear_head(process, stream, head.status)?;
                self.close_stream(process, stream, (end, ready))
            }
            CoreEvent::Body { stream, data, end, ready } => {
                self.take_body(process, stream, data.len());
                self.close_stream(process, stream, (end, ready))
            }
            CoreEvent::Trailers { stream, end, ready, .. } => {
                self.close_stream(process, stream, (end, ready))
            }
            CoreEvent::End { stream, ready, .. } => {
                self.close_stream(process, stream, (true, ready))
            }
            CoreEvent::Ready { stream, ready } => {
                self.hear_failed(process, stream, ready.failed)?;
                self.close_stream(process, stream, (false, true))
            }
            CoreEvent::Abort { stream, abort, ready } => {
                self.hear_abort(process, stream, abort.reason)?;
                self.close_stream(process, stream, (false, ready))
            }
            CoreEvent::Detach { stream } => {
                let Some((slot, _)) = self.stream(process, stream) else { return Ok(()) };
                if let Some(record) = self.stream_record(process, stream) {
                    record.detached = true;
                }
                self.shadow.heard_detach(slot);
                self.tell(Input::Detached { slot })
            }
            CoreEvent::Bounce { stream } => {
                let Some(slot) = self.forget(process, stream) else { return Ok(()) };
                self.shadow.heard_bounce(slot)?;
                self.tell(Input::Bounced { slot })
            }
            CoreEvent::Pong { lost, host_age_ms } => {
                let host_age = std::time::Duration::from_millis(host_age_ms);
                self.shadow.pong(process, host_age);
                self.tell(Input::Pong { process, host_age })?;
                lost.into_iter().try_for_each(|stream| self.hear_lost(process, stream))
            }
            CoreEvent::DrainWanted { .. } => {
                self.shadow.drain_wanted(process);
                self.tell(Input::DrainWanted { process })
            }
            CoreEvent::Goodbye { unstarted } => {
                let slots: Vec<u32> = unstarted
                    .into_iter()
                    .filter_map(|stream| self.forget(process, stream))
                    .map(|slot| slot.index)
                    .collect();
                self.shadow.heard_goodbye(process, &slots)?;
                self.tell(Input::Goodbye { process, unstarted: slots })
            }
            CoreEvent::OobRequest(request) => self.hear_oob_request(process, request),
            CoreEvent::OobWithdraw { kind } => {
                self.shadow.oob_withdrawn(process, &kind);
                self.tell(Input::OobWithdrawn { process, kind })
            }
            CoreEvent::OobDone(done) => self.hear_oob_done(process, &done),
            CoreEvent::Writable { .. } | CoreEvent::Deferred { .. } => Ok(()),
        }
    }

    fn hear_hello(&mut self, process: ProcessId, hello: &message::Hello) -> Checked {
        let Some(end) = self.ends.get_mut(&process) else { return Ok(()) };
        if hello.slots == 0 {
            end.link.reject(&message::Reject { code: "no_slots".into(), message: String::new() });
            end.closing = true;
            self.shadow.misbehaved(process);
            return self.tell(Input::Misbehaved { process });
        }
        let capabilities = hello.capabilities.clone();
        end.link.welcome(&message::Welcome {
            version: 1,
            capabilities: capabilities.clone(),
            ..message::Welcome::default()
        });
        end.slots = vec![None; hello.slots as usize];
        end.open = true;
        self.shadow.hello(process, hello.slots);
        self.tell(Input::Hello { process, slots: hello.slots })?;
        if capabilities.is_empty() {
            return Ok(());
        }
        self.shadow.early_wanted(process);
        self.tell(Input::EarlyWanted { process })
    }

    fn hear_head(&mut self, process: ProcessId, number: u64, status: u32) -> Checked {
        let Some((slot, stream)) = self.stream(process, number) else { return Ok(()) };
        if status < 200 {
            return Ok(());
        }
        if status == INVALID {
            self.aborted(slot, (stream.request, stream.detached), Abort::InvalidResponse)?;
            self.discard(stream.request);
            if let Some(end) = self.ends.get_mut(&process) {
                end.cancel(number, maitred_engine::event::CancelReason::ClientGone);
            }
            return Ok(());
        }
        if stream.detached {
            return Ok(());
        }
        self.shadow.heard_response(slot);
        self.tell(Input::ResponseStarted { slot })
    }

    fn take_body(&mut self, process: ProcessId, number: u64, length: usize) {
        let Some((_, stream)) = self.stream(process, number) else { return };
        let route = Some((process, number));
        let client = self.clients.get_mut(&stream.request);
        match client.filter(|client| !client.discard && client.route == route) {
            Some(client) if !client.eager => client.untaken += length,
            _ => {
                if let Some(end) = self.ends.get_mut(&process) {
                    end.link.consumed(number, length);
                }
            }
        }
    }

    /// Pieces of deferred work raised an error.
    fn hear_failed(&mut self, process: ProcessId, number: u64, pieces: u32) -> Checked {
        let Some((slot, _)) = self.stream(process, number).filter(|_| pieces > 0) else {
            return Ok(());
        };
        self.shadow.deferred_failed(slot, pieces);
        self.tell(Input::DeferredFailed { slot, pieces })
    }

    fn hear_abort(&mut self, process: ProcessId, number: u64, why: u32) -> Checked {
        let Some((slot, stream)) = self.stream(process, number) else { return Ok(()) };
        if let Some(end) = self.ends.get_mut(&process) {
            end.ended(number);
        }
        let why = match why {
            reason::INVALID_RESPONSE => Abort::InvalidResponse,
            reason::CANCELLED => Abort::Cancelled,
            _ => Abort::AppError,
        };
        self.aborted(slot, (stream.request, stream.detached), why)
    }

    /// What the flags of a frame say: the response is complete, the slot is free.
    fn close_stream(
        &mut self,
        process: ProcessId,
        number: u64,
        (end, ready): (bool, bool),
    ) -> Checked {
        let Some((slot, stream)) = self.stream(process, number) else { return Ok(()) };
        let at_once = end && ready && !stream.detached;
        if end {
            if let Some(end) = self.ends.get_mut(&process) {
                end.ended(number);
            }
            self.complete(slot, &stream, at_once)?;
        }
        if ready {
            if let Some(end) = self.ends.get_mut(&process) {
                end.ready(number);
            }
            if !at_once {
                self.shadow.heard_ready(slot);
                self.tell(Input::Ready { slot })?;
            }
        }
        Ok(())
    }

    /// The response is over; `ready`: and the slot is free, in the same frame.
    fn complete(&mut self, slot: SlotId, stream: &Stream, ready: bool) -> Checked {
        let request = stream.request;
        if stream.detached {
            let process = slot.process;
            self.shadow.heard_detached_end(process, request, None);
            self.tell(Input::DetachedComplete { process, request })?;
        } else {
            self.shadow.heard_complete(slot);
            if ready {
                self.shadow.heard_ready(slot);
                self.tell(Input::Finished { slot })?;
            } else {
                self.tell(Input::ResponseComplete { slot })?;
            }
        }
        let Some(client) = self.clients.get_mut(&request) else { return Ok(()) };
        if client.route.map(|(process, _)| process) != Some(slot.process) {
            return Ok(());
        }
        client.complete = true;
        if client.eager && client.untaken == 0 { self.delivered(request) } else { Ok(()) }
    }

    /// The process does not hold this stream any more.
    fn hear_lost(&mut self, process: ProcessId, number: u64) -> Checked {
        if self.ends.get(&process).is_some_and(|end| end.early.contains(&number)) {
            return self.early_returned(process, number);
        }
        let Some((slot, stream)) = self.stream(process, number) else { return Ok(()) };
        let in_slot = self.ends.get(&process).is_some_and(|end| end.is_in_slot(number));
        self.forget(process, number);
        if stream.detached {
            self.aborted(slot, (stream.request, true), Abort::ByCore)?;
        }
        if in_slot {
            self.shadow.heard_lost(slot);
            self.tell(Input::Reconciled { slot })?;
        }
        Ok(())
    }

    fn stream(&self, process: ProcessId, number: u64) -> Option<(SlotId, Stream)> {
        let record = self.ends.get(&process)?.streams.get(&number)?;
        Some((SlotId { process, index: record.slot? }, record.clone()))
    }

    fn stream_record(&mut self, process: ProcessId, number: u64) -> Option<&mut Stream> {
        self.ends.get_mut(&process)?.streams.get_mut(&number)
    }

    pub(super) fn forget(&mut self, process: ProcessId, number: u64) -> Option<SlotId> {
        let record = self.ends.get_mut(&process)?.forget(number)?;
        self.no_route(record.request, (process, number));
        Some(SlotId { process, index: record.slot? })
    }

    /// The request is in no process any more.
    fn no_route(&mut self, request: RequestId, route: (ProcessId, u64)) {
        if let Some(client) = self.clients.get_mut(&request)
            && client.route == Some(route)
        {
            client.route = None;
        }
    }
}

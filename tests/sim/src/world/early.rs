//! Requests that are sent ahead of the slot that will take them.

use maitred_engine::event::{CancelReason, Input};
use maitred_engine::id::{ProcessId, RequestId};
use maitred_proto::link::CoreEvent;

use super::World;
use crate::rule::Checked;

impl World {
    /// What a process says of a request that it keeps, before a slot of its own is ready.
    pub(super) fn hear_early(
        &mut self,
        process: ProcessId,
        number: u64,
        event: &CoreEvent,
    ) -> Checked {
        match event {
            CoreEvent::Abort { ready: true, .. }
            | CoreEvent::Ready { .. }
            | CoreEvent::Bounce { .. } => self.early_returned(process, number),
            // Its READY follows.
            CoreEvent::Abort { .. } | CoreEvent::Writable { .. } => Ok(()),
            _ => {
                self.shadow.misbehaved(process);
                self.tell(Input::Misbehaved { process })
            }
        }
    }

    pub(super) fn early_returned(&mut self, process: ProcessId, number: u64) -> Checked {
        let stream = self.ends.get(&process).and_then(|end| end.streams.get(&number));
        let Some(request) = stream.map(|stream| stream.request) else { return Ok(()) };
        self.forget(process, number);
        self.shadow.early_returned(process, request)?;
        self.tell(Input::EarlyReturned { process, request })
    }

    pub(super) fn cancel_early(&mut self, process: ProcessId, request: RequestId) {
        let Some(end) = self.ends.get_mut(&process) else { return };
        let is_its = |stream: &&u64| end.streams[*stream].request == request;
        if let Some(stream) = end.early.iter().find(is_its).copied() {
            end.cancel(stream, CancelReason::ClientGone);
        }
    }
}

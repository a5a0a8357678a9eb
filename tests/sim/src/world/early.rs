//! Requests that are sent ahead of the slot that will take them.

use maitred_engine::event::{CancelReason, Input};
use maitred_engine::id::ProcessId;
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
        self.forget(process, number);
        self.shadow.early_returned(process)?;
        self.tell(Input::EarlyReturned { process })
    }

    pub(super) fn cancel_early(&mut self, process: ProcessId) {
        if let Some(end) = self.ends.get_mut(&process)
            && let Some(stream) = end.early
        {
            end.cancel(stream, CancelReason::ClientGone);
        }
    }
}

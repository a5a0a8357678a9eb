//! The engine is told what happened, and what it asks for is done.

use maitred_engine::Engine;
use maitred_engine::event::{CancelReason, Input, Interrupt, Output};
use maitred_engine::id::{ProcessId, RequestId, SlotId};
use maitred_proto::message;
use prost::Message as _;

use super::World;
use crate::core_end::Stream;
use crate::coverage::Fact;
use crate::process::{Boot, Process};
use crate::rule::{Checked, must};

impl World {
    /// Tells the engine, performs all that it asks for, and checks that all is as it must be.
    pub(super) fn tell(&mut self, input: Input) -> Checked {
        self.shadow.coverage.inputs += 1;
        self.transcript.input(self.now, &input);
        if let Some(input) = self.tamper.input(input) {
            if let Some(recorder) = &mut self.recorder {
                recorder.input(&self.engine, self.now, &input);
            }
            self.engine.handle(self.now, input.clone());
            if let Some(recorder) = &mut self.recorder {
                recorder.outputs(&self.engine);
            }
            let outputs: Vec<Output> = std::iter::from_fn(|| self.engine.poll_output()).collect();
            self.compare_twin(input, &outputs)?;
            for output in self.tamper.outputs(outputs) {
                self.transcript.output(&output);
                self.perform(&output)?;
            }
        }
        if self.tamper.is_none() {
            self.engine.check_invariants();
        }
        let mut snapshot = self.engine.snapshot(self.now);
        self.tamper.snapshot(&mut snapshot);
        self.shadow.rest(&snapshot, self.engine.next_deadline())
    }

    /// Rule R11.
    fn compare_twin(&mut self, input: Input, outputs: &[Output]) -> Checked {
        let Some((twin, left)) = &mut self.twin else { return Ok(()) };
        if !self.tamper.is_hidden_from_twin(&input) {
            twin.handle(self.now, input);
        }
        let its: Vec<Output> = std::iter::from_fn(|| twin.poll_output()).collect();
        must!(R11, its == outputs, "the twin decided {its:?}, and not {outputs:?}");
        let same = twin.next_deadline() == self.engine.next_deadline();
        must!(R11, same, "the twin would wake up at another time");
        *left -= 1;
        if *left == 0 {
            // From here on it is the engine.
            self.engine = twin.clone();
            self.twin = None;
        }
        self.shadow.coverage.fact(Fact::Twin);
        Ok(())
    }

    /// The state is written down and read again.
    pub(super) fn restore(&mut self) -> bool {
        if self.twin.is_some() {
            return false;
        }
        let written = serde_json::to_vec(&self.engine).expect("the state is plain data");
        let read: Engine = serde_json::from_slice(&written).expect("it was just written");
        self.twin = Some((read, self.random.between(1, 40) as u32));
        true
    }

    fn perform(&mut self, output: &Output) -> Checked {
        let begins_at = match output {
            Output::Dispatch { slot, .. } => self.ends.get(&slot.process),
            Output::HandEarly { process, .. } => self.ends.get(process),
            _ => None,
        };
        let begins_at = begins_at.map_or(0, |end| end.sent + end.link.transmit().len() as u64);
        self.shadow.output(output, begins_at)?;
        match *output {
            Output::Dispatch { request, slot, .. } => {
                self.send(request, (slot.process, Some(slot.index)));
            }
            Output::Refuse { request, .. } | Output::Fail { request, .. } => self.discard(request),
            Output::Cancel { slot, why } => self.cancel_slot(slot, why),
            Output::CancelDetached { process, request, .. } => {
                self.cancel_detached(process, request);
            }
            Output::Spawn { process, .. } => self.spawn(process),
            Output::Drain { process, .. } => {
                if let Some(end) = self.ends.get_mut(&process) {
                    end.link.drain(message::reason::SHUTDOWN);
                }
            }
            Output::CloseLink { process } => {
                if let Some(end) = self.ends.get_mut(&process) {
                    end.closing = true;
                }
            }
            Output::Terminate { process } => {
                // Whoever is told to end may need telling twice.
                if self.random.chance(350) {
                    self.die(process);
                }
            }
            Output::Kill { process, .. } => self.die(process),
            Output::Ended { request, .. } => {
                self.discard(request);
                self.clients.remove(&request);
            }
            Output::Closed => self.closed = true,
            Output::StartOob { process, ref kind, by, lease } => {
                self.start_oob(process, (kind, by), lease);
            }
            Output::HandEarly { request, process, .. } => self.send(request, (process, None)),
            Output::Taken { slot, .. } => {
                if let Some(end) = self.ends.get_mut(&slot.process) {
                    end.take_early(slot.index);
                }
            }
            Output::CancelEarly { process, request, .. } => self.cancel_early(process, request),
            Output::Interrupt { slot, what } => self.interrupt(slot, what),
            Output::Measure { .. } | Output::Freed { .. } | Output::Notice(_) => {}
        }
        Ok(())
    }

    /// To a slot, or ahead of one.
    fn send(&mut self, request: RequestId, (process, slot): (ProcessId, Option<u32>)) {
        let Some(client) = self.clients.get_mut(&request) else { return };
        let Some(end) = self.ends.get_mut(&process) else { return };
        let head = message::Request {
            method: "GET".into(),
            request_id: request.0.to_string().into(),
            idempotent: client.idempotent,
            early_at_us: u64::from(slot.is_none()),
            ..message::Request::default()
        };
        let alone = client.body == 0;
        let write = |out: &mut bytes::BytesMut| head.encode(out).expect("there is room");
        let stream = end.link.request(alone, write).expect("a small head");
        client.route = Some((process, stream));
        let record = Stream {
            slot,
            request,
            detached: false,
            ended: false,
            cancelled: false,
            upload: (!alone).then_some(client.body),
        };
        end.streams.insert(stream, record);
        match slot.and_then(|slot| end.slots.get_mut(slot as usize)) {
            Some(place) => *place = Some(stream),
            None => end.early.push_back(stream),
        }
    }

    /// Nobody takes the response's body any more: what was held back is given back.
    pub(super) fn discard(&mut self, request: RequestId) {
        let Some(client) = self.clients.get_mut(&request) else { return };
        client.discard = true;
        let untaken = std::mem::take(&mut client.untaken);
        if let Some((process, stream)) = client.route
            && let Some(end) = self.ends.get_mut(&process)
        {
            end.link.consumed(stream, untaken);
        }
    }

    fn interrupt(&mut self, slot: SlotId, what: Interrupt) {
        let action = match what {
            Interrupt::Dump => message::interrupt::DUMP,
            Interrupt::Raise => message::interrupt::RAISE,
        };
        let Some(end) = self.ends.get_mut(&slot.process) else { return };
        if let Some(stream) = end.slots.get(slot.index as usize).copied().flatten() {
            let _it_may_be_over = end.link.interrupt(stream, action);
        }
    }

    fn cancel_slot(&mut self, slot: SlotId, why: CancelReason) {
        let Some(end) = self.ends.get_mut(&slot.process) else { return };
        if let Some(stream) = end.slots.get(slot.index as usize).copied().flatten() {
            end.cancel(stream, why);
        }
    }

    fn cancel_detached(&mut self, process: ProcessId, request: RequestId) {
        let Some(end) = self.ends.get_mut(&process) else { return };
        let of_request = |stream: &Stream| stream.detached && stream.request == request;
        let found = end.streams.iter().find(|(_, stream)| of_request(stream));
        if let Some((&stream, _)) = found {
            end.cancel(stream, CancelReason::ClientGone);
        }
    }

    fn spawn(&mut self, process: ProcessId) {
        let fails = self.random.chance(self.plan.boot_faults);
        let boot = if fails {
            let ways = [Boot::Exit, Boot::Exit, Boot::Hang, Boot::NoSpawn, Boot::Hello(0)];
            self.random.pick(&ways).expect("there are some")
        } else {
            Boot::Hello(self.random.between(1, self.plan.slots_max) as u32)
        };
        self.processes.insert(process, Process::new(boot));
    }
}

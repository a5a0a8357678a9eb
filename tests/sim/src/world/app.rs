//! What processes and the apps in them do when they keep the protocol.

use bytes::Bytes;
use maitred_engine::id::{ProcessId, RequestId};
use maitred_proto::link::ProcessEvent;
use maitred_proto::message::{Abort, Ready, ResponseHead, Trailers, reason};

use super::{Done, World};
use crate::coverage::{Action, Fact};
use crate::lie::{self, Lie};
use crate::process::{Process, Stage, Work};
use crate::rule::{Checked, must};
use crate::world::hear::INVALID;

impl World {
    /// One piece of work in a process whose app can talk.
    pub(super) fn pick_work(
        &mut self,
        fits: impl Fn(u64, &Work) -> bool,
    ) -> Option<(ProcessId, u64)> {
        let any = |process: &Process| {
            process.is_open() && process.work.iter().any(|(stream, work)| fits(*stream, work))
        };
        let id = self.pick(any)?;
        let work = &self.processes[&id].work;
        let count = work.iter().filter(|(stream, work)| fits(**stream, work)).count();
        let nth = self.random.index(count);
        let mut fitting = work.iter().filter(|(stream, work)| fits(**stream, work));
        fitting.nth(nth).map(|(stream, _)| (id, *stream))
    }

    fn work(&mut self, id: ProcessId, stream: u64) -> &mut Work {
        self.process(id).work.get_mut(&stream).expect("it was picked from the table")
    }

    /// The kernel takes a piece of what a process has to say.
    pub(super) fn process_writes(&mut self) -> bool {
        let buffer = self.plan.socket_buffer;
        let wants = |process: &Process| {
            let wants = process.link.wants_transmit() || !process.said.is_empty();
            process.is_awake() && wants && process.to_core.room(buffer) > 0
        };
        let Some(id) = self.pick(wants) else { return false };
        let due = self.arrival();
        let whole = self.random.chance(750);
        let some = self.random.word();
        let process = self.process(id);
        let frames = process.link.transmit();
        let length = frames.len();
        let told = lie::pass(frames, &mut process.lies, &mut process.said);
        process.link.transmitted(length);
        let room = process.to_core.room(buffer).min(process.said.len()).max(1);
        let n = if whole { room } else { 1 + (some % room as u64) as usize };
        let n = n.min(process.said.len());
        let piece = process.said.split_to(n);
        if n > 0 {
            process.to_core.put(&piece, due);
        }
        for lie in told {
            self.done(match lie {
                Lie::LoseReady => Action::LoseReady,
                Lie::LoseEnd => Action::LoseEnd,
                Lie::ReadyTwice => Action::ReadyTwice,
                Lie::PongForgets => Action::PongForgets,
                Lie::PongInvents => Action::PongInvents,
            });
        }
        true
    }

    /// A process reads what the kernel has for it.
    pub(super) fn process_reads(&mut self) -> Done {
        let now = self.now;
        let readable = |process: &Process| {
            let due = process.to_process.next_due().is_some_and(|due| due <= now);
            process.is_awake() && !process.over && due
        };
        let Some(id) = self.pick(readable) else { return Ok(false) };
        let age = if self.random.chance(200) { self.random.between(1, 200) } else { 0 };
        let process = self.process(id);
        process.link.set_host_age_ms(age);
        let over = process.to_process.take(now, &mut process.heard);
        let mut heard = std::mem::take(&mut process.heard);
        let received = process.link.receive(&mut heard);
        process.heard = heard;
        while let Some(event) = self.process(id).link.poll_event() {
            self.process_hears(id, event)?;
        }
        if let Err(error) = received {
            let liar = self.process(id).liar;
            must!(Protocol, liar, "{id} hears what the core may not say: {error}");
            self.close(id);
        } else if over {
            self.close(id);
        }
        Ok(true)
    }

    fn process_hears(&mut self, id: ProcessId, event: ProcessEvent) -> Checked {
        let process = self.process(id);
        match event {
            ProcessEvent::Request { stream, head, .. } => {
                let kept = head.early_at_us > 0;
                let number = std::str::from_utf8(&head.request_id).ok();
                let number = number.and_then(|text| text.parse().ok()).unwrap_or_default();
                let work = Work {
                    request: RequestId(number),
                    stage: Stage::New,
                    kept,
                    cancelled: false,
                    informed: false,
                    detached: false,
                    ready: false,
                    unread: 0,
                };
                process.work.insert(stream, work);
            }
            ProcessEvent::Body { stream, data, .. } => {
                if let Some(work) = process.work.get_mut(&stream) {
                    work.unread += data.len();
                }
            }
            ProcessEvent::Cancel { stream, .. } => {
                if let Some(work) = process.work.get_mut(&stream) {
                    work.cancelled = true;
                }
                self.shadow.coverage.fact(Fact::CancelHeard);
            }
            ProcessEvent::Drain { .. } => process.asked_to_leave = true,
            ProcessEvent::Reject(_) => self.close(id),
            ProcessEvent::Welcome(_)
            | ProcessEvent::Trailers { .. }
            | ProcessEvent::End { .. }
            | ProcessEvent::Writable { .. }
            | ProcessEvent::Interrupt { .. }
            | ProcessEvent::OobStart(_) => {}
        }
        Ok(())
    }

    /// The process's end of its link is closed.
    pub(super) fn close(&mut self, id: ProcessId) {
        let due = self.arrival();
        let process = self.process(id);
        process.over = true;
        process.to_core.close(due);
    }

    pub(super) fn exit_in_time(&mut self) -> bool {
        let Some(id) = self.pick(|process| process.over && process.is_awake()) else {
            return false;
        };
        self.die(id);
        true
    }

    pub(super) fn app_starts(&mut self) -> Done {
        let new = |_, work: &Work| work.stage == Stage::New;
        let Some((id, stream)) = self.pick_work(new) else { return Ok(false) };
        if !self.process(id).may_start(stream) {
            return Ok(false);
        }
        let work = self.work(id, stream);
        work.stage = Stage::Given;
        work.kept = false;
        let request = work.request;
        let process = self.process(id);
        process.given = process.given.max(stream);
        self.shadow.app_saw(id, request)?;
        Ok(true)
    }

    pub(super) fn app_informs(&mut self) -> bool {
        let given = |_, work: &Work| work.stage == Stage::Given;
        let Some((id, stream)) = self.pick_work(given) else { return false };
        let head = ResponseHead { status: 103, headers: std::iter::empty() };
        self.work(id, stream).informed = true;
        self.process(id).link.respond(stream, head, false, false).is_ok()
    }

    pub(super) fn app_answers(&mut self) -> bool {
        let given = |_, work: &Work| work.stage == Stage::Given;
        let Some((id, stream)) = self.pick_work(given) else { return false };
        let status = if self.random.chance(30) { INVALID as u16 } else { 200 };
        let end = self.random.chance(300);
        let ready = end && self.random.chance(500);
        let head = ResponseHead { status, headers: std::iter::empty() };
        let detached = self.work(id, stream).detached;
        let ready = ready && !detached;
        let sent = self.process(id).link.respond(stream, head, end, ready);
        let work = self.work(id, stream);
        work.stage = if end { Stage::Ended } else { Stage::Answering };
        work.ready |= ready;
        self.process(id).tidy(stream);
        sent.is_ok()
    }

    pub(super) fn app_sends(&mut self) -> bool {
        let Some((id, stream)) = self.pick_work(is_answering) else { return false };
        let some = self.random.between(1, self.plan.body_max) as usize;
        let process = self.process(id);
        let n = some.min(process.link.capacity(stream));
        process.link.body(stream, Bytes::from(vec![0; n]), false, false);
        n > 0
    }

    pub(super) fn app_ends(&mut self) -> bool {
        let Some((id, stream)) = self.pick_work(is_answering) else { return false };
        let ready = self.random.chance(500) && !self.work(id, stream).detached;
        let way = self.random.below(3);
        let process = self.process(id);
        match way {
            0 => {
                let trailers = Trailers::default();
                let sent = process.link.trailers(stream, &trailers, true, ready);
                sent.expect("no trailers are short trailers");
            }
            1 => {
                let n = process.link.capacity(stream).min(10);
                process.link.body(stream, Bytes::from(vec![0; n]), true, ready);
            }
            _ => process.link.end(stream, ready),
        }
        let work = self.work(id, stream);
        work.stage = Stage::Ended;
        work.ready |= ready;
        self.process(id).tidy(stream);
        true
    }

    pub(super) fn app_aborts(&mut self) -> bool {
        let open = |_, work: &Work| {
            let unseen = work.kept && work.cancelled;
            unseen || matches!(work.stage, Stage::Given | Stage::Answering)
        };
        let Some((id, stream)) = self.pick_work(open) else { return false };
        let reasons = [reason::APP_ERROR, reason::INVALID_RESPONSE, reason::CANCELLED];
        let kept = std::mem::take(&mut self.work(id, stream).kept);
        let reason = if kept { None } else { self.random.pick(&reasons) };
        let reason = reason.unwrap_or(reason::CANCELLED);
        let ready = kept || (self.random.chance(500) && !self.work(id, stream).detached);
        let abort = Abort { reason, ..Abort::default() };
        self.process(id).link.abort(stream, abort, ready);
        let work = self.work(id, stream);
        work.stage = Stage::Ended;
        work.ready |= ready;
        self.process(id).tidy(stream);
        true
    }

    pub(super) fn app_ready(&mut self) -> bool {
        let busy = |_, work: &Work| !work.ready && (work.stage == Stage::Ended || work.detached);
        let Some((id, stream)) = self.pick_work(busy) else { return false };
        let failed = u32::from(self.random.chance(100));
        self.process(id).link.ready(stream, Ready { failed });
        self.work(id, stream).ready = true;
        self.process(id).tidy(stream);
        true
    }

    pub(super) fn app_reads(&mut self) -> bool {
        let has = |_, work: &Work| work.unread > 0 && work.stage != Stage::New;
        let Some((id, stream)) = self.pick_work(has) else { return false };
        let some = self.random.between(1, self.plan.body_max) as usize;
        let work = self.work(id, stream);
        let n = some.min(work.unread);
        work.unread -= n;
        self.process(id).link.consumed(stream, n);
        true
    }

    pub(super) fn app_detaches(&mut self) -> bool {
        let can = |_, work: &Work| {
            !work.detached && matches!(work.stage, Stage::Given | Stage::Answering)
        };
        let Some((id, stream)) = self.pick_work(can) else { return false };
        self.process(id).link.detach(stream);
        self.work(id, stream).detached = true;
        true
    }

    pub(super) fn app_bounces(&mut self) -> bool {
        let new = |_, work: &Work| work.stage == Stage::New;
        let Some((id, stream)) = self.pick_work(new) else { return false };
        let process = self.process(id);
        process.link.bounce(stream);
        process.work.remove(&stream);
        process.dead_streams.push(stream);
        true
    }

    pub(super) fn want_drain(&mut self) -> bool {
        let Some(id) = self.pick(Process::is_open) else { return false };
        self.process(id).link.drain_wanted(reason::SIGNAL);
        true
    }

    /// GOODBYE names the last stream that the app was given, unless the process lies.
    pub(super) fn say_goodbye(&mut self, lies: bool) -> bool {
        let asked = |process: &Process| {
            // A later one may be over for the app and still have something to say.
            let newest = |stream: u64| stream == process.given;
            let hidden = |(stream, work): (&u64, &Work)| newest(*stream) && work.is_silent();
            let can_lie = process.work.iter().next_back().is_some_and(hidden);
            process.asked_to_leave && process.is_open() && (!lies || can_lie)
        };
        let Some(id) = self.pick(asked) else { return false };
        let process = self.process(id);
        let last = match process.work.keys().next_back() {
            Some(newest) if lies => newest - 2,
            _ => process.given,
        };
        process.asked_to_leave = false;
        process.work.retain(|stream, _| *stream <= last);
        process.link.goodbye(last);
        if lies {
            self.call_liar(id);
        }
        true
    }

    pub(super) fn call_liar(&mut self, id: ProcessId) {
        self.process(id).liar = true;
        if let Some(shadow) = self.shadow.processes.get_mut(&id) {
            shadow.liar = true;
        }
    }
}

fn is_answering(_: u64, work: &Work) -> bool {
    work.stage == Stage::Answering
}

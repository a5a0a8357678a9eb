//! What the core does with its sockets and its children.

use maitred_engine::event::{ExitStatus, Input};
use maitred_engine::id::ProcessId;
use maitred_proto::message::capability;

use super::{Done, World};
use crate::core_end::CoreEnd;
use crate::process::Boot;
use crate::rule::Checked;

impl World {
    /// One of the links that fit.
    fn pick_end(&mut self, fits: impl Fn(&CoreEnd) -> bool) -> Option<ProcessId> {
        let count = self.ends.values().filter(|it| fits(it)).count();
        let nth = self.random.index(count);
        let mut fitting = self.ends.iter().filter(|(_, it)| fits(it));
        fitting.nth(nth).map(|(id, _)| *id)
    }

    /// The kernel takes a piece of what the core has to say, if it has room; or the link ends.
    pub(super) fn core_writes(&mut self) -> Done {
        let wants = |end: &CoreEnd| end.link.wants_transmit() || end.closing;
        let Some(id) = self.pick_end(wants) else { return Ok(false) };
        let due = self.arrival();
        let buffer = self.plan.socket_buffer;
        let process = self.processes.get_mut(&id).expect("a link has a process");
        let end = self.ends.get_mut(&id).expect("it was picked");
        if process.dead || process.to_core.is_closed() {
            // Who cannot be written to any more may have written something itself.
            process.to_core.hurry(self.now);
            return self.read(id).map(|()| true);
        }
        let unsent = end.link.transmit();
        if unsent.is_empty() {
            self.link_lost(id)?;
            return Ok(true);
        }
        let room = process.to_process.room(buffer).min(unsent.len());
        if room == 0 {
            return Ok(false);
        }
        let n = match self.random.below(4) {
            0 => self.random.between(1, room as u64) as usize,
            _ => room,
        };
        process.to_process.put(&unsent[..n], due);
        end.link.transmitted(n);
        end.sent += n as u64;
        Ok(true)
    }

    pub(super) fn core_reads(&mut self) -> Done {
        let now = self.now;
        let readable = |id: &ProcessId| {
            let due = self.processes.get(id).and_then(|it| it.to_core.next_due());
            due.is_some_and(|due| due <= now)
        };
        let readable: Vec<ProcessId> = self.ends.keys().copied().filter(readable).collect();
        let Some(id) = self.random.pick(&readable) else { return Ok(false) };
        self.read(id)?;
        Ok(true)
    }

    /// Reads what has arrived on a link, and its end if that has come.
    fn read(&mut self, id: ProcessId) -> Checked {
        let Some(end) = self.ends.get_mut(&id) else { return Ok(()) };
        let process = self.processes.get_mut(&id).expect("a link has a process");
        let over = process.to_core.take(self.now, &mut end.heard);
        let mut heard = std::mem::take(&mut end.heard);
        let received = end.link.receive(&mut heard);
        end.heard = heard;
        while let Some(event) = self.ends.get_mut(&id).and_then(|end| end.link.poll_event()) {
            self.hear(id, event)?;
        }
        if received.is_err() {
            self.shadow.misbehaved(id);
            self.tell(Input::Misbehaved { process: id })?;
            return self.link_lost(id);
        }
        if over { self.link_lost(id) } else { Ok(()) }
    }

    /// The core's end of a link is closed.
    fn link_lost(&mut self, id: ProcessId) -> Checked {
        let due = self.arrival();
        let Some(end) = self.ends.remove(&id) else { return Ok(()) };
        if let Some(process) = self.processes.get_mut(&id) {
            process.to_process.close(due);
        }
        if !end.open {
            return Ok(());
        }
        let unstarted = end.unstarted();
        for (number, stream) in &end.streams {
            if let Some(client) = self.clients.get_mut(&stream.request)
                && client.route == Some((id, *number))
                && !client.complete
            {
                client.route = None;
                client.untaken = 0;
            }
        }
        self.shadow.link_lost(id, end.sent)?;
        self.tell(Input::LinkLost { process: id, unstarted })
    }

    /// Asks every process what it still holds.
    pub(super) fn ping(&mut self) -> bool {
        let mut asked = false;
        for end in self.ends.values_mut().filter(|end| end.open) {
            asked |= end.link.ping();
        }
        asked
    }

    /// Hands in more of a request's body.
    pub(super) fn upload(&mut self) -> bool {
        let open = |end: &CoreEnd| end.streams.values().any(|stream| stream.upload.is_some());
        let Some(id) = self.pick_end(open) else { return false };
        let end = self.ends.get_mut(&id).expect("it was picked");
        let streams: Vec<u64> = end
            .streams
            .iter()
            .filter(|(_, stream)| stream.upload.is_some())
            .map(|(number, _)| *number)
            .collect();
        let Some(number) = self.random.pick(&streams) else { return false };
        let stream = end.streams.get_mut(&number).expect("it was picked");
        let left = stream.upload.unwrap_or_default();
        let some = self.random.between(1, self.plan.body_max) as usize;
        let n = left.min(some).min(end.link.capacity(number));
        if n == 0 {
            return false;
        }
        let last = n == left;
        stream.upload = (!last).then_some(left - n);
        end.link.body(number, vec![0; n].into(), last);
        true
    }

    /// A process gets on with its boot.
    pub(super) fn boot(&mut self) -> Done {
        let Some(id) = self
            .pick(|process| process.is_awake() && !matches!(process.boot, Boot::Done | Boot::Hang))
        else {
            return Ok(false);
        };
        let boot = self.process(id).boot;
        if boot == Boot::NoSpawn {
            self.processes.remove(&id);
            self.shadow.exited(id)?;
            self.tell(Input::SpawnFailed { process: id })?;
            return Ok(true);
        }
        self.tell(Input::Spawned { process: id, pid: id.0 as u32 })?;
        match boot {
            Boot::Hello(slots) => {
                let early = self.random.chance(self.plan.early);
                let mut hello = maitred_proto::message::Hello {
                    slots,
                    version_min: 1,
                    version_max: 1,
                    ..maitred_proto::message::Hello::default()
                };
                if early {
                    hello.capabilities.push(capability::EARLY.to_owned());
                }
                let process = self.process(id);
                process.slots = slots as usize;
                process.link.hello(&hello);
                process.boot = Boot::Done;
                self.ends.insert(id, CoreEnd::default());
            }
            _ => self.die(id),
        }
        Ok(true)
    }

    /// The core hears of an exit, after it has read the link to its end.
    pub(super) fn reap(&mut self) -> Done {
        let gone: Vec<ProcessId> = self
            .processes
            .iter()
            .filter(|(id, process)| process.dead && !self.ends.contains_key(id))
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = self.random.pick(&gone) else { return Ok(false) };
        self.processes.remove(&id);
        self.shadow.exited(id)?;
        self.tell(Input::Exited { process: id, status: ExitStatus::Signal(9) })?;
        Ok(true)
    }
}

//! What goes wrong.

use maitred_engine::id::ProcessId;
use maitred_proto::frame::Kind;

use super::World;
use crate::coverage::Action;
use crate::lie::{self, Lie};
use crate::process::{Process, Work};

impl World {
    /// A process is gone. What the kernel took from it before still arrives.
    pub(super) fn die(&mut self, id: ProcessId) {
        let due = self.arrival();
        if let Some(process) = self.processes.get_mut(&id) {
            process.dead = true;
            process.to_core.close(due);
        }
    }

    /// Does what the name of the fault says; whether there was anybody to do it.
    pub(super) fn fault(&mut self, fault: Action) -> bool {
        match fault {
            Action::Die => {
                let Some(id) = self.pick(|process| !process.dead) else { return false };
                self.die(id);
                true
            }
            Action::CloseLink => {
                let Some(id) = self.pick(Process::is_open) else { return false };
                self.close(id);
                true
            }
            Action::Hang => {
                let Some(id) = self.pick(Process::is_awake) else { return false };
                self.process(id).hung = true;
                true
            }
            Action::Wake => {
                let hung = |process: &Process| process.hung && !process.dead;
                let Some(id) = self.pick(hung) else { return false };
                self.process(id).hung = false;
                true
            }
            Action::LoseReady => self.prepare(Lie::LoseReady),
            Action::LoseEnd => self.prepare(Lie::LoseEnd),
            Action::ReadyTwice => self.prepare(Lie::ReadyTwice),
            Action::PongForgets => self.prepare(Lie::PongForgets),
            Action::PongInvents => self.prepare(Lie::PongInvents),
            Action::ReadyEarly => self.ready_early(),
            Action::StrangeStream => {
                self.forge(|process| Some((Kind::End, process.given + 1_000_000)))
            }
            Action::DeadStream => {
                self.forge(|process| Some((Kind::Ready, *process.dead_streams.last()?)))
            }
            Action::Garbage => self.forge(|_| Some((Kind::Welcome, 0))),
            Action::BounceStarted => self.bounce_started(),
            _ => false,
        }
    }

    /// The next fitting frame of a process will be falsified. Counted when that happens.
    fn prepare(&mut self, lie: Lie) -> bool {
        let honest = |process: &Process| process.is_open() && !process.lies.contains(&lie);
        if let Some(id) = self.pick(honest) {
            self.process(id).lies.insert(lie);
            self.call_liar(id);
        }
        false
    }

    /// A process sends a frame that its link would not have sent.
    fn forge(&mut self, what: impl Fn(&Process) -> Option<(Kind, u64)>) -> bool {
        let can = |process: &Process| process.is_open() && what(process).is_some();
        let Some(id) = self.pick(can) else { return false };
        self.call_liar(id);
        let process = self.process(id);
        let Some((kind, stream)) = what(process) else { return false };
        // Behind whole frames only.
        if !process.link.wants_transmit() {
            lie::frame(&mut process.said, kind, stream, &[]);
            return true;
        }
        false
    }

    fn ready_early(&mut self) -> bool {
        self.forge(|process| {
            let running = process.work.iter().find(|(_, work)| work.is_silent())?;
            Some((Kind::Ready, *running.0))
        })
    }

    /// A request comes back as if no app had seen it.
    fn bounce_started(&mut self) -> bool {
        let silent = |_, work: &Work| work.is_silent();
        let Some((id, stream)) = self.pick_work(silent) else { return false };
        self.call_liar(id);
        let process = self.process(id);
        process.link.bounce(stream);
        process.work.remove(&stream);
        process.dead_streams.push(stream);
        true
    }
}

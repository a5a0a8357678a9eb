//! Private lines: who waits for which process where `routing = "per-process"` (rules R2 and R3).

use std::collections::BTreeMap;

use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};
use maitred_engine::limits::Routing;
use maitred_engine::snapshot::PoolPicture;

use super::{Process, Request, Shadow};
use crate::coverage::Fact;
use crate::rule::{Checked, must};

/// Where a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Line {
    /// In the one that all share.
    #[default]
    Shared,
    /// In that of a process.
    Of(ProcessId),
    /// In none any more: it was sent ahead to this process, the only one.
    Ahead(ProcessId),
    /// In that of some process: a line had closed and opened again before anybody could look.
    Unknown,
}

impl Shadow {
    pub(crate) fn is_per_process(&self, pool: PoolId) -> bool {
        self.pools[&pool].limits.routing == Routing::PerProcess
    }

    /// Who waits for a process goes to that one, unless it cannot serve any more.
    pub(super) fn check_line(&mut self, request: RequestId, slot: SlotId) -> Checked {
        let Line::Of(process) = self.requests[&request].line else { return super::FINE };
        if process == slot.process {
            self.fact(Fact::OwnLine);
            return super::FINE;
        }
        let left = self.processes.get(&process).is_none_or(|it| !it.is_usable());
        if !left {
            // It may have been withdrawn a moment ago: the picture will tell.
            self.must_wobble.push((request, process));
        }
        super::FINE
    }

    /// Shares out those that wait in no line, as the engine must have, and compares.
    pub(super) fn note_lines(&mut self, picture: &PoolPicture) -> Checked {
        let pool = picture.pool;
        for (request, process) in std::mem::take(&mut self.must_wobble) {
            let usable = self.processes.get(&process).is_some_and(Process::is_usable);
            let fine = !usable || self.wobbled.contains(&process);
            must!(R3, fine, "{request} waited for {process} and was sent to another");
        }
        if !self.is_per_process(pool) {
            return super::FINE;
        }
        let mut lens: BTreeMap<ProcessId, u64> = self
            .members(pool)
            .filter(|(_, process)| process.is_usable())
            .map(|(id, _)| (id, 0))
            .collect();
        let mut homeless = Vec::new();
        let mut unknown = 0;
        for (id, request) in self.requests.iter().filter(|(_, it)| waits_in(it, pool)) {
            match request.line {
                Line::Unknown => unknown += 1,
                Line::Ahead(_) => {}
                Line::Of(process) if lens.contains_key(&process) => {
                    *lens.entry(process).or_default() += 1;
                }
                Line::Of(_) | Line::Shared => {
                    homeless.push((request.traits.class, request.arrived, *id));
                }
            }
        }
        // Where more than one thing happened, they may have been shared out in several steps.
        let wobbled = self.members(pool).any(|(id, _)| self.wobbled.contains(&id));
        let refused = self.pools[&pool].overload.reached_at(self.now);
        let unsure = !homeless.is_empty() && (wobbled || refused);
        homeless.sort_unstable();
        for (_, _, id) in homeless {
            let shortest = lens.iter().map(|(process, len)| (*len, *process)).min();
            let Some(request) = self.requests.get_mut(&id) else { continue };
            request.line = Line::Shared;
            if let Some((_, process)) = shortest {
                request.line = Line::Of(process);
                *lens.entry(process).or_default() += 1;
            }
        }
        let queued = |it: &maitred_engine::snapshot::ProcessPicture| (it.process, it.queued);
        let shown: BTreeMap<ProcessId, u64> = picture.processes.iter().map(queued).collect();
        let same = shown.iter().all(|(id, len)| lens.get(id).copied().unwrap_or_default() == *len);
        if same && !unsure {
            self.fact(Fact::Shortest);
            return super::FINE;
        }
        let moved = unsure || unknown > 0 || wobbled;
        must!(R3, moved, "{pool}: lines are {shown:?} long, and should be {lens:?}");
        let unknown = if lens.is_empty() { 0 } else { unknown };
        let (all, mine) = (shown.values().sum::<u64>(), lens.values().sum::<u64>() + unknown);
        must!(R2, all == mine, "{pool}: {all} of {mine} wait in lines");
        for request in self.requests.values_mut().filter(|it| waits_in(it, pool)) {
            request.line = if lens.is_empty() { Line::Shared } else { Line::Unknown };
        }
        super::FINE
    }

    /// Rule R2, where nobody else may take what waits for a process.
    pub(super) fn check_private(&mut self, pool: PoolId) -> Checked {
        let served = self.members(pool).any(|(_, process)| process.is_usable());
        for (id, request) in self.requests.iter().filter(|(_, it)| waits_in(it, pool)) {
            let shared = request.line == Line::Shared;
            must!(R2, !(shared && served), "{id} waits for nobody although {pool} serves");
            let Line::Of(process) = request.line else { continue };
            let idle = self.processes.get(&process).is_some_and(Process::has_idle_slot);
            must!(R2, !idle, "{id} waits for {process}, which is idle");
        }
        super::FINE
    }
}

fn waits_in(request: &Request, pool: PoolId) -> bool {
    request.pool == pool && request.waiting_since().is_some() && !request.is_suspect()
}

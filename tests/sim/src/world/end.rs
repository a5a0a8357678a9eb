//! How a world ends: without faults everything comes to rest, and then the core leaves.

use std::time::Duration;

use maitred_engine::event::Input;
use maitred_engine::time::Time;

use super::World;
use crate::coverage::{Action, Fact};
use crate::rule::{Checked, must};

/// Steps within which a world without faults and without new clients comes to rest. Far more
/// than any needs: what is stuck never comes to rest.
const REST_STEPS_MAX: u32 = 100_000;

/// Steps within which the core has left.
const LEAVE_STEPS_MAX: u32 = 100_000;

impl World {
    pub(super) fn end(&mut self) -> Checked {
        let faults = self.plan.clone();
        self.heal();
        self.come_to_rest()?;
        // Some traffic again, faults or not, and then the core leaves.
        self.plan = faults;
        if self.random.chance(500) {
            self.plan.heal();
        }
        self.set_total();
        for _ in 0..self.random.between(0, 200) {
            self.step()?;
        }
        self.leave()
    }

    /// From now on everybody does what he should, and nobody new comes.
    fn heal(&mut self) {
        self.plan.heal();
        let no_more = [
            Action::Arrive,
            Action::ArriveWithBody,
            Action::ClientLeaves,
            Action::WantDrain,
            Action::OobAsk,
            Action::OobOrder,
            Action::OobTakeBack,
            Action::BreakOff,
            Action::AppBounces,
            Action::AppDetaches,
            Action::AppInforms,
            Action::AppSends,
        ];
        for (action, weight) in &mut self.plan.weights {
            *weight = if no_more.contains(action) { 0 } else { (*weight).max(20) };
        }
        self.set_total();
        for process in self.processes.values_mut() {
            process.hung = false;
            process.lies.clear();
        }
    }

    fn set_total(&mut self) {
        self.total = self.plan.weights.iter().map(|(_, weight)| weight).sum();
    }

    fn come_to_rest(&mut self) -> Checked {
        for _ in 0..REST_STEPS_MAX {
            if self.shadow.is_at_rest() && self.clients.is_empty() {
                self.shadow.coverage.fact(Fact::Quiet);
                return Ok(());
            }
            self.step()?;
        }
        let left: Vec<_> = self.clients.keys().collect();
        let shadow = &self.shadow;
        must!(Liveness, false, "it never comes to rest: {left:?} are left of {shadow:?}");
        Ok(())
    }

    fn leave(&mut self) -> Checked {
        let stop_at = self.now + self.random.micros(1, 200_000);
        if self.random.chance(750) {
            self.shadow.leaves(stop_at, true);
            self.done(Action::Leave);
            self.tell(Input::Leaving { stop_at })?;
            for _ in 0..self.random.between(0, 100) {
                self.step()?;
            }
        }
        self.shadow.leaves(stop_at, false);
        self.done(Action::Drain);
        self.tell(Input::Drain { stop_at })?;
        let patience = self.plan.pools.iter().map(|limits| limits.cut_exit_max).max();
        let late = stop_at.max(self.now) + patience.unwrap_or_default() + Duration::from_secs(1);
        for _ in 0..LEAVE_STEPS_MAX {
            if self.closed {
                return Ok(());
            }
            self.step()?;
            self.check_late(late)?;
        }
        must!(Liveness, false, "the core does not leave: {:?}", self.shadow);
        Ok(())
    }

    fn check_late(&self, late: Time) -> Checked {
        must!(Liveness, self.now < late, "the core should be gone: {:?}", self.shadow);
        Ok(())
    }
}

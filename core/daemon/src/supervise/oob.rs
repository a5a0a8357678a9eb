//! What became of the latest out-of-band work: what `maitred oob` lists.

use std::collections::VecDeque;

use maitred_engine::event::OobRecord;
use maitred_engine::id::ProcessId;

/// Outcomes that are remembered. Default 1000: a day of one per minute and process at a few
/// processes, in less than a megabyte.
const ENDS_MAX: usize = 1000;

/// An ask that has its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OobEnd {
    /// The engine's number for the process.
    pub process: ProcessId,
    /// Its process id.
    pub pid: u32,
    /// The ask and its outcome.
    pub record: OobRecord,
}

/// The latest ones, newest first.
#[derive(Debug, Default)]
pub(super) struct OobEnds(VecDeque<OobEnd>);

impl OobEnds {
    pub(super) fn push(&mut self, end: OobEnd) {
        self.0.truncate(ENDS_MAX - 1);
        self.0.push_front(end);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OobEnd> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use maitred_engine::event::{OobAsk, OobBy, OobOutcome};
    use maitred_engine::time::Time;

    use super::*;

    #[test]
    fn the_history_keeps_the_newest_and_has_an_end() {
        let mut ends = OobEnds::default();
        for number in 0..1_500 {
            ends.push(end(number));
        }
        let kept: Vec<u64> = ends.iter().map(|end| end.process.0).collect();
        assert_eq!((kept.len(), kept[0], kept[999]), (ENDS_MAX, 1_499, 500));
    }

    fn end(number: u64) -> OobEnd {
        let what = OobAsk {
            kind: "gc".to_owned(),
            reason: String::new(),
            by: OobBy::App,
            expected: None,
            not_later_than: None,
        };
        let record = OobRecord {
            what,
            asked_at: Time(number),
            waited: Duration::ZERO,
            took: None,
            overdue: false,
            coalesced: 0,
            given_up: 0,
            outcome: OobOutcome::Done,
        };
        OobEnd { process: ProcessId(number), pid: 1, record }
    }
}

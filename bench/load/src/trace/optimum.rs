//! What the best single queue would have done with the very same trace.
//!
//! First come, first served, any arrivals, any occupancies, computed exactly: a request starts when
//! it has arrived and the slot that is free first is free. No queueing formula knows this trace.
//! It is the best that can be done in order of arrival, and so a reference; who serves short
//! requests first can have a lower median.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Item;

/// The latency of each request: its wait and its service. What it defers keeps its slot only.
pub(crate) fn latencies(items: &[Item], slots: usize) -> Vec<u64> {
    let mut free_at: BinaryHeap<Reverse<u64>> = (0..slots).map(|_| Reverse(0)).collect();
    items
        .iter()
        .map(|item| {
            let Some(Reverse(free)) = free_at.pop() else { return u64::MAX };
            let start = free.max(item.at);
            free_at.push(Reverse(start + item.service + item.deferred));
            start - item.at + item.service
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(items: &[(u64, u64, u64)]) -> Vec<Item> {
        items.iter().map(|&(at, service, deferred)| Item { at, service, deferred }).collect()
    }

    #[test]
    fn nobody_waits_while_a_slot_is_free() {
        let items = trace(&[(0, 5, 50), (1, 5, 50), (2, 5, 50)]);
        assert_eq!(latencies(&items, 3), [5, 5, 5]);
    }

    #[test]
    fn one_slot_serves_one_after_the_other() {
        let items = trace(&[(0, 5, 0), (1, 5, 0), (2, 5, 0), (100, 5, 0)]);
        assert_eq!(latencies(&items, 1), [5, 9, 13, 5]);
    }

    #[test]
    fn what_is_deferred_holds_the_slot_but_not_the_client() {
        let items = trace(&[(0, 5, 50), (10, 5, 0)]);
        // The second starts at 55, when the first has finished its deferred work.
        assert_eq!(latencies(&items, 1), [5, 50]);
    }

    #[test]
    fn the_slot_that_is_free_first_is_taken() {
        // Slots are free at 55 and 6; the third takes the latter and frees it at 11, the fourth
        // arrives at 7, waits until 11 and leaves at 16; the fifth waits from 8 to 16.
        let items = trace(&[(0, 5, 50), (1, 5, 0), (6, 5, 0), (7, 5, 0), (8, 5, 0)]);
        assert_eq!(latencies(&items, 2), [5, 5, 5, 9, 13]);
    }

    #[test]
    fn nobody_is_overtaken_in_the_queue() {
        // The long request in front keeps its turn, though a short one would be through sooner.
        let items = trace(&[(0, 10, 0), (1, 100, 0), (2, 1, 0)]);
        assert_eq!(latencies(&items, 1), [10, 109, 109]);
    }
}

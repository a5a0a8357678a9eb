//! How many processes a pool has.

use insta::assert_snapshot;
use maitred_engine::limits::PoolLimits;

use crate::script::{Script, limits};

/// A pool of four by default.
fn by_default() -> PoolLimits {
    PoolLimits { processes: 4, measure_first: true, ..limits() }
}

#[test]
fn the_first_process_boots_alone_and_the_others_when_there_is_room() {
    let mut t = Script::new(by_default());
    t.arrive("a").hello(1, 1).measured(1, 100, 1_000);
    assert_snapshot!(t.transcript(), @r"
      0ms a pool
            spawn p1
      0ms a arrives
      0ms p1 hello, 1 slots
            ! p1 booted in 0ns
            measure p1
            a to p1.0 after 0ns
      0ms p1 takes 100 of 1000 bytes
            spawn p2
            spawn p3
            spawn p4
    ");
}

#[test]
fn fewer_are_started_when_they_would_pass_70_percent_of_the_memory() {
    let mut t = Script::new(by_default());
    t.hello(1, 1).measured(1, 240, 1_000).hello(2, 1);
    assert_snapshot!(t.transcript(), @r"
      0ms a pool
            spawn p1
      0ms p1 hello, 1 slots
            ! p1 booted in 0ns
            measure p1
      0ms p1 takes 240 of 1000 bytes
            ! room for 2 of 4: each 240 of 1000 bytes
            spawn p2
      0ms p2 hello, 1 slots
            ! p2 booted in 0ns
    ");
}

#[test]
fn seventy_percent_is_still_room() {
    let mut t = Script::new(by_default());
    t.hello(1, 1).measured(1, 175, 1_000);
    assert_eq!(t.pool().processes.len(), 4);
    let mut t = Script::new(by_default());
    t.hello(1, 1).measured(1, 176, 1_000);
    assert_eq!(t.pool().processes.len(), 3);
}

#[test]
fn one_is_kept_however_large_it_is() {
    let mut t = Script::new(by_default());
    t.hello(1, 1).measured(1, 2_000, 1_000).link_lost(1, &[]).exited(1);
    // Its replacement is not measured again.
    t.hello(2, 1);
    assert_eq!(t.pool().processes.len(), 1);
}

#[test]
fn what_is_not_known_keeps_nobody_from_booting() {
    for (rss, memory) in [(0, 1_000), (100, 0), (0, 0)] {
        let mut t = Script::new(by_default());
        t.hello(1, 1).measured(1, rss, memory);
        assert_eq!(t.pool().processes.len(), 4);
    }
}

#[test]
fn when_the_first_one_dies_before_it_is_measured_the_next_one_is() {
    let mut t = Script::new(by_default());
    t.hello(1, 1).link_lost(1, &[]).exited(1).measured(1, 100, 1_000);
    assert_eq!(t.pool().processes.len(), 1);
    t.hello(2, 1).measured(2, 100, 1_000);
    assert_eq!(t.pool().processes.len(), 4);
}

#[test]
fn a_number_that_was_asked_for_is_not_measured() {
    let mut t = Script::serving(PoolLimits { processes: 3, ..limits() }, 1);
    t.measured(1, 1_000, 1_000);
    assert_eq!(t.pool().processes.len(), 3);
}

#[test]
fn a_core_that_leaves_starts_none_however_much_room_there_is() {
    let mut t = Script::new(by_default());
    t.hello(1, 1).drain(1_000).measured(1, 100, 1_000);
    assert_eq!(t.pool().processes.len(), 1);
}

//! Processes come and go.

use maitred_engine::event::Input;
use maitred_engine::limits::{LeaseKind, PoolLimits};
use maitred_engine::snapshot::PhasePicture;

use crate::script::{POOL, SAFE, Script, limits};

#[test]
fn a_process_that_served_is_replaced_at_once() {
    let mut t = Script::serving(limits(), 1);
    t.at(5).link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
    5ms p1 link lost
          ! p1 died, suspects []
          spawn p2
    5ms p1 exited
    ");
}

#[test]
fn a_death_is_known_by_whichever_sign_comes_first() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").exited(1).link_lost(1, &[0]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1 exited
          ! p1 died, suspects ["a"]
          fail a: ProcessDied
          a ended: Failed(ProcessDied), waited 0ns
          spawn p2
    0ms p1 link lost
    0ms p1 exited
    "#);
}

#[test]
fn a_process_without_a_link_that_does_not_exit_is_killed() {
    let mut t = Script::serving(limits(), 1);
    t.link_lost(1, &[]).at(5_000).at(60_000);
    assert_eq!(t.process(1).phase, PhasePicture::Leaving);
    t.exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms p1 link lost
              ! p1 died, suspects []
              spawn p2
     5000ms time passes
              kill p1: LinkLost
    60000ms p1 exited
    ");
}

#[test]
fn failed_boots_are_tried_again_after_a_pause_that_doubles_and_fail_no_request() {
    let mut t = Script::new(PoolLimits { boot_attempts_max: 99, ..limits() });
    t.arrive("a").at(10).exited(1).at(510).exited(2).at(1510).spawn_failed(3);
    t.at(3510).hello(4, 1);
    insta::assert_snapshot!(t.transcript(), @r"
       0ms a pool
             spawn p1
       0ms a arrives
      10ms p1 exited
             ! p1 did not boot, 1 in a row, next at 510ms
     510ms time passes
             spawn p2
     510ms p2 exited
             ! p2 did not boot, 2 in a row, next at 1510ms
    1510ms time passes
             spawn p3
    1510ms p3 cannot be spawned
             ! p3 did not boot, 3 in a row, next at 3510ms
    3510ms time passes
             spawn p4
    3510ms p4 hello, 1 slots
             ! p4 booted in 0ns
             a to p4.0 after 3.51s
    ");
}

#[test]
fn processes_that_fail_together_count_once_and_are_tried_one_at_a_time() {
    let mut t = Script::new(PoolLimits { processes: 3, ..limits() });
    t.at(10).exited(1).at(11).exited(2).exited(3).at(510).at(600).hello(4, 1);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a pool
            spawn p1
            spawn p2
            spawn p3
     10ms p1 exited
            ! p1 did not boot, 1 in a row, next at 510ms
     11ms p2 exited
            ! p2 did not boot, 1 in a row, next at 510ms
     11ms p3 exited
            ! p3 did not boot, 1 in a row, next at 510ms
    510ms time passes
            spawn p4
    600ms p4 hello, 1 slots
            ! p4 booted in 90ms
            spawn p5
            spawn p6
    ");
}

#[test]
fn a_boot_that_takes_its_time_does_not_keep_another_from_being_tried() {
    let mut t = Script::new(PoolLimits { processes: 2, ..limits() });
    t.at(10).exited(1).at(509);
    assert_eq!(t.pool().processes.len(), 1, "p2 still boots");
    t.at(510);
    assert_eq!(t.pool().processes.len(), 2);
    // p3 is the trial: until it has booted or failed there is no other.
    t.at(600).exited(2).at(5_000);
    assert_eq!(t.pool().processes.len(), 1);
}

#[test]
fn an_app_that_never_boots_is_given_up_once() {
    let mut t = Script::new(limits());
    t.exited(1).at(500).exited(2).at(1500).exited(3).at(3500).exited(4);
    insta::assert_snapshot!(t.transcript(), @r"
       0ms a pool
             spawn p1
       0ms p1 exited
             ! p1 did not boot, 1 in a row, next at 500ms
     500ms time passes
             spawn p2
     500ms p2 exited
             ! p2 did not boot, 2 in a row, next at 1500ms
    1500ms time passes
             spawn p3
    1500ms p3 exited
             ! p3 did not boot, 3 in a row, next at 3500ms
             ! given up
    3500ms time passes
             spawn p4
    3500ms p4 exited
             ! p4 did not boot, 4 in a row, next at 7500ms
    ");
}

#[test]
fn a_failed_boot_beside_a_living_process_gives_up_nothing() {
    let mut t = Script::new(PoolLimits { processes: 2, boot_attempts_max: 1, ..limits() });
    t.hello(1, 1).arrive("a").arrive("b").exited(2);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a pool
          spawn p1
          spawn p2
    0ms p1 hello, 1 slots
          ! p1 booted in 0ns
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    0ms p2 exited
          ! p2 did not boot, 1 in a row, next at 500ms
    ");
}

#[test]
fn who_does_not_say_hello_in_time_is_killed_and_tried_again() {
    let mut t = Script::new(limits());
    t.at(90_000).at(90_001).exited(1).at(90_500);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms a pool
              spawn p1
    90000ms time passes
              ! p1 did not boot, 1 in a row, next at 90500ms
              kill p1: BootLease
    90001ms p1 exited
    90500ms time passes
              spawn p2
    ");
    assert_eq!(t.pool().totals.leases[&LeaseKind::Boot].killed, 1);
}

#[test]
fn a_process_that_breaks_the_protocol_is_killed_and_replaced() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 1);
    t.arrive_with("a", SAFE).misbehaved(1).arrive("b").misbehaved(1);
    t.at(1).link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1 misbehaved
          kill p1: Misbehaved
          spawn p3
    0ms b arrives
          b to p2.0 after 0ns
    0ms p1 misbehaved
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
    1ms p1 exited
    "#);
}

#[test]
fn a_hello_without_slots_is_no_hello() {
    let mut t = Script::new(limits());
    t.hello(1, 0).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a pool
          spawn p1
    0ms p1 hello, 0 slots
          ! p1 did not boot, 1 in a row, next at 500ms
          kill p1: Misbehaved
    0ms p1 exited
    ");
}

#[test]
fn a_spawn_that_fails_after_it_was_told_to_end_is_not_waited_for() {
    let mut t = Script::new(PoolLimits { processes: 2, ..limits() });
    t.at(90_000).spawn_failed(1).spawn_failed(2);
    assert!(t.pool().processes.is_empty());
    t.at(90_500).drain(90_600).spawn_failed(3);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms a pool
              spawn p1
              spawn p2
    90000ms time passes
              ! p1 did not boot, 1 in a row, next at 90500ms
              kill p1: BootLease
              ! p2 did not boot, 1 in a row, next at 90500ms
              kill p2: BootLease
    90000ms p1 cannot be spawned
    90000ms p2 cannot be spawned
    90500ms time passes
              spawn p3
    90500ms the core leaves
              terminate p3
    90500ms p3 cannot be spawned
              closed
    ");
}

#[test]
fn a_process_that_runs_cannot_fail_to_start() {
    let mut t = Script::new(limits());
    t.spawned(1).spawn_failed(1);
    assert_eq!(t.process(1).phase, PhasePicture::Booting);
}

#[test]
fn who_says_hello_after_its_time_is_shown_the_door() {
    let mut t = Script::new(limits());
    t.at(90_000).hello(1, 1).link_lost(1, &[]).exited(1).hello(1, 1);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms a pool
              spawn p1
    90000ms time passes
              ! p1 did not boot, 1 in a row, next at 90500ms
              kill p1: BootLease
    90000ms p1 hello, 1 slots
              close the link of p1
    90000ms p1 link lost
    90000ms p1 exited
    90000ms p1 hello, 1 slots
              close the link of p1
    ");
}

#[test]
fn a_process_has_at_most_as_many_slots_as_a_link_can_name() {
    let mut t = Script::new(PoolLimits { processes: 2, ..limits() });
    t.hello(1, 4_096).hello(2, 4_097);
    assert_eq!(t.process(1).slots.len(), 4_096);
    assert_eq!(t.process(2).phase, PhasePicture::Leaving);
}

#[test]
fn a_pool_is_added_once() {
    let mut t = Script::serving(limits(), 1);
    let more = PoolLimits { processes: 5, ..limits() };
    t.arrive("a").tell("again", Input::PoolAdded { pool: POOL, limits: Box::new(more) });
    assert_eq!((t.pool().processes.len(), t.pool().totals.arrived), (1, 1));
}

#[test]
fn a_second_hello_changes_nothing() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").hello(1, 4);
    assert_eq!((t.process(1).slots.len(), t.outputs.len()), (1, 0));
}

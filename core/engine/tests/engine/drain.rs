//! Letting go of processes, and of the core.

use maitred_engine::event::{Input, Refusal};
use maitred_engine::limits::{LeaseKind, PoolLimits, Routing};
use maitred_engine::snapshot::{PhasePicture, SlotPicture};

use crate::script::{SAFE, Script, limits, time};

fn pool(processes: u32) -> PoolLimits {
    PoolLimits { processes, ..limits() }
}

#[test]
fn a_process_that_wants_to_leave_is_replaced_first() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").at(1).drain_wanted(1).drain_wanted(1).at(500).hello(2, 1).arrive("b");
    t.at(501).goodbye(1, &[]).at(502).complete("p1.0").at(503).ready("p1.0");
    t.link_lost(1, &[]).at(504).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
      1ms p1 wants to be drained
            spawn p2
      1ms p1 wants to be drained
    500ms p2 hello, 1 slots
            ! p2 booted in 499ms
            drain p1: Replaced
    500ms b arrives
            b to p2.0 after 0ns
    501ms p1 goodbye
    502ms p1.0 complete
    503ms p1.0 ready
            p1.0 free, service 502ms, deferred 1ms
            close the link of p1
    503ms p1 link lost
    504ms p1 exited
    ");
}

#[test]
fn a_replacement_that_does_not_boot_leaves_the_old_one_serving() {
    let mut t = Script::serving(pool(1), 1);
    t.drain_wanted(1).at(1).exited(2).arrive("a").at(501).hello(3, 1);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms p1 wants to be drained
            spawn p2
      1ms p2 exited
            ! p2 did not boot, 1 in a row, next at 501ms
      1ms a arrives
            a to p1.0 after 0ns
    501ms time passes
            spawn p3
    501ms p3 hello, 1 slots
            ! p3 booted in 0ns
            drain p1: Replaced
    ");
}

#[test]
fn what_a_drained_process_had_not_started_goes_elsewhere() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive("a").arrive("b").drain_wanted(1).hello(2, 2).goodbye(1, &[1]);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    0ms p1 wants to be drained
          spawn p2
    0ms p2 hello, 2 slots
          ! p2 booted in 0ns
          drain p1: Replaced
    0ms p1 goodbye
          b to p2.0 after 0ns
    ");
}

#[test]
fn a_process_that_does_not_finish_within_the_lease_is_ended() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive_with("a", SAFE).drain_wanted(1).hello(2, 1).goodbye(1, &[]);
    t.at(24_999);
    t.transcript();
    t.at(25_000).at(30_000).link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
    25000ms time passes
              terminate p1
    30000ms time passes
              kill p1: DrainLease
    30000ms p1 link lost
              ! a again, after 1 attempts
              a to p2.0 after 0ns
    30000ms p1 exited
    ");
}

#[test]
fn deferred_work_is_told_before_its_process_is_ended_and_requests_are_not() {
    let mut t = Script::serving(pool(1), 3);
    t.arrive("a").arrive("b").arrive("c").complete("p1.0").done("p1.1");
    t.drain_wanted(1).hello(2, 1).goodbye(1, &[]);
    t.transcript();
    t.at(25_000);
    insta::assert_snapshot!(t.transcript(), @r"
    25000ms time passes
              cancel p1.0: Deadline
              terminate p1
    ");
    assert_eq!(t.pool().totals.leases[&LeaseKind::Drain].told, 1);
}

#[test]
fn a_drained_process_with_a_detached_stream_keeps_its_link() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("ws").detached("p1.0").ready("p1.0").drain_wanted(1).hello(2, 1).goodbye(1, &[]);
    t.transcript();
    t.at(5).detached_complete(1, "ws");
    insta::assert_snapshot!(t.transcript(), @r"
    5ms ws complete in p1
          close the link of p1
    ");
}

#[test]
fn the_core_leaves_when_everything_is_done() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").arrive("c").at(1).drain(25_000);
    t.at(10).complete("p1.0").at(11).delivered("a").at(300).ready("p1.0");
    t.at(310).done("p2.0").delivered("b").at(311).done("p1.0");
    t.at(312).goodbye(1, &[]).goodbye(2, &[]).at(313).exited(1).exited(2).at(320).delivered("c");
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
      0ms b arrives
            b to p2.0 after 0ns
      0ms c arrives
      1ms the core leaves
     10ms p1.0 complete
     11ms a delivered
            a ended: Completed, waited 0ns, service 10ms, delivery 1ms
    300ms p1.0 ready
            p1.0 free, service 10ms, deferred 290ms
            c to p1.0 after 300ms
    310ms p2.0 complete
    310ms p2.0 ready
            p2.0 free, service 310ms, deferred 0ns
    310ms b delivered
            b ended: Completed, waited 0ns, service 310ms, delivery 0ns
    311ms p1.0 complete
            drain p2: Shutdown
            drain p1: Shutdown
    311ms p1.0 ready
            p1.0 free, service 11ms, deferred 0ns
    312ms p1 goodbye
            close the link of p1
    312ms p2 goodbye
            close the link of p2
    313ms p1 exited
    313ms p2 exited
    320ms c delivered
            c ended: Completed, waited 300ms, service 11ms, delivery 9ms
            closed
    ");
    assert!(t.engine.is_closed());
}

#[test]
fn requests_on_open_connections_are_served_while_a_process_lives() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").drain(25_000).at(1).arrive("b").at(2).done("p1.0").done("p2.0").at(3).arrive("c");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms the core leaves
    1ms b arrives
          b to p2.0 after 0ns
    2ms p1.0 complete
    2ms p1.0 ready
          p1.0 free, service 2ms, deferred 0ns
    2ms p2.0 complete
          drain p1: Shutdown
          drain p2: Shutdown
    2ms p2.0 ready
          p2.0 free, service 1ms, deferred 0ns
    3ms c arrives
          refuse c: Draining, retry after 1s
          c ended: Refused(Draining), waited 0ns
    ");
}

#[test]
fn one_process_is_kept_for_a_retry_until_the_last_request_is_done() {
    let mut t = Script::serving(pool(3), 1);
    t.arrive_with("a", SAFE).drain(25_000).at(1).link_lost(1, &[]).exited(1).at(2).done("p2.0");
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms the core leaves
          drain p3: Shutdown
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
          a to p2.0 after 0ns
    1ms p1 exited
    2ms p2.0 complete
          drain p2: Shutdown
    2ms p2.0 ready
          p2.0 free, service 1ms, deferred 0ns
    "#);
}

#[test]
fn the_queue_is_worked_off_even_if_the_last_process_dies() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").arrive("b").drain(25_000).at(1).link_lost(1, &[]).exited(1).at(2).hello(2, 1);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    0ms the core leaves
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          fail a: ProcessDied
          a ended: Failed(ProcessDied), waited 0ns
          spawn p2
    1ms p1 exited
    2ms p2 hello, 1 slots
          ! p2 booted in 1ms
          b to p2.0 after 2ms
    "#);
}

#[test]
fn boots_that_nobody_needs_are_ended_when_the_core_leaves() {
    let mut t = Script::new(pool(2));
    t.hello(1, 1).drain(25_000).goodbye(1, &[]).exited(1).exited(2);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a pool
          spawn p1
          spawn p2
    0ms p1 hello, 1 slots
          ! p1 booted in 0ns
    0ms the core leaves
          drain p1: Shutdown
          terminate p2
    0ms p1 goodbye
          close the link of p1
    0ms p1 exited
    0ms p2 exited
          closed
    ");
}

#[test]
fn what_is_left_at_the_end_is_cut() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("run").arrive("sent").arrive("wait").complete("p2.0").drain(100);
    t.transcript();
    t.at(100).at(1_100).exited(1).exited(2);
    insta::assert_snapshot!(t.transcript(), @r"
     100ms time passes
             cancel p1.0: Shutdown
             fail run: Cut
             run ended: Failed(Cut), waited 0ns
             fail sent: Cut
             sent ended: Failed(Cut), waited 0ns, service 0ns
             refuse wait: Draining, retry after 1s
             wait ended: Refused(Draining), waited 100ms
             close the link of p1
             terminate p1
             close the link of p2
             terminate p2
    1100ms time passes
             kill p1: DrainLease
             kill p2: DrainLease
    1100ms p1 exited
    1100ms p2 exited
             ! p2.0 sent lost its deferred work after 1.1s
             closed
    ");
    assert!(t.engine.is_closed());
}

#[test]
fn a_second_order_to_leave_can_only_hurry() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").drain(25_000).at(5).drain(60_000).at(10).drain(10).exited(1).drain(99);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     0ms the core leaves
     5ms the core leaves
    10ms the core leaves
           cancel p1.0: Shutdown
           fail a: Cut
           a ended: Failed(Cut), waited 0ns
           close the link of p1
           terminate p1
    10ms p1 exited
           closed
    10ms the core leaves
    ");
}

#[test]
fn a_core_without_work_closes_at_once() {
    let mut t = Script::serving(pool(1), 1);
    t.drain(1_000).goodbye(1, &[]).exited(1).arrive("late");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms the core leaves
          drain p1: Shutdown
    0ms p1 goodbye
          close the link of p1
    0ms p1 exited
          closed
    0ms late arrives
          refuse late: Draining, retry after 1s
          late ended: Refused(Draining), waited 0ns
    ");
}

#[test]
fn a_core_that_will_leave_soon_serves_on_and_replaces_nobody_who_wants_to_go() {
    let mut t = Script::serving(pool(2), 1);
    let soon = |stop_at| Input::Leaving { stop_at: time(stop_at) };
    t.tell("the core will leave", soon(25_000)).arrive("a").done("p1.0").drain_wanted(1).at(5);
    t.arrive("b").done("p1.0").drain(25_000);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms the core will leave
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1.0 complete
    0ms p1.0 ready
          p1.0 free, service 0ns, deferred 0ns
    0ms p1 wants to be drained
    5ms b arrives
          b to p1.0 after 0ns
    5ms p1.0 complete
    5ms p1.0 ready
          p1.0 free, service 0ns, deferred 0ns
    5ms the core leaves
          drain p2: Shutdown
          drain p1: Shutdown
    ");
}

#[test]
fn once_it_leaves_it_does_not_open_again() {
    let mut t = Script::serving(pool(1), 1);
    t.drain(25_000).tell("later", Input::Leaving { stop_at: time(60_000) });
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
    t.goodbye(1, &[]).exited(1);
    assert!(t.engine.is_closed());
}

#[test]
fn at_the_end_who_is_leaving_already_gets_no_more_time_than_the_others() {
    let mut t = Script::serving(pool(2), 1);
    t.link_lost(1, &[]).at(4_500).link_lost(2, &[]).drain(4_600).transcript();
    t.at(20_000);
    // p1 would be killed in 400 ms anyway, p2 in 4.9 s.
    insta::assert_snapshot!(t.transcript(), @r"
    4600ms time passes
    5000ms time passes
             kill p1: LinkLost
    5600ms time passes
             kill p2: LinkLost
             kill p3: DrainLease
             kill p4: DrainLease
    ");
}

#[test]
fn a_request_that_began_is_not_given_back_at_goodbye() {
    let mut t = Script::serving(pool(1), 3);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).started("p1.0").drain_wanted(1).hello(2, 3);
    t.goodbye(1, &[0, 1, 2, 9]);
    assert_eq!(t.sent(), [("b".to_owned(), "p2.0".to_owned())]);
    assert_eq!(t.process(1).slots[0], SlotPicture::Running(t.request("a")));
}

#[test]
fn a_slot_that_is_ready_in_the_moment_of_the_end_gets_nothing() {
    for routing in [Routing::Global, Routing::PerProcess] {
        let mut t = Script::serving(PoolLimits { routing, ..pool(1) }, 1);
        t.arrive("a").arrive("b").drain(100).at(99).complete("p1.0");
        // The word comes a moment before the clock's.
        t.now = 100;
        t.ready("p1.0");
        assert_eq!(t.pool().totals.refused[&Refusal::Draining], 1);
    }
}

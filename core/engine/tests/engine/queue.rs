//! Step 2: waiting.

use maitred_engine::limits::PoolLimits;

use crate::script::{SAFE, Script, limits, ms, time};

#[test]
fn who_waits_too_long_is_refused_when_the_time_comes() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(10).arrive("b").at(20).arrive("c").at(25_015);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms a arrives
              a to p1.0 after 0ns
       10ms b arrives
       20ms c arrives
    25010ms time passes
              refuse b: QueueWait, retry after 60s
              b ended: Refused(QueueWait), waited 25s
    ");
}

#[test]
fn a_client_that_leaves_while_queued_never_reaches_the_app() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").arrive("b").arrive("c").at(3).gone("b").at(5).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    0ms c arrives
    3ms client of b gone
          b ended: Abandoned, waited 3ms
    5ms p1.0 complete
    5ms p1.0 ready
          p1.0 free, service 5ms, deferred 0ns
          c to p1.0 after 5ms
    ");
}

#[test]
fn a_thousand_clients_that_leave_hold_nothing() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("first");
    for request in 0..1000 {
        t.arrive(&format!("r{request}"));
    }
    for request in 0..1000 {
        t.gone(&format!("r{request}"));
    }
    let pool = t.pool();
    assert_eq!((pool.totals.abandoned, pool.totals.queued, pool.queue.waiting), (1000, 0, 0));
    assert_eq!(pool.queue.peak, 1000);
    assert_eq!(t.engine.next_deadline(), Some(time(60_000)), "the lease of the first");
}

#[test]
fn waiting_for_the_first_boot_has_a_limit_of_its_own() {
    let mut t = Script::new(limits());
    t.arrive("a").at(60_000);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms a pool
              spawn p1
        0ms a arrives
    60000ms time passes
              refuse a: BootingWait, retry after 5s
              a ended: Refused(BootingWait), waited 60s
    ");
}

#[test]
fn the_first_boot_gives_new_patience_to_all_that_waited_for_it() {
    let mut t = Script::new(limits());
    t.arrive("a").arrive("b").at(50_000).hello(1, 1);
    assert_eq!(t.sent().len(), 1, "a goes, b waits on");
    assert_eq!(t.pool().queue.wait_max, ms(25_000));
    t.at(74_999);
    assert_eq!(t.pool().totals.queued, 1);
    t.at(75_000);
    assert_eq!(t.pool().totals.queued, 0);
}

#[test]
fn a_retried_request_keeps_its_age() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 1);
    t.arrive_with("a", SAFE).arrive("b").at(10).arrive("c").arrive("d");
    t.link_lost(1, &[0]).at(20).done("p2.0").at(30).done("p2.0");
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     0ms b arrives
           b to p2.0 after 0ns
    10ms c arrives
    10ms d arrives
    10ms p1 link lost
           ! p1 died, suspects []
           spawn p3
    20ms p2.0 complete
    20ms p2.0 ready
           p2.0 free, service 20ms, deferred 0ns
           a to p2.0 after 10ms
    30ms p2.0 complete
    30ms p2.0 ready
           p2.0 free, service 10ms, deferred 0ns
           c to p2.0 after 20ms
    ");
}

//! Requests that are sent ahead to the only process of a pool: one at a time in most stories here.

use maitred_engine::class::Class;
use maitred_engine::event::{Output, Traits};
use maitred_engine::limits::{OverloadLimits, PoolLimits, Routing};
use maitred_engine::snapshot::PhasePicture;

use crate::script::{SAFE, Script, limits};

/// One process that takes requests early, one at a time.
fn serving(slots: u32) -> Script {
    serving_with(1, slots)
}

/// One process that takes up to so many requests early.
fn serving_with(early_max: u32, slots: u32) -> Script {
    let mut t = Script::serving(PoolLimits { early_max, ..limits() }, slots);
    t.early_wanted(1).transcript();
    t
}

#[test]
fn the_oldest_request_goes_ahead_to_a_busy_process_that_is_alone() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).arrive_with("c", SAFE);
    assert_eq!(t.pool().queue.waiting, 2, "who was sent ahead still waits");
    t.at(5).done("p1.0").at(9).done("p1.0").at(12).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @"
     0ms a arrives
           a to p1.0 after 0ns
     0ms b arrives
           b early to p1 after 0ns
     0ms c arrives
     5ms p1.0 complete
     5ms p1.0 ready
           p1.0 free, service 5ms, deferred 0ns
           b taken by p1.0 after 5ms
           c early to p1 after 5ms
     9ms p1.0 complete
     9ms p1.0 ready
           p1.0 free, service 4ms, deferred 0ns
           c taken by p1.0 after 9ms
    12ms p1.0 complete
    12ms p1.0 ready
           p1.0 free, service 3ms, deferred 0ns
    ");
}

#[test]
fn as_many_go_ahead_as_may_and_each_slot_takes_the_oldest() {
    let mut t = serving_with(2, 1);
    for name in ["a", "b", "c", "d"] {
        t.arrive_with(name, SAFE);
    }
    assert_eq!(t.pool().queue.waiting, 3, "who was sent ahead still waits");
    t.at(5).done("p1.0").at(9).done("p1.0").at(12).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @"
     0ms a arrives
           a to p1.0 after 0ns
     0ms b arrives
           b early to p1 after 0ns
     0ms c arrives
           c early to p1 after 0ns
     0ms d arrives
     5ms p1.0 complete
     5ms p1.0 ready
           p1.0 free, service 5ms, deferred 0ns
           b taken by p1.0 after 5ms
           d early to p1 after 5ms
     9ms p1.0 complete
     9ms p1.0 ready
           p1.0 free, service 4ms, deferred 0ns
           c taken by p1.0 after 9ms
    12ms p1.0 complete
    12ms p1.0 ready
           p1.0 free, service 3ms, deferred 0ns
           d taken by p1.0 after 12ms
    ");
}

#[test]
fn one_that_is_given_back_is_no_loss_to_the_others() {
    let mut t = serving_with(3, 1);
    for name in ["a", "b", "c", "d"] {
        t.arrive_with(name, SAFE);
    }
    t.transcript();
    t.at(1).gone("c").at(2).early_returned(1, "c").at(5).done("p1.0").at(6).early_returned(1, "d");
    insta::assert_snapshot!(t.transcript(), @"
    1ms client of c gone
          cancel c, early in p1: ClientGone
          c ended: Abandoned, waited 1ms
    2ms p1 returns c
    5ms p1.0 complete
    5ms p1.0 ready
          p1.0 free, service 5ms, deferred 0ns
          b taken by p1.0 after 5ms
    6ms p1 returns d
          d early to p1 after 6ms
    ");
}

#[test]
fn a_process_that_is_replaced_gives_all_back_in_their_order() {
    let mut t = serving_with(3, 1);
    for name in ["a", "b", "c", "d"] {
        t.arrive_with(name, SAFE);
    }
    t.drain_wanted(1).hello(2, 1).transcript();
    t.at(1).goodbye(1, &[]).at(2).done("p2.0").at(3).done("p2.0");
    insta::assert_snapshot!(t.transcript(), @"
    1ms p1 goodbye
          b to p2.0 after 1ms
    2ms p2.0 complete
    2ms p2.0 ready
          p2.0 free, service 1ms, deferred 0ns
          c to p2.0 after 2ms
    3ms p2.0 complete
    3ms p2.0 ready
          p2.0 free, service 1ms, deferred 0ns
          d to p2.0 after 3ms
    ");
}

#[test]
fn a_slot_that_is_idle_is_better_than_going_ahead() {
    let mut t = serving(2);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).arrive_with("c", SAFE);
    t.at(3).done("p1.1");
    insta::assert_snapshot!(t.transcript(), @"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    0ms c arrives
          c early to p1 after 0ns
    3ms p1.1 complete
    3ms p1.1 ready
          p1.1 free, service 3ms, deferred 0ns
          c taken by p1.1 after 3ms
    ");
}

#[test]
fn a_deferred_slot_does_not_take_it() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).at(5).complete("p1.0");
    assert_eq!(t.pool().slots.deferred, 1);
    t.at(300).ready("p1.0");
    insta::assert_snapshot!(t.transcript(), @"
      0ms a arrives
            a to p1.0 after 0ns
      0ms b arrives
            b early to p1 after 0ns
      5ms p1.0 complete
    300ms p1.0 ready
            p1.0 free, service 5ms, deferred 295ms
            b taken by p1.0 after 300ms
    ");
}

#[test]
fn a_request_whose_body_is_not_held_does_not_go_ahead() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", Traits::default()).arrive_with("c", SAFE);
    insta::assert_snapshot!(t.transcript(), @"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    0ms c arrives
    ");
}

#[test]
fn where_another_process_might_take_it_nothing_goes_ahead() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 1);
    t.early_wanted(1).early_wanted(2).transcript();
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).arrive_with("c", SAFE);
    insta::assert_snapshot!(t.transcript(), @"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p2.0 after 0ns
    0ms c arrives
    ");
}

#[test]
fn a_process_that_did_not_ask_for_it_gets_nothing_early() {
    let mut t = Script::serving(limits(), 1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE);
    insta::assert_snapshot!(t.transcript(), @"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    ");
}

#[test]
fn a_client_that_leaves_meanwhile_is_told_and_holds_no_one_up() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).arrive_with("c", SAFE);
    t.transcript();
    t.at(1).gone("b").at(2).early_returned(1, "b").at(5).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @"
    1ms client of b gone
          cancel b, early in p1: ClientGone
          b ended: Abandoned, waited 1ms
    2ms p1 returns b
          c early to p1 after 2ms
    5ms p1.0 complete
    5ms p1.0 ready
          p1.0 free, service 5ms, deferred 0ns
          c taken by p1.0 after 5ms
    ");
}

#[test]
fn a_request_that_was_taken_before_its_cancel_came_keeps_the_slot_until_ready() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).arrive_with("c", SAFE);
    t.transcript();
    t.at(1).gone("b").at(2).done("p1.0");
    assert_eq!(t.pool().slots.running, 1, "nobody wants b, but the app has it");
    t.at(3).complete("p1.0").ready("p1.0");
    insta::assert_snapshot!(t.transcript(), @"
    1ms client of b gone
          cancel b, early in p1: ClientGone
          b ended: Abandoned, waited 1ms
    2ms p1.0 complete
    2ms p1.0 ready
          p1.0 free, service 2ms, deferred 0ns
          b taken by p1.0 after 0ns
          c early to p1 after 2ms
    3ms p1.0 complete
    3ms p1.0 ready
          p1.0 free, service 1ms, deferred 0ns
          c taken by p1.0 after 3ms
    ");
}

#[test]
fn it_may_run_out_of_patience_as_any_other() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).at(25_000);
    insta::assert_snapshot!(t.transcript(), @"
        0ms a arrives
              a to p1.0 after 0ns
        0ms b arrives
              b early to p1 after 0ns
    25000ms time passes
              refuse b: QueueWait, retry after 50s
              cancel b, early in p1: Deadline
              b ended: Refused(QueueWait), waited 25s
    ");
}

#[test]
fn a_process_that_dies_had_not_started_it() {
    let mut t = serving(1);
    t.arrive_with("a", Traits::default()).arrive_with("b", SAFE).transcript();
    t.at(1).link_lost(1, &[]).exited(1).at(50).hello(2, 1).at(60).done("p2.0");
    insta::assert_snapshot!(t.transcript(), @r#"
     1ms p1 link lost
           ! p1 died, suspects ["a"]
           fail a: ProcessDied
           a ended: Failed(ProcessDied), waited 0ns
           spawn p2
     1ms p1 exited
    50ms p2 hello, 1 slots
           ! p2 booted in 49ms
           b to p2.0 after 50ms
    60ms p2.0 complete
    60ms p2.0 ready
           p2.0 free, service 10ms, deferred 0ns
    "#);
}

#[test]
fn a_process_that_is_replaced_gives_it_back() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).drain_wanted(1).hello(2, 1).transcript();
    t.at(1).goodbye(1, &[]);
    insta::assert_snapshot!(t.transcript(), @"
    1ms p1 goodbye
          b to p2.0 after 1ms
    ");
}

#[test]
fn it_counts_for_the_limit_of_the_queue() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 1, ..limits() }, 1);
    t.early_wanted(1).arrive_with("a", SAFE).arrive_with("b", SAFE).transcript();
    t.arrive_with("c", SAFE);
    insta::assert_snapshot!(t.transcript(), @"
    0ms c arrives
          refuse c: QueueFull, retry after 1s
          c ended: Refused(QueueFull), waited 0ns
    ");
}

#[test]
fn it_is_cut_with_the_others_when_the_core_has_to_leave() {
    let mut t = serving(1);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).transcript();
    t.drain(1_000).at(1_000);
    insta::assert_snapshot!(t.transcript(), @"
       0ms the core leaves
    1000ms time passes
             cancel p1.0: Shutdown
             fail a: Cut
             a ended: Failed(Cut), waited 0ns
             refuse b: Draining, retry after 1s
             cancel b, early in p1: Shutdown
             b ended: Refused(Draining), waited 1s
             close the link of p1
             terminate p1
    ");
}

#[test]
fn where_classes_order_the_queue_nothing_goes_ahead() {
    let mut t = serving(1);
    let low = Traits { class: Class::Low, ..SAFE };
    t.arrive_with("a", SAFE).arrive_with("report", low).arrive_with("b", SAFE);
    t.at(1).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @"
    0ms a arrives
          a to p1.0 after 0ns
    0ms report arrives
    0ms b arrives
    1ms p1.0 complete
    1ms p1.0 ready
          p1.0 free, service 1ms, deferred 0ns
          b to p1.0 after 1ms
    ");
}

#[test]
fn a_pool_that_forbids_it_hands_nothing_early() {
    let mut t = Script::serving(PoolLimits { early_max: 0, ..limits() }, 1);
    t.early_wanted(1).transcript();
    t.arrive_with("a", SAFE).arrive_with("b", SAFE);
    insta::assert_snapshot!(t.transcript(), @"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    ");
}

/// A busy process that takes requests early, in a pool with such limits.
fn busy(limits: PoolLimits) -> Script {
    let mut t = Script::serving(limits, 1);
    t.early_wanted(1).arrive_with("a", SAFE);
    t
}

fn goes_ahead(t: &mut Script, name: &str) -> bool {
    t.arrive_with(name, SAFE);
    t.outputs.iter().any(|output| matches!(output, Output::HandEarly { .. }))
}

#[test]
fn one_request_of_another_class_is_enough_and_so_are_two() {
    let mut t = busy(limits());
    t.arrive_with("low", Traits { class: Class::Low, ..SAFE });
    t.arrive_with("low2", Traits { class: Class::Low, ..SAFE });
    assert!(!goes_ahead(&mut t, "b"));
}

#[test]
fn nothing_goes_ahead_where_the_newest_may_have_to_go_first() {
    let overload = Some(OverloadLimits::default());
    assert!(!goes_ahead(&mut busy(PoolLimits { overload, ..limits() }), "b"));
}

#[test]
fn nothing_goes_ahead_of_a_line_of_its_own() {
    let mut t = busy(PoolLimits { routing: Routing::PerProcess, ..limits() });
    assert!(!goes_ahead(&mut t, "b"));
    assert_eq!(t.process(1).queued, 1);
}

#[test]
fn nothing_goes_ahead_while_the_core_leaves() {
    let mut t = busy(limits());
    t.drain(25_000);
    assert!(!goes_ahead(&mut t, "b"));
}

#[test]
fn nothing_goes_ahead_to_a_process_that_is_about_to_be_replaced() {
    let mut t = busy(limits());
    t.drain_wanted(1);
    assert!(!goes_ahead(&mut t, "b"), "its replacement boots");
    let mut t = busy(limits());
    t.drain_wanted(1).spawn_failed(2);
    assert!(!goes_ahead(&mut t, "b"), "it will boot");
}

#[test]
fn nothing_goes_ahead_to_a_process_that_is_withdrawn() {
    let mut t = busy(limits());
    t.ask(1);
    assert_eq!(t.process(1).phase, PhasePicture::Serving, "it is busy, and alone");
    assert!(goes_ahead(&mut t, "b"));
    let mut t = Script::serving(limits(), 1);
    t.early_wanted(1).ask(1);
    assert_eq!(t.process(1).phase, PhasePicture::Out);
    assert!(!goes_ahead(&mut t, "a"));
}

#[test]
fn nothing_goes_ahead_while_a_suspect_waits_to_be_alone() {
    let mut t = Script::serving(limits(), 2);
    t.arrive_with("a", SAFE).arrive_with("b", SAFE).link_lost(1, &[]).exited(1).hello(2, 2);
    t.early_wanted(2);
    assert_eq!(t.process(2).phase, PhasePicture::Isolated, "for a; and b waits for the same");
    t.at(10_000);
    // The lease has run out, and p2 takes others again.
    t.arrive_with("c", SAFE);
    assert!(!goes_ahead(&mut t, "d"));
}

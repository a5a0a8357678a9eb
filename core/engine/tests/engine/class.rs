//! Step 2, strict priorities: which requests go before others.

use maitred_engine::class::Class;
use maitred_engine::event::{Refusal, Traits};
use maitred_engine::limits::PoolLimits;

use crate::script::{SAFE, Script, limits};

const HIGH: Traits = Traits { class: Class::High, ..SAFE };
const LOW: Traits = Traits { class: Class::Low, ..SAFE };

#[test]
fn a_higher_class_goes_first_and_within_a_class_who_came_first() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(1).arrive_with("low", LOW).at(2).arrive("b").at(3).arrive("c");
    t.at(4).arrive_with("high", HIGH);
    assert_eq!(t.pool().queue.by_class, [1, 2, 1]);
    t.at(10).done("p1.0").at(20).done("p1.0").at(30).done("p1.0").at(40).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     1ms low arrives
     2ms b arrives
     3ms c arrives
     4ms high arrives
    10ms p1.0 complete
    10ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           high to p1.0 after 6ms
    20ms p1.0 complete
    20ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           b to p1.0 after 18ms
    30ms p1.0 complete
    30ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           c to p1.0 after 27ms
    40ms p1.0 complete
    40ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           low to p1.0 after 39ms
    ");
}

#[test]
fn the_limit_of_a_wait_bounds_the_starvation_of_a_low_class() {
    let mut t = Script::serving(limits(), 1);
    t.arrive_with("h0", HIGH).arrive_with("low", LOW);
    // There is always one of the high class that waits when the slot becomes free.
    for second in 1..=25 {
        assert_eq!(t.pool().totals.refused.len(), 0);
        t.arrive_with(&format!("h{second}"), HIGH).at(second * 1_000).done("p1.0");
        assert_eq!(t.sent()[0].0, format!("h{second}"));
    }
    assert_eq!(t.pool().totals.refused[&Refusal::QueueWait], 1, "it was not kept for ever");
    assert_eq!(t.pool().queue.by_class, [0, 0, 0]);
}

#[test]
fn a_retried_request_keeps_its_class_and_its_age() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 1);
    t.arrive_with("low", LOW).arrive_with("high", HIGH).at(1).arrive("b").at(2);
    t.arrive_with("low2", LOW).arrive_with("high2", HIGH);
    // Neither had started: both go back to where they were.
    t.link_lost(1, &[0]).link_lost(2, &[0]).transcript();
    let mut order = Vec::new();
    t.hello(3, 1);
    order.extend(t.sent());
    for _ in 0..4 {
        t.done("p3.0");
        order.extend(t.sent());
    }
    let order: Vec<_> = order.into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, ["high", "high2", "b", "low", "low2"]);
}

#[test]
fn in_a_full_queue_a_request_takes_the_place_of_the_last_one_of_a_lower_class() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 3, ..limits() }, 1);
    t.arrive("a").arrive_with("low1", LOW).arrive_with("low2", LOW).arrive("b").at(1);
    t.arrive_with("low3", LOW).arrive("c").arrive_with("high", HIGH).arrive("d");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms low1 arrives
    0ms low2 arrives
    0ms b arrives
    1ms low3 arrives
          refuse low3: QueueFull, retry after 1s
          low3 ended: Refused(QueueFull), waited 0ns
    1ms c arrives
          refuse low2: QueueFull, retry after 1s
          low2 ended: Refused(QueueFull), waited 1ms
    1ms high arrives
          refuse low1: QueueFull, retry after 1s
          low1 ended: Refused(QueueFull), waited 1ms
    1ms d arrives
          refuse d: QueueFull, retry after 1s
          d ended: Refused(QueueFull), waited 0ns
    ");
    assert_eq!(t.pool().queue.by_class, [1, 2, 0]);
}

#[test]
fn a_suspect_of_a_low_class_waits_for_the_higher_ones() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 2);
    t.arrive_with("low", LOW).arrive("x").arrive_with("y", LOW).arrive("b").at(1);
    // p1 runs low and b, p2 the other two.
    t.link_lost(1, &[]).exited(1).transcript();
    t.arrive_with("high", HIGH).at(2).hello(3, 1);
    assert_eq!(t.sent(), [("high".to_owned(), "p3.0".to_owned())], "low has to wait");
    t.done("p3.0");
    assert_eq!(t.sent().len(), 1, "and then has its turn");
}

//! Step 1: may it wait at all?

use maitred_engine::class::Class;
use maitred_engine::event::{Failure, Input, Output, Refusal};
use maitred_engine::id::{PoolId, RequestId};
use maitred_engine::limits::PoolLimits;

use crate::script::{Script, limits, ms};

#[test]
fn a_full_queue_refuses_the_newest() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 2, ..limits() }, 1);
    t.arrive("a").arrive("b").arrive("c").at(5).arrive("d");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    0ms c arrives
    5ms d arrives
          refuse d: QueueFull, retry after 1s
          d ended: Refused(QueueFull), waited 0ns
    ");
}

#[test]
fn a_request_that_would_be_refused_is_refused_before_its_body_is_read() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 1, ..limits() }, 1);
    t.announce("a").arrive("b").announce("c").arrive("d").announce("e");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a is announced
    0ms b arrives
          b to p1.0 after 0ns
    0ms c is announced
    0ms d arrives
    0ms e is announced
          refuse e: QueueFull, retry after 1s
          e ended: Refused(QueueFull), waited 0ns
    ");
    assert_eq!(t.pool().totals.arrived, 3, "only b, d and the refused e count");
}

#[test]
fn a_queue_of_length_zero_still_serves_what_fits() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 0, ..limits() }, 2);
    t.arrive("a").arrive("b").arrive("c");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    0ms c arrives
          refuse c: QueueFull, retry after 1s
          c ended: Refused(QueueFull), waited 0ns
    ");
}

#[test]
fn a_full_queue_before_the_first_boot_is_another_reason_with_a_limit_of_its_own() {
    let mut t = Script::new(PoolLimits { queue_len_max: 0, booting_len_max: 1, ..limits() });
    t.arrive("a").arrive("b");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a pool
          spawn p1
    0ms a arrives
    0ms b arrives
          refuse b: BootingFull, retry after 5s
          b ended: Refused(BootingFull), waited 0ns
    ");
}

#[test]
fn retry_after_is_the_time_that_the_queue_takes_to_drain() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 20, ..limits() }, 1);
    // One request per second leaves the queue.
    for request in 0..20 {
        t.arrive(&format!("r{request}"));
    }
    for second in 1..=8 {
        t.at(second * 1000).done("p1.0");
    }
    for request in 20..30 {
        t.arrive(&format!("r{request}"));
    }
    let Some(Output::Refuse { why, retry_after, .. }) = t.outputs.first() else {
        panic!("not refused: {:?}", t.outputs);
    };
    assert_eq!(*why, Refusal::QueueFull);
    let expected = ms(18_000)..=ms(24_000);
    assert!(expected.contains(retry_after), "{retry_after:?} for 21 requests at 1 per second");
}

#[test]
fn a_client_is_answered_even_if_its_pool_does_not_exist() {
    let mut t = Script::serving(limits(), 1);
    t.announce("a");
    let (request, pool) = (RequestId(1), PoolId(99));
    t.tell("elsewhere", Input::Announced { request, pool, class: Class::Normal });
    assert_eq!(t.outputs[0], Output::Fail { request, why: Failure::Broken });
}

#[test]
fn a_request_is_admitted_once() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").arrive("b");
    let (request, pool) = (RequestId(2), crate::script::POOL);
    t.tell("again", Input::Arrived { request, pool, traits: Default::default() });
    assert_eq!((t.pool().totals.arrived, t.pool().totals.queued), (2, 1));
}

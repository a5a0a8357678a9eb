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

#[test]
fn a_request_that_is_known_is_not_refused_by_announcing_it_again() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 1, ..limits() }, 1);
    t.arrive("a").arrive("b");
    let (request, pool) = (RequestId(2), crate::script::POOL);
    t.tell("again", Input::Announced { request, pool, class: Class::Normal });
    assert_eq!(t.outputs, []);
}

#[test]
fn retry_after_follows_a_change_of_load() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 30, ..limits() }, 1);
    // A minute in which nobody waits says nothing.
    t.at(60_000);
    for request in 0..=30 {
        t.arrive(&format!("r{request}"));
    }
    let retry_after = |t: &mut Script, name: &str| {
        t.arrive(name);
        let Some(Output::Refuse { retry_after, .. }) = t.outputs.first() else {
            panic!("not refused: {:?}", t.outputs);
        };
        *retry_after
    };
    // One per second for 12 s. What is older than 10 s counts half from then on.
    for second in 1..=12 {
        t.at(60_000 + second * 1_000).done("p1.0").arrive(&format!("s{second}"));
    }
    assert_eq!(retry_after(&mut t, "at one per second"), ms(29_000));
    // And ten per second for the next 2 s.
    for tenth in 1..=20 {
        t.at(72_000 + tenth * 100).done("p1.0").arrive(&format!("t{tenth}"));
    }
    assert_eq!(retry_after(&mut t, "faster"), ms(10_000));
}

#[test]
fn a_retry_that_does_not_wait_says_nothing_about_the_queue() {
    let mut t = Script::serving(PoolLimits { processes: 2, queue_len_max: 1, ..limits() }, 1);
    t.arrive("a").arrive("b").arrive("c").at(10_000).done("p1.0").done("p2.0");
    // c waited for 10 s, and goes elsewhere at once.
    t.bounced("p1.0").arrive("d").arrive("e").arrive("f");
    let Some(Output::Refuse { retry_after, .. }) = t.outputs.first() else {
        panic!("not refused: {:?}", t.outputs);
    };
    assert_eq!(*retry_after, ms(20_000), "two, at one per 10 s");
}

#[test]
fn the_time_in_which_nothing_left_the_queue_counts_as_well() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 3, ..limits() }, 1);
    for request in 0..4 {
        t.arrive(&format!("r{request}"));
    }
    t.at(2_000).done("p1.0").arrive("s1").at(10_000).arrive("refused");
    let Some(Output::Refuse { retry_after, .. }) = t.outputs.first() else {
        panic!("not refused: {:?}", t.outputs);
    };
    assert_eq!(*retry_after, ms(40_000), "one left in 10 s, and four would be before it");
}

#[test]
fn ten_seconds_are_looked_back_on_in_full() {
    let mut t = Script::serving(PoolLimits { queue_len_max: 3, ..limits() }, 1);
    for request in 0..4 {
        t.arrive(&format!("r{request}"));
    }
    t.at(3_000).done("p1.0").arrive("s1").at(6_000).done("p1.0").arrive("s2");
    t.at(10_000).done("p1.0").arrive("s3").arrive("refused");
    let Some(Output::Refuse { retry_after, .. }) = t.outputs.first() else {
        panic!("not refused: {:?}", t.outputs);
    };
    assert_eq!(*retry_after, ms(14_000), "three left in 10 s");
}

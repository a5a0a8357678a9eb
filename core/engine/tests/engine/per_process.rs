//! Step 2 with `routing = "per-process"`: each process has a line of its own.

use maitred_engine::class::Class;
use maitred_engine::event::{Input, Traits};
use maitred_engine::id::ProcessId;
use maitred_engine::limits::{PoolLimits, Routing};
use maitred_engine::snapshot::PhasePicture;

use crate::script::{SAFE, Script, limits};

fn pool(processes: u32) -> PoolLimits {
    PoolLimits { processes, routing: Routing::PerProcess, ..limits() }
}

fn queued(t: &Script) -> Vec<u64> {
    t.pool().processes.iter().map(|process| process.queued).collect()
}

#[test]
fn a_request_goes_to_an_idle_slot_and_else_to_the_shortest_line() {
    let mut t = Script::serving(pool(2), 1);
    for request in ["a", "b", "c", "d", "e"] {
        t.arrive(request);
    }
    assert_eq!(queued(&t), [2, 1]);
    t.gone("c").gone("e").arrive("f");
    assert_eq!(queued(&t), [1, 1], "a client that left leaves its line as well");
}

#[test]
fn a_request_waits_for_its_process_although_another_is_idle() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").arrive("c").at(10).done("p2.0");
    assert_eq!(t.sent(), [], "c is in the line of p1");
    t.at(20).arrive("d");
    assert_eq!(t.sent(), [("d".to_owned(), "p2.0".to_owned())]);
    t.at(30).done("p1.0");
    assert_eq!(t.sent(), [("c".to_owned(), "p1.0".to_owned())]);
}

#[test]
fn within_a_line_no_request_waits_while_a_slot_of_its_process_is_idle() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive("a").arrive("b").arrive("c").arrive("d").at(1).done("p1.0").done("p1.1");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    0ms c arrives
    0ms d arrives
    1ms p1.0 complete
    1ms p1.0 ready
          p1.0 free, service 1ms, deferred 0ns
          c to p1.0 after 1ms
    1ms p1.1 complete
    1ms p1.1 ready
          p1.1 free, service 1ms, deferred 0ns
          d to p1.1 after 1ms
    ");
}

#[test]
fn within_a_line_classes_and_first_come_hold() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b");
    for (name, class) in [("c", Class::Low), ("d", Class::Low), ("e", Class::Normal)] {
        t.at(t.now + 1).arrive_with(name, Traits { class, ..SAFE });
    }
    t.at(9).arrive("f").arrive("g");
    let mut order = Vec::new();
    for _ in 0..3 {
        t.done("p1.0");
        order.extend(t.sent().into_iter().map(|(name, _)| name));
    }
    assert_eq!(order, ["e", "g", "c"]);
}

/// p1 and p2 with three requests each, one of them running; the time of each tells its age.
fn two_lines() -> Script {
    let mut t = Script::serving(pool(2), 1);
    for (at, request) in ["a1", "b1", "a2", "b2", "a3", "b3"].into_iter().enumerate() {
        t.at(at as u64).arrive_with(request, SAFE);
    }
    assert_eq!(queued(&t), [2, 2]);
    t
}

/// What p2 runs from now on, one after the other.
fn order_in_p2(t: &mut Script) -> Vec<String> {
    let mut order = Vec::new();
    while t.pool().totals.queued > 0 {
        t.done("p2.0");
        assert!(!t.sent().is_empty(), "somebody waits and p2 is free");
        order.extend(t.sent().into_iter().map(|(name, _)| name));
    }
    order
}

#[test]
fn the_line_of_a_process_that_dies_goes_back_with_its_age() {
    let mut t = two_lines();
    t.link_lost(1, &[0]);
    assert_eq!(order_in_p2(&mut t), ["a1", "a2", "b2", "a3", "b3"]);
}

#[test]
fn the_line_of_a_process_that_drains_goes_back_with_its_age() {
    let mut t = two_lines();
    t.drain_wanted(1);
    assert_eq!(queued(&t), [2, 2, 0], "it serves until another has booted");
    t.hello(3, 1);
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
    // p3 is idle, so the oldest of them goes there, and the rest is shared out by length.
    assert_eq!(t.sent(), [("a2".to_owned(), "p3.0".to_owned())]);
    assert_eq!(queued(&t), [0, 2, 1]);
}

#[test]
fn the_line_of_a_process_that_misbehaved_goes_back_with_its_age() {
    let mut t = two_lines();
    t.misbehaved(1);
    assert_eq!(order_in_p2(&mut t), ["a2", "b2", "a3", "b3"]);
}

#[test]
fn the_line_of_a_process_that_is_withdrawn_goes_back_with_its_age() {
    let mut t = Script::serving(pool(3), 2);
    for request in ["x1", "x2", "x3", "y1", "y2", "y3"] {
        t.arrive_with(request, SAFE);
    }
    t.at(1).arrive("c").arrive("d").arrive("e");
    assert_eq!(queued(&t), [1, 1, 1]);
    // x1 and its neighbour are suspects: a process is taken out so that each can run alone.
    t.at(2).link_lost(1, &[]);
    let isolated: Vec<_> = t.pool().processes.into_iter().filter(|it| it.queued == 0).collect();
    assert!(isolated.iter().any(|it| it.phase == PhasePicture::Isolated), "{isolated:?}");
    assert_eq!(t.pool().totals.queued, 5, "three in a line and two suspects");
    let others = t.pool().processes.into_iter().filter(|it| it.phase == PhasePicture::Serving);
    assert_eq!(others.map(|it| it.queued).sum::<u64>(), 3);
}

#[test]
fn what_comes_while_no_process_serves_is_shared_out_when_one_does() {
    let mut t = Script::new(pool(2));
    for request in ["a", "b", "c", "d"] {
        t.arrive(request);
    }
    t.at(5).hello(1, 1);
    assert_eq!(t.sent(), [("a".to_owned(), "p1.0".to_owned())]);
    assert_eq!(queued(&t), [3, 0], "p2 still boots");
    t.hello(2, 1).arrive("e").arrive("f");
    assert_eq!(queued(&t), [3, 1], "e ran at once, f is in the shorter line");
}

#[test]
fn a_request_that_goes_back_keeps_its_patience() {
    let mut t = two_lines();
    t.at(24_000).tell("p1 misbehaved", Input::Misbehaved { process: ProcessId(1) });
    t.at(25_002);
    let refused = t.pool().totals.refused.values().sum::<u64>();
    assert_eq!((refused, t.pool().totals.queued), (1, 3), "a2 came at 2 ms");
}

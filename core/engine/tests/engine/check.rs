//! The judge of all other stories: tables that contradict each other do not pass unnoticed.
//!
//! Every story asks `check_invariants` after each step. That shows something only if it objects to
//! what must not be. The engine never makes such a state, so here one is written by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};

use maitred_engine::Engine;
use maitred_engine::limits::{PoolLimits, Routing};
use serde_json::{Value, json};

use crate::script::{SAFE, Script, limits};

/// What is said about the state of a story in which one thing is not as it was.
fn objection(t: &Script, place: &str, value: Value) -> String {
    let mut state = serde_json::to_value(&t.engine).expect("it is plain data");
    let old = state.pointer_mut(place).unwrap_or_else(|| panic!("{place} is not in the state"));
    assert_ne!(*old, value, "{place} is like that anyway");
    *old = value;
    let engine: Engine = serde_json::from_str(&state.to_string()).expect("it is a state");
    let said = catch_unwind(AssertUnwindSafe(|| engine.check_invariants()));
    let said = said.expect_err("nobody noticed");
    match said.downcast::<String>() {
        Ok(said) => *said,
        Err(said) => (*said.downcast::<&str>().expect("a panic says a text")).to_owned(),
    }
}

/// Each line: a place in the state, what is there instead, and what is said about that.
fn objects(t: &Script, lines: &[(&str, Value, &str)]) {
    t.engine.check_invariants();
    for (place, value, why) in lines {
        let said = objection(t, place, value.clone());
        assert!(said.contains(why), "{place}: {said}");
    }
}

/// p1 runs a and b, and c and d wait.
fn waiting() -> Script {
    let mut t = Script::serving(limits(), 2);
    for request in ["a", "b", "c", "d"] {
        t.arrive_with(request, SAFE);
    }
    t
}

#[test]
fn a_queue_in_disorder_is_noticed() {
    let queue = |rest: &str| format!("/pools/1/queue/{rest}");
    objects(
        &waiting(),
        &[
            (&queue("entry/len"), json!(1), "another length"),
            (&queue("entry/last"), json!(0), "ends elsewhere"),
            (&queue("nodes/nodes/1/links/1/before"), json!(null), "broken chain"),
            (&queue("nodes/nodes/1/links/0/before"), json!(null), "broken chain"),
            (&queue("nodes/nodes/1/links/1/after"), json!(0), ""),
            (&queue("nodes/nodes/0/wait/entered"), json!(9), "entry order"),
            (&queue("nodes/nodes/0/wait/arrived"), json!(9), "out of order"),
            (&queue("nodes/nodes/0/wait/class"), json!("Low"), "in a wrong line"),
            (&queue("nodes/spots/4"), json!(0), "a spot"),
            (&queue("nodes/nodes/0/wait/request"), json!(4), "in another's spot"),
            (&queue("nodes/free"), json!([0]), "a spot"),
            (&queue("nodes/nodes/0/owner"), json!(1), "in a wrong line"),
            ("/pools/1/due", json!([1]), "due between two inputs"),
        ],
    );
}

#[test]
fn a_line_whose_length_is_not_known_is_noticed() {
    let mut t = Script::serving(PoolLimits { routing: Routing::PerProcess, ..limits() }, 1);
    t.arrive("a").arrive("b");
    objects(&t, &[("/pools/1/queue/lines/by_len", json!([[0, 1]]), "lengths of private lines")]);
}

#[test]
fn requests_that_do_not_add_up_are_noticed() {
    let mut t = waiting();
    t.complete("p1.0");
    objects(
        &t,
        &[
            ("/pools/1/totals/arrived", json!(5), "do not add up"),
            ("/pools/1/totals/completed", json!(1), "do not add up"),
            ("/requests/3/place", json!({ "Running": { "process": 1, "index": 0 } }), "elsewhere"),
            ("/requests/2/place", json!({ "Waiting": { "since": 0 } }), "waits nowhere"),
            ("/requests/2/place", json!({ "Running": { "process": 1, "index": 0 } }), "thinks"),
            ("/requests/2/place", json!({ "Detached": 1 }), "does not know it"),
            ("/requests/3/suspicions", json!(1), "wrong queue"),
        ],
    );
}

#[test]
fn a_slot_that_is_two_things_is_noticed() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 2);
    t.arrive("a");
    objects(
        &t,
        &[
            ("/processes/1/idle", json!([0]), "p1.0 is"),
            ("/processes/2/idle", json!([1, 1]), "idle twice"),
            ("/processes/2/rank", json!(null), "its rank is old"),
            ("/pools/1/idle", json!([]), "the idle set"),
            ("/pools/1/budget/serving", json!(1), "counts wrong"),
            ("/pools/1/members", json!([1]), ""),
        ],
    );
}

#[test]
fn a_timer_that_nobody_wants_or_that_is_missing_is_noticed() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 1);
    t.arrive("a").drain_wanted(2);
    objects(
        &t,
        &[
            ("/timers", json!([]), "timers are not what"),
            ("/processes/3/timer", json!(1), "timers are not what"),
            ("/processes/1/watch/next", json!(null), "leases are not what"),
            ("/processes/1/watch/retired", json!("Hang"), "is retired and stays"),
            ("/pools/1/limits/leases/first_byte/warn/secs", json!(1), "a lease is not watched"),
        ],
    );
}

#[test]
fn out_of_band_work_that_is_not_granted_is_noticed() {
    let mut t = Script::serving(PoolLimits { processes: 3, ..limits() }, 1);
    t.arrive("a").ask(1).ask(2);
    objects(
        &t,
        &[
            ("/pools/1/limits/oob/concurrent", json!(0), "too many are away"),
            ("/pools/1/limits/oob/min_ready", json!(3), "below the floor"),
            ("/pools/1/budget/taken", json!([2]), "the budget is not"),
            ("/pools/1/oob/line", json!([]), "asks in line"),
            ("/pools/1/oob/overdue", json!([[0, 2]]), "asks in line"),
            ("/processes/2/asks", json!([]), "an ask of nobody"),
        ],
    );
}

#[test]
fn a_suspect_that_is_not_alone_is_noticed() {
    let mut t = Script::serving(PoolLimits { processes: 2, ..limits() }, 2);
    t.arrive_with("a", SAFE).link_lost(1, &[]);
    objects(
        &t,
        &[
            ("/processes/2/detached", json!([7, 8]), "is not alone"),
            ("/pools/1/isolated", json!(null), "at most one is isolated"),
        ],
    );
}

//! What balancers ask: whether clients should come here.

use maitred_engine::Engine;
use maitred_engine::limits::{OverloadLimits, PoolLimits};
use maitred_engine::snapshot::Standing;

use crate::script::{Script, limits, ms, time};

/// Nothing to say against it.
const FINE: Standing = Standing { draining: false, booted: true, overloaded: false, oldest: None };

fn standing(t: &Script) -> Standing {
    t.engine.standing(time(t.now))
}

#[test]
fn a_core_has_booted_when_its_processes_have_and_not_before() {
    assert!(!Engine::new().standing(time(0)).booted, "without a pool nobody is served");
    let mut t = Script::new(limits());
    assert!(!standing(&t).booted);
    t.hello(1, 1);
    assert_eq!(standing(&t), FINE);
}

#[test]
fn taken_slots_and_dead_processes_say_nothing_until_somebody_waits_for_them() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a");
    assert_eq!(standing(&t), FINE, "no slot is idle, and nobody minds");
    t.at(1).link_lost(1, &[]).exited(1);
    assert_eq!(standing(&t), FINE);
    t.at(5).arrive("b").at(7).arrive("c").at(10);
    assert_eq!(standing(&t), Standing { oldest: Some(ms(5)), ..FINE });
    t.hello(2, 2);
    assert_eq!(standing(&t), FINE);
}

#[test]
fn an_overload_shows_although_nobody_waits_for_long_in_it() {
    let (target, interval) = (ms(100), ms(500));
    let overload = Some(OverloadLimits { target, interval });
    let mut t = Script::serving(PoolLimits { overload, ..limits() }, 1);
    t.arrive("a").arrive("b").at(590).arrive("c");
    assert!(!standing(&t).overloaded);
    t.at(600);
    let oldest = Some(ms(10));
    assert_eq!(standing(&t), Standing { overloaded: true, oldest, ..FINE }, "b was refused");
}

#[test]
fn a_core_that_leaves_says_so_at_once() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").drain(10_000);
    assert!(standing(&t).draining);
}

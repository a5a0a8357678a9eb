//! The policy for a lasting overload.

use maitred_engine::class::Class;
use maitred_engine::event::{Refusal, Traits};
use maitred_engine::limits::{OverloadLimits, PoolLimits};

use crate::script::{SAFE, Script, limits, ms, time};

fn pool() -> PoolLimits {
    let overload = OverloadLimits { target: ms(100), interval: ms(500) };
    PoolLimits { overload: Some(overload), ..limits() }
}

#[test]
fn it_is_off_by_default() {
    assert_eq!(PoolLimits::default().overload, None);
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").arrive("b").arrive("c").at(24_000).done("p1.0");
    assert_eq!(t.sent()[0].0, "b");
    assert_eq!(t.pool().queue.overloaded_since, None);
}

#[test]
fn a_burst_is_served_first_come_first_served() {
    let mut t = Script::serving(pool(), 1);
    for request in ["a", "b", "c", "d", "e"] {
        t.arrive(request);
    }
    // The last of them waits 400 ms, far above the target; but for less than an interval.
    let mut order = Vec::new();
    for step in 1..=5 {
        t.at(step * 100).done("p1.0");
        order.extend(t.sent().into_iter().map(|(name, _)| name));
    }
    assert_eq!(order, ["b", "c", "d", "e"]);
    assert_eq!(t.pool().totals.refused.len(), 0);
}

#[test]
fn a_wait_above_the_target_for_an_interval_is_an_overload() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").at(10).arrive("b").at(400).arrive("c").at(590).arrive("d").at(600).arrive("e");
    assert_eq!(t.engine.next_deadline(), Some(time(610)));
    t.at(610);
    assert_eq!(t.pool().queue.overloaded_since, Some(time(610)));
    t.at(650).done("p1.0").at(700);
    // b and c had waited longer than the target; of the others the newest goes first.
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
     10ms b arrives
    400ms c arrives
    590ms d arrives
    600ms e arrives
    610ms time passes
            refuse b: Overload, retry after 3s
            b ended: Refused(Overload), waited 600ms
            refuse c: Overload, retry after 3s
            c ended: Refused(Overload), waited 210ms
    650ms p1.0 complete
    650ms p1.0 ready
            p1.0 free, service 650ms, deferred 0ns
            e to p1.0 after 50ms
    690ms time passes
            refuse d: Overload, retry after 2s
            d ended: Refused(Overload), waited 100ms
    ");
}

#[test]
fn it_ends_when_nobody_waits() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").arrive("b").at(550).arrive("c").at(610);
    assert_eq!(t.pool().queue.overloaded_since, Some(time(600)));
    t.at(620).done("p1.0");
    assert_eq!(t.sent()[0].0, "c");
    assert_eq!(t.pool().queue.overloaded_since, None);
    assert_eq!(t.pool().queue.wait_max, ms(25_000));
}

#[test]
fn it_ends_when_nobody_reached_the_target_for_an_interval() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").arrive("b").at(590).arrive("r0").at(600);
    assert_eq!(t.pool().totals.refused[&Refusal::Overload], 1, "b");
    // From here on somebody waits at any time, but nobody for longer than 60 ms.
    for step in 1..=9_u64 {
        assert_eq!(t.pool().queue.overloaded_since, Some(time(600)));
        t.at(590 + step * 60).arrive(&format!("r{step}")).gone(&format!("r{}", step - 1));
    }
    assert_eq!(t.pool().queue.overloaded_since, None);
    assert_eq!(t.pool().totals.refused[&Refusal::Overload], 1);
}

#[test]
fn priorities_hold_in_an_overload() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").arrive("b").at(600 - 1);
    t.arrive_with("high", Traits { class: Class::High, ..SAFE }).at(620).arrive("c").at(630);
    t.done("p1.0");
    assert_eq!(t.sent()[0].0, "high", "although c is newer");
}

#[test]
fn waiting_for_the_first_boot_is_no_overload() {
    let mut t = Script::new(pool());
    t.arrive("a").arrive("b").at(30_000).hello(1, 1);
    assert_eq!(t.sent()[0].0, "a");
    assert_eq!(t.engine.next_deadline(), Some(time(30_600)), "its patience begins with the boot");
}

#[test]
fn it_begins_an_interval_after_somebody_reached_the_target_whoever_waits_by_then() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").arrive("b").at(200).arrive("c").at(300).gone("b").at(599).arrive("d");
    assert_eq!(t.pool().queue.overloaded_since, None);
    t.at(600);
    assert_eq!(t.pool().queue.overloaded_since, Some(time(600)), "b and c, one after the other");
}

#[test]
fn a_wait_below_the_target_in_between_begins_the_interval_anew() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").arrive("b").at(150).arrive("c").gone("b");
    assert_eq!(t.engine.next_deadline(), Some(time(750)), "c reaches the target at 250 ms");
    t.at(749).arrive("d");
    assert_eq!(t.pool().queue.overloaded_since, None);
    t.at(750);
    assert_eq!(t.pool().queue.overloaded_since, Some(time(750)));
}

#[test]
fn it_goes_on_when_the_target_is_reached_in_the_last_moment_of_the_interval() {
    let mut t = Script::serving(pool(), 1);
    t.arrive("a").arrive("b").at(590).arrive("r0").at(600);
    for (step, at) in (1..).zip([650, 700, 750, 800, 850, 900, 950, 1_000]) {
        t.at(at).arrive(&format!("r{step}")).gone(&format!("r{}", step - 1));
    }
    t.at(1_050).arrive("c").at(1_100);
    assert_eq!(t.pool().totals.refused[&Refusal::Overload], 2, "b and r8");
    assert_eq!(t.pool().queue.overloaded_since, Some(time(600)));
    t.at(1_110).gone("c").arrive("d").arrive("e").done("p1.0");
    assert_eq!(t.sent()[0].0, "d", "nobody waited for a moment, so it ended after all");
}

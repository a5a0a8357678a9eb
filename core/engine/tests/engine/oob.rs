//! Out-of-band work: the sentences of rule R8, one story each.

use maitred_engine::event::{Input, OobAsk, OobBy, OobOutcome, OobWord};
use maitred_engine::id::ProcessId;
use maitred_engine::limits::{OobLimits, PoolLimits, Routing};
use maitred_engine::snapshot::{OobWaitsFor, PhasePicture};

use crate::script::{SAFE, Script, gc, limits, ms};

fn pool(processes: u32) -> PoolLimits {
    PoolLimits { processes, ..limits() }
}

fn two_at_once(processes: u32) -> PoolLimits {
    PoolLimits { oob: OobLimits { concurrent: 2, ..OobLimits::default() }, ..pool(processes) }
}

fn within(span: u64) -> OobAsk {
    OobAsk { not_later_than: Some(ms(span)), ..gc() }
}

fn waits_for(t: &Script) -> Vec<(ProcessId, Option<OobWaitsFor>)> {
    t.pool().oob.asks.iter().map(|ask| (ask.process, ask.waits_for)).collect()
}

#[test]
fn an_ask_is_granted_and_its_process_comes_back_to_work() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(2).arrive("a").at(200).oob_done(2).arrive("b");
    insta::assert_snapshot!(t.transcript(), @r"
      0ms p2 asks for gc
            p2 out of band: gc, by App
      0ms a arrives
            a to p1.0 after 0ns
    200ms p2 out-of-band work: Done
            ! gc of p2: Done, waited 0ns, took 200ms
    200ms b arrives
            b to p2.0 after 0ns
    ");
}

#[test]
fn a_process_is_emptied_before_it_goes_out_and_gets_nothing_meanwhile() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive("a").arrive("b").at(1).ask(1);
    assert_eq!(t.process(1).phase, PhasePicture::Quiescing);
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::Slots))]);
    t.at(2).arrive("c").at(9).complete("p1.0").at(12).ready("p1.0");
    assert_eq!(t.process(1).phase, PhasePicture::Out);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     0ms b arrives
           b to p2.0 after 0ns
     1ms p1 asks for gc
     2ms c arrives
           c to p2.1 after 0ns
     9ms p1.0 complete
    12ms p1.0 ready
           p1.0 free, service 9ms, deferred 3ms
           p1 out of band: gc, by App
    ");
}

#[test]
fn no_more_than_the_limit_are_away_at_once() {
    let mut t = Script::serving(pool(4), 1);
    t.ask(1).ask(2).ask(3);
    let limit = Some(OobWaitsFor::Limit);
    assert_eq!(waits_for(&t), [(ProcessId(1), None), (ProcessId(2), limit), (ProcessId(3), limit)]);
    t.at(100).oob_done(1).at(200).oob_done(2).at(300).oob_done(3);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms p1 asks for gc
            p1 out of band: gc, by App
      0ms p2 asks for gc
      0ms p3 asks for gc
    100ms p1 out-of-band work: Done
            ! gc of p1: Done, waited 0ns, took 100ms
            p2 out of band: gc, by App
    200ms p2 out-of-band work: Done
            ! gc of p2: Done, waited 100ms, took 100ms
            p3 out of band: gc, by App
    300ms p3 out-of-band work: Done
            ! gc of p3: Done, waited 200ms, took 100ms
    ");
    assert_eq!(t.pool().oob.peak, 1);
}

#[test]
fn one_that_is_quiescing_counts_as_away() {
    let mut t = Script::serving(pool(4), 1);
    t.arrive("a").ask(1).ask(2);
    let (slots, limit) = (Some(OobWaitsFor::Slots), Some(OobWaitsFor::Limit));
    assert_eq!(waits_for(&t), [(ProcessId(1), slots), (ProcessId(2), limit)]);
    t.at(10).done("p1.0");
    assert_eq!(waits_for(&t), [(ProcessId(1), None), (ProcessId(2), limit)]);
    assert_eq!(t.pool().oob.peak, 1);
}

#[test]
fn the_last_one_that_serves_is_not_replaced_before_its_replacement_is_up() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).drain_wanted(2).at(5_000);
    assert_eq!(t.process(2).phase, PhasePicture::Serving, "it is the floor while p1 is out");
    t.hello(3, 1);
    assert_eq!(t.process(2).phase, PhasePicture::Draining);
}

#[test]
fn the_limit_may_be_more_than_one() {
    let mut t = Script::serving(two_at_once(4), 1);
    t.ask(1).ask(2).ask(3);
    assert_eq!((t.pool().slots.out_of_band, t.pool().oob.peak), (2, 2));
    assert_eq!(waits_for(&t)[2], (ProcessId(3), Some(OobWaitsFor::Limit)));
}

#[test]
fn enough_others_stay_able_to_serve() {
    let mut t = Script::serving(two_at_once(2), 1);
    t.ask(1).ask(2);
    assert_eq!(waits_for(&t)[1], (ProcessId(2), Some(OobWaitsFor::Floor)));
    t.oob_done(1);
    assert_eq!(waits_for(&t), [(ProcessId(2), None)]);
}

#[test]
fn the_floor_counts_only_those_that_have_booted() {
    let mut t = Script::serving(pool(2), 1);
    t.link_lost(2, &[]).exited(2).ask(1).at(1_000);
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::Floor))]);
    t.hello(3, 1);
    assert_eq!(t.process(1).phase, PhasePicture::Out);
}

#[test]
fn quiescing_ends_when_the_floor_is_needed() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").ask(1).link_lost(2, &[]);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1 asks for gc
    0ms p2 link lost
          ! p2 died, suspects []
          spawn p3
    ");
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::Floor))]);
}

#[test]
fn it_waits_for_a_quiet_moment() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").ask(1);
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::IdleSlot))]);
    t.arrive("c");
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::Queue))]);
    t.at(10).done("p1.0").at(20).done("p2.0");
    assert_eq!(t.process(1).phase, PhasePicture::Quiescing);
    t.at(30).done("p1.0");
    assert_eq!(t.process(1).phase, PhasePicture::Out);
}

#[test]
fn quiescing_is_given_up_when_the_queue_fills() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive("a").at(1).ask(1).at(2).arrive("b").arrive("c").at(3).arrive("d");
    // The next quiet moment is another chance.
    t.at(4).done("p1.0").at(5).done("p1.1").at(6).done("p2.0");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    1ms p1 asks for gc
    2ms b arrives
          b to p2.0 after 0ns
    2ms c arrives
          c to p2.1 after 0ns
    3ms d arrives
          d to p1.1 after 0ns
    4ms p1.0 complete
    4ms p1.0 ready
          p1.0 free, service 4ms, deferred 0ns
    5ms p1.1 complete
    5ms p1.1 ready
          p1.1 free, service 2ms, deferred 0ns
    6ms p2.0 complete
    6ms p2.0 ready
          p2.0 free, service 4ms, deferred 0ns
          p1 out of band: gc, by App
    ");
}

#[test]
fn past_its_deadline_any_moment_is_quiet_enough() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").arrive("c").arrive("d").ask_for(1, &within(100));
    t.at(99);
    assert!(!t.pool().oob.asks[0].overdue);
    t.at(100);
    assert!(t.pool().oob.asks[0].overdue);
    t.at(150).done("p1.0").at(160).done("p2.0").at(300).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
      0ms b arrives
            b to p2.0 after 0ns
      0ms c arrives
      0ms d arrives
      0ms p1 asks for gc
    100ms time passes
            ! gc of p1 is overdue
    150ms p1.0 complete
    150ms p1.0 ready
            p1.0 free, service 150ms, deferred 0ns
            p1 out of band: gc, by App
    160ms p2.0 complete
    160ms p2.0 ready
            p2.0 free, service 160ms, deferred 0ns
            c to p2.0 after 160ms
    300ms p1 out-of-band work: Done
            ! gc of p1: Done, waited 150ms, took 150ms, overdue
            d to p1.0 after 300ms
    ");
}

#[test]
fn past_its_deadline_quiescing_is_not_given_up() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive("a").ask_for(1, &within(100)).at(100).arrive("b").arrive("c").arrive("d");
    assert_eq!(t.process(1).phase, PhasePicture::Quiescing, "d waits, and so be it");
    assert_eq!(t.pool().totals.queued, 1);
    t.at(110).done("p1.0");
    assert_eq!(t.process(1).phase, PhasePicture::Out);
}

#[test]
fn the_limit_holds_past_the_deadline() {
    let mut t = Script::serving(pool(3), 1);
    t.ask(1).ask_for(2, &within(50)).at(10_000);
    let ask = t.pool().oob.asks.remove(1);
    assert_eq!((ask.overdue, ask.waits_for), (true, Some(OobWaitsFor::Limit)));
    t.oob_done(1);
    assert_eq!(t.process(2).phase, PhasePicture::Out);
}

#[test]
fn the_floor_holds_past_the_deadline() {
    let mut t = Script::serving(pool(2), 1);
    t.link_lost(2, &[]).ask_for(1, &within(50)).at(30_000);
    let ask = t.pool().oob.asks.remove(0);
    assert_eq!((ask.overdue, ask.waits_for), (true, Some(OobWaitsFor::Floor)));
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
}

#[test]
fn the_one_that_is_overdue_for_longest_goes_first() {
    let mut t = Script::serving(pool(4), 1);
    t.ask(1).ask(2).ask_for(3, &within(200)).ask_for(4, &within(100)).at(300).oob_done(1);
    assert_eq!(t.process(4).phase, PhasePicture::Out);
    t.oob_done(4);
    assert_eq!(t.process(3).phase, PhasePicture::Out);
    t.oob_done(3);
    assert_eq!(t.process(2).phase, PhasePicture::Out);
}

#[test]
fn a_pool_of_one_does_it_when_it_has_nothing_else_to_do() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").arrive("b").ask_for(1, &within(20));
    assert!(t.pool().oob.small_pool, "the status says so");
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::EmptyQueue))]);
    // Its deadline changes nothing about that.
    t.at(30).done("p1.0").at(40).done("p1.0").at(41).arrive("c").at(60).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     0ms b arrives
     0ms p1 asks for gc
    20ms time passes
           ! gc of p1 is overdue
    30ms p1.0 complete
    30ms p1.0 ready
           p1.0 free, service 30ms, deferred 0ns
           b to p1.0 after 30ms
    40ms p1.0 complete
    40ms p1.0 ready
           p1.0 free, service 10ms, deferred 0ns
           p1 out of band: gc, by App
    41ms c arrives
    60ms p1 out-of-band work: Done
           ! gc of p1: Done, waited 40ms, took 20ms, overdue
           c to p1.0 after 19ms
    ");
}

#[test]
fn it_ends_by_the_word_of_the_app() {
    for (word, outcome) in [
        (OobWord::Done, OobOutcome::Done),
        (OobWord::Failed, OobOutcome::Failed),
        (OobWord::NoHandler, OobOutcome::NoHandler),
    ] {
        let mut t = Script::serving(pool(2), 1);
        t.ask(1).at(59_999).oob_ended(1, word);
        assert_eq!(t.process(1).phase, PhasePicture::Serving);
        assert_eq!(t.pool().totals.oob[&outcome], 1);
    }
}

#[test]
fn one_that_exceeds_its_lease_is_replaced_and_never_put_back_to_work() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).at(60_000);
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
    // Its word comes too late for anything but a peaceful end.
    t.at(60_001).goodbye(1, &[]).hello(3, 1).at(61_000).oob_done(1).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
        0ms p1 asks for gc
              p1 out of band: gc, by App
    60000ms time passes
              ! gc of p1: Overstayed, waited 0ns, took 60s
              ! p1 retired: Oob
              drain p1: Deadline
              spawn p3
    60001ms p1 goodbye
    60001ms p3 hello, 1 slots
              ! p3 booted in 1ms
    61000ms p1 out-of-band work: Done
              close the link of p1
    61000ms p1 exited
    ");
    assert_eq!(t.pool().totals.oob[&OobOutcome::Overstayed], 1);
}

#[test]
fn one_that_never_comes_back_is_killed() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).at(60_000).goodbye(1, &[]);
    t.transcript();
    t.at(90_000);
    insta::assert_snapshot!(t.transcript(), @r"
    85000ms time passes
              terminate p1
    90000ms time passes
              kill p1: DrainLease
    ");
}

#[test]
fn one_that_never_comes_back_leaves_nothing_behind_when_it_dies() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).at(60_000).link_lost(1, &[]);
    assert!(t.pool().oob.asks.is_empty());
    t.exited(1).hello(3, 1).ask(3);
    assert_eq!(t.process(3).phase, PhasePicture::Out, "the budget knows that it is gone");
    assert_eq!(t.pool().totals.oob[&OobOutcome::Overstayed], 1);
}

#[test]
fn asks_of_one_kind_coalesce_and_are_counted() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").ask(1).ask(1);
    let why = OobAsk { reason: "300 MB".to_owned(), ..within(500) };
    t.at(10).ask_for(1, &why).ask_for(1, &OobAsk { kind: "warm".to_owned(), ..gc() });
    let asks = t.pool().oob.asks;
    assert_eq!(asks.len(), 2);
    assert_eq!((asks[0].coalesced, asks[0].age), (2, ms(10)));
    assert_eq!(asks[0].what.reason, "300 MB");
    assert!(!asks[0].overdue);
    t.at(510);
    assert!(t.pool().oob.asks[0].overdue, "the earlier deadline counts");
    t.ask_for(1, &OobAsk { by: OobBy::Operator, ..gc() });
    assert_eq!(t.pool().oob.asks[0].what.by, OobBy::Operator);
}

#[test]
fn what_is_asked_for_while_it_is_out_is_a_new_ask() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).at(5).ask(1).at(10).oob_done(1).at(20).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms p1 asks for gc
           p1 out of band: gc, by App
     5ms p1 asks for gc
    10ms p1 out-of-band work: Done
           ! gc of p1: Done, waited 0ns, took 10ms
           p1 out of band: gc, by App
    20ms p1 out-of-band work: Done
           ! gc of p1: Done, waited 5ms, took 10ms
    ");
}

#[test]
fn an_ask_can_be_taken_back_until_it_is_granted() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").ask(1).at(1).ask_no_more(1, "gc");
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
    t.done("p1.0").ask(1).at(2).ask_no_more(1, "gc").at(3).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1 asks for gc
    1ms p1 wants no gc
          ! gc of p1: Withdrawn, waited 1ms
    1ms p1.0 complete
    1ms p1.0 ready
          p1.0 free, service 1ms, deferred 0ns
    1ms p1 asks for gc
          p1 out of band: gc, by App
    2ms p1 wants no gc
    3ms p1 out-of-band work: Done
          ! gc of p1: Done, waited 0ns, took 2ms
    ");
}

#[test]
fn an_ask_of_an_operator_needs_no_ask_of_the_app() {
    let mut t = Script::serving(pool(2), 1);
    t.ask_for(1, &OobAsk { by: OobBy::Operator, ..within(0) });
    t.oob_ended(1, OobWord::NoHandler);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms p1 asks for gc
          p1 out of band: gc, by Operator
    0ms p1 out-of-band work: NoHandler
          ! gc of p1: NoHandler, waited 0ns, took 0ns
    ");
}

#[test]
fn a_process_that_leaves_drops_what_it_waits_for() {
    let mut t = Script::serving(pool(3), 1);
    t.ask(1).ask(2).drain_wanted(2).hello(4, 1);
    assert_eq!(t.pool().totals.oob[&OobOutcome::Dropped], 1);
    assert_eq!(waits_for(&t), [(ProcessId(1), None)]);
}

#[test]
fn a_process_that_is_told_to_leave_while_it_is_out_is_let_finish() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).drain_wanted(1).hello(3, 1).at(5).goodbye(1, &[]).at(10).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms p1 asks for gc
           p1 out of band: gc, by App
     0ms p1 wants to be drained
           spawn p3
     0ms p3 hello, 1 slots
           ! p3 booted in 0ns
           drain p1: Replaced
     5ms p1 goodbye
    10ms p1 out-of-band work: Done
           ! gc of p1: Done, waited 0ns, took 10ms
           close the link of p1
    ");
}

#[test]
fn what_a_dead_process_was_doing_is_lost() {
    let mut t = Script::serving(pool(2), 1);
    t.ask(1).at(7).link_lost(1, &[]);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms p1 asks for gc
          p1 out of band: gc, by App
    7ms p1 link lost
          ! p1 died, suspects []
          ! gc of p1: Lost, waited 0ns, took 7ms
          spawn p3
    ");
}

#[test]
fn a_process_that_does_not_become_empty_serves_on() {
    let limits =
        PoolLimits { oob: OobLimits { quiesce_max: ms(1_000), ..OobLimits::default() }, ..pool(2) };
    let mut t = Script::serving(limits, 2);
    t.arrive("endless").ask(1).at(1_000);
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::NextTry))]);
    t.at(1_500).gone("endless").done("p1.0").at(1_999);
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
    t.at(2_000);
    assert_eq!(t.process(1).phase, PhasePicture::Out);
}

#[test]
fn a_core_that_leaves_grants_nothing() {
    let mut t = Script::serving(pool(3), 1);
    t.ask(1).arrive("a").ask(2).drain(25_000).ask(3).at(10).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms p1 asks for gc
           p1 out of band: gc, by App
     0ms a arrives
           a to p2.0 after 0ns
     0ms p2 asks for gc
     0ms the core leaves
           ! gc of p2: Dropped, waited 0ns
           drain p1: Shutdown
     0ms p3 asks for gc
           ! gc of p3: Dropped, waited 0ns
    10ms p1 out-of-band work: Done
           ! gc of p1: Done, waited 0ns, took 10ms
    ");
}

#[test]
fn a_core_that_leaves_puts_those_that_are_quiescing_back_to_work() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive("a").ask(1);
    assert_eq!(t.process(1).phase, PhasePicture::Quiescing);
    t.at(5).drain(25_000);
    assert_eq!(t.process(1).phase, PhasePicture::Serving, "somebody may still come");
    assert_eq!(t.pool().totals.oob[&OobOutcome::Dropped], 1);
}

#[test]
fn a_suspect_takes_nobody_away_below_the_floor() {
    let mut t = Script::serving(pool(2), 2);
    t.ask(1).arrive_with("a", SAFE).arrive("b").link_lost(2, &[]).exited(2).hello(3, 2);
    // p3 would be isolated for a, if p1 were there.
    assert_eq!(t.process(3).phase, PhasePicture::Serving);
    t.oob_done(1);
    assert_eq!(t.pool().totals.queued, 0, "now there is room for a");
}

#[test]
fn kinds_have_an_end() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a");
    for kind in 0..20 {
        t.ask_for(1, &OobAsk { kind: format!("kind-{kind}"), ..gc() });
    }
    assert_eq!(t.pool().oob.asks.len(), 16);
    assert_eq!(t.pool().totals.oob[&OobOutcome::Dropped], 4);
}

#[test]
fn words_about_work_that_nobody_granted_change_nothing() {
    let mut t = Script::serving(pool(2), 1);
    t.oob_done(1).ask_no_more(1, "gc").oob_done(9).ask(9).ask_no_more(9, "gc");
    assert!(t.pool().totals.oob.is_empty());
    let input = Input::OobAsked { process: ProcessId(3), what: Box::new(gc()) };
    t.link_lost(2, &[]).tell("p3, which boots, asks", input);
    assert!(t.pool().oob.asks.is_empty());
}

#[test]
fn slot_time_out_of_band_has_its_own_account() {
    let mut t = Script::serving(pool(2), 1);
    t.at(10).ask(1).at(40).oob_done(1).at(45);
    let process = t.process(1);
    assert_eq!((process.idle, process.out_of_band, process.withdrawn), (ms(15), ms(30), ms(0)));
}

#[test]
fn the_only_one_that_is_idle_does_not_go() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").ask(2);
    assert_eq!(waits_for(&t), [(ProcessId(2), Some(OobWaitsFor::IdleSlot))]);
    t.at(5).done("p1.0");
    assert_eq!(t.process(2).phase, PhasePicture::Out);
}

#[test]
fn one_that_is_idle_goes_while_another_is_idle_as_well() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive("a").ask(2).oob_done(2).ask(3);
    assert_eq!(t.process(3).phase, PhasePicture::Out);
}

#[test]
fn a_pool_that_never_has_its_floor_does_it_on_an_empty_queue_whoever_waits_for_whom() {
    let oob = OobLimits { min_ready: 2, ..OobLimits::default() };
    let mut t = Script::serving(PoolLimits { oob, routing: Routing::PerProcess, ..pool(2) }, 1);
    t.arrive("a").arrive("b").arrive("c").done("p2.0").ask(2);
    assert_eq!((t.process(1).queued, t.pool().oob.small_pool), (1, true));
    assert_eq!(waits_for(&t), [(ProcessId(2), Some(OobWaitsFor::EmptyQueue))]);
    t.at(5).done("p1.0");
    assert_eq!(t.process(2).phase, PhasePicture::Out);
}

#[test]
fn a_pool_of_one_without_a_floor_does_it_between_two_requests() {
    let oob = OobLimits { min_ready: 0, ..OobLimits::default() };
    let mut t = Script::serving(PoolLimits { oob, ..pool(1) }, 2);
    t.arrive("a").ask(1);
    assert!(!t.pool().oob.small_pool);
    assert_eq!(waits_for(&t), [(ProcessId(1), Some(OobWaitsFor::IdleSlot))]);
    t.at(5).done("p1.0");
    assert_eq!(t.process(1).phase, PhasePicture::Out);
}

#[test]
fn an_ask_that_cannot_wait_any_longer_makes_an_older_one_of_its_kind_overdue() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").arrive("c").ask(1).at(1).ask_for(1, &within(0));
    assert!(t.pool().oob.asks[0].overdue);
    t.at(5).done("p1.0");
    assert_eq!(t.process(1).phase, PhasePicture::Out, "although c waits");
}

#[test]
fn an_ask_that_can_wait_longer_changes_nothing_about_an_older_one() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").ask_for(1, &within(100)).at(50).ask_for(1, &within(100)).at(99);
    assert!(!t.pool().oob.asks[0].overdue);
    t.at(100);
    assert!(t.pool().oob.asks[0].overdue);
}

#[test]
fn a_process_that_is_quiescing_hears_of_a_deadline_that_comes_sooner() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive("a").ask(1).at(1).ask_for(1, &within(10)).at(20);
    assert_eq!(t.process(1).phase, PhasePicture::Quiescing);
    // All slots of the others are taken, and so be it.
    t.arrive("b").arrive("c").arrive("d");
    assert_eq!(t.process(1).phase, PhasePicture::Quiescing);
    assert_eq!(t.pool().totals.queued, 1);
}

#[test]
fn what_is_out_is_not_overdue_whatever_the_time() {
    let mut t = Script::serving(pool(2), 1);
    t.ask_for(1, &within(10)).at(50).oob_done(1);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms p1 asks for gc
           p1 out of band: gc, by App
    10ms time passes
    50ms p1 out-of-band work: Done
           ! gc of p1: Done, waited 0ns, took 50ms
    ");
}

#[test]
fn what_rests_is_named_as_overdue_once() {
    let oob = OobLimits { quiesce_max: ms(100), ..OobLimits::default() };
    let mut t = Script::serving(PoolLimits { oob, ..pool(2) }, 2);
    t.arrive("endless").ask_for(1, &within(50)).at(420);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms endless arrives
            endless to p1.0 after 0ns
      0ms p1 asks for gc
     50ms time passes
            ! gc of p1 is overdue
    100ms time passes
    200ms time passes
    300ms time passes
    400ms time passes
    ");
    assert_eq!(t.pool().totals.oob_given_up, 2);
    assert_eq!(t.pool().oob.asks[0].given_up, 2);
}

#[test]
fn a_suspect_may_take_one_away_while_another_is_out_and_enough_are_left() {
    let mut t = Script::serving(pool(4), 2);
    t.ask(1).arrive_with("a", SAFE).arrive("x").arrive("y").link_lost(2, &[]).exited(2);
    assert_eq!(t.process(1).phase, PhasePicture::Out);
    let mut isolated = t.pool().processes.into_iter();
    assert!(isolated.any(|process| process.phase == PhasePicture::Isolated));
}

#[test]
fn one_that_is_withdrawn_for_a_suspect_goes_out_when_that_is_done() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive_with("a", SAFE).link_lost(1, &[]).exited(1).hello(4, 2);
    assert_eq!(t.process(2).phase, PhasePicture::Isolated);
    t.ask_for(2, &within(0));
    assert_eq!(waits_for(&t), [(ProcessId(2), Some(OobWaitsFor::Process))]);
    assert_eq!(t.process(2).phase, PhasePicture::Isolated);
    t.at(5).done("p2.0");
    assert_eq!(t.process(2).phase, PhasePicture::Out);
}

//! Leases: what overstays is said, told, and in the end replaced (rule R7).

use std::num::NonZeroU32;
use std::time::Duration;

use maitred_engine::event::{Deadlines, Interrupt, Notice, Output, Step, Traits};
use maitred_engine::limits::{Lease, LeaseKind, Leases, PoolLimits};
use maitred_engine::snapshot::PhasePicture;

use crate::script::{SAFE, Script, limits, ms};

/// Every step at a time of its own.
fn lease(warn: u64, max: u64) -> Lease {
    Lease {
        warn: Some(ms(warn)),
        warn_dumps: true,
        max: Some(ms(max)),
        raise_after: Some(ms(10)),
        retire_after: Some(ms(20)),
    }
}

fn never() -> Lease {
    Lease { warn: None, warn_dumps: false, max: None, raise_after: None, retire_after: None }
}

/// No lease but those that a story is about.
fn quiet() -> Leases {
    let never = never();
    Leases {
        first_byte: never,
        request: never,
        deferred: never,
        hang: never,
        dump_pause: Duration::ZERO,
    }
}

fn pool(leases: Leases) -> PoolLimits {
    let leases = Box::new(leases);
    PoolLimits { drain_max: ms(25), exit_max: ms(5), leases, ..limits() }
}

fn within(first_byte: u32, request: u32, deferred: u32) -> Traits {
    let deadlines = Deadlines {
        first_byte: NonZeroU32::new(first_byte),
        request: NonZeroU32::new(request),
        deferred: NonZeroU32::new(deferred),
    };
    Traits { deadlines, ..SAFE }
}

#[test]
fn r7_the_escalation_is_warn_tell_raise_retire_terminate_kill() {
    let mut t = Script::serving(pool(Leases { first_byte: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").at(225).hello(2, 1).at(256).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
    100ms time passes
            ! p1.0 a overstays FirstByte, Warn after 100ms
            interrupt p1.0: Dump
    200ms time passes
            ! p1.0 a overstays FirstByte, Tell after 200ms
            cancel p1.0: Deadline
            fail a: FirstByteLease
            a ended: Failed(FirstByteLease), waited 0ns
            interrupt p1.0: Dump
    210ms time passes
            ! p1.0 a overstays FirstByte, Raise after 210ms
            interrupt p1.0: Raise
    220ms time passes
            ! p1 retired: FirstByte
            spawn p2
    225ms p2 hello, 1 slots
            ! p2 booted in 5ms
            drain p1: Deadline
    250ms time passes
            terminate p1
    255ms time passes
            kill p1: DrainLease
    256ms p1 exited
    ");
    let counts = t.pool().totals.leases;
    let first = counts[&LeaseKind::FirstByte];
    assert_eq!((first.warned, first.told, first.raised, first.retired), (1, 1, 1, 1));
    assert_eq!((counts[&LeaseKind::Drain].terminated, counts[&LeaseKind::Drain].killed), (1, 1));
}

#[test]
fn first_byte_and_whole_request_only_warn_by_default() {
    let mut t = Script::serving(limits(), 2);
    t.arrive("silent").arrive("long").at(59_000).started("p1.1").at(600_000);
    t.done("p1.0").done("p1.1");
    insta::assert_snapshot!(t.transcript(), @r"
         0ms silent arrives
               silent to p1.0 after 0ns
         0ms long arrives
               long to p1.1 after 0ns
     59000ms p1.1 response
     60000ms time passes
               ! p1.0 silent overstays FirstByte, Warn after 60s
               interrupt p1.0: Dump
               ! p1.1 long overstays Request, Warn after 60s
    600000ms p1.0 complete
    600000ms p1.0 ready
               p1.0 free, service 600s, deferred 0ns
    600000ms p1.1 complete
    600000ms p1.1 ready
               p1.1 free, service 600s, deferred 0ns
    ");
}

#[test]
fn the_first_byte_lease_is_kept_by_the_first_byte() {
    let mut t = Script::serving(pool(Leases { first_byte: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").at(99).started("p1.0").at(5_000).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
       0ms a arrives
             a to p1.0 after 0ns
      99ms p1.0 response
     100ms time passes
    5000ms p1.0 complete
    5000ms p1.0 ready
             p1.0 free, service 5s, deferred 0ns
    ");
}

#[test]
fn a_whole_request_is_cut_when_that_is_configured_although_it_had_begun() {
    let mut t = Script::serving(pool(Leases { request: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").started("p1.0").at(205).arrive("next").done("p1.0").at(1_000).done("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
       0ms a arrives
             a to p1.0 after 0ns
       0ms p1.0 response
     100ms time passes
             ! p1.0 a overstays Request, Warn after 100ms
             interrupt p1.0: Dump
     200ms time passes
             ! p1.0 a overstays Request, Tell after 200ms
             cancel p1.0: Deadline
             fail a: RequestLease
             a ended: Failed(RequestLease), waited 0ns
             interrupt p1.0: Dump
     205ms next arrives
     205ms p1.0 complete
     205ms p1.0 ready
             p1.0 free, service 205ms, deferred 0ns
             next to p1.0 after 0ns
     210ms time passes
     305ms time passes
             ! p1.0 next overstays Request, Warn after 100ms
             interrupt p1.0: Dump
     405ms time passes
             ! p1.0 next overstays Request, Tell after 200ms
             cancel p1.0: Deadline
             fail next: RequestLease
             next ended: Failed(RequestLease), waited 0ns
             interrupt p1.0: Dump
     415ms time passes
             ! p1.0 next overstays Request, Raise after 210ms
             interrupt p1.0: Raise
     425ms time passes
             ! p1 retired: Request
             spawn p2
    1000ms p1.0 complete
    1000ms p1.0 ready
             p1.0 free, service 795ms, deferred 0ns
    ");
}

#[test]
fn deferred_work_is_warned_of_at_30_s_and_retires_its_process_at_300_s() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").complete("p1.0").delivered("a").at(300_000);
    insta::assert_snapshot!(t.transcript(), @r"
         0ms a arrives
               a to p1.0 after 0ns
         0ms p1.0 complete
         0ms a delivered
               a ended: Completed, waited 0ns, service 0ns, delivery 0ns
     30000ms time passes
               ! p1.0 a overstays Deferred, Warn after 30s
               interrupt p1.0: Dump
    300000ms time passes
               ! p1.0 a overstays Deferred, Tell after 300s
               cancel p1.0: Deadline
               interrupt p1.0: Dump
               ! p1 retired: Deferred
               spawn p2
    ");
    assert_eq!(t.process(1).phase, PhasePicture::Retiring);
    assert_eq!(t.process(1).retired, Some(LeaseKind::Deferred));
}

#[test]
fn one_slot_that_overstays_costs_the_others_nothing_until_the_replacement_is_up() {
    let mut t = Script::serving(pool(Leases { deferred: lease(100, 200), ..quiet() }), 3);
    t.arrive("stuck").complete("p1.0").delivered("stuck").at(220);
    // It serves on with its other slots.
    t.arrive("b").done("p1.1").delivered("b").at(230).arrive("c").at(240);
    // Now nothing new goes to it, and what runs in it is finished.
    t.hello(2, 3).arrive("d").at(250).done("p1.1").delivered("c");
    insta::assert_snapshot!(t.transcript(), @r"
      0ms stuck arrives
            stuck to p1.0 after 0ns
      0ms p1.0 complete
      0ms stuck delivered
            stuck ended: Completed, waited 0ns, service 0ns, delivery 0ns
    100ms time passes
            ! p1.0 stuck overstays Deferred, Warn after 100ms
            interrupt p1.0: Dump
    200ms time passes
            ! p1.0 stuck overstays Deferred, Tell after 200ms
            cancel p1.0: Deadline
            interrupt p1.0: Dump
    210ms time passes
            ! p1.0 stuck overstays Deferred, Raise after 210ms
            interrupt p1.0: Raise
    220ms time passes
            ! p1 retired: Deferred
            spawn p2
    220ms b arrives
            b to p1.1 after 0ns
    220ms p1.1 complete
    220ms p1.1 ready
            p1.1 free, service 0ns, deferred 0ns
    220ms b delivered
            b ended: Completed, waited 0ns, service 0ns, delivery 0ns
    230ms c arrives
            c to p1.1 after 0ns
    240ms p2 hello, 3 slots
            ! p2 booted in 20ms
            drain p1: Deadline
    240ms d arrives
            d to p2.0 after 0ns
    250ms p1.1 complete
    250ms p1.1 ready
            p1.1 free, service 20ms, deferred 0ns
    250ms c delivered
            c ended: Completed, waited 0ns, service 20ms, delivery 0ns
    ");
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
}

#[test]
fn a_replacement_that_does_not_boot_leaves_the_other_slots_serving() {
    let mut t = Script::serving(pool(Leases { deferred: lease(100, 200), ..quiet() }), 2);
    t.arrive("stuck").complete("p1.0").at(221).exited(2).arrive("b");
    assert_eq!(t.sent(), [("b".to_owned(), "p1.1".to_owned())]);
}

#[test]
fn a_process_that_is_retired_drains_when_its_work_ends_after_all() {
    let mut t = Script::serving(pool(Leases { deferred: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").complete("p1.0").delivered("a").at(220).ready("p1.0").arrive("b");
    t.done("p1.0").delivered("b").at(230).hello(2, 1).goodbye(1, &[]).link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
      0ms p1.0 complete
      0ms a delivered
            a ended: Completed, waited 0ns, service 0ns, delivery 0ns
    100ms time passes
            ! p1.0 a overstays Deferred, Warn after 100ms
            interrupt p1.0: Dump
    200ms time passes
            ! p1.0 a overstays Deferred, Tell after 200ms
            cancel p1.0: Deadline
            interrupt p1.0: Dump
    210ms time passes
            ! p1.0 a overstays Deferred, Raise after 210ms
            interrupt p1.0: Raise
    220ms time passes
            ! p1 retired: Deferred
            spawn p2
    220ms p1.0 ready
            p1.0 free, service 0ns, deferred 220ms
    220ms b arrives
            b to p1.0 after 0ns
    220ms p1.0 complete
    220ms p1.0 ready
            p1.0 free, service 0ns, deferred 0ns
    220ms b delivered
            b ended: Completed, waited 0ns, service 0ns, delivery 0ns
    230ms p2 hello, 1 slots
            ! p2 booted in 10ms
            drain p1: Deadline
    230ms p1 goodbye
            close the link of p1
    230ms p1 link lost
    230ms p1 exited
    ");
}

#[test]
fn what_is_told_and_listens_keeps_its_process() {
    let mut t = Script::serving(pool(Leases { request: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").at(205).done("p1.0").at(1_000);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
    100ms time passes
            ! p1.0 a overstays Request, Warn after 100ms
            interrupt p1.0: Dump
    200ms time passes
            ! p1.0 a overstays Request, Tell after 200ms
            cancel p1.0: Deadline
            fail a: RequestLease
            a ended: Failed(RequestLease), waited 0ns
            interrupt p1.0: Dump
    205ms p1.0 complete
    205ms p1.0 ready
            p1.0 free, service 205ms, deferred 0ns
    210ms time passes
    ");
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
}

#[test]
fn a_slot_whose_client_left_is_under_its_lease_all_the_same() {
    let mut t = Script::serving(pool(Leases { request: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").at(50).gone("a").at(220);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
     50ms client of a gone
            cancel p1.0: ClientGone
            a ended: Abandoned, waited 0ns
    100ms time passes
            ! p1.0 a overstays Request, Warn after 100ms
            interrupt p1.0: Dump
    200ms time passes
            ! p1.0 a overstays Request, Tell after 200ms
            cancel p1.0: Deadline
            interrupt p1.0: Dump
    210ms time passes
            ! p1.0 a overstays Request, Raise after 210ms
            interrupt p1.0: Raise
    220ms time passes
            ! p1 retired: Request
            spawn p2
    ");
}

#[test]
fn a_route_or_a_request_has_deadlines_of_its_own() {
    let warns = Lease { warn: None, retire_after: Some(ms(20)), ..never() };
    let leases = Leases { first_byte: warns, request: warns, deferred: warns, ..quiet() };
    let mut t = Script::serving(pool(leases), 3);
    t.arrive_with("first", within(30, 0, 0)).arrive_with("whole", within(0, 40, 0));
    t.arrive_with("later", within(0, 0, 50)).complete("p1.2").at(100);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms first arrives
           first to p1.0 after 0ns
     0ms whole arrives
           whole to p1.1 after 0ns
     0ms later arrives
           later to p1.2 after 0ns
     0ms p1.2 complete
    30ms time passes
           ! p1.0 first overstays FirstByte, Tell after 30ms
           cancel p1.0: Deadline
           fail first: FirstByteLease
           first ended: Failed(FirstByteLease), waited 0ns
           interrupt p1.0: Dump
    40ms time passes
           ! p1.1 whole overstays Request, Tell after 40ms
           cancel p1.1: Deadline
           fail whole: RequestLease
           whole ended: Failed(RequestLease), waited 0ns
           interrupt p1.1: Dump
    50ms time passes
           ! p1 retired: FirstByte
           spawn p2
           ! p1.2 later overstays Deferred, Tell after 50ms
           cancel p1.2: Deadline
           interrupt p1.2: Dump
    60ms time passes
    70ms time passes
    ");
}

#[test]
fn a_request_may_be_free_of_its_pools_limit() {
    let deadlines = Deadlines { request: Some(Deadlines::OFF), ..Deadlines::NONE };
    let mut t = Script::serving(pool(Leases { request: lease(100, 200), ..quiet() }), 1);
    t.arrive_with("a", Traits { deadlines, ..SAFE }).at(1_000_000).done("p1.0");
    assert_eq!(t.pool().totals.leases[&LeaseKind::Request].told, 0);
}

#[test]
fn a_host_that_is_silent_is_replaced_and_gets_nothing_new_at_once() {
    let leases = Leases { hang: Lease { warn: None, ..lease(0, 60) }, ..quiet() };
    let mut t = Script::serving(pool(leases), 2);
    t.pong(1, 0).at(10).arrive_with("a", SAFE).at(50).pong(1, 45).at(80).arrive("b");
    t.at(90).hello(2, 2).at(150);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms p1 lives
     10ms a arrives
            a to p1.0 after 0ns
     50ms p1 lives
     70ms time passes
            ! p1.0 a overstays Hang, Warn after 60ms
            interrupt p1.0: Dump
     80ms time passes
            ! p1.0 a overstays Hang, Raise after 70ms
            interrupt p1.0: Raise
     80ms b arrives
            b to p1.1 after 0ns
     90ms time passes
            ! p1 retired: Hang
            drain p1: Deadline
            spawn p2
     90ms p2 hello, 2 slots
            ! p2 booted in 0ns
    115ms time passes
            terminate p1
    120ms time passes
            kill p1: DrainLease
    140ms time passes
            ! p1.1 b overstays Hang, Warn after 60ms
            interrupt p1.1: Dump
    150ms time passes
            ! p1.1 b overstays Hang, Raise after 70ms
            interrupt p1.1: Raise
    ");
}

#[test]
fn a_host_that_collects_garbage_for_a_while_is_not_hung() {
    let leases = Leases { hang: Lease { warn: None, ..lease(0, 60) }, ..quiet() };
    let mut t = Script::serving(pool(leases), 1);
    t.pong(1, 0).arrive("a").at(55).pong(1, 55).at(58).pong(1, 0).at(110).pong(1, 0);
    t.at(160).done("p1.0").at(1_000);
    assert!(t.pool().totals.leases.is_empty());
}

#[test]
fn a_host_that_is_silent_again_is_named_again() {
    let leases = Leases { hang: Lease { max: Some(ms(60)), ..Lease::NEVER }, ..quiet() };
    let mut t = Script::serving(pool(leases), 1);
    t.pong(1, 0).arrive("a").at(70).pong(1, 5).at(130).done("p1.0");
    assert_eq!(t.pool().totals.leases[&LeaseKind::Hang].warned, 2);
}

#[test]
fn an_idle_process_is_never_hung() {
    let leases = Leases { hang: Lease { warn: None, ..lease(0, 60) }, ..quiet() };
    let mut t = Script::serving(pool(leases), 1);
    t.pong(1, 0).at(1_000).arrive("a").at(1_059).done("p1.0").at(9_000).arrive("b").at(9_059);
    assert!(t.pool().totals.leases.is_empty());
}

#[test]
fn who_runs_in_a_host_that_hangs_is_a_suspect() {
    let leases = Leases { hang: Lease { warn: None, ..lease(0, 60) }, ..quiet() };
    let limits = PoolLimits { poison_crashes_max: 1, ..pool(leases) };
    let mut t = Script::serving(limits, 1);
    t.pong(1, 0).arrive_with("a", SAFE).at(110);
    t.transcript();
    t.hello(2, 1).exited(1);
    insta::assert_snapshot!(t.transcript(), @r#"
    110ms p2 hello, 1 slots
            ! p2 booted in 30ms
    110ms p1 exited
            ! p1 died, suspects ["a"]
            ! a is poison
            fail a: Poison
            a ended: Failed(Poison), waited 0ns
    "#);
}

#[test]
fn stacks_are_dumped_once_for_slots_that_overstay_together() {
    let leases = Leases { deferred: lease(100, 200), dump_pause: ms(1_000), ..quiet() };
    let mut t = Script::serving(pool(leases), 3);
    t.arrive("a").complete("p1.0").arrive("b").complete("p1.1").arrive("c").complete("p1.2");
    t.transcript();
    t.at(100);
    insta::assert_snapshot!(t.transcript(), @r"
    100ms time passes
            ! p1.0 a overstays Deferred, Warn after 100ms
            interrupt p1.0: Dump
            ! p1.1 b overstays Deferred, Warn after 100ms
            ! p1.2 c overstays Deferred, Warn after 100ms
    ");
}

#[test]
fn nothing_is_retired_while_the_core_leaves() {
    let mut t = Script::serving(pool(Leases { deferred: lease(100, 200), ..quiet() }), 1);
    t.arrive("a").complete("p1.0").at(10).drain(300).at(290);
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
      0ms p1.0 complete
     10ms the core leaves
            drain p1: Shutdown
     35ms time passes
            cancel p1.0: Deadline
            terminate p1
     40ms time passes
            kill p1: DrainLease
    100ms time passes
            ! p1.0 a overstays Deferred, Warn after 100ms
            interrupt p1.0: Dump
    200ms time passes
            ! p1.0 a overstays Deferred, Tell after 200ms
            cancel p1.0: Deadline
            interrupt p1.0: Dump
    210ms time passes
            ! p1.0 a overstays Deferred, Raise after 210ms
            interrupt p1.0: Raise
    220ms time passes
    ");
}

#[test]
fn deferred_work_that_is_cut_is_lost_by_name() {
    let mut t = Script::serving(pool(quiet()), 2);
    t.arrive("a").complete("p1.0").delivered("a").at(40).link_lost(1, &[]);
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     0ms p1.0 complete
     0ms a delivered
           a ended: Completed, waited 0ns, service 0ns, delivery 0ns
    40ms p1 link lost
           ! p1 died, suspects []
           ! p1.0 a lost its deferred work after 40ms
           spawn p2
    ");
    assert_eq!(t.pool().totals.deferred_lost, 1);
}

#[test]
fn a_request_that_overstays_a_deadline_of_its_own_has_5_s_to_listen_by_default() {
    let mut t = Script::serving(limits(), 2);
    t.arrive_with("first", within(1_000, 0, 0)).arrive_with("whole", within(0, 2_000, 0));
    t.started("p1.1").at(5_999);
    assert_eq!(t.process(1).retired, None);
    t.at(6_000);
    assert_eq!(t.process(1).retired, Some(LeaseKind::FirstByte));
    let mut t = Script::serving(limits(), 1);
    t.arrive_with("whole", within(0, 2_000, 0)).started("p1.0").at(6_999);
    assert_eq!(t.process(1).retired, None);
    t.at(7_000);
    assert_eq!(t.process(1).retired, Some(LeaseKind::Request));
}

#[test]
fn a_host_that_is_silent_for_60_s_is_replaced_by_default() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").started("p1.0").pong(1, 0).at(59_999);
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
    t.at(60_000);
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
    assert_eq!(t.process(1).retired, Some(LeaseKind::Hang));
}

#[test]
fn stacks_are_dumped_again_after_a_pause() {
    let leases = Leases { deferred: lease(100, 200), dump_pause: ms(40), ..quiet() };
    let mut t = Script::serving(pool(leases), 4);
    for (at, slot) in [(0, "p1.0"), (39, "p1.1"), (40, "p1.2"), (81, "p1.3")] {
        t.at(at).arrive(slot).complete(slot);
    }
    let mut dumps = Vec::new();
    for at in 100..=190 {
        t.at(at);
        let dumped = |it: &Output| matches!(it, Output::Interrupt { what: Interrupt::Dump, .. });
        if std::mem::take(&mut t.outputs).iter().any(dumped) {
            dumps.push(at);
        }
    }
    assert_eq!(dumps, [100, 140, 181]);
}

#[test]
fn a_process_that_is_retired_already_is_drained_at_once_when_its_host_hangs_as_well() {
    let hang = Lease { warn: None, ..lease(0, 300) };
    let mut t = Script::serving(pool(Leases { deferred: lease(100, 200), hang, ..quiet() }), 2);
    t.pong(1, 0).arrive("a").complete("p1.0").arrive("b").at(220);
    assert_eq!(t.process(1).phase, PhasePicture::Retiring);
    t.at(319);
    assert_eq!(t.process(1).phase, PhasePicture::Retiring);
    t.at(320);
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
    assert_eq!(t.process(1).retired, Some(LeaseKind::Hang));
}

/// What was said about one slot, step by step.
fn said(t: &mut Script, until: u64) -> Vec<(u64, LeaseKind, Step)> {
    let mut said = Vec::new();
    for at in t.now..=until {
        t.at(at);
        for output in std::mem::take(&mut t.outputs) {
            if let Output::Notice(Notice::Overstayed { lease, step, .. }) = output {
                said.push((at, lease, step));
            }
        }
    }
    said
}

#[test]
fn a_response_that_does_not_begin_is_warned_of_once_and_told_when_its_time_is_up() {
    let first_byte = Lease { warn: Some(ms(50)), ..never() };
    let leases = Leases { first_byte, request: lease(100, 200), ..quiet() };
    let mut t = Script::serving(pool(leases), 1);
    t.arrive("a");
    let (first, whole) = (LeaseKind::FirstByte, LeaseKind::Request);
    let expected = [(50, first, Step::Warn), (200, whole, Step::Tell), (210, whole, Step::Raise)];
    assert_eq!(said(&mut t, 215), expected);
}

#[test]
fn a_whole_request_that_is_warned_of_earlier_than_its_first_byte_is_warned_of_twice() {
    let first_byte = Lease { warn: Some(ms(100)), ..never() };
    let request = Lease { warn: Some(ms(50)), ..never() };
    let mut t = Script::serving(pool(Leases { first_byte, request, ..quiet() }), 1);
    t.arrive("a");
    let (first, whole) = (LeaseKind::FirstByte, LeaseKind::Request);
    assert_eq!(said(&mut t, 200), [(50, whole, Step::Warn), (100, first, Step::Warn)]);
}

#[test]
fn a_host_that_hangs_while_the_core_leaves_is_not_waited_for() {
    let leases = Leases { hang: Lease { warn: None, ..lease(0, 60) }, ..quiet() };
    let mut t = Script::serving(pool(leases), 1);
    t.pong(1, 0).arrive("a").at(10).drain(10_000).at(79);
    assert_eq!(t.process(1).phase, PhasePicture::Serving);
    t.at(80);
    assert_eq!(t.process(1).phase, PhasePicture::Draining);
}

#[test]
fn a_host_is_watched_from_its_first_sign_of_life_on() {
    let hang = Lease { max: Some(ms(60)), ..Lease::NEVER };
    let mut t = Script::serving(pool(Leases { hang, ..Leases::default() }), 1);
    t.arrive("a").at(1_000).pong(1, 0);
    assert_eq!(said(&mut t, 1_100), [(1_060, LeaseKind::Hang, Step::Warn)]);
}

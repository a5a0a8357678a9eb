//! When a process dies: again, alone, or never.

use maitred_engine::event::{Abort, Failure, Input, Notice, Output, Traits};
use maitred_engine::id::ProcessId;
use maitred_engine::limits::{Lease, Leases, PoolLimits};
use maitred_engine::snapshot::{PhasePicture, SlotPicture};

use crate::script::{SAFE, Script, limits, ms, time};

fn pool(processes: u32) -> PoolLimits {
    PoolLimits { processes, ..limits() }
}

#[test]
fn what_had_not_started_goes_elsewhere_without_suspicion() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive("a").at(1).link_lost(1, &[0]);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    1ms p1 link lost
          ! p1 died, suspects []
          spawn p3
          a to p2.0 after 0ns
    ");
}

#[test]
fn the_end_of_a_request_tells_how_many_processes_it_was_sent_to() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").arrive("b").link_lost(1, &[0]).done("p2.0").delivered("b").done("p2.0");
    t.delivered("a");
    let Some(Output::Ended { times, .. }) = t.outputs.first() else {
        panic!("it did not end: {:?}", t.outputs);
    };
    assert_eq!(times.attempts, 2);
}

#[test]
fn what_must_not_run_twice_gets_502() {
    let mut t = Script::serving(pool(2), 4);
    t.arrive_with("no", Traits { idempotent: false, ..SAFE });
    t.arrive("x").arrive_with("no", Traits { body_held: false, ..SAFE });
    t.arrive("x").arrive_with("begun", SAFE).started("p1.2").link_lost(1, &[]);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms no arrives
          no to p1.0 after 0ns
    0ms x arrives
          x to p2.0 after 0ns
    0ms no arrives
          no to p2.1 after 0ns
    0ms x arrives
          x to p1.1 after 0ns
    0ms begun arrives
          begun to p1.2 after 0ns
    0ms p1.2 response
    0ms p1 link lost
          ! p1 died, suspects ["no", "x", "begun"]
          fail no: ProcessDied
          no ended: Failed(ProcessDied), waited 0ns
          fail x: ProcessDied
          x ended: Failed(ProcessDied), waited 0ns
          fail begun: ProcessDied
          begun ended: Failed(ProcessDied), waited 0ns
          spawn p3
    "#);
}

#[test]
fn a_suspect_runs_alone_while_others_are_served_elsewhere() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive_with("a", SAFE).arrive("x").at(1).done("p2.0").link_lost(1, &[]).arrive("c");
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms x arrives
          x to p2.0 after 0ns
    1ms p2.0 complete
    1ms p2.0 ready
          p2.0 free, service 1ms, deferred 0ns
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
          spawn p3
          ! p2 isolated
          a to p2.0 after 0ns
    1ms c arrives
    "#);
    // p2 is empty and takes the suspect; c has to wait for the replacement.
    t.exited(1).at(2).hello(3, 2);
    t.at(3).complete("p2.0").at(4).arrive("d").at(5).ready("p2.0").arrive("e");
    insta::assert_snapshot!(t.transcript(), @r"
    1ms p1 exited
    2ms p3 hello, 2 slots
          ! p3 booted in 1ms
          c to p3.0 after 1ms
    3ms p2.0 complete
    4ms d arrives
          d to p3.1 after 0ns
    5ms p2.0 ready
          p2.0 free, service 2ms, deferred 2ms
    5ms e arrives
          e to p2.0 after 0ns
    ");
}

#[test]
fn a_suspect_takes_the_first_process_that_is_empty() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive_with("a", SAFE).arrive("x").arrive("y").at(1).link_lost(1, &[]).exited(1);
    assert_eq!(t.process(3).phase, PhasePicture::Isolated);
    t.transcript();
    t.at(2).hello(4, 2);
    insta::assert_snapshot!(t.transcript(), @r"
    2ms p4 hello, 2 slots
          ! p4 booted in 1ms
          ! p4 isolated
          a to p4.0 after 1ms
    ");
    assert_eq!(t.process(3).phase, PhasePicture::Serving);
    assert_eq!(t.process(4).phase, PhasePicture::Isolated);
}

#[test]
fn the_last_process_that_serves_is_not_withdrawn_while_another_boots() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive_with("a", SAFE).arrive("x").at(1).link_lost(1, &[]).exited(1).arrive("c");
    t.at(2).hello(3, 2);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms x arrives
          x to p2.0 after 0ns
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
          spawn p3
    1ms p1 exited
    1ms c arrives
          c to p2.1 after 0ns
    2ms p3 hello, 2 slots
          ! p3 booted in 1ms
          ! p3 isolated
          a to p3.0 after 1ms
    "#);
}

#[test]
fn the_second_crash_alone_is_the_last() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive_with("a", SAFE).arrive("b").at(1).link_lost(1, &[]).exited(1).hello(2, 1);
    t.at(2).link_lost(2, &[]).exited(2).hello(3, 1);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
          spawn p2
    1ms p1 exited
    1ms p2 hello, 1 slots
          ! p2 booted in 0ns
          a to p2.0 after 0ns
    2ms p2 link lost
          ! p2 died, suspects ["a"]
          ! a is poison
          fail a: Poison
          a ended: Failed(Poison), waited 0ns
          spawn p3
    2ms p2 exited
    2ms p3 hello, 1 slots
          ! p3 booted in 0ns
          b to p3.0 after 2ms
    "#);
}

#[test]
fn innocents_are_never_charged() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive_with("guilty", SAFE).arrive_with("innocent", SAFE);
    t.link_lost(1, &[]).exited(1).hello(2, 2);
    t.at(1).link_lost(2, &[]).exited(2).hello(3, 2);
    t.at(2).link_lost(3, &[]).exited(3).hello(4, 2);
    t.at(3).done("p4.0").delivered("innocent");
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms guilty arrives
          guilty to p1.0 after 0ns
    0ms innocent arrives
          innocent to p1.1 after 0ns
    0ms p1 link lost
          ! p1 died, suspects ["guilty", "innocent"]
          ! guilty again, after 1 attempts
          ! innocent again, after 1 attempts
          spawn p2
    0ms p1 exited
    0ms p2 hello, 2 slots
          ! p2 booted in 0ns
          ! p2 isolated
          guilty to p2.0 after 0ns
    1ms p2 link lost
          ! p2 died, suspects ["guilty"]
          ! guilty again, after 2 attempts
          spawn p3
    1ms p2 exited
    1ms p3 hello, 2 slots
          ! p3 booted in 0ns
          ! p3 isolated
          guilty to p3.0 after 0ns
    2ms p3 link lost
          ! p3 died, suspects ["guilty"]
          ! guilty is poison
          fail guilty: Poison
          guilty ended: Failed(Poison), waited 0ns
          spawn p4
    2ms p3 exited
    2ms p4 hello, 2 slots
          ! p4 booted in 0ns
          ! p4 isolated
          innocent to p4.0 after 2ms
    3ms p4.0 complete
    3ms p4.0 ready
          p4.0 free, service 1ms, deferred 0ns
    3ms innocent delivered
          innocent ended: Completed, waited 2ms, service 1ms, delivery 0ns
    "#);
}

#[test]
fn deferred_work_of_others_is_company() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive("x").complete("p1.0").delivered("x").arrive_with("a", SAFE);
    t.link_lost(1, &[]).exited(1).hello(2, 2).link_lost(2, &[]).exited(2).hello(3, 2);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms x arrives
          x to p1.0 after 0ns
    0ms p1.0 complete
    0ms x delivered
          x ended: Completed, waited 0ns, service 0ns, delivery 0ns
    0ms a arrives
          a to p1.1 after 0ns
    0ms p1 link lost
          ! p1 died, suspects ["a"]
          ! p1.0 x lost its deferred work after 0ns
          ! a again, after 1 attempts
          spawn p2
    0ms p1 exited
    0ms p2 hello, 2 slots
          ! p2 booted in 0ns
          ! p2 isolated
          a to p2.0 after 0ns
    0ms p2 link lost
          ! p2 died, suspects ["a"]
          ! a again, after 2 attempts
          spawn p3
    0ms p2 exited
    0ms p3 hello, 2 slots
          ! p3 booted in 0ns
          ! p3 isolated
          a to p3.0 after 0ns
    "#);
}

#[test]
fn a_busy_process_is_withdrawn_until_it_is_empty_for_a_suspect() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive_with("a", SAFE).arrive("x").arrive("y").arrive("v").arrive("w");
    t.arrive_with("b", SAFE).at(1).link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms x arrives
          x to p2.0 after 0ns
    0ms y arrives
          y to p3.0 after 0ns
    0ms v arrives
          v to p3.1 after 0ns
    0ms w arrives
          w to p2.1 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    1ms p1 link lost
          ! p1 died, suspects ["a", "b"]
          ! a again, after 1 attempts
          ! b again, after 1 attempts
          spawn p4
          ! p2 isolated
    1ms p1 exited
    "#);
    assert_eq!(t.process(2).phase, PhasePicture::Isolated);
    assert_eq!(t.pool().slots.withdrawn, 0);
    t.at(2).done("p2.0").at(3).arrive("z");
    assert_eq!((t.pool().slots.withdrawn, t.pool().totals.queued), (1, 3));
    t.at(5).done("p2.1").at(6).done("p2.1").at(7).done("p2.1");
    insta::assert_snapshot!(t.transcript(), @r"
    2ms p2.0 complete
    2ms p2.0 ready
          p2.0 free, service 2ms, deferred 0ns
    3ms z arrives
    5ms p2.1 complete
    5ms p2.1 ready
          p2.1 free, service 5ms, deferred 0ns
          a to p2.1 after 4ms
    6ms p2.1 complete
    6ms p2.1 ready
          p2.1 free, service 1ms, deferred 0ns
          b to p2.1 after 5ms
    7ms p2.1 complete
    7ms p2.1 ready
          p2.1 free, service 1ms, deferred 0ns
          z to p2.1 after 4ms
    ");
    assert_eq!(t.process(2).phase, PhasePicture::Serving);
}

#[test]
fn isolation_is_given_up_when_its_lease_runs_out() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive_with("a", SAFE).arrive("x").arrive("y").at(1).link_lost(1, &[]).exited(1);
    t.arrive("v").arrive("w").at(10_001).at(10_002).done("p3.1").arrive("z");
    insta::assert_snapshot!(t.transcript(), @r#"
        0ms a arrives
              a to p1.0 after 0ns
        0ms x arrives
              x to p2.0 after 0ns
        0ms y arrives
              y to p3.0 after 0ns
        1ms p1 link lost
              ! p1 died, suspects ["a"]
              ! a again, after 1 attempts
              spawn p4
              ! p3 isolated
        1ms p1 exited
        1ms v arrives
              v to p2.1 after 0ns
        1ms w arrives
    10001ms time passes
              w to p3.1 after 10s
    10002ms p3.1 complete
    10002ms p3.1 ready
              p3.1 free, service 1ms, deferred 0ns
    10002ms z arrives
              z to p3.1 after 0ns
    "#);
}

#[test]
fn a_suspect_that_leaves_ends_the_isolation() {
    let mut t = Script::serving(pool(3), 2);
    t.arrive_with("a", SAFE).arrive("x").arrive("y").at(1).link_lost(1, &[]).exited(1);
    t.arrive("v").arrive("w");
    t.transcript();
    t.gone("a");
    insta::assert_snapshot!(t.transcript(), @r"
    1ms client of a gone
          a ended: Abandoned, waited 0ns
          w to p3.1 after 0ns
    ");
}

#[test]
fn a_suspect_that_runs_longer_than_the_lease_gets_company() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive_with("a", SAFE).link_lost(1, &[]).exited(1).hello(2, 2).at(1).arrive("b");
    t.transcript();
    t.at(10_000).at(10_001).link_lost(2, &[]).exited(2).hello(3, 2);
    insta::assert_snapshot!(t.transcript(), @r#"
    10000ms time passes
              b to p2.1 after 9.999s
    10001ms p2 link lost
              ! p2 died, suspects ["a", "b"]
              ! a again, after 2 attempts
              fail b: ProcessDied
              b ended: Failed(ProcessDied), waited 9.999s
              spawn p3
    10001ms p2 exited
    10001ms p3 hello, 2 slots
              ! p3 booted in 0ns
              ! p3 isolated
              a to p3.0 after 0ns
    "#);
}

#[test]
fn in_processes_of_one_slot_everyone_is_alone_and_nothing_is_withdrawn() {
    let mut t = Script::serving(pool(3), 1);
    t.arrive_with("a", SAFE).arrive("x").arrive("y").at(1).link_lost(1, &[]).at(2).arrive("b");
    t.at(3).done("p2.0").at(4).done("p3.0");
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms x arrives
          x to p2.0 after 0ns
    0ms y arrives
          y to p3.0 after 0ns
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
          spawn p4
    2ms b arrives
    3ms p2.0 complete
    3ms p2.0 ready
          p2.0 free, service 3ms, deferred 0ns
          a to p2.0 after 2ms
    4ms p3.0 complete
    4ms p3.0 ready
          p3.0 free, service 4ms, deferred 0ns
          b to p3.0 after 2ms
    "#);
}

#[test]
fn a_client_that_left_before_the_crash_is_not_tried_again() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive_with("a", SAFE).gone("a").link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms client of a gone
          cancel p1.0: ClientGone
          a ended: Abandoned, waited 0ns
    0ms p1 link lost
          ! p1 died, suspects []
          spawn p3
    0ms p1 exited
    ");
}

#[test]
fn a_response_that_is_complete_survives_its_process() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive("a").at(1).complete("p1.0").at(2).link_lost(1, &[]).exited(1).at(3).delivered("a");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    1ms p1.0 complete
    2ms p1 link lost
          ! p1 died, suspects []
          ! p1.0 a lost its deferred work after 1ms
          spawn p2
    2ms p1 exited
    3ms a delivered
          a ended: Completed, waited 0ns, service 1ms, delivery 2ms
    ");
}

#[test]
fn a_detached_stream_dies_with_its_process() {
    let mut t = Script::serving(pool(1), 1);
    t.arrive_with("ws", SAFE).detached("p1.0").ready("p1.0").at(1).link_lost(1, &[]);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms ws arrives
          ws to p1.0 after 0ns
    0ms p1.0 detached
    0ms p1.0 ready
          p1.0 free, service 0ns, deferred 0ns
    1ms p1 link lost
          ! p1 died, suspects []
          fail ws: ProcessDied
          ws ended: Failed(ProcessDied), waited 0ns
          spawn p2
    ");
}

#[test]
fn a_bounced_request_goes_to_another_process_first() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive("a").at(1).bounced("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    1ms p1.0 bounced
          a to p2.0 after 0ns
    ");
}

#[test]
fn a_request_that_the_core_broke_off_frees_its_slot_when_it_is_returned() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive("a").arrive("b").arrive("c");
    t.aborted("p1.0", Abort::ByCore).bounced("p1.0");
    assert_eq!(t.process(1).slots[0], SlotPicture::Running(t.request("c")));
    t.aborted("p1.1", Abort::ByCore).tell("drain", Input::Drain { stop_at: time(9_000) });
    t.done("p1.0").delivered("c");
    t.tell("goodbye", Input::Goodbye { process: ProcessId(1), unstarted: vec![1] });
    assert!(t.outputs.contains(&Output::CloseLink { process: ProcessId(1) }), "{:?}", t.outputs);
}

#[test]
fn what_the_core_broke_off_before_it_started_does_not_make_company() {
    let mut t = Script::serving(PoolLimits { poison_crashes_max: 1, ..pool(1) }, 2);
    t.arrive_with("a", SAFE).arrive("b").aborted("p1.1", Abort::ByCore).link_lost(1, &[1]);
    assert!(t.outputs.contains(&Output::Notice(Notice::Poison { request: t.request("a") })));
}

#[test]
fn who_misbehaves_after_it_was_told_to_end_makes_no_suspects() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive_with("a", SAFE)
        .tell("p1 wants to leave", Input::DrainWanted { process: ProcessId(1) });
    t.hello(2, 2).at(25_000);
    assert!(t.outputs.contains(&Output::Terminate { process: ProcessId(1) }), "{:?}", t.outputs);
    t.misbehaved(1).link_lost(1, &[]).arrive("b");
    let slots = ["a", "b"].map(|name| SlotPicture::Running(t.request(name)));
    assert_eq!(t.process(2).slots, slots);
}

#[test]
fn a_response_that_began_cannot_be_bounced() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive_with("a", SAFE).started("p1.0").bounced("p1.0").link_lost(1, &[]);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1.0 response
    0ms p1.0 bounced
          kill p1: Misbehaved
          spawn p3
    0ms p1 link lost
          ! p1 died, suspects ["a"]
          fail a: ProcessDied
          a ended: Failed(ProcessDied), waited 0ns
    "#);
}

#[test]
fn a_request_that_never_came_to_run_alone_is_not_retried_for_ever() {
    let mut t = Script::serving(PoolLimits { suspicions_max: 3, ..pool(1) }, 2);
    t.arrive_with("a", SAFE);
    for process in 1..=3_u64 {
        // Its isolation always runs out before the crash.
        t.at(t.now + 20_000);
        t.arrive("company").complete(&format!("p{process}.1"));
        t.tell("lost", Input::LinkLost { process: ProcessId(process), unstarted: vec![] });
        t.exited(process).hello(process + 1, 2);
    }
    assert_eq!(t.pool().totals.failed.values().sum::<u64>(), 1);
    assert_eq!(t.pool().totals.retried, 2);
}

#[test]
fn who_holds_a_stream_or_wants_to_leave_is_not_emptied_for_a_suspect() {
    let isolated = |t: &Script| {
        let processes = t.pool().processes.into_iter();
        let mut isolated = processes.filter(|process| process.phase == PhasePicture::Isolated);
        isolated.next().map(|process| process.process.0)
    };
    let story = |before: fn(&mut Script)| {
        let mut t = Script::serving(pool(3), 3);
        t.arrive_with("a", SAFE).arrive("ws").arrive("x").arrive("y").arrive("z").arrive("v");
        // The suspect is in p1, and p2 has fewer requests than p3.
        before(&mut t);
        t.done("p2.1").at(1).link_lost(1, &[]).exited(1);
        t
    };
    assert_eq!(isolated(&story(|_| ())), Some(2));
    assert_eq!(isolated(&story(|t| _ = t.detached("p2.0"))), Some(3));
    assert_eq!(isolated(&story(|t| _ = t.drain_wanted(2))), Some(3));
}

#[test]
fn a_stream_without_a_slot_is_company() {
    let mut t = Script::serving(PoolLimits { poison_crashes_max: 1, ..pool(1) }, 2);
    t.arrive("ws").detached("p1.0").ready("p1.0").arrive_with("a", SAFE).link_lost(1, &[]);
    assert!(t.outputs.contains(&Output::Notice(Notice::Died {
        process: ProcessId(1),
        suspects: vec![t.request("a")]
    })));
    assert_eq!(t.pool().totals.queued, 1, "a is not charged, and runs again");
}

#[test]
fn a_response_that_began_had_started_whatever_the_link_says() {
    let mut t = Script::serving(pool(2), 1);
    t.arrive_with("a", SAFE).started("p1.0").link_lost(1, &[0]);
    assert_eq!(t.pool().totals.failed[&Failure::ProcessDied], 1);
}

#[test]
fn what_had_not_started_and_is_not_wanted_any_more_makes_no_company() {
    let mut t = Script::serving(PoolLimits { poison_crashes_max: 1, ..pool(1) }, 2);
    t.arrive_with("a", SAFE).arrive("b").gone("b").link_lost(1, &[1]);
    assert_eq!(t.pool().totals.failed[&Failure::Poison], 1, "a was alone");
}

#[test]
fn a_host_that_hung_until_it_was_told_to_end_makes_suspects_all_the_same() {
    let hang = Lease { max: Some(ms(60)), retire_after: Some(ms(0)), ..Lease::NEVER };
    let leases = Box::new(Leases { hang, ..Leases::default() });
    let limits = PoolLimits { poison_crashes_max: 1, leases, ..pool(1) };
    let mut t = Script::serving(limits, 1);
    t.pong(1, 0).arrive_with("a", SAFE).at(60).hello(2, 1).at(25_060);
    assert!(t.outputs.contains(&Output::Terminate { process: ProcessId(1) }), "{:?}", t.outputs);
    t.link_lost(1, &[]);
    assert_eq!(t.pool().totals.failed[&Failure::Poison], 1);
}

#[test]
fn a_bounce_of_a_slot_that_is_not_taken_changes_nothing() {
    let mut t = Script::serving(pool(1), 1);
    t.bounced("p1.0").bounced("p1.5").bounced("p9.0").arrive("a");
    assert_eq!((t.sent().len(), t.pool().totals.retried), (1, 0));
}

#[test]
fn a_process_that_holds_a_stream_is_not_empty() {
    let mut t = Script::serving(pool(2), 2);
    t.arrive_with("a", SAFE).arrive("ws").detached("p2.0").ready("p2.0");
    t.at(1).link_lost(1, &[]).exited(1);
    assert_eq!(t.pool().totals.queued, 1, "although all slots of p2 are idle");
    t.at(2).hello(3, 2);
    assert_eq!(t.sent(), [("a".to_owned(), "p3.0".to_owned())]);
}

#[test]
fn who_dies_of_being_told_to_end_makes_no_suspects() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive_with("a", SAFE).drain_wanted(1).hello(2, 2).at(25_000);
    assert!(t.outputs.contains(&Output::Terminate { process: ProcessId(1) }), "{:?}", t.outputs);
    t.link_lost(1, &[]).arrive("b");
    let slots = ["a", "b"].map(|name| SlotPicture::Running(t.request(name)));
    assert_eq!(t.process(2).slots, slots, "a is not alone");
}

#[test]
fn who_dies_while_it_drains_was_not_told_to() {
    let mut t = Script::serving(pool(1), 2);
    t.arrive_with("a", SAFE).drain_wanted(1).hello(2, 2).at(1).link_lost(1, &[]).arrive("b");
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1 wants to be drained
          spawn p2
    0ms p2 hello, 2 slots
          ! p2 booted in 0ns
          drain p1: Replaced
    1ms p1 link lost
          ! p1 died, suspects ["a"]
          ! a again, after 1 attempts
          ! p2 isolated
          a to p2.0 after 0ns
    1ms b arrives
    "#);
}

#[test]
fn a_drained_process_that_closes_its_link_when_it_has_nothing_to_do_did_not_die() {
    let mut t = Script::serving(pool(1), 2);
    t.drain_wanted(1).hello(2, 2).link_lost(1, &[]);
    assert_eq!(t.outputs, []);
}

//! Step 4: the three ends of a request.

use maitred_engine::event::{Abort, Failure, Input};
use maitred_engine::id::ProcessId;
use maitred_engine::snapshot::SlotPicture;

use crate::script::{Script, limits, ms};

#[test]
fn a_request_ends_three_times() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(5).started("p1.0").at(10).complete("p1.0").at(12).delivered("a");
    t.arrive("b").at(310).ready("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
      0ms a arrives
            a to p1.0 after 0ns
      5ms p1.0 response
     10ms p1.0 complete
     12ms a delivered
            a ended: Completed, waited 0ns, service 10ms, delivery 2ms
     12ms b arrives
    310ms p1.0 ready
            p1.0 free, service 10ms, deferred 300ms
            b to p1.0 after 298ms
    ");
}

#[test]
fn what_is_free_at_once_was_not_deferred() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(5).done("p1.0").arrive("b").at(9).complete("p1.0").at(10).ready("p1.0");
    assert_eq!(t.pool().totals.deferred, 1);
    t.arrive("c").at(11).done("p1.0").arrive("d").done("p1.0");
    assert_eq!(t.pool().totals.deferred, 1);
}

#[test]
fn delivery_before_the_response_is_complete_counts_for_nothing() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").delivered("a").at(1).complete("p1.0").delivered("a").delivered("a");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms a delivered
    1ms p1.0 complete
    1ms a delivered
          a ended: Completed, waited 0ns, service 1ms, delivery 0ns
    1ms a delivered
    ");
}

#[test]
fn a_client_that_leaves_frees_no_slot() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(1).gone("a").arrive("b").at(9).aborted("p1.0", Abort::Cancelled);
    t.at(11).ready("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
     0ms a arrives
           a to p1.0 after 0ns
     1ms client of a gone
           cancel p1.0: ClientGone
           a ended: Abandoned, waited 0ns
     1ms b arrives
     9ms p1.0 aborted: Cancelled
    11ms p1.0 ready
           p1.0 free, service 9ms, deferred 2ms
           b to p1.0 after 10ms
    ");
}

#[test]
fn a_client_that_leaves_during_delivery_cancels_nothing() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(1).complete("p1.0").at(2).gone("a").gone("a").at(3).ready("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    1ms p1.0 complete
    2ms client of a gone
          a ended: Abandoned, waited 0ns, service 1ms
    2ms client of a gone
    3ms p1.0 ready
          p1.0 free, service 1ms, deferred 2ms
    ");
}

#[test]
fn a_broken_response_fails_its_request_and_keeps_its_slot_until_ready() {
    let mut t = Script::serving(limits(), 2);
    t.arrive("a").arrive("b").at(1).aborted("p1.0", Abort::AppError);
    t.started("p1.1").aborted("p1.1", Abort::InvalidResponse).at(5).ready("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    1ms p1.0 aborted: AppError
          fail a: AppError
          a ended: Failed(AppError), waited 0ns
    1ms p1.1 response
    1ms p1.1 aborted: InvalidResponse
          fail b: InvalidResponse
          b ended: Failed(InvalidResponse), waited 0ns
    5ms p1.0 ready
          p1.0 free, service 1ms, deferred 4ms
    ");
    assert_eq!(t.process(1).slots[0], SlotPicture::Idle);
    assert!(matches!(t.process(1).slots[1], SlotPicture::Deferred(_)));
}

#[test]
fn a_detached_stream_lives_on_without_its_slot() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("ws").arrive("b").at(5).detached("p1.0").ready("p1.0").at(9).done("p1.0");
    t.delivered("b").at(100).detached_complete(1, "ws").at(101).delivered("ws");
    insta::assert_snapshot!(t.transcript(), @r"
      0ms ws arrives
            ws to p1.0 after 0ns
      0ms b arrives
      5ms p1.0 detached
      5ms p1.0 ready
            p1.0 free, service 5ms, deferred 0ns
            b to p1.0 after 5ms
      9ms p1.0 complete
      9ms p1.0 ready
            p1.0 free, service 4ms, deferred 0ns
      9ms b delivered
            b ended: Completed, waited 5ms, service 4ms, delivery 0ns
    100ms ws complete in p1
    101ms ws delivered
            ws ended: Completed, waited 0ns, service 100ms, delivery 1ms
    ");
}

#[test]
fn a_detached_stream_whose_client_left_is_cancelled_and_kept_until_it_ends() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("ws").detached("p1.0").ready("p1.0").at(5).gone("ws");
    assert_eq!(t.process(1).detached, 1);
    t.detached_complete(1, "ws").detached_complete(1, "ws");
    assert_eq!(t.process(1).detached, 0);
    insta::assert_snapshot!(t.transcript(), @r"
    0ms ws arrives
          ws to p1.0 after 0ns
    0ms p1.0 detached
    0ms p1.0 ready
          p1.0 free, service 0ns, deferred 0ns
    5ms client of ws gone
          cancel ws in p1: ClientGone
          ws ended: Abandoned, waited 0ns
    5ms ws complete in p1
    5ms ws complete in p1
    ");
}

#[test]
fn a_second_ready_is_counted_and_frees_nothing() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").done("p1.0").ready("p1.0").ready("p1.7").ready("p9.0").arrive("b");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1.0 complete
    0ms p1.0 ready
          p1.0 free, service 0ns, deferred 0ns
    0ms p1.0 ready
          ! stray ready of p1.0
    0ms p1.7 ready
          ! stray ready of p1.7
    0ms p9.0 ready
    0ms b arrives
          b to p1.0 after 0ns
    ");
    assert_eq!(t.pool().totals.stray_readies, 2);
}

#[test]
fn an_app_that_is_ready_before_it_answered_is_replaced() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").ready("p1.0").ready("p1.0").link_lost(1, &[]).exited(1);
    insta::assert_snapshot!(t.transcript(), @r#"
    0ms a arrives
          a to p1.0 after 0ns
    0ms p1.0 ready
          kill p1: Misbehaved
          spawn p2
    0ms p1.0 ready
    0ms p1 link lost
          ! p1 died, suspects ["a"]
          fail a: ProcessDied
          a ended: Failed(ProcessDied), waited 0ns
    0ms p1 exited
    "#);
}

#[test]
fn reconciliation_frees_a_slot_and_fails_what_was_unfinished() {
    let mut t = Script::serving(limits(), 2);
    t.arrive("a").arrive("b").at(3).complete("p1.0").at(5).reconciled("p1.0").reconciled("p1.1");
    t.reconciled("p1.1");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
          b to p1.1 after 0ns
    3ms p1.0 complete
    5ms p1.0 reconciled
    5ms p1.1 reconciled
          fail b: Lost
          b ended: Failed(Lost), waited 0ns
    5ms p1.1 reconciled
    ");
    assert_eq!(t.pool().totals.reconciled, 2);
}

#[test]
fn slot_time_adds_up() {
    let mut t = Script::serving(limits(), 2);
    t.at(10).arrive("a").at(30).complete("p1.0").at(60).ready("p1.0").at(100);
    let process = t.process(1);
    assert_eq!((process.running, process.deferred), (ms(20), ms(30)));
    assert_eq!(process.idle, ms(200) - ms(50));
    assert_eq!(process.withdrawn, ms(0));
}

#[test]
fn a_detached_stream_that_breaks_off_fails_its_request() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("ws").detached("p1.0").ready("p1.0").at(5);
    let (process, request) = (ProcessId(1), t.request("ws"));
    let aborted = Input::DetachedAborted { process, request, why: Abort::AppError };
    t.tell("ws aborted", aborted.clone());
    assert_eq!(t.pool().totals.failed[&Failure::AppError], 1);
    assert_eq!(t.process(1).detached, 0);
    t.tell("ws aborted again", aborted);
    assert_eq!(t.outputs, []);
}

#[test]
fn complete_and_ready_in_one_word_is_a_response_without_deferred_work() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").arrive("b").at(5).finished("p1.0").at(6).delivered("a");
    t.gone("b").at(9).finished("p1.0").finished("p1.0");
    insta::assert_snapshot!(t.transcript(), @r"
    0ms a arrives
          a to p1.0 after 0ns
    0ms b arrives
    5ms p1.0 finished
          p1.0 free, service 5ms, deferred 0ns
          b to p1.0 after 5ms
    6ms a delivered
          a ended: Completed, waited 0ns, service 5ms, delivery 1ms
    6ms client of b gone
          cancel p1.0: ClientGone
          b ended: Abandoned, waited 5ms
    9ms p1.0 finished
          p1.0 free, service 4ms, deferred 0ns
    9ms p1.0 finished
          ! stray ready of p1.0
    ");
    assert_eq!(t.pool().totals.deferred, 0);
    let process = t.process(1);
    assert_eq!((process.running, process.deferred, process.idle), (ms(9), ms(0), ms(0)));
}

#[test]
fn complete_and_ready_in_one_word_after_a_broken_response_is_ready() {
    let mut t = Script::serving(limits(), 1);
    t.arrive("a").at(5).aborted("p1.0", Abort::AppError).at(8).finished("p1.0");
    let process = t.process(1);
    assert_eq!((process.running, process.deferred), (ms(5), ms(3)));
    assert_eq!(t.pool().totals.failed[&Failure::AppError], 1);
    assert_eq!(t.pool().slots.idle, 1);
}

//! A request that is sent ahead runs in the next slot that is ready, and in no other way.

use bytes::{BufMut, BytesMut};
use maitred_proto::frame::Kind;
use maitred_proto::message::{Abort, Pong, reason};
use prost::Message as _;

use super::{GET, MEMORY};
use crate::play::{Client, Play};

/// One slot, taken; the next request was sent ahead. Its client and stream, after those of the
/// first.
async fn sent_ahead() -> (Play, [(Client, u64); 2]) {
    let mut play = Play::early(1, MEMORY);
    let running = play.client(GET).await;
    let first = play.request(0).await;
    let waiting = play.client(GET).await;
    let second = play.request(first).await;
    (play, [(running, first), (waiting, second)])
}

fn respond(play: &mut Play, stream: u64) {
    play.app.respond(stream, 200, &[("content-length", "0")]);
    play.app.end(stream);
}

#[tokio::test]
async fn it_waits_until_a_slot_is_ready_and_is_sent_once() {
    let (mut play, [(mut running, first), (mut waiting, second)]) = sent_ahead().await;
    let [ahead, in_slot] = [second, first].map(|it| play.app.requests[&it].0.early_at_us);
    assert!(ahead > 0 && in_slot == 0, "the process can tell them apart");
    let totals = play.snapshot().pools[0].totals.clone();
    assert_eq!((totals.in_flight, totals.queued), (1, 1), "who was sent ahead still waits");
    respond(&mut play, first);
    play.until("it is answered", |_| running.got().contains("200 OK")).await;
    let totals = play.snapshot().pools[0].totals.clone();
    assert_eq!((totals.in_flight, totals.queued), (1, 0));
    respond(&mut play, second);
    play.until("it is answered", |_| waiting.got().contains("200 OK")).await;
    play.until("it is done", |play| play.outcomes() == ((2, 0, 0), 0)).await;
    assert_eq!(play.app.requests.len(), 2);
}

#[tokio::test]
async fn its_client_may_leave_before_the_app_has_it() {
    let (mut play, [(_running, first), (waiting, second)]) = sent_ahead().await;
    drop(waiting);
    play.until("the process is told", |play| play.app.link.is_cancelled(second)).await;
    let abort = Abort { reason: reason::CANCELLED, ..Abort::default() };
    play.app.link.abort(second, abort, true);
    let _next = play.client(GET).await;
    let third = play.request(second).await;
    respond(&mut play, first);
    play.until("the next one has the slot", |play| play.outcomes() == ((1, 1, 0), 1)).await;
    respond(&mut play, third);
    play.until("it is done", |play| play.outcomes() == ((2, 1, 0), 0)).await;
}

#[tokio::test]
async fn a_process_that_gives_it_back_gets_it_again_in_its_turn() {
    let (mut play, [(_running, first), (_waiting, second)]) = sent_ahead().await;
    play.app.link.bounce(second);
    let again = play.request(second).await;
    respond(&mut play, first);
    play.until("it has the slot", |play| play.outcomes() == ((1, 0, 0), 1)).await;
    respond(&mut play, again);
    play.until("it is done", |play| play.outcomes() == ((2, 0, 0), 0)).await;
}

#[tokio::test]
async fn one_that_the_process_lost_is_sent_again() {
    let (play, [(_running, first), (_waiting, second)]) = sent_ahead().await;
    play.driver.ping_all();
    let pong = Pong { highest: second, unready: vec![first], host_age_ms: 0 }.encode_to_vec();
    let mut frame = BytesMut::new();
    frame.put_u32_le(u32::try_from(pong.len()).unwrap());
    frame.put_u8(Kind::Pong as u8);
    frame.put_slice(&[0; 11]);
    frame.put_slice(&pong);
    assert!(play.driver.link_received(play.app.id, &mut frame));
    let newest = play.driver.with_link(play.app.id, |link| link.streams.keys().max().copied());
    assert!(newest.flatten().unwrap() > second);
    assert_eq!(play.snapshot().pools[0].totals.queued, 1);
}

#[tokio::test]
async fn a_process_that_runs_it_while_no_slot_is_free_breaks_the_protocol() {
    let (mut play, [(_running, _), (mut waiting, second)]) = sent_ahead().await;
    play.app.respond(second, 200, &[("content-length", "0")]);
    play.app.tell(&play.driver);
    assert!(play.snapshot().pools[0].slots.running <= 1);
    let reason = play.driver.with_roster(|roster| roster.reason_of(play.app.id));
    assert!(reason.contains("before it had a slot"), "{reason}");
    assert!(!waiting.got().contains("200"), "its answer is not believed");
}

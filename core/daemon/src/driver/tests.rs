//! What goes wrong between a client and a process ends one request, once, and no other.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use maitred_engine::event::{OobBy, OobOutcome};
use maitred_proto::frame::Kind;
use maitred_proto::message::{
    Abort, OobRequest, Pong, Ready, Trailers, outcome, reason, requested_by,
};
use prost::Message as _;

use crate::play::{BODY_MAX, Client, Play};

mod early;

const MEMORY: u64 = 1 << 20;
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const UPLOAD: &str = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";

/// A client whose upload has begun, and the stream of its request with the first byte.
async fn upload(play: &mut Play, after: u64) -> (Client, u64) {
    let client = play.client(UPLOAD).await;
    let stream = play.request(after).await;
    play.until("the beginning comes", |play| play.app.requests[&stream].1 == b"a").await;
    (client, stream)
}

async fn send_chunk(client: &mut Client, len: usize) {
    client.send(format!("{len:x}\r\n").as_bytes()).await;
    client.send(&vec![b'b'; len]).await;
    client.send(b"\r\n").await;
}

#[tokio::test]
async fn a_streamed_request_that_is_given_back_runs_elsewhere_with_its_body() {
    let mut play = Play::new(1, MEMORY);
    let (mut client, first) = upload(&mut play, 0).await;
    play.app.link.bounce(first);
    let second = play.request(first).await;
    client.send(b"1\r\nb\r\n0\r\n\r\n").await;
    play.until("the body ends", |play| play.app.ended.contains(&second)).await;
    assert_eq!(play.app.requests[&second].1, b"ab");
    play.app.respond(second, 200, &[("content-length", "0")]);
    play.app.end(second);
    play.until("it is done", |play| play.outcomes() == ((1, 0, 0), 0)).await;
}

#[tokio::test]
async fn a_body_of_which_too_much_was_passed_on_is_refused_by_name() {
    let mut play = Play::new(1, MEMORY);
    let (mut client, stream) = upload(&mut play, 0).await;
    client.send(b"1\r\nb\r\n").await;
    play.until("more comes", |play| play.app.requests[&stream].1 == b"ab").await;
    play.app.link.bounce(stream);
    play.until("it is answered", |_| client.got().contains("body_spent")).await;
    assert_eq!(play.outcomes(), ((0, 0, 1), 0));
}

#[tokio::test]
async fn a_streamed_body_that_is_too_long_gets_413_and_gives_the_slot_back() {
    let mut play = Play::new(1, MEMORY);
    let (mut client, stream) = upload(&mut play, 0).await;
    let sent = usize::try_from(BODY_MAX).unwrap();
    let pieces = sent / 4096;
    for _ in 0..pieces {
        send_chunk(&mut client, 4096).await;
        play.app.exchange(&play.driver);
        tokio::task::yield_now().await;
    }
    play.until("it is answered", |_| client.got().contains("body_too_large")).await;
    assert!(client.got().starts_with("HTTP/1.1 413"), "{}", client.got());
    play.until("the app is told", |play| play.app.link.is_cancelled(stream)).await;
    let cancelled = Abort { reason: reason::CANCELLED, ..Abort::default() };
    play.app.link.abort(stream, cancelled, true);
    play.app.exchange(&play.driver);
    assert_eq!(play.outcomes(), ((0, 0, 1), 0));
    assert_eq!(play.snapshot().pools[0].slots.idle, 1);
}

#[tokio::test]
async fn an_upload_that_breaks_after_its_answer_does_not_break_it() {
    let mut play = Play::new(1, MEMORY);
    let (mut client, stream) = upload(&mut play, 0).await;
    play.app.respond(stream, 200, &[]);
    // More than the kernel and hyper hold for a client that does not read yet.
    let (pieces, piece) = (16, 64 * 1024);
    for _ in 0..pieces {
        play.until("there is window", |play| play.app.link.capacity(stream) >= piece).await;
        play.app.link.body(stream, vec![b'x'; piece].into(), false, false);
    }
    play.app.link.end(stream, false);
    play.until("it is sent", |_| client.conn.is_sending()).await;
    client.send(b"rubbish\r\n").await;
    play.until("the upload is over", |_| !client.conn.is_uploading()).await;
    assert_eq!(play.outcomes(), ((0, 0, 0), 1));
    let answer = client.rest().await;
    assert!(answer.matches('x').count() >= pieces * piece, "{} bytes", answer.len());
    play.until("it is done", |play| play.outcomes() == ((1, 0, 0), 0)).await;
}

#[tokio::test]
async fn a_detached_upload_that_breaks_harms_nobody_in_its_old_slot() {
    let mut play = Play::new(1, MEMORY);
    let (mut client, detached) = upload(&mut play, 0).await;
    play.app.link.detach(detached);
    play.app.link.ready(detached, Ready::default());
    let mut other = play.client(GET).await;
    let stream = play.request(detached).await;
    client.send(b"rubbish\r\n").await;
    play.until("the app is told", |play| play.app.link.is_cancelled(detached)).await;
    assert_eq!(play.outcomes(), ((0, 0, 1), 1));
    play.app.respond(stream, 200, &[]);
    play.app.body(stream, b"unharmed");
    play.app.end(stream);
    play.until("the other is served", |_| other.got().contains("unharmed")).await;
}

#[tokio::test]
async fn a_detached_response_does_not_mark_the_request_in_its_old_slot() {
    let mut play = Play::new(1, MEMORY);
    let _client = play.client(GET).await;
    let detached = play.request(0).await;
    play.app.link.detach(detached);
    play.app.link.ready(detached, Ready::default());
    let mut other = play.client(GET).await;
    let stream = play.request(detached).await;
    play.app.respond(detached, 200, &[]);
    play.app.exchange(&play.driver);
    // A request whose response had started could not be given back.
    play.app.link.bounce(stream);
    let again = play.request(stream).await;
    play.app.respond(again, 204, &[]);
    play.app.end(again);
    play.until("the other is served", |_| other.got().contains("204")).await;
}

#[tokio::test]
async fn all_that_began_in_one_read_have_begun() {
    let mut play = Play::new(3, MEMORY);
    let (_first, _second, _third) =
        (play.client(GET).await, play.client(GET).await, play.client(GET).await);
    let mut streams = [0; 3];
    streams[0] = play.request(0).await;
    streams[1] = play.request(streams[0]).await;
    streams[2] = play.request(streams[1]).await;
    play.app.respond(streams[0], 200, &[]);
    play.app.body(streams[0], b"a");
    play.app.respond(streams[1], 200, &[]);
    play.app.tell(&play.driver);
    play.driver.link_lost(play.app.id);
    // What has begun cannot be begun again elsewhere; the third one may.
    assert_eq!(play.outcomes(), ((0, 0, 2), 1));
}

#[tokio::test]
async fn a_detached_response_that_its_process_lost_has_failed() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(GET).await;
    let stream = play.request(0).await;
    play.app.link.detach(stream);
    play.app.tell(&play.driver);
    play.driver.ping_all();
    // The played process would answer truthfully.
    play.driver.with_link(play.app.id, |link| {
        let ping = link.proto.transmit().len();
        link.proto.transmitted(ping);
    });
    let mut pong = frame(Kind::Pong, &Pong { highest: stream, ..Pong::default() }.encode_to_vec());
    assert!(play.driver.link_received(play.app.id, &mut pong));
    assert_eq!(play.outcomes(), ((0, 0, 1), 0));
    assert_eq!(play.snapshot().pools[0].slots.idle, 1);
    play.until("its client is told", |_| client.got().contains("502")).await;
}

/// One frame about the link itself, as a process writes it.
fn frame(kind: Kind, payload: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_u32_le(u32::try_from(payload.len()).unwrap());
    frame.put_u8(kind as u8);
    frame.put_slice(&[0; 11]);
    frame.put_slice(payload);
    frame
}

#[tokio::test]
async fn a_client_that_leaves_its_streamed_upload_has_left() {
    let mut play = Play::new(1, MEMORY);
    let (client, stream) = upload(&mut play, 0).await;
    drop(client.socket);
    play.until("the app is told", |play| play.app.link.is_cancelled(stream)).await;
    assert_eq!(play.outcomes(), ((0, 1, 0), 0));
}

#[tokio::test]
async fn the_body_of_an_invalid_response_is_not_kept() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(GET).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[("not a name", "x")]);
    play.app.body(stream, b"for nobody");
    play.until("it is answered", |_| client.got().contains("invalid_response")).await;
    play.until("the app is told", |play| play.app.link.is_cancelled(stream)).await;
    assert_eq!(play.driver.budget.memory().0, 0);
    play.app.end(stream);
    play.app.exchange(&play.driver);
    assert_eq!(play.snapshot().pools[0].slots.idle, 1);
    assert_eq!(play.outcomes(), ((0, 0, 1), 0));
}

#[tokio::test]
async fn trailers_of_a_response_that_is_complete_at_once_reach_the_client() {
    let mut play = Play::new(1, MEMORY);
    let ask = "GET / HTTP/1.1\r\nhost: x\r\nte: trailers\r\n\r\n";
    let mut client = play.client(ask).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[("trailer", "x-sum")]);
    play.app.body(stream, b"data");
    let trailers = Trailers { headers: vec!["x-sum".into(), "42".into()] };
    play.app.link.trailers(stream, &trailers, true, true).unwrap();
    play.until("it is done", |play| play.outcomes() == ((1, 0, 0), 0)).await;
    assert!(client.got().contains("x-sum: 42"), "{}", client.got());
}

#[tokio::test]
async fn a_request_body_is_counted_until_no_process_can_need_it() {
    let mut play = Play::new(1, MEMORY);
    let mut client =
        play.client("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await;
    let stream = play.request(0).await;
    play.until("the body comes", |play| play.app.ended.contains(&stream)).await;
    assert_eq!(play.driver.budget.memory().0, 5);
    play.app.respond(stream, 200, &[("content-length", "0")]);
    play.app.exchange(&play.driver);
    assert_eq!(play.driver.budget.memory().0, 0);
    play.app.end(stream);
    play.until("it is answered", |_| client.got().contains("200 OK")).await;
}

#[tokio::test]
async fn without_memory_a_short_body_goes_to_the_disk_and_an_endless_one_is_streamed() {
    let mut play = Play::new(2, 0);
    let short = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";
    let _short = play.client(short).await;
    let stream = play.request(0).await;
    play.until("the body comes", |play| play.app.ended.contains(&stream)).await;
    assert_eq!(play.app.requests[&stream].1, b"hello");
    assert_eq!(play.driver.budget.disk().0, 5);
    let (_client, _stream) = upload(&mut play, stream).await;
}

#[tokio::test]
async fn a_header_asks_for_out_of_band_work_and_no_client_sees_it() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(GET).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[("content-length", "0"), ("!~REQUEST-oob-Work", "no")]);
    play.app.end(stream);
    play.until("it is granted", |play| play.app.granted.len() == 1).await;
    let granted = &play.app.granted[0];
    assert_eq!((&*granted.kind, granted.requested_by), ("gc", requested_by::HEADER));
    assert_eq!(granted.lease_ms, 60_000);
    play.app.link.oob_done(outcome::DONE, 5);
    play.until("it is back", |play| play.snapshot().pools[0].slots.idle == 1).await;
    play.until("it is answered", |_| client.got().contains("content-length")).await;
    assert!(!client.got().contains("!~"), "{}", client.got());
    assert_eq!(play.snapshot().pools[0].totals.oob[&OobOutcome::Done], 1);
}

#[tokio::test]
async fn a_process_asks_and_takes_it_back_and_is_asked_nothing() {
    let mut play = Play::new(1, MEMORY);
    let _client = play.client(GET).await;
    let stream = play.request(0).await;
    let (kind, reason) = ("warm".to_owned(), "because".to_owned());
    let request = OobRequest { kind, reason, expected_ms: 20, not_later_than_ms: 3000 };
    play.app.link.oob_request(request);
    play.app.exchange(&play.driver);
    let ask = play.snapshot().pools[0].oob.asks[0].what.clone();
    assert_eq!((&*ask.kind, &*ask.reason, ask.by), ("warm", "because", OobBy::App));
    assert_eq!(ask.expected, Some(Duration::from_millis(20)));
    assert_eq!(ask.not_later_than, Some(Duration::from_secs(3)));
    play.app.link.oob_withdraw("warm");
    play.app.respond(stream, 200, &[("content-length", "0")]);
    play.app.end(stream);
    play.until("it is idle", |play| play.snapshot().pools[0].slots.idle == 1).await;
    assert!(play.app.granted.is_empty());
    assert_eq!(play.snapshot().pools[0].totals.oob[&OobOutcome::Withdrawn], 1);
}

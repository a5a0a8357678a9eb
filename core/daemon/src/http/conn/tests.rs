//! What becomes of requests whose clients leave at an awkward moment.

use super::*;
use crate::play::Play;

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nhost: x\r\n\r\n";
const MEMORY: u64 = 1 << 20;

#[tokio::test]
async fn a_client_that_leaves_between_the_last_byte_and_the_end_is_not_forgotten() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(GET).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[]);
    play.app.body(stream, b"all of it");
    play.until("the body passes", |_| client.got().contains("all of it")).await;
    // Both at once: the connection's task sees END and the departure in one poll.
    play.app.end(stream);
    drop(client.socket);
    play.app.tell(&play.driver);
    play.until("it has its outcome", |play| play.outcomes().1 == 0).await;
}

#[tokio::test]
async fn what_hyper_drops_after_its_transport_is_not_delivered() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(GET).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[]);
    play.app.body(stream, b"all of it");
    play.until("the body passes", |_| client.got().contains("all of it")).await;
    play.app.end(stream);
    play.app.tell(&play.driver);
    client.task.abort();
    play.until("it has its outcome", |play| play.outcomes() == ((0, 1, 0), 0)).await;
}

#[tokio::test]
async fn a_client_that_has_all_it_can_get_and_leaves_ends_a_response_without_end() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(HEAD).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[]);
    play.until("the head passes", |_| client.got().contains("200 OK")).await;
    assert_eq!(play.outcomes(), ((0, 0, 0), 1));
    drop(client.socket);
    play.until("the app is told", |play| play.app.link.is_cancelled(stream)).await;
    assert_eq!(play.outcomes(), ((0, 1, 0), 0));
}

#[tokio::test]
async fn an_app_that_ends_soon_after_its_client_left_with_everything_has_served_it() {
    let mut play = Play::new(1, MEMORY);
    let mut client = play.client(HEAD).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[]);
    play.until("the head passes", |_| client.got().contains("200 OK")).await;
    drop(client.socket);
    client.task.await.unwrap();
    play.app.end(stream);
    play.until("it is done", |play| play.outcomes() == ((1, 0, 0), 0)).await;
}

#[tokio::test]
async fn a_connection_is_not_idle_while_an_answered_upload_still_comes_in() {
    let mut play = Play::new(1, MEMORY);
    let upload = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
    let mut client = play.client(upload).await;
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[("content-length", "0")]);
    play.app.link.end(stream, false);
    play.until("it is answered", |_| client.conn.phase().0 == Phase::Uploading).await;
    client.send(b"1\r\nb\r\n").await;
    play.until("more comes in", |play| play.app.requests[&stream].1 == b"ab").await;
    assert_eq!(client.conn.phase().0, Phase::Uploading);
    client.send(b"0\r\n\r\n").await;
    play.until("the upload ends", |_| client.conn.phase().0 == Phase::Idle).await;
}

#[tokio::test]
async fn an_answer_is_read_by_a_client_that_is_still_sending() {
    let mut play = Play::new(1, MEMORY);
    let endless = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n";
    let mut client = play.client(endless).await;
    let conn = Arc::clone(&client.conn);
    play.until("it is refused", |_| conn.has_unread() && client.got().contains("413")).await;
    assert!(!client.task.is_finished(), "it reads on");
    client.send(&[b'x'; 100_000]).await;
    assert!(client.rest().await.contains("body_too_large"));
}

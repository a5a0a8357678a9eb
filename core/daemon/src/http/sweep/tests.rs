//! Connections over real sockets that the sweeper ends, or leaves alone. The time is the test's.

use std::io;
use std::net::SocketAddr;

use rustix::net::sockopt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::http::accept::{Acceptor, Listener, bind_tcp};
use crate::http::stall::SEND_STALL_MAX;
use crate::os::unsent::unsent;
use crate::play::Play;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const MEMORY: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);

/// Longer than the kernel takes of it for a client that does not read, and within the window.
const BODY: &[u8] = &[b'x'; 250_000];

/// What the client's kernel holds for it, in bytes.
const CLIENT_BUFFER: u32 = 32 * 1024;

/// The core listens, as it does in earnest.
fn listen(play: &Play) -> (SocketAddr, Arc<Registry>) {
    let listener = bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let registry = Registry::new(play.driver.clock, HOUR, HOUR);
    let acceptor = Acceptor {
        front: play.front(),
        registry: Arc::clone(&registry),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    };
    tokio::spawn(acceptor.run(Listener::Tcp(listener)));
    (address, registry)
}

/// A client, and its connection at the core's end.
async fn connect(play: &mut Play, server: &(SocketAddr, Arc<Registry>)) -> (TcpStream, Arc<Conn>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(CLIENT_BUFFER).unwrap();
    let client = socket.connect(server.0).await.unwrap();
    play.until("it is accepted", |_| server.1.count().0 == 1).await;
    let conn = server.1.conns.lock().iter().map(|(_, (conn, _))| Arc::clone(conn)).next();
    (client, conn.unwrap())
}

/// A response that is longer than what is taken of it so far.
async fn long_response(play: &mut Play, client: &mut TcpStream, conn: &Conn) -> u64 {
    client.write_all(GET).await.unwrap();
    let stream = play.request(0).await;
    play.app.respond(stream, 200, &[]);
    play.app.body(stream, BODY);
    play.until("its kernel takes no more", |_| unsent(conn).unwrap() > 0).await;
    stream
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_response_for_a_minute_is_over() {
    let mut play = Play::new(1, MEMORY);
    let server = listen(&play);
    let (mut client, conn) = connect(&mut play, &server).await;
    let stream = long_response(&mut play, &mut client, &conn).await;
    let (registry, mut now) = (&server.1, play.driver.clock.now());
    registry.end_stalled(now);
    now = now + SEND_STALL_MAX;
    registry.end_stalled(now);
    assert_eq!(registry.count(), (1, 1), "a minute is allowed");
    // The kernels may still have moved some of it in the first of these minutes.
    play.until("it is ended", |_| {
        now = now + SEND_STALL_MAX + Duration::from_secs(1);
        registry.end_stalled(now);
        registry.count().0 == 0
    })
    .await;
    play.until("its app is told", |play| play.app.link.is_cancelled(stream)).await;
    assert_eq!(play.outcomes(), ((0, 1, 0), 0), "it has left");
    drop(conn);
    let left = client.read_to_end(&mut Vec::new()).await;
    assert_eq!(left.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "and nothing is kept");
}

#[tokio::test]
async fn a_client_that_takes_a_piece_each_minute_gets_its_whole_response() {
    let mut play = Play::new(1, MEMORY);
    let server = listen(&play);
    let (mut client, conn) = connect(&mut play, &server).await;
    let stream = long_response(&mut play, &mut client, &conn).await;
    let (registry, mut now) = (&server.1, play.driver.clock.now());
    let mut taken = 0;
    loop {
        let before = unsent(&conn).unwrap();
        registry.end_stalled(now);
        if before == 0 {
            break;
        }
        play.until("a piece is taken", |_| {
            taken += client.try_read(&mut [0; 4096]).unwrap_or(0);
            unsent(&conn).unwrap() != before
        })
        .await;
        now = now + SEND_STALL_MAX + Duration::from_secs(1);
        registry.end_stalled(now);
        assert_eq!(registry.count().0, 1, "after {taken} bytes");
    }
    play.app.end(stream);
    let mut rest = Vec::new();
    play.until("the end comes", |_| {
        let _no_more_yet = client.try_read_buf(&mut rest);
        rest.ends_with(b"0\r\n\r\n")
    })
    .await;
    assert!(taken + rest.len() > BODY.len());
}

#[tokio::test]
async fn a_connection_that_came_out_of_its_state_meanwhile_is_not_ended() {
    let mut play = Play::new(1, MEMORY);
    let server = listen(&play);
    let (mut client, conn) = connect(&mut play, &server).await;
    let idle = conn.phase();
    assert_eq!(idle.0, Phase::Idle);
    client.write_all(GET).await.unwrap();
    let stream = play.request(0).await;
    // The sweeper had seen it idle for too long, just before the request came.
    end_if_still(&conn, idle);
    play.app.respond(stream, 200, &[("content-length", "2")]);
    play.app.body(stream, b"ok");
    play.app.end(stream);
    let mut got = Vec::new();
    play.until("it is answered", |_| {
        let _no_more_yet = client.try_read_buf(&mut got);
        got.ends_with(b"ok")
    })
    .await;
    play.until("it is idle again", |_| conn.phase().0 == Phase::Idle).await;
    assert!(conn.phase() != idle, "idle since another time");
    end_if_still(&conn, conn.phase());
    play.until("it is ended", |_| server.1.count().0 == 0).await;
}

#[tokio::test]
async fn a_silent_client_is_asked_whether_it_is_still_there() {
    let mut play = Play::new(1, MEMORY);
    let server = listen(&play);
    let (_client, conn) = connect(&mut play, &server).await;
    assert!(sockopt::socket_keepalive(&conn).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&conn).unwrap(), Duration::from_secs(60));
    assert_eq!(sockopt::tcp_keepintvl(&conn).unwrap(), Duration::from_secs(10));
}

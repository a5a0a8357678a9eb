//! What the open loop promises, against servers of a few lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Barrier};

use super::*;

/// A server with a thread per connection that runs `serve` for each request.
fn server(serve: impl Fn(usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(first)) = lines.next() {
                    let number = first.split(['/', ' ']).nth(4).unwrap().parse().unwrap();
                    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                    serve(number);
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                }
            });
        }
    });
    address
}

fn args(address: SocketAddr, folder: &tempfile::TempDir, fresh: bool) -> PlayArgs {
    PlayArgs {
        server: crate::Server { address },
        trace: folder.path().join("trace"),
        times: folder.path().join("times"),
        connections: 2,
        fresh,
    }
}

fn items(count: u64) -> Vec<Item> {
    (0..count).map(|number| Item { at: number * 1000, service: 0, deferred: 0 }).collect()
}

#[tokio::test]
async fn a_request_is_sent_in_its_time_although_those_before_it_have_no_answer() {
    // Nobody is answered before the last one is there, so a client that waited for answers would
    // hang.
    let all = Arc::new(Barrier::new(12));
    let warm = std::sync::atomic::AtomicU32::new(0);
    let address = server(move |_| {
        if warm.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 2 {
            all.wait();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let report = run(&args(address, &folder, false), items(12)).await.unwrap();
    assert_eq!((report.requests, report.errors, report.in_flight_max), (12, 0, 12));
}

#[tokio::test]
async fn a_latency_counts_from_the_scheduled_arrival() {
    let slow = Duration::from_millis(30);
    let address =
        server(move |number| std::thread::sleep(if number == 3 { slow } else { Duration::ZERO }));
    let folder = tempfile::tempdir().unwrap();
    run(&args(address, &folder, false), items(5)).await.unwrap();
    let text = std::fs::read_to_string(folder.path().join("times")).unwrap();
    let lines: Vec<Vec<u64>> = text
        .lines()
        .map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect())
        .collect();
    assert_eq!(lines.iter().map(|line| line[0]).collect::<Vec<_>>(), [0, 1000, 2000, 3000, 4000]);
    assert!(lines[3][2] >= 30_000, "{:?}", lines[3]);
    assert!(lines.iter().all(|line| line[2] >= line[1]), "the latency includes being late");
}

#[tokio::test]
async fn connections_are_used_again_unless_they_are_to_be_fresh() {
    let address = server(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let kept = run(&args(address, &folder, false), items(20)).await.unwrap();
    assert_eq!((kept.errors, kept.reopened), (0, 0));
    let fresh = run(&args(address, &folder, true), items(20)).await.unwrap();
    assert_eq!(fresh.errors, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&args(address, &folder, false), items(3)).await.is_err());
}

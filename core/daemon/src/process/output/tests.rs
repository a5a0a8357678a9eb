//! Stories about captured output, from the pipes of an app to those of the core.

use std::fs::File;
use std::io::{Read, Write};

use super::*;

/// Long enough for everything that is waited for; only a failing test waits so long.
const LONG: Duration = Duration::from_secs(30);

/// An app's pipes, the core's own output, and the capture between them.
struct Rig {
    app_out: File,
    app_err: File,
    core_out: File,
    core_err: File,
    capture: Capture,
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    (reader.into(), writer.into())
}

fn rig(mode: Mode) -> Rig {
    let ((core_out, out_sink), (core_err, err_sink)) = (pipe(), pipe());
    let ((out, app_out), (err, app_err)) = (pipe(), pipe());
    let stdout = Sink::start(out_sink, Form::Text).unwrap();
    let stderr = Sink::start(err_sink, Form::Text).unwrap();
    let outlets = Outlets { stdout, stderr, mode };
    let capture = outlets.capture(Label { app: "shop".into(), pid: 7 }, out, err).unwrap();
    Rig {
        app_out: app_out.into(),
        app_err: app_err.into(),
        core_out: core_out.into(),
        core_err: core_err.into(),
        capture,
    }
}

async fn read(mut from: File, n: usize) -> String {
    let read = move || {
        let mut bytes = vec![0; n];
        from.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test]
async fn each_stream_goes_to_its_own() {
    let mut rig = rig(Mode::Raw);
    rig.app_out.write_all(b"to out\n").unwrap();
    rig.app_err.write_all(b"to err\n").unwrap();
    assert_eq!(read(rig.core_out, 7).await, "to out\n");
    assert_eq!(read(rig.core_err, 7).await, "to err\n");
}

#[tokio::test]
async fn a_prompt_without_a_line_feed_is_seen() {
    let mut rig = rig(Mode::Raw);
    rig.app_out.write_all(b"password: ").unwrap();
    assert_eq!(read(rig.core_out, 10).await, "password: ");
}

#[tokio::test]
async fn the_last_lines_outlive_the_process() {
    let mut rig = rig(Mode::Prefix);
    for n in 0..30 {
        writeln!(rig.app_err, "line {n}").unwrap();
    }
    drop((rig.app_out, rig.app_err));
    rig.capture.settle(LONG).await;
    let lines = rig.capture.last_lines();
    assert_eq!(lines.len(), LAST_LINES);
    assert_eq!((lines[0].as_str(), lines[19].as_str()), ("line 10", "line 29"));
}

#[tokio::test]
async fn a_pipe_that_a_grandchild_holds_delays_nobody_for_long() {
    let rig = rig(Mode::Raw);
    drop(rig.app_out);
    rig.capture.settle(Duration::from_millis(1)).await;
    assert_eq!(rig.capture.last_lines(), [""; 0]);
}

#[tokio::test]
async fn a_stuck_reader_does_not_stop_the_app() {
    let rig = rig(Mode::Raw);
    let mut app_out = rig.app_out;
    let write = move || {
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        // Far more than the sink and all pipes hold, while nobody reads the core's output.
        (0..8000).try_for_each(|_| app_out.write_all(&line))
    };
    let written = tokio::task::spawn_blocking(write).await.unwrap();
    assert!(written.is_ok());
    assert_eq!(rig.capture.last_lines().len(), LAST_LINES);
}

//! How the command behaves with and without a core, and what it writes.

use super::*;
use crate::status::grpc::tests::served;
use crate::status::samples::Sample;

#[test]
fn a_pipe_gets_block_after_block() {
    let reply = Sample::serving().reply();
    let first = frame(&reply, Form::Text, true);
    assert!(first.starts_with("maitred 0.1.0"), "{first}");
    assert_eq!(frame(&reply, Form::Text, false), format!("\n{first}"));
}

#[test]
fn a_terminal_is_drawn_over_without_flicker() {
    let reply = Sample::serving().reply();
    let again = frame(&reply, Form::Screen, false);
    assert!(again.starts_with("\x1b[Hmaitred 0.1.0"), "{again:?}");
    assert!(again.ends_with("\x1b[K\n\x1b[J"), "{again:?}");
    assert!(frame(&reply, Form::Screen, true).starts_with("\x1b[H\x1b[Jmaitred"));
}

#[test]
fn json_is_one_document_or_one_line_per_picture() {
    let reply = Sample::serving().reply();
    let document = frame(&reply, Form::Json, true);
    let line = frame(&reply, Form::JsonLines, false);
    assert!(document.lines().count() > 100);
    assert_eq!(line.lines().count(), 1);
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parsed(&document), parsed(&line));
}

#[tokio::test]
async fn a_core_that_is_not_there_is_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    let code = run(&dir.path().join("admin.sock"), false, false).await.unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
}

#[tokio::test]
async fn a_socket_nobody_listens_on_any_more_is_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let code = run(&path, true, true).await.unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
}

#[tokio::test]
async fn a_core_that_hangs_up_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let hangs_up = tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
        }
    });
    let error = run(&path, false, false).await.unwrap_err().to_string();
    hangs_up.abort();
    assert!(error.contains("core"), "{error}");
}

fn printer(form: Form) -> Printer<Vec<u8>> {
    Printer { form, out: Vec::new(), first: true }
}

#[tokio::test]
async fn the_command_prints_what_the_core_says() {
    let served = served();
    let mut printer = printer(Form::Text);
    let client = connect(&served.path).await.unwrap().expect("a core listens");
    printer.once(client).await.unwrap();
    let text = String::from_utf8(printer.out).unwrap();
    assert!(text.starts_with("maitred 0.1.0 (pid 1)"), "{text}");
    served.leave().await;
}

/// Wants the core to leave as soon as two pictures were printed.
struct TwoPictures {
    printed: Vec<u8>,
    shutdown: tokio_util::sync::CancellationToken,
}

impl Write for TwoPictures {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.printed.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.printed.iter().filter(|byte| **byte == b'\n').count() == 2 {
            self.shutdown.cancel();
        }
        Ok(())
    }
}

#[tokio::test]
async fn watching_goes_on_until_the_core_leaves() {
    let served = served();
    let out = TwoPictures { printed: Vec::new(), shutdown: served.shutdown.clone() };
    let mut printer = Printer { form: Form::JsonLines, out, first: true };
    let client = connect(&served.path).await.unwrap().expect("a core listens");
    printer.follow(client).await.unwrap();
    let text = String::from_utf8(printer.out.printed).unwrap();
    let pids: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|picture| picture["pid"].as_u64().unwrap())
        .collect();
    assert_eq!(pids[..2], [1, 2]);
    served.leave().await;
}

/// A reader that has gone away.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let served = served();
    let mut printer = Printer { form: Form::Text, out: Closed, first: true };
    let client = connect(&served.path).await.unwrap().expect("a core listens");
    let error = printer.once(client).await.unwrap_err();
    assert!(is_closed_pipe(&error), "{error:#}");
    served.leave().await;
}

//! Stories about readers that are slow, stuck or gone.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use super::*;

/// Long enough for everything that is waited for; only a failing test waits so long.
const LONG: Duration = Duration::from_secs(30);

fn pipe(form: Form) -> (File, Sink) {
    let (reader, writer) = io::pipe().unwrap();
    (File::from(OwnedFd::from(reader)), Sink::start(writer.into(), form).unwrap())
}

#[test]
fn lines_come_out_in_order() {
    let (mut reader, sink) = pipe(Form::Text);
    sink.push(b"one\n");
    sink.push(b"two\n");
    let mut got = [0; 8];
    reader.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"one\ntwo\n");
    sink.flush(LONG);
    assert_eq!(sink.dropped(), Dropped::default());
}

#[test]
fn a_stuck_reader_blocks_nobody_and_hears_what_it_missed() {
    let (reader, sink) = pipe(Form::Text);
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    // The reader reads nothing: two buffers and a pipe are filled, then lines are dropped.
    while sink.dropped().lines < 10 {
        sink.push(&line);
    }
    let dropped = sink.dropped();
    let mut reported = 0;
    for text in BufReader::new(reader).lines() {
        let text = text.unwrap();
        if let Some(report) = text.strip_prefix("maitred: ") {
            reported += report.split(' ').next().unwrap().parse::<u64>().unwrap();
            assert!(report.ends_with("were dropped here: their reader was stuck"), "{report}");
        } else {
            assert_eq!(text.len(), 999);
        }
        if reported == dropped.lines {
            break;
        }
    }
    assert_eq!(dropped, Dropped { lines: 10, bytes: 10_000 });
}

#[test]
fn a_broken_stream_is_given_up() {
    let (reader, sink) = pipe(Form::Json);
    drop(reader);
    sink.push(b"nobody reads this\n");
    sink.flush(LONG);
    sink.push(b"nor this\n");
    assert_eq!(sink.dropped(), Dropped { lines: 1, bytes: 9 });
}

#[test]
fn a_report_in_json_is_an_object() {
    let text = report(Form::Json, Dropped { lines: 2, bytes: 30 });
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["dropped"], 2);
}

//! Stories about the three forms of a line of an app.

use serde_json::Value;

use super::*;

fn shaped(mode: Mode, lines: &[&str]) -> String {
    let mut shaper = Shaper::new(mode, Label { app: "shop".into(), pid: 7 }, "stderr");
    let mut out = Vec::new();
    for line in lines {
        shaper.shape(Piece { bytes: line.as_bytes(), ended: true }, &mut out);
    }
    shaper.flush(&mut out);
    String::from_utf8(out).unwrap()
}

fn messages(lines: &[&str]) -> Vec<String> {
    let text = shaped(Mode::Json, lines);
    let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects.map(|object| object["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn raw_touches_nothing() {
    assert_eq!(shaped(Mode::Raw, &["a\r", "", "b"]), "a\r\n\nb\n");
}

#[test]
fn raw_adds_no_line_feed_to_a_part() {
    let mut shaper = Shaper::new(Mode::Raw, Label { app: "shop".into(), pid: 7 }, "stdout");
    let mut out = Vec::new();
    shaper.shape(Piece { bytes: b"50 %", ended: false }, &mut out);
    assert_eq!(out, b"50 %");
}

#[test]
fn a_prefix_tells_who_wrote() {
    assert_eq!(shaped(Mode::Prefix, &["hello"]), "shop 7 | hello\n");
}

#[test]
fn an_object_gets_fields_and_keeps_its_own() {
    assert_eq!(
        shaped(Mode::Json, &[r#"{"level":"info","pid":1}"#, "{}"]),
        "{\"app\":\"shop\",\"stream\":\"stderr\",\"level\":\"info\",\"pid\":1}\n\
         {\"app\":\"shop\",\"pid\":7,\"stream\":\"stderr\"}\n"
    );
}

#[test]
fn a_line_that_is_no_object_becomes_one() {
    assert_eq!(
        messages(&["hello \"you\"", "{not json", "[1]"]),
        ["hello \"you\"", "{not json", "[1]"]
    );
}

#[test]
fn a_traceback_is_kept_together() {
    let lines = [
        "before",
        "Traceback (most recent call last):",
        "  File \"app.py\", line 1, in f",
        "    1 / 0",
        "ZeroDivisionError: division by zero",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        "  File \"app.py\", line 3, in f",
        "ValueError: no",
        "after",
    ];
    assert_eq!(messages(&lines), ["before", &lines[1..11].join("\n"), "after"]);
}

#[test]
fn a_group_of_exceptions_is_kept_together() {
    let lines = [
        "  + Exception Group Traceback (most recent call last):",
        "  |   File \"app.py\", line 1, in f",
        "  | ExceptionGroup: two (2 sub-exceptions)",
        "    +------------------------------------",
        "after",
    ];
    assert_eq!(messages(&lines), [&lines[..4].join("\n"), "after"]);
}

#[test]
fn an_endless_traceback_is_cut() {
    let frame = format!("  {}", "x".repeat(1000));
    let mut lines = vec!["Traceback (most recent call last):"];
    lines.extend(std::iter::repeat_n(frame.as_str(), 100));
    assert!(messages(&lines).iter().all(|message| message.len() < LINE_MAX));
}

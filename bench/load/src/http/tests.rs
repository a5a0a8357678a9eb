//! What the client takes for the end of an answer.

use super::{Body, chunks_complete, parse_head};

#[test]
fn an_incomplete_head_is_not_taken() {
    assert!(parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n").unwrap().is_none());
}

#[test]
fn a_length_and_a_close_are_read_whatever_their_case() {
    let text = b"HTTP/1.1 404 Not Found\r\nContent-LENGTH: 5\r\nConnection: Close\r\n\r\nhello";
    let head = parse_head(text).unwrap().unwrap();
    assert_eq!((head.status, head.len, head.close), (404, text.len() - 5, true));
    assert!(matches!(head.body, Body::Length(5)));
}

#[test]
fn an_answer_without_length_lasts_until_close() {
    let head = parse_head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap();
    assert!(head.close);
    assert!(matches!(head.body, Body::UntilClose));
}

#[test]
fn chunks_end_with_the_empty_one() {
    assert!(!chunks_complete(b"5\r\nhello\r\n").unwrap());
    assert!(!chunks_complete(b"5\r\nhello\r\n0\r\n").unwrap());
    assert!(chunks_complete(b"5\r\nhello\r\n0\r\n\r\n").unwrap());
    assert!(chunks_complete(b"zz\r\n").is_err());
}

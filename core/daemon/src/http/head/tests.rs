//! Heads cross between HTTP and the link without losing or inventing anything.

use prost::Message;

use super::*;
use crate::http::noted::Noted;

fn facts(headers: &[(&'static str, &'static str)]) -> RequestFacts {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let noted = Noted::of(&map, &HeaderName::from_static("x-request-id"));
    let (headers_len, is_chunked) = (noted.len, noted.is_chunked);
    RequestFacts {
        method: Method::GET,
        uri: "/a%20b?c=d".parse().unwrap(),
        version: Version::HTTP_11,
        headers: map,
        headers_len,
        is_chunked,
        request_id: HeaderValue::from_static("abc"),
        request_id_header: None,
        client: Some("::ffff:192.0.2.7".parse().unwrap()),
        client_port: 4711,
        local: Local::Tcp("127.0.0.1:8000".parse().unwrap()),
        https: true,
        upstream: Some(Duration::from_millis(3)),
    }
}

/// Adds a header to those that a request was read with.
fn add(head: &mut RequestFacts, name: &'static str, len: usize) {
    let value = HeaderValue::try_from("x".repeat(len)).unwrap();
    head.headers.insert(name, value);
    head.headers_len = Noted::of(&head.headers, &HeaderName::from_static("x-request-id")).len;
}

fn encoded(facts: &RequestFacts, body: &RequestBody) -> message::Request {
    let mut out = BytesMut::new();
    facts.encode(&mut out, body, Wait::over(Duration::from_micros(250)));
    message::Request::decode(out.freeze()).unwrap()
}

fn held(data: &'static [u8]) -> RequestBody {
    let held = crate::body::upload::Held::new(Bytes::from_static(data), None, None);
    RequestBody::Memory(std::sync::Arc::new(held))
}

fn header(request: &message::Request, wanted: &str) -> Vec<String> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    message::pairs(&request.headers)
        .filter(|(name, _)| name.as_ref() == wanted.as_bytes())
        .map(|(_, value)| text(value))
        .collect()
}

fn app_response(status: u32, headers: &[(&'static str, &'static str)]) -> message::Response {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let flat = headers.iter().flat_map(|(name, value)| [text(name), text(value)]);
    message::Response { status, headers: flat.collect() }
}

#[test]
fn a_process_sees_the_request_and_where_it_came_from() {
    let head = facts(&[("host", "x"), ("a", "1"), ("a", "2")]);
    let request = encoded(&head, &RequestBody::None);
    assert_eq!(request.method, "GET");
    assert_eq!(request.target, "/a%20b?c=d");
    assert_eq!(request.client, "192.0.2.7", "an IPv4 client of an IPv6 socket");
    assert_eq!((request.client_port, request.server_port), (4711, 8000));
    assert_eq!(request.scheme, "https");
    assert_eq!(request.request_id, "abc");
    assert_eq!((request.wait_us, request.upstream_us), (250, 3000));
    assert!(request.idempotent);
    assert_eq!(header(&request, "a"), ["1", "2"]);
}

#[test]
fn a_fresh_request_id_is_a_header_like_those_of_the_client() {
    let mut head = facts(&[("host", "x")]);
    assert!(header(&encoded(&head, &RequestBody::None), "x-request-id").is_empty());
    head.request_id_header = Some(HeaderName::from_static("x-request-id"));
    assert_eq!(header(&encoded(&head, &RequestBody::None), "x-request-id"), ["abc"]);
}

#[test]
fn an_address_is_written_as_everybody_writes_it() {
    for text in ["0.0.0.0", "10.20.30.4", "255.255.255.255", "2001:db8::1", "::1"] {
        assert_eq!(AddressText::new(text.parse().ok()).as_bytes(), text.as_bytes());
    }
    assert_eq!(AddressText::new(None).as_bytes(), b"");
}

#[test]
fn a_chunked_body_that_is_held_whole_has_a_length() {
    let head = facts(&[("transfer-encoding", "chunked")]);
    let request = encoded(&head, &held(b"12345"));
    assert_eq!(header(&request, "content-length"), ["5"]);
    assert!(header(&request, "transfer-encoding").is_empty());
}

#[test]
fn a_proxy_style_target_stays_as_it_came() {
    let mut head = facts(&[]);
    head.uri = "http://example.com/x?y".parse().unwrap();
    assert_eq!(encoded(&head, &RequestBody::None).target, "http://example.com/x?y");
    head.uri = "*".parse().unwrap();
    assert_eq!(encoded(&head, &RequestBody::None).target, "*");
}

#[test]
fn headers_of_the_connection_and_messages_to_the_core_reach_no_client() {
    let head = app_response(
        200,
        &[
            ("Connection", "close"),
            ("Transfer-Encoding", "chunked"),
            ("!~Request-OOB-Work", "true"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
        ],
    );
    let (parts, declared) = response(&head).unwrap();
    let names: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["set-cookie"]);
    assert_eq!(declared, None);
    assert_eq!(parts.headers.get_all("set-cookie").iter().count(), 2);
}

#[test]
fn a_response_that_could_split_or_smuggle_is_refused() {
    let bad = [
        app_response(200, &[("a", "b\r\nc: d")]),
        app_response(200, &[("a b", "c")]),
        app_response(200, &[("content-length", "5"), ("content-length", "6")]),
        app_response(200, &[("content-length", "+5")]),
        app_response(99, &[]),
        app_response(600, &[]),
    ];
    for head in bad {
        assert!(response(&head).is_err(), "{head:?}");
    }
}

#[test]
fn a_head_is_measured_before_it_is_admitted() {
    assert!(facts(&[("a", "b")]).fits());
    let mut large = facts(&[]);
    add(&mut large, "a", HEAD_MAX);
    assert!(!large.fits());
}

#[test]
fn a_head_that_fits_is_never_too_long_for_its_frame() {
    let long = |len: usize| "x".repeat(len);
    for (id, target) in [(8, 8), (16_000, 8), (8, 30_000), (12_000, 12_000)] {
        let mut head = facts(&[("host", "x")]);
        head.request_id = HeaderValue::try_from(long(id)).unwrap();
        head.request_id_header = Some(HeaderName::from_static("x-request-id"));
        head.uri = format!("http://{}.example/{}", long(200), long(target)).parse().unwrap();
        let without_padding = {
            let mut out = BytesMut::new();
            head.encode(&mut out, &RequestBody::None, Wait::over(Duration::ZERO));
            out.len()
        };
        for spare in [0, 200, HEAD_OVERHEAD, 2 * HEAD_OVERHEAD] {
            let padding = (HEAD_MAX + 100).saturating_sub(without_padding + spare);
            add(&mut head, "x-padding", padding);
            let mut out = BytesMut::new();
            head.encode(&mut out, &RequestBody::None, Wait::over(Duration::ZERO));
            assert!(!head.fits() || out.len() <= HEAD_MAX, "{} bytes", out.len());
        }
    }
}

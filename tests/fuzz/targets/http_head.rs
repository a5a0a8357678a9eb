//! Heads, from HTTP to the link and back.
//!
//! A request's head comes from strangers, a response's from the app: neither may be able to say
//! something to the other side that a head cannot say.
#![no_main]

use std::net::IpAddr;
use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri, Version};
use libfuzzer_sys::fuzz_target;
use maitred::body::upload::RequestBody;
use maitred::http::conn::Local;
use maitred::http::head::{self, RequestFacts, Wait};
use maitred_proto::frame::HEAD_MAX;
use maitred_proto::message::{Request, Response, Trailers, pairs};
use prost::Message;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Request(Asked<'a>),
    Response(&'a [u8]),
    Trailers(&'a [u8]),
}

#[derive(Debug, Arbitrary)]
struct Asked<'a> {
    method: &'a [u8],
    target: &'a [u8],
    old: bool,
    headers: Vec<(&'a [u8], &'a [u8])>,
    request_id: &'a [u8],
    client: Option<IpAddr>,
    ports: (u16, u16),
    waited: u64,
    goes_on_at_us: u64,
}

/// The request as a head that hyper would hand on; `None`: it would not.
fn facts(asked: &Asked<'_>) -> Option<RequestFacts> {
    let mut headers = HeaderMap::new();
    for (name, value) in &asked.headers {
        let name = HeaderName::from_bytes(name).ok()?;
        headers.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(RequestFacts {
        method: Method::from_bytes(asked.method).ok()?,
        uri: Uri::from_maybe_shared(Bytes::copy_from_slice(asked.target)).ok()?,
        version: if asked.old { Version::HTTP_10 } else { Version::HTTP_11 },
        headers,
        request_id: HeaderValue::from_bytes(asked.request_id).ok()?,
        client: asked.client,
        client_port: asked.ports.0,
        local: Local::Tcp(([127, 0, 0, 1], asked.ports.1).into()),
        https: false,
        upstream: None,
    })
}

fn request(asked: &Asked<'_>) {
    let Some(facts) = facts(asked) else { return };
    let mut out = BytesMut::new();
    let so_far = Duration::from_micros(asked.waited);
    let wait = Wait { so_far, goes_on_at_us: asked.goes_on_at_us };
    facts.encode(&mut out, &RequestBody::None, wait);
    if facts.fits() {
        assert!(out.len() <= HEAD_MAX, "a head of {} bytes was said to fit", out.len());
    }
    let read = Request::decode(out.freeze()).expect("what was written is read");
    assert_eq!(read.method, facts.method.as_str());
    assert_eq!((read.wait_us, read.early_at_us), (asked.waited, asked.goes_on_at_us));
    assert_eq!(read.headers.len(), 2 * facts.headers.len());
    for ((name, value), (wanted, text)) in pairs(&read.headers).zip(&facts.headers) {
        assert_eq!((&name[..], &value[..]), (wanted.as_str().as_bytes(), text.as_bytes()));
    }
}

fn response(payload: &[u8]) {
    let Ok(said) = Response::decode(Bytes::copy_from_slice(payload)) else { return };
    if said.headers.len() % 2 != 0 {
        return;
    }
    let Ok(parts) = head::response(&said) else { return };
    assert!((200..600).contains(&parts.status.as_u16()));
    assert!(head::content_length(&parts.headers).is_ok());
    for (name, value) in &parts.headers {
        assert!(!name.as_str().starts_with("!~"), "{name} is between the app and the core");
        assert!(!["connection", "transfer-encoding", "upgrade"].contains(&name.as_str()));
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}

fn trailers(payload: &[u8]) {
    let Ok(said) = Trailers::decode(Bytes::copy_from_slice(payload)) else { return };
    let map = head::trailers(&said);
    let again = head::trailers(&head::pack_trailers(&map));
    assert_eq!(map, again);
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Request(asked) => request(&asked),
        Input::Response(payload) => response(payload),
        Input::Trailers(payload) => trailers(payload),
    }
});

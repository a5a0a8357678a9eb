//! Heads, from HTTP to the link and back.
//!
//! What a process sees of a request is fixed here once, when its head was read; a retry sends the
//! same bytes again.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Uri, Version, response};
use maitred_engine::event::{Abort, CancelReason, DrainReason};
use maitred_proto::frame::HEAD_MAX;
use maitred_proto::message::{self, RequestHead, encode_request, reason};
use thiserror::Error;

use super::conn::Local;
use super::noted::HEADER_OVERHEAD;
use crate::body::upload::RequestBody;

/// Bytes that a head may have on the link beyond its fields: keys, lengths, addresses.
const HEAD_OVERHEAD: usize = 512;

/// A request's head and what the core knows about where it came from.
#[derive(Debug)]
pub struct RequestFacts {
    /// The method.
    pub method: Method,
    /// The request target.
    pub uri: Uri,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// As the client sent them.
    pub headers: HeaderMap,
    /// Bytes that those take on the link, at most.
    pub headers_len: usize,
    /// There is a `Transfer-Encoding` among them.
    pub is_chunked: bool,
    /// The client's word, or a fresh one.
    pub request_id: HeaderValue,
    /// The header in which the app finds a fresh one. It is not put among `headers`: twelve of
    /// them fill their table, and one more would have it grow.
    pub request_id_header: Option<HeaderName>,
    /// The client, after trusted proxies were heard.
    pub client: Option<IpAddr>,
    /// 0 where unknown.
    pub client_port: u16,
    /// What the client connected to.
    pub local: Local,
    /// The client came over TLS, as a trusted proxy says.
    pub https: bool,
    /// From `X-Request-Start` to the arrival here.
    pub upstream: Option<Duration>,
}

/// The app's response head cannot be sent to a client.
#[derive(Debug, Error)]
pub enum InvalidResponse {
    /// Not in 200 to 599.
    #[error("status {0} is not one of a final response")]
    Status(u32),
    /// Not a token, or not allowed in HTTP.
    #[error("header name {0:?} is not valid")]
    Name(Bytes),
    /// Line breaks and other controls.
    #[error("the value of header {0} is not valid")]
    Value(HeaderName),
    /// Not a number, or several that differ.
    #[error("its Content-Length is not valid")]
    ContentLength,
    /// Its body ended before its Content-Length.
    #[error("its body is shorter than its Content-Length")]
    Short,
}

/// How long a request has waited when it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// Arrival to now.
    pub so_far: Duration,
    /// It is sent ahead, and waits on: now, by `CLOCK_MONOTONIC` in microseconds; else 0.
    pub goes_on_at_us: u64,
}

impl Wait {
    /// A slot has it now.
    #[must_use]
    pub const fn over(so_far: Duration) -> Self {
        Self { so_far, goes_on_at_us: 0 }
    }
}

impl RequestFacts {
    /// Whether the head fits in a frame of the link.
    #[must_use]
    pub fn fits(&self) -> bool {
        let uri = match self.origin_form() {
            Some(target) => target.len(),
            None => self.uri.to_string().len(),
        };
        let added = self.request_id_header.as_ref();
        let added =
            added.map_or(0, |name| name.as_str().len() + self.request_id.len() + HEADER_OVERHEAD);
        // It goes out in a field of its own as well.
        let request_id = self.request_id.len();
        uri + self.headers_len + added + request_id + HEAD_OVERHEAD <= HEAD_MAX
    }

    /// The request target, where it is not in absolute form.
    fn origin_form(&self) -> Option<&str> {
        let target = self.uri.path_and_query().filter(|_| self.uri.scheme().is_none());
        target.map(http::uri::PathAndQuery::as_str)
    }

    /// The request's id, for logs.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or("-")
    }

    /// Method and path, for logs. Not the query, which may hold secrets.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.uri.path())
    }

    /// Appends the REQUEST message.
    pub fn encode(&self, out: &mut BytesMut, body: &RequestBody, wait: Wait) {
        let client = AddressText::new(self.client);
        let server_ip;
        let (server, server_port) = match &self.local {
            Local::Tcp(address) => {
                server_ip = AddressText::new(Some(address.ip()));
                (server_ip.as_bytes(), address.port())
            }
            Local::Unix(path) => (path.as_bytes(), 0),
        };
        let mut length = itoa::Buffer::new();
        let length = self.length_to_add(body).map(|len| length.format(len).as_bytes());
        let length = length.map(|len| (header::CONTENT_LENGTH.as_str().as_bytes(), len));
        let absolute;
        let target = match self.origin_form() {
            Some(target) => target.as_bytes(),
            None => {
                absolute = self.uri.to_string();
                absolute.as_bytes()
            }
        };
        let chunked_away = length.is_some();
        let headers = self
            .headers
            .iter()
            .filter(move |(name, _)| !(chunked_away && *name == header::TRANSFER_ENCODING))
            .chain(self.request_id_header.as_ref().map(|name| (name, &self.request_id)))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .chain(length);
        encode_request(
            out,
            RequestHead {
                method: self.method.as_str().as_bytes(),
                target,
                version: if self.version == Version::HTTP_10 { 10 } else { 11 },
                scheme: if self.https { b"https" } else { b"http" },
                client: client.as_bytes(),
                client_port: self.client_port,
                server,
                server_port,
                request_id: self.request_id().as_bytes(),
                wait_us: micros(wait.so_far),
                early_at_us: wait.goes_on_at_us,
                upstream_us: self.upstream.map_or(0, micros),
                idempotent: self.method.is_idempotent() && body.is_held(),
                headers,
            },
        );
    }

    /// A chunked body that is held whole gets a Content-Length: many apps read no other kind.
    fn length_to_add(&self, body: &RequestBody) -> Option<u64> {
        if self.is_chunked { body.held_len() } else { None }
    }
}

/// Bytes of the longest IP address as text (an IPv6 address with an embedded IPv4 one).
const ADDRESS_LEN_MAX: usize = 45;

/// An IP address as text without an allocation.
#[derive(Debug)]
struct AddressText {
    text: [u8; ADDRESS_LEN_MAX],
    len: usize,
}

impl AddressText {
    fn new(ip: Option<IpAddr>) -> Self {
        let mut text = [0; ADDRESS_LEN_MAX];
        let mut rest = &mut text[..];
        // A v4 client of a v6 socket is known by its v4 address.
        let _fits = match ip.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(ip)) => write_v4(&mut rest, ip),
            Some(IpAddr::V6(ip)) => write!(rest, "{ip}"),
            None => Ok(()),
        };
        let len = ADDRESS_LEN_MAX - rest.len();
        Self { text, len }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

/// As its `Display` does, which takes longer for two addresses than reading the request's line.
fn write_v4(to: &mut &mut [u8], ip: Ipv4Addr) -> io::Result<()> {
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            to.write_all(b".")?;
        }
        to.write_all(itoa::Buffer::new().format(octet).as_bytes())?;
    }
    Ok(())
}

/// The header by which a response asks for out-of-band work. Passenger's name for it, so that
/// what is written for that works here.
const OOB_HEADER: &[u8] = b"!~request-oob-work";

/// Whether the response asks for out-of-band work in its process: any case, any value.
#[must_use]
pub fn asks_for_oob(head: &message::Response) -> bool {
    let mut names = message::pairs(&head.headers).map(|(name, _)| name);
    names.any(|name| name.starts_with(b"!~") && name.eq_ignore_ascii_case(OOB_HEADER))
}

/// The app's response head, fit to be sent to a client, and its Content-Length.
///
/// Headers about the connection belong to the core and are dropped (RFC 9110, 7.6.1), and so is
/// whatever begins with `!~`: those are messages to the core.
///
/// # Errors
/// See [`InvalidResponse`].
pub fn response(
    head: &message::Response,
) -> Result<(response::Parts, Option<u64>), InvalidResponse> {
    let status = u16::try_from(head.status).ok().filter(|status| (200..600).contains(status));
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let Some(status) = status else { return Err(InvalidResponse::Status(head.status)) };
    let mut headers = HeaderMap::with_capacity(head.headers.len() / 2 + 2);
    let mut declared = None;
    for (name, value) in message::pairs(&head.headers) {
        if name.starts_with(b"!~") {
            continue;
        }
        let Ok(name) = HeaderName::from_bytes(name) else {
            return Err(InvalidResponse::Name(name.clone()));
        };
        if is_hop_by_hop(&name) {
            continue;
        }
        let Ok(value) = HeaderValue::from_maybe_shared(value.clone()) else {
            return Err(InvalidResponse::Value(name));
        };
        if name == header::CONTENT_LENGTH && declared.replace(length_of(&value)?).is_some() {
            return Err(InvalidResponse::ContentLength);
        }
        headers.append(name, value);
    }
    let mut parts = Response::new(()).into_parts().0;
    parts.status = status;
    parts.headers = headers;
    Ok((parts, declared))
}

/// A Content-Length in digits, as it has to be (RFC 9110, 8.6).
fn length_of(value: &HeaderValue) -> Result<u64, InvalidResponse> {
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or(InvalidResponse::ContentLength)
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::UPGRADE
        || *name == header::TE
        || name == "keep-alive"
        || name == "proxy-connection"
}

/// Trailers from the link.
#[must_use]
pub fn trailers(trailers: &message::Trailers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in message::pairs(&trailers.headers) {
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_maybe_shared(value.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

/// Trailers for the link.
#[must_use]
pub fn pack_trailers(map: &HeaderMap) -> message::Trailers {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        [Bytes::copy_from_slice(name.as_str().as_bytes()), Bytes::copy_from_slice(value.as_bytes())]
    };
    message::Trailers { headers: map.iter().flat_map(pair).collect() }
}

/// The engine's word for a reason of ABORT.
#[must_use]
pub fn abort_reason(number: u32) -> Abort {
    match number {
        reason::INVALID_RESPONSE => Abort::InvalidResponse,
        reason::CANCELLED => Abort::Cancelled,
        _ => Abort::AppError,
    }
}

/// The wire's number for why a request is cancelled.
#[must_use]
pub fn cancel_reason(why: CancelReason) -> u32 {
    match why {
        CancelReason::ClientGone => reason::CLIENT_GONE,
        CancelReason::Deadline => reason::DEADLINE,
        CancelReason::Shutdown => reason::SHUTDOWN,
    }
}

/// The wire's number for why a process is drained.
#[must_use]
pub fn drain_reason(why: DrainReason) -> u32 {
    match why {
        DrainReason::Shutdown => reason::SHUTDOWN,
        DrainReason::Replaced => reason::REPLACED,
        DrainReason::Deadline => reason::DEADLINE,
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

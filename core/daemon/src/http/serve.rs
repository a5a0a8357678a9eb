//! One request, from its head to the head of its answer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version, response};
use hyper::body::Incoming;
use maitred_engine::class::Class;
use maitred_engine::id::{PoolId, RequestId};
use maitred_engine::time::Time;
use tokio_util::sync::CancellationToken;

use super::conn::Conn;
use super::forwarded::{Client, Forwarding, upstream_time};
use super::head::RequestFacts;
use super::noted::Noted;
use super::refuse::OwnAnswer;
use crate::body::client::ClientBody;
use crate::body::response::{AppBody, ResponseBody};
use crate::body::upload::RequestBody;
use crate::config;
use crate::driver::Driver;
use crate::exchange::{Answer, Exchange};
use crate::routes::{RouteSettings, Routes};
use crate::vitals::ready;

/// What every request needs: shared by all connections.
#[derive(Debug)]
pub struct Front {
    /// The driver.
    pub driver: Arc<Driver>,
    /// The pool that all requests go to.
    pub pool: PoolId,
    /// Whose `X-Forwarded-*` counts.
    pub forwarding: Arc<Forwarding>,
    /// The header with a request's id, both ways.
    pub request_id: HeaderName,
    /// Longest head, in bytes.
    pub head_max: usize,
    /// What holds for some requests only.
    pub routes: Routes,
    /// A path that the core answers itself.
    pub health_path: Option<String>,
    /// The header in which trusted proxies say a request's priority.
    pub priority_header: Option<HeaderName>,
    /// The header in which they say how long it may take.
    pub lease_header: Option<HeaderName>,
    /// Add `Server-Timing` to responses.
    pub server_timing: bool,
    /// The core is leaving: every answer closes its connection.
    pub leaving: AtomicBool,
    /// Idle connections are closed. Cancelled only once `leaving` is set: that is looked at first.
    pub close_idle: CancellationToken,
}

/// Answers one request.
///
/// # Errors
/// Never: what goes wrong is an answer.
pub async fn serve(
    front: Arc<Front>,
    conn: Arc<Conn>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let began = conn.begins();
    let (parts, incoming) = request.into_parts();
    let incoming = ClientBody::new(incoming, &conn);
    let noted = Noted::of(&parts.headers, &front.request_id);
    let request_id = noted.request_id.cloned().unwrap_or_else(new_request_id);
    let checked =
        check(&parts, noted.hosts).and_then(|()| front.health(&parts, incoming.is_some()));
    let answered = match checked {
        Ok(()) => {
            let said = Said::of(&noted, &front, &conn, began);
            front.answer(&conn, (parts, said), (incoming, began), &request_id).await
        }
        Err(own) => Err(front.own(own)),
    };
    let mut response = answered.unwrap_or_else(|own| {
        let mut response = own.response(&conn);
        response.headers_mut().insert(front.request_id.clone(), request_id);
        response
    });
    if front.leaving.load(Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// What hyper lets through although HTTP does not.
fn check(parts: &http::request::Parts, hosts: usize) -> Result<(), OwnAnswer> {
    // RFC 9112, 3.2: exactly one Host in HTTP/1.1.
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11) {
        return Err(OwnAnswer::bad_request("host", "exactly one Host header is needed"));
    }
    if parts.method == Method::CONNECT {
        return Err(OwnAnswer::not_implemented("CONNECT is for proxies"));
    }
    Ok(())
}

/// What a request's headers say, without a hold on them.
#[derive(Clone, Copy)]
struct Said {
    client: Client,
    upstream: Option<Duration>,
    has_id: bool,
    is_chunked: bool,
    len: usize,
}

impl Said {
    fn of(noted: &Noted<'_>, front: &Front, conn: &Conn, began: Time) -> Self {
        Self {
            client: front.forwarding.client(conn.peer, noted),
            upstream: upstream_time(noted, front.driver.clock.unix_us(began)),
            has_id: noted.request_id.is_some(),
            is_chunked: noted.is_chunked,
            len: noted.len,
        }
    }
}

impl Front {
    async fn answer(
        self: &Arc<Self>,
        conn: &Arc<Conn>,
        (parts, said): (http::request::Parts, Said),
        (incoming, began): (Option<ClientBody>, Time),
        request_id: &HeaderValue,
    ) -> Result<Response<ResponseBody>, OwnAnswer> {
        let settings = self.settings(conn, &parts);
        let head = self.facts(conn, parts, said, request_id.clone());
        if !head.fits() {
            return Err(self.own(OwnAnswer::head_too_large()));
        }
        let id = self.driver.next_request();
        let (body, now) = match incoming {
            None => (RequestBody::None, began),
            // Boxed: only requests with a body pay for its state.
            Some(incoming) => Box::pin(self.take_body((id, settings), incoming, began)).await?,
        };
        let exchange = Exchange::new(&self.driver, (id, self.pool), settings, head, body);
        let mut waiting = Waiting { exchange: &exchange, answered: false };
        self.driver.arrive(&exchange, now);
        let answer = poll_fn(|cx| exchange.poll_answer(cx)).await;
        waiting.answered = true;
        match answer {
            Answer::App(parts) => Ok(self.respond(conn, &exchange, parts)),
            Answer::Refused(why, retry_after) => Err(OwnAnswer::refused(why, retry_after)),
            Answer::Failed(why) => Err(OwnAnswer::failed(why)),
            Answer::Upload(error) => Err(OwnAnswer::upload(&error)),
        }
    }

    /// What the core answers for itself, where it was told to.
    fn health(&self, parts: &http::request::Parts, has_body: bool) -> Result<(), OwnAnswer> {
        let asks = matches!(parts.method, Method::GET | Method::HEAD);
        if !asks || self.health_path.as_deref() != Some(parts.uri.path()) {
            return Ok(());
        }
        let health = OwnAnswer::health(ready(&self.driver.standing(), None));
        Err(if has_body { health.closing() } else { health })
    }

    /// What is settled for a request by its route, and by a proxy that may say so.
    fn settings(&self, conn: &Conn, parts: &http::request::Parts) -> RouteSettings {
        let mut settings = self.routes.of(&parts.method, parts.uri.path());
        let said = |name: &Option<HeaderName>| {
            let word = parts.headers.get(name.as_ref()?)?.to_str().ok()?;
            self.forwarding.trusts_peer(conn.peer).then(|| word.trim().to_owned())
        };
        if let Some(class) = said(&self.priority_header).and_then(|word| Class::named(&word)) {
            settings.class = class;
        }
        if let Some(lease) = said(&self.lease_header).and_then(|word| config::deadline(&word)) {
            settings.deadlines.request = Some(lease);
        }
        settings
    }

    /// Counts an answer that no pool has any part in.
    fn own(&self, answer: OwnAnswer) -> OwnAnswer {
        self.driver.counts.answered_by_core.fetch_add(1, Relaxed);
        answer
    }

    fn facts(
        &self,
        conn: &Conn,
        parts: http::request::Parts,
        said: Said,
        request_id: HeaderValue,
    ) -> RequestFacts {
        RequestFacts {
            method: parts.method,
            uri: parts.uri,
            version: parts.version,
            headers: parts.headers,
            headers_len: said.len,
            is_chunked: said.is_chunked,
            request_id,
            request_id_header: (!said.has_id).then(|| self.request_id.clone()),
            client: said.client.ip,
            client_port: said.client.port,
            local: conn.local.clone(),
            https: said.client.https,
            upstream: said.upstream,
        }
    }

    /// Admission first, then the body: a client that is refused anyway sends none of it. Returns
    /// when it was held, too.
    async fn take_body(
        &self,
        (id, settings): (RequestId, RouteSettings),
        incoming: ClientBody,
        began: Time,
    ) -> Result<(RequestBody, Time), OwnAnswer> {
        if let Some((why, retry_after)) = self.driver.announce(id, self.pool, settings.class) {
            return Err(OwnAnswer::refused(why, retry_after).closing());
        }
        let taken =
            self.driver.uploads.take(incoming, settings.buffered, &self.driver.budget).await;
        let body = taken.map_err(|error| self.own(OwnAnswer::upload(&error)))?;
        let now = self.driver.clock.now();
        self.driver.uploaded(self.pool, now.since(began));
        Ok((body, now))
    }

    fn respond(
        &self,
        conn: &Arc<Conn>,
        exchange: &Arc<Exchange>,
        mut parts: response::Parts,
    ) -> Response<ResponseBody> {
        if parts.status == StatusCode::NO_CONTENT {
            // RFC 9110, 8.6.
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        if self.server_timing
            && let Some(timing) = exchange.server_timing()
        {
            parts.headers.append("server-timing", timing);
        }
        conn.sending();
        let body = AppBody::new(Arc::clone(exchange), Arc::clone(conn));
        Response::from_parts(parts, ResponseBody::App(body))
    }
}

/// A request that waits for its answer; its client is gone when this is dropped before.
struct Waiting<'a> {
    exchange: &'a Arc<Exchange>,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.exchange.client_gone();
        }
    }
}

/// Each byte in hexadecimal digits.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// 128 random bits in hexadecimal digits.
fn new_request_id() -> HeaderValue {
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(fastrand::u128(..).to_be_bytes()) {
        pair.copy_from_slice(&HEX[usize::from(byte)]);
    }
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

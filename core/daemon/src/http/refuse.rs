//! The core's own answers: what a client gets when no app answers.
//!
//! Each has a status, a sentence for people and, in `X-Maitred-Reason`, a word for programs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use maitred_engine::event::{Failure, Refusal};

use super::conn::Conn;
use crate::body::response::{OwnBody, ResponseBody};
use crate::body::upload;
use crate::vitals::NotReady;

/// The machine-readable reason of an answer that the core made itself.
pub const REASON: HeaderName = HeaderName::from_static("x-maitred-reason");

/// An answer of the core itself.
#[derive(Debug)]
pub struct OwnAnswer {
    status: StatusCode,
    reason: &'static str,
    text: String,
    retry_after: Option<Duration>,
    closes: bool,
}

impl OwnAnswer {
    /// 400: the request is HTTP, but not as RFC 9112 wants it. The connection closes.
    #[must_use]
    pub fn bad_request(reason: &'static str, text: &str) -> Self {
        Self { closes: true, ..Self::new(StatusCode::BAD_REQUEST, reason, text) }
    }

    /// 431: the head does not fit.
    #[must_use]
    pub fn head_too_large() -> Self {
        let text = "the request's head is longer than 48 KiB";
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self { closes: true, ..Self::new(status, "head_too_large", text) }
    }

    /// 501: a method that is not for an application server.
    #[must_use]
    pub fn not_implemented(text: &str) -> Self {
        Self { closes: true, ..Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", text) }
    }

    /// The body could not be taken in. The connection closes: the rest of it was not read.
    #[must_use]
    pub fn upload(error: &upload::Error) -> Self {
        let reason = match error {
            upload::Error::TooLong(_) => "body_too_large",
            upload::Error::BuffersFull(_) => "buffers_full",
            upload::Error::Stalled => "body_stalled",
            upload::Error::Malformed(_) => "malformed_body",
            upload::Error::Spent => "body_spent",
        };
        let full = matches!(error, upload::Error::BuffersFull(_) | upload::Error::Spent);
        Self {
            closes: true,
            retry_after: full.then_some(Duration::from_secs(1)),
            ..Self::new(error.status(), reason, &error.to_string())
        }
    }

    /// 503: the engine refused.
    #[must_use]
    pub fn refused(why: Refusal, retry_after: Duration) -> Self {
        let (reason, text) = match why {
            Refusal::QueueFull => ("queue_full", "all workers are busy and the queue is full"),
            Refusal::QueueWait => ("queue_wait", "no worker became free in time"),
            Refusal::Overload => ("overload", "more requests come than can be served"),
            Refusal::BootingFull => ("booting_full", "the app is starting and the queue is full"),
            Refusal::BootingWait => ("booting_wait", "the app did not start in time"),
            Refusal::Draining => ("draining", "the server is shutting down"),
        };
        let closes = why == Refusal::Draining;
        let own = Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, text);
        Self { retry_after: Some(retry_after), closes, ..own }
    }

    /// 502: the app or its process failed. 504: it took too long.
    #[must_use]
    pub fn failed(why: Failure) -> Self {
        let (reason, text) = match why {
            Failure::ProcessDied => ("process_died", "the process that ran the request died"),
            Failure::Poison => ("poison", "every process that ran the request died"),
            Failure::AppError => ("app_error", "the app failed before it answered"),
            Failure::InvalidResponse => ("invalid_response", "the app's response is not valid"),
            Failure::Broken => ("broken", "the request was broken off"),
            Failure::Lost => ("lost", "the process lost the request"),
            Failure::FirstByteLease => ("first_byte_lease", "the app did not answer in time"),
            Failure::RequestLease => ("request_lease", "the app did not finish in time"),
            Failure::Cut => ("cut", "the server shut down before the app answered"),
        };
        Self::new(Self::status_of(why), reason, text)
    }

    /// The status that a client gets for a failure, if it can still get one.
    #[must_use]
    pub const fn status_of(why: Failure) -> StatusCode {
        match why {
            Failure::FirstByteLease | Failure::RequestLease => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// 200 or 503 to a balancer: whether it should send clients.
    #[must_use]
    pub fn health(ready: Result<(), NotReady>) -> Self {
        match ready {
            Ok(()) => Self::new(StatusCode::OK, "ready", "ready"),
            Err(why) => Self::new(StatusCode::SERVICE_UNAVAILABLE, why.word(), &why.to_string()),
        }
    }

    /// The same answer, after which the connection closes.
    #[must_use]
    pub fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    fn new(status: StatusCode, reason: &'static str, text: &str) -> Self {
        Self { status, reason, text: text.to_owned(), retry_after: None, closes: false }
    }

    /// The word for programs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The HTTP response.
    pub fn response(self, conn: &Arc<Conn>) -> Response<ResponseBody> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let text = format!("{} {title}: {}\n", self.status.as_u16(), self.text);
        let body = OwnBody::new(Bytes::from(text), Arc::clone(conn));
        let mut response = Response::new(ResponseBody::Own(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        headers.insert(REASON, HeaderValue::from_static(self.reason));
        if let Some(after) = self.retry_after {
            // RFC 9110, 10.2.3: whole seconds.
            let seconds = after.as_millis().div_ceil(1000);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds as u64));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

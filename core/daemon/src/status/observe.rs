//! The observe listener: health and readiness over plain HTTP, for machines that watch machines.
//!
//! It reads and never changes anything, so it may be open where the admin socket must not be. It
//! runs in the thread of the status API: a probe does not wait behind requests, and no number of
//! probes makes requests wait.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::http::refuse::REASON;
use crate::vitals::Vitals;

/// Probes at a time; more wait until one is answered. Default 256: each is answered at once, so
/// that only those who hold a connection on purpose fill it.
const PROBES_MAX: usize = 256;

/// How long a connection may last, from its accept to its end. Default 5 s: it is for one question
/// and one answer, and who is slower holds the place of another.
const PROBE_MAX: Duration = Duration::from_secs(5);

/// Bytes of a question's head. Default 8 KiB, the least that hyper works with.
const HEAD_MAX: usize = 8 * 1024;

/// Pause after an accept that failed. Default 100 ms: descriptors come back as others leave.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers probes on one address.
#[derive(Debug)]
pub struct Observe {
    listener: StdTcpListener,
    vitals: Vitals,
}

impl Observe {
    /// On a listener that does not block.
    #[must_use]
    pub fn new(listener: StdTcpListener, vitals: Vitals) -> Self {
        Self { listener, vitals }
    }

    /// Answers until `shutdown`.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let vitals = Arc::new(self.vitals);
        let places = Arc::new(Semaphore::new(PROBES_MAX));
        let accept = async {
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                match listener.accept().await {
                    Ok((stream, _peer)) => {
                        let vitals = Arc::clone(&vitals);
                        tokio::spawn(async move {
                            let _in_time =
                                tokio::time::timeout(PROBE_MAX, probe(stream, vitals)).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a probe for now");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        let _stopped = shutdown.run_until_cancelled(accept).await;
        Ok(())
    }
}

/// One connection: one question, one answer.
async fn probe(stream: TcpStream, vitals: Arc<Vitals>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let vitals = Arc::clone(&vitals);
        async move {
            let answer = answer(&vitals, request.method(), request.uri().path()).await;
            Ok::<_, Infallible>(answer.response())
        }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_MAX);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a probe was broken off");
    }
}

/// What is said to a probe.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    /// For programs.
    word: &'static str,
    /// For people, one line.
    text: String,
}

async fn answer(vitals: &Vitals, method: &Method, path: &str) -> Answer {
    let no = |status, word, text: &str| Answer { status, word, text: text.to_owned() };
    if method != Method::GET && method != Method::HEAD {
        return no(StatusCode::METHOD_NOT_ALLOWED, "read_only", "read-only: GET and HEAD");
    }
    match path {
        "/health" if vitals.lives().await => no(StatusCode::OK, "healthy", "healthy"),
        "/health" => {
            no(StatusCode::SERVICE_UNAVAILABLE, "stuck", "stuck: the core gives no sign of life")
        }
        "/ready" => match vitals.ready() {
            Ok(()) => no(StatusCode::OK, "ready", "ready"),
            Err(why) => {
                let text = format!("{}: {why}", why.word());
                no(StatusCode::SERVICE_UNAVAILABLE, why.word(), &text)
            }
        },
        "/metrics" => {
            no(StatusCode::NOT_FOUND, "not_found", "metrics are not available in this version")
        }
        _ => no(StatusCode::NOT_FOUND, "not_found", "there are /health and /ready"),
    }
}

impl Answer {
    fn response(self) -> Response<String> {
        let mut response = Response::new(self.text + "\n");
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REASON, HeaderValue::from_static(self.word));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

#[cfg(test)]
mod tests;

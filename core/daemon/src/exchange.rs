//! One request and its answer, between the client's connection and the link.
//!
//! The connection's task creates it and waits for the answer; the link's task fills the answer
//! in. They meet only here. Heads and bodies never enter the engine: it knows an exchange by its
//! number.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, response};
use maitred_engine::event::{Failure, Refusal};
use maitred_engine::id::{PoolId, ProcessId, RequestId};
use maitred_engine::time::Time;
use parking_lot::Mutex;

use crate::body::buffer::{Next, ResponseBuffer, Work};
use crate::body::upload::{self, RequestBody};
use crate::driver::Driver;
use crate::http::head::RequestFacts;
use crate::routes::RouteSettings;

/// One request in the core.
#[derive(Debug)]
pub struct Exchange {
    /// The engine's name for it.
    pub id: RequestId,
    /// The pool that serves it.
    pub pool: PoolId,
    /// The head, as a process will see it.
    pub head: RequestFacts,
    /// All of the body was held when the request arrived, so it can be sent again.
    pub body_held: bool,
    /// What is settled by its method and path.
    pub settings: RouteSettings,
    driver: Arc<Driver>,
    state: Mutex<State>,
}

/// What the client gets.
#[derive(Debug)]
pub enum Answer {
    /// The app's response head; its body follows piece by piece.
    App(response::Parts),
    /// 503, with the time after which a retry makes sense.
    Refused(Refusal, Duration),
    /// 502.
    Failed(Failure),
    /// What was wrong with the request's body, found out after the app was given its beginning.
    Upload(upload::Error),
}

/// A stream of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The process.
    pub process: ProcessId,
    /// The stream's number on its link.
    pub stream: u64,
}

/// What a complete response means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The client does not have all of it yet.
    Open,
    /// The client has had all of it already.
    Delivered,
    /// It is shorter than its Content-Length: not complete at all.
    Short,
}

#[derive(Debug)]
struct State {
    waker: Option<Waker>,
    answer: Option<Answer>,
    /// The request's body, until nobody can need it any more.
    body: RequestBody,
    /// The answer is the core's own, and final.
    given_up: bool,
    /// The answer was handed to hyper: from here on a failure can only break the body off.
    answered: bool,
    buffer: ResponseBuffer,
    route: Option<Route>,
    waited: Duration,
    dispatched_at: Time,
    /// From the end of the response to the word that the slot is free, once that was said.
    deferred: Option<Duration>,
    /// Nobody takes the body (any more): HEAD, a client that left, a Content-Length reached.
    discard: bool,
    /// The response is complete.
    complete: bool,
    /// The kernel has all that the client can get, although the response was not complete yet.
    delivered_early: bool,
    status: u16,
    /// Content-Length of the response.
    declared: Option<u64>,
    /// Body bytes that came from the app.
    received: u64,
    /// Body bytes that hyper has taken.
    sent: u64,
}

impl Exchange {
    /// A request as it was read.
    #[must_use]
    pub fn new(
        driver: &Arc<Driver>,
        (id, pool): (RequestId, PoolId),
        settings: RouteSettings,
        head: RequestFacts,
        body: RequestBody,
    ) -> Arc<Self> {
        let body_held = body.is_held();
        let state = State {
            waker: None,
            answer: None,
            body,
            given_up: false,
            answered: false,
            buffer: ResponseBuffer::new(Arc::clone(&driver.budget)),
            route: None,
            waited: Duration::ZERO,
            dispatched_at: Time::default(),
            deferred: None,
            discard: false,
            complete: false,
            delivered_early: false,
            status: 0,
            declared: None,
            received: 0,
            sent: 0,
        };
        let driver = Arc::clone(driver);
        Arc::new(Self { id, pool, settings, head, body_held, driver, state: Mutex::new(state) })
    }

    /// The driver that it belongs to.
    pub fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// The body of the request, as far as it is held.
    pub fn body(&self) -> RequestBody {
        self.state.lock().body.clone()
    }

    /// Its client went away.
    pub fn client_gone(&self) {
        self.driver.client_gone(self.id);
    }

    /// It was sent to a process at `now`, after `waited`.
    pub fn routed(&self, route: Route, waited: Duration, now: Time) {
        let mut state = self.state.lock();
        state.route = Some(route);
        state.waited = waited;
        state.dispatched_at = now;
        state.deferred = None;
    }

    /// The slot that ran it is free.
    pub fn freed(&self, deferred: Duration) {
        self.state.lock().deferred = Some(deferred);
    }

    /// How long it kept its slot after its response; `None`: it has it still, or never had one.
    pub fn deferred(&self) -> Option<Duration> {
        self.state.lock().deferred
    }

    /// `Server-Timing`: the wait, and the time from dispatch to the response's head.
    pub fn server_timing(&self) -> Option<HeaderValue> {
        let state = self.state.lock();
        let app = self.driver.clock.now().since(state.dispatched_at);
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        let text = format!("wait;dur={:.3}, app;dur={:.3}", ms(state.waited), ms(app));
        HeaderValue::try_from(text).ok()
    }

    /// Where it was sent last.
    pub fn route(&self) -> Option<Route> {
        self.state.lock().route
    }

    /// The final head of the app's response has arrived. `declared`: its Content-Length.
    pub fn respond(&self, parts: response::Parts, declared: Option<u64>) {
        let mut state = self.state.lock();
        if state.given_up {
            return;
        }
        // Whoever sends it has his own hold on it; a retry is out of the question now.
        state.body = RequestBody::None;
        state.status = parts.status.as_u16();
        state.declared = declared;
        state.discard = self.head.method == Method::HEAD
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        state.answer(Answer::App(parts));
    }

    /// The answer is the core's own, and the first one counts: a later one knows less. A response
    /// that already began is broken off visibly.
    pub fn give_up(&self, status: u16, answer: Answer) {
        let mut state = self.state.lock();
        if state.given_up {
            return;
        }
        state.given_up = true;
        if state.answered {
            state.buffer.break_off();
            state.wake();
        } else {
            state.status = status;
            state.discard = true;
            let _no_window_for_nobody = state.buffer.discard();
            state.answer(answer);
        }
    }

    /// Body bytes have arrived. Returns for how many of them window is to be returned now.
    #[must_use]
    pub fn push(self: &Arc<Self>, data: Bytes) -> usize {
        let len = data.len();
        let mut state = self.state.lock();
        state.received += len as u64;
        if state.discard {
            return len;
        }
        let taken = state.buffer.push(data);
        self.start_work(&mut state);
        state.wake();
        if taken { len } else { 0 }
    }

    /// Nobody takes the body any more. Returns for how many bytes that were held back window is
    /// to be returned, so that the app can come to its end; and whether nothing more would have
    /// come of it, not even trailers.
    pub fn discard(&self) -> (usize, bool) {
        let mut state = self.state.lock();
        let finished = state.buffer.is_finished();
        state.discard = true;
        (state.buffer.discard(), finished)
    }

    /// The app says that the response is complete.
    #[must_use]
    pub fn complete(&self, trailers: Option<HeaderMap>) -> Completion {
        let mut state = self.state.lock();
        if !state.discard && state.declared.is_some_and(|declared| state.received < declared) {
            return Completion::Short;
        }
        state.complete = true;
        state.buffer.complete(trailers);
        state.wake();
        if state.delivered_early { Completion::Delivered } else { Completion::Open }
    }

    /// The kernel has accepted the last byte. False: the response is not complete yet, so this
    /// is noted for later.
    #[must_use]
    pub fn delivered(&self) -> bool {
        let mut state = self.state.lock();
        state.delivered_early = !state.complete;
        state.complete
    }

    /// Waits for the answer.
    pub fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut state = self.state.lock();
        match state.answer.take() {
            Some(answer) => {
                state.answered = true;
                Poll::Ready(answer)
            }
            None => state.wait(cx),
        }
    }

    /// Takes the next piece of the response's body.
    pub fn poll_next(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.state.lock();
        let next = state.buffer.take();
        self.start_work(&mut state);
        match next {
            Next::Wait => state.wait(cx),
            Next::Data { data, held } => {
                state.sent += data.len() as u64;
                Poll::Ready(Next::Data { data, held })
            }
            next => Poll::Ready(next),
        }
    }

    /// Nothing more will come of the body, not even trailers.
    pub fn is_finished(&self) -> bool {
        self.state.lock().buffer.is_finished()
    }

    /// The exact number of body bytes still to come, when all of it is here.
    pub fn remaining(&self) -> Option<u64> {
        self.state.lock().buffer.remaining()
    }

    /// Bytes that the client is to get: none for HEAD and its like, else what the app declared.
    pub fn body_len(&self) -> Option<u64> {
        let state = self.state.lock();
        if state.discard { Some(0) } else { state.declared }
    }

    /// The request has its outcome: no process will be sent its body from now on. Returns the
    /// response's status (0: none yet) and how many body bytes hyper has taken.
    pub fn end(&self) -> (u16, u64) {
        let mut state = self.state.lock();
        // Its slot may keep the exchange for long.
        state.body = RequestBody::None;
        (state.status, state.sent)
    }

    /// Starts what the buffer wants done, on a blocking thread.
    fn start_work(self: &Arc<Self>, state: &mut State) {
        let Some(work) = state.buffer.work() else { return };
        let exchange = Arc::clone(self);
        tokio::task::spawn_blocking(move || exchange.work(work));
    }

    /// Reads from or writes to the spool. Blocks.
    fn work(self: &Arc<Self>, work: Work) {
        let window = match work {
            Work::Write(place, data) => {
                let result = place.write(&data);
                self.after_work(|buffer| buffer.written(&result))
            }
            Work::Read(place, len) => {
                let result = place.read(len);
                self.after_work(|buffer| {
                    buffer.was_read(result);
                    0
                })
            }
        };
        self.return_window(window);
    }

    fn after_work(self: &Arc<Self>, note: impl FnOnce(&mut ResponseBuffer) -> usize) -> usize {
        let mut state = self.state.lock();
        let window = note(&mut state.buffer);
        self.start_work(&mut state);
        state.wake();
        window
    }

    /// Lets the app send `bytes` more. Not to be called with the driver locked.
    pub fn return_window(&self, bytes: usize) {
        if bytes > 0
            && let Some(route) = self.route()
        {
            self.driver.return_window(route, bytes);
        }
    }
}

impl State {
    fn answer(&mut self, answer: Answer) {
        self.answer = Some(answer);
        self.wake();
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

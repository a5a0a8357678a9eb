//! `start_response` and `write` of one request (PEP 3333, "The start_response() Callable").
//!
//! The head that the app gave is sent with the first of the body: until then the app may take
//! it back.

use std::sync::Arc;

use maitred_sdk::message::{ResponseHead, reason};
use maitred_sdk::{Error, Hold, Session};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::head::Head;
use crate::session::to_py;

/// The callable that the app gives its status and headers, and what was sent of its response.
#[pyclass(module = "maitred._native", name = "start_response")]
pub(crate) struct Exchange {
    session: Arc<Session>,
    stream: u64,
    /// The request was HEAD: there is a head and no body.
    is_head: bool,
    head: Option<Head>,
    /// The head was sent: nothing can be taken back.
    pub(crate) begun: bool,
    /// Bytes of body that were sent.
    sent: u64,
    /// The response is complete, or broken.
    pub(crate) ended: bool,
    /// The app sent more body than its Content-Length said.
    pub(crate) overrun: bool,
}

#[pymethods]
impl Exchange {
    #[pyo3(signature = (status, headers, exc_info = None, /))]
    fn __call__(
        slf: &Bound<'_, Self>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Write> {
        let mut this = slf.try_borrow_mut()?;
        match exc_info {
            Some(exc_info) if this.begun => return Err(raised(exc_info)),
            None if this.head.is_some() => {
                return Err(PyRuntimeError::new_err(
                    "start_response was called a second time without exc_info",
                ));
            }
            _ => {}
        }
        this.head = Some(Head::parse(status, headers)?);
        Ok(Write { exchange: slf.clone().unbind() })
    }
}

/// The exception in what `sys.exc_info()` gave.
fn raised(exc_info: &Bound<'_, PyAny>) -> PyErr {
    let value = exc_info
        .get_item(1)
        .and_then(|value| value.call_method1("with_traceback", (exc_info.get_item(2)?,)));
    match value {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// The callable that `start_response` returns.
#[pyclass(frozen, module = "maitred._native", name = "write")]
pub(crate) struct Write {
    exchange: Py<Exchange>,
}

#[pymethods]
impl Write {
    #[pyo3(signature = (data, /))]
    fn __call__(&self, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        let py = data.py();
        let mut exchange = self.exchange.bind(py).try_borrow_mut()?;
        if exchange.ended {
            return Err(PyRuntimeError::new_err("write() after the response was complete"));
        }
        exchange.begin(None)?;
        exchange.send(py, data.as_bytes(), Hold::No)
    }
}

impl Exchange {
    pub(crate) fn new(session: &Arc<Session>, stream: u64, is_head: bool) -> Self {
        Self {
            session: Arc::clone(session),
            stream,
            is_head,
            head: None,
            begun: false,
            sent: 0,
            ended: false,
            overrun: false,
        }
    }

    /// Whether there is no place for a body: the request was HEAD, or the status forbids it.
    pub(crate) fn is_bodiless(&self) -> bool {
        self.is_head || self.head.as_ref().is_some_and(Head::is_bodiless)
    }

    /// The head, where the whole body has `length` bytes; `None`: they would not fit.
    fn head_for(&mut self, length: Option<usize>) -> PyResult<&Head> {
        let Some(head) = &mut self.head else {
            return Err(PyRuntimeError::new_err(
                "the app returned a response without calling start_response",
            ));
        };
        if let (Some(length), None, false) = (length, head.length, head.is_bodiless()) {
            head.add("Content-Length", &length.to_string());
            head.length = Some(length as u64);
        }
        Ok(head)
    }

    /// Sends the whole response and says ready, in one go. False: it does not fit, and nothing
    /// was sent.
    pub(crate) fn reply(&mut self, body: &[u8]) -> PyResult<bool> {
        let is_bodiless = self.is_bodiless();
        let length = body.len();
        let body = if is_bodiless { &[] } else { body };
        let (stream, session) = (self.stream, Arc::clone(&self.session));
        let head = self.head_for(Some(length))?;
        let fits = is_bodiless || head.length == Some(length as u64);
        if !fits || length > Session::REPLY_MAX {
            return Ok(false);
        }
        let response = ResponseHead { status: head.status, headers: head.headers() };
        session.reply(stream, response, body).map_err(|error| to_py(&error))?;
        self.begun = true;
        self.ended = true;
        Ok(true)
    }

    /// Sends the head, unless it was sent. `length`: of the body, where that is known.
    pub(crate) fn begin(&mut self, length: Option<usize>) -> PyResult<()> {
        if self.begun {
            return Ok(());
        }
        let (stream, session) = (self.stream, Arc::clone(&self.session));
        let head = self.head_for(length)?;
        let response = ResponseHead { status: head.status, headers: head.headers() };
        session.respond(stream, response).map_err(|error| to_py(&error))?;
        self.begun = true;
        Ok(())
    }

    /// Sends a piece of the body. The host's lock is let go only where this has to wait.
    pub(crate) fn send(&mut self, py: Python<'_>, data: &[u8], hold: Hold) -> PyResult<()> {
        if self.is_bodiless() || data.is_empty() {
            return Ok(());
        }
        let declared = self.head.as_ref().and_then(|head| head.length);
        let room = declared.map_or(u64::MAX, |length| length.saturating_sub(self.sent));
        let wanted = data.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.overrun |= wanted < data.len();
        if self.ended {
            return Ok(());
        }
        self.sent += wanted as u64;
        // The last of a body is held for the end, which follows here and decides.
        let completes = declared == Some(self.sent);
        let hold_this = if completes { Hold::Moment } else { hold };
        self.push(py, &data[..wanted], hold_this)?;
        if completes { self.finish(py, hold) } else { Ok(()) }
    }

    fn push(&self, py: Python<'_>, data: &[u8], hold: Hold) -> PyResult<()> {
        let mut rest = data;
        loop {
            let pushed = self.session.push(self.stream, rest, hold);
            let pushed = pushed.map_err(|error| to_py(&error))?;
            rest = &rest[pushed.taken..];
            if rest.is_empty() && pushed.flushed {
                return Ok(());
            }
            py.detach(|| self.session.wait(self.stream)).map_err(|error| to_py(&error))?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// The response is complete, unless it lacks what Content-Length promised.
    pub(crate) fn finish(&mut self, py: Python<'_>, hold: Hold) -> PyResult<()> {
        if self.ended {
            return Ok(());
        }
        let declared = self.head.as_ref().and_then(|head| head.length);
        if let Some(declared) = declared
            && self.sent < declared
            && !self.is_bodiless()
        {
            let sent = self.sent;
            return Err(PyValueError::new_err(format!(
                "the body ended after {sent} bytes, Content-Length is {declared}"
            )));
        }
        self.ended = true;
        match self.session.finish(self.stream, hold) {
            Ok(true) => Ok(()),
            Ok(false) => py.detach(|| self.session.flush()).map_err(|error| to_py(&error)),
            Err(error) => Err(to_py(&error)),
        }
    }

    /// What was held goes out: something follows that may take long.
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<()> {
        match self.session.release(self.stream) {
            Ok(true) => Ok(()),
            Ok(false) => py.detach(|| self.session.flush()).map_err(|error| to_py(&error)),
            Err(error) => Err(to_py(&error)),
        }
    }

    /// The app failed. Before anything was sent its client gets a page, after that a broken
    /// response.
    pub(crate) fn fail(&mut self, py: Python<'_>, id: &str, why: &str) -> PyResult<()> {
        if self.ended {
            return Ok(());
        }
        if self.begun {
            return self.abort(reason::APP_ERROR, why);
        }
        let page = format!("Internal Server Error\n\nRequest id: {id}\n");
        let mut head = Head::new(500);
        head.add("Content-Type", "text/plain; charset=utf-8");
        self.head = Some(head);
        self.begin(Some(page.len()))?;
        self.send(py, page.as_bytes(), Hold::No)?;
        self.finish(py, Hold::No)
    }

    /// The response ends here and is broken.
    pub(crate) fn abort(&mut self, reason: u32, why: &str) -> PyResult<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        match self.session.abort(self.stream, reason, why) {
            Ok(()) | Err(Error::Over { .. }) => Ok(()),
            Err(error) => Err(to_py(&error)),
        }
    }
}

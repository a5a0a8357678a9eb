//! `Slot`: the loop that a slot's thread runs, one request after the other.
//!
//! The interpreter's lock is let go once per request: to write what is left of the last response
//! and to wait for the next request.

use std::sync::Arc;

use maitred_sdk::message::reason;
use maitred_sdk::{Body, MergeRule, Request as Given};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::body::{self, Plain, Tail};
use crate::environ::{Environs, latin1};
use crate::exchange::Exchange;
use crate::facts::Request;
use crate::input::Input;
use crate::interrupt;
use crate::pace;
use crate::session::{Session, to_py};

/// A piece of work for after the response.
type Deferred = (Py<PyAny>, Py<PyTuple>, Option<Py<PyDict>>);

/// What runs after a response, as `maitred.on_error` would have it.
struct Work {
    what: &'static str,
    environ: Py<PyDict>,
}

/// One unit of concurrency: what its thread runs, and what that left for later.
#[pyclass(module = "maitred._native")]
pub(crate) struct Slot {
    session: Arc<maitred_sdk::Session>,
    number: usize,
    target: interrupt::Shared,
    request: Option<Py<Request>>,
    deferred: Vec<Deferred>,
    /// How many pieces the request has deferred so far.
    pieces: usize,
    /// The name of the first one.
    first: String,
    /// What runs after the response, if that is where its thread is.
    work: Option<Work>,
}

#[pymethods]
impl Slot {
    #[new]
    fn new(session: &Session, number: usize) -> Self {
        let target = session.target(number);
        let session = Arc::clone(&session.inner);
        let (deferred, first) = (Vec::new(), String::new());
        Self { session, number, target, request: None, deferred, pieces: 0, first, work: None }
    }

    /// The request that runs, or whose deferred work does.
    #[getter]
    fn request(&self, py: Python<'_>) -> Option<Py<Request>> {
        self.request.as_ref().map(|request| request.clone_ref(py))
    }

    /// What runs here after a response: `"close"` or `"after_response"`, the request with its
    /// environ, and the name of the work, empty where it has none. `None`: nothing does.
    #[getter]
    fn working(&self, py: Python<'_>) -> Option<(&'static str, Py<Request>, Py<PyDict>, String)> {
        let (work, request) = (self.work.as_ref()?, self.request.as_ref()?);
        Some((work.what, request.clone_ref(py), work.environ.clone_ref(py), self.name()))
    }

    /// Keeps a call for after the response, and tells the core its name. False: no request runs
    /// here.
    fn defer(
        &mut self,
        call: Py<PyAny>,
        args: Py<PyTuple>,
        kwargs: Option<Py<PyDict>>,
        name: &str,
    ) -> bool {
        let Some(request) = &self.request else { return false };
        let stream = request.get().stream;
        self.deferred.push((call, args, kwargs));
        if self.pieces == 0 {
            name.clone_into(&mut self.first);
        }
        self.pieces += 1;
        // It can fail because the link does, and then nobody is there to be told.
        let _ = self.session.defer(stream, &self.name());
        true
    }

    /// Serves requests until the session is over. `environ` has the keys that all requests
    /// share; `hooks` is the module with what is written in Python.
    fn serve(
        slf: &Bound<'_, Self>,
        app: &Bound<'_, PyAny>,
        environ: &Bound<'_, PyDict>,
        hooks: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let (session, number, target) = {
            let this = slf.borrow();
            (Arc::clone(&this.session), this.number, Arc::clone(&this.target))
        };
        target.lock().thread = py.import("_thread")?.call_method0("get_ident")?.extract()?;
        let merge_us = u64::from(session.welcome().ready_merge_us);
        let mut lane = Lane {
            slot: slf,
            app,
            bytes_io: hooks.getattr("BytesIO")?,
            hooks,
            environs: Environs::new(environ)?,
            rule: MergeRule::new(std::time::Duration::from_micros(merge_us)),
            session,
            target,
        };
        loop {
            let given = py.detach(|| lane.session.next(number)).map_err(|error| to_py(&error))?;
            let Some(given) = given else { return Ok(()) };
            lane.target.lock().begin(given.stream);
            let served = lane.serve(given);
            lane.target.lock().end(py);
            if let Err(error) = served {
                let left = slf.borrow_mut().rest();
                drop(left);
                // The session breaks off what was left unfinished.
                error.write_unraisable(py, None);
            }
        }
    }
}

impl Slot {
    /// What the request has deferred, by its first piece.
    fn name(&self) -> String {
        match self.pieces {
            0 => String::new(),
            1 => self.first.clone(),
            n => format!("{} and {} more", self.first, n - 1),
        }
    }

    /// The request is over. What is left of it may run code of the app when it is dropped, so
    /// drop it when nothing borrows the slot.
    fn rest(&mut self) -> (Option<Py<Request>>, Option<Work>) {
        (self.request.take(), self.work.take())
    }
}

/// What a slot's thread keeps from request to request.
struct Lane<'a, 'py> {
    slot: &'a Bound<'py, Slot>,
    app: &'a Bound<'py, PyAny>,
    hooks: &'a Bound<'py, PyAny>,
    bytes_io: Bound<'py, PyAny>,
    environs: Environs,
    rule: MergeRule,
    session: Arc<maitred_sdk::Session>,
    target: interrupt::Shared,
}

/// A request on its way through the app.
struct Call<'py> {
    stream: u64,
    environ: Bound<'py, PyDict>,
    request: Bound<'py, Request>,
    exchange: Bound<'py, Exchange>,
    /// Pieces of deferred work that raised an error.
    failed: u32,
}

impl<'py> Lane<'_, 'py> {
    /// Takes a request through response, close and deferred work to ready.
    fn serve(&mut self, given: Given) -> PyResult<()> {
        let stream = given.stream;
        let mut call = self.open(given)?;
        {
            let mut slot = self.slot.borrow_mut();
            slot.request = Some(call.request.clone().unbind());
            slot.pieces = 0;
        }
        let is_due = pace::is_due();
        let mut is_ready = false;
        match self.app.call1((&call.environ, &call.exchange)) {
            Ok(result) => {
                is_ready = !is_due && self.reply(&call, &result);
                if !is_ready {
                    self.respond(&mut call, &result);
                }
            }
            Err(error) => self.fail(&call, &error),
        }
        if !is_ready {
            self.run_deferred(&mut call)?;
            if is_due {
                self.keep_pace(&mut call)?;
            }
            self.session.ready(stream, call.failed).map_err(|error| to_py(&error))?;
        }
        let left = self.slot.borrow_mut().rest();
        drop(left);
        Ok(())
    }

    fn open(&mut self, given: Given) -> PyResult<Call<'py>> {
        let Given { stream, head, body } = given;
        let py = self.slot.py();
        let length = match &body {
            Body::Empty => Some(0),
            Body::Whole(data) => Some(data.len()),
            Body::Streamed => None,
        };
        let environ = self.environs.build(py, &head, length)?;
        let id = latin1(py, &head.request_id);
        environ.set_item(intern!(py, "maitred.request_id"), &id)?;
        let input = match body {
            Body::Empty => self.bytes_io.call0()?,
            Body::Whole(data) => self.bytes_io.call1((PyBytes::new(py, &data),))?,
            Body::Streamed => {
                let input = Input { session: Arc::clone(&self.session), stream };
                self.hooks.call_method1(intern!(py, "open_input"), (input,))?
            }
        };
        environ.set_item(intern!(py, "wsgi.input"), input)?;
        let request = Request::new(&self.session, stream, &head, id.unbind());
        let request = Bound::new(py, request)?;
        environ.set_item(intern!(py, "maitred.request"), &request)?;
        let exchange = Exchange::new(&self.session, stream, head.method == "HEAD".as_bytes());
        let exchange = Bound::new(py, exchange)?;
        Ok(Call { stream, environ, request, exchange, failed: 0 })
    }

    /// The short way of a response that is whole and defers nothing. False: not this one.
    fn reply(&self, call: &Call<'py>, result: &Bound<'py, PyAny>) -> bool {
        let Some(plain) = Plain::of(result) else { return false };
        let mut exchange = call.exchange.borrow_mut();
        if exchange.begun || !self.slot.borrow().deferred.is_empty() {
            return false;
        }
        // What is wrong with it is found again, and told, on the long way.
        exchange.reply(plain.as_bytes()).unwrap_or(false)
    }

    /// Iterates the body and closes it.
    fn respond(&mut self, call: &mut Call<'py>, result: &Bound<'py, PyAny>) {
        let py = result.py();
        let mut tail = Tail::of(result, &self.rule);
        if let Err(error) = body::send(&call.exchange, result, &mut tail, &self.rule) {
            self.fail(call, &error);
        }
        if call.exchange.borrow().overrun {
            self.report("overrun", call, None);
        }
        if let Ok(Some(close)) = result.getattr_opt(intern!(py, "close")) {
            self.works("close", call);
            if let Err(error) = close.call0() {
                call.failed += 1;
                self.report("close", call, Some(&error));
            }
        }
        if self.slot.borrow().deferred.is_empty() {
            tail.learn(&mut self.rule);
        }
    }

    /// Runs what was deferred, and what that defers.
    fn run_deferred(&self, call: &mut Call<'py>) -> PyResult<()> {
        let py = self.slot.py();
        while !self.slot.borrow().deferred.is_empty() {
            call.exchange.borrow().release(py)?;
            self.works("after_response", call);
            let pieces = std::mem::take(&mut self.slot.borrow_mut().deferred);
            for (piece, args, kwargs) in pieces {
                let kwargs = kwargs.as_ref().map(|kwargs| kwargs.bind(py));
                if let Err(error) = piece.bind(py).call(args.bind(py), kwargs) {
                    call.failed += 1;
                    self.report("after_response", call, Some(&error));
                }
            }
        }
        Ok(())
    }

    /// Makes the call that is due once in so many requests, as deferred work.
    fn keep_pace(&self, call: &mut Call<'py>) -> PyResult<()> {
        let py = self.slot.py();
        call.exchange.borrow().release(py)?;
        if let Err(error) = pace::call(py) {
            call.failed += 1;
            self.report("after_response", call, Some(&error));
        }
        Ok(())
    }

    /// Notes what runs from now on, for whoever has to say that it was cut.
    fn works(&self, what: &'static str, call: &Call<'py>) {
        let environ = call.environ.clone().unbind();
        // What it was before has the same environ: dropping it here runs nothing.
        self.slot.borrow_mut().work = Some(Work { what, environ });
    }

    fn fail(&self, call: &Call<'py>, error: &PyErr) {
        let py = self.slot.py();
        let mut exchange = call.exchange.borrow_mut();
        if self.session.is_cancelled(call.stream).unwrap_or(true) && self.is_gone(error) {
            // Nobody is there to be told, and the app did nothing wrong.
            let _ = exchange.abort(reason::CANCELLED, "");
            return;
        }
        let id = call.request.get().id.bind(py).to_string();
        let kind = error.get_type(py).name().map_or_else(|_| String::new(), |n| n.to_string());
        // It can fail because the link does, and then nobody is there to be told.
        if exchange.fail(py, &id, &kind).is_err() {
            let _ = exchange.abort(reason::APP_ERROR, &kind);
        }
        drop(exchange);
        self.report("request", call, Some(error));
    }

    fn is_gone(&self, error: &PyErr) -> bool {
        let py = self.slot.py();
        let class = self.hooks.getattr(intern!(py, "ClientGone"));
        class.is_ok_and(|class| error.matches(py, class).unwrap_or(false))
    }

    fn report(&self, what: &str, call: &Call<'py>, error: Option<&PyErr>) {
        let py = self.slot.py();
        let error = error.map(|error| error.clone_ref(py).into_value(py));
        let what = PyString::new(py, what);
        let args = (what, &call.request, &call.environ, error);
        if let Err(error) = self.hooks.call_method1(intern!(py, "report"), args) {
            error.write_unraisable(py, None);
        }
    }
}

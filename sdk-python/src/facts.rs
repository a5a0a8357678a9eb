//! `Request`: what the core knows about a request, for the app.

use std::sync::Arc;

use maitred_sdk::message;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::session::to_py;

/// What the core knows about a request.
#[pyclass(frozen, module = "maitred._native")]
pub(crate) struct Request {
    pub(crate) session: Arc<maitred_sdk::Session>,
    pub(crate) stream: u64,
    pub(crate) id: Py<PyString>,
    wait_us: u64,
    upstream_us: u64,
}

impl Request {
    pub(crate) fn new(
        session: &Arc<maitred_sdk::Session>,
        stream: u64,
        head: &message::Request,
        id: Py<PyString>,
    ) -> Self {
        let (wait_us, upstream_us) = (head.wait_us, head.upstream_us);
        Self { session: Arc::clone(session), stream, id, wait_us, upstream_us }
    }
}

#[pymethods]
impl Request {
    /// The id of the request, as in the logs of the core.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        self.id.bind(py).clone()
    }

    /// Seconds from arrival to dispatch.
    #[getter]
    fn wait(&self) -> f64 {
        seconds(self.wait_us)
    }

    /// Seconds from `X-Request-Start` to arrival, 0.0 where unknown.
    #[getter]
    fn upstream(&self) -> f64 {
        seconds(self.upstream_us)
    }

    /// Whether nobody waits for the response any more; in deferred work: whether it should end.
    fn cancelled(&self) -> PyResult<bool> {
        self.session.is_cancelled(self.stream).map_err(|error| to_py(&error))
    }
}

pub(crate) fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

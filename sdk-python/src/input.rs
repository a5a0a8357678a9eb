//! `Input`: the request's body while it is still arriving.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::session::to_py;

/// The raw end of `wsgi.input`; Python's `io` makes a stream of it.
#[pyclass(frozen, module = "maitred._native")]
pub(crate) struct Input {
    pub(crate) session: Arc<maitred_sdk::Session>,
    pub(crate) stream: u64,
}

#[pymethods]
impl Input {
    /// At most `max` bytes, as soon as there are some; empty at the end.
    fn read<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Bound<'py, PyBytes>> {
        let data = py.detach(|| self.session.read(self.stream, max));
        data.map(|data| PyBytes::new(py, &data)).map_err(|error| to_py(&error))
    }
}

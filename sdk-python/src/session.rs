//! `Session`: the link of this process, as Python sees it.

use std::path::PathBuf;
use std::sync::Arc;

use maitred_sdk::message::Hello;
use maitred_sdk::{Connect, ConnectError, Ending, Error, parse_token};
use pyo3::exceptions::{PyConnectionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The link to the core.
#[pyclass(frozen, module = "maitred._native")]
pub(crate) struct Session {
    pub(crate) inner: Arc<maitred_sdk::Session>,
}

#[pymethods]
impl Session {
    /// Connects to the core and waits for its welcome.
    #[staticmethod]
    fn connect(
        py: Python<'_>,
        path: PathBuf,
        token: &str,
        slots: usize,
        runtime: (String, String),
    ) -> PyResult<Self> {
        let token = parse_token(token).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let (runtime, runtime_version) = runtime;
        let hello = Hello {
            sdk: "maitred-python".to_owned(),
            sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime,
            runtime_version,
            kind: "wsgi".to_owned(),
            readiness: "exact".to_owned(),
            ..Hello::default()
        };
        let connect = Connect { path, token, slots, hello };
        let session = py.detach(|| maitred_sdk::Session::connect(connect)).map_err(refused)?;
        Ok(Self { inner: Arc::new(session) })
    }

    /// Wishes to be drained; goes on serving until the core agrees.
    fn request_drain(&self) -> PyResult<()> {
        self.inner.request_drain().map_err(|error| to_py(&error))
    }

    /// How the session ended: `None` while it has not, else "drained", "core gone", or what was
    /// wrong with what the core said.
    fn ending(&self) -> Option<String> {
        self.inner.ending().map(|ending| match ending {
            Ending::Drained => "drained".to_owned(),
            Ending::CoreGone => "core gone".to_owned(),
            Ending::Broken(why) => why,
        })
    }

    /// The name of the pool that this process belongs to.
    #[getter]
    fn pool(&self) -> &str {
        &self.inner.welcome().pool
    }
}

fn refused(error: ConnectError) -> PyErr {
    match error {
        ConnectError::Slots { .. } | ConnectError::Token => {
            PyValueError::new_err(error.to_string())
        }
        other => PyConnectionError::new_err(other.to_string()),
    }
}

/// A session's error as the exception that fits it.
pub(crate) fn to_py(error: &Error) -> PyErr {
    match error {
        Error::Cancelled | Error::Closed => client_gone(&error.to_string()),
        Error::HeadTooLarge { .. } => PyValueError::new_err(error.to_string()),
        _ => PyRuntimeError::new_err(error.to_string()),
    }
}

/// `maitred.ClientGone`, which is defined in Python.
fn client_gone(text: &str) -> PyErr {
    Python::attach(|py| {
        let class = py.import("maitred._errors").and_then(|m| m.getattr("ClientGone"));
        match class.and_then(|class| class.call1((text,))) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    })
}

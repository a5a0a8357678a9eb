//! `Session`: the link of this process, as Python sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use maitred_sdk::message::Hello;
use maitred_sdk::{Connect, ConnectError, Ending, Error, OobOutcome, OobWish, parse_token};
use pyo3::exceptions::{PyConnectionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::interrupt::{self, Interruptions};

/// The link to the core.
#[pyclass(frozen, module = "maitred._native")]
pub(crate) struct Session {
    pub(crate) inner: Arc<maitred_sdk::Session>,
    targets: Vec<interrupt::Shared>,
}

#[pymethods]
impl Session {
    /// Connects to the core and waits for its welcome.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "one of them is the interpreter")]
    fn connect(
        py: Python<'_>,
        path: PathBuf,
        token: &str,
        slots: usize,
        has_oob: bool,
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
        let connect = Connect { path, token, slots, has_oob, hello };
        let session = py.detach(|| maitred_sdk::Session::connect(connect)).map_err(refused)?;
        let targets = (0..slots).map(|_| interrupt::Shared::default()).collect();
        Ok(Self { inner: Arc::new(session), targets })
    }

    /// Heeds what the core interrupts: `stacks` is the module that writes the stacks of threads,
    /// `error` the class that is raised, `signal` what faulthandler answers.
    fn heed_interrupts(&self, stacks: Py<PyAny>, error: Py<PyAny>, signal: i32) {
        let targets = self.targets.clone();
        let all = Arc::new(Interruptions { targets, stacks, error, signal });
        self.inner.on_interrupt(move |interruption| all.perform(interruption));
    }

    /// Tells the core that Python code runs in this process.
    fn host_lives(&self) -> PyResult<()> {
        self.inner.host_lives().map_err(|error| to_py(&error))
    }

    /// Wishes to be drained; goes on serving until the core agrees.
    fn request_drain(&self) -> PyResult<()> {
        self.inner.request_drain().map_err(|error| to_py(&error))
    }

    /// Whether the core said DRAIN, or the session is over.
    fn is_leaving(&self) -> bool {
        self.inner.is_leaving()
    }

    /// Asks to be taken out of band. False: this process is on its way out.
    #[pyo3(signature = (kind, reason, expected_s, not_later_than_s, /))]
    fn request_oob(
        &self,
        kind: String,
        reason: String,
        expected_s: Option<f64>,
        not_later_than_s: Option<f64>,
    ) -> PyResult<bool> {
        let (expected, not_later_than) = (span(expected_s)?, span(not_later_than_s)?);
        let wish = OobWish { kind, reason, expected, not_later_than };
        self.inner.request_oob(wish).map_err(|error| to_py(&error))
    }

    /// Takes a wish back; it may have been granted already.
    fn withdraw_oob(&self, kind: &str) -> PyResult<()> {
        self.inner.withdraw_oob(kind).map_err(|error| to_py(&error))
    }

    /// Says that `next_oob` will be called, where `connect` was not told.
    fn listen_oob(&self) {
        self.inner.listen_oob();
    }

    /// Waits until this process is out of band: kind, who asked, and the lease in seconds.
    /// `None`: the session is over.
    fn next_oob(&self, py: Python<'_>) -> PyResult<Option<(String, u32, f64)>> {
        let start = py.detach(|| self.inner.next_oob()).map_err(|error| to_py(&error))?;
        Ok(start.map(|start| (start.kind, start.requested_by, start.lease_ms as f64 / 1000.0)))
    }

    /// Out-of-band work is over. `how`: "done", "failed", or else there is no handler.
    fn oob_done(&self, how: &str, took_s: f64) -> PyResult<()> {
        let how = match how {
            "done" => OobOutcome::Done,
            "failed" => OobOutcome::Failed,
            _ => OobOutcome::NoHandler,
        };
        let took = Duration::try_from_secs_f64(took_s).unwrap_or_default();
        self.inner.oob_done(how, took).map_err(|error| to_py(&error))
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

/// Seconds, if there are any.
fn span(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let span = seconds.map(Duration::try_from_secs_f64).transpose();
    span.map_err(|_| PyValueError::new_err("a time span must be seconds from 0 on"))
}

impl Session {
    /// What the thread of a slot is interrupted by.
    pub(crate) fn target(&self, slot: usize) -> interrupt::Shared {
        self.targets.get(slot).cloned().unwrap_or_default()
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
        Error::HeadTooLarge { .. } | Error::OobKind { .. } => {
            PyValueError::new_err(error.to_string())
        }
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

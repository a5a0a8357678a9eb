//! A call at every so many requests of this process: how presets count without costing a call of
//! Python per request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Requests between two calls; 0: there are none.
static STEP: AtomicU64 = AtomicU64::new(0);

/// Requests so far.
static COUNT: AtomicU64 = AtomicU64::new(0);

static CALL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Has `call` called at every `step`-th request of this process, after its response and before
/// its slot is free. Only the first call of this counts. False: it was not the first.
#[pyfunction]
pub(crate) fn pace(py: Python<'_>, step: u64, call: Py<PyAny>) -> bool {
    let first = CALL.set(py, call).is_ok();
    if first {
        STEP.store(step, Relaxed);
    }
    first
}

/// Counts a request. True: [`call`] is due after its response.
pub(crate) fn is_due() -> bool {
    let step = STEP.load(Relaxed);
    step != 0 && (COUNT.fetch_add(1, Relaxed) + 1).is_multiple_of(step)
}

/// Makes the call that is due.
pub(crate) fn call(py: Python<'_>) -> PyResult<()> {
    CALL.get(py).map_or(Ok(()), |call| call.call0(py).map(drop))
}

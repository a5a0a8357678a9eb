//! `_floor`, the process's half of the floor: the loop of a slot, from frame to frame.
//!
//! A slot is a thread of Python. It lets go of the interpreter's lock once per request, to write
//! its answer and to wait for the next request.

mod answer;
mod environ;
#[path = "../frames.rs"]
mod frames;
mod link;

use bytes::BytesMut;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::answer::Answer;
use crate::environ::Environs;

/// The link, which is the standard input of this process.
#[pyclass(frozen, module = "_floor")]
struct Link {
    inner: link::Link,
}

#[pymethods]
impl Link {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self { inner: link::Link::from_stdin()? })
    }

    /// Serves requests until the link ends. `environ` has the keys that all requests share.
    fn serve(&self, app: &Bound<'_, PyAny>, environ: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = app.py();
        let mut environs = Environs::new(environ)?;
        let mut out = BytesMut::new();
        while let Some((stream, head)) = py.detach(|| self.inner.next(&mut out))? {
            let environ = environs.build(py, &head)?;
            let answer = Bound::new(py, Answer::new(stream, std::mem::take(&mut out)))?;
            let body = app.call1((environ, &answer)).and_then(|body| whole(&body));
            let mut answer = answer.borrow_mut();
            out = match body.and_then(|body| answer.complete(body.as_bytes())) {
                Ok(out) => out,
                Err(error) => {
                    error.write_unraisable(py, None);
                    answer.fail()
                }
            };
        }
        Ok(())
    }
}

/// All of a body, which is closed then.
fn whole<'py>(body: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = body.py();
    if let Ok(list) = body.cast_exact::<PyList>()
        && list.len() == 1
    {
        // Neither more pieces nor anything to close.
        return Ok(list.get_item(0)?.cast_into()?);
    }
    let whole = PyBytes::new(py, b"").call_method1("join", (body,));
    if let Some(close) = body.getattr_opt("close")? {
        close.call0()?;
    }
    Ok(whole?.cast_into()?)
}

/// The native half of the floor's process.
#[pymodule]
fn _floor(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Link>()
}

//! `start_response` of one request, and the frames that its answer becomes.
//!
//! The whole answer gathers in one buffer, so that it is one write. The callable gives no `write`
//! back (PEP 3333 keeps that for old frameworks); no app of the benchmarks asks for it.

use bytes::{BufMut, BytesMut};
use maitred_proto::frame::{Flags, Kind, PAYLOAD_MAX};
use maitred_proto::message::{ResponseHead, encode_response};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::frames;

/// The callable that the app gives its status and headers.
#[pyclass(module = "_floor", name = "start_response")]
pub(crate) struct Answer {
    stream: u64,
    out: BytesMut,
}

#[pymethods]
impl Answer {
    #[pyo3(signature = (status, headers, _exc_info = None, /))]
    fn __call__(
        &mut self,
        status: &str,
        headers: &Bound<'_, PyAny>,
        _exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let status = status.get(..3).and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| PyValueError::new_err("the status is not a number"))?;
        let headers: Vec<(PyBackedStr, PyBackedStr)> = headers.extract()?;
        if !headers.iter().all(|(name, value)| name.is_ascii() && value.is_ascii()) {
            return Err(PyValueError::new_err("a header is not ASCII"));
        }
        self.head(status, headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        Ok(())
    }
}

impl Answer {
    /// An answer that is written into an empty buffer.
    pub(crate) fn new(stream: u64, out: BytesMut) -> Self {
        Self { stream, out }
    }

    /// The head, in place of one that was given before.
    fn head<'a>(&mut self, status: u16, headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        self.out.clear();
        let write = |out: &mut BytesMut| encode_response(out, ResponseHead { status, headers });
        frames::put(&mut self.out, (Kind::Response, Flags::NONE), self.stream, write);
    }

    /// The body after its head: that was all, and the slot is free. Returns what is to be sent.
    pub(crate) fn complete(&mut self, body: &[u8]) -> PyResult<BytesMut> {
        if self.out.is_empty() || body.len() > PAYLOAD_MAX {
            return Err(PyValueError::new_err("no head, or a body that does not fit a frame"));
        }
        let write = |out: &mut BytesMut| out.put_slice(body);
        frames::put(&mut self.out, (Kind::Body, Flags::of(true, true)), self.stream, write);
        Ok(std::mem::take(&mut self.out))
    }

    /// 500 instead, because the app failed.
    pub(crate) fn fail(&mut self) -> BytesMut {
        self.head(500, std::iter::empty());
        frames::put(&mut self.out, (Kind::Body, Flags::of(true, true)), self.stream, |_| {});
        std::mem::take(&mut self.out)
    }
}

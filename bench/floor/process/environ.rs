//! The `environ` of a request (PEP 3333, "environ Variables"), with the keys that maitred gives.
//!
//! What seldom changes from one request to the next stays in a dictionary that each request gets a
//! copy of, and the names of headers are made into keys once.

use std::borrow::Cow;

use bytes::Bytes;
use maitred_proto::message::{self, Request};
use percent_encoding::percent_decode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rustc_hash::FxHashMap;

/// Names of headers that are remembered. 256: more than the load client sends.
const NAMES_MAX: usize = 256;

/// Builds one `environ` after the other, for one slot.
pub(crate) struct Environs {
    /// What all requests share, and what the last one had.
    base: Py<PyDict>,
    /// The texts that mostly repeat, as `base` has them.
    repeated: [(&'static str, Vec<u8>); 4],
    /// The protocol version and the server's port in `base`.
    numbers: (u32, u32),
    /// Keys by the name of the header; `None`: not for the app.
    keys: FxHashMap<Bytes, Option<Py<PyString>>>,
    bytes_io: Py<PyAny>,
}

impl Environs {
    /// `base` has the keys that do not depend on the request.
    pub(crate) fn new(base: &Bound<'_, PyDict>) -> PyResult<Self> {
        let names = ["REQUEST_METHOD", "wsgi.url_scheme", "REMOTE_ADDR", "SERVER_NAME"];
        Ok(Self {
            base: base.copy()?.unbind(),
            repeated: names.map(|name| (name, Vec::new())),
            numbers: (0, 0),
            keys: FxHashMap::default(),
            bytes_io: base.py().import("io")?.getattr("BytesIO")?.unbind(),
        })
    }

    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        head: &Request,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.renew_base(py, head)?;
        let environ = self.base.bind(py).copy()?;
        let query_at = head.target.iter().position(|&byte| byte == b'?');
        let (path, query) = head.target.split_at(query_at.unwrap_or(head.target.len()));
        let path: Cow<'_, [u8]> = percent_decode(path).into();
        let raw = latin1(py, &head.target);
        environ.set_item(intern!(py, "PATH_INFO"), latin1(py, &path))?;
        environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, query.get(1..).unwrap_or(&[])))?;
        environ.set_item(intern!(py, "RAW_URI"), &raw)?;
        environ.set_item(intern!(py, "REQUEST_URI"), &raw)?;
        environ.set_item(intern!(py, "REMOTE_PORT"), head.client_port.to_string())?;
        environ.set_item(intern!(py, "wsgi.input"), self.bytes_io.bind(py).call0()?)?;
        let mut before: &[u8] = b"";
        for (name, value) in message::pairs(&head.headers) {
            let key = self.keys.get(name).and_then(Option::as_ref);
            if let Some(key) = key.filter(|_| before != name) {
                environ.set_item(key, latin1(py, value))?;
            } else {
                self.set_slowly(&environ, name, value)?;
            }
            before = name;
        }
        Ok(environ)
    }

    fn renew_base(&mut self, py: Python<'_>, head: &Request) -> PyResult<()> {
        let base = self.base.bind(py);
        let texts = [&head.method, &head.scheme, &head.client, &head.server];
        for ((key, last), text) in self.repeated.iter_mut().zip(texts) {
            if last != text {
                base.set_item(*key, latin1(py, text))?;
                *last = text.to_vec();
            }
        }
        if self.numbers != (head.version, head.server_port) {
            let version = format!("HTTP/{}.{}", head.version / 10, head.version % 10);
            base.set_item("SERVER_PROTOCOL", version)?;
            base.set_item("SERVER_PORT", head.server_port.to_string())?;
            self.numbers = (head.version, head.server_port);
        }
        Ok(())
    }

    /// A header whose name is new, or that comes once more.
    fn set_slowly(
        &mut self,
        environ: &Bound<'_, PyDict>,
        name: &Bytes,
        value: &[u8],
    ) -> PyResult<()> {
        let py = environ.py();
        let key = key_of(py, name);
        if self.keys.len() < NAMES_MAX && !self.keys.contains_key(name) {
            let known = key.as_ref().map(|key| key.clone().unbind());
            self.keys.insert(Bytes::copy_from_slice(name), known);
        }
        let Some(key) = key else { return Ok(()) };
        let value = latin1(py, value);
        match environ.get_item(&key)? {
            Some(first) => environ.set_item(key, format!("{first},{value}")),
            None => environ.set_item(key, value),
        }
    }
}

/// `None`: a name with an underscore could pass for another one.
fn key_of<'py>(py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyString>> {
    if name.contains(&b'_') {
        return None;
    }
    let name = String::from_utf8_lossy(name).to_ascii_uppercase().replace('-', "_");
    let prefix = if matches!(&*name, "CONTENT_TYPE" | "CONTENT_LENGTH") { "" } else { "HTTP_" };
    Some(PyString::intern(py, &format!("{prefix}{name}")))
}

/// WSGI's strings hold bytes: one character each (PEP 3333, "A Note on String Types").
fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => PyString::new(py, text),
        _ => PyString::new(py, &bytes.iter().map(|&byte| char::from(byte)).collect::<String>()),
    }
}

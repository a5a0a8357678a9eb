//! The `environ` of a request (PEP 3333, "environ Variables").
//!
//! Built for every request, so it is built from what seldom changes: a dictionary that holds
//! the values of the last request for the keys that a connection repeats, and the names of
//! headers that were seen, as Python strings that exist already.

use std::ptr;

use maitred_sdk::message;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{ffi, intern};

use crate::facts::seconds;
use names::Names;
use target::Target;

mod names;
mod target;

/// Builds one `environ` after the other, for one slot.
pub(crate) struct Environs {
    base: Py<PyDict>,
    names: Names,
    last: Last,
}

/// What `base` holds at the moment.
#[derive(Default)]
struct Last {
    method: Vec<u8>,
    version: u32,
    scheme: Vec<u8>,
    client: Vec<u8>,
    client_port: u32,
    server: Vec<u8>,
    server_port: u32,
}

impl Environs {
    /// `base` has the keys that are the same for all requests.
    pub(crate) fn new(base: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self { base: base.copy()?.unbind(), names: Names::default(), last: Last::default() })
    }

    /// The environ of a request, but for `wsgi.input` and what belongs to maitred.
    ///
    /// `length`: the size of the body, where all of it is here.
    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        head: &message::Request,
        length: Option<usize>,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.renew_base(py, head)?;
        let environ = self.base.bind(py).copy()?;
        let target = Target::parse(&head.target);
        let raw = latin1(py, &head.target);
        environ.set_item(intern!(py, "PATH_INFO"), latin1(py, &target.path))?;
        environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, target.query))?;
        environ.set_item(intern!(py, "RAW_URI"), &raw)?;
        environ.set_item(intern!(py, "REQUEST_URI"), &raw)?;
        if head.wait_us > 0 {
            environ.set_item(intern!(py, "maitred.wait"), seconds(head.wait_us))?;
        }
        if head.upstream_us > 0 {
            environ.set_item(intern!(py, "maitred.upstream"), seconds(head.upstream_us))?;
        }
        self.names.begin();
        for (name, value) in message::pairs(&head.headers) {
            self.names.set(&environ, name, value)?;
        }
        if let Some(authority) = target.authority {
            // It goes before the Host header (RFC 9112, section 3.2.2).
            environ.set_item(intern!(py, "HTTP_HOST"), latin1(py, authority))?;
        }
        if let Some(length) = length {
            set_length(&environ, length)?;
        }
        if head.server_port == 0 {
            name_unix_server(&environ)?;
        }
        Ok(environ)
    }

    fn renew_base(&mut self, py: Python<'_>, head: &message::Request) -> PyResult<()> {
        let (base, last) = (self.base.bind(py), &mut self.last);
        if last.method != head.method {
            base.set_item(intern!(py, "REQUEST_METHOD"), latin1(py, &head.method))?;
            last.method = head.method.to_vec();
        }
        if last.version != head.version {
            let version = format!("HTTP/{}.{}", head.version / 10, head.version % 10);
            base.set_item(intern!(py, "SERVER_PROTOCOL"), version)?;
            last.version = head.version;
        }
        if last.scheme != head.scheme {
            base.set_item(intern!(py, "wsgi.url_scheme"), latin1(py, &head.scheme))?;
            last.scheme = head.scheme.to_vec();
        }
        if last.client != head.client {
            base.set_item(intern!(py, "REMOTE_ADDR"), latin1(py, &head.client))?;
            last.client = head.client.to_vec();
        }
        if last.client_port != head.client_port {
            match head.client_port {
                0 => base.del_item(intern!(py, "REMOTE_PORT"))?,
                port => base.set_item(intern!(py, "REMOTE_PORT"), port.to_string())?,
            }
            last.client_port = head.client_port;
        }
        if last.server != head.server || last.server_port != head.server_port {
            base.set_item(intern!(py, "SERVER_NAME"), latin1(py, &head.server))?;
            base.set_item(intern!(py, "SERVER_PORT"), head.server_port.to_string())?;
            last.server = head.server.to_vec();
            last.server_port = head.server_port;
        }
        Ok(())
    }
}

/// A body that came in chunks and is complete has a length after all, and apps that know
/// nothing of chunks can read it.
fn set_length(environ: &Bound<'_, PyDict>, length: usize) -> PyResult<()> {
    let py = environ.py();
    if environ.contains(intern!(py, "HTTP_TRANSFER_ENCODING"))? {
        environ.del_item(intern!(py, "HTTP_TRANSFER_ENCODING"))?;
        environ.set_item(intern!(py, "CONTENT_LENGTH"), length.to_string())?;
    }
    Ok(())
}

/// A Unix socket has no name and port that mean anything to a client: Host has.
fn name_unix_server(environ: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = environ.py();
    let host = environ.get_item(intern!(py, "HTTP_HOST"))?;
    let host = match &host {
        Some(host) => host.cast::<PyString>()?.to_str()?,
        None => "",
    };
    let scheme = environ.get_item(intern!(py, "wsgi.url_scheme"))?;
    let is_https = scheme.is_some_and(|scheme| scheme.eq("https").unwrap_or(false));
    let (name, port) = target::split_host(host);
    let port = if port.is_empty() { if is_https { "443" } else { "80" } } else { port };
    let name = if name.is_empty() { "localhost" } else { name };
    environ.set_item(intern!(py, "SERVER_NAME"), name)?;
    environ.set_item(intern!(py, "SERVER_PORT"), port)
}

/// WSGI's strings hold bytes: one character each (PEP 3333, "A Note on String Types").
///
/// By Python's own decoder, which looks at each byte once: a request has some twenty of them.
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let (text, len) = (bytes.as_ptr().cast(), bytes.len().cast_signed());
    // SAFETY: that many bytes are at `text`, and Python only reads them, during the call. Without a
    // name of an error handler it uses its default, and any byte is a character of this encoding.
    // It returns a new `str` that is ours, or null without memory, at which this panics.
    unsafe {
        let string = ffi::PyUnicode_DecodeLatin1(text, len, ptr::null());
        Bound::from_owned_ptr(py, string).cast_into_unchecked()
    }
}

//! Names of headers as keys of an `environ`.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rustc_hash::FxHashMap;

use super::latin1;

/// Names that are remembered. 256: far more than a site's clients send, few enough that a client
/// which invents names cannot fill the memory.
const NAMES_MAX: usize = 256;

/// Keys for the names of headers that were seen.
#[derive(Default)]
pub(crate) struct Names {
    seen: FxHashMap<Box<[u8]>, Name>,
    /// The number of the current request: tells a repeated header without a look-up.
    request: u64,
}

struct Name {
    /// `None`: not for the app.
    key: Option<Py<PyString>>,
    /// The last request that had it.
    request: u64,
}

impl Names {
    /// Another request begins.
    pub(crate) fn begin(&mut self) {
        self.request += 1;
    }

    /// Sets a header, after those of the same name.
    pub(crate) fn set(
        &mut self,
        environ: &Bound<'_, PyDict>,
        name: &[u8],
        value: &[u8],
    ) -> PyResult<()> {
        let py = environ.py();
        if let Some(known) = self.seen.get_mut(name) {
            let repeated = known.request == self.request;
            known.request = self.request;
            let Some(key) = &known.key else { return Ok(()) };
            return set(environ, key.bind(py), value, repeated);
        }
        let key = key_of(py, name);
        if let Some(key) = &key {
            set(environ, key, value, environ.contains(key)?)?;
        }
        if self.seen.len() < NAMES_MAX {
            let known = Name { key: key.map(Bound::unbind), request: self.request };
            self.seen.insert(name.into(), known);
        }
        Ok(())
    }
}

fn set(
    environ: &Bound<'_, PyDict>,
    key: &Bound<'_, PyString>,
    value: &[u8],
    repeated: bool,
) -> PyResult<()> {
    let py = environ.py();
    let value = latin1(py, value);
    if !repeated {
        return environ.set_item(key, value);
    }
    // RFC 9110, section 5.3; cookies have a separator of their own (RFC 9113, section 8.2.3).
    let separator = if key.to_str()? == "HTTP_COOKIE" { "; " } else { "," };
    match environ.get_item(key)? {
        Some(before) => {
            let before = before.cast::<PyString>()?.to_str()?;
            environ.set_item(key, format!("{before}{separator}{}", value.to_str()?))
        }
        None => environ.set_item(key, value),
    }
}

/// `None`: a name with an underscore could pass for another one, which a proxy in front may
/// vouch for.
fn key_of<'py>(py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyString>> {
    if name.contains(&b'_') {
        return None;
    }
    if name.eq_ignore_ascii_case(b"content-type") {
        return Some(intern!(py, "CONTENT_TYPE").clone());
    }
    if name.eq_ignore_ascii_case(b"content-length") {
        return Some(intern!(py, "CONTENT_LENGTH").clone());
    }
    let letter = |&byte: &u8| match byte {
        b'-' => '_',
        byte => char::from(byte.to_ascii_uppercase()),
    };
    let key: String = "HTTP_".chars().chain(name.iter().map(letter)).collect();
    Some(PyString::intern(py, &key))
}

//! The head of a response: what `start_response` was told, checked and ready to be sent.
//!
//! Everything that could break the framing of HTTP is refused here, where the app still sees
//! which of its headers it was.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

/// Headers that concern one connection only: they are the server's, not the app's (PEP 3333,
/// "Other HTTP Features"). Dropped, as frameworks set some of them out of habit.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Room for the text of ordinary headers: one allocation for nearly every response.
const TEXT_LEN: usize = 512;

/// A status and headers, encoded.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// The value of Content-Length, if there is one.
    pub(crate) length: Option<u64>,
    text: Vec<u8>,
    /// Where each name and each value ends in `text`.
    ends: Vec<(u32, u32)>,
}

impl Head {
    pub(crate) fn new(status: u16) -> Self {
        let (text, ends) = (Vec::with_capacity(TEXT_LEN), Vec::with_capacity(16));
        Self { status, length: None, text, ends }
    }

    /// From the arguments of `start_response`.
    pub(crate) fn parse(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut head = Self::new(parse_status(status)?);
        let Ok(headers) = headers.cast::<PyList>() else {
            let given = headers.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "start_response: headers must be a list of (name, value) tuples, not {given}"
            )));
        };
        for header in headers.iter() {
            head.parse_header(&header)?;
        }
        Ok(head)
    }

    fn parse_header(&mut self, header: &Bound<'_, PyAny>) -> PyResult<()> {
        let pair = header.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
        let Some(pair) = pair else {
            return Err(PyTypeError::new_err(format!(
                "start_response: each header must be a (name, value) tuple, not {}",
                header.repr()?
            )));
        };
        let (name, value) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
        let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else {
            return Err(PyTypeError::new_err(format!(
                "start_response: names and values of headers must be str, not {}",
                header.repr()?
            )));
        };
        let begin = self.text.len();
        push_latin1(&mut self.text, &name)?;
        let middle = self.text.len();
        push_latin1(&mut self.text, &value)?;
        let (name, value) = self.text[begin..].split_at(middle - begin);
        if !is_token(name) {
            return Err(refuse(header, "its name is not a token"));
        }
        if value.iter().any(|&byte| is_control(byte)) {
            return Err(refuse(header, "its value has a line break or another control character"));
        }
        if is_hop_by_hop(name) {
            self.text.truncate(begin);
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = str::from_utf8(value).ok().and_then(parse_length);
            let length = length.ok_or_else(|| refuse(header, "it is not a number of bytes"))?;
            if self.length.is_some_and(|other| other != length) {
                return Err(refuse(header, "there is another one with another value"));
            }
            self.length = Some(length);
        }
        self.ends.push((middle as u32, self.text.len() as u32));
        Ok(())
    }

    /// Adds a header of ours.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.text.extend_from_slice(name.as_bytes());
        let middle = self.text.len();
        self.text.extend_from_slice(value.as_bytes());
        self.ends.push((middle as u32, self.text.len() as u32));
    }

    /// Names and values, in order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let mut begin = 0;
        self.ends.iter().map(move |&(middle, end)| {
            let (middle, end) = (middle as usize, end as usize);
            let pair = (&self.text[begin..middle], &self.text[middle..end]);
            begin = end;
            pair
        })
    }

    /// Whether a response with this status has no body, whatever the app returns.
    pub(crate) const fn is_bodiless(&self) -> bool {
        matches!(self.status, 204 | 304)
    }
}

fn parse_status(status: &Bound<'_, PyAny>) -> PyResult<u16> {
    let Ok(status) = status.cast::<PyString>() else {
        let given = status.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "start_response: status must be a str such as \"200 OK\", not {given}"
        )));
    };
    let text = status.to_str().unwrap_or_default();
    let (digits, rest) = text.split_at_checked(3).unwrap_or((text, ""));
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    match number {
        Some(number @ 200..=599)
            if (rest.is_empty() || rest.starts_with(' ')) && !rest.bytes().any(is_control) =>
        {
            Ok(number)
        }
        _ => Err(PyValueError::new_err(format!(
            "start_response: status must be three digits from 200 to 599, a space and a reason, \
             not {}",
            status.repr()?
        ))),
    }
}

fn parse_length(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// WSGI's strings hold bytes: one character each (PEP 3333, "A Note on String Types").
fn push_latin1(text: &mut Vec<u8>, string: &Bound<'_, PyString>) -> PyResult<()> {
    let given = string.to_str().unwrap_or("\u{fffd}");
    if given.is_ascii() {
        text.extend_from_slice(given.as_bytes());
        return Ok(());
    }
    for character in given.chars() {
        let Ok(byte) = u8::try_from(u32::from(character)) else {
            return Err(PyValueError::new_err(format!(
                "start_response: {} has characters outside of ISO-8859-1",
                string.repr()?
            )));
        };
        text.push(byte);
    }
    Ok(())
}

fn refuse(header: &Bound<'_, PyAny>, why: &str) -> PyErr {
    match header.repr() {
        Ok(repr) => PyValueError::new_err(format!("start_response: header {repr}: {why}")),
        Err(error) => error,
    }
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 && byte != b'\t' || byte == 0x7f
}

/// The bytes that a token is made of (RFC 9110, section 5.6.2).
const TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
};

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| TOKEN_BYTES[usize::from(byte)])
}

fn is_hop_by_hop(name: &[u8]) -> bool {
    // Nearly all names differ in length or first letter from all of these.
    HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop.as_bytes()))
}

//! Sending what the app returned.

use std::time::Instant;

use maitred_sdk::{Hold, MergeRule};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::exchange::Exchange;

/// A body that is a list or a tuple of at most one item: all of it is here, and neither type has
/// a `close()`.
pub(crate) enum Plain<'py> {
    Empty,
    One(Bound<'py, PyBytes>),
}

impl<'py> Plain<'py> {
    /// `None`: the body has to be iterated.
    pub(crate) fn of(result: &Bound<'py, PyAny>) -> Option<Self> {
        let (length, first) = if let Ok(list) = result.cast_exact::<PyList>() {
            (list.len(), list.get_item(0).ok())
        } else if let Ok(tuple) = result.cast_exact::<PyTuple>() {
            (tuple.len(), tuple.get_item(0).ok())
        } else {
            return None;
        };
        match (length, first) {
            (0, _) => Some(Self::Empty),
            // Anything but bytes fails where it is iterated.
            (1, Some(item)) => item.cast_into::<PyBytes>().ok().map(Self::One),
            _ => None,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::One(item) => item.as_bytes(),
        }
    }
}

/// Remembers when the first bytes of a body could have waited for ready.
pub(crate) struct Tail {
    key: usize,
    hold: Hold,
    since: Option<Instant>,
}

impl Tail {
    /// Of a body that is about to be sent.
    pub(crate) fn of(result: &Bound<'_, PyAny>, rule: &MergeRule) -> Self {
        let key = result.get_type().as_ptr() as usize;
        let hold = if rule.may_hold(key) { Hold::Moment } else { Hold::No };
        Self { key, hold, since: None }
    }

    /// Whether the next bytes may wait; not when others have waited for too long already.
    fn hold(&mut self, rule: &MergeRule) -> Hold {
        match (self.hold, self.since) {
            (Hold::Moment, Some(since)) if since.elapsed() > rule.limit() => self.hold = Hold::No,
            (_, None) => self.since = Some(Instant::now()),
            _ => {}
        }
        self.hold
    }

    /// The slot is ready: the rule learns how long that took.
    pub(crate) fn learn(&self, rule: &mut MergeRule) {
        if let Some(since) = self.since {
            rule.took(self.key, since.elapsed());
        }
    }
}

/// Sends a body item by item, each one before the next is asked for (PEP 3333, "Buffering and
/// Streaming").
pub(crate) fn send(
    exchange: &Bound<'_, Exchange>,
    result: &Bound<'_, PyAny>,
    tail: &mut Tail,
    rule: &MergeRule,
) -> PyResult<()> {
    let py = exchange.py();
    let length = Plain::of(result).map(|plain| plain.as_bytes().len());
    for item in result.try_iter()? {
        let item = item?;
        let Ok(data) = item.cast::<PyBytes>() else {
            let given = item.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "the app's body has an item of type {given}; WSGI bodies are made of bytes"
            )));
        };
        if data.as_bytes().is_empty() {
            continue;
        }
        let mut exchange = exchange.try_borrow_mut()?;
        exchange.begin(length)?;
        if exchange.is_bodiless() {
            // Its client gets the head only; there is no use in making the rest.
            break;
        }
        exchange.send(py, data.as_bytes(), tail.hold(rule))?;
    }
    let mut exchange = exchange.try_borrow_mut()?;
    // A body without any bytes has a length as well, where the app is not to be asked again.
    exchange.begin(length)?;
    exchange.finish(py, tail.hold(rule))
}

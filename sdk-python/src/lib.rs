//! The native module of the Python SDK, `maitred._native`: private, and thin.
//!
//! What is hot lives here: a slot's loop, the `environ`, the response. Everything else, and
//! everything that an app may name, is Python.

mod body;
mod environ;
mod exchange;
mod facts;
mod head;
mod input;
mod interrupt;
mod pace;
mod session;
mod slot;

use pyo3::prelude::*;

/// The native half of `maitred`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(pace::pace, module)?)?;
    module.add_class::<session::Session>()?;
    module.add_class::<slot::Slot>()?;
    module.add_class::<facts::Request>()?;
    module.add_class::<input::Input>()?;
    Ok(())
}

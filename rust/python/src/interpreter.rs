//! Only one interpreter of a process may use this module, because its types are static: a second one is told so by an
//! `ImportError`, where it would otherwise share objects across interpreters and crash.

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// The address of the first interpreter's `sys` module: every interpreter has one of its own and keeps it.
static OWNER: OnceLock<usize> = OnceLock::new();

/// Take the module for the calling interpreter, or refuse because another one has it.
pub(crate) fn claim(py: Python<'_>) -> PyResult<()> {
    let here = py.import("sys")?.as_ptr() as usize;
    if *OWNER.get_or_init(|| here) == here {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "asyncendpoints is already in use by another interpreter of this process; sub-interpreters are not supported",
    ))
}

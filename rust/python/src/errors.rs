//! The exceptions that the binding raises. They are defined once, in Python, and found there when first raised, so that
//! importing this module imports nothing of the package.

use pyo3::exceptions::PyValueError;
use pyo3::{PyErr, import_exception};

import_exception!(asyncendpoints.errors, ConfigurationError);
import_exception!(asyncendpoints.errors, InvalidTransition);
import_exception!(asyncendpoints.errors, StoreRefused);
import_exception!(asyncendpoints.errors, StoreUnavailable);

/// A value is out of its bounds: the message begins with the field's name.
pub(crate) fn out_of_bounds(field: &str, expected: &str) -> PyErr {
    PyValueError::new_err(format!("{field} must be {expected}"))
}

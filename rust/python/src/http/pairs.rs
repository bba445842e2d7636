//! The headers of an ASGI scope: pairs of bytes, in a list of tuples from most servers.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// Visit the pairs in the order sent.
pub(super) fn each<'py>(
    headers: &Bound<'py, PyAny>,
    mut visit: impl FnMut(&Bound<'py, PyAny>, &Bound<'py, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    let mut one = |pair: &Bound<'py, PyAny>| {
        // The protocol asks for two things in some iterable; what is not a tuple takes the slower way.
        if let Ok(pair) = pair.cast_exact::<PyTuple>() {
            return visit(&pair.get_item(0)?, &pair.get_item(1)?);
        }
        visit(&pair.get_item(0)?, &pair.get_item(1)?)
    };
    if let Ok(list) = headers.cast_exact::<PyList>() {
        return list.iter().try_for_each(|pair| one(&pair));
    }
    headers.try_iter()?.try_for_each(|pair| one(&pair?))
}

//! The digest by which a retry is known from another request.

use blake2b_simd::Params;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// Digest parts so that no two different sequences of parts look alike: their lengths go first.
#[pyfunction]
#[pyo3(signature = (*parts))]
pub(crate) fn fingerprint_of<'py>(
    py: Python<'py>,
    parts: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut state = Params::new().hash_length(32).to_state();
    let mut lengths = String::with_capacity(32);
    for part in parts.iter_borrowed() {
        let part: &[u8] = part.extract()?;
        if !lengths.is_empty() {
            lengths.push(' ');
        }
        lengths.push_str(&part.len().to_string());
    }
    lengths.push('\n');
    state.update(lengths.as_bytes());
    for part in parts.iter_borrowed() {
        state.update(part.extract()?);
    }
    Ok(PyBytes::new(py, state.finalize().as_bytes()))
}

//! `Head`: what the head of a request says to this library, found in one pass over its headers.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::pairs;

/// Numbers of more digits than this are no length that any body has.
const LONGEST_NUMBER: usize = 19;

/// The headers of a request that this library looks at; each list has their values in the order sent.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Head {
    /// The declared length of the body in bytes, -1 where there is none.
    #[pyo3(get)]
    length: i64,
    /// Whether 100 Continue is awaited.
    #[pyo3(get)]
    expects: bool,
    chunked: bool,
    #[pyo3(get)]
    content_types: Vec<Py<PyAny>>,
    #[pyo3(get)]
    keys: Vec<Py<PyAny>>,
    #[pyo3(get)]
    accepts: Vec<Py<PyAny>>,
    #[pyo3(get)]
    prefers: Vec<Py<PyAny>>,
    #[pyo3(get)]
    host: Option<Py<PyAny>>,
}

#[pymethods]
impl Head {
    #[new]
    #[pyo3(signature = (headers, key_names, /))]
    fn new(headers: &Bound<'_, PyAny>, key_names: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let mut head = Self {
            length: -1,
            expects: false,
            chunked: false,
            content_types: Vec::new(),
            keys: Vec::new(),
            accepts: Vec::new(),
            prefers: Vec::new(),
            host: None,
        };
        pairs::each(headers, |name, value| {
            let name: &[u8] = name.cast::<PyBytes>()?.as_bytes();
            match name {
                b"host" if head.host.is_none() => head.host = Some(value.clone().unbind()),
                b"content-type" => head.content_types.push(value.clone().unbind()),
                b"content-length" => head.length = length(value.extract()?),
                b"accept" => head.accepts.push(value.clone().unbind()),
                b"prefer" => head.prefers.push(value.clone().unbind()),
                b"transfer-encoding" => head.chunked = true,
                b"expect" => {
                    let value: &[u8] = value.extract()?;
                    head.expects = value.eq_ignore_ascii_case(b"100-continue");
                }
                _ => {}
            }
            for known in key_names.iter_borrowed() {
                if known.cast::<PyBytes>()?.as_bytes() == name {
                    head.keys.push(value.clone().unbind());
                }
            }
            Ok(())
        })?;
        Ok(head)
    }

    /// Whether the head says that there is a body.
    #[getter]
    fn carries(&self) -> bool {
        self.chunked || self.length > 0
    }
}

/// Read a Content-Length; -1 where it is none.
fn length(value: &[u8]) -> i64 {
    if value.is_empty() || value.len() > LONGEST_NUMBER || !value.iter().all(u8::is_ascii_digit) {
        return -1;
    }
    let number = std::str::from_utf8(value).ok().map(str::parse);
    number.and_then(Result::ok).unwrap_or(i64::MAX)
}

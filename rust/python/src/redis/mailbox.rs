//! `RedisMailbox`: where the answers for one event loop arrive.

use std::sync::Arc;

use asyncendpoints_redis::transport::Mailbox;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::answer::{answer, failure, notice};

/// Where the answers for one event loop arrive. `fd` is readable while there are some.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct RedisMailbox(pub(crate) Arc<Mailbox>);

/// What has arrived: calls that were answered, calls that were not, and what the store tells by itself.
type Arrived<'py> = (
    Vec<(u64, Bound<'py, PyAny>)>,
    Vec<(u64, Bound<'py, PyAny>)>,
    Vec<Bound<'py, PyTuple>>,
);

#[pymethods]
impl RedisMailbox {
    #[getter]
    fn fd(&self) -> i32 {
        self.0.descriptor()
    }

    /// Take everything out: `(number, answer)`, `(number, exception)`, and notices.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Arrived<'py>> {
        let letters = self.0.take();
        let mut answers = Vec::with_capacity(letters.outcomes.len());
        let mut failures = Vec::new();
        for (number, outcome) in letters.outcomes {
            let outcome = outcome.map_err(|failed| failure(&failed));
            // What cannot be converted is its caller's trouble, and nobody else's.
            match outcome.and_then(|found| answer(py, found)) {
                Ok(answer) => answers.push((number, answer)),
                Err(error) => {
                    failures.push((number, error.into_value(py).into_bound(py).into_any()));
                }
            }
        }
        let notices = letters.notices.iter().map(|told| notice(py, told));
        Ok((answers, failures, notices.collect::<PyResult<_>>()?))
    }

    fn __repr__(&self) -> String {
        format!("RedisMailbox(fd={})", self.0.descriptor())
    }
}

//! `Run`: one run of a job.

use asyncendpoints_core::job;
use asyncendpoints_core::state::Outcome;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Whole, body, moment};
use crate::words::{Named, Word};

/// One run of a job, numbered by its fence.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Run(pub(crate) job::Run);

#[pymethods]
impl Run {
    #[new]
    #[pyo3(signature = (*, number, started_at, worker, finished_at = None, outcome = None, error = None))]
    fn new(
        number: Whole,
        started_at: Whole,
        worker: &str,
        finished_at: Option<Whole>,
        outcome: Option<Named<Outcome>>,
        error: Option<&[u8]>,
    ) -> PyResult<Self> {
        Ok(Self(job::Run {
            number: number.word("number")?,
            started_at: started_at.milliseconds("started_at")?,
            finished_at: moment("finished_at", finished_at)?,
            outcome: outcome.map(|outcome| outcome.0),
            error: body(error),
            worker: worker.into(),
        }))
    }

    #[getter]
    fn number(&self) -> u64 {
        self.0.number
    }

    #[getter]
    fn started_at(&self) -> u64 {
        self.0.started_at
    }

    #[getter]
    fn finished_at(&self) -> Option<u64> {
        self.0.finished_at
    }

    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyString>> {
        self.0.outcome.map(|outcome| outcome.word(py))
    }

    #[getter]
    fn error(&self) -> Option<&[u8]> {
        self.0.error.as_deref()
    }

    #[getter]
    fn worker(&self) -> &str {
        &self.0.worker
    }

    fn __repr__(&self) -> String {
        let outcome = self
            .0
            .outcome
            .map_or("None".to_owned(), |outcome| format!("'{outcome}'"));
        format!(
            "Run(number={}, outcome={outcome}, worker={:?})",
            self.0.number, self.0.worker
        )
    }
}

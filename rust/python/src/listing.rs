//! `Page`: some jobs of a listing.

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::job::Job;

/// Some jobs of a listing, newest first, and where to go on; bounded work, so a page may be short.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Page {
    jobs: Vec<Py<Job>>,
    cursor: Option<String>,
}

impl Page {
    pub(crate) fn of(py: Python<'_>, page: asyncendpoints_core::memory::Page) -> PyResult<Self> {
        let jobs = page
            .jobs
            .into_iter()
            .map(|job| Py::new(py, Job(job)))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            jobs,
            cursor: page.cursor,
        })
    }
}

#[pymethods]
impl Page {
    #[new]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "extracted arguments are owned"
    )]
    fn new(jobs: Vec<Bound<'_, Job>>, cursor: Option<String>) -> Self {
        Self {
            jobs: jobs.into_iter().map(Bound::unbind).collect(),
            cursor,
        }
    }

    #[getter]
    fn jobs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.jobs)
    }

    #[getter]
    fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("Page({} jobs, cursor={:?})", self.jobs.len(), self.cursor)
    }
}

//! `JobUrls`: the URLs of an application's jobs, as one of its clients reaches them.

use asyncendpoints_core::ids::JobId;
use pyo3::prelude::*;

/// Stands for the id in a template.
const PLACE: &str = "{job_id}";

/// The text before, between and after the places of the id.
pub(super) struct Template(Vec<Box<str>>);

impl Template {
    fn of(text: &str) -> Self {
        Self(text.split(PLACE).map(Box::from).collect())
    }

    /// Hand out the URL of a job piece by piece.
    pub(super) fn pieces(&self, id: &str, mut out: impl FnMut(&str)) {
        for (number, part) in self.0.iter().enumerate() {
            if number > 0 {
                out(id);
            }
            out(part);
        }
    }

    fn url(&self, id: &str) -> String {
        let length = self.0.iter().map(|part| part.len()).sum::<usize>() + JobId::TEXT_LEN;
        let mut url = String::with_capacity(length);
        self.pieces(id, |piece| url.push_str(piece));
        url
    }
}

/// Templates of absolute URLs in which `{job_id}` stands for a job's id.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct JobUrls {
    pub(super) status: Template,
    pub(super) result: Template,
    pub(super) events: Template,
    pub(super) cancel: Template,
}

#[pymethods]
impl JobUrls {
    #[new]
    #[pyo3(signature = (*, status, result, events, cancel))]
    fn new(status: &str, result: &str, events: &str, cancel: &str) -> Self {
        Self {
            status: Template::of(status),
            result: Template::of(result),
            events: Template::of(events),
            cancel: Template::of(cancel),
        }
    }

    /// The job resource's URL.
    #[pyo3(signature = (job_id, /))]
    fn status(&self, job_id: &str) -> String {
        self.status.url(job_id)
    }

    /// The URL of what the handler returned.
    #[pyo3(signature = (job_id, /))]
    fn result(&self, job_id: &str) -> String {
        self.result.url(job_id)
    }
}

//! `Claim`: one claimed job.

use asyncendpoints_core::memory;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Whole, body, id_text, job_id, text};

/// One claimed job: what a worker needs to run it.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Claim(pub(crate) memory::Claim);

#[pymethods]
impl Claim {
    #[new]
    #[pyo3(signature = (
        *, job_id, fence, handler, queue, attempt, max_attempts, timeout_ms, created_at, ready_at, started_at,
        priority = Whole::of(0), request_id = None, owner = None, request = None, payload = None,
    ))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword-only members, as Python sees them"
    )]
    fn new(
        job_id: &str,
        fence: Whole,
        handler: &str,
        queue: &str,
        attempt: Whole,
        max_attempts: Whole,
        timeout_ms: Whole,
        created_at: Whole,
        ready_at: Whole,
        started_at: Whole,
        priority: Whole,
        request_id: Option<&str>,
        owner: Option<&str>,
        request: Option<&[u8]>,
        payload: Option<&[u8]>,
    ) -> PyResult<Self> {
        Ok(Self(memory::Claim {
            id: self::job_id("job_id", job_id)?,
            fence: fence.word("fence")?,
            handler: handler.into(),
            queue: queue.into(),
            priority: priority.within("priority", -100..=100)?,
            attempt: attempt.attempts("attempt")?,
            max_attempts: max_attempts.attempts("max_attempts")?,
            timeout_ms: timeout_ms.milliseconds("timeout_ms")?,
            created_at: created_at.milliseconds("created_at")?,
            ready_at: ready_at.milliseconds("ready_at")?,
            started_at: started_at.milliseconds("started_at")?,
            request_id: text(request_id),
            owner: text(owner),
            request: body(request),
            payload: body(payload),
        }))
    }

    #[getter]
    fn job_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        id_text(py, self.0.id)
    }

    #[getter]
    fn fence(&self) -> u64 {
        self.0.fence
    }

    #[getter]
    fn handler(&self) -> &str {
        &self.0.handler
    }

    #[getter]
    fn queue(&self) -> &str {
        &self.0.queue
    }

    #[getter]
    fn attempt(&self) -> u8 {
        self.0.attempt
    }

    #[getter]
    fn max_attempts(&self) -> u8 {
        self.0.max_attempts
    }

    #[getter]
    fn timeout_ms(&self) -> u64 {
        self.0.timeout_ms
    }

    #[getter]
    fn created_at(&self) -> u64 {
        self.0.created_at
    }

    #[getter]
    fn ready_at(&self) -> u64 {
        self.0.ready_at
    }

    #[getter]
    fn started_at(&self) -> u64 {
        self.0.started_at
    }

    #[getter]
    fn priority(&self) -> i8 {
        self.0.priority
    }

    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    #[getter]
    fn owner(&self) -> Option<&str> {
        self.0.owner.as_deref()
    }

    #[getter]
    fn request(&self) -> Option<&[u8]> {
        self.0.request.as_deref()
    }

    #[getter]
    fn payload(&self) -> Option<&[u8]> {
        self.0.payload.as_deref()
    }

    fn __repr__(&self) -> String {
        let of = &self.0;
        format!(
            "Claim(job_id='{}', fence={}, handler={:?}, attempt={})",
            of.id, of.fence, of.handler, of.attempt
        )
    }
}

//! `Job`: a job as a reader sees it.

use asyncendpoints_core::job;
use asyncendpoints_core::state::State;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Whole, body, id_text, idempotency, job_id, moment, optional_job_id, text};
use crate::run::Run;
use crate::settlement::result_body;
use crate::words::{Named, Word};

/// A job as a reader sees it; immutable. `*_at` are UTC milliseconds.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Job(pub(crate) job::Job);

#[pymethods]
impl Job {
    #[new]
    #[pyo3(signature = (
        *, job_id, handler, queue, state, version, created_at, updated_at, priority = Whole::of(0),
        attempt = Whole::of(0), max_attempts = Whole::of(3), timeout_ms = Whole::of(3_600_000),
        retention_completed_ms = Whole::of(86_400_000), retention_failed_ms = Whole::of(604_800_000),
        scheduled_at = None, due_at = None, started_at = None, finished_at = None, expires_at = None,
        cancel_requested_at = None, fence = Whole::of(0), lease_until = None, scope = None, request_id = None,
        fingerprint = None, owner = None, redrive_of = None, origin = None, progress = None, result = None,
        result_meta = None, error = None, runs = Vec::new(), request = None, payload = None, stripped = false,
    ))]
    #[allow(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "they are keyword-only members, as Python sees them, and extracted ones are owned"
    )]
    fn new(
        job_id: &str,
        handler: &str,
        queue: &str,
        state: Named<State>,
        version: Whole,
        created_at: Whole,
        updated_at: Whole,
        priority: Whole,
        attempt: Whole,
        max_attempts: Whole,
        timeout_ms: Whole,
        retention_completed_ms: Whole,
        retention_failed_ms: Whole,
        scheduled_at: Option<Whole>,
        due_at: Option<Whole>,
        started_at: Option<Whole>,
        finished_at: Option<Whole>,
        expires_at: Option<Whole>,
        cancel_requested_at: Option<Whole>,
        fence: Whole,
        lease_until: Option<Whole>,
        scope: Option<&str>,
        request_id: Option<&str>,
        fingerprint: Option<&[u8]>,
        owner: Option<&str>,
        redrive_of: Option<&str>,
        origin: Option<&str>,
        progress: Option<&[u8]>,
        result: Option<&[u8]>,
        result_meta: Option<&[u8]>,
        error: Option<&[u8]>,
        runs: Vec<Bound<'_, Run>>,
        request: Option<&[u8]>,
        payload: Option<&[u8]>,
        stripped: bool,
    ) -> PyResult<Self> {
        Ok(Self(job::Job {
            id: self::job_id("job_id", job_id)?,
            handler: handler.into(),
            queue: queue.into(),
            state: state.0,
            version: version.word("version")?,
            priority: priority.within("priority", -100..=100)?,
            attempt: attempt.attempts("attempt")?,
            max_attempts: max_attempts.attempts("max_attempts")?,
            timeout_ms: timeout_ms.milliseconds("timeout_ms")?,
            retention: job::Retention {
                completed_ms: retention_completed_ms.milliseconds("retention_completed_ms")?,
                failed_ms: retention_failed_ms.milliseconds("retention_failed_ms")?,
            },
            created_at: created_at.milliseconds("created_at")?,
            scheduled_at: moment("scheduled_at", scheduled_at)?,
            due_at: moment("due_at", due_at)?,
            started_at: moment("started_at", started_at)?,
            finished_at: moment("finished_at", finished_at)?,
            updated_at: updated_at.milliseconds("updated_at")?,
            expires_at: moment("expires_at", expires_at)?,
            cancel_requested_at: moment("cancel_requested_at", cancel_requested_at)?,
            fence: fence.word("fence")?,
            lease_until: moment("lease_until", lease_until)?,
            idempotency: idempotency(scope, ("request_id", request_id), fingerprint)?,
            owner: text(owner),
            redrive_of: optional_job_id("redrive_of", redrive_of)?,
            origin: optional_job_id("origin", origin)?,
            progress: body(progress),
            result: result_body(result, result_meta),
            error: body(error),
            runs: runs.iter().map(|run| run.get().0.clone()).collect(),
            request: body(request),
            payload: body(payload),
            stripped,
        }))
    }

    #[getter]
    fn job_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        id_text(py, self.0.id)
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
    fn state<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.0.state.word(py)
    }

    /// Whether the state is terminal.
    #[getter]
    fn done(&self) -> bool {
        self.0.state.is_terminal()
    }

    #[getter]
    fn version(&self) -> u64 {
        self.0.version
    }

    #[getter]
    fn priority(&self) -> i8 {
        self.0.priority
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
    fn retention_completed_ms(&self) -> u64 {
        self.0.retention.completed_ms
    }

    #[getter]
    fn retention_failed_ms(&self) -> u64 {
        self.0.retention.failed_ms
    }

    #[getter]
    fn created_at(&self) -> u64 {
        self.0.created_at
    }

    #[getter]
    fn scheduled_at(&self) -> Option<u64> {
        self.0.scheduled_at
    }

    #[getter]
    fn due_at(&self) -> Option<u64> {
        self.0.due_at
    }

    #[getter]
    fn started_at(&self) -> Option<u64> {
        self.0.started_at
    }

    #[getter]
    fn finished_at(&self) -> Option<u64> {
        self.0.finished_at
    }

    #[getter]
    fn updated_at(&self) -> u64 {
        self.0.updated_at
    }

    #[getter]
    fn expires_at(&self) -> Option<u64> {
        self.0.expires_at
    }

    #[getter]
    fn cancel_requested_at(&self) -> Option<u64> {
        self.0.cancel_requested_at
    }

    #[getter]
    fn fence(&self) -> u64 {
        self.0.fence
    }

    #[getter]
    fn lease_until(&self) -> Option<u64> {
        self.0.lease_until
    }

    #[getter]
    fn scope(&self) -> Option<&str> {
        self.0.idempotency.as_deref().map(|of| &*of.scope)
    }

    /// The client's idempotency key, or None.
    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.0.idempotency.as_deref().map(|of| &*of.key)
    }

    #[getter]
    fn fingerprint(&self) -> Option<&[u8]> {
        self.0.idempotency.as_deref().map(|of| &of.fingerprint[..])
    }

    #[getter]
    fn owner(&self) -> Option<&str> {
        self.0.owner.as_deref()
    }

    #[getter]
    fn redrive_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.redrive_of.map(|id| id_text(py, id))
    }

    #[getter]
    fn origin<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.origin.map(|id| id_text(py, id))
    }

    #[getter]
    fn progress(&self) -> Option<&[u8]> {
        self.0.progress.as_deref()
    }

    #[getter]
    fn result(&self) -> Option<&[u8]> {
        self.0.result.as_ref()?.body.as_deref()
    }

    #[getter]
    fn result_meta(&self) -> Option<&[u8]> {
        self.0.result.as_ref()?.meta.as_deref()
    }

    #[getter]
    fn error(&self) -> Option<&[u8]> {
        self.0.error.as_deref()
    }

    #[getter]
    fn runs(&self) -> Vec<Run> {
        self.0.runs.iter().cloned().map(Run).collect()
    }

    #[getter]
    fn request(&self) -> Option<&[u8]> {
        self.0.request.as_deref()
    }

    #[getter]
    fn payload(&self) -> Option<&[u8]> {
        self.0.payload.as_deref()
    }

    #[getter]
    fn stripped(&self) -> bool {
        self.0.stripped
    }

    fn __repr__(&self) -> String {
        let of = &self.0;
        format!(
            "Job(job_id='{}', handler={:?}, state='{}', version={})",
            of.id, of.handler, of.state, of.version
        )
    }
}

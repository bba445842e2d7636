//! `NewJob`: a job as it is handed to a store, checked.

use std::ops::RangeInclusive;

use asyncendpoints_core::job;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Whole, body, fresh_id, id_text, idempotency, job_id, optional_job_id, text};
use crate::errors::out_of_bounds;

/// Ten years: the longest duration that a policy takes.
const LONGEST_MS: i128 = 315_360_000_000;
const LONGEST_QUEUE: usize = 64;
const LONGEST_NAME: usize = 255;
const LONGEST_SCOPE: usize = 512;

/// A job as it is handed to a store. Times are milliseconds; bodies are opaque bytes.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct NewJob(pub(crate) job::NewJob);

#[pymethods]
impl NewJob {
    #[new]
    #[pyo3(signature = (
        *, job_id, handler, queue = "default", priority = Whole::of(0), delay_ms = Whole::of(0),
        max_attempts = Whole::of(3), timeout_ms = Whole::of(3_600_000), retention_completed_ms = Whole::of(86_400_000),
        retention_failed_ms = Whole::of(604_800_000), scope = None, key = None, fingerprint = None, owner = None,
        request = None, payload = None, redrive_of = None, origin = None,
    ))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword-only members, as Python sees them"
    )]
    fn new(
        job_id: &str,
        handler: &str,
        queue: &str,
        priority: Whole,
        delay_ms: Whole,
        max_attempts: Whole,
        timeout_ms: Whole,
        retention_completed_ms: Whole,
        retention_failed_ms: Whole,
        scope: Option<&str>,
        key: Option<&str>,
        fingerprint: Option<&[u8]>,
        owner: Option<&str>,
        request: Option<&[u8]>,
        payload: Option<&[u8]>,
        redrive_of: Option<&str>,
        origin: Option<&str>,
    ) -> PyResult<Self> {
        check_queue(queue)?;
        check_length("handler", Some(handler), 1..=LONGEST_NAME)?;
        check_length("scope", scope, 0..=LONGEST_SCOPE)?;
        check_length("key", key, 1..=LONGEST_NAME)?;
        check_length("owner", owner, 1..=LONGEST_NAME)?;
        Ok(Self(job::NewJob {
            id: self::job_id("job_id", job_id)?,
            handler: handler.into(),
            queue: queue.into(),
            priority: priority.within("priority", -100..=100)?,
            delay_ms: delay_ms.within("delay_ms", 0..=LONGEST_MS)?,
            max_attempts: max_attempts.within("max_attempts", 1..=100)?,
            timeout_ms: timeout_ms.within("timeout_ms", 1..=LONGEST_MS)?,
            retention: job::Retention {
                completed_ms: retention_completed_ms
                    .within("retention_completed_ms", 0..=LONGEST_MS)?,
                failed_ms: retention_failed_ms.within("retention_failed_ms", 0..=LONGEST_MS)?,
            },
            idempotency: idempotency(scope, ("key", key), fingerprint)?,
            owner: text(owner),
            request: body(request),
            payload: body(payload),
            redrive_of: optional_job_id("redrive_of", redrive_of)?,
            origin: optional_job_id("origin", origin)?,
        }))
    }

    /// Return another job like this one, with an id of its own: what each submission to one handler is made from.
    #[pyo3(signature = (
        payload = None, request = None, scope = None, key = None, fingerprint = None, owner = None, now = None, *,
        queue = None, priority = None, delay_ms = Whole::of(0),
    ))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are the members of a job, as Python sees them"
    )]
    fn another(
        &self,
        payload: Option<&[u8]>,
        request: Option<&[u8]>,
        scope: Option<&str>,
        key: Option<&str>,
        fingerprint: Option<&[u8]>,
        owner: Option<&str>,
        now: Option<Whole>,
        queue: Option<&str>,
        priority: Option<Whole>,
        delay_ms: Whole,
    ) -> PyResult<Self> {
        check_length("scope", scope, 0..=LONGEST_SCOPE)?;
        check_length("key", key, 1..=LONGEST_NAME)?;
        check_length("owner", owner, 1..=LONGEST_NAME)?;
        let like = &self.0;
        Ok(Self(job::NewJob {
            id: fresh_id(now)?,
            handler: like.handler.clone(),
            queue: match queue {
                Some(queue) => {
                    check_queue(queue)?;
                    queue.into()
                }
                None => like.queue.clone(),
            },
            priority: match priority {
                Some(priority) => priority.within("priority", -100..=100)?,
                None => like.priority,
            },
            delay_ms: delay_ms.within("delay_ms", 0..=LONGEST_MS)?,
            max_attempts: like.max_attempts,
            timeout_ms: like.timeout_ms,
            retention: like.retention,
            idempotency: idempotency(scope, ("key", key), fingerprint)?,
            owner: text(owner),
            request: body(request),
            payload: body(payload),
            redrive_of: None,
            origin: None,
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
    fn priority(&self) -> i8 {
        self.0.priority
    }

    #[getter]
    fn delay_ms(&self) -> u64 {
        self.0.delay_ms
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
    fn scope(&self) -> Option<&str> {
        self.0.idempotency.as_deref().map(|of| &*of.scope)
    }

    #[getter]
    fn key(&self) -> Option<&str> {
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
    fn request(&self) -> Option<&[u8]> {
        self.0.request.as_deref()
    }

    #[getter]
    fn payload(&self) -> Option<&[u8]> {
        self.0.payload.as_deref()
    }

    #[getter]
    fn redrive_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.redrive_of.map(|id| id_text(py, id))
    }

    #[getter]
    fn origin<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.0.origin.map(|id| id_text(py, id))
    }

    fn __repr__(&self) -> String {
        format!(
            "NewJob(job_id='{}', handler={:?}, queue={:?})",
            self.0.id, self.0.handler, self.0.queue
        )
    }
}

/// The names of queues: `[A-Za-z0-9_.-]{1,64}`.
fn check_queue(queue: &str) -> PyResult<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if (1..=LONGEST_QUEUE).contains(&queue.len()) && queue.bytes().all(allowed) {
        return Ok(());
    }
    Err(out_of_bounds(
        "queue",
        &format!("1 to {LONGEST_QUEUE} of A-Z, a-z, 0-9, '_', '.' and '-', not {queue:?}"),
    ))
}

/// Bounds in characters, as databases count them; and no NUL, which some of them cannot keep.
fn check_length(field: &str, value: Option<&str>, bounds: RangeInclusive<usize>) -> PyResult<()> {
    let Some(value) = value else { return Ok(()) };
    let length = if value.len() <= *bounds.end() {
        value.len()
    } else {
        value.chars().count()
    };
    if !bounds.contains(&length) {
        let (least, most) = (bounds.start(), bounds.end());
        return Err(out_of_bounds(
            field,
            &format!("{least} to {most} characters long, not {length}"),
        ));
    }
    if value.contains('\0') {
        return Err(out_of_bounds(field, "without NUL characters"));
    }
    Ok(())
}

//! What a store answers: `Enqueued`, `Claims`, `Expired`, `Cancellation`, `Reservation`.

use asyncendpoints_core::memory;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::claim::Claim;
use crate::convert::{Whole, id_text, job_id};
use crate::job::Job;
use crate::words::one_of;

/// The answer to one enqueue. `word` is `created`, `replayed`, `key_reused` or `queue_full`.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Enqueued {
    word: Py<PyString>,
    job: Option<Py<Job>>,
}

impl Enqueued {
    pub(crate) fn of(py: Python<'_>, answer: memory::Enqueued) -> PyResult<Self> {
        let (word, job) = match answer {
            memory::Enqueued::Created(job) => (intern!(py, "created"), Some(job)),
            memory::Enqueued::Replayed(job) => (intern!(py, "replayed"), Some(job)),
            memory::Enqueued::KeyReused => (intern!(py, "key_reused"), None),
            memory::Enqueued::QueueFull => (intern!(py, "queue_full"), None),
        };
        let job = job.map(|job| Py::new(py, Job(job))).transpose()?;
        Ok(Self {
            word: word.clone().unbind(),
            job,
        })
    }
}

#[pymethods]
impl Enqueued {
    #[new]
    fn new(py: Python<'_>, word: &str, job: Option<Py<Job>>) -> PyResult<Self> {
        Ok(Self {
            word: one_of(
                py,
                word,
                &["created", "replayed", "key_reused", "queue_full"],
            )?,
            job,
        })
    }

    #[getter]
    pub(crate) fn word(&self) -> &Py<PyString> {
        &self.word
    }

    /// The stored job for `created` and `replayed`, else None.
    #[getter]
    fn job(&self) -> Option<&Py<Job>> {
        self.job.as_ref()
    }

    fn __repr__(&self) -> String {
        described("Enqueued", &self.word, self.job.as_ref())
    }
}

/// The answer to a claim: the runs begun, and in how many milliseconds the next scheduled job is due, if any.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Claims {
    claims: Vec<Py<Claim>>,
    next_due_ms: Option<u64>,
}

impl Claims {
    pub(crate) fn of(py: Python<'_>, answer: memory::Claims) -> PyResult<Self> {
        let claims = answer
            .claims
            .into_iter()
            .map(|claim| Py::new(py, Claim(claim)))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            claims,
            next_due_ms: answer.next_due_ms,
        })
    }
}

#[pymethods]
impl Claims {
    #[new]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "extracted arguments are owned"
    )]
    fn new(claims: Vec<Bound<'_, Claim>>, next_due_ms: Option<Whole>) -> PyResult<Self> {
        let next_due_ms = crate::convert::moment("next_due_ms", next_due_ms)?;
        Ok(Self {
            claims: claims.into_iter().map(Bound::unbind).collect(),
            next_due_ms,
        })
    }

    #[getter]
    fn claims<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.claims)
    }

    #[getter]
    fn next_due_ms(&self) -> Option<u64> {
        self.next_due_ms
    }

    fn __repr__(&self) -> String {
        let next = self
            .next_due_ms
            .map_or("None".to_owned(), |next| next.to_string());
        format!("Claims({} runs, next_due_ms={next})", self.claims.len())
    }
}

/// A run whose lease has passed: the facts that `decide` needs for its rescue.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Expired(pub(crate) memory::Expired);

#[pymethods]
impl Expired {
    #[new]
    #[pyo3(signature = (*, job_id, fence, attempt, max_attempts, cancel_requested, handler, queue))]
    fn new(
        job_id: &str,
        fence: Whole,
        attempt: Whole,
        max_attempts: Whole,
        cancel_requested: bool,
        handler: &str,
        queue: &str,
    ) -> PyResult<Self> {
        Ok(Self(memory::Expired {
            id: self::job_id("job_id", job_id)?,
            fence: fence.word("fence")?,
            attempt: attempt.attempts("attempt")?,
            max_attempts: max_attempts.attempts("max_attempts")?,
            cancel_requested,
            handler: handler.into(),
            queue: queue.into(),
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
    fn attempt(&self) -> u8 {
        self.0.attempt
    }

    #[getter]
    fn max_attempts(&self) -> u8 {
        self.0.max_attempts
    }

    #[getter]
    fn cancel_requested(&self) -> bool {
        self.0.cancel_requested
    }

    #[getter]
    fn handler(&self) -> &str {
        &self.0.handler
    }

    #[getter]
    fn queue(&self) -> &str {
        &self.0.queue
    }

    fn __repr__(&self) -> String {
        let of = &self.0;
        format!(
            "Expired(job_id='{}', fence={}, handler={:?}, attempt={})",
            of.id, of.fence, of.handler, of.attempt
        )
    }
}

/// The answer to a cancel: `canceled`, `requested` (running, told), `already` (was canceled), `refused`, `missing`.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Cancellation {
    word: Py<PyString>,
    job: Option<Py<Job>>,
}

impl Cancellation {
    pub(crate) fn missing(py: Python<'_>) -> Self {
        Self {
            word: intern!(py, "missing").clone().unbind(),
            job: None,
        }
    }

    pub(crate) fn of(py: Python<'_>, answer: memory::Cancellation) -> PyResult<Self> {
        let (word, job) = match answer {
            memory::Cancellation::Canceled(job) => (intern!(py, "canceled"), job),
            memory::Cancellation::Requested(job) => (intern!(py, "requested"), job),
            memory::Cancellation::Already(job) => (intern!(py, "already"), job),
            memory::Cancellation::Refused(job) => (intern!(py, "refused"), job),
            memory::Cancellation::Missing => return Ok(Self::missing(py)),
        };
        Ok(Self {
            word: word.clone().unbind(),
            job: Some(Py::new(py, Job(job))?),
        })
    }
}

#[pymethods]
impl Cancellation {
    #[new]
    fn new(py: Python<'_>, word: &str, job: Option<Py<Job>>) -> PyResult<Self> {
        Ok(Self {
            word: one_of(
                py,
                word,
                &["canceled", "requested", "already", "refused", "missing"],
            )?,
            job,
        })
    }

    #[getter]
    fn word(&self) -> &Py<PyString> {
        &self.word
    }

    #[getter]
    fn job(&self) -> Option<&Py<Job>> {
        self.job.as_ref()
    }

    fn __repr__(&self) -> String {
        described("Cancellation", &self.word, self.job.as_ref())
    }
}

/// The answer to a reserve.
///
/// `reserved`: yours to run. `recorded`: it ran, `value` is what it gave. `uncertain`: begun by another run, never
/// recorded. `stale`: the lease is gone.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Reservation {
    word: Py<PyString>,
    value: Option<asyncendpoints_core::job::Body>,
}

impl Reservation {
    pub(crate) fn of(py: Python<'_>, answer: memory::Reservation) -> Self {
        let (word, value) = match answer {
            memory::Reservation::Reserved => (intern!(py, "reserved"), None),
            memory::Reservation::Recorded(value) => (intern!(py, "recorded"), Some(value)),
            memory::Reservation::Uncertain => (intern!(py, "uncertain"), None),
            memory::Reservation::Stale => (intern!(py, "stale"), None),
        };
        Self {
            word: word.clone().unbind(),
            value,
        }
    }
}

#[pymethods]
impl Reservation {
    #[new]
    #[pyo3(signature = (word, value = None))]
    fn new(py: Python<'_>, word: &str, value: Option<&[u8]>) -> PyResult<Self> {
        let word = one_of(py, word, &["reserved", "recorded", "uncertain", "stale"])?;
        Ok(Self {
            word,
            value: crate::convert::body(value),
        })
    }

    #[getter]
    fn word(&self) -> &Py<PyString> {
        &self.word
    }

    #[getter]
    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("Reservation('{}')", self.word)
    }
}

/// What an answer about a job says of itself: its word, and which job.
fn described(class: &str, word: &Py<PyString>, job: Option<&Py<Job>>) -> String {
    let job = job.map_or("None".to_owned(), |job| format!("'{}'", job.get().0.id));
    format!("{class}('{word}', job={job})")
}

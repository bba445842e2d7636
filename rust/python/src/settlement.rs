//! `Settlement`: the one fenced write that ends a run.

use std::sync::Arc;

use asyncendpoints_core::decide::{Facts, RunEvent};
use asyncendpoints_core::job::ResultBody;
use asyncendpoints_core::memory;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::backoff::Backoff;
use crate::claim::Claim;
use crate::convert::{Whole, body, id_text, job_id};
use crate::verdict::{Verdict, verdict_of};
use crate::words::Named;

/// The one fenced write that ends a run: two verdicts, of which the store applies the one that matches its flag.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Settlement(pub(crate) memory::Settlement);

#[pymethods]
impl Settlement {
    #[new]
    #[pyo3(signature = (
        *, job_id, fence, verdict, verdict_if_canceled, queue = None, nonce = Whole::of(0), only_expired = false, result = None,
        result_meta = None, error = None,
    ))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword-only members, as Python sees them"
    )]
    fn new(
        job_id: &str,
        fence: Whole,
        verdict: &Bound<'_, Verdict>,
        verdict_if_canceled: &Bound<'_, Verdict>,
        queue: Option<&str>,
        nonce: Whole,
        only_expired: bool,
        result: Option<&[u8]>,
        result_meta: Option<&[u8]>,
        error: Option<&[u8]>,
    ) -> PyResult<Self> {
        Ok(Self(memory::Settlement {
            id: self::job_id("job_id", job_id)?,
            fence: fence.word("fence")?,
            queue: queue.map(Into::into),
            verdict: verdict.get().0,
            verdict_if_canceled: verdict_if_canceled.get().0,
            nonce: nonce.word("nonce")?,
            only_expired,
            result: result_body(result, result_meta),
            error: body(error),
        }))
    }

    /// Decide twice (as if no cancel had arrived, and as if one had) and make the settlement of a claim.
    #[staticmethod]
    #[pyo3(signature = (
        claim, event, nonce = Whole::of(0), result = None, result_meta = None, *, error = None, backoff = None,
        seed = Whole::of(0),
    ))]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are keyword-only members, as Python sees them"
    )]
    fn of(
        claim: &Bound<'_, Claim>,
        event: Named<RunEvent>,
        nonce: Whole,
        result: Option<&[u8]>,
        result_meta: Option<&[u8]>,
        error: Option<&[u8]>,
        backoff: Option<&Bound<'_, Backoff>>,
        seed: Whole,
    ) -> PyResult<Self> {
        let claim = &claim.get().0;
        let seed = seed.word("seed")?;
        let decide = |cancel_requested| {
            let facts = Facts::running(claim.attempt, claim.max_attempts, cancel_requested);
            verdict_of(facts, event.0, backoff, seed)
        };
        Ok(Self(memory::Settlement {
            id: claim.id,
            fence: claim.fence,
            queue: Some(Arc::clone(&claim.queue)),
            verdict: decide(false)?,
            verdict_if_canceled: decide(true)?,
            nonce: nonce.word("nonce")?,
            only_expired: false,
            result: result_body(result, result_meta),
            error: body(error),
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
    fn queue(&self) -> Option<&str> {
        self.0.queue.as_deref()
    }

    #[getter]
    fn verdict(&self) -> Verdict {
        Verdict(self.0.verdict)
    }

    #[getter]
    fn verdict_if_canceled(&self) -> Verdict {
        Verdict(self.0.verdict_if_canceled)
    }

    #[getter]
    fn nonce(&self) -> u64 {
        self.0.nonce
    }

    #[getter]
    fn only_expired(&self) -> bool {
        self.0.only_expired
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

    fn __repr__(&self) -> String {
        let of = &self.0;
        format!(
            "Settlement(job_id='{}', fence={}, to_state='{}', outcome='{}')",
            of.id,
            of.fence,
            of.verdict.to_state(),
            of.verdict.outcome()
        )
    }
}

/// A result has a body, or a way to present it, or both; without either there is none.
pub(crate) fn result_body(result: Option<&[u8]>, meta: Option<&[u8]>) -> Option<ResultBody> {
    (result.is_some() || meta.is_some()).then(|| ResultBody {
        body: body(result),
        meta: body(meta),
    })
}

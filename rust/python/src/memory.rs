//! `MemoryStore`: the in-memory store behind a lock, and the call-back after an operation.
//!
//! Arguments are turned into the core's types before the lock is taken, and answers into Python's after it is given
//! back: no Python code and no Python object is touched while it is held.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::memory;
use asyncendpoints_core::state::State;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::answers::{Cancellation, Claims, Reservation};
use crate::convert::{Whole, body, moment, time_of};
use crate::errors::StoreUnavailable;
use crate::guard::Guard;
use crate::job::Job;
use crate::listing::Page;
use crate::new_job::NewJob;
use crate::replies;
use crate::settlement::Settlement;
use crate::wakes::tell;
use crate::words::Named;

/// The in-memory store. Every method returns at once; `now` None is the system's clock.
///
/// Safe to call from any thread. After a fork the child finds it empty.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct MemoryStore {
    store: Guard<memory::MemoryStore>,
    on_wake: Option<Py<PyAny>>,
}

impl MemoryStore {
    /// Do one operation under the lock, then tell whoever it concerns.
    fn run<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut memory::MemoryStore) -> R,
    ) -> PyResult<R> {
        let done = self.store.with(|store| {
            let answer = work(store);
            let wakes = store.has_wakes().then(|| store.take_wakes());
            (answer, wakes)
        });
        let (answer, wakes) = done.map_err(|damage| {
            StoreUnavailable::new_err(format!(
                "the memory store was damaged by an error of its own and has lost its jobs: {damage}"
            ))
        })?;
        if let (Some(wakes), Some(on_wake)) = (wakes, &self.on_wake) {
            tell(on_wake.bind(py), &wakes)?;
        }
        Ok(answer)
    }
}

#[pymethods]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "arguments are keyword-only, as Python sees them, and extracted ones are owned"
)]
impl MemoryStore {
    #[new]
    #[pyo3(signature = (on_wake = None))]
    fn new(on_wake: Option<Py<PyAny>>) -> Self {
        Self {
            store: Guard::new(memory::MemoryStore::new()),
            on_wake,
        }
    }

    #[allow(
        clippy::unnecessary_wraps,
        reason = "the protocol of the garbage collector"
    )]
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_wake)
    }

    #[pyo3(signature = (jobs, *, max_queued = None, now = None))]
    fn enqueue<'py>(
        &self,
        py: Python<'py>,
        jobs: Vec<Bound<'py, NewJob>>,
        max_queued: Option<Whole>,
        now: Option<Whole>,
    ) -> PyResult<Bound<'py, PyList>> {
        let max_queued = max_queued
            .map(|bound| bound.count("max_queued"))
            .transpose()?;
        let now = time_of(now)?;
        let new = jobs.iter().map(|job| job.get().0.clone()).collect();
        replies::enqueued(
            py,
            self.run(py, |store| store.enqueue(new, max_queued, now))?,
        )
    }

    #[pyo3(signature = (*, worker, claim_id, queues, limit, lease_ms, now = None))]
    fn claim(
        &self,
        py: Python<'_>,
        worker: &str,
        claim_id: &str,
        queues: Vec<String>,
        limit: Whole,
        lease_ms: Whole,
        now: Option<Whole>,
    ) -> PyResult<Claims> {
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let request = memory::ClaimRequest {
            worker: worker.into(),
            claim_id: claim_id.into(),
            queues: &queues,
            limit: limit.count("limit")?,
            lease_ms: lease_ms.milliseconds("lease_ms")?,
        };
        let now = time_of(now)?;
        let answer = self.run(py, |store| store.claim(&request, now))?;
        Claims::of(py, answer)
    }

    /// Give back, uncharged, every run that this claim began and that still runs; return how many.
    #[pyo3(signature = (claim_id, *, now = None))]
    fn release_claim(&self, py: Python<'_>, claim_id: &str, now: Option<Whole>) -> PyResult<usize> {
        let now = time_of(now)?;
        self.run(py, |store| store.release_claim(claim_id, now))
    }

    #[pyo3(signature = (leases, *, lease_ms, now = None))]
    fn renew<'py>(
        &self,
        py: Python<'py>,
        leases: Vec<(Bound<'py, PyString>, Whole)>,
        lease_ms: Whole,
        now: Option<Whole>,
    ) -> PyResult<Bound<'py, PyList>> {
        let lease_ms = lease_ms.milliseconds("lease_ms")?;
        let now = time_of(now)?;
        let parsed = replies::leases(&leases)?;
        // A name that no job can have is answered like that of a job that is gone.
        let known: Vec<(JobId, u64)> = parsed
            .iter()
            .filter_map(|&(id, fence)| Some((id?, fence)))
            .collect();
        let mut answers = self
            .run(py, |store| store.renew(&known, lease_ms, now))?
            .into_iter();
        let answers = parsed.iter().map(|(id, _)| {
            id.and_then(|_| answers.next())
                .unwrap_or(memory::Renewal::Stale)
        });
        replies::renewed(py, answers)
    }

    /// For each: the state the job went to, or `stale` where nothing was changed.
    #[pyo3(signature = (settlements, *, now = None))]
    fn settle<'py>(
        &self,
        py: Python<'py>,
        settlements: Vec<Bound<'py, Settlement>>,
        now: Option<Whole>,
    ) -> PyResult<Bound<'py, PyList>> {
        let now = time_of(now)?;
        let ends = settlements
            .iter()
            .map(|settlement| settlement.get().0.clone())
            .collect();
        replies::settled(py, self.run(py, |store| store.settle(ends, now))?)
    }

    #[pyo3(signature = (*, limit, now = None))]
    fn expired<'py>(
        &self,
        py: Python<'py>,
        limit: Whole,
        now: Option<Whole>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (limit, now) = (limit.count("limit")?, time_of(now)?);
        replies::expired(py, self.run(py, |store| store.expired(limit, now))?)
    }

    #[pyo3(signature = (job_id, *, now = None))]
    fn cancel(&self, py: Python<'_>, job_id: &str, now: Option<Whole>) -> PyResult<Cancellation> {
        let now = time_of(now)?;
        let Some(id) = JobId::parse(job_id) else {
            return Ok(Cancellation::missing(py));
        };
        let answer = self.run(py, |store| store.cancel(id, now))?;
        Cancellation::of(py, answer)
    }

    /// Make a scheduled job queued; return the job as it is then, or None where there is none.
    #[pyo3(signature = (job_id, *, now = None))]
    fn run_now(&self, py: Python<'_>, job_id: &str, now: Option<Whole>) -> PyResult<Option<Job>> {
        let now = time_of(now)?;
        let Some(id) = JobId::parse(job_id) else {
            return Ok(None);
        };
        Ok(self.run(py, |store| store.run_now(id, now))?.map(Job))
    }

    fn get(&self, py: Python<'_>, job_id: &str) -> PyResult<Option<Job>> {
        let Some(id) = JobId::parse(job_id) else {
            return Ok(None);
        };
        Ok(self.run(py, |store| store.get(id))?.map(Job))
    }

    /// Count one more watcher of a job, whose changes are then reported to `on_wake`.
    fn watch(&self, py: Python<'_>, job_id: &str) -> PyResult<()> {
        let Some(id) = JobId::parse(job_id) else {
            return Ok(());
        };
        self.run(py, |store| store.watch(id))
    }

    /// Count one watcher less.
    fn unwatch(&self, py: Python<'_>, job_id: &str) -> PyResult<()> {
        let Some(id) = JobId::parse(job_id) else {
            return Ok(());
        };
        self.run(py, |store| store.unwatch(id))
    }

    #[pyo3(signature = (
        *, state = None, queue = None, handler = None, owner = None, request_id = None, created_since = None,
        created_before = None, cursor = None, limit = Whole::of(100),
    ))]
    fn list(
        &self,
        py: Python<'_>,
        state: Option<Named<State>>,
        queue: Option<&str>,
        handler: Option<&str>,
        owner: Option<&str>,
        request_id: Option<&str>,
        created_since: Option<Whole>,
        created_before: Option<Whole>,
        cursor: Option<&str>,
        limit: Whole,
    ) -> PyResult<Page> {
        let filter = memory::JobFilter {
            state: state.map(|state| state.0),
            queue,
            handler,
            owner,
            request_id,
            created_since: moment("created_since", created_since)?,
            created_before: moment("created_before", created_before)?,
        };
        let limit = limit.count("limit")?;
        let page = self.run(py, |store| store.list(&filter, cursor, limit))?;
        Page::of(py, page)
    }

    /// For each queue, how many jobs are in each state.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        replies::counts(py, self.run(py, |store| store.counts())?)
    }

    /// For each queue with jobs waiting to be claimed, the `ready_at` of the oldest.
    #[pyo3(signature = (*, now = None))]
    fn oldest_ready<'py>(
        &self,
        py: Python<'py>,
        now: Option<Whole>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let now = time_of(now)?;
        replies::oldest_ready(py, self.run(py, |store| store.oldest_ready(now))?)
    }

    /// The time in UTC milliseconds of the earliest scheduled job, lease end or expiry; None where nothing waits.
    fn next_due(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        self.run(py, |store| store.next_due())
    }

    /// Make at most `limit` scheduled jobs queued whose time has come, earliest first, in every queue.
    #[pyo3(signature = (*, limit, now = None))]
    fn promote(&self, py: Python<'_>, limit: Whole, now: Option<Whole>) -> PyResult<usize> {
        let (limit, now) = (limit.count("limit")?, time_of(now)?);
        self.run(py, |store| store.promote(limit, now))
    }

    /// Drop payload and result of at most `limit` jobs past their retention that their key still keeps.
    #[pyo3(signature = (*, limit, now = None))]
    fn strip(&self, py: Python<'_>, limit: Whole, now: Option<Whole>) -> PyResult<usize> {
        let (limit, now) = (limit.count("limit")?, time_of(now)?);
        self.run(py, |store| store.strip(limit, now))
    }

    /// Delete at most `limit` records that nothing keeps any more, with their effects and keys.
    #[pyo3(signature = (*, limit, now = None))]
    fn prune(&self, py: Python<'_>, limit: Whole, now: Option<Whole>) -> PyResult<usize> {
        let (limit, now) = (limit.count("limit")?, time_of(now)?);
        self.run(py, |store| store.prune(limit, now))
    }

    /// Delete a job that has ended, with its key and effects; False where there is none or it has not ended.
    fn delete(&self, py: Python<'_>, job_id: &str) -> PyResult<bool> {
        let Some(id) = JobId::parse(job_id) else {
            return Ok(false);
        };
        self.run(py, |store| store.delete(id))
    }

    #[pyo3(signature = (job_id, fence, body, *, now = None))]
    fn progress(
        &self,
        py: Python<'_>,
        job_id: &str,
        fence: Whole,
        body: &[u8],
        now: Option<Whole>,
    ) -> PyResult<bool> {
        let (fence, now) = (fence.word("fence")?, time_of(now)?);
        let Some(id) = JobId::parse(job_id) else {
            return Ok(false);
        };
        let body = Arc::from(body);
        self.run(py, |store| store.progress(id, fence, body, now))
    }

    #[pyo3(signature = (job_id, fence, key, nonce, *, takeover = false, now = None))]
    fn reserve(
        &self,
        py: Python<'_>,
        job_id: &str,
        fence: Whole,
        key: &str,
        nonce: &str,
        takeover: bool,
        now: Option<Whole>,
    ) -> PyResult<Reservation> {
        let (fence, now) = (fence.word("fence")?, time_of(now)?);
        let answer = match JobId::parse(job_id) {
            Some(id) => self.run(py, |store| {
                store.reserve(id, fence, key, nonce, takeover, now)
            })?,
            None => memory::Reservation::Stale,
        };
        Ok(Reservation::of(py, answer))
    }

    /// Record the value of a reserved effect, or give the reservation back (`None`). False where stale.
    #[pyo3(signature = (job_id, fence, key, nonce, value, *, now = None))]
    fn record(
        &self,
        py: Python<'_>,
        job_id: &str,
        fence: Whole,
        key: &str,
        nonce: &str,
        value: Option<&[u8]>,
        now: Option<Whole>,
    ) -> PyResult<bool> {
        let (fence, now) = (fence.word("fence")?, time_of(now)?);
        let Some(id) = JobId::parse(job_id) else {
            return Ok(false);
        };
        let value = body(value);
        self.run(py, |store| store.record(id, fence, key, nonce, value, now))
    }

    fn pause(&self, py: Python<'_>, queue: &str, paused: bool) -> PyResult<()> {
        self.run(py, |store| store.pause(queue, paused))
    }

    fn paused(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self
            .run(py, |store| store.paused())?
            .iter()
            .map(ToString::to_string)
            .collect())
    }

    /// Forget everything: a forked child's first act.
    fn reset(&self) {
        self.store.replace(memory::MemoryStore::new());
    }
}

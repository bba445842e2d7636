//! `Meters`, `Tally` and `Histogram`: what a process has counted.
//!
//! Arguments are turned into the core's types before the lock is taken: no Python code runs while it is held.

use std::sync::{Mutex, MutexGuard, PoisonError};

use asyncendpoints_core::answer::Settled;
use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::meters::{self as core, Submitted, Whose};
use asyncendpoints_core::state::{Outcome, State};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::answers::{Enqueued, Expired};
use crate::claim::Claim;
use crate::convert::list;
use crate::job::Job;
use crate::new_job::NewJob;
use crate::words::{Named, Word};

/// A lock whose value a panic cannot damage: all that it protects is numbers, each changed by itself.
fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counters of a process: read at any time from any thread, and written in batches.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Meters(Mutex<core::Meters>);

/// An end of a run, as the worker has it: the claim, the event, and how long its handler ran.
struct End<'py> {
    claim: Bound<'py, Claim>,
    event: RunEvent,
    settled: Settled,
    ran_ms: Option<f64>,
}

impl<'py> End<'py> {
    /// Read one; none where it was never written.
    fn of(end: &Bound<'py, PyAny>, state: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let py = end.py();
        let Some(settled) = settled_of(state)? else {
            return Ok(None);
        };
        let (run, outcome): (Bound<'py, PyAny>, Bound<'py, PyTuple>) = end.extract()?;
        let begun: Option<f64> = run.getattr(intern!(py, "begun"))?.extract()?;
        let ended: Option<f64> = run.getattr(intern!(py, "ended"))?.extract()?;
        let event: Named<RunEvent> = outcome.get_item(0)?.extract()?;
        Ok(Some(Self {
            claim: run.getattr(intern!(py, "claim"))?.cast_into()?,
            event: event.0,
            settled,
            ran_ms: begun
                .zip(ended)
                .map(|(begun, ended)| (ended - begun) * 1000.0),
        }))
    }
}

/// What the store said became of a run; none for other words: the run is as it was.
fn settled_of(state: &Bound<'_, PyAny>) -> PyResult<Option<Settled>> {
    let word: &str = state.extract()?;
    Ok(match State::parse(word) {
        Some(state) => Some(Settled::To(state)),
        None if word == Settled::Stale.as_str() => Some(Settled::Stale),
        None => None,
    })
}

const fn whose<'a>(handler: &'a str, queue: &'a str) -> Whose<'a> {
    Whose { handler, queue }
}

#[pymethods]
#[allow(
    clippy::needless_pass_by_value,
    reason = "extracted arguments are owned"
)]
impl Meters {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Count the jobs of these handlers under their names from now on; those of others share one.
    fn know(&self, handlers: Vec<String>) {
        let mut meters = lock(&self.0);
        for handler in &handlers {
            meters.know(handler);
        }
    }

    /// Have counters for an endpoint's jobs in a queue, which say zero until something happens.
    fn expect(&self, handler: &str, queue: &str) {
        lock(&self.0).expect(whose(handler, queue));
    }

    /// Submissions were answered.
    fn submitted(
        &self,
        py: Python<'_>,
        jobs: Vec<Bound<'_, NewJob>>,
        answers: Vec<Bound<'_, Enqueued>>,
    ) -> PyResult<()> {
        let words = answers.iter().map(|answer| answer.get().word().bind(py));
        let words: Vec<&str> = words.map(|word| word.extract()).collect::<PyResult<_>>()?;
        let mut meters = lock(&self.0);
        for (job, word) in jobs.iter().zip(words) {
            let job = &job.get().0;
            let what = Submitted::parse(word).unwrap_or(Submitted::Refused);
            meters.submitted(whose(&job.handler, &job.queue), what);
        }
        Ok(())
    }

    /// A submission was refused before there was a job.
    fn refused(&self, handler: &str, queue: &str) {
        lock(&self.0).submitted(whose(handler, queue), Submitted::Refused);
    }

    /// Runs began.
    fn started(&self, claims: Vec<Bound<'_, Claim>>) {
        let mut meters = lock(&self.0);
        for claim in &claims {
            let claim = &claim.get().0;
            meters.started(
                whose(&claim.handler, &claim.queue),
                claim.ready_at,
                claim.started_at,
            );
        }
    }

    /// Runs ended, and the store has said what became of each.
    fn ended(&self, ends: &Bound<'_, PyAny>, states: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut read = Vec::with_capacity(ends.len()?);
        for (end, state) in ends.try_iter()?.zip(states.try_iter()?) {
            read.extend(End::of(&end?, &state?)?);
        }
        let mut meters = lock(&self.0);
        for end in &read {
            let claim = &end.claim.get().0;
            let whose = whose(&claim.handler, &claim.queue);
            meters.ended(whose, end.event, end.settled, end.ran_ms);
        }
        Ok(())
    }

    /// Runs of lost workers were ended by the sweep.
    fn rescued(
        &self,
        expired: Vec<Bound<'_, Expired>>,
        states: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        for (run, state) in expired.iter().zip(&states) {
            if let Some(settled) = settled_of(state)? {
                let run = &run.get().0;
                lock(&self.0).rescued(whose(&run.handler, &run.queue), settled);
            }
        }
        Ok(())
    }

    /// A job was canceled that was not running.
    fn canceled(&self, job: &Bound<'_, Job>) {
        let job = &job.get().0;
        lock(&self.0).ended_waiting(whose(&job.handler, &job.queue), State::Canceled);
    }

    /// How many runs had lost their lease when they ended.
    #[getter]
    fn leases_lost(&self) -> u64 {
        lock(&self.0).leases_lost()
    }

    /// How often something was counted: who has seen this number has seen everything.
    #[getter]
    fn changes(&self) -> u64 {
        lock(&self.0).changes()
    }

    /// What was counted, by endpoint and queue.
    fn tallies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tallies = lock(&self.0).tallies().to_vec();
        list(py, tallies, |tally| Bound::new(py, Tally(tally)))
    }
}

/// What happened to the jobs of one endpoint in one queue, up to a moment.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Tally(core::Tally);

#[pymethods]
impl Tally {
    #[getter]
    fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    #[getter]
    fn queue(&self) -> &str {
        &self.0.queue
    }

    /// Submissions by what they came to: `created`, `replayed`, `refused`.
    #[getter]
    fn submitted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let words = Submitted::ALL.iter().map(|what| what.as_str());
        let named = words.map(|word| PyString::intern(py, word));
        counts(py, named.zip(self.0.submitted))
    }

    /// Runs that ended, by outcome.
    #[getter]
    fn attempts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let words = Outcome::ALL.iter().map(|outcome| outcome.word(py).clone());
        counts(py, words.zip(self.0.attempts))
    }

    /// Jobs that ended, by state.
    #[getter]
    fn ended<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let ended = State::ALL.iter().zip(self.0.ended);
        let terminal = ended.filter(|(state, _)| state.is_terminal());
        let words = terminal.map(|(state, count)| (state.word(py).clone(), count));
        counts(py, words)
    }

    /// How long runs took: how many are in each bucket.
    #[getter]
    fn ran(&self) -> Vec<u64> {
        self.0.ran.counts().to_vec()
    }

    /// How long runs took together, in seconds.
    #[getter]
    fn ran_seconds(&self) -> f64 {
        seconds(&self.0.ran)
    }

    /// How long jobs waited from being runnable to the start of a run: how many are in each bucket.
    #[getter]
    fn waited(&self) -> Vec<u64> {
        self.0.waited.counts().to_vec()
    }

    /// How long jobs waited together, in seconds.
    #[getter]
    fn waited_seconds(&self) -> f64 {
        seconds(&self.0.waited)
    }

    fn __repr__(&self) -> String {
        format!("Tally({:?}, {:?})", self.0.endpoint, self.0.queue)
    }
}

/// Durations by bucket: observed and read on any thread.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct Histogram(Mutex<core::Histogram>);

#[pymethods]
impl Histogram {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Count a duration in seconds.
    fn observe(&self, seconds: f64) {
        lock(&self.0).observe(seconds * 1000.0);
    }

    /// How many are in each bucket, and all together in seconds.
    fn read(&self) -> (Vec<u64>, f64) {
        let histogram = lock(&self.0).clone();
        (histogram.counts().to_vec(), seconds(&histogram))
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "285 years of microseconds are exact"
)]
fn seconds(histogram: &core::Histogram) -> f64 {
    histogram.total_us() as f64 / 1e6
}

fn counts<'py>(
    py: Python<'py>,
    counted: impl Iterator<Item = (Bound<'py, PyString>, u64)>,
) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(py);
    for (word, count) in counted {
        made.set_item(word, count)?;
    }
    Ok(made)
}
